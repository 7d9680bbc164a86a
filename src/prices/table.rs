//! The embedded price tables: one file for each region, AWS's list prices, each with where it was read and when.
//!
//! A region without a file has no prices: none is ever derived from another region's.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::decimal::Decimal;

/// The files, by region.
const FILES: [(&str, &str); 1] = [("us-east-1", include_str!("us-east-1.json"))];

/// One row: the price of a unit, within a range of what is used in a month.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The service, by its code.
    pub service: String,
    /// What is used.
    pub usage: String,
    /// In which unit.
    pub unit: String,
    /// The price of one unit in US dollars.
    pub usd: Decimal,
    /// Above how many units in a month.
    #[serde(default)]
    pub from: Decimal,
    /// Up to how many; nothing without end.
    #[serde(default)]
    pub to: Option<Decimal>,
    /// Where it was read; nothing where the collection that it is from does not say.
    #[serde(default)]
    pub source: Option<String>,
    /// The number of the product in AWS's price list.
    #[serde(default)]
    pub sku: Option<String>,
    /// The version of AWS's price list.
    #[serde(default)]
    pub offer: Option<String>,
    /// The day on which it was read.
    #[serde(default)]
    pub read: Option<String>,
}

#[derive(Deserialize)]
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
}

/// Returns the table of a region, if there is one.
pub fn of(region: &str) -> Option<&'static Table> {
    static TABLES: LazyLock<BTreeMap<String, Table>> = LazyLock::new(|| {
        // A test reads every file: a broken one has no prices, which is what is then said.
        let files = FILES.iter().filter_map(|(_, text)| serde_json::from_str::<File>(text).ok());
        files.filter(|file| file.currency == "USD").map(|file| (file.region, Table::new(file.rows))).collect()
    });
    TABLES.get(region)
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
    pub fn unit(&self) -> &str {
        self.rows.first().map_or("", |row| &row.unit)
    }

    /// Returns the price of the first unit that costs something, and its row.
    pub fn first(&self) -> Option<&Row> {
        self.rows.iter().find(|row| !row.is_allowance()).or(self.rows.first())
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
