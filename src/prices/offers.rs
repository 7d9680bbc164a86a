//! AWS's public price list, read line by line, because one file can have half a gigabyte
//! (<https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html>). By what rows are found in it is in
//! [`super::rules`].
//!
//! What is not understood has no price: a row that the list has twice with different prices, a range with a hole, another region. Prices that
//! are no region's, such as CloudFront's, are in the file of an offer that is for all regions.

use std::collections::BTreeMap;

use super::decimal::Decimal;
use super::rules::{Name, Offer};
use super::table::Row;

/// The term of an on-demand price, where a product has several.
const ON_DEMAND: &str = "JRTCKXETXF";
/// The bytes of a line at most: AWS's have some hundreds.
const LINE: usize = 1 << 20;
/// The lines before the header, at most: there are five of them.
const BEFORE: usize = 20;

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfferPrices {
    /// The rows.
    pub rows: Vec<Row>,
    /// The version of the offer.
    pub version: String,
    /// What has no price although the list has one, and why.
    pub unclear: Vec<String>,
    /// The rows that have a rule, and are not in the list.
    pub missing: Vec<&'static str>,
}

/// Reads the file of an offer, piece by piece. It keeps what rules find and a line.
pub struct Reader<'a> {
    offer: Offer,
    region: &'a str,
    read: String,
    version: String,
    said: Option<String>,
    columns: Option<BTreeMap<String, usize>>,
    line: Vec<u8>,
    lines: usize,
    rows: BTreeMap<(&'static str, String), Vec<(Row, bool)>>,
}

/// Returns a column's name without what is spelled differently in the two forms of the list: `Database Engine`, `databaseEngine`.
fn column(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Returns the cells of a line.
fn cells(line: &str) -> Vec<String> {
    let (mut out, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                cell.push('"');
                characters.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    out.push(cell);
    out
}

/// Returns a usage type without its region: `EUC1-NatGateway-Hours` is `NatGateway-Hours`, as is `eu-central-1-NatGateway-Hours`, and
/// `SpotUsage-…` stays.
fn without_region<'a>(usage: &'a str, region: &str) -> &'a str {
    if let Some(rest) = usage.strip_prefix(region).and_then(|rest| rest.strip_prefix('-')) {
        return rest;
    }
    // `EUC1`, `USW2`, `UGE1`, and the first one of all, `EU`; `TS-LoadBalancerUsage` is something else than `LoadBalancerUsage`.
    let is_region = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_numbered = word.len() == letters.len() + 1 && (2..=4).contains(&letters.len());
        word == "EU" || is_numbered && letters.bytes().all(|b| b.is_ascii_uppercase())
    };
    usage.split_once('-').filter(|(first, _)| is_region(first)).map_or(usage, |(_, rest)| rest)
}

impl<'a> Reader<'a> {
    /// Begins with the file of an offer in a region, read on a day.
    pub fn new(offer: Offer, region: &'a str, read: &str) -> Reader<'a> {
        Reader {
            offer,
            region,
            read: read.to_owned(),
            version: String::new(),
            said: None,
            columns: None,
            line: Vec::new(),
            lines: 0,
            rows: BTreeMap::new(),
        }
    }

    /// Reads on.
    ///
    /// # Errors
    /// When that is not AWS's list, or that of another offer.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > LINE {
                return Err(format!("line {} is longer than any of AWS's list", self.lines + 1));
            }
            if piece.ends_with(b"\n") {
                self.end_line()?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), String> {
        let line = std::mem::take(&mut self.line);
        self.lines += 1;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        if self.columns.is_none() {
            return self.head(&cells(line));
        }
        // Only lines that can matter are taken apart: there are a million of them.
        if !line.is_empty() && self.offer.rules().any(|rule| line.contains(rule.usage)) {
            self.row(&cells(line));
        }
        Ok(())
    }

