//! The objects that the buckets of a copy begin with: copies of those in the buckets that it is made of.

use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::aws::s3::copies;
use crate::aws::s3::objects::{self, Copied, Listed};
use crate::commands::patience::Patience;
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::Loaded;
use crate::engine::{Error, Seen, Snapshot};
use crate::ui::{self, Tally, Terminal};

/// The kind of buckets.
const BUCKET: &str = "s3.bucket";
/// Why an archived object is not copied.
const ARCHIVED: &str = "it is archived";
/// The number of copies in flight at once.
const AT_ONCE: usize = 12;
/// Where the bucket with the static files comes from in the file.
const STATIC: &str = "cdn.static";
/// Where the bucket with the logs of requests comes from in the file.
const LOGS: &str = "cdn.logs";

/// Which objects are copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objects {
    /// The static files that CloudFront serves.
    Static,
    /// Those of all buckets but CloudFront's logs.
    All,
    /// None.
    None,
    /// Those of a bucket whose keys begin with a prefix.
    Below(String, String),
}

/// Reads `--objects`.
pub fn objects(text: &str) -> Result<Objects, String> {
    match (text, text.split_once('/')) {
        ("static", _) => Ok(Objects::Static),
        ("all", _) => Ok(Objects::All),
        ("none", _) => Ok(Objects::None),
        (_, Some((bucket, prefix))) if !bucket.is_empty() => Ok(Objects::Below(bucket.to_owned(), prefix.to_owned())),
        _ => Err("write `static`, `all`, `none`, or the name of a bucket with a prefix: `uploads/`, `uploads/2026/`".into()),
    }
}

/// A bucket of an environment.
struct Bucket {
    /// Its name in the file.
    name: String,
    /// Its name in S3.
    id: String,
    /// Where it comes from in the file.
    section: String,
    /// Whether it keeps old versions of its objects.
    is_versioned: bool,
}

impl Objects {
    /// Returns the prefix of what is copied of a bucket; none where nothing is.
    fn prefix(&self, bucket: &Bucket) -> Option<&str> {
        match self {
            Objects::Static => (bucket.section == STATIC).then_some(""),
            Objects::All => (bucket.section != LOGS).then_some(""),
            Objects::None => None,
            Objects::Below(name, prefix) => (*name == bucket.name).then_some(prefix),
        }
    }
}

/// Returns the buckets among the objects of an environment.
fn buckets(seen: &[Seen]) -> Vec<Bucket> {
    let bucket = |seen: &Seen| {
        let is_versioned = seen.fields.get("versioning").and_then(Value::as_bool).unwrap_or_default();
        let section = seen.section().unwrap_or_default().to_owned();
        Some(Bucket { name: seen.key()?.name, id: seen.live.get("name")?.as_str()?.to_owned(), section, is_versioned })
    };
    seen.iter().filter(|seen| seen.kind == BUCKET).filter_map(bucket).collect()
}

/// Refuses objects that nothing would make harmless, although the file says that data is to be.
pub fn check_harmless(wanted: &[Objects], loaded: &Loaded) -> Result<()> {
    let is_public = |one: &Objects| matches!(one, Objects::Static | Objects::None);
    if loaded.stack.clone.sanitize.is_none() || loaded.sanitize().is_some() || wanted.iter().all(is_public) {
        return Ok(());
    }
    Err(Stop::Message(
        Exit::Usage,
        "nothing would make the objects harmless: `clone.sanitize` runs only where databases begin with data".into(),
        Some("leave out `--objects`, or let the databases begin with data".into()),
    ))
}

/// Checks that the source has the buckets that are named.
pub async fn check(source: &Session, wanted: &[Objects]) -> Result<()> {
    let named = || wanted.iter().filter_map(|one| if let Objects::Below(bucket, _) = one { Some(bucket) } else { None });
    if named().next().is_none() {
        return Ok(());
    }
    let known = buckets(&source.read(BUCKET).await?);
    let Some(missing) = named().find(|name| known.iter().all(|bucket| bucket.name != **name)) else { return Ok(()) };
    let all = known.iter().map(|bucket| format!("`{}`", bucket.name)).collect::<Vec<_>>().join(", ");
    let env = &source.cx.scope.env;
    Err(Stop::Message(
        Exit::Usage,
        format!("`{env}` has no bucket `{missing}`"),
        Some(if all.is_empty() { "it has no bucket".into() } else { format!("its buckets are: {all}") }),
    ))
}

