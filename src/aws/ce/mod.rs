//! Cost anomalies, in AWS Cost Explorer: monitors and subscriptions are an account's own and have no region.

pub(in crate::aws) mod errors;
mod monitor;
mod read;
pub mod spend;
mod subscription;

pub use monitor::AnomalyMonitor;
pub(in crate::aws) use read::left;
pub use subscription::AnomalySubscription;

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds. They cost nothing (<https://aws.amazon.com/aws-cost-management/aws-cost-anomaly-detection/pricing/>).
pub(super) static WING: Wing = Wing::of(&[KindRow::of::<AnomalyMonitor>(), KindRow::of::<AnomalySubscription>()]);
