//! What everything costs in a month, and how much a change makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decimal::Decimal;
use super::part::{HOURS, Hours, Part, Usage};
use super::table::{self, Rate, Table};

/// The number of movers that are told with a change.
const MOVERS: usize = 5;

/// A billed part of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Billed {
    /// The object: `rds.instance/main`.
    pub object: String,
    /// The section of the file that it comes from: `databases.main`.
    pub section: String,
    /// Its tags, without those of `stack`.
    pub tags: Arc<BTreeMap<String, String>>,
    /// What is billed.
    pub part: Part,
}

/// The same with its price.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is billed, and of what.
    pub billed: Billed,
    /// What it costs in a month; nothing where no price is known.
    pub monthly: Option<Decimal>,
    /// What it costs at most, where it scales.
    pub most: Option<Decimal>,
    /// The unit of the quantity.
    pub unit: Option<Arc<str>>,
    /// The price of a unit: of the first one that costs something, where prices have tiers.
    pub price: Option<Decimal>,
    /// The share of the list price that is not charged, and the key of the file that says so.
    pub discount: Option<(&'static str, Decimal)>,
    /// The units that are free in a month for an organization.
    pub allowance: Option<Decimal>,
    /// Where the price was read.
    pub source: Option<Arc<str>>,
    /// Its number in AWS's price list.
    pub sku: Option<Arc<str>>,
    /// When it was read.
    pub read: Option<Arc<str>>,
}

/// What everything costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    /// The region whose prices these are.
    pub region: String,
    /// Whether any price of the region is known.
    pub has_table: bool,
    /// The day on which prices of it were read on this machine, if some were.
    pub updated: Option<String>,
    /// The hours that are counted, where it does not run at all times.
    pub hours: Option<Hours>,
    /// Every part.
    pub lines: Vec<Line>,
    /// What everything costs in a month once free allowances are no more deducted, where the file says when that is.
    pub without_allowances: Option<Decimal>,
}

/// The lines of one group, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// What is known of it, in a month.
    pub monthly: Decimal,
    /// The same when everything is scaled to its maximum.
    pub most: Decimal,
    /// The number of parts without a known price.
    pub unpriced: usize,
    /// The number of parts.
    pub parts: usize,
}

impl Bill {
    /// Returns the prices of these parts. Tiers run over all parts of the same usage, in their order.
    pub fn of(region: &str, billed: Vec<Billed>, usage: &Usage) -> Bill {
        Bill::by(region, table::of(region), billed, usage)
    }

    fn by(region: &str, table: Option<&Table>, billed: Vec<Billed>, usage: &Usage) -> Bill {
        let mut used: BTreeMap<(Option<String>, &str, String), (Decimal, Decimal)> = BTreeMap::new();
        let mut lines = Vec::new();
        let mut without = Decimal::ZERO;
        for billed in billed {
            let elsewhere = billed.part.region.clone().filter(|other| other != region);
            let table = elsewhere.as_deref().map_or(table, |other| table::of(other));
            let (name, rate, factor) = found(table, &billed.part);
            let (reached, most_reached) = used.entry((elsewhere, billed.part.service, name.clone())).or_default();
            let quantity = billed.part.quantity * factor;
            let most = billed.part.most.map_or(quantity, |most| most * factor);
            let discount = usage.discount(billed.part.service, &name);
            let charged = discount.map_or(Decimal::ONE, |(_, share)| Decimal::ONE - share);
            let of = |from: Decimal, quantity: Decimal, free: bool| {
                let price = |quantity| rate?.price(quantity, free);
                Some((price(from + quantity)? - price(from)?) * charged)
            };
            let monthly = of(*reached, quantity, usage.free_tier);
            let most_monthly = of(*most_reached, most, usage.free_tier);
            without = without + of(*reached, quantity, false).unwrap_or_default();
            (*reached, *most_reached) = (*reached + quantity, *most_reached + most);
            let first = rate.and_then(Rate::first).filter(|_| monthly.is_some());
            lines.push(Line {
                monthly,
                most: billed.part.most.and(most_monthly),
                unit: rate.map(Rate::unit),
                price: first.map(|row| row.usd * factor),
                discount: discount.filter(|_| monthly.is_some()),
                allowance: rate.and_then(Rate::allowance),
                source: first.and_then(|row| row.source.clone()),
                sku: first.and_then(|row| row.sku.clone()),
                read: first.and_then(|row| row.read.clone()),
                billed,
            });
        }
        let updated = table.and_then(|table| table.updated.clone());
        let without_allowances = usage.free_until.filter(|_| usage.free_tier).map(|_| without);
        Bill { region: region.to_owned(), has_table: table.is_some(), updated, hours: None, lines, without_allowances }
    }

