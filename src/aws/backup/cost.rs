//! What backups are billed for: those of RDS as backup storage of RDS (<https://aws.amazon.com/backup/pricing/>).

use super::{BackupPlan, RestoreTestingPlan, Selection};
use crate::aws::billed::{Object, Whole};
use crate::aws::rds::Instance;
use crate::prices::{Decimal, Part};

const WHOLE: &str = "one whole backup of each database; what later ones add is what changes, which nobody knows beforehand";

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
    let copies: usize = plan.rules.values().map(|rule| rule.copies.len()).sum();
    if copies > 0 {
        // Their prices are those of other regions and accounts.
        parts.push(Part::new(
            "AWSBackup",
            "copies elsewhere",
            Decimal::of(copies as u64),
            "copies in other regions and accounts",
        ));
    }
    parts
}
