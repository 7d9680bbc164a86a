//! The storage of a database: what AWS refuses of it, and what goes with every change of it.

use aws_sdk_rds::types::DbInstance;

use super::Instance;
use crate::engine::Diff;

/// The fields that describe its storage.
pub(super) const STORAGE: &[&str] = &["storage", "max_storage", "storage_type", "iops", "throughput"];
/// The size in GiB from which `gp3` consists of several volumes and has configurable IOPS and throughput
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage>).
const GP3_STRIPED: i32 = 400;
/// The default IOPS and throughput of such storage.
const GP3_BASELINE: (i32, i32) = (12_000, 500);

/// Returns the IOPS that storage of this type and size is restored with where none are named: AWS requires them there
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html>, `StorageType`).
pub(in crate::aws::rds) fn least_iops(kind: Option<&str>, size: i32) -> Option<i32> {
    (kind == Some("gp3") && size >= GP3_STRIPED).then_some(GP3_BASELINE.0)
}

/// The parameters of a change of storage.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StorageChange {
    pub(super) size: Option<i32>,
    pub(super) kind: Option<String>,
    pub(super) iops: Option<i32>,
    pub(super) throughput: Option<i32>,
    pub(super) limit: Option<i32>,
}

/// Checks whether storage has IOPS that go with every change of it.
fn has_iops(kind: Option<&str>, size: i32) -> bool {
    match kind {
        Some("io1" | "io2") => true,
        Some("gp3") => size >= GP3_STRIPED,
        _ => false,
    }
}

impl Instance {
    /// Returns the size up to which storage grows automatically, for a new database: AWS accepts no value where it does not.
    pub(super) fn limit(&self) -> Option<i32> {
        self.max_storage.filter(|limit| *limit > 0)
    }

    /// Returns what AWS refuses of its storage (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html>).
    pub(super) fn storage_refused(&self) -> Option<(&'static str, String)> {
        let (size, kind) = (self.storage?, self.storage_type.as_deref()?);
        let most = match kind {
            "io1" => 50,
            "io2" => 1000,
            "gp3" if size < GP3_STRIPED => {
                let field = if self.iops.is_some() { "iops" } else { self.throughput.map(|_| "throughput")? };
                return Some((field, format!("`gp3` accepts no `{field}` below {GP3_STRIPED} GiB: AWS sets it")));
            }
            _ => return None,
        };
        let Some(iops) = self.iops else {
            return Some(("storage_type", format!("`{kind}` needs `iops`: from {} to {}", size / 2, size.saturating_mul(most))));
        };
        let (least, most) = ((size / 2).max(1000), size.saturating_mul(most).min(256_000));
        (!(least..=most).contains(&iops))
            .then(|| ("iops", format!("{size} GiB of `{kind}` accept {least} to {most} IOPS, not {iops}")))
    }

    /// Returns the change of storage, and what AWS requires along with it: the current size, which may have grown, and the IOPS.
    pub(super) fn storage_to_tell(&self, now: &DbInstance, diff: &Diff) -> StorageChange {
        let is = |field: &str| diff.touches(field);
        let pending = now.pending_modified_values();
        let current = pending.and_then(|p| p.allocated_storage).or(now.allocated_storage).unwrap_or_default();
        let size = self.storage.unwrap_or(current).max(current);
        let limit = is("max_storage").then(|| self.limit().unwrap_or(size));
        if !STORAGE.iter().any(|&field| field != "max_storage" && is(field)) {
            return StorageChange { limit, ..StorageChange::default() };
        }
        let was = pending.and_then(|p| p.storage_type()).or(now.storage_type());
        let kind = self.storage_type.as_deref().or(was);
        let kept = pending.and_then(|p| p.iops).or(now.iops).filter(|_| kind == was);
        let least = if kind == Some("gp3") { Some(GP3_BASELINE.0) } else { None };
        StorageChange {
            size: Some(size),
            kind: self.storage_type.clone().filter(|_| is("storage_type")),
            iops: self.iops.or(kept.max(least)).filter(|_| has_iops(kind, size)),
            throughput: self.throughput.filter(|_| is("throughput") && kind == Some("gp3") && size >= GP3_STRIPED),
            limit,
        }
    }
}
