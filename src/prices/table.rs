//! The price tables: one file for each region, AWS's list prices, each with where it was read and when. Some are in this program; what was read
//! on this machine since then takes the place of the same rows.
//!
//! A region without a file has no prices: none is ever derived from another region's.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;

/// The service whose prices are no region's: what the program knows of them counts in every region of which any price is known.
const EVERYWHERE: &str = "AmazonCloudFront";
/// The files, by region.
const FILES: [(&str, &str); 1] = [("us-east-1", include_str!("us-east-1.json"))];

/// One row: the price of a unit, within a range of what is used in a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The service, by its code.
    pub service: String,
    /// What is used.
    pub usage: String,
    /// In which unit.
    pub unit: Arc<str>,
    /// The price of one unit in US dollars.
    pub usd: Decimal,
    /// Above how many units in a month.
    #[serde(default)]
    pub from: Decimal,
    /// Up to how many; nothing without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Decimal>,
    /// Where it was read; nothing where the collection that it is from does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<str>>,
    /// The number of the product in AWS's price list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Arc<str>>,
    /// The version of AWS's price list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The day on which it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    region: String,
    currency: String,
    rows: Vec<Row>,
}

/// The price of one usage: its rows, by range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    rows: Vec<Row>,
}

/// What is known about a region.
#[derive(Debug, Default)]
pub struct Table {
    rates: BTreeMap<(String, String), Rate>,
    /// The day on which rows were read on this machine, if some were.
    pub updated: Option<String>,
}

/// The folder with tables that were read on this machine.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Has tables be looked for in a folder, too: for the whole run.
pub fn look_in(folder: PathBuf) {
    // The first one counts.
    drop(FOLDER.set(folder));
}

/// A table that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its region.
    pub region: String,
    /// The number of its rows.
    pub rows: usize,
    /// The latest day on which one was read.
    pub read: Option<String>,
    /// Its file; nothing where it is in this program.
    pub path: Option<PathBuf>,
}

/// Returns every table that is known, by region.
pub fn known() -> Vec<Known> {
    let known =
        |file: File, path: Option<PathBuf>| Known { rows: file.rows.len(), read: latest(&file.rows), region: file.region, path };
    let embedded = FILES.iter().filter_map(|(_, text)| parsed(text)).map(|file| known(file, None));
    let entries = FOLDER.get().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let own = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let mut all: Vec<Known> = embedded.chain(own.filter_map(|path| Some(known(file(&path)?, Some(path))))).collect();
    all.sort_by(|a, b| (&a.region, &a.path).cmp(&(&b.region, &b.path)));
    all
}

fn parsed(text: &str) -> Option<File> {
    serde_json::from_str::<File>(text).ok().filter(|file| file.currency == "USD")
}

fn file(path: &Path) -> Option<File> {
    parsed(&std::fs::read_to_string(path).ok()?)
}

fn latest(rows: &[Row]) -> Option<String> {
    rows.iter().filter_map(|row| row.read.as_deref()).max().map(str::to_owned)
}

/// Writes the table of a region into a folder, all of it or nothing, and returns its file.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, region: &str, rows: Vec<Row>) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{region}.json"));
    let file = File { region: region.to_owned(), currency: "USD".to_owned(), rows };
    let mut new = tempfile_in(folder, region)?;
    new.1.write_all(serde_json::to_string_pretty(&file)?.as_bytes())?;
    new.1.sync_all()?;
    std::fs::rename(&new.0, &path)?;
    Ok(path)
}

/// Checks whether a folder has the table of a region.
pub fn is_written(folder: &Path, region: &str) -> bool {
    folder.join(format!("{region}.json")).is_file()
}

fn tempfile_in(folder: &Path, region: &str) -> std::io::Result<(PathBuf, std::fs::File)> {
    let path = folder.join(format!(".{region}.{}", std::process::id()));
    let file = std::fs::File::create(&path)?;
    Ok((path, file))
}

/// Returns the table of a region, if there is one.
pub fn of(region: &str) -> Option<&'static Table> {
    static TABLES: Mutex<BTreeMap<String, Option<&'static Table>>> = Mutex::new(BTreeMap::new());
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    // A run knows a few regions, and each is read once.
    *tables.entry(region.to_owned()).or_insert_with(|| read(region, FOLDER.get()).map(|table| &*Box::leak(Box::new(table))))
}

