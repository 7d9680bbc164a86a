use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::arguments::{Aws, STACK_FILE};
use super::history;
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::{self, meaning};
use crate::config::{self, Loaded, environment, frozen};
use crate::engine::contrast::{Fields, Side, contrast};
use crate::engine::{self, Graph, Plan, Scope, Snapshot};
use crate::ui::comparison::{Basis, Compared, Comparison};
use crate::ui::{self, Color, Terminal};

/// Show how two environments differ
///
/// LEFT and RIGHT are environments of the file: `production` is what runs now, `production@12` is what run 12 of its history applied,
/// and `production@file` is what the file says; or a frozen file, `production.frozen.yaml`. They are compared by meaning: identifiers,
/// and the names of the environment, are no differences. A difference is expected when the file says so and both sides are as the file
/// says; otherwise it is sized (a count, a class) or suspicious. Of environment variables and commands only the names are shown.
/// Nothing is changed. Exits with 2 when anything is sized or suspicious.
#[derive(Args, Debug)]
#[command(override_usage = "stack compare [OPTIONS] [FILE] <LEFT> <RIGHT>")]
pub struct Arguments {
    /// The stack file; `-` reads standard input
    #[arg(value_name = "FILE", default_value = STACK_FILE)]
    file: String,
    /// An environment: `NAME`, `NAME@RUN` or `NAME@file`, where `default` is the file as it stands; or a frozen file
    #[arg(value_name = "LEFT")]
    left: Option<String>,
    /// What it is compared with, in the same form
    #[arg(value_name = "RIGHT")]
    right: Option<String>,
    #[command(flatten)]
    aws: Aws,
    /// Make an environment that the file does not list like this one of the file
    #[arg(long, value_name = "NAME")]
    like: Option<String>,
    /// Print the differences as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the differences as Markdown
    #[arg(long)]
    markdown: bool,
    /// Show long values in full
    #[arg(long, short)]
    verbose: bool,
}

/// What a side is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// AWS.
    Now,
    /// A run of the history.
    Run(u64),
    /// The file.
    File,
    /// A frozen file, which the side names.
    Frozen,
}

/// A side as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spec {
    name: String,
    env: String,
    form: Form,
}

/// Checks whether there is a frozen file of that name.
fn is_frozen(name: &str) -> bool {
    std::fs::read_to_string(name).is_ok_and(|text| frozen::is_whole(&text).is_some())
}

fn usage(what: String, help: &str) -> Stop {
    Stop::Message(Exit::Usage, what, Some(help.to_owned()))
}

impl Spec {
    /// Reads `production`, `production@12`, `production@file`, or the name of a frozen file.
    fn of(name: &str) -> Result<Spec> {
        if is_frozen(name) {
            return Ok(Spec { name: name.to_owned(), env: environment::DEFAULT.to_owned(), form: Form::Frozen });
        }
        let (env, form) = match name.rsplit_once('@') {
            None => (name, Form::Now),
            Some((env, "file")) => (env, Form::File),
            Some((env, number)) => match number.parse() {
                Ok(number) => (env, Form::Run(number)),
                Err(_) => {
                    let what = format!("`{name}`: `{number}` is neither the number of a run nor `file`");
                    return Err(usage(what, "`stack history` lists the runs with their numbers"));
                }
            },
        };
        if env.is_empty() {
            return Err(usage(format!("`{name}` names no environment"), "`default` is the file as it stands"));
        }
        Ok(Spec { name: name.to_owned(), env: env.to_owned(), form })
    }
}

/// Returns the file and the two sides. FILE can be left out, so two words are the sides.
fn words(file: String, left: Option<String>, right: Option<String>) -> Result<(String, Spec, Spec)> {
    let is_file = file == "-" || Path::new(&file).is_file() && !is_frozen(&file);
    let (file, left, right) = match (left, right) {
        (Some(left), Some(right)) => (file, left, right),
        (Some(right), None) if !is_file => (STACK_FILE.to_owned(), file, right),
        _ => {
            return Err(usage(
                "two environments are needed".into(),
                "write them after FILE, or alone for the file `stack.yaml`: `stack compare production staging`",
            ));
        }
    };
    let (left, right) = (Spec::of(&left)?, Spec::of(&right)?);
    let names = |spec: &Spec| (spec.form == Form::Frozen).then(|| spec.name.clone());
    if (&left.env, left.form, names(&left)) == (&right.env, right.form, names(&right)) {
        return Err(usage(
            format!("both sides are `{}`", left.name),
            "`NAME@RUN` is what a run of its history applied, `NAME@file` what the file says",
        ));
    }
    Ok((file, left, right))
}

/// The file, for either side.
struct Source {
    file: String,
    text: String,
    like: Option<String>,
    schema: Value,
}

