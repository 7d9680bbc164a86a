//! What databases are billed for (<https://aws.amazon.com/rds/pricing/>): instances by engine and class, storage, I/O operations beyond
//! what comes with it, and support for versions that the community has given up.
//!
//! Backups up to the size of the storage are free
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html>).

use super::{BackupReplication, Instance, is_elsewhere};
use crate::aws::billed::{Object, Whole};
use crate::engine::Ref;
use crate::engine::token::{self, Token};
use crate::prices::{Decimal, HOURS, Part};

/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_OnDemandDBInstances.html>: both instances are billed, and the storage of
/// both.
const TWICE: &str = "where the table has no Multi-AZ price, it is twice the Single-AZ one; AWS rounds its own by itself";
const SUPPORT: &str = "extended support of an old version: an upgrade ends it";

/// A year and a month.
type Month = (i16, i8);

/// The first day of extended support of a version, and of its third year, which is dearer
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html>).
const EXTENDED: [(&str, &str, Month, Month); 11] = [
    ("postgres", "11", (2024, 4), (2026, 4)),
    ("postgres", "12", (2025, 3), (2027, 3)),
    ("postgres", "13", (2026, 3), (2028, 3)),
    ("postgres", "14", (2027, 3), (2029, 3)),
    ("postgres", "15", (2028, 3), (2030, 3)),
    ("postgres", "16", (2029, 3), (2031, 3)),
    ("postgres", "17", (2030, 3), (2032, 3)),
    ("postgres", "18", (2031, 3), (2033, 3)),
    ("mysql", "5.7", (2024, 3), (2026, 3)),
    ("mysql", "8.0", (2026, 8), (2028, 8)),
    ("mysql", "8.4", (2029, 8), (2031, 8)),
];

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    if object.of::<BackupReplication>().is_some() {
        // Storage, and the transfer of every change, at the prices of another region
        // (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html>).
        return vec![Part::new("AmazonRDS", "backups in another region", Decimal::ONE, "backups in another region")];
    }
    let Some(own) = object.of::<Instance>() else { return Vec::new() };
    // A replica has what is not said of it from its source.
    let source = own.source.as_ref().and_then(|source| whole.follow(source)).and_then(Object::of::<Instance>);
    let from = |of: fn(&Instance) -> Option<String>| of(&own).or_else(|| of(source.as_ref()?));
    let engine = from(|one| one.engine.clone()).unwrap_or_default();
    let multi = own.multi_az.unwrap_or(false);
    let (class, two) = (own.class.as_str(), Decimal::of(2));
    let mut parts = Vec::new();
    // A stopped one has its storage only.
    if own.running != Some(false) {
        let single = format!("instance:{engine}:{class}");
        parts.push(if multi {
            let part =
                Part::new("AmazonRDS", format!("multi-az:{engine}:{class}"), HOURS, format!("{class}, {engine}, Multi-AZ"));
            part.or(single, two).noting(TWICE)
        } else {
            Part::new("AmazonRDS", single, HOURS, format!("{class}, {engine}"))
        });
        let version = from(|one| one.engine_version.clone()).unwrap_or_default();
        parts.extend(extended(&engine, &version, class, multi, whole.today));
    }
    parts.extend(storage(&own, source.as_ref(), multi));
    if own.source.as_ref().is_some_and(follows_elsewhere) {
        // Every change, at a price for each pair of regions (<https://aws.amazon.com/rds/postgresql/pricing/>, data transfer).
        parts.push(Part::new(
            "AWSDataTransfer",
            "transfer of changes",
            Decimal::ONE,
            "transfer of what changes, from its region",
        ));
    }
    if own.managed_password == Some(true) {
        parts.push(Part::new("AWSSecretsManager", "SecretsManager-Secret", Decimal::ONE, "the secret with its password"));
    }
    parts
}

/// Checks whether a source is in another region.
fn follows_elsewhere(source: &Ref<Instance>) -> bool {
    let text = source.to_string();
    matches!(token::whole(&text), Some(Token::Physical { value, .. }) if is_elsewhere(value))
}

