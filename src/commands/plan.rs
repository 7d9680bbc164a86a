use clap::Args;

use super::arguments::{Aws, StackFile, time};
use super::consent::{self, Allow};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result};
use super::{git, preflight, saved};
use crate::config;
use crate::engine;
use crate::ui::{self, Color, Terminal};

/// Show what apply would do
///
/// Nothing is changed. The plan includes what AWS would refuse: permissions, quotas, classes and their zones, versions, names,
/// certificates, images and service-linked roles are checked.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Print the plan as JSON; `stack schema --plan` describes it
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the plan as Markdown, for a comment in a review
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    allow: Allow,
    /// How long a new environment is wanted: `stack reap` destroys it afterwards, with its data [default: `ttl` of the file]
    #[arg(long, value_name = "TIME", value_parser = time)]
    ttl: Option<config::Duration>,
    /// Refuse a plan that raises the monthly price above this many US dollars [default: `cost.max_monthly` of the file]
    #[arg(long, value_name = "DOLLARS")]
    max_monthly: Option<u32>,
    /// Show the fields of what is created, and long values in full
    #[arg(long, short)]
    verbose: bool,
    /// Save the plan to this file; `stack apply PLAN` applies exactly that
    #[arg(long, short, value_name = "PLAN")]
    out: Option<std::path::PathBuf>,
    /// Do not check what AWS would refuse: permissions, quotas, classes, versions, images
    #[arg(long)]
    no_preflight: bool,
    /// Ask every object for its tags instead of AWS's tag index, which can miss changes of the last minute. Also ask for access
    /// keys, grants, policies of secrets and websites of buckets, which a plan otherwise leaves out
    #[arg(long)]
    exact: bool,
    /// Ask CloudTrail who changed what differs, and when
    #[arg(long)]
    who: bool,
    /// Plan the deletion of everything
    #[arg(long)]
    destroy: bool,
    /// Exit with 0 when there is nothing to do, 2 when there are changes, 4 when apply would refuse them
    #[arg(long)]
    detailed_exitcode: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let text = stack_file::read_stack(&arguments.file)?;
    let loaded = stack_file::load_text(&arguments.file, &text, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?.wanted_for(arguments.ttl).limited(arguments.max_monthly);
    let plan = match (arguments.destroy, arguments.exact) {
        (true, _) => session.plan_destroy().await?,
        (false, true) => session.plan(&loaded).await?,
        (false, false) => session.plan_by_index(&loaded).await?,
    };
    let agreed = arguments.allow.consent();
    let plan = consent::with(plan, &agreed)?;
    let found = if arguments.no_preflight { Vec::new() } else { preflight::look(&session, &plan).await? };
    let mut problems = preflight::problems(&found);
    if !arguments.destroy {
        problems.extend(stack_file::problems(&loaded, Some(&plan)));
    }
    let change = session.pricing.change(&plan);
    let dear = session.pricing.refusal(&change);
    problems.extend(dear.iter().map(|(why, help)| ui::Problem {
        severity: "refused",
        key: None,
        message: why.clone(),
        help: Some(help.clone()),
    }));
    let rules = |kind: &str| session.registry.rules(kind);
    let view = ui::View {
        price: Some(&change),
        terminal: Terminal::stdout(color),
        file: &arguments.file.file,
        verbose: arguments.verbose,
        consent: &agreed,
        via: session.via.as_deref(),
        rules: &rules,
    };
    let deeds = if arguments.who { super::drift::who(&session, &plan, color).await? } else { Vec::new() };
    let shown = match (arguments.json, arguments.markdown) {
        (true, _) => session::json(&ui::PlanJson {
            who: deeds,
            price: Some(ui::price_json(&change)),
            ..ui::plan_json(&plan, &agreed, problems)
        })?,
        (_, true) => {
            let (commit, command) = (git::commit(&arguments.file.file), typed(&arguments));
            let footer = ui::Footer { commit: commit.as_deref(), command: &command };
            ui::plan_markdown(&plan, &view, &problems, &footer) + &ui::who_markdown(&deeds)
        }
        _ => ui::plan_text(&plan, &view) + &ui::who_text(&deeds, &view.terminal),
    };
    ui::out(&shown)?;
    if !arguments.destroy {
        stack_file::notes(&loaded, Some(&plan), color)?;
    }
    if let Some((why, help)) = &dear {
        let unsaved = if arguments.out.is_some() { ", so the plan is not saved" } else { "" };
        ui::err(&ui::problem(&format!("apply would refuse this{unsaved}: {why}"), Some(help), &Terminal::stderr(color)))?;
    }
    let refused = plan.counts().refuse > 0 || !preflight::tell(&found, color)? || dear.is_some();
    let unasked = !agreed.sort(&plan).1.is_empty();
    // It would be applied without the question what it costs.
    if let Some(path) = arguments.out.as_ref().filter(|_| dear.is_none()) {
        let source = engine::saved::Source { text: Some(text), commit: git::commit(&arguments.file.file) };
        saved::write(path, &engine::saved::Saved { plan: plan.clone(), consent: agreed, source: Some(source) })?;
        let terminal = Terminal::stderr(color);
        let shown = path.display();
        ui::err(&ui::note(&format!("The plan is saved. To apply exactly this: stack apply {shown}"), &terminal))?;
    }
    Ok(match (arguments.detailed_exitcode, plan.is_empty()) {
        _ if refused => Exit::Refused,
        (true, false) if unasked => Exit::Refused,
        (true, false) => Exit::Changes,
        _ => Exit::Ok,
    })
}

/// Returns the command that applies the plan, to be copied.
fn typed(arguments: &Arguments) -> String {
    let Arguments { file, aws, allow, ttl, .. } = arguments;
    let mut words = match (&arguments.out, arguments.destroy) {
        // It carries the consent.
        (Some(out), _) => return format!("stack apply {}", quoted(&out.display().to_string())),
        (None, true) => vec!["stack".to_owned(), "destroy".to_owned()],
        (None, false) => vec!["stack".to_owned(), "apply".to_owned()],
    };
    words.push(quoted(&file.file));
    let ttl = ttl.map(|ttl| ttl.to_string());
    let options =
        [("--env", file.env()), ("--like", file.like.as_deref()), ("--ttl", ttl.as_deref()), ("--region", aws.region.as_deref())];
    let options = options.into_iter().filter_map(|(flag, value)| Some((flag, value?.to_owned())));
    words.extend(options.chain(allow.flags()).map(|(flag, value)| format!("{flag} {}", quoted(&value))));
    words.join(" ")
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_command_that_does_it_can_be_copied() {
        let said = |words: &[&str]| typed(&Line::parse_from([&["plan"], words].concat()).arguments);
        assert_eq!(said(&["s.yaml", "--env", "staging"]), "stack apply s.yaml --env staging");
        assert_eq!(
            said(&["my stack.yaml", "--env=prod", "--region=eu-west-1", "--allow-delete=*", "--without-data=databases.main"]),
            "stack apply 'my stack.yaml' --env prod --region eu-west-1 --allow-delete '*' --without-data databases.main"
        );
        assert_eq!(said(&["s.yaml", "--env=prod", "--destroy"]), "stack destroy s.yaml --env prod");
        assert_eq!(said(&["s.yaml", "--env=prod", "--out", "s.plan"]), "stack apply s.plan");
    }
}
