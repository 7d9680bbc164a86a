//! `stack clone`: another environment that is as one that runs.

mod compose;
mod overlay;

use std::path::Path;

use clap::{Args, ValueEnum};

use self::compose::{Composed, Size};
use super::arguments::{Aws, STACK_FILE, StackFile, time};
use super::consent::{self, Consent};
use super::run::Run;
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use super::task;
use crate::config::{self, Loaded, environment, joined};
use crate::engine::isolation::{self, Isolation};
use crate::engine::pause::Pause;
use crate::engine::{Plan, Snapshot};
use crate::ui::{self, Color, Look};

/// Make an environment that is as another one is now
///
/// The copy is an ordinary environment, in a file of its own beside the stack file (`stack.bug-1234.yaml`), with a comment at each line
/// that came from AWS: the images that run by their digests, versions, and what was changed outside of the file. Plan, apply, show,
/// compare and destroy work on it with `--env`. It has its own network, keys, secrets and passwords; domains, certificates and people
/// stay with the environment that it is made of.
///
/// Databases begin with a copy of the data, encrypted with the copy's key and with passwords of their own. `clone.sanitize` in the file
/// runs before any service starts. At the end, every object of the copy is searched for what belongs to the other environment.
///
/// The same command continues a clone that was interrupted.
#[derive(Args, Debug)]
#[command(override_usage = "stack clone [OPTIONS] --from <ENV> --to <ENV> [FILE]")]
pub struct Arguments {
    /// The stack file
    #[arg(value_name = "FILE", default_value = STACK_FILE)]
    file: String,
    /// The environment that is copied; `default` is the file as it stands
    #[arg(long, value_name = "ENV")]
    from: String,
    /// The new environment. Long names, and names of branches, are shortened
    #[arg(long, value_name = "ENV")]
    to: String,
    /// The data that databases begin with
    #[arg(long, value_enum, default_value_t = Data::Snapshot, value_name = "WHAT")]
    data: Data,
    /// How large the copy is: `same`, `small`, or a value for a key of the file, such as `databases.main.class=db.t4g.medium` (can be
    /// repeated)
    #[arg(long, value_name = "SIZE", value_parser = compose::size)]
    size: Vec<Size>,
    /// Copy what the file says where AWS differs from it. Without this, the copy is as AWS is, where the file can say it
    #[arg(long = "file", id = "as_file")]
    as_file: bool,
    /// How long the copy is wanted: `stack reap` destroys it afterwards, with its data [default: `ttl` of the file]
    #[arg(long, value_name = "TIME", value_parser = time)]
    ttl: Option<config::Duration>,
    /// Only show the file and the plan of the copy
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    consent: Consent,
    /// Show the fields of what is created, and long values in full
    #[arg(long, short)]
    verbose: bool,
}

/// The data of the copy's databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Data {
    /// A snapshot that is taken now
    Snapshot,
    /// The newest snapshot that exists
    Latest,
    /// None: they begin empty
    None,
}

/// What is copied, and the connection to it.
struct Source {
    loaded: Loaded,
    session: Session,
}

pub async fn run(arguments: Arguments, color: Color) -> Result<u8> {
    let look = Look::stderr(color);
    let to = environment::short(&arguments.to);
    let name = named(&arguments, &to)?;
    let file = |env: &str| StackFile { file: arguments.file.clone(), env: Some(env.to_owned()), like: None, stack: None };
    let source = Source::open(&file(&arguments.from), &arguments.aws, color).await?;
    if to != arguments.to {
        ui::err(&ui::note(&format!("The environment of `{}` is called `{to}`.", arguments.to), &look))?;
    }
    let of_copy = file(&to);
    let text = if Path::new(&name).is_file() {
        ui::err(&ui::note(&format!("`{name}` exists, and is used as it is."), &look))?;
        session::read_stack(&of_copy)?
    } else {
        let composed = source.compose(&arguments, &to, &name).await?;
        tell(&composed, &arguments, &look)?;
        if arguments.plan {
            ui::out(&composed.text)?;
        } else {
            std::fs::write(&name, &composed.text)?;
            ui::err(&ui::note(&format!("The copy is described in `{name}`."), &look))?;
        }
        joined::joined(&session::read_alone(&arguments.file)?, &to, &name, &composed.text)
    };
    let loaded = session::load_text(&of_copy, &text, color)?;
    compose::check_shared(&loaded.stack)?;
    let copy = Session::of(&loaded, &arguments.aws, color).await?;
    // Before its data is harmless, nothing works with it.
    let sanitize = source.loaded.stack.clone.sanitize.as_ref().filter(|_| has_data(&loaded));
    let copy = copy.resting(sanitize.map(|_| Pause::Unready));
    if arguments.plan {
        return plan(&copy, &loaded, &arguments, color).await;
    }
    let agreed = arguments.consent.allow.consent();
    let mut run = Run {
        command: "clone",
        file: &of_copy,
        text: Some(&text),
        commit: None,
        consent: &arguments.consent,
        agreed: &agreed,
        verbose: arguments.verbose,
        color,
    };
    let exit = run.execute(&copy, async || copy.plan(&loaded).await).await?;
    if exit as u8 != Exit::Ok as u8 {
        return Ok(exit as u8);
    }
    if let Some(sanitize) = sanitize.filter(|_| true)
        && copy.snapshot().await?.paused() == Some(Pause::Unready)
    {
        ui::err(&ui::note("The data is made harmless before any service starts.", &look))?;
        let job = task::Job {
            service: sanitize.service.as_str(),
            words: &sanitize.command,
            cpu: None,
            memory: None,
            image: sanitize.image.as_deref(),
            timeout: sanitize.timeout,
        };
        let code = task::run_once(&copy, &job, None, color).await?;
        if code != 0 {
            return Err(Stop::message(
                format!("the sanitizer failed with exit code {code}: no service of `{to}` is running"),
                format!("fix `clone.sanitize`, or the data, and run the same command again; `stack destroy --env {to}` gives it up"),
            )
            .midway());
        }
        // It was agreed to already.
        run.command = "clone (services of)";
        let copy = copy.woken();
        let yes = Consent { yes: true, ..arguments.consent.again() };
        let run = Run { consent: &yes, ..run };
        let exit = run.execute(&copy, async || copy.plan(&loaded).await).await?;
        if exit as u8 != Exit::Ok as u8 {
            return Ok(exit as u8);
        }
    }
    let kept = &source.loaded.stack.clone.keep;
    let (of_source, of_copy) = tokio::try_join!(source.session.snapshot(), copy.snapshot())?;
    isolated(&source, &of_source, &of_copy, kept, color)
}

