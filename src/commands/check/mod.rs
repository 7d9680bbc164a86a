//! `stack check`: what of a file, and of what runs, does not meet the controls of security standards.

mod findings;
mod fix;
mod rules;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use self::findings::{Checking, Wanted};
use self::rules::{Rules, Tested};
use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stack_file;
use super::stack_file::stack_schema;
use super::stop::{Exit, Result, Stop};
use crate::aws::control::account::Settings;
use crate::aws::control::{self, Control, Standard, View};
use crate::aws::registry;
use crate::blueprint::fixes;
use crate::config;
use crate::engine::{self, plan};
use crate::ui::check::{self, Elsewhere, Listed, Rule, Severity};
use crate::ui::{self, Color, Terminal};

/// Check the stack against AWS's security controls
///
/// Looks at the objects that the file describes, without asking AWS, and reports each that does not meet a control of AWS
/// Foundational Security Best Practices, with its line, the reason and the smallest edit that fixes it. With `--live`, what runs is
/// read and held to the same controls. Controls that are not met on purpose are listed in the file under `check.exceptions`, with a
/// reason and a last day. Rules of your own are written in Rego: `check.rules` in the file names them, or `--rules`. Nothing in AWS is
/// changed. Exits with 2 when there are findings.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Check what runs, too
    #[arg(long)]
    live: bool,
    /// Check the account, too: its root user, its password policy, everyone's credentials, its trail, and whether new volumes are encrypted
    #[arg(long, requires = "live")]
    account: bool,
    /// Report only findings of this severity or worse
    #[arg(long, value_enum, default_value_t = Severity::Low, value_name = "SEVERITY")]
    severity: Severity,
    /// Check the controls for production, too: what costs more, or makes deleting harder
    #[arg(long)]
    production: bool,
    /// Check every control, also those that cost much, need the application's support or are of other standards
    #[arg(long)]
    all: bool,
    /// Check it against the rules in Rego at PATH, too: a file, or a folder with files `*.rego`
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Give rules this plan, which `stack plan --json` wrote
    #[arg(long, value_name = "PLAN")]
    plan: Option<PathBuf>,
    /// Run the tests of the rules, and nothing else: what begins with `test_` in files `*_test.rego`
    #[arg(long, conflicts_with_all = ["live", "plan", "fix", "list", "format", "json"])]
    test_rules: bool,
    /// Write the edits of one key into the file, after showing them
    #[arg(long, conflicts_with_all = ["format", "json", "list"])]
    fix: bool,
    /// Write them without confirmation
    #[arg(long, short, requires = "fix")]
    yes: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print the findings as JSON, as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// List the controls, and those that are not checked; FILE is not read
    #[arg(long, conflicts_with = "live")]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a comment in a review
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for CI systems
    Junit,
}

/// Returns a control as the user sees it.
fn rule(control: &Control) -> Rule {
    Rule {
        id: control.id.into(),
        severity: match control.severity {
            control::Severity::Low => Severity::Low,
            control::Severity::Medium => Severity::Medium,
            control::Severity::High => Severity::High,
            control::Severity::Critical => Severity::Critical,
        },
        standard: match control.standard {
            Standard::Fsbp => "FSBP",
            Standard::Other => "other",
        },
        title: control.title.into(),
        why: control.why.into(),
        remedy: control.remedy.into(),
        url: control.url(),
    }
}

/// Returns every control, and those that are not checked.
fn listed() -> (Vec<Listed>, Vec<Elsewhere>) {
    let listed = |control: &Control| Listed { rule: rule(control), level: control.level.as_str() };
    let mut rules: Vec<Listed> = registry::controls().map(listed).collect();
    let number = |id: &str| id.rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
    rules.sort_by_key(|listed| (listed.rule.id.split('.').next().map(str::to_owned), number(&listed.rule.id)));
    let elsewhere = control::ELSEWHERE.iter().map(|(why, ids)| Elsewhere { why, ids: ids.to_vec() }).collect();
    (rules, elsewhere)
}

