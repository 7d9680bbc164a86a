//! What backups are billed for: those of RDS as backup storage of RDS (<https://aws.amazon.com/backup/pricing/>).

use super::{BackupPlan, RestoreTestingPlan, Selection, Vault};
use crate::aws::billed::{Object, Whole};
use crate::aws::ownership::global::region_of;
use crate::aws::rds::Instance;
use crate::engine::Ref;
use crate::engine::token::{self, Token};
use crate::prices::{Decimal, Part};

const WHOLE: &str = "one full backup of each database; later ones add what changes, which is not known beforehand";

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    if object.of::<RestoreTestingPlan>().is_some() {
        // How many backups are tested, and how long what is restored runs, nobody knows beforehand.
        return vec![Part::new("AWSBackup", "restore tests", Decimal::from_i32(1), "restore tests, and what they restore")];
    }
    let Some(plan) = object.of::<BackupPlan>() else { return Vec::new() };
    let is_of_databases = |one: &String| one == "*" || one.contains(":rds:");
    let sources = || whole.all::<Instance>().filter(|database| database.source.is_none());
    if !whole.all::<Selection>().any(|selection| selection.resources.iter().any(is_of_databases)) || sources().next().is_none() {
        return Vec::new();
    }
    let gibibytes: i32 = sources().filter_map(|database| database.storage).sum();
    let mut parts =
        vec![Part::new("AmazonRDS", "RDS-Backup-Storage", Decimal::from_i32(gibibytes), "backups of databases").noting(WHOLE)];
    let unknown = sources().filter(|database| database.storage.is_none()).count();
    if unknown > 0 {
        let quantity = Decimal::of(unknown as u64);
        parts.push(Part::new("AmazonRDS", "backups of unknown size", quantity, "backups of databases of unknown size"));
    }
    for copy in plan.rules.values().flat_map(|rule| &rule.copies) {
        parts.extend(copied(&copy.vault, gibibytes, unknown, whole));
    }
    parts
}

/// Returns what a copy of each backup costs: storage at the price of the region that it is in, and what is transferred to another one, which
/// is what changes (<https://aws.amazon.com/backup/pricing/>).
fn copied(vault: &str, gibibytes: i32, unknown: usize, whole: &Whole) -> Vec<Part> {
    let own = serde_json::from_value::<Ref<Vault>>(vault.into()).ok();
    let own = own.and_then(|vault| whole.follow(&vault)).and_then(Object::of::<Vault>);
    let arn = match token::whole(vault) {
        Some(Token::Physical { value, .. }) => value,
        _ => vault,
    };
    let region = own.map_or_else(|| region_of(arn).to_owned(), |vault| vault.region);
    let region = if region.is_empty() { whole.region.clone() } else { region };
    let what = format!("copies of backups in {region}");
    let copies = Part::new("AmazonRDS", "RDS-Backup-Storage", Decimal::from_i32(gibibytes), &what);
    let mut parts = vec![copies.noting(WHOLE).in_region(&region)];
    if unknown > 0 {
        let quantity = Decimal::of(unknown as u64);
        parts.push(Part::new("AmazonRDS", "backups of unknown size", quantity, format!("{what}, of databases of unknown size")));
    }
    if region != whole.region {
        let what = format!("transfer of what changes to {region}");
        parts.push(Part::new("AWSDataTransfer", "transfer of copies", Decimal::ONE, what));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Graph, Node};
    use crate::prices::Usage;

    #[test]
    fn copies_have_the_price_of_their_region() {
        let key = |region: &str| format!("arn:aws:backup:{region}:222222222222:backup-vault:copies");
        let of = |vaults: &[String]| {
            let mut graph = Graph::default();
            let there = serde_json::json!({"region": "eu-central-1", "of": "${backup.vault/here}"});
            let copies: Vec<_> = vaults.iter().map(|vault| serde_json::json!({"vault": vault})).collect();
            let rule = serde_json::json!({"vault": "${backup.vault/here}", "schedule": "cron(0 5 ? * * *)", "copies": copies});
            let database = serde_json::json!({"class": "db.t3.micro", "storage": 20});
            for (key, desired) in [
                ("backup.vault/there", there),
                ("backup.plan/main", serde_json::json!({"rules": {"daily": rule}, "tags": {}})),
                (
                    "backup.selection/main",
                    serde_json::json!({"plan": "${backup.plan/main}", "role": "${iam.role/b.arn}", "resources": ["*"]}),
                ),
                ("rds.instance/main", database),
            ] {
                graph.insert(Node { key: key.parse().unwrap(), desired: desired.into(), origin: "backup".into() }).unwrap();
            }
            let bill = crate::aws::bill::of(&graph, "us-east-1", &Usage::default(), None);
            let own = bill.lines.iter().filter(|line| line.billed.object == "backup.plan/main");
            own.map(|line| (line.billed.part.region.clone(), line.monthly.map(Decimal::plain))).collect::<Vec<_>>()
        };
        // 20 GB at 0.095; the price of another region is not known here, nor how much goes there.
        let here = (None, Some("1.90".to_owned()));
        let unknown = (None, None);
        assert_eq!(of(&[]), vec![here.clone()]);
        let elsewhere = |region: &str, price: Option<&str>| (Some(region.to_owned()), price.map(str::to_owned));
        for (vault, expected) in [
            (key("us-east-1"), elsewhere("us-east-1", Some("1.90"))),
            (key("eu-west-1"), elsewhere("eu-west-1", None)),
            ("${backup.vault/there.arn}".to_owned(), elsewhere("eu-central-1", None)),
            (format!("${{=backup.vault.arn:{}}}", key("us-east-1")), elsewhere("us-east-1", Some("1.90"))),
        ] {
            let mut all = vec![here.clone(), expected];
            if !vault.contains("us-east-1") {
                all.push(unknown.clone());
            }
            assert_eq!(of(std::slice::from_ref(&vault)), all, "{vault}");
        }
    }
}
