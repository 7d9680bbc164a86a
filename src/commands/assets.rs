mod folder;
mod prune;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
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
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::Cx;
use crate::aws::cloudfront::invalidation::encoded;
use crate::aws::s3::objects::{self, Listed, Told, Upload};
use crate::blueprint::objects::ASSETS;
use crate::config::{self, Stack};
use crate::engine::{Class, Error};
use crate::ui::{self, Color, Tally, Terminal};

/// The number of calls in flight at once.
const AT_ONCE: usize = 12;
/// More changed paths than this are invalidated by one pattern: AWS counts paths.
const PATHS: usize = 30;

/// Upload static files for CloudFront to serve.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Upload the new and changed files of a folder, each with its type and how long it may be cached
    ///
    /// Files with a digest in their name (`app.3f2a9c1b.js`) are uploaded first and may be cached for a year. HTML is uploaded
    /// last, so that a page never refers to a file that does not exist yet. What was overwritten is invalidated in CloudFront's
    /// cache. Files whose names begin with a dot are left out, and a link that leads out of the folder is refused.
    Push(Push),
}

/// Upload a folder.
#[derive(Args, Debug)]
#[command(override_usage = "stack assets push [OPTIONS] [FILE] <FOLDER>")]
pub struct Push {
    #[command(flatten)]
    file: StackFile,
    /// The folder to upload
    #[arg(value_name = "FOLDER")]
    folder: Option<String>,
    #[command(flatten)]
    aws: Aws,
    /// Prefix every key with this: `static` for paths like `/static/*`
    #[arg(long, value_name = "PATH", default_value = "")]
    prefix: String,
    /// Files that never change, besides those with a digest in their name: `assets/*` (can be repeated)
    #[arg(long, value_name = "PATTERN")]
    immutable: Vec<String>,
    /// Also delete files with a digest in their name that nothing refers to, neither in the folder nor in the bucket
    #[arg(long)]
    prune: bool,
    /// Delete only what was uploaded longer ago than this
    #[arg(long, value_name = "TIME", default_value = "7d", requires = "prune", value_parser = time)]
    older_than: config::Duration,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The result of a push.
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
    let terminal = Terminal::stderr(color);
    let (file, folder) = arguments.file.and(arguments.folder, "FOLDER")?;
    let loaded = stack_file::load(&file, color)?;
    let files = static_files(&loaded.stack)?;
    let prefix = match arguments.prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let (found, hidden) = folder::read(Path::new(&folder), &prefix, &arguments.immutable)?;
    if found.is_empty() {
        let what = format!("there are no files in `{folder}`");
        return Err(Stop::message(what, "name the folder that your site's build writes"));
    }
    if hidden > 0 {
        ui::err(&ui::note(&format!("Left out: {} beginning with a dot.", ui::count(hidden, "name")), &terminal))?;
    }
    let confidential: Vec<&str> = found.iter().map(|file| file.key.as_str()).filter(|key| folder::is_confidential(key)).collect();
    if !confidential.is_empty() {
        let names = confidential.iter().take(5).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let more = if confidential.len() > 5 { format!(" and {} more", confidential.len() - 5) } else { String::new() };
        let text = format!("Warning: {names}{more} will be public. Make sure that this is intended.");
        ui::err(&ui::note(&text, &terminal))?;
    }
    unreachable(&loaded.stack, files, &found, &terminal)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let bucket = bucket(&session).await?;
    let root = loaded.stack.cdn.as_ref().and_then(|cdn| cdn.default_root.as_deref()).unwrap_or("index.html");

    let there = session.hear(objects::list(&session.cx, &bucket, "")).await?;
    let (changed, unchanged) = session.hear(compare(&session.cx, &bucket, &found, &there, &terminal)).await?;
    // Before anything changes: pages that are open refer to the old files.
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
        bring(&session, &mut done, &changed, &begun, &terminal).await.map_err(|stop| {
            if !begun.get() {
                return stop;
            }
            // The same command will find these files unchanged, and not invalidate them.
            let forget = format!("`stack invalidate {}` invalidates what was overwritten in CloudFront's cache", file.file);
            if done.invalidated.is_empty() { stop.midway() } else { stop.midway().hint(&forget) }
        })?;
    }
    let shown = ui::out(&if arguments.json { session::json(&done)? } else { summary(&done) });
    // The files have been uploaded: that this cannot be written is no failure.
    if arguments.dry_run {
        shown?;
    }
    Ok(Exit::Ok)
}

/// Uploads, deletes and invalidates. `begun` says whether the bucket was changed.
async fn bring(
    session: &Session,
    done: &mut Done,
    changed: &[Changed<'_>],
    begun: &Cell<bool>,
    terminal: &Terminal,
) -> Result<()> {
    let cx = &session.cx;
    let distribution = match done.invalidated.as_slice() {
        [] => None,
        _ => Some(invalidate::distribution(session).await?),
    };
    // A large file on a slow line takes long, and its call has a limit of its own.
    let patience = Patience { of: "S3", speak: Duration::from_secs(4), end: Duration::MAX };
    patience.hear(&cx.reach, terminal, upload(cx, &done.bucket, changed, begun, terminal)).await?;
    if !done.removed.is_empty() {
        session.hear(objects::delete(cx, &done.bucket, &done.removed)).await?;
        begun.set(true);
    }
    if let Some(distribution) = distribution {
        done.invalidation = Some(session.hear(invalidate::start(cx, &distribution, &done.invalidated)).await?.id);
    }
    Ok(())
}

/// Returns the section of the file, if the bucket is the stack's own.
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
            format!("the bucket `{bucket}` is not the stack's, and `stack` changes nothing in it"),
            "upload with its owner's tools, then run `stack invalidate`",
        )),
    }
}

