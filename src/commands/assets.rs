mod folder;
mod prune;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::folder::{File, Turn};
use super::arguments::{Aws, StackFile, time};
use super::invalidate;
use super::patience::Patience;
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::Cx;
use crate::aws::cloudfront::invalidation::encoded;
use crate::aws::s3::objects::{self, Listed, Told, Upload};
use crate::config::{self, Stack};
use crate::engine::{Class, Error};
use crate::ui::{self, Color, Look, Tally};

/// How many calls are under way at once.
const AT_ONCE: usize = 12;
/// More changed paths than this are invalidated by one pattern: AWS counts paths.
const PATHS: usize = 30;

/// Bring static files to where CloudFront delivers them from.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Upload a folder: what is new or changed, each file with its type and how long it may be kept
    ///
    /// Files with a digest in their name (`app.3f2a9c1b.js`) come first and may be kept for ever; HTML comes last, so that
    /// whoever gets a page also gets what it refers to. Then CloudFront forgets what was overwritten. What begins with a dot
    /// is left out, and a link that leads out of the folder is refused.
    Push(Push),
}

/// Upload a folder.
#[derive(Args, Debug)]
pub struct Push {
    #[command(flatten)]
    file: StackFile,
    /// The folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    aws: Aws,
    /// Put this before every key, `static` for paths like `/static/*`
    #[arg(long, value_name = "PATH", default_value = "")]
    prefix: String,
    /// Files that never change, beside those with a digest in their name: `assets/*`
    #[arg(long, value_name = "PATTERN")]
    immutable: Vec<String>,
    /// Also remove files with a digest in their name that nothing refers to, neither in the folder nor in the bucket as it was
    #[arg(long)]
    prune: bool,
    /// Remove only what was uploaded longer ago than this
    #[arg(long, value_name = "TIME", default_value = "7d", requires = "prune", value_parser = time)]
    older_than: config::Duration,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
struct Done {
    bucket: String,
    dry_run: bool,
    uploaded: Vec<String>,
    bytes: u64,
    unchanged: usize,
    removed: Vec<String>,
    invalidated: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalidation: Option<String>,
}

pub async fn run(command: Command, color: Color) -> Result {
    let Command::Push(arguments) = command;
    let look = Look::stderr(color);
    let loaded = session::load(&arguments.file, color)?;
    let files = static_files(&loaded.stack)?;
    let prefix = match arguments.prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let (found, hidden) = folder::read(&arguments.folder, &prefix, &arguments.immutable)?;
    if found.is_empty() {
        let what = format!("there are no files in `{}`", arguments.folder.display());
        return Err(Stop::message(what, "give the folder that the build of your site makes"));
    }
    if hidden > 0 {
        ui::err(&ui::note(&format!("left out: {hidden} whose names begin with a dot"), &look))?;
    }
    let confidential: Vec<&str> = found.iter().map(|file| file.key.as_str()).filter(|key| folder::is_confidential(key)).collect();
    if !confidential.is_empty() {
        let names = confidential.iter().take(5).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let more = if confidential.len() > 5 { format!(" and {} more", confidential.len() - 5) } else { String::new() };
        let text = format!("Warning: {names}{more} would be there for the whole world to read. Is that meant?");
        ui::err(&ui::note(&text, &look))?;
    }
    unreachable(&loaded.stack, files, &found, &look)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let bucket = bucket(&session).await?;
    let root = loaded.stack.cdn.as_ref().and_then(|cdn| cdn.default_root.as_deref()).unwrap_or("index.html");

    let there = session.hear(objects::list(&session.cx, &bucket)).await?;
    let (changed, unchanged) = session.hear(compare(&session.cx, &bucket, &found, &there, &look)).await?;
    // Before anything changes: what the pages refer to that people have open.
    let removed = if arguments.prune {
        session.hear(unreferenced(&session.cx, &bucket, &prefix, &found, &there, arguments.older_than)).await?
    } else {
        Vec::new()
    };
    let mut done = Done {
        bytes: changed.iter().map(|(file, _)| file.size).sum(),
        uploaded: in_turn(&changed).map(|(file, _)| file.key.clone()).collect(),
        invalidated: outdated(&changed, &there, &prefix, root),
        dry_run: arguments.dry_run,
        unchanged,
        removed,
        bucket,
        invalidation: None,
    };
    if !arguments.dry_run {
        let begun = Cell::new(false);
        bring(&session, &mut done, &changed, &begun, &look).await.map_err(|stop| {
            if !begun.get() {
                return stop;
            }
            // The same command takes what is there by now for unchanged.
            let forget = format!("`stack invalidate {}` has CloudFront forget what was overwritten", arguments.file.file);
            if done.invalidated.is_empty() { stop.midway() } else { stop.midway().hint(&forget) }
        })?;
    }
    let shown = ui::out(&if arguments.json { session::json(&done)? } else { summary(&done) });
    // What was done was done, whoever can read of it.
    if arguments.dry_run {
        shown?;
    }
    Ok(Exit::Ok)
}

/// Does it. `begun` says whether the bucket was changed.
async fn bring(session: &Session, done: &mut Done, changed: &[Changed<'_>], begun: &Cell<bool>, look: &Look) -> Result<()> {
    let cx = &session.cx;
    let distribution = match done.invalidated.as_slice() {
        [] => None,
        _ => Some(invalidate::distribution(session).await?),
    };
    // A large file on a slow line takes its time, and its call has an end of its own.
    let patience = Patience { of: "S3", speak: Duration::from_secs(4), end: Duration::MAX };
    patience.hear(&cx.reach, look, upload(cx, &done.bucket, changed, begun, look)).await?;
    if !done.removed.is_empty() {
        session.hear(objects::delete(cx, &done.bucket, &done.removed)).await?;
        begun.set(true);
    }
    if let Some(distribution) = distribution {
        done.invalidation = Some(session.hear(invalidate::start(cx, &distribution, &done.invalidated)).await?.id);
    }
    Ok(())
}

/// The section of the file, when the bucket is the stack's own.
fn static_files(stack: &Stack) -> Result<&config::cdn::StaticFiles> {
    let Some(files) = stack.cdn.as_ref().and_then(|cdn| cdn.assets.as_ref()) else {
        return Err(Stop::message(
            "the stack has no static files",
            "add `cdn: { static: { paths: [\"/static/*\"] } }` to its file",
        ));
    };
    match &files.bucket {
        None => Ok(files),
        Some(bucket) => Err(Stop::message(
            format!("the bucket `{bucket}` is somebody else's, and `stack` changes nothing there"),
            "upload with what its owner uses, then `stack invalidate`",
        )),
    }
}

/// Says which files no path leads to. Without a load balancer everything leads to the bucket.
fn unreachable(stack: &Stack, files: &config::cdn::StaticFiles, found: &[File], look: &Look) -> Result<()> {
    if !stack.is_load_balanced() {
        return Ok(());
    }
    let leads = |file: &File| files.paths.iter().any(|path| folder::fits(path, &format!("/{}", file.key)));
    let lost: Vec<&File> = found.iter().filter(|file| !leads(file)).collect();
    if let Some(first) = lost.first() {
        let paths = files.paths.join(", ");
        let text = format!(
            "warning: {} of {} files will not be delivered, `/{}` for one: the paths of `cdn.static` are {paths}; `--prefix` puts something before every key",
            lost.len(),
            found.len(),
            first.key
        );
        ui::err(&ui::note(&text, look))?;
    }
    Ok(())
}

async fn bucket(session: &Session) -> Result<String> {
    let seen = session.read("s3.bucket").await?;
    let ours = seen.into_iter().find(|seen| seen.key().is_some_and(|key| key.name == "assets"));
    ours.and_then(|seen| seen.live.get("name").and_then(|name| name.as_str()).map(str::to_owned))
        .ok_or_else(|| Stop::message("the stack's bucket for static files is not there yet", "`stack apply` makes it"))
}

/// A file that is to be uploaded, and as what.
type Changed<'a> = (&'a File, Told);

/// The files that are not in the bucket as they are here, and how many are.
async fn compare<'a>(
    cx: &Cx,
    bucket: &str,
    files: &'a [File],
    there: &BTreeMap<String, Listed>,
    look: &Look,
) -> Result<(Vec<Changed<'a>>, usize)> {
    let tally = &Tally::new("compared", files.len(), look);
    let mut compared: Vec<(Changed<'a>, bool)> = stream::iter(files)
        .map(|file| async move {
            let path = file.path.clone();
            let sha256 =
                tokio::task::spawn_blocking(move || sha256(&path)).await.map_err(|e| Error::internal(e.to_string()))??;
            let told = Told {
                sha256: Some(sha256),
                content_type: Some(file.content_type.clone()),
                cache_control: Some(file.cache_control.to_owned()),
            };
            // A list tells sizes; the rest is asked only where that is the same.
            let same = there.get(&file.key).is_some_and(|object| object.size == file.size)
                && objects::look(cx, bucket, &file.key).await?.as_ref() == Some(&told);
            tally.one();
            Ok::<_, Error>(((file, told), same))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    compared.sort_by(|a, b| a.0.0.key.cmp(&b.0.0.key));
    let unchanged = compared.iter().filter(|(_, same)| *same).count();
    Ok((compared.into_iter().filter(|(_, same)| !same).map(|(file, _)| file).collect(), unchanged))
}

/// The SHA-256 of a file in base 64, as S3 writes it.
fn sha256(path: &Path) -> Result<String, Error> {
    let unread = |e: std::io::Error| Error::new(Class::Other, format!("`{}` cannot be read: {e}", path.display()));
    let mut file = std::fs::File::open(path).map_err(unread)?;
    let mut digest = Sha256::new();
    let mut some = vec![0; 1 << 16];
    loop {
        match file.read(&mut some).map_err(unread)? {
            0 => return Ok(aws_smithy_types::base64::encode(digest.finalize())),
            n => digest.update(&some[..n]),
        }
    }
}

fn in_turn<'c, 'a>(changed: &'c [Changed<'a>]) -> impl Iterator<Item = &'c Changed<'a>> {
    [Turn::Hashed, Turn::Other, Turn::Html].into_iter().flat_map(|turn| changed.iter().filter(move |(file, _)| file.turn == turn))
}

async fn upload(cx: &Cx, bucket: &str, changed: &[Changed<'_>], begun: &Cell<bool>, look: &Look) -> Result<(), Error> {
    let tally = Tally::new("uploaded", changed.len(), look);
    let wrong = RefCell::new(None);
    for turn in [Turn::Hashed, Turn::Other, Turn::Html] {
        let puts = changed.iter().filter(|(file, _)| file.turn == turn).map(|(file, told)| async {
            // What is on its way ends; nothing more is begun.
            if wrong.borrow().is_some() {
                return;
            }
            let upload = Upload { key: &file.key, path: &file.path, size: file.size, told: told.clone() };
            match objects::put(cx, bucket, &upload).await {
                Ok(()) => {
                    begun.set(true);
                    tally.one();
                }
                Err(e) => {
                    // It may have arrived without an answer.
                    begun.set(begun.get() || e.class == Class::Ambiguous);
                    wrong.borrow_mut().get_or_insert(e);
                }
            }
        });
        // Nothing of the next turn before all of this one are there.
        stream::iter(puts.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        if let Some(error) = wrong.take() {
            return Err(rest(error));
        }
    }
    Ok(())
}

/// The error with what becomes of the rest: the same command helps where the cause passes by itself.
fn rest(error: Error) -> Error {
    let passes = matches!(error.class, Class::Throttled | Class::Ambiguous | Class::NotYet | Class::InUse | Class::Unreachable);
    error.hint(if passes {
        "what was uploaded stays: the same command goes on from here"
    } else {
        "what was uploaded stays; when the cause is mended, the same command goes on from here"
    })
}

/// The paths of what was overwritten and may be kept somewhere. What was not there before nobody keeps.
fn outdated(changed: &[Changed<'_>], there: &BTreeMap<String, Listed>, prefix: &str, root: &str) -> Vec<String> {
    let over = changed.iter().filter(|(file, _)| file.turn != Turn::Hashed && there.contains_key(&file.key));
    let mut paths: Vec<String> = over.map(|(file, _)| encoded(&format!("/{}", file.key))).collect();
    if paths.len() > PATHS {
        return vec![encoded(&format!("/{prefix}*"))];
    }
    if paths.contains(&encoded(&format!("/{root}"))) {
        paths.push("/".into());
    }
    paths
}

/// The keys that `--prune` removes.
async fn unreferenced(
    cx: &Cx,
    bucket: &str,
    prefix: &str,
    files: &[File],
    there: &BTreeMap<String, Listed>,
    older_than: config::Duration,
) -> Result<Vec<String>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = now.saturating_sub(Duration::from_secs(older_than.as_secs())).as_secs();
    let wanted: BTreeSet<&str> = files.iter().map(|file| file.key.as_str()).collect();
    let objects = there.iter().map(|(key, listed)| (key, listed.written));
    let mut candidates = prune::candidates(objects, prefix, &wanted, i64::try_from(before).unwrap_or(i64::MAX));
    for file in files.iter().filter(|file| folder::is_text(&file.content_type)) {
        if candidates.is_empty() {
            break;
        }
        prune::keep(&mut candidates, &std::fs::read(&file.path)?);
    }
    // What stays may refer to more, and that to more again.
    let mut texts: Vec<String> =
        there.keys().filter(|key| folder::is_text_key(key) && !candidates.contains_key(*key)).cloned().collect();
    while !texts.is_empty() && !candidates.is_empty() {
        let read = stream::iter(std::mem::take(&mut texts)).map(|key| async move { objects::bytes(cx, bucket, &key).await });
        let mut read = read.buffer_unordered(AT_ONCE);
        while let Some(text) = read.next().await {
            texts.extend(prune::keep(&mut candidates, &text?).into_iter().filter(|key| folder::is_text_key(key)));
        }
    }
    Ok(candidates.into_keys().collect())
}

fn summary(done: &Done) -> String {
    let mut out = String::new();
    if done.dry_run {
        for (verb, keys) in [("upload", &done.uploaded), ("remove", &done.removed), ("invalidate", &done.invalidated)] {
            out += &keys.iter().map(|key| format!("{verb} {}\n", ui::style::clean(key))).collect::<String>();
        }
    }
    let would = if done.dry_run { "would be " } else { "" };
    out += &format!("{} {would}uploaded ({}), {} unchanged", done.uploaded.len(), ui::size(done.bytes), done.unchanged);
    if !done.removed.is_empty() {
        out += &format!(", {} {would}removed", done.removed.len());
    }
    match &done.invalidation {
        Some(id) => out += &format!(", {} paths invalidated by {id}", done.invalidated.len()),
        None if !done.invalidated.is_empty() => out += &format!(", {} paths {would}invalidated", done.invalidated.len()),
        None => {}
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_command_is_advised_alone_only_where_the_cause_passes() {
        let hint = |class| rest(Error::new(class, "no")).hints.concat();
        assert!(hint(Class::Throttled).ends_with("stays: the same command goes on from here"));
        for class in [Class::Denied, Class::Invalid, Class::Limit, Class::NotFound] {
            assert!(hint(class).contains("when the cause is mended"), "{class:?}");
        }
    }

    #[test]
    fn what_stops_after_a_change_is_no_failure_that_changed_nothing() {
        let stop = || Stop::Errors(vec![Error::new(Class::Denied, "no")]);
        assert_eq!((stop().exit(), stop().midway().exit()), (Exit::Denied, Exit::Partly));
        assert_eq!(stop().midway().to_json()["error"]["exit"], 3);
        assert_eq!(Stop::message("late", "wait").midway().exit(), Exit::Partly);
    }
}
