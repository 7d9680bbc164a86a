//! `stack clone`: another environment that is as one that runs.

mod account;
pub(super) mod compose;
pub(super) mod copy;
mod objects;
pub(super) mod overlay;

use std::path::Path;

use clap::Args;

use self::account::{Asked, Role};
use self::compose::{Caches, Composed, Data, Elsewhere, Size, Wanted};
use self::copy::{Brought, Copy};
use self::objects::Objects;
use super::arguments::{Aws, STACK_FILE, StackFile, time};
use super::consent::Applying;
use super::session::Session;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::config::{self, Account, Loaded, environment, joined};
use crate::engine::isolation::{self, Isolation};
use crate::engine::{Scope, Snapshot};
use crate::ui::{self, Color, Terminal};

/// Create a copy of an environment as it runs now
///
/// The copy is an ordinary environment, in a file of its own beside the stack file (`stack.bug-1234.yaml`), with a comment at each line
/// that came from AWS: the images that run by their digests, versions, and what was changed outside of the file. Plan, apply, show,
/// compare and destroy work on it with `--env`. It has its own network, keys, secrets and passwords; domains, certificates and people
/// stay with the environment that it is made of.
///
/// Databases begin with a copy of the data, encrypted with the copy's key and with passwords of their own. `clone.sanitize` in the file
/// runs before any service starts. Caches begin empty, or with `--caches snapshot` with their data. Of buckets, the static files are
/// copied. At the end, every object of the copy is searched for what belongs to the other environment.
///
/// With `--region` the copy is made in another region than the file's, and with `--account-role` in another account; its file says so.
/// Snapshots are copied there, for an account after they were shared with it. Later commands on a copy in another account need
/// credentials of that account.
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
    /// The time of `--data point-in-time`, such as `2026-11-26T03:00:00Z` [default: the latest that AWS can restore]
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<String>,
    /// The data that caches begin with
    #[arg(long, value_enum, default_value_t = Caches::Empty, value_name = "WHAT")]
    caches: Caches,
    /// The objects that buckets begin with: `static` for the files that CloudFront serves, `all`, `none`, or those of a bucket below a
    /// prefix, such as `uploads/2026/` (can be repeated). They are copied inside of S3, before the data is made harmless
    #[arg(long, value_name = "WHAT", default_value = "static", value_parser = objects::objects)]
    objects: Vec<Objects>,
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
    /// Make the copy in another account: the ARN of a role of it, which is assumed with these credentials
    #[arg(long, value_name = "ARN", value_parser = account::role, help_heading = "AWS")]
    account_role: Option<Role>,
    /// Only show the file and the plan of the copy
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    applying: Applying,
}

impl Arguments {
    /// Returns what another account has to be asked for.
    fn asked(&self) -> Asked<'_> {
        let Arguments { from, data, caches, objects, account_role, .. } = self;
        Asked { role: account_role.as_ref(), from, data: *data, caches: *caches, objects }
    }
}

/// What is copied, and the connection to it.
pub(super) struct Source {
    pub loaded: Loaded,
    pub session: Session,
}