fn storage(own: &Instance, source: Option<&Instance>, multi: bool) -> Vec<Part> {
    let of = |field: fn(&Instance) -> Option<i32>| field(own).or_else(|| field(source?));
    let gibibytes = of(|one| one.storage);
    let kind = own.storage_type.clone().or_else(|| source?.storage_type.clone()).unwrap_or_else(|| "gp2".to_owned());
    let zones = if multi { Decimal::of(2) } else { Decimal::ONE };
    let mut parts = Vec::new();
    let size = Decimal::from_i32(gibibytes.unwrap_or(0));
    let what = format!("{} GiB of {kind}", size.quantity());
    parts.push(match gibibytes {
        None => Part::new("AmazonRDS", "storage of unknown size", Decimal::ONE, "storage that is left as it is"),
        Some(_) if multi => Part::new("AmazonRDS", format!("RDS-Storage-Multi-AZ-{kind}"), size, format!("{what}, Multi-AZ"))
            .or(format!("RDS-Storage-{kind}"), zones)
            .noting(TWICE),
        Some(_) => Part::new("AmazonRDS", format!("RDS-Storage-{kind}"), size, what),
    });
    // gp3 comes with 3,000 operations and 125 MiB a second, and with 12,000 and 500 from 400 GiB on
    // (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html>).
    let (operations, throughput) = match kind.as_str() {
        "gp3" if size < Decimal::of(400) => (3000, 125),
        "gp3" => (12_000, 500),
        _ => (0, 0),
    };
    let mut beyond = |usage: &str, provisioned: Option<i32>, included: u64, unit: &str| {
        let provisioned = Decimal::from_i32(provisioned.unwrap_or(0));
        if provisioned <= Decimal::of(included) {
            return;
        }
        let beyond = provisioned - Decimal::of(included);
        let what = format!("{} {unit} a second{}", beyond.quantity(), if kind == "gp3" { " beyond gp3's" } else { "" });
        let single = format!("RDS-{usage}-{kind}");
        parts.push(if multi {
            let part = Part::new("AmazonRDS", format!("RDS-{usage}-Multi-AZ-{kind}"), beyond, format!("{what}, Multi-AZ"));
            part.or(single, zones).noting(TWICE)
        } else {
            Part::new("AmazonRDS", single, beyond, what)
        });
    };
    if kind != "gp2" {
        beyond("IOPS", of(|one| one.iops), operations, "I/O operations");
    }
    if kind == "gp3" {
        beyond("Throughput", of(|one| one.throughput), throughput, "MiB");
    }
    parts
}

/// Returns the surcharge for a version that is out of standard support, by vCPU; a standby's count too.
fn extended(engine: &str, version: &str, class: &str, multi: bool, today: jiff::civil::Date) -> Option<Part> {
    let is_of = |major: &str| version == major || version.strip_prefix(major).is_some_and(|rest| rest.starts_with('.'));
    let (_, major, from, third) = EXTENDED.into_iter().find(|(name, major, ..)| *name == engine && is_of(major))?;
    let since = |(year, month): (i16, i8)| (today.year(), today.month()) >= (year, month);
    if !since(from) {
        return None;
    }
    let year = if since(third) { "Yr3" } else { "Yr1-Yr2" };
    let what = format!("extended support of {engine} {major}");
    let Some(cpus) = vcpus(class) else {
        return Some(Part::new("AmazonRDS", "extended support of an unknown class", HOURS, what).noting(SUPPORT));
    };
    let cpus = if multi { cpus * 2 } else { cpus };
    Some(Part::new("AmazonRDS", format!("RDS-ExtendedSupport-{year}"), HOURS * Decimal::of(cpus), what).noting(SUPPORT))
}