    fn head(&mut self, cells: &[String]) -> Result<(), String> {
        match cells {
            [name, ..] if column(name) == "sku" => {
                if self.said.as_deref().is_some_and(|said| said != self.offer.code) {
                    return Err(format!("it is the list of {}", self.said.clone().unwrap_or_default()));
                }
                let columns: BTreeMap<String, usize> = cells.iter().enumerate().map(|(at, name)| (column(name), at)).collect();
                for needed in ["usagetype", "priceperunit", "termtype", "currency", "startingrange", "endingrange"] {
                    if !columns.contains_key(needed) {
                        return Err(format!("it has no column `{needed}`"));
                    }
                }
                self.columns = Some(columns);
            }
            [name, value] if column(name) == "version" => self.version.clone_from(value),
            [name, value] if column(name) == "offercode" => self.said = Some(value.clone()),
            _ if self.lines > BEFORE => return Err("it is not AWS's price list as CSV".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn row(&mut self, cells: &[String]) {
        let of = |name: &str| {
            let at = self.columns.as_ref().and_then(|columns| columns.get(name));
            at.and_then(|at| cells.get(*at)).map_or("", String::as_str)
        };
        let is = |name: &str, value: &str| of(name).is_empty() || of(name) == value;
        // Local zones and other regions have files or prices of their own.
        let here = self.offer.global || is("regioncode", self.region) && is("locationtype", "AWS Region");
        let here = here && is("offertermcode", ON_DEMAND);
        if of("termtype") != "OnDemand" || of("currency") != "USD" || !here {
            return;
        }
        let whole = of("usagetype");
        let usage = if self.offer.global { whole } else { without_region(whole, self.region) };
        for rule in self.offer.rules() {
            let rest = match rule.name {
                Name::Is(_) if usage == rule.usage => "",
                Name::Is(_) => continue,
                Name::Database(_) | Name::Node | Name::Version(_) => match usage.strip_prefix(rule.usage) {
                    Some(rest) => rest,
                    None => continue,
                },
            };
            if !rule.only.iter().all(|(name, value)| of(name) == *value) {
                continue;
            }
            let name = match rule.name {
                Name::Is(name) => name.to_owned(),
                // Aurora has versions and prices of its own.
                Name::Version(_) if rest.starts_with("Aurora") => continue,
                Name::Version(name) => name.to_owned(),
                Name::Database(lead) => {
                    let engine = match of("databaseengine") {
                        "PostgreSQL" => "postgres",
                        "MySQL" => "mysql",
                        "MariaDB" => "mariadb",
                        _ => continue,
                    };
                    format!("{lead}:{engine}:{rest}")
                }
                Name::Node => {
                    let engine = of("cacheengine").to_ascii_lowercase();
                    if !["redis", "valkey", "memcached"].contains(&engine.as_str()) {
                        continue;
                    }
                    format!("node:{engine}:{rest}")
                }
            };
            let times = Decimal::of(rule.times);
            let from = of("startingrange").parse::<Decimal>().map(|from| from.over(times));
            let to = match of("endingrange") {
                "Inf" | "" => Ok(None),
                to => to.parse::<Decimal>().map(|to| Some(to.over(times))),
            };
            let parsed = from.ok().zip(to.ok()).zip(of("priceperunit").parse::<Decimal>().ok());
            let is_read = parsed.is_some();
            let ((from, to), usd) = parsed.unwrap_or_default();
            let row = Row {
                service: rule.service.to_owned(),
                usage: name.clone(),
                unit: rule.unit.into(),
                usd: usd * times,
                from,
                to,
                source: Some(
                    format!(
                        "AWS Price List, {} {} offer, version {}",
                        self.offer.code,
                        if self.offer.global { "global" } else { self.region },
                        self.version
                    )
                    .into(),
                ),
                sku: Some(of("sku").into()),
                offer: Some(self.version.clone()),
                read: Some(self.read.as_str().into()),
            };
            self.rows.entry((rule.service, name)).or_default().push((row, is_read));
        }
    }

    /// Ends, and returns what was found.
    ///
    /// # Errors
    /// When it was not AWS's list at all.
    pub fn end(mut self) -> Result<OfferPrices, String> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        if self.columns.is_none() {
            return Err("it is not AWS's price list as CSV".to_owned());
        }
        let mut found = OfferPrices { version: self.version.clone(), ..OfferPrices::default() };
        let mut seen = Vec::new();
        for ((service, name), rows) in self.rows {
            seen.push((service, name.clone()));
            match whole(rows) {
                Ok(rows) => found.rows.extend(rows),
                Err(why) => found.unclear.push(format!("{service} {name}: {why}")),
            }
        }
        found.missing = self
            .offer
            .rules()
            .filter(|rule| {
                !seen.iter().any(|(service, name)| {
                    *service == rule.service
                        && match rule.name {
                            Name::Is(is) | Name::Version(is) => name == is,
                            Name::Database(lead) => name.split(':').next() == Some(lead),
                            Name::Node => true,
                        }
                })
            })
            .map(|rule| rule.usage)
            .collect();
        Ok(found)
    }
}

/// Returns the rows of one name if they are one price: each range once, without a hole.
fn whole(rows: Vec<(Row, bool)>) -> Result<Vec<Row>, String> {
    let mut out: Vec<Row> = Vec::new();
    for (row, is_read) in rows {
        if !is_read {
            return Err("its price or its range is not a number".to_owned());
        }
        match out.iter().find(|known| known.from == row.from) {
            Some(known) if known.to == row.to && known.usd == row.usd => {}
            Some(known) => return Err(format!("it has two prices, {} and {}", known.usd, row.usd)),
            None => out.push(row),
        }
    }
    out.sort_by_key(|row| row.from);
    let mut reached = Decimal::ZERO;
    for (at, row) in out.iter().enumerate() {
        if row.from != reached {
            return Err(format!("the price list has no tier below {}", row.from));
        }
        match row.to {
            Some(to) => reached = to,
            None if at + 1 == out.len() => {}
            None => return Err("its ranges overlap".to_owned()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::rules::{RDS, RULES, WATCH, offers};
    use crate::prices::table;

    const HEAD: &str = "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"…\"\n\"Publication Date\",\"2026-11-20T00:00:00Z\"\n\"Version\",\"20261120000000\"\n\"OfferCode\",\"AWSELB\"\n\"SKU\",\"OfferTermCode\",\"TermType\",\"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"Product Family\",\"Location Type\",\"usageType\",\"Region Code\"\n";

    fn line(usage: &str, family: &str, range: [&str; 2], usd: &str, more: [&str; 3]) -> String {
        let [term, zone, region] = more;
        let [from, to] = range;
        format!(
            "\"S{usd}\",\"{term}\",\"OnDemand\",\"{from}\",\"{to}\",\"Hrs\",\"{usd}\",\"USD\",\"{family}\",\"{zone}\",\"{usage}\",\"{region}\"\n"
        )
    }

    const HERE: [&str; 3] = [ON_DEMAND, "AWS Region", "eu-central-1"];
    const ALL: [&str; 2] = ["0", "Inf"];
    const ALB: &str = "Load Balancer-Application";

    fn read(text: &str, piece: usize) -> Result<OfferPrices, String> {
        read_of("AWSELB", text, piece)
    }

    fn read_of(offer: &'static str, text: &str, piece: usize) -> Result<OfferPrices, String> {
        let mut reader = Reader::new(Offer { code: offer, global: false }, "eu-central-1", "2026-11-28");
        for bytes in text.as_bytes().chunks(piece) {
            reader.feed(bytes)?;
        }
        reader.end()
    }

    #[test]
    fn rows_are_found_by_their_attributes() {
        let text = [
            HEAD.to_owned(),
            line("EUC1-LoadBalancerUsage", ALB, ALL, "0.027", HERE),
            line("EUC1-LoadBalancerUsage", "Load Balancer-Network", ALL, "0.1", HERE),
            line("EUC1-LCUUsage", ALB, ALL, "0.008", HERE),
            // Other terms, local zones, other regions, other usage types with the same end.
            line("EUC1-LoadBalancerUsage", ALB, ALL, "0.2", ["OTHER", "AWS Region", "eu-central-1"]),
            line("EUC1-LoadBalancerUsage", ALB, ALL, "0.3", [ON_DEMAND, "AWS Local Zone", "eu-central-1"]),
            line("LoadBalancerUsage", ALB, ALL, "0.4", [ON_DEMAND, "AWS Region", "us-east-1"]),
            line("EUC1-Reserved-LoadBalancerUsage", ALB, ALL, "0.5", HERE),
        ]
        .concat();
        // However it is cut into pieces.
        for piece in [1, 7, 100, 100_000] {
            let found = read(&text, piece).unwrap();
            let told: Vec<String> =
                found.rows.iter().map(|row| format!("{} {} {} {}", row.service, row.usage, row.usd, row.unit)).collect();
            assert_eq!(told, ["AWSELB alb 0.027 hour", "AmazonALB ALB-LCU-ProcessedBytes 0.008 LCU-Hours"]);
            assert_eq!((&found.unclear, &found.missing), (&Vec::new(), &Vec::new()));
            assert_eq!(
                found.rows[0].source.as_deref(),
                Some("AWS Price List, AWSELB eu-central-1 offer, version 20261120000000")
            );
            assert_eq!((found.rows[0].sku.as_deref(), found.rows[0].read.as_deref()), (Some("S0.027"), Some("2026-11-28")));
        }
    }

    #[test]
    fn global_prices_are_read_from_the_global_file() {
        let offer = Offer { code: "AmazonCloudFront", global: true };
        assert_eq!(offer.path("eu-central-1"), "offers/v1.0/aws/AmazonCloudFront/current/index.csv");
        let edge = ["JRTCKXETXF", "AWS Edge Location", ""];
        let text = [
            HEAD.replace("AWSELB", "AmazonCloudFront"),
            line("US-Requests-Tier2-HTTPS", "Request", ALL, "0.000001", edge),
            line("EU-Requests-Tier2-HTTPS", "Request", ALL, "0.0000012", edge),
            line("EU-Requests-Tier1", "Request", ALL, "0.0000009", edge),
            line("USE1-US-Requests-Tier2-HTTPS", "Request", ALL, "0.9", edge),
            line("EU-DataTransfer-Out-Bytes", "Data Transfer", ["0", "10240"], "0.085", edge),
            line("EU-DataTransfer-Out-Bytes", "Data Transfer", ["10240", "Inf"], "0.08", edge),
            line("EU-DataTransfer-Out-OBytes", "Data Transfer", ALL, "0.02", edge),
            // Two areas of the list are one of the file: only if they cost the same.
            line("ZA-Requests-Tier2-HTTPS", "Request", ALL, "0.0000012", edge),
            line("ME-Requests-Tier2-HTTPS", "Request", ALL, "0.0000012", edge),
            line("ZA-DataTransfer-Out-Bytes", "Data Transfer", ALL, "0.11", edge),
            line("ME-DataTransfer-Out-Bytes", "Data Transfer", ALL, "0.12", edge),
        ];
        let mut reader = Reader::new(offer, "eu-central-1", "2026-11-28");
        reader.feed(text.concat().as_bytes()).unwrap();
        let found = reader.end().unwrap();
        let rows: Vec<String> = found.rows.iter().map(|row| format!("{} {}", row.usage, row.usd)).collect();
        assert_eq!(
            rows,
            [
                "CloudFront-DataTransfer:europe 0.085",
                "CloudFront-DataTransfer:europe 0.08",
                "CloudFront-HTTPS-Request 0.000001",
                "CloudFront-HTTPS-Request:africa-middle-east 0.0000012",
                "CloudFront-HTTPS-Request:europe 0.0000012",
            ]
        );
        assert_eq!(
            found.rows[0].source.as_deref(),
            Some("AWS Price List, AmazonCloudFront global offer, version 20261120000000")
        );
        assert_eq!(
            found.unclear,
            ["AmazonCloudFront CloudFront-DataTransfer:africa-middle-east: it has two prices, 0.11 and 0.12"]
        );
        assert!(found.missing.contains(&"JP-DataTransfer-Out-Bytes") && !found.missing.contains(&"ME-Requests-Tier2-HTTPS"));
    }

    #[test]
    fn usage_types_lead_to_what_parts_ask_for() {
        let all: [(&str, &str, &str); 16] = [
            (RDS, "RDS:PIOPS-Storage", "RDS-Storage-io1"),
            (RDS, "RDS:Multi-AZ-PIOPS-Storage", "RDS-Storage-Multi-AZ-io1"),
            (RDS, "RDS:PIOPS-Storage-IO2", "RDS-Storage-io2"),
            (RDS, "RDS:Multi-AZ-PIOPS-Storage-IO2", "RDS-Storage-Multi-AZ-io2"),
            (RDS, "RDS:PIOPS", "RDS-IOPS-io1"),
            (RDS, "RDS:Multi-AZ-PIOPS", "RDS-IOPS-Multi-AZ-io1"),
            (RDS, "RDS:IO2-PIOPS", "RDS-IOPS-io2"),
            (RDS, "RDS:Multi-AZ-IO2-PIOPS", "RDS-IOPS-Multi-AZ-io2"),
            (RDS, "RDS:GP3-PIOPS", "RDS-IOPS-gp3"),
            (RDS, "RDS:Multi-AZ-GP3-PIOPS", "RDS-IOPS-Multi-AZ-gp3"),
            (RDS, "RDS:GP3-Throughput", "RDS-Throughput-gp3"),
            (WATCH, "CW:HighResAlarmMonitorUsage", "CloudWatch-Alarm-HighResolution-Month"),
            (WATCH, "CW:CompositeAlarmMonitorUsage", "CloudWatch-Alarm-Composite-Month"),
            ("AmazonSNS", "F-Request-Tier1", "SNS-FIFO-Publish"),
            ("AWSQueueService", "Requests-FIFO-RBP", "SQS-FIFO-Request"),
            ("AWSQueueService", "Requests-FIFO-Tier1", "SQS-FIFO-Request"),
        ];
        for (offer, usage, name) in all {
            let text = [HEAD.replace("AWSELB", offer), line(&format!("EUC1-{usage}"), "", ALL, "0.5", HERE)].concat();
            let found = read_of(offer, &text, 1000).unwrap();
            assert_eq!(found.rows.iter().map(|row| row.usage.as_str()).collect::<Vec<_>>(), [name], "{usage}");
        }
        let spot = [HEAD.replace("AWSELB", "AmazonECS"), line("EUC1-SpotUsage-Fargate-GB-Hours", "", ALL, "0.5", HERE)].concat();
        assert_eq!(read_of("AmazonECS", &spot, 1000).unwrap().rows, []);
    }

    #[test]
    fn versions_that_cost_the_same_are_one_price() {
        let of = |mysql: &str| {
            let support = |version: &str, usd: &str| line(&format!("EUC1-ExtendedSupport:{version}"), "", ALL, usd, HERE);
            let all = [
                HEAD.replace("AWSELB", RDS),
                support("Yr1-Yr2:PostgreSQL12", "0.12"),
                support("Yr1-Yr2:MySQL5.7", mysql),
                support("Yr1-Yr2:AuroraMySQL2", "0.5"),
                support("Yr3:MySQL5.7", "0.24"),
            ];
            let found = read_of(RDS, &all.concat(), 64).unwrap();
            let rows = found.rows.iter().map(|row| format!("{} {}", row.usage, row.usd)).collect::<Vec<_>>();
            (rows, found.unclear.len())
        };
        let third = "RDS-ExtendedSupport-Yr3 0.24".to_owned();
        assert_eq!(of("0.12"), (vec!["RDS-ExtendedSupport-Yr1-Yr2 0.12".to_owned(), third.clone()], 0));
        assert_eq!(of("0.13"), (vec![third], 1));
    }

    #[test]
    fn what_is_not_clear_has_no_price() {
        let of = |lines: &[String]| read(&[HEAD.to_owned(), lines.concat()].concat(), 64).unwrap();
        let usage = "EUC1-LoadBalancerUsage";
        let two = of(&[line(usage, ALB, ALL, "1", HERE), line(usage, ALB, ALL, "2", HERE)]);
        assert_eq!((two.rows.len(), two.unclear), (0, vec!["AWSELB alb: it has two prices, 1 and 2".to_owned()]));
        assert_eq!(two.missing, ["LCUUsage"]);
        let hole = of(&[line(usage, ALB, ["0", "10"], "1", HERE), line(usage, ALB, ["20", "Inf"], "2", HERE)]);
        assert_eq!((hole.rows.len(), hole.unclear[0].as_str()), (0, "AWSELB alb: the price list has no tier below 20"));
        let odd = of(&[line(usage, ALB, ALL, "free", HERE)]);
        assert_eq!((odd.rows.len(), odd.unclear.len()), (0, 1));
        let same = of(&[line(usage, ALB, ALL, "1", HERE), line(usage, ALB, ALL, "1", HERE)]);
        assert_eq!((same.rows.len(), same.unclear.len()), (1, 0));
        let tiers = of(&[line(usage, ALB, ["10", "Inf"], "1", HERE), line(usage, ALB, ["0", "10"], "2", HERE)]);
        assert_eq!(tiers.rows.iter().map(|row| row.usd.to_string()).collect::<Vec<_>>(), ["2", "1"]);
        // Another file, and what is none.
        assert_eq!(read(&HEAD.replace("AWSELB", "AmazonRDS"), 64), Err("it is the list of AmazonRDS".into()));
        assert!(read("<html>no such key</html>", 64).is_err());
        assert!(read(&HEAD.replace("PricePerUnit", "Price"), 64).is_err());
    }

    #[test]
    fn every_rule_leads_to_a_row_of_the_table() {
        let table = table::of("us-east-1").unwrap();
        for rule in RULES {
            let (Name::Is(name) | Name::Version(name)) = rule.name else { continue };
            let Some(rate) = table.rate(rule.service, name) else {
                // Nobody names a source for these; parts ask for them by these names.
                let unknown = [
                    "Lambda-GB-Second-ARM",
                    "RDS-ExtendedSupport-Yr3",
                    "RDS-IOPS-Multi-AZ-io1",
                    "RDS-IOPS-Multi-AZ-io2",
                    "RDS-IOPS-io2",
                    "RDS-Storage-Multi-AZ-io1",
                    "RDS-Storage-Multi-AZ-io2",
                    "RDS-Storage-io2",
                    "RDS-Throughput-Multi-AZ-gp3",
                    "RDS-Throughput-gp3",
                    "SNS-FIFO-Publish",
                ];
                let edge = name.strip_prefix("CloudFront-DataTransfer:");
                assert!(unknown.contains(&name) || edge.is_some_and(|edge| edge != "europe"), "{name}");
                continue;
            };
            assert_eq!(&*rate.unit(), rule.unit, "{name}");
        }
        assert_eq!((offers().len(), offers().iter().filter(|offer| offer.global).count()), (17, 2));
    }

    #[test]
    fn regions_are_taken_from_usage_types() {
        let all = ["EUC1-LCUUsage", "USE1-LCUUsage", "EU-LCUUsage", "LCUUsage"];
        assert!(all.into_iter().all(|usage| without_region(usage, "eu-central-1") == "LCUUsage"));
        for other in ["SpotUsage-Fargate-GB-Hours", "Multi-AZUsage:db.t4g.micro", "Fargate-ARM-GB-Hours"] {
            assert_eq!(without_region(other, "eu-central-1"), other);
        }
        for (usage, expected) in [
            ("EUC1-Multi-AZUsage:db.t4g.micro", "Multi-AZUsage:db.t4g.micro"),
            ("eu-central-1-KMS-Keys", "KMS-Keys"),
            ("EUC1-KMS-Keys", "KMS-Keys"),
            ("KMS-Keys", "KMS-Keys"),
            ("TS-LoadBalancerUsage", "TS-LoadBalancerUsage"),
            ("EU-LoadBalancerUsage", "LoadBalancerUsage"),
        ] {
            assert_eq!(without_region(usage, "eu-central-1"), expected);
        }
        assert_eq!(cells("\"a\",\"b \"\"c\"\", d\",,e\r"), ["a", "b \"c\", d", "", "e"]);
    }
}