/// Reads the table of a region: what is in this program, with the rows of the folder in place of the same ones.
fn read(region: &str, folder: Option<&PathBuf>) -> Option<Table> {
    // A test reads every file: a broken one has no prices, which is what is then said.
    let embedded = FILES.iter().find(|(known, _)| *known == region).and_then(|(_, text)| parsed(text));
    let own = folder.and_then(|folder| file(&folder.join(format!("{region}.json")))).filter(|file| file.region == region);
    if embedded.is_none() && own.is_none() {
        return None;
    }
    let mut table = Table::new(embedded.map_or_else(everywhere, |file| file.rows));
    if let Some(own) = own {
        table.updated = latest(&own.rows);
        for (key, mut rate) in Table::new(own.rows).rates {
            let known = table.rates.get(&key);
            if known.is_some_and(|known| known.read() > rate.read()) {
                continue; // This program is newer than the file.
            }
            if let Some(allowance) = known.and_then(|known| known.rows.first()).filter(|row| row.is_allowance()) {
                rate.allow(allowance);
            } else if let Some(allowance) = of_all_edges(&table, &key) {
                rate.allow(&allowance);
            }
            table.rates.insert(key, rate);
        }
    }
    Some(table)
}

/// Returns the rows of this program that are no region's.
fn everywhere() -> Vec<Row> {
    let files = FILES.iter().filter_map(|(_, text)| parsed(text));
    files.flat_map(|file| file.rows).filter(|row| row.service == EVERYWHERE).collect()
}

/// Returns what is free of a usage of one area's edge locations: the same as of any, because it is counted in all of them together.
fn of_all_edges(table: &Table, (service, usage): &(String, String)) -> Option<Row> {
    let (usage, _) = usage.split_once(':').filter(|_| service == EVERYWHERE)?;
    table.rate(service, usage)?.rows.first().filter(|row| row.is_allowance()).cloned()
}

impl Table {
    /// Returns a table of these rows.
    pub fn new(rows: Vec<Row>) -> Table {
        let mut table = Table::default();
        for row in rows {
            table.rates.entry((row.service.clone(), row.usage.clone())).or_default().rows.push(row);
        }
        for rate in table.rates.values_mut() {
            rate.rows.sort_by_key(|row| row.from);
        }
        table
    }

    /// Returns the price of a usage, if it is known.
    pub fn rate(&self, service: &str, usage: &str) -> Option<&Rate> {
        self.rates.get(&(service.to_owned(), usage.to_owned()))
    }
}

impl Rate {
    /// Returns what a quantity costs; nothing where it is more than prices are known for. A free allowance counts once for a whole
    /// organization: without `free` it is not deducted, and its units cost as much as those after it.
    pub fn price(&self, quantity: Decimal, free: bool) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        let mut reached = Decimal::ZERO;
        for (at, row) in self.rows.iter().enumerate() {
            if row.from >= quantity {
                break;
            }
            let end = row.to.map_or(quantity, |to| to.min(quantity));
            let usd = match self.rows.get(at + 1) {
                Some(next) if row.is_allowance() && !free => next.usd,
                _ => row.usd,
            };
            sum = sum + (end - row.from) * usd;
            reached = end;
        }
        (reached >= quantity).then_some(sum)
    }

    /// Returns the unit.
    pub fn unit(&self) -> Arc<str> {
        self.rows.first().map(|row| row.unit.clone()).unwrap_or_default()
    }

    /// Returns the price of the first unit that costs something, and its row.
    pub fn first(&self) -> Option<&Row> {
        self.rows.iter().find(|row| !row.is_allowance()).or(self.rows.first())
    }

    /// Returns the latest day on which a row was read.
    fn read(&self) -> Option<&str> {
        self.rows.iter().filter_map(|row| row.read.as_deref()).max()
    }

    /// Has units be free that are so for an organization in all regions together: the price list has them elsewhere.
    fn allow(&mut self, allowance: &Row) {
        let Some(to) = allowance.to.filter(|_| self.allowance().is_none()) else { return };
        self.rows.retain(|row| row.to.is_none_or(|end| end > to));
        for row in self.rows.iter_mut().filter(|row| row.from < to) {
            row.from = to;
        }
        self.rows.insert(0, allowance.clone());
    }

    /// Returns how many units are free in a month, for all accounts of an organization together.
    pub fn allowance(&self) -> Option<Decimal> {
        self.rows.first().filter(|row| row.is_allowance()).and_then(|row| row.to)
    }
}

