//! Consent to what a run changes: the flags that give it, the check that it was given, and the question on the terminal. What
//! needs consent is decided by the engine.

use std::io::IsTerminal;

use clap::Args;

use super::arguments::{Aws, time};
use super::stop::{Result, Stop};
use crate::config;
use crate::engine::{self, Plan};
use crate::ui;

/// The options of a run: consent, checks and how long it may take.
#[derive(Args, Debug)]
pub struct Consent {
    /// Do not ask for confirmation
    #[arg(long, short, alias = "auto-approve")]
    pub yes: bool,
    #[command(flatten)]
    pub allow: Allow,
    /// Do not check beforehand what AWS would refuse: permissions, quotas, classes, versions, images
    #[arg(long)]
    pub no_preflight: bool,
    /// Wait up to TIME for another run to release the lease [default: 30m]
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30m", value_parser = time)]
    pub wait_for_lease: Option<config::Duration>,
    /// Stop the run after TIME, as Ctrl-C does: calls in flight end, nothing new is started, and the same command continues later
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<config::Duration>,
    /// Print events and the result as JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// The last arguments of commands that apply something.
#[derive(Args, Debug)]
pub struct Applying {
    #[command(flatten)]
    pub aws: Aws,
    #[command(flatten)]
    pub consent: Consent,
    /// Show the fields of what is created, and long values in full
    #[arg(long, short)]
    pub verbose: bool,
}

impl Consent {
    /// Returns the options of a run that follows one that was confirmed, in the same command.
    pub fn of_next(&self) -> Consent {
        let Consent { no_preflight, wait_for_lease, timeout, json, .. } = *self;
        Consent { yes: true, allow: self.allow.clone(), no_preflight, wait_for_lease, timeout, json }
    }
}

/// Consent that is given beforehand.
#[derive(Args, Clone, Debug, Default)]
pub struct Allow {
    /// Allow deleting this: a key (`rds.instance/main`) or a section with all of its parts (`databases.main`). `*` matches any
    /// characters; alone, it covers everything except what is lost permanently (can be repeated)
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub allow_delete: Vec<String>,
    /// Allow replacing this; `*` alone covers everything except what starts empty (can be repeated)
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub allow_replace: Vec<String>,
    /// Allow changing this in a way that cannot be undone, such as a major upgrade (can be repeated)
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub allow_upgrade: Vec<String>,
    /// Delete this database or cache without a final snapshot (can be repeated)
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub no_final_snapshot: Vec<String>,
    /// Let the replacement of this start empty, without its data (can be repeated)
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub without_data: Vec<String>,
    /// Confirm that this environment is destroyed with everything in it: `webapp/staging`
    #[arg(long, value_name = "STACK/ENV", help_heading = "Consent")]
    pub confirm: Option<String>,
}

impl Allow {
    /// Returns the flags as they were typed, each with its value.
    pub fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        let lists = [
            ("--allow-delete", &self.allow_delete),
            ("--allow-replace", &self.allow_replace),
            ("--allow-upgrade", &self.allow_upgrade),
            ("--no-final-snapshot", &self.no_final_snapshot),
            ("--without-data", &self.without_data),
        ];
        let lists = lists.into_iter().flat_map(|(flag, values)| values.iter().map(move |value| (flag, value.clone())));
        lists.chain(self.confirm.iter().map(|value| ("--confirm", value.clone())))
    }

    /// Returns the consent as the engine knows it.
    pub fn consent(&self) -> engine::Consent {
        engine::Consent {
            delete: self.allow_delete.clone(),
            replace: self.allow_replace.clone(),
            upgrade: self.allow_upgrade.clone(),
            no_last_copy: self.no_final_snapshot.clone(),
            without_data: self.without_data.clone(),
            environment: self.confirm.clone(),
        }
    }
}

/// Returns the plan with the consent applied to it.
///
/// # Errors
/// If `--confirm` names another environment than the plan's.
pub fn with(mut plan: Plan, consent: &engine::Consent) -> Result<Plan> {
    match &consent.environment {
        Some(other) if *other != plan.environment() => Err(Stop::refused(
            format!("nothing was changed: `--confirm` names `{other}`, but this is `{}`", plan.environment()),
            "check `--env` and the file",
        )),
        _ => {
            plan.agree(consent);
            Ok(plan)
        }
    }
}

/// Refuses a plan without the consent that it needs, unless it is a destroy that can be confirmed as a whole on the terminal.
pub fn check(plan: &Plan, consent: &engine::Consent, yes: bool) -> Result<()> {
    let (_, missing) = consent.sort(plan);
    let of_it = missing.iter().all(|item| !item.unmarked);
    if missing.is_empty() || plan.destroy && of_it && !yes && std::io::stdin().is_terminal() {
        return Ok(());
    }
    let (objects, are) = (ui::count(missing.len(), "object"), if missing.len() == 1 { "is" } else { "are" });
    Err(Stop::refused(
        format!(
            "nothing was changed: consent is missing for {objects} that would lose data, {are} protected or cannot be changed back"
        ),
        "to consent, add the options named above",
    ))
}

/// Checks that a question can be asked.
fn can_ask(verb: &str) -> Result<()> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Stop::refused(
        "nothing was changed: cannot ask for confirmation, standard input is not a terminal",
        format!("add `--yes` to {verb} without confirmation"),
    ))
}

/// Asks on the terminal, and says that nothing was changed if the answer is no.
pub fn confirmed(question: &str, verb: &str) -> Result<bool> {
    can_ask(verb)?;
    let confirmed = ui::confirm(question)?;
    if !confirmed {
        ui::err("Nothing was changed: not confirmed.\n")?;
    }
    Ok(confirmed)
}

/// Asks on the terminal for confirmation of a plan.
pub fn ask(plan: &Plan, consent: &engine::Consent) -> Result<bool> {
    can_ask(if plan.destroy { "destroy" } else { "apply" })?;
    let (agreed, missing) = consent.sort(plan);
    if plan.destroy {
        let all = ui::count(plan.counts().delete, "object");
        let lost = match agreed.len() + missing.len() {
            0 => String::new(),
            1 => "; 1 of them holds data or is protected".to_owned(),
            lost => format!("; {lost} of them hold data or are protected"),
        };
        return Ok(ui::confirm_by(&format!("This deletes {all}{lost}."), &plan.environment())?);
    }
    let question = if agreed.is_empty() {
        "Apply these changes?".to_owned()
    } else {
        format!("Apply these changes, including those to {} that you gave consent for?", ui::count(agreed.len(), "object"))
    };
    Ok(ui::confirm(&question)?)
}
