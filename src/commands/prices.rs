use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::io::AsyncReadExt;

use super::stop::{Exit, Result, Stop};
use crate::aws::call::clients;
use crate::prices::{self, Known, OfferPrices, Reader};
use crate::ui::{self, Color, Terminal};
use crate::{config, local};

/// Where AWS publishes its price list, for everybody
/// (<https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api-fetching-price-list-files-manually.html>).
const LIST: &str = "https://pricing.us-east-1.amazonaws.com";
/// The client's TLS takes what the process has chosen, which is done once.
static CHOSEN: Once = Once::new();
/// How long nothing may come of a file that is being read.
const SILENCE: Duration = Duration::from_secs(60);
/// The bytes that are read of a file at once.
const PIECE: usize = 64 * 1024;

/// Show the price tables: their regions, and when they were read
///
/// Without a command, lists the tables that are in this program and those that `stack prices update` has read.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Update(Update),
}

/// Read the prices of a region from AWS's public price list
///
/// Into the user's cache folder, where `stack cost` and plans find them from then on. No credentials are needed, and no prices of another region
/// are taken. A file of the list can have half a gigabyte; what is not needed of it is not kept.
#[derive(Args, Debug)]
pub struct Update {
    /// The region [default: that of the environment or the profile] (can be repeated)
    #[arg(long, value_name = "REGION", value_parser = config::region)]
    region: Vec<String>,
    /// Read the list from a folder or another address, which has it as AWS does
    #[arg(long, value_name = "PLACE", default_value = LIST)]
    from: String,
}

/// Returns the folder with the tables of the user.
fn folder() -> Result<PathBuf> {
    Ok(local::cache_of_user()?.join("prices"))
}

/// Has prices be looked for in the folder of the user, too.
pub fn use_folder() {
    // Without a home there is none.
    if let Ok(folder) = folder() {
        prices::look_in(folder);
    }
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    match arguments.command {
        None => show(&Terminal::stdout(color)),
        Some(Command::Update(update)) => self::update(update, color).await,
    }
}

fn show(terminal: &Terminal) -> Result {
    let row = |known: &Known| {
        let place = known.path.as_ref().map_or_else(|| "this program".to_owned(), |path| path.display().to_string());
        vec![known.region.clone(), known.rows.to_string(), known.read.clone().unwrap_or_default(), place]
    };
    let rows: Vec<Vec<String>> = prices::known().iter().map(row).collect();
    ui::out(&ui::table(terminal, &["REGION", "ROWS", "LAST READ", "IN"], &rows))?;
    Ok(Exit::Ok)
}

async fn update(update: Update, color: Color) -> Result {
    let Update { mut region, from } = update;
    if region.is_empty() {
        let Some(known) = clients::region(None) else {
            let why = "the region is not known".to_owned();
            return Err(Stop::Message(Exit::Usage, why, Some("name it with `--region`".into())));
        };
        region.push(known);
    }
    let folder = folder()?;
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    for region in region {
        let (mut rows, mut missing) = (Vec::new(), Vec::new());
        for offer in prices::offers() {
            let path = offer.path(&region);
            let mut reader = Reader::new(offer, &region, &today);
            let bytes = read(&from, &path, &mut reader).await?;
            let Some(bytes) = bytes else {
                ui::err(&format!("{offer}: not in the list of {region}.\n"))?;
                missing.push(offer.to_string());
                continue;
            };
            let found = reader.end().map_err(|why| not_read(&from, &path, &why))?;
            ui::err(&told(offer, bytes, &found))?;
            rows.extend(found.rows);
        }
        if rows.is_empty() {
            return Err(Stop::refused(
                format!("nothing was changed: the list has no prices of {region}"),
                "check `--region` and `--from`",
            ));
        }
        // Someone between can answer the same, and what was known would be lost.
        if !missing.is_empty() && prices::is_written(&folder, &region) {
            return Err(Stop::refused(
                format!("nothing was changed: {} cannot be read, and older prices of {region} exist", missing.join(", ")),
                format!("try again later, or remove the prices of {region} from `{}` first", folder.display()),
            ));
        }
        let count = rows.len();
        let path = prices::write(&folder, &region, rows).map_err(|error| {
            let why = format!("nothing was changed: the prices of {region} cannot be written: {error}");
            Stop::message(why, format!("check the permissions of `{}`", folder.display()))
        })?;
        let written = format!("Wrote {} of {region} to `{}`.", ui::count(count, "row"), path.display());
        ui::err(&ui::note(&written, &Terminal::stderr(color)))?;
    }
    Ok(Exit::Ok)
}

/// Says what was found in a file, a line each.
fn told(offer: prices::Offer, bytes: u64, found: &OfferPrices) -> String {
    let rows = ui::count(found.rows.len(), "row");
    let mut lines = vec![format!("{offer}: {rows} of {}, version {}.", ui::size(bytes), found.version)];
    lines.extend(found.unclear.iter().map(|why| format!("  no price: {why}")));
    lines.extend(found.missing.iter().map(|missing| format!("  not in the list: {missing}")));
    lines.iter().map(|line| format!("{}\n", ui::style::clean(line))).collect()
}

fn not_read(from: &str, path: &str, why: &str) -> Stop {
    let place = format!("{}/{path}", from.trim_end_matches('/'));
    Stop::message(
        format!("nothing was changed: `{place}` cannot be read: {why}"),
        "try again later, or name another place with `--from`",
    )
}

/// Reads a file of the list; nothing where it has none of that name.
async fn read(from: &str, path: &str, reader: &mut Reader<'_>) -> Result<Option<u64>> {
    let wrong = |why: String| not_read(from, path, &why);
    if from.starts_with("http://") || from.starts_with("https://") {
        return fetch(from, path, reader).await;
    }
    let mut file = match tokio::fs::File::open(Path::new(from).join(path)).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && Path::new(from).is_dir() => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let (mut buffer, mut bytes) = (vec![0; PIECE], 0);
    loop {
        let count = file.read(&mut buffer).await.map_err(|error| wrong(error.to_string()))?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            return Ok(Some(bytes));
        }
        bytes += piece.len() as u64;
        reader.feed(piece).map_err(wrong)?;
    }
}

async fn fetch(from: &str, path: &str, reader: &mut Reader<'_>) -> Result<Option<u64>> {
    CHOSEN.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let wrong = |why: String| not_read(from, path, &why);
    let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(20)).read_timeout(SILENCE).build();
    let client = client.map_err(|error| wrong(error.to_string()))?;
    let address = format!("{}/{path}", from.trim_end_matches('/'));
    let mut answer = client.get(&address).send().await.map_err(|error| wrong(said(&error)))?;
    // S3, which serves the list, says of what it does not have that it is forbidden.
    if matches!(answer.status().as_u16(), 403 | 404) {
        return Ok(None);
    }
    if !answer.status().is_success() {
        return Err(wrong(format!("the answer is {}", answer.status())));
    }
    let mut bytes = 0;
    while let Some(piece) = answer.chunk().await.map_err(|error| wrong(said(&error)))? {
        bytes += piece.len() as u64;
        reader.feed(&piece).map_err(wrong)?;
    }
    Ok(Some(bytes))
}

/// Returns an error with what caused it, which alone says what is wrong.
fn said(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        out += &format!(": {inner}");
        cause = inner.source();
    }
    out
}
