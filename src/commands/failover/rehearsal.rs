//! A rehearsal: the stack in its second region as an environment of its own, as `stack clone` makes one, with the data that is there.

use std::time::{Duration, Instant};

use super::figures::{self, Took};
use super::moved::{self, Beginning, Moved, lasting};
use super::{COMMAND, beginnings, begun, images, missing, tell};
use crate::commands::arguments::StackFile;
use crate::commands::clone::compose;
use crate::commands::clone::copy::Copy;
use crate::commands::clone::overlay::Overlay;
use crate::commands::consent::{Allow, Applying, Consent};
use crate::commands::run::Run;
use crate::commands::session::Session;
use crate::commands::stack_file;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::{Loaded, environment, joined};
use crate::ui::{self, Color, Terminal};

/// How long one is wanted that nobody destroys.
const TTL: &str = "1d";

/// What is rehearsed.
pub struct Wanted<'a> {
    /// The file.
    pub file: &'a StackFile,
    /// The environment of it.
    pub loaded: &'a Loaded,
    /// The second region.
    pub region: &'a str,
    /// The time of the data.
    pub at: Option<jiff::Timestamp>,
    /// Whether it stays.
    pub keep: bool,
    /// Whether only the plan is shown.
    pub plan: bool,
}

/// Returns what the rehearsal of an environment is called.
pub fn name(env: &str) -> String {
    match env {
        environment::DEFAULT => "rehearsal".to_owned(),
        env => environment::short(&format!("rehearsal-{env}")),
    }
}

/// Returns the file with the rehearsal in it, which is written nowhere.
fn text(wanted: &Wanted<'_>, env: &str) -> Result<String> {
    let Wanted { file, loaded, region, .. } = wanted;
    let usage = |what: String, help: &str| Stop::Message(Exit::Usage, what, Some(help.to_owned()));
    if file.like.is_some() || loaded.is_beside {
        return Err(usage(format!("`{}` is not in the file itself", loaded.env), "rehearse an environment that the file lists"));
    }
    if loaded.environments.iter().any(|listed| listed == env) {
        let what = format!("the rehearsal is called `{env}`, and `{}` has an environment of that name", file.file);
        return Err(usage(what, "call that one something else"));
    }
    let name = joined::file_name(&file.file, env);
    let name =
        name.ok_or_else(|| usage(format!("`{}` is not the name of a file", file.file), "name a file that ends in `.yaml`"))?;
    if std::path::Path::new(&name).exists() {
        return Err(usage(format!("`{name}` describes an environment `{env}` already"), "call that one something else"));
    }
    let mut overlay = Overlay::default();
    if loaded.env != environment::DEFAULT {
        overlay.set(&["like"], loaded.env.clone().into(), "");
    }
    overlay.set(&["ttl"], TTL.into(), "");
    overlay.set(&["region"], (*region).into(), "");
    compose::elsewhere(&mut overlay, &loaded.stack);
    compose::apart(&mut overlay, &loaded.stack);
    for name in loaded.stack.databases.keys() {
        overlay.set(&["databases", name.as_str(), "deletion_protection"], false.into(), "");
    }
    Ok(joined::joined(&stack_file::read_alone(&file.file)?, env, &name, &overlay.text(&[])))
}