impl Source {
    fn read(file: String, like: Option<String>) -> Result<Source> {
        let text = stack_file::read(&file)?;
        if engine::saved::is_one(&text) {
            return Err(Stop::bad_file(
                format!("`{file}` is a saved plan, but this command takes a stack file"),
                "name the stack file",
            ));
        }
        Ok(Source { file, text, like, schema: stack_file::stack_schema() })
    }

    /// Loads a text of the file for an environment. Its warnings are not what was asked for.
    fn load(&self, file: &str, text: &str, env: &str) -> Result<Loaded> {
        if let Some(like) = &self.like {
            let short = environment::short(env);
            let loaded = config::load_like(file, text, Some(&short), Some(like), &self.schema)?;
            if env != environment::DEFAULT && !loaded.environments.iter().any(|listed| listed == env) {
                return Ok(loaded);
            }
        }
        Ok(config::load(file, text, stack_file::env_of(Some(env), text).as_deref(), &self.schema)?)
    }
}

/// A side that can be read.
struct Opened {
    spec: Spec,
    loaded: Loaded,
    /// None for what the file says.
    session: Option<Session>,
}

/// A side that was read.
struct Taken {
    plan: Plan,
    read: bool,
    compared: Compared,
}

impl Taken {
    fn side(&self) -> Side<'_> {
        Side { plan: &self.plan, read: self.read }
    }
}

impl Opened {
    /// Connects if the side asks AWS.
    async fn open(spec: Spec, loaded: Loaded, aws: &Aws, color: Color) -> Result<Opened> {
        let session = match spec.form {
            Form::File | Form::Frozen => None,
            Form::Now | Form::Run(_) => Some(Session::of(&loaded, aws, color).await?),
        };
        Ok(Opened { spec, loaded, session })
    }

    /// Reads the side. `other`: the connection of the other one.
    async fn take(&self, source: &Source, other: Option<&Session>) -> Result<Taken> {
        match (&self.session, self.spec.form) {
            (Some(session), Form::Run(number)) => self.of_run(source, session, number).await,
            (Some(session), _) => self.now(session).await,
            (None, _) => self.of_file(other).await,
        }
    }

    /// Reads what runs, and compares it with the file.
    async fn now(&self, session: &Session) -> Result<Taken> {
        let read = Snapshot::read(&session.registry, &session.cx);
        let (mut graph, snapshot) = session.hear(session.graph_beside(&self.loaded, read)).await?;
        graph.rest(&session.registry, &snapshot)?;
        let plan = Plan::make(&session.registry, &session.cx.scope, Some(&graph), &snapshot)?;
        if plan.items.iter().all(|item| item.before.is_none()) {
            let (name, env) = (&self.spec.name, &self.loaded.env);
            return Err(Stop::message(
                format!("there is nothing to compare with: `{name}` has no objects in AWS"),
                format!("apply it first, or compare with what the file says: `{env}@file`"),
            ));
        }
        Ok(Taken { plan, read: true, compared: self.compared(&session.cx.scope, true, Basis::Now) })
    }

    /// Returns what a run of the history applied.
    async fn of_run(&self, source: &Source, session: &Session, number: u64) -> Result<Taken> {
        let record = history::one(session, number).await?;
        let graph = match &record.text {
            Some(text) => {
                let then = source.load(&format!("{} of run {number}", record.file), text, &self.spec.env)?;
                let place = |loaded: &Loaded| (loaded.stack.stack.to_string(), loaded.stack.region.clone());
                if place(&then) != place(&self.loaded) {
                    return Err(Stop::message(
                        format!("the file of run {number} of `{}` is for another stack or region", self.spec.env),
                        "`stack history show` prints it with `--file`",
                    ));
                }
                session.hear(session.graph(&then)).await?
            }
            None => record.graph()?.ok_or_else(|| {
                Stop::message(
                    format!("run {number} applied a saved plan, and was recorded by a version that did not keep it"),
                    "choose another run; `stack history` lists them",
                )
            })?,
        };
        let basis = Basis::Run { number, began: record.began, who: record.who };
        let scope = &session.cx.scope;
        Ok(Taken { plan: described(&graph, scope)?, read: false, compared: self.compared(scope, true, basis) })
    }

    /// Returns what the file says. AWS is asked for its zones and for existing objects only where the other side asks the same
    /// account and region, which then gives the names, too.
    async fn of_file(&self, other: Option<&Session>) -> Result<Taken> {
        let stack = &self.loaded.stack;
        let is_there = |scope: &Scope| {
            scope.region == stack.region && stack.account.as_ref().is_none_or(|account| account.as_str() == scope.account)
        };
        let plan = match other.filter(|session| is_there(session.cx.scope.as_ref())) {
            Some(session) => described(&session.hear(session.graph(&self.loaded)).await?, &session.cx.scope)?,
            None => described(&stack_file::offline(&self.loaded)?, &stack_file::unasked(&self.loaded))?,
        };
        let basis = if self.spec.form == Form::Frozen { Basis::Frozen } else { Basis::File };
        let compared = self.compared(&plan.scope, false, basis);
        Ok(Taken { plan, read: false, compared })
    }