impl Row {
    /// Checks whether it is the free part of something that costs.
    fn is_allowance(&self) -> bool {
        self.usd == Decimal::ZERO && self.to.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_and_every_range_is_whole() {
        for (region, text) in FILES {
            let file: File = serde_json::from_str(text).unwrap();
            assert_eq!((file.region.as_str(), file.currency.as_str()), (region, "USD"));
            assert!(file.rows.len() >= 280, "{}", file.rows.len());
            let table = Table::new(file.rows);
            for (name, rate) in &table.rates {
                assert_eq!(rate.rows[0].from, Decimal::ZERO, "{name:?}");
                for pair in rate.rows.windows(2) {
                    assert_eq!((pair[0].to, &pair[0].unit), (Some(pair[1].from), &pair[1].unit), "{name:?}");
                }
                for row in &rate.rows {
                    assert_eq!(row.source.is_some(), row.read.is_some(), "{row:?}");
                }
            }
        }
    }

    #[test]
    fn other_regions_have_no_table() {
        assert!(of("us-east-1").is_some());
        for region in ["us-east-2", "eu-central-1", "us-gov-east-1", ""] {
            assert!(of(region).is_none(), "{region}");
        }
    }

    #[test]
    fn later_readings_replace_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_owned();
        let row = |usage: &str, usd: &str| -> Row {
            let row =
                serde_json::json!({"service": "AmazonVPC", "usage": usage, "unit": "hour", "usd": usd, "read": "2026-11-28"});
            serde_json::from_value(row).unwrap()
        };
        write(&folder, "eu-central-1", vec![row("nat-gateway", "0.052")]).unwrap();
        write(&folder, "us-east-1", vec![row("nat-gateway", "0.046")]).unwrap();
        let price = |table: &Table, usage: &str| Some(table.rate("AmazonVPC", usage)?.price(Decimal::ONE, false)?.to_string());
        let there = read("eu-central-1", Some(&folder)).unwrap();
        assert_eq!((price(&there, "nat-gateway").as_deref(), price(&there, "public-ipv4")), (Some("0.052"), None));
        let here = read("us-east-1", Some(&folder)).unwrap();
        assert_eq!(
            (price(&here, "nat-gateway").as_deref(), price(&here, "public-ipv4").as_deref(), here.updated.as_deref()),
            (Some("0.046"), Some("0.005"), Some("2026-11-28"))
        );
        // What is no region's counts in all of which something is known.
        let requests =
            |table: &Table| table.rate("AmazonCloudFront", "CloudFront-HTTPS-Request").unwrap().price(Decimal::of(10), false);
        assert_eq!((requests(&there), requests(&here)), (requests(&here), Some("0.00001".parse().unwrap())));
        // Of another region there is nothing, also not where a file lies under its name.
        assert!(read("eu-west-1", Some(&folder)).is_none());
        std::fs::copy(folder.join("eu-central-1.json"), folder.join("eu-west-1.json")).unwrap();
        assert!(read("eu-west-1", Some(&folder)).is_none());
        // Nothing of an attempt stays, and what is broken is none.
        std::fs::write(folder.join("eu-central-1.json"), "{").unwrap();
        assert!(read("eu-central-1", Some(&folder)).is_none());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    }

    #[test]
    fn an_allowance_stays_and_an_older_row_does_not_count() {
        let folder = tempfile::tempdir().unwrap().keep();
        let rows = |usd: &str, read: &str| -> Vec<Row> {
            let row = |from: &str, to: Option<&str>, usd: &str| serde_json::json!({"service": "AmazonCloudWatch", "usage": "CloudWatch-Alarm-Month", "unit": "alarm", "from": from, "to": to, "usd": usd, "read": read});
            serde_json::from_value(serde_json::json!([row("0", Some("100"), usd), row("100", None, "0.05")])).unwrap()
        };
        let price = |alarms, free| {
            let table = super::read("us-east-1", Some(&folder)).unwrap();
            table.rate("AmazonCloudWatch", "CloudWatch-Alarm-Month").unwrap().price(Decimal::of(alarms), free).unwrap().plain()
        };
        write(&folder, "us-east-1", rows("0.20", "2099-01-01")).unwrap();
        assert_eq!([price(12, false), price(12, true), price(110, true)], ["2.40", "0.40", "18.50"]);
        write(&folder, "us-east-1", rows("0.20", "2020-01-01")).unwrap();
        assert_eq!([price(12, false), price(12, true)], ["1.20", "0.20"]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_no_row_covers_has_no_price() {
        // S3's last tier is not in the table.
        let rate = of("us-east-1").unwrap().rate("AmazonS3", "S3-Storage").unwrap();
        assert!(rate.price(Decimal::of(512_000), false).is_some());
        assert_eq!(rate.price(Decimal::of(512_001), false), None);
    }

    #[test]
    fn an_allowance_counts_only_when_asked() {
        let rate = of("us-east-1").unwrap().rate("AmazonCloudWatch", "CloudWatch-Alarm-Month").unwrap();
        let price = |alarms, free| rate.price(Decimal::of(alarms), free).unwrap().plain();
        assert_eq!([price(12, false), price(12, true), price(3, true)], ["1.20", "0.20", "0.00"]);
        assert_eq!(rate.allowance(), Some(Decimal::of(10)));
    }
}