    /// Returns the sum of everything.
    pub fn sum(&self) -> Sum {
        sum(self.lines.iter())
    }

    /// Returns the sums of groups, the most expensive first.
    pub fn sums(&self, group: impl Fn(&Billed) -> String) -> Vec<(String, Sum)> {
        let mut groups: BTreeMap<String, Vec<&Line>> = BTreeMap::new();
        for line in &self.lines {
            groups.entry(group(&line.billed)).or_default().push(line);
        }
        let mut sums: Vec<(String, Sum)> = groups.into_iter().map(|(name, lines)| (name, sum(lines.into_iter()))).collect();
        sums.sort_by(|(a, one), (b, other)| (other.monthly, other.most, a).cmp(&(one.monthly, one.most, b)));
        sums
    }

    /// Returns the keys of the file whose assumptions decide anything.
    pub fn assumed(&self) -> BTreeSet<&'static str> {
        self.lines.iter().filter_map(|line| line.billed.part.assumed).collect()
    }

    /// Returns what to know about the figures, each once.
    pub fn notes(&self) -> BTreeSet<&'static str> {
        self.lines.iter().filter_map(|line| line.billed.part.note).collect()
    }
}

/// Returns the price of a part, under which name it was found, and how many of it are taken.
fn found<'a>(table: Option<&'a Table>, part: &Part) -> (String, Option<&'a Rate>, Decimal) {
    let rate = |usage: &str| table?.rate(part.service, usage);
    match (rate(&part.usage), &part.instead) {
        (None, Some((usage, factor))) if rate(usage).is_some() => (usage.clone(), rate(usage), *factor),
        (rate, _) => (part.usage.clone(), rate, Decimal::ONE),
    }
}

fn sum<'a>(lines: impl Iterator<Item = &'a Line>) -> Sum {
    lines.fold(Sum::default(), |sum, line| Sum {
        monthly: sum.monthly + line.monthly.unwrap_or_default(),
        most: sum.most + line.most.or(line.monthly).unwrap_or_default(),
        unpriced: sum.unpriced + usize::from(line.monthly.is_none()),
        parts: sum.parts + 1,
    })
}

/// What a plan makes of the monthly price.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What everything costs now.
    pub before: Bill,
    /// What it costs afterwards.
    pub after: Bill,
    /// The hours until its expiry, where it has one.
    pub hours: Option<Decimal>,
}

impl Change {
    /// Returns the sections whose known price changes most, and by how much.
    pub fn movers(&self) -> Vec<(String, Decimal)> {
        let by_section =
            |bill: &Bill| -> BTreeMap<String, Sum> { bill.sums(|billed| billed.section.clone()).into_iter().collect() };
        let (before, after) = (by_section(&self.before), by_section(&self.after));
        let monthly = |of: &BTreeMap<String, Sum>, name: &str| of.get(name).map(|sum| sum.monthly).unwrap_or_default();
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let change = |name: &String| monthly(&after, name) - monthly(&before, name);
        let mut movers: Vec<(String, Decimal)> = names.into_iter().map(|name| (name.clone(), change(name))).collect();
        movers.retain(|(_, change)| change.cents() != 0);
        let size = |change: &Decimal| if *change < Decimal::ZERO { Decimal::ZERO - *change } else { *change };
        movers.sort_by(|(a, one), (b, other)| (size(other), a).cmp(&(size(one), b)));
        movers.truncate(MOVERS);
        movers
    }

    /// Returns what it costs until its expiry, where it has one.
    pub fn until_expiry(&self) -> Option<Decimal> {
        Some((self.after.sum().monthly * self.hours?).over(HOURS))
    }

