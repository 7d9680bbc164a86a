//! What may go, be replaced or be changed for good: the flags that say so, and the question on the terminal.

use std::io::IsTerminal;

use clap::Args;

use super::arguments::time;
use super::stop::{Result, Stop};
use crate::config;
use crate::engine::{self, Plan};
use crate::ui;

/// What may be done without asking.
#[derive(Args, Debug)]
pub struct Consent {
    /// Do not ask; for scripts
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub allow: Allow,
    /// Do not ask AWS beforehand what it would refuse: permissions, quotas, classes, versions, images
    #[arg(long)]
    pub no_preflight: bool,
    /// When another run is changing this stack, wait for it: up to TIME, or 30m
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30m", value_parser = time)]
    pub wait_for_lease: Option<config::Duration>,
    /// Stop politely when the run takes longer than this, as Ctrl-C does: nothing new begins, and the same command goes on later
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<config::Duration>,
    /// Print events and the result as JSON, a line each
    #[arg(long)]
    pub json: bool,
}

/// What is agreed to beforehand.
#[derive(Args, Clone, Debug, Default)]
pub struct Allow {
    /// Let this be deleted: a key (`rds.instance/main`) or a section with all of its parts (`databases.main`). `*` stands for
    /// any characters, and alone for everything but what is lost for good. Can be repeated
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub allow_delete: Vec<String>,
    /// Let this be replaced; `*` alone stands for everything but what begins empty. Can be repeated
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub allow_replace: Vec<String>,
    /// Let this be changed in a way that cannot be undone, like a major upgrade. Can be repeated
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub allow_upgrade: Vec<String>,
    /// Make no final snapshot of this database or cache when it goes. Can be repeated
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub no_final_snapshot: Vec<String>,
    /// Let what replaces this begin empty instead of with its data. Can be repeated
    #[arg(long, value_name = "KEY", help_heading = "Consent")]
    pub without_data: Vec<String>,
    /// Agree to the end of this environment with everything in it, when the plan destroys it: `webapp/staging`
    #[arg(long, value_name = "STACK/ENV", help_heading = "Consent")]
    pub confirm: Option<String>,
}

impl Allow {
    /// The same as it was typed: each flag with its value.
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

    /// The same, as the engine knows it.
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

/// A plan as it is to be done, with what was agreed to in it.
///
/// # Errors
/// When an environment was confirmed that it is not about.
pub fn with(plan: &Plan, consent: &engine::Consent) -> Result<Plan> {
    match &consent.environment {
        Some(other) if *other != plan.environment() => Err(Stop::refused(
            format!("nothing was done: `--confirm` names `{other}`, and this is `{}`", plan.environment()),
            "look at `--env` and at the file",
        )),
        _ => {
            let mut plan = plan.clone();
            plan.agree(consent);
            Ok(plan)
        }
    }
}

/// Refuses a plan that does what nobody agreed to, unless somebody is there to be asked about the whole of it.
pub fn check(plan: &Plan, consent: &engine::Consent, yes: bool) -> Result<()> {
    let (_, missing) = consent.sort(plan);
    let of_it = missing.iter().all(|item| !item.unmarked);
    if missing.is_empty() || plan.destroy && of_it && !yes && std::io::stdin().is_terminal() {
        return Ok(());
    }
    let (objects, are) = (count(missing.len(), "object"), if missing.len() == 1 { "is" } else { "are" });
    Err(Stop::refused(
        format!(
            "nothing was done: {objects} would lose data, {are} protected or cannot be changed back, and nobody agreed to that"
        ),
        "add what is named above when that is what you want",
    ))
}

/// Asks whether to do it.
pub fn ask(plan: &Plan, consent: &engine::Consent) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Stop::refused(
            "nothing was done: standard input is not a terminal",
            "add `--yes` to apply without being asked",
        ));
    }
    let (agreed, missing) = consent.sort(plan);
    if plan.destroy {
        let all = count(plan.counts().delete, "object");
        let lost = agreed.len() + missing.len();
        let lost = if lost > 0 { format!(", {lost} of them with data or protected") } else { String::new() };
        return Ok(ui::confirm_by(&format!("This deletes {all}{lost}."), &plan.environment())?);
    }
    let question = if agreed.is_empty() {
        "Apply these changes?".to_owned()
    } else {
        format!("Apply these changes, with what you agreed to about {}?", count(agreed.len(), "object"))
    };
    Ok(ui::confirm(&question)?)
}

/// `1 object`, `2 objects`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
