//! The objects of a bucket as they were at a time, from their versions.

use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::Value;

use crate::aws::s3::copies;
use crate::aws::s3::objects::Copied;
use crate::aws::s3::versions::{self, Deed, Kept, Todo, Versioning};
use crate::commands::arguments::StackFile;
use crate::commands::consent::{self, Applying};
use crate::commands::patience::Patience;
use crate::commands::run;
use crate::commands::session::{self, Session};
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::Loaded;
use crate::engine::Error;
use crate::ui::{self, Color, Tally, Terminal};

/// The kind of buckets.
const BUCKET: &str = "s3.bucket";
/// The number of copies in flight at once.
const AT_ONCE: usize = 12;
/// The number of objects that are named of those that cannot be restored.
const NAMED: usize = 10;
/// The seconds of a day.
const DAY: i64 = 86_400;

/// What is to be restored.
pub struct Order<'a> {
    /// The name of the bucket among the stack's.
    pub name: &'a str,
    /// What the keys begin with.
    pub prefix: &'a str,
    /// The time.
    pub at: jiff::Timestamp,
    /// Whether what did not exist then is hidden.
    pub hide_newer: bool,
}

/// What a restore does, for programs.
#[derive(Serialize)]
struct Counted {
    bucket: String,
    at: String,
    /// Objects that are copied from an old version, and their bytes.
    copied: usize,
    bytes: u64,
    /// Objects that are as they were.
    kept: usize,
    /// Objects that did not exist then.
    newer: usize,
    /// Whether those are hidden by delete markers.
    hidden: bool,
    /// Objects whose version is in an archive, and which stay as they are.
    archived: Vec<String>,
}

/// Restores the objects of a bucket.
pub async fn restore(
    order: &Order<'_>,
    loaded: &Loaded,
    (file, only_plan): (&StackFile, bool),
    applying: &Applying,
    color: Color,
) -> Result {
    let session = Session::of(loaded, &applying.aws, color).await?;
    let terminal = Terminal::stderr(color);
    if order.at > jiff::Timestamp::now() {
        return Err(Stop::refused(format!("nothing was changed: {} is not over yet", order.at), "give a time in the past"));
    }
    let bucket = bucket(&session, order.name).await?;
    keeps_versions(&session, &bucket).await?;
    if order.hide_newer {
        knows_what_was(&session, &bucket, order).await?;
    }
    let todo = read(&session, &bucket, order).await?;
    let counted = counted(&todo, &bucket, order);
    if applying.consent.json {
        ui::out(&session::json(&counted)?)?;
    }
    ui::err(&words(&counted, &terminal))?;
    if only_plan || counted.copied + if counted.hidden { counted.newer } else { 0 } == 0 {
        return Ok(Exit::Ok);
    }
    if !applying.consent.yes && !consent::confirmed("Restore?", "restore")? {
        return Ok(Exit::Refused);
    }
    let command = format!("stack restore {} buckets.{} --to-time {}", file.typed(), order.name, order.at);
    let lease = run::lease(&session, &command).await?;
    let result = async {
        // Somebody may have turned it off since.
        keeps_versions(&session, &bucket).await?;
        carry_out(&session, &bucket, &todo, order, &terminal).await
    }
    .await;
    lease.release().await;
    result
}

/// Refuses where a copy or a deletion would remove what is there.
async fn keeps_versions(session: &Session, bucket: &str) -> Result<()> {
    let (why, help) = match session.hear(versions::are_kept(&session.cx, bucket)).await? {
        Versioning::On => return Ok(()),
        Versioning::Suspended => (
            format!("`{bucket}` keeps no new versions of its objects: what is there now could be lost"),
            "turn `versioning` on first",
        ),
        Versioning::Off => (
            format!("`{bucket}` keeps no versions of its objects, so there is nothing to restore them from"),
            "turn `versioning` on first; what was overwritten or deleted before is gone",
        ),
    };
    Err(Stop::refused(format!("nothing was changed: {why}"), help))
}

/// Refuses to hide what did not exist at a time when it cannot be known any more.
async fn knows_what_was(session: &Session, bucket: &str, order: &Order<'_>) -> Result<()> {
    let Some(days) = session.hear(versions::expire_after(&session.cx, bucket, order.prefix)).await? else { return Ok(()) };
    // What was the latest version at that time became an old one later.
    if order.at.as_second() + i64::from(days) * DAY > jiff::Timestamp::now().as_second() {
        return Ok(());
    }
    Err(Stop::refused(
        format!(
            "nothing was changed: `{bucket}` deletes old versions after {}, so what existed at {} may have expired, and `--hide-newer` would hide it",
            ui::count(usize::try_from(days).unwrap_or_default(), "day"),
            order.at
        ),
        "leave `--hide-newer` out, or give a later time",
    ))
}

/// Returns the name in S3 of a bucket of the stack.
async fn bucket(session: &Session, name: &str) -> Result<String> {
    let seen = session.read(BUCKET).await?;
    let is = |seen: &&crate::engine::Seen| seen.key().is_some_and(|key| key.name == name);
    if let Some(id) = seen.iter().find(is).and_then(|seen| seen.live.get("name").and_then(Value::as_str)) {
        return Ok(id.to_owned());
    }
    let all: Vec<String> = seen.iter().filter_map(|seen| Some(format!("`buckets.{}`", seen.key()?.name))).collect();
    let help = if all.is_empty() { "it has no bucket".to_owned() } else { format!("its buckets are: {}", all.join(", ")) };
    Err(Stop::Message(Exit::Usage, format!("the stack has no bucket `{name}`"), Some(help)))
}