/// Returns the vCPUs of a class: two up to `large`, then four for each `xlarge`
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>).
fn vcpus(class: &str) -> Option<u64> {
    let size = class.rsplit('.').next()?;
    match size {
        "micro" | "small" | "medium" | "large" => Some(2),
        "xlarge" => Some(4),
        _ => size.strip_suffix("xlarge")?.parse::<u64>().ok()?.checked_mul(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, with the prices of us-east-1: gp3 is 0.115 a GiB and 0.02 an operation, io1 0.125 and 0.1; with Multi-AZ each is twice that.
    #[test]
    fn storage_and_operations_have_prices() {
        let of = |kind: &str, gib: i32, iops: Option<i32>, throughput: Option<i32>, multi: bool| {
            let own = Instance {
                storage_type: Some(kind.to_owned()),
                storage: Some(gib),
                iops,
                throughput,
                ..serde_json::from_value(serde_json::json!({"class": "db.m5.large"})).unwrap()
            };
            let billed = storage(&own, None, multi).into_iter().map(|part| crate::prices::Billed {
                object: "rds.instance/d".into(),
                section: "databases.d".into(),
                tags: std::sync::Arc::default(),
                part,
            });
            let bill = crate::prices::Bill::of("us-east-1", billed.collect(), &crate::prices::Usage::default());
            bill.lines.iter().map(|line| line.monthly.map_or_else(|| line.billed.part.usage.clone(), Decimal::plain)).collect()
        };
        type Case<'a> = (&'a str, i32, Option<i32>, Option<i32>, bool, &'a [&'a str]);
        let cases: [Case<'_>; 10] = [
            ("gp2", 20, None, None, false, &["2.30"]),
            ("gp2", 20, None, None, true, &["4.60"]),
            ("gp3", 400, Some(12_000), Some(500), false, &["46.00"]),
            ("gp3", 400, Some(14_000), None, false, &["46.00", "40.00"]),
            ("gp3", 400, Some(14_000), None, true, &["92.00", "80.00"]),
            ("gp3", 100, Some(4_000), None, false, &["11.50", "20.00"]),
            ("gp3", 400, Some(12_000), Some(600), false, &["46.00", "RDS-Throughput-gp3"]),
            ("io1", 100, Some(1_200), None, false, &["12.50", "120.00"]),
            ("io1", 100, Some(1_200), None, true, &["25.00", "240.00"]),
            ("io2", 100, Some(1_000), None, false, &["RDS-Storage-io2", "RDS-IOPS-io2"]),
        ];
        for (kind, gib, iops, throughput, multi, expected) in cases {
            let found: Vec<String> = of(kind, gib, iops, throughput, multi);
            assert_eq!(found, expected, "{kind} {gib} {iops:?} {throughput:?} {multi}");
        }
    }

    #[test]
    fn old_versions_pay_extended_support() {
        let on = |year, month, engine: &str, version: &str, multi| {
            let part = extended(engine, version, "db.m5.large", multi, jiff::civil::date(year, month, 1))?;
            Some((part.usage.clone(), part.quantity.to_string()))
        };
        let first = |hours: &str| Some(("RDS-ExtendedSupport-Yr1-Yr2".to_owned(), hours.to_owned()));
        assert_eq!(on(2026, 7, "mysql", "8.0.36", false), None);
        assert_eq!(on(2026, 8, "mysql", "8.0.36", false), first("1460"));
        assert_eq!(on(2026, 8, "mysql", "8.0", true), first("2920"));
        assert_eq!(on(2026, 11, "postgres", "13.4", false), first("1460"));
        assert_eq!(on(2026, 11, "postgres", "16", false), None);
        assert_eq!(on(2026, 4, "postgres", "11", false).unwrap().0, "RDS-ExtendedSupport-Yr3");
        assert_eq!(on(2040, 1, "mariadb", "10.6", false), None);
        assert_eq!(
            [vcpus("db.t4g.micro"), vcpus("db.r6g.xlarge"), vcpus("db.m5.12xlarge"), vcpus("db.x.metal")],
            [Some(2), Some(4), Some(48), None]
        );
    }
}