pub async fn run(wanted: &Wanted<'_>, applying: &Applying, color: Color) -> Result {
    let env = name(&wanted.loaded.env);
    let text = text(wanted, &env)?;
    let file = StackFile { file: wanted.file.file.clone(), env: Some(env.clone()), like: None, stack: None };
    let mut loaded = stack_file::load_text(&file, &text, color)?;
    compose::check_shared(&loaded.stack)?;
    let session = Session::of(&loaded, &applying.aws.in_its_region(), color).await?.limited(None);
    let there = session.snapshot().await?;
    // It is destroyed at the end, so it must be one that was made for that.
    if !there.is_empty() && (there.expires().is_none() || begun(&session).await?.is_none()) {
        return Err(Stop::refused(
            format!("nothing was changed: the environment `{env}` exists in {}, and no rehearsal made it", wanted.region),
            "destroy it first, if it is not needed",
        ));
    }
    // The backups are those of the environment that is rehearsed.
    let original = session.to(&session.cx.scope.stack, &wanted.loaded.env);
    let mut moved = moved::to(wanted.loaded, wanted.region);
    apart(&moved.home, &loaded)?;
    images::find_in(&session, &mut moved).await?;
    images::like(&mut loaded.stack, &moved.loaded.stack);
    let copies = moved::copies(&original, &moved).await?;
    let missing = missing(&loaded, &there);
    // Also what exists says what it began with: that it has someone's data decides whether that is made harmless first.
    let all: Vec<String> = loaded.stack.databases.keys().map(ToString::to_string).collect();
    let mut beginnings = beginnings(&original, &copies, &all, wanted.at, &applying.consent)?;
    moved::begin(&mut loaded.stack, &beginnings);
    let is_whole = missing.len() == all.len();
    beginnings.retain(|one| missing.contains(&one.database));
    session
        .say(&format!("A rehearsal: `{env}` in {} is like `{}`, and nothing leads to it.", wanted.region, wanted.loaded.env))?;
    tell(&session, &Moved { names: Vec::new(), ..moved }, &beginnings)?;
    let copy = Copy { command: COMMAND, session, loaded: &loaded, file: &file, text: &text, verbose: applying.verbose, color };
    if wanted.plan {
        copy.show_plan(&applying.consent).await?;
        return Ok(Exit::Ok);
    }
    let (exit, up) = copy.bring_up(&applying.consent, None).await?;
    let region = wanted.region;
    let named = format!("--stack {} --env {env} --region {region}", copy.session.cx.scope.stack);
    if up.is_none() {
        copy.session.say(&format!(
            "The same command continues it; `stack destroy {named}` gives it up, and `stack reap` does after a day."
        ))?;
        return Ok(exit);
    }
    // What was there already is not measured.
    let took = if is_whole { figures::last(&copy.session).await? } else { None };
    let gone = match wanted.keep {
        true => {
            copy.session
                .say(&format!("It stays for a day: `stack show {named}` shows it, `stack destroy {named}` destroys it."))?;
            None
        }
        false => {
            let began = Instant::now();
            let exit = destroy(&copy.session, &file, &env, color).await?;
            if exit as u8 != Exit::Ok as u8 {
                copy.session.say(&format!("`stack destroy {named}` destroys what is left of it."))?;
                return Ok(exit);
            }
            Some(began.elapsed())
        }
    };
    if !applying.consent.json {
        ui::out(&shown(&beginnings, took.as_ref(), gone, &Terminal::stdout(color)))?;
    }
    Ok(Exit::Ok)
}

/// Refuses a rehearsal that would work with what the other environment works with: its queues, secrets and tables are where they were, and
/// answer. An image is only read.
fn apart(home: &str, loaded: &Loaded) -> Result<()> {
    let is_shared = |path: &str| !path.ends_with(".image") && !loaded.stack.clone.keep.iter().any(|keep| keep == path);
    let found = compose::texts(&loaded.tree(), &|text| text.contains(home));
    let shared: Vec<String> =
        found.iter().filter(|(path, _)| is_shared(path)).map(|(path, text)| format!("`{path}`: {text}")).collect();
    if shared.is_empty() {
        return Ok(());
    }
    Err(Stop::refused(
        format!("nothing was changed: the rehearsal would work with what is in {home}: {}", shared.join(", ")),
        "name something that the second region has, or list the path under `clone.keep` if that is meant",
    ))
}

/// Destroys it with its data, which is a copy.
async fn destroy(session: &Session, file: &StackFile, env: &str, color: Color) -> Result {
    let environment = format!("{}/{env}", session.cx.scope.stack);
    let allow = Allow { no_final_snapshot: vec!["*".into()], confirm: Some(environment), ..Allow::default() };
    let consent = Consent { yes: true, allow, no_preflight: true, wait_for_lease: None, timeout: None, json: false };
    let agreed = consent.allow.consent();
    let run =
        Run { command: "destroy", file, text: None, commit: None, consent: &consent, agreed: &agreed, verbose: false, color };
    run.execute(session, async || session.plan_destroy().await).await
}

/// Returns the figures.
fn shown(beginnings: &[Beginning], took: Option<&Took>, gone: Option<Duration>, terminal: &Terminal) -> String {
    let lost = |one: &Beginning| {
        vec![format!("lost of databases.{}", one.database), lasting(one.age), format!("written after {}", one.at)]
    };
    let mut rows: Vec<Vec<String>> = beginnings.iter().map(lost).collect();
    if let Some(took) = took {
        let time = |seconds: u64| lasting(Duration::from_secs(seconds));
        rows.extend(took.steps.iter().map(|step| {
            let what = if step.objects == 1 { "1 object".to_owned() } else { format!("the longest of {} objects", step.objects) };
            vec![step.what.to_owned(), time(step.seconds), what]
        }));
        rows.push(vec!["in all".to_owned(), time(took.seconds), "until everything served".to_owned()]);
    }
    rows.extend(gone.map(|gone| vec!["destroyed".to_owned(), lasting(gone), "after that, without final snapshots".to_owned()]));
    ui::table(terminal, &["FIGURE", "TIME", ""], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_has_a_short_name_of_its_own() {
        assert_eq!(name("default"), "rehearsal");
        assert!(name("production").len() <= 14 && name("production") != name("staging"));
    }
}