fn list(format: Format, color: Color) -> Result {
    let (rules, elsewhere) = listed();
    let text = match format {
        Format::Text => check::list_text(&rules, &elsewhere, &Terminal::stdout(color)),
        Format::Markdown => check::list_markdown(&rules, &elsewhere),
        Format::Json => session::json(&serde_json::json!({ "controls": rules, "not_checked": elsewhere }))?,
        Format::Sarif | Format::Junit => {
            return Err(Stop::Message(
                Exit::Usage,
                "the list of controls has no such format".into(),
                Some("use `--format text`, `json` or `markdown`".into()),
            ));
        }
    };
    ui::out(&text)?;
    Ok(Exit::Ok)
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let format = if arguments.json { Format::Json } else { arguments.format };
    if arguments.list {
        return list(format, color);
    }
    let file = &arguments.file;
    if arguments.fix && !Path::new(&file.file).is_file() {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`{}` is not a file that can be edited", file.file),
            Some("leave out `--fix`, or name the stack file".into()),
        ));
    }
    let text = stack_file::read_stack(file)?;
    let schema = stack_schema();
    let loaded = stack_file::load_text(file, &text, color)?;
    let paths = [rules::beside(&file.file, &loaded), arguments.rules.clone()].concat();
    let mut own = Rules::read(&paths)?;
    if arguments.test_rules {
        return test(own, color);
    }
    let unknown = if own.is_none() { fixes::without_rules(&loaded.stack) } else { Vec::new() };
    if !unknown.is_empty() {
        return Err(stack_file::report(&loaded, unknown));
    }
    let mut unasked = Vec::new();
    let live = if arguments.live {
        let session = Session::of(&loaded, &arguments.aws, color).await?;
        let snapshot = session.snapshot().await?;
        let rules = |kind: &str| session.registry.rules(kind);
        let mut view = View::of_snapshot(&snapshot, &session.cx.scope.account, &rules);
        let (facts, mut unread) =
            session.hear(async { engine::Result::<_>::Ok(registry::later(&session.cx, &snapshot).await) }).await?;
        view.add_later(facts);
        if arguments.account {
            let (settings, more) = session.hear(async { engine::Result::<_>::Ok(Settings::read(&session.cx).await) }).await?;
            view.add_account(&settings)?;
            unread.extend(more);
        }
        for (controls, error) in unread {
            session.say(&format!("Not checked: {}. {}", controls.join(", "), error))?;
            unasked.extend_from_slice(controls);
        }
        Some(view)
    } else {
        None
    };
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let wanted = Wanted {
        severity: arguments.severity,
        production: arguments.production,
        all: arguments.all,
        live: arguments.live,
        account: arguments.account,
        today,
    };
    let verdicts = match &mut own {
        Some(own) => {
            let plan = arguments.plan.as_deref().map(|path| read_plan(path, &loaded)).transpose()?;
            own.judge(&rules::input(&loaded, &stack_file::offline(&loaded)?, arguments.production, plan))?
        }
        None => Vec::new(),
    };
    let checking =
        Checking { file, text: &text, schema: &schema, wanted, live: live.as_ref(), unasked: &unasked, verdicts: &verdicts };
    let checked = checking.check(&loaded)?;
    let terminal = Terminal::stdout(color);
    if arguments.fix {
        return fix::fix(&checking, &checked, arguments.yes, color);
    }
    ui::out(&match format {
        Format::Text => check::check_text(&checked, &terminal),
        Format::Json => session::json(&checked)?,
        Format::Markdown => check::check_markdown(&checked),
        Format::Sarif => session::json(&check::check_sarif(&checked))?,
        Format::Junit => check::check_junit(&checked),
    })?;
    Ok(if checked.findings.is_empty() { Exit::Ok } else { Exit::Changes })
}

/// Reads a plan for rules: one of this file, as this `stack` writes it.
fn read_plan(path: &Path, loaded: &config::Loaded) -> Result<serde_json::Value> {
    let wrong = |why: String| {
        Stop::message(format!("`{}` is no plan for rules: {why}", path.display()), "`stack plan --json > plan.json` writes one")
    };
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let plan: serde_json::Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    if plan["version"] != plan::VERSION || !plan["changes"].is_array() {
        return Err(wrong(format!("it has no `changes` of version {}", plan::VERSION)));
    }
    let stack = &loaded.stack;
    for (key, here) in [("stack", stack.stack.as_str()), ("env", &loaded.env), ("region", &stack.region)] {
        if plan[key] != here {
            return Err(wrong(format!("its `{key}` is {}, and that of the file is `{here}`", plan[key])));
        }
    }
    Ok(plan)
}

/// Runs the tests of rules.
fn test(own: Option<Rules>, color: Color) -> Result {
    let tested = own.map(|mut own| own.test()).unwrap_or_default();
    if tested.is_empty() {
        return Err(Stop::message(
            "there are no tests of rules",
            "write rules whose names begin with `test_` into files `*_test.rego`, beside the rules",
        ));
    }
    let terminal = Terminal::stdout(color);
    let row = |one: &Tested| {
        let word = if one.passed { "passed" } else { "failed" };
        [
            word.into(),
            one.name.trim_start_matches("data.").into(),
            one.file.display().to_string(),
            one.error.clone().unwrap_or_default(),
        ]
        .to_vec()
    };
    ui::out(&ui::table(&terminal, &["RESULT", "TEST", "FILE", "ERROR"], &tested.iter().map(row).collect::<Vec<_>>()))?;
    let failed = tested.iter().filter(|one| !one.passed).count();
    ui::err(&ui::note(&format!("{} of {} failed.", failed, ui::count(tested.len(), "test")), &terminal))?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Changes })
}

/// Reads the text of the file again, as after an edit.
fn loaded_again(file: &StackFile, text: &str, schema: &serde_json::Value) -> Option<config::Loaded> {
    config::load(&file.file, text, stack_file::env_of(file.env(), text).as_deref(), schema).ok()
}
