use clap::Args;
use jiff::Timestamp;
use std::io::IsTerminal;

use super::applied;
use super::arguments::{Aws, STACK_FILE, StackFile};
use super::consent::{Allow, Consent};
use super::list::{self, Listed};
use super::stop::{Exit, Result, Stop};
use super::{pause, resume};
use crate::config::awake::{Awake, Moment};
use crate::engine::Pause;
use crate::ui::{self, Color, Look};

/// Pause and resume the environments whose file says when they run
///
/// `schedule: { awake: "mon-fri 07:00-20:00 Europe/Berlin" }` in a file or in one of its environments is a tag of every object. Outside of
/// those hours the environment is paused, with the file that was applied last, and resumed when they begin. What was run
/// by hand since then counts more: who resumes an environment at night has it until the next evening. A database that AWS started
/// again after 7 days is stopped again.
///
/// This acts once. `stack reap --install` deploys a function that does it every 15 minutes.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    aws: Aws,
    /// Only show what is to be done
    #[arg(long)]
    dry_run: bool,
    /// Act as at another time, in RFC 3339: `2026-11-27T20:00:00Z` [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// What is to be done with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Pause,
    Resume,
    /// It is paused as it should be: only what AWS started again is stopped.
    Check,
    Nothing,
}

impl Due {
    /// Returns what is due at a moment: nothing where something was run since the schedule last changed, except what began
    /// that and did not end well.
    fn of(paused: Option<Pause>, moment: Moment, run: Option<(Timestamp, &str, bool)>) -> Due {
        // Without its history nothing is known of what was run by hand.
        let Some((began, command, is_complete)) = run else { return Due::Nothing };
        let may = |word: &str| began < moment.since || command == word && !is_complete;
        match (moment.awake, paused) {
            (_, Some(Pause::Unready)) => Due::Nothing,
            (false, None) if may("pause") => Due::Pause,
            (true, Some(Pause::Asked)) if may("resume") => Due::Resume,
            (false, Some(Pause::Asked)) => Due::Check,
            _ => Due::Nothing,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Due::Pause => "pause",
            Due::Resume => "resume",
            Due::Check | Due::Nothing => "",
        }
    }
}

/// An environment with a schedule.
struct One {
    env: Listed,
    awake: Awake,
    due: Due,
}

impl One {
    fn of(env: Listed, now: Timestamp, look: &Look) -> Result<Option<One>> {
        let Some(text) = &env.awake else { return Ok(None) };
        let Ok(awake) = text.parse::<Awake>() else {
            let text = format!("`{}/{}` has a tag that is no schedule: `{text}`.", env.stack, env.env);
            ui::err(&ui::note(&text, look))?;
            return Ok(None);
        };
        let due = Due::of(env.paused.map(Pause::of), awake.at(now), env.run());
        Ok(Some(One { env, awake, due }))
    }

    fn row(&self, now: Timestamp) -> Vec<String> {
        let should = if self.awake.at(now).awake { "awake" } else { "asleep" };
        let env = &self.env;
        vec![
            env.stack.clone(),
            env.env.clone(),
            self.awake.to_string(),
            should.to_owned(),
            if env.paused.is_some() { "paused" } else { "runs" }.to_owned(),
            self.due.word().to_owned(),
        ]
    }
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let session = list::connect(&arguments.aws, color).await?;
    let (look, now) = (Look::stderr(color), arguments.at.unwrap_or_else(Timestamp::now));
    let mut all = Vec::new();
    for env in list::all(&session).await? {
        all.extend(One::of(env, now, &look)?);
    }
    if all.is_empty() {
        ui::err(&ui::note("No environment has a schedule.", &look))?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<Vec<String>> = all.iter().map(|one| one.row(now)).collect();
    ui::out(&ui::table(&Look::stdout(color), &["STACK", "ENVIRONMENT", "AWAKE", "NOW", "STATE", "TO DO"], &rows))?;
    all.retain(|one| one.due != Due::Nothing);
    if arguments.dry_run || all.is_empty() {
        return Ok(Exit::Ok);
    }
    if !arguments.yes && !agreed(&all)? {
        ui::err("Nothing was changed: not confirmed.\n")?;
        return Ok(Exit::Refused);
    }
    let mut exit = Exit::Ok;
    for one in &all {
        // One that fails does not keep the others.
        let ended = match act(one, &arguments.aws, color).await {
            Ok(ended) => ended,
            Err(stop) => {
                ui::err(&stop.show(&look))?;
                stop.exit()
            }
        };
        if exit as u8 == Exit::Ok as u8 {
            exit = ended;
        }
        if ended as u8 == Exit::Interrupted as u8 {
            break;
        }
    }
    Ok(exit)
}

/// Asks before anything is paused or resumed.
fn agreed(all: &[One]) -> Result<bool> {
    let many = all.iter().filter(|one| one.due != Due::Check).count();
    if many == 0 {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Stop::refused(
            "nothing was changed: cannot ask for confirmation, standard input is not a terminal",
            "add `--yes` to pause and resume without confirmation",
        ));
    }
    Ok(ui::confirm(&format!("Pause or resume {}?", ui::count(many, "environment")))?)
}

async fn act(one: &One, aws: &Aws, color: Color) -> Result {
    let (stack, env) = (one.env.stack.clone(), one.env.env.clone());
    let file = StackFile { file: STACK_FILE.to_owned(), env: Some(env), like: None, stack: Some(stack) };
    let allow = Allow::default();
    let consent = Consent { yes: true, allow, no_preflight: true, wait_for_lease: None, timeout: None, json: false };
    match one.due {
        Due::Resume => applied::run("resume", file, aws, &consent, color, resume::resume).await,
        _ => applied::run("pause", file, aws, &consent, color, pause::pause).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_since_counts_more_than_the_schedule() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let since = at("2026-11-27T20:00:00Z");
        let (asleep, awake) = (Moment { awake: false, since }, Moment { awake: true, since });
        let (before, after) = (at("2026-11-27T19:00:00Z"), at("2026-11-27T21:00:00Z"));
        let asked = Some(Pause::Asked);
        let due = |paused, moment, began, command, complete| Due::of(paused, moment, Some((began, command, complete)));
        assert_eq!(due(None, asleep, before, "apply", true), Due::Pause);
        assert_eq!(due(asked, awake, before, "pause", true), Due::Resume);
        assert_eq!(due(None, asleep, after, "resume", true), Due::Nothing, "resumed by hand");
        assert_eq!(due(asked, awake, after, "pause", true), Due::Nothing, "paused by hand");
        assert_eq!(due(None, asleep, after, "pause", false), Due::Pause, "it failed");
        assert_eq!(due(asked, awake, after, "resume", false), Due::Resume, "it failed");
        assert_eq!(due(asked, asleep, after, "pause", true), Due::Check);
        assert_eq!(due(None, awake, before, "apply", true), Due::Nothing);
        assert_eq!(due(Some(Pause::Unready), awake, before, "clone", true), Due::Nothing);
        assert_eq!(Due::of(None, asleep, None), Due::Nothing, "without its history");
    }
}