/// Reads what is to be done with each object. Copies that an earlier run made are looked at: their content says so.
async fn read(session: &Session, bucket: &str, order: &Order<'_>) -> Result<Vec<Todo>> {
    let cx = &session.cx;
    let mut todo = session.hear(versions::since(cx, bucket, order.prefix, order.at.as_second())).await?;
    let doubtful = todo.iter_mut().filter(|one| one.may_be_the_same);
    let looks = stream::iter(doubtful).map(|one| async move {
        if versions::are_the_same(cx, bucket, one).await? {
            one.deed = Deed::Keep;
        }
        Ok::<_, Error>(())
    });
    session.hear(looks.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>()).await?;
    Ok(todo)
}

fn counted(todo: &[Todo], bucket: &str, order: &Order<'_>) -> Counted {
    let copies = || todo.iter().filter_map(|one| if let Deed::Copy(of) = &one.deed { Some((one, of)) } else { None });
    let count = |deed: &Deed| todo.iter().filter(|one| one.deed == *deed).count();
    let able = || copies().filter(|(_, of)| !of.archived);
    Counted {
        bucket: bucket.to_owned(),
        at: order.at.to_string(),
        copied: able().count(),
        bytes: able().map(|(_, of)| of.size).sum(),
        kept: count(&Deed::Keep),
        newer: count(&Deed::Newer),
        hidden: order.hide_newer,
        archived: copies().filter(|(_, of)| of.archived).map(|(one, _)| one.key.clone()).collect(),
    }
}

fn words(of: &Counted, terminal: &Terminal) -> String {
    let Counted { bucket, at, copied, bytes, kept, newer, hidden, archived } = of;
    let objects = |count: usize| ui::count(count, "object");
    let mut lines = vec![
        format!("{bucket}, as it was at {at}:"),
        format!("  copied from old versions: {}, {}", objects(*copied), ui::size(*bytes)),
        format!("  as they were: {}", objects(*kept)),
    ];
    if *newer > 0 {
        let what = match hidden {
            true => "hidden by delete markers; their versions stay",
            false => "they stay; `--hide-newer` hides them",
        };
        lines.push(format!("  did not exist then: {} ({what})", objects(*newer)));
    }
    if !archived.is_empty() {
        lines.push(format!("  not restored, because that version is archived: {}", objects(archived.len())));
        lines.extend(archived.iter().take(NAMED).map(|key| format!("    {key}")));
    }
    lines.push("  No version is deleted.".to_owned());
    lines.iter().map(|line| ui::note(line, terminal)).collect()
}

async fn carry_out(session: &Session, bucket: &str, todo: &[Todo], order: &Order<'_>, terminal: &Terminal) -> Result {
    let cx = &session.cx;
    let copied = |one: &Todo| if let Deed::Copy(of) = &one.deed { (!of.archived).then(|| of.clone()) } else { None };
    let copies: Vec<(&str, Kept)> = todo.iter().filter_map(|one| Some((one.key.as_str(), copied(one)?))).collect();
    let next = "what was restored stays; the same command continues from here";
    let tally = &Tally::new("restored", copies.len(), terminal);
    let all = stream::iter(&copies).map(|(key, of)| async move {
        let done = copies::copy_version(cx, bucket, key, (&of.version, of.size)).await?;
        tally.one();
        Ok::<_, Error>((*key, done))
    });
    let patience = Patience { of: "S3", speak: Duration::from_secs(4), end: Duration::MAX };
    let done = patience.hear(&cx.reach, terminal, all.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>()).await;
    let done = done.map_err(|stop| stop.midway().hint(next))?;
    for (key, what) in &done {
        match what {
            Copied::Done => {}
            Copied::Gone => session.say(&format!("Not restored: `{key}`: that version was deleted meanwhile."))?,
            Copied::Archived => session.say(&format!("Not restored: `{key}`: that version is archived."))?,
        }
    }
    let made = done.iter().filter(|(_, what)| *what == Copied::Done).count();
    let mut text = format!("Restored: {} of `{bucket}`", ui::count(made, "object"));
    if order.hide_newer {
        let newer: Vec<String> = todo.iter().filter(|one| one.deed == Deed::Newer).map(|one| one.key.clone()).collect();
        // Without a version a deletion adds a marker, and nothing else.
        session.hear(crate::aws::s3::objects::delete(cx, bucket, &newer)).await.map_err(|stop| stop.midway().hint(next))?;
        text += &format!("; hidden: {}", ui::count(newer.len(), "object"));
    }
    session.say(&format!("{text}."))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_say_what_is_copied_and_what_cannot_be() {
        let kept = |size, archived| Deed::Copy(Kept { version: "v".into(), size, archived, etag: None });
        let todo = |key: &str, deed| Todo { key: key.to_owned(), deed, current: None, may_be_the_same: false };
        let all = [todo("a", kept(10, false)), todo("b", kept(20, true)), todo("c", Deed::Keep), todo("d", Deed::Newer)];
        let order = Order { name: "x", prefix: "", at: "2026-11-27T10:00:00Z".parse().unwrap(), hide_newer: false };
        let of = counted(&all, "shop-x", &order);
        assert_eq!((of.copied, of.bytes, of.kept, of.newer, of.archived), (1, 10, 1, 1, vec!["b".to_owned()]));
    }
}