pub async fn run(arguments: Arguments, color: Color) -> Result<u8> {
    let terminal = Terminal::stderr(color);
    let to = environment::short(&arguments.to);
    let name = named(&arguments, &to)?;
    check_time(&arguments)?;
    let file = |env: &str| StackFile { file: arguments.file.clone(), env: Some(env.to_owned()), like: None, stack: None };
    // The region of the command is the copy's.
    let aws = arguments.applying.aws.in_its_region();
    let source = Source::open(&file(&arguments.from), &aws, color).await?;
    if to != arguments.to {
        ui::err(&ui::note(&format!("The environment of `{}` is called `{to}`.", arguments.to), &terminal))?;
    }
    account::check(arguments.asked(), &source.loaded.stack, &source.session.cx.scope.account)?;
    objects::check(&source.session, &arguments.objects).await?;
    let of_copy = file(&to);
    let known = Path::new(&name).is_file();
    let (text, new, shared) = if known {
        ui::err(&ui::note(&format!("`{name}` exists, and is used as it is."), &terminal))?;
        (stack_file::read_stack(&of_copy)?, None, Vec::new())
    } else {
        let composed = source.compose(&arguments, &to).await?;
        tell(&composed, &arguments, &terminal)?;
        let text = joined::joined(&stack_file::read_alone(&arguments.file)?, &to, &name, &composed.text);
        (text, Some(composed.text), composed.snapshots)
    };
    let loaded = stack_file::load_text(&of_copy, &text, color)?;
    compose::check_shared(&loaded.stack)?;
    objects::check_harmless(&arguments.objects, &loaded)?;
    check_region(&loaded, arguments.applying.aws.region.as_deref(), &name)?;
    tell_elsewhere(&source.session.cx.scope, &loaded, &terminal)?;
    let home = &source.session.cx.scope;
    let session = Session::of(&loaded, &account::of_copy(&aws, arguments.account_role.as_ref(), &home.region), color).await?;
    let (verbose, file) = (arguments.applying.verbose, &of_copy);
    let copy = Copy { command: "clone", session, loaded: &loaded, file, text: &text, verbose, color };
    let consent = &arguments.applying.consent;
    if new.is_some() {
        copy.is_new(&name).await?;
    }
    if arguments.plan {
        if let Some(new) = &new {
            ui::out(new)?;
        }
        copy.show_plan(consent).await?;
        return Ok(Exit::Ok as u8);
    }
    let of_copy = &copy.session.cx.scope;
    let is_near = of_copy.account == home.account;
    if !account::share(&source.session, &copy.session, &shared, consent.yes, &terminal).await? {
        return Ok(Exit::Refused as u8);
    }
    if let Some(new) = &new {
        write(&name, new, &terminal)?;
    }
    let brought = Brought { source: &source.session, objects: &arguments.objects };
    let made = copy.bring_up(consent, is_near.then_some(&brought)).await;
    if !is_near && !matches!(made, Ok((_, Some(_)))) && loaded.stack.databases.values().any(|database| database.begin.is_some()) {
        account::tell_shared(of_copy, &terminal)?;
    }
    let (exit, snapshot) = match made {
        Err(stop) if new.is_some() && stop.exit() as u8 == Exit::Refused as u8 => {
            // The corrected command would go on with it.
            unwritten(&name, &terminal)?;
            return Err(stop);
        }
        made => made?,
    };
    let Some(snapshot) = snapshot else { return Ok(exit as u8) };
    if !is_near {
        if arguments.objects.iter().any(|one| *one != Objects::None) {
            let words = "Not copied: the objects of buckets, because the copy is in another account.";
            ui::err(&ui::note(words, &terminal))?;
        }
        account::take_back(&source.session, of_copy).await?;
    }
    let of_source = source.session.snapshot().await?;
    isolated(&source, &of_source, (of_copy, &snapshot), color)
}

/// Removes the file of a copy of which nothing was made.
fn unwritten(name: &str, terminal: &Terminal) -> Result<()> {
    let failed = |e| Stop::message(format!("`{name}` cannot be removed: {e}"), "remove it, or edit it");
    std::fs::remove_file(name).map_err(failed)?;
    Ok(ui::err(&ui::note(&format!("`{name}` is removed again, because nothing was made of it."), terminal))?)
}

/// Reads a time.
fn at(text: &str) -> Result<String, String> {
    let read = text.parse::<jiff::Timestamp>();
    read.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .map_err(|_| "write a time with its zone: `2026-11-26T03:00:00Z`".to_owned())
}

/// Refuses a time for data that has its own.
fn check_time(arguments: &Arguments) -> Result<()> {
    if arguments.at.is_none() || arguments.data == Data::PointInTime {
        return Ok(());
    }
    let help = "add `--data point-in-time`, or leave out `--at`";
    Err(Stop::Message(Exit::Usage, "`--at` is the time of `--data point-in-time`".into(), Some(help.into())))
}

/// Refuses a region that is not the one in the file of the copy.
pub(super) fn check_region(loaded: &Loaded, region: Option<&str>, name: &str) -> Result<()> {
    match region.filter(|region| *region != loaded.stack.region) {
        None => Ok(()),
        Some(region) => Err(Stop::Message(
            Exit::Usage,
            format!("`{name}` is for {}, and `--region {region}` is given", loaded.stack.region),
            Some("leave out `--region`, or give the copy another name".into()),
        )),
    }
}

/// Says what the file of the copy names in the source's region or account, where the copy is in another one.
fn tell_elsewhere(from: &Scope, loaded: &Loaded, terminal: &Terminal) -> Result<()> {
    tell_region(&from.region, loaded, terminal)?;
    let account = loaded.stack.account.as_ref().map(Account::as_str);
    if account.is_none_or(|account| account == from.account) {
        return Ok(());
    }
    for (path, text) in compose::texts(&loaded.tree(), &|text| text.contains(&from.account)) {
        ui::err(&ui::note(
            &format!("`{path}` is in the account {}, which must let the copy's use it: {text}", from.account),
            terminal,
        ))?;
    }
    Ok(())
}