/// Returns the name of the file with the copy.
fn named(arguments: &Arguments, to: &str) -> Result<String> {
    let usage = |what: String, help: &str| Err(Stop::Message(Exit::Usage, what, Some(help.to_owned())));
    if arguments.from == to {
        return usage(format!("`{to}` cannot be a copy of itself"), "give `--to` another name");
    }
    if to == environment::DEFAULT {
        return usage(format!("`--to {to}` is no name for a copy: it is the file as it stands"), "give another name");
    }
    match joined::file_name(&arguments.file, to) {
        Some(name) => Ok(name),
        None => usage(
            format!("the copy needs a file beside the stack file, but `{}` is not the name of one", arguments.file),
            "name a file that ends in `.yaml`",
        ),
    }
}

/// Checks whether any database of the copy begins with data.
fn has_data(loaded: &Loaded) -> bool {
    loaded.stack.databases.values().any(|database| database.begin.is_some())
}

impl Source {
    async fn open(file: &StackFile, aws: &Aws, color: Color) -> Result<Source> {
        let loaded = session::load(file, color)?;
        let session = Session::of(&loaded, aws, color).await?;
        Ok(Source { loaded, session })
    }

    /// Reads what runs, and writes the file of a copy of it.
    async fn compose(&self, arguments: &Arguments, to: &str, name: &str) -> Result<Composed> {
        let (loaded, session) = (&self.loaded, &self.session);
        if loaded.environments.iter().any(|listed| listed == to) {
            return Err(Stop::Message(
                Exit::Usage,
                format!("`{}` has the environment `{to}`", arguments.file),
                Some("a copy is a new environment: give it another name".into()),
            ));
        }
        let plan = session.plan(loaded).await?;
        if plan.items.iter().all(|item| item.before.is_none()) {
            return Err(Stop::message(
                format!("`{}` has no objects in AWS, so nothing can be copied", plan.environment()),
                "for an environment that is as the file says, use `stack apply --env NAME --like NAME`",
            ));
        }
        let copy = session.to(&session.cx.scope.stack, to);
        if !copy.snapshot().await?.is_empty() {
            return Err(Stop::refused(
                format!("nothing was changed: the environment `{to}` exists, and `{name}` does not"),
                "give the copy another name, or destroy that environment first",
            ));
        }
        compose::compose(loaded, session, &plan, arguments, to).await
    }
}

/// Says what the copy does not have in common with what runs, and what takes longest.
fn tell(composed: &Composed, arguments: &Arguments, look: &Look) -> Result<()> {
    for left in &composed.left {
        ui::err(&ui::note(&format!("Not copied: {left}."), look))?;
    }
    if let (Some((database, gib)), false) = (&composed.largest, arguments.data == Data::None) {
        ui::err(&ui::note(&format!("The largest database, `{database}` with {gib} GiB, decides how long the copy takes."), look))?;
    }
    Ok(())
}

/// Shows the plan of the copy.
async fn plan(copy: &Session, loaded: &Loaded, arguments: &Arguments, color: Color) -> Result<u8> {
    let agreed = arguments.consent.allow.consent();
    let plan: Plan = consent::with(&copy.plan(loaded).await?, &agreed)?;
    let rules = |kind: &str| copy.registry.rules(kind);
    let view = ui::View {
        look: Look::stderr(color),
        file: &arguments.file,
        verbose: arguments.verbose,
        consent: &agreed,
        via: copy.via.as_deref(),
        rules: &rules,
    };
    ui::err(&ui::plan_text(&plan, &view))?;
    Ok(Exit::Ok as u8)
}

/// Checks that nothing in the copy points at what it was copied from, and says what was checked.
fn isolated(source: &Source, of_source: &Snapshot, of_copy: &Snapshot, keep: &[String], color: Color) -> Result<u8> {
    let look = Look::stderr(color);
    let scope = &source.session.cx.scope;
    let Isolation { objects, names, leaks } = isolation::check((scope, of_source), of_copy, keep);
    let from = format!("`{}/{}`", scope.stack, scope.env);
    let searched = format!("{} were searched for {} of {from}", ui::count(objects, "object"), ui::count(names, "identifier"));
    if leaks.is_empty() {
        ui::err(&ui::note(&format!("Isolated: {searched}, and none was found."), &look))?;
        return Ok(Exit::Ok as u8);
    }
    for leak in &leaks {
        ui::err(&ui::note(&format!("`{}` points at `{}` of {from}: {}", leak.key, leak.of, leak.by), &look))?;
    }
    Err(Stop::message(
        format!("the copy is not isolated: {searched}, and {} point at it", ui::count(leaks.len(), "text")),
        "change what is named above in the file of the copy and apply it, or list it under `clone.keep` if that is meant",
    )
    .midway())
}