/// Warns of files that no path leads to. Without a load balancer every path leads to the bucket.
fn unreachable(stack: &Stack, files: &config::cdn::StaticFiles, found: &[File], terminal: &Terminal) -> Result<()> {
    if !stack.is_load_balanced() {
        return Ok(());
    }
    let leads = |file: &File| files.paths.iter().any(|path| folder::fits(path, &format!("/{}", file.key)));
    let lost: Vec<&File> = found.iter().filter(|file| !leads(file)).collect();
    if let Some(first) = lost.first() {
        let paths = files.paths.join(", ");
        let text = format!(
            "Warning: {} of {} files will not be served, such as `/{}`: the paths of `cdn.static` are {paths}; `--prefix` prefixes every key.",
            lost.len(),
            found.len(),
            first.key
        );
        ui::err(&ui::note(&text, terminal))?;
    }
    Ok(())
}

/// Finds the bucket for static files.
async fn bucket(session: &Session) -> Result<String> {
    let seen = session.read("s3.bucket").await?;
    let ours = seen.into_iter().find(|seen| seen.key().is_some_and(|key| key.name == ASSETS));
    ours.and_then(|seen| seen.live.get("name").and_then(|name| name.as_str()).map(str::to_owned))
        .ok_or_else(|| Stop::message("the stack's bucket for static files does not exist yet", "`stack apply` creates it"))
}

/// A file to upload, with what S3 is to know about it.
type Changed<'a> = (&'a File, Told);

/// Returns the files that differ from those in the bucket, and the number of those that do not.
async fn compare<'a>(
    cx: &Cx,
    bucket: &str,
    files: &'a [File],
    there: &BTreeMap<String, Listed>,
    terminal: &Terminal,
) -> Result<(Vec<Changed<'a>>, usize)> {
    let tally = &Tally::new("compared", files.len(), terminal);
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
            // A list has the sizes; the rest is asked only if the size is the same.
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

/// Returns the SHA-256 of a file in Base64, as S3 writes it.
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

/// Returns the files in the order of their uploads.
fn in_turn<'c, 'a>(changed: &'c [Changed<'a>]) -> impl Iterator<Item = &'c Changed<'a>> {
    [Turn::Hashed, Turn::Other, Turn::Html].into_iter().flat_map(|turn| changed.iter().filter(move |(file, _)| file.turn == turn))
}

/// Uploads the files in their order.
async fn upload(cx: &Cx, bucket: &str, changed: &[Changed<'_>], begun: &Cell<bool>, terminal: &Terminal) -> Result<(), Error> {
    let tally = Tally::new("uploaded", changed.len(), terminal);
    let wrong = RefCell::new(None);
    for turn in [Turn::Hashed, Turn::Other, Turn::Html] {
        let puts = changed.iter().filter(|(file, _)| file.turn == turn).map(|(file, told)| async {
            // Uploads in flight end; no other is started.
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
                    // It may have arrived although there was no answer.
                    begun.set(begun.get() || e.class == Class::Ambiguous);
                    wrong.borrow_mut().get_or_insert(e);
                }
            }
        });
        // The next turn starts when all of this one have arrived.
        stream::iter(puts.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        if let Some(error) = wrong.take() {
            return Err(rest(error));
        }
    }
    Ok(())
}

/// Adds the next step to an error: the same command helps if the cause passes by itself.
fn rest(error: Error) -> Error {
    let passes = matches!(error.class, Class::Throttled | Class::Ambiguous | Class::NotYet | Class::InUse | Class::Unreachable);
    error.hint(if passes {
        "what was uploaded stays; the same command continues from here"
    } else {
        "what was uploaded stays; fix the cause, and the same command continues from here"
    })
}

/// Returns the paths of what was overwritten and may be cached. What is new is in no cache.
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

/// Returns the keys that `--prune` deletes.
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
    // What stays may refer to more, and that to more in turn.
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

/// Returns the result in words.
fn summary(done: &Done) -> String {
    let mut out = String::new();
    if done.dry_run {
        for (verb, keys) in [("upload", &done.uploaded), ("delete", &done.removed), ("invalidate", &done.invalidated)] {
            out += &keys.iter().map(|key| format!("{verb} {}\n", ui::style::clean(key))).collect::<String>();
        }
    }
    let would = if done.dry_run { "would be " } else { "" };
    out += &format!("{} {would}uploaded ({}), {} unchanged", done.uploaded.len(), ui::size(done.bytes), done.unchanged);
    if !done.removed.is_empty() {
        out += &format!(", {} {would}deleted", done.removed.len());
    }
    match &done.invalidation {
        Some(id) => out += &format!(", {} invalidated by {id}", ui::count(done.invalidated.len(), "path")),
        None if !done.invalidated.is_empty() => {
            out += &format!(", {} {would}invalidated", ui::count(done.invalidated.len(), "path"))
        }
        None => {}
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_retries_are_advised_only_for_passing_causes() {
        let hint = |class| rest(Error::new(class, "no")).hints.concat();
        assert!(hint(Class::Throttled).ends_with("stays; the same command continues from here"));
        for class in [Class::Denied, Class::Invalid, Class::Limit, Class::NotFound] {
            assert!(hint(class).contains("fix the cause"), "{class:?}");
        }
    }

    #[test]
    fn a_stop_after_a_change_exits_as_partly_done() {
        let stop = || Stop::Errors(vec![Error::new(Class::Denied, "no")]);
        assert_eq!((stop().exit(), stop().midway().exit()), (Exit::Denied, Exit::Partly));
        assert_eq!(stop().midway().to_json()["error"]["exit"], 3);
        assert_eq!(Stop::message("late", "wait").midway().exit(), Exit::Partly);
    }
}