/// Says what the file of the copy names in the source's region, where the copy is in another one.
pub(super) fn tell_region(from: &str, loaded: &Loaded, terminal: &Terminal) -> Result<()> {
    if from == loaded.stack.region {
        return Ok(());
    }
    for (path, text) in compose::texts(&loaded.tree(), &|text| text.contains(from)) {
        ui::err(&ui::note(&format!("`{path}` names {from}, and stays so in the copy: {text}"), terminal))?;
    }
    Ok(())
}

/// Writes the file with the copy.
pub(super) fn write(name: &str, text: &str, terminal: &Terminal) -> Result<()> {
    let failed = |e| Stop::message(format!("`{name}` cannot be written: {e}"), "check the folder");
    std::fs::write(name, text).map_err(failed)?;
    Ok(ui::err(&ui::note(&format!("The copy is described in `{name}`."), terminal))?)
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

impl Source {
    pub async fn open(file: &StackFile, aws: &Aws, color: Color) -> Result<Source> {
        let loaded = stack_file::load(file, color)?;
        let session = Session::of(&loaded, aws, color).await?;
        Ok(Source { loaded, session })
    }

    /// Reads what runs, and writes the file of a copy of it.
    async fn compose(&self, arguments: &Arguments, to: &str) -> Result<Composed> {
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
        let Arguments { file, data, at, caches, size, as_file, ttl, applying, .. } = arguments;
        let region = applying.aws.region.as_deref().filter(|region| *region != loaded.stack.region);
        if let (Some(region), Data::PointInTime) = (region, data) {
            return Err(Stop::Message(
                Exit::Usage,
                format!("backups are restored in their own region, {}, and not in {region}", loaded.stack.region),
                Some("leave out `--data point-in-time`: a snapshot is taken and copied; or leave out `--region`".into()),
            ));
        }
        if let (Some(region), Caches::Snapshot) = (region, caches) {
            return Err(Stop::Message(
                Exit::Usage,
                format!("snapshots of caches stay in their region, {}, and cannot be restored in {region}", loaded.stack.region),
                Some("leave out `--caches snapshot`: caches begin empty".into()),
            ));
        }
        let (data, caches, as_file, ttl) = (*data, *caches, *as_file, *ttl);
        let shared = account::planned(&plan, &loaded.stack, arguments.asked(), to);
        let account = arguments.account_role.as_ref().map(|role| Elsewhere { account: &role.account, shared: &shared });
        let wanted = Wanted { file, to, data, at: at.as_deref(), region, account, caches, sizes: size, as_file, ttl };
        compose::compose(loaded, session, &plan, &wanted).await
    }
}

/// Says what the copy does not have in common with what runs, and what takes longest.
fn tell(composed: &Composed, arguments: &Arguments, terminal: &Terminal) -> Result<()> {
    for left in &composed.left {
        ui::err(&ui::note(&format!("Not copied: {left}."), terminal))?;
    }
    for shared in &composed.shared {
        ui::err(&ui::note(&format!("`{shared}` is the secret that `{}` uses, too.", arguments.from), terminal))?;
    }
    if let (Some((database, gib)), false) = (&composed.largest, arguments.data == Data::None) {
        ui::err(&ui::note(
            &format!("The largest database, `{database}` with {gib} GiB, decides how long the copy takes."),
            terminal,
        ))?;
    }
    Ok(())
}

/// Checks that nothing in the copy points at what it was copied from, and says what was checked.
fn isolated(source: &Source, of_source: &Snapshot, of_copy: (&Scope, &Snapshot), color: Color) -> Result<u8> {
    let keep = &source.loaded.stack.clone.keep;
    let terminal = Terminal::stderr(color);
    let scope = &source.session.cx.scope;
    let Isolation { objects, names, leaks } = isolation::check((scope, of_source), of_copy, keep);
    let from = format!("`{}/{}`", scope.stack, scope.env);
    let searched = format!("{} were searched for {} of {from}", ui::count(objects, "object"), ui::count(names, "identifier"));
    if leaks.is_empty() {
        ui::err(&ui::note(&format!("Isolated: {searched}, and none was found."), &terminal))?;
        return Ok(Exit::Ok as u8);
    }
    for leak in &leaks {
        ui::err(&ui::note(&format!("`{}` points at `{}` of {from}: {}", leak.key, leak.of, leak.by), &terminal))?;
    }
    Err(Stop::message(
        format!("the copy is not isolated: {searched}, and {} point at it", ui::count(leaks.len(), "text")),
        "change what is named above in the file of the copy and apply it, or list it under `clone.keep` if that is meant",
    )
    .midway())
}