/// Copies what the buckets of the copy do not have yet. What they have stays as it is.
pub async fn bring(
    source: &Session,
    (copy, of_copy): (&Session, &Snapshot),
    wanted: &[Objects],
    sanitized: bool,
    terminal: &Terminal,
) -> Result<()> {
    if wanted.iter().all(|one| *one == Objects::None) {
        return Ok(());
    }
    let (from, to) = (buckets(&source.read(BUCKET).await?), buckets(&of_copy.seen));
    for theirs in &from {
        for prefix in wanted.iter().filter_map(|one| one.prefix(theirs)) {
            let Some(ours) = to.iter().find(|ours| ours.name == theirs.name) else {
                let words = format!("Not copied: the objects of `{}`, because the copy has no such bucket.", theirs.name);
                ui::err(&ui::note(&words, terminal))?;
                continue;
            };
            if sanitized && ours.is_versioned && theirs.section != STATIC {
                let words =
                    "keeps old versions: what the sanitizer overwrites or deletes can be read there until those are deleted.";
                ui::err(&ui::note(&format!("`{}` {words}", ours.name), terminal))?;
            }
            one(source, copy, (theirs, ours), prefix, terminal).await?;
        }
    }
    Ok(())
}

/// Copies the objects of one bucket.
async fn one(
    source: &Session,
    copy: &Session,
    (theirs, ours): (&Bucket, &Bucket),
    prefix: &str,
    terminal: &Terminal,
) -> Result<()> {
    let (cx, name) = (&copy.cx, &theirs.name);
    let all = source.hear(objects::list(&source.cx, &theirs.id, prefix)).await?;
    let there = copy.hear(objects::list(cx, &ours.id, prefix)).await?;
    if all.is_empty() && !prefix.is_empty() {
        ui::err(&ui::note(&format!("Not copied: `{name}` has no object below `{prefix}`."), terminal))?;
    }
    let not = |key: &str, why: &str| ui::err(&ui::note(&format!("Not copied: `{key}` of `{name}`: {why}."), terminal));
    let mut todo = Vec::new();
    for (key, listed) in all.iter().filter(|(key, _)| !there.contains_key(*key)) {
        match listed {
            Listed { archived: true, .. } => not(key, ARCHIVED)?,
            Listed { size, .. } => todo.push((key, *size)),
        }
    }
    if todo.is_empty() {
        return Ok(());
    }
    let tally = &Tally::new("copied", todo.len(), terminal);
    let copies = stream::iter(&todo).map(|(key, size)| async move {
        let copied = copies::copy(cx, (&theirs.id, &ours.id), key, *size).await?;
        tally.one();
        Ok::<_, Error>((*key, copied))
    });
    let patience = Patience { of: "S3", speak: Duration::from_secs(4), end: Duration::MAX };
    let done = patience.hear(&cx.reach, terminal, copies.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>()).await;
    let done = done.map_err(|stop| stop.midway().hint("what was copied stays; the same command continues from here"))?;
    for (key, _) in done.iter().filter(|(_, copied)| *copied == Copied::Archived) {
        not(key, ARCHIVED)?;
    }
    let made = done.iter().filter(|(_, copied)| *copied == Copied::Done).count();
    let known = all.keys().filter(|key| there.contains_key(*key)).count();
    let before = if known > 0 { format!("; it had {known} of them") } else { String::new() };
    Ok(ui::err(&ui::note(&format!("Copied: {} of `{name}`{before}.", ui::count(made, "object")), terminal))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_those_of_a_kind_or_below_a_prefix() {
        let below = |bucket: &str, prefix: &str| Ok(Objects::Below(bucket.to_owned(), prefix.to_owned()));
        assert_eq!(objects("all"), Ok(Objects::All));
        assert_eq!(objects("uploads/"), below("uploads", ""));
        assert_eq!(objects("uploads/2026/11"), below("uploads", "2026/11"));
        for wrong in ["", "uploads", "/2026"] {
            assert!(objects(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_copied_goes_by_where_a_bucket_comes_from() {
        let bucket = |name: &str, section: &str| Bucket {
            name: name.to_owned(),
            id: format!("shop-{name}"),
            section: section.to_owned(),
            is_versioned: false,
        };
        let (logs, files) = (bucket("cdn-logs", "cdn.logs"), bucket("assets", "cdn.static"));
        let own = bucket("assets", "resources.s3.bucket.assets");
        assert_eq!(Objects::All.prefix(&logs), None);
        assert_eq!(objects("cdn-logs/").unwrap().prefix(&logs), Some(""));
        assert_eq!(Objects::Static.prefix(&files), Some(""));
        assert_eq!(Objects::Static.prefix(&own), None);
        assert_eq!(Objects::All.prefix(&own), Some(""));
    }
}