    /// Returns by how much the known price changes.
    pub fn by(&self) -> Decimal {
        self.after.sum().monthly - self.before.sum().monthly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn billed(section: &str, part: Part) -> Billed {
        Billed { object: format!("a.b/{section}"), section: section.into(), tags: Arc::default(), part }
    }

    fn hours(usage: &str, section: &str) -> Billed {
        billed(section, Part::new("AmazonVPC", usage, super::super::HOURS, "an hour"))
    }

    #[test]
    fn what_has_no_price_is_counted_and_not_zero() {
        let parts = || vec![hours("nat-gateway", "network"), hours("moon-gateway", "network")];
        let bill = Bill::of("us-east-1", parts(), &Usage::default());
        let sum = bill.sum();
        assert_eq!((sum.monthly.plain().as_str(), sum.unpriced, sum.parts), ("32.85", 1, 2));
        let elsewhere = Bill::of("eu-central-1", parts(), &Usage::default());
        assert_eq!((elsewhere.has_table, elsewhere.sum().unpriced, elsewhere.sum().monthly), (false, 2, Decimal::ZERO));
        assert!(elsewhere.lines.iter().all(|line| line.monthly.is_none() && line.price.is_none()));
    }

    #[test]
    fn a_discount_is_of_what_it_covers() {
        let of = |usage: &str, discounts| {
            let part = Part::new("AmazonRDS", usage, HOURS, "an hour").up_to(HOURS * Decimal::of(2));
            Bill::of("us-east-1", vec![billed("d", part)], &Usage { discounts, ..Usage::default() }).lines.remove(0)
        };
        let discounts = super::super::Discounts { databases: "0.35".parse().unwrap(), ..Default::default() };
        // 730 × 0.018 = 13.14, and 65 % of it 8.541; twice of it 17.082.
        let line = of("instance:postgres:db.t3.micro", discounts);
        assert_eq!((line.monthly.unwrap().to_string(), line.most.unwrap().to_string()), ("8.541".into(), "17.082".into()));
        assert_eq!(line.price.unwrap().to_string(), "0.018", "the list price stays");
        assert_eq!(line.discount, Some(("usage.discounts.databases", discounts.databases)));
        let storage = of("RDS-Storage-gp2", discounts);
        assert_eq!((storage.monthly, storage.discount), (of("RDS-Storage-gp2", Default::default()).monthly, None));
    }

    #[test]
    fn what_costs_more_after_the_allowances_is_known() {
        let calls = || vec![billed("f", Part::new("AWSLambda", "Lambda-Request", Decimal::of(3_000_000), "calls"))];
        let day = jiff::civil::date(2027, 3, 1);
        let usage = |free_tier, free_until| Usage { free_tier, free_until, ..Usage::default() };
        let told = |usage| {
            let bill = Bill::of("us-east-1", calls(), &usage);
            (bill.sum().monthly.plain(), bill.without_allowances.map(Decimal::plain))
        };
        // 2 and 3 million at 0.0000002.
        assert_eq!(told(usage(true, Some(day))), ("0.40".into(), Some("0.60".into())));
        assert_eq!(told(usage(true, None)), ("0.40".into(), None));
        assert_eq!(told(usage(false, Some(day))), ("0.60".into(), None));
    }

    #[test]
    fn tiers_run_over_all_parts() {
        // Two zones' worth of traffic reach the second tier together.
        let traffic = |section: &str| {
            billed(section, Part::new("AWSDataTransfer", "DataTransfer-Internet-Out-GB", Decimal::of(10_000), "out"))
        };
        let bill = Bill::of("us-east-1", vec![traffic("a"), traffic("b")], &Usage::default());
        let monthly: Vec<String> = bill.lines.iter().map(|line| line.monthly.unwrap().plain()).collect();
        // 10,000 at 0.09; 240 at 0.09 and 9,760 at 0.085.
        assert_eq!(monthly, ["900.00", "851.20"]);
    }

    #[test]
    fn a_row_of_its_own_is_preferred() {
        let row = |usage: &str, usd: &str| {
            serde_json::from_value(serde_json::json!({"service": "AmazonRDS", "usage": usage, "unit": "hour", "usd": usd}))
                .unwrap()
        };
        let part = || vec![billed("d", Part::new("AmazonRDS", "multi", Decimal::of(730), "m").or("single", Decimal::of(2)))];
        let priced = |rows| Bill::by("r", Some(&Table::new(rows)), part(), &Usage::default()).lines.remove(0);
        // AWS rounds each price by itself: Multi-AZ is not exactly twice.
        assert_eq!(priced(vec![row("single", "0.032"), row("multi", "0.065")]).monthly.unwrap().plain(), "47.45");
        let twice = priced(vec![row("single", "0.032")]);
        assert_eq!((twice.monthly.unwrap().plain().as_str(), twice.price.unwrap().plain().as_str()), ("46.72", "0.06"));
        assert_eq!(priced(vec![row("other", "1")]).monthly, None);
    }

    #[test]
    fn the_largest_movers_come_first() {
        let of = |parts: Vec<Billed>| Bill::of("us-east-1", parts, &Usage::default());
        let change = Change {
            before: of(vec![hours("nat-gateway", "network"), hours("public-ipv4", "gone"), hours("public-ipv4", "same")]),
            after: of(vec![
                hours("nat-gateway", "network"),
                hours("nat-gateway", "network"),
                hours("public-ipv4", "same"),
                hours("moon-gateway", "new"),
            ]),
            hours: Some(Decimal::of(73)),
        };
        let movers: Vec<String> = change.movers().iter().map(|(name, by)| format!("{name} {}", by.change())).collect();
        assert_eq!(movers, ["network +$32.85", "gone -$3.65"]);
        assert_eq!(change.by().change(), "+$29.20");
        // A tenth of a month.
        assert_eq!(change.until_expiry().unwrap().plain(), "6.94");
    }
}