    /// Returns what is told of the side. `asked`: whether AWS said the account.
    fn compared(&self, scope: &Scope, asked: bool, basis: Basis) -> Compared {
        Compared {
            name: self.spec.name.clone(),
            env: self.loaded.env.clone(),
            basis,
            account: asked.then(|| scope.account.clone()),
            region: scope.region.clone(),
        }
    }
}

/// Returns a plan of nothing but what is described.
fn described(graph: &Graph, scope: &Scope) -> Result<Plan> {
    Ok(Plan::make(&aws::registry(), scope, Some(graph), &Snapshot::default())?)
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, left, right, aws, like, json, markdown, verbose } = arguments;
    let (file, left, right) = words(file, left, right)?;
    // Frozen files need no other.
    let source = match (left.form, right.form) {
        (Form::Frozen, Form::Frozen) => Source { file, text: String::new(), like, schema: stack_file::stack_schema() },
        _ => Source::read(file, like)?,
    };
    // One after the other: both may start the local AWS.
    let load = |spec: &Spec| {
        if spec.form == Form::Frozen {
            let text = stack_file::read_alone(&spec.name)?;
            if frozen::is_whole(&text) == Some(false) {
                let changed = format!("`{}` is not as `stack freeze` wrote it: it was edited.", spec.name);
                ui::err(&ui::note(&changed, &Terminal::stderr(color)))?;
            }
            return Ok(config::load(&spec.name, &text, None, &source.schema)?);
        }
        let text = stack_file::with_overlay(&source.file, Some(&spec.env), source.text.clone())?;
        source.load(&source.file, &text, &spec.env)
    };
    let (of_left, of_right) = (load(&left)?, load(&right)?);
    let stacks = [&of_left.stack.stack, &of_right.stack.stack];
    if stacks[0] != stacks[1] {
        return Err(usage(
            format!("`{}` is of the stack `{}`, and `{}` of `{}`", left.name, stacks[0], right.name, stacks[1]),
            "compare environments of one stack",
        ));
    }
    let (left, right) = (Opened::open(left, of_left, &aws, color).await?, Opened::open(right, of_right, &aws, color).await?);
    let (one, other) = tokio::try_join!(left.take(&source, right.session.as_ref()), right.take(&source, left.session.as_ref()))?;
    let registry = aws::registry();
    let rules = |kind: &str| registry.rules(kind);
    let fields = Fields { rules: &rules, sizes: meaning::SIZES, chosen: meaning::CHOSEN, hidden: meaning::HIDDEN };
    let found = contrast(one.side(), other.side(), &fields);
    let exit = if found.is_expected() { Exit::Ok } else { Exit::Changes };
    let comparison = Comparison::of(left.loaded.stack.stack.to_string(), one.compared, other.compared, found);
    ui::out(&match (json, markdown) {
        (true, _) => session::json(&comparison)?,
        (_, true) => ui::comparison_markdown(&comparison, &rules),
        _ => ui::comparison_text(&comparison, &rules, &Terminal::stdout(color), verbose),
    })?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_an_environment_its_run_or_the_file() {
        let read = |name: &str| Spec::of(name).map(|spec| (spec.env, spec.form));
        assert_eq!(read("production").unwrap(), ("production".to_owned(), Form::Now));
        assert_eq!(read("production@12").unwrap(), ("production".to_owned(), Form::Run(12)));
        assert_eq!(read("default@file").unwrap(), ("default".to_owned(), Form::File));
        for wrong in ["production@", "production@first", "@12", ""] {
            assert_eq!(read(wrong).unwrap_err().exit(), Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn two_words_are_the_sides_three_begin_with_the_file() {
        let some = |word: &str| Some(word.to_owned());
        let read = |file: &str, left, right| words(file.to_owned(), left, right).map(|(file, l, r)| (file, l.name, r.name));
        let three = read("s.yaml", some("a"), some("b")).unwrap();
        assert_eq!(three, ("s.yaml".to_owned(), "a".to_owned(), "b".to_owned()));
        let two = read("a", some("b@file"), None).unwrap();
        assert_eq!(two, (STACK_FILE.to_owned(), "a".to_owned(), "b@file".to_owned()));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (file, left) in [(STACK_FILE, None), (file, some("a")), ("-", some("a"))] {
            assert_eq!(read(file, left, None).unwrap_err().exit(), Exit::Usage, "{file}");
        }
        assert_eq!(read("s.yaml", some("a@3"), some("a@3")).unwrap_err().exit(), Exit::Usage);
        assert!(read("s.yaml", some("a@3"), some("a")).is_ok());
    }
}
