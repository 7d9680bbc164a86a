//! Checks whether RDS offers a database of that kind in its zones.

use std::collections::BTreeSet;

use aws_sdk_rds::types::OrderableDbInstanceOption;
use serde_json::Value;

use crate::aws::Cx;
use crate::aws::ec2::subnet_zones;
use crate::aws::finding::{Certainty, Finding, field, fields, is_of, listed, referred};
use crate::aws::rds::errors::failed;
use crate::engine::{Item, Plan, Result};

/// Checks whether RDS offers that version of an engine on that class in the zones of the subnets, and in two of them if a standby
/// is wanted (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html>).
pub(super) async fn check(cx: &Cx, plan: &Plan, item: &Item) -> Result<Vec<Finding>> {
    // A copy is what its source is, but for its class.
    let source = fields(item).and_then(|f| f.get("source"));
    let model = if source.is_some() { referred(plan, source) } else { Some(item) };
    let Some(model) = model else { return Ok(Vec::new()) };
    let (Some(engine), Some(class)) = (field(model, "engine"), field(item, "class")) else { return Ok(Vec::new()) };
    let wanted = field(model, "engine_version").unwrap_or_default();
    let call = cx.cloud.rds.describe_orderable_db_instance_options().engine(engine).db_instance_class(class).vpc(true);
    let options = async {
        let pages = call.into_paginator().items().send();
        let options = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        options.map_err(failed("rds:DescribeOrderableDBInstanceOptions"))
    };
    let group = fields(model).and_then(|f| f.get("subnet_group"));
    let (options, stands) = tokio::try_join!(options, subnet_zones::of_group(cx, plan, group))?;
    let asked = Asked {
        region: &cx.scope.region,
        engine,
        class,
        wanted,
        storage: field(item, "storage_type"),
        over_zones: fields(item).and_then(|f| f.get("multi_az")).and_then(Value::as_bool) == Some(true),
        stands: stands.as_ref(),
    };
    let list = format!(
        "`aws rds describe-orderable-db-instance-options --engine {engine} --region {}` lists what is available",
        asked.region
    );
    Ok(asked
        .wrong(&options)
        .map(|message| Finding::refused(&item.key, message, list))
        .or_else(|| {
            let unknown = asked.unknown(&options)?;
            Some(Finding::new(Certainty::Unknown, unknown).about(&item.key))
        })
        .into_iter()
        .collect())
}

/// The desired properties of a database.
struct Asked<'a> {
    region: &'a str,
    engine: &'a str,
    class: &'a str,
    wanted: &'a str,
    storage: Option<&'a str>,
    over_zones: bool,
    /// The zones of its subnets, when they are known.
    stands: Option<&'a BTreeSet<String>>,
}

impl Asked<'_> {
    /// Returns the options with that version and storage type.
    fn fitting<'o>(&self, options: &'o [OrderableDbInstanceOption]) -> Vec<&'o OrderableDbInstanceOption> {
        let version =
            |o: &&OrderableDbInstanceOption| self.wanted.is_empty() || is_of(o.engine_version().unwrap_or_default(), self.wanted);
        let storage = |o: &&OrderableDbInstanceOption| self.storage.is_none_or(|s| o.storage_type().is_none_or(|t| t == s));
        options.iter().filter(version).filter(storage).collect()
    }

    /// Returns the database in words: `postgres 16 on `db.r8g.large``.
    fn what(&self) -> String {
        let version = if self.wanted.is_empty() { String::new() } else { format!(" {}", self.wanted) };
        format!("{}{version} on `{}`", self.engine, self.class)
    }

    fn wrong(&self, options: &[OrderableDbInstanceOption]) -> Option<String> {
        let (region, what) = (self.region, self.what());
        if options.is_empty() {
            return Some(format!("{region} does not offer `{}` for {}", self.class, self.engine));
        }
        let fitting = self.fitting(options);
        if fitting.is_empty() {
            let mut there: Vec<&str> = options.iter().filter_map(|o| o.engine_version()).collect();
            there.dedup();
            if let Some(storage) = self.storage.filter(|_| there.iter().any(|v| self.wanted.is_empty() || is_of(v, self.wanted)))
            {
                return Some(format!("{region} does not offer {what} with `{storage}` storage"));
            }
            return Some(format!("{region} does not offer {what}; it offers {}", there.join(", ")));
        }
        let fitting: Vec<_> = fitting.into_iter().filter(|o| !self.over_zones || o.multi_az_capable() == Some(true)).collect();
        if fitting.is_empty() {
            return Some(format!("{region} does not offer {what} with a standby in another zone"));
        }
        let stands = self.stands?;
        // Of one version and not of another is no way out: the best of them counts.
        let best = fitting.iter().map(|o| zones_of(o)).max_by_key(|zones| zones.intersection(stands).count())?;
        let (both, least) = (best.intersection(stands).count(), if self.over_zones { 2 } else { 1 });
        if best.is_empty() || both >= least {
            return None;
        }
        let has: Vec<&String> = best.iter().collect();
        let stands: Vec<&String> = stands.iter().collect();
        let standby = if self.over_zones { ", and a standby needs a second zone" } else { "" };
        Some(format!("{what} is offered in {}, but its subnets are in {}{standby}", listed(&has), listed(&stands)))
    }

    /// Returns what is not known of a database that RDS offers.
    fn unknown(&self, options: &[OrderableDbInstanceOption]) -> Option<String> {
        let fitting = self.fitting(options);
        if fitting.iter().all(|o| o.availability_zones().is_empty()) {
            return Some(format!("RDS does not report which zones offer {}", self.what()));
        }
        self.stands
            .is_none()
            .then(|| format!("cannot check the zones for {}: those of its subnets are not known here", self.what()))
    }
}

fn zones_of(option: &OrderableDbInstanceOption) -> BTreeSet<String> {
    option.availability_zones().iter().filter_map(|zone| zone.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::AvailabilityZone;

    use super::*;

    fn option(version: &str, zones: &[&str]) -> OrderableDbInstanceOption {
        let zones = zones.iter().map(|z| AvailabilityZone::builder().name(*z).build()).collect();
        let option = OrderableDbInstanceOption::builder().engine_version(version).storage_type("gp3").multi_az_capable(true);
        option.set_availability_zones(Some(zones)).build()
    }

    fn wrong(options: &[OrderableDbInstanceOption], over_zones: bool, stands: &[&str]) -> Option<String> {
        let stands = stands.iter().map(|z| (*z).to_owned()).collect();
        let (region, engine, class, wanted) = ("r", "postgres", "db.x", "16");
        Asked { region, engine, class, wanted, storage: Some("gp3"), over_zones, stands: Some(&stands) }.wrong(options)
    }

    #[test]
    fn a_class_must_be_where_the_subnets_are() {
        let options = [option("16.3", &["ra", "rc"]), option("16.8", &["ra", "rc"]), option("17.1", &["rb"])];
        assert_eq!(wrong(&options, false, &["ra", "rb"]), None);
        assert_eq!(wrong(&options, true, &["ra", "rc"]), None);
        let said =
            "postgres 16 on `db.x` is offered in ra and rc, but its subnets are in ra and rb, and a standby needs a second zone";
        assert_eq!(wrong(&options, true, &["ra", "rb"]).as_deref(), Some(said));
        assert_eq!(
            wrong(&options, false, &["rb", "rd"]).as_deref(),
            Some("postgres 16 on `db.x` is offered in ra and rc, but its subnets are in rb and rd")
        );
    }

    #[test]
    fn what_there_is_not_is_named() {
        assert_eq!(wrong(&[], false, &["ra"]).as_deref(), Some("r does not offer `db.x` for postgres"));
        assert_eq!(
            wrong(&[option("15.1", &["ra"])], false, &["ra"]).as_deref(),
            Some("r does not offer postgres 16 on `db.x`; it offers 15.1")
        );
        let mut other = option("16.1", &["ra"]);
        other.storage_type = Some("gp2".into());
        assert_eq!(wrong(&[other], false, &["ra"]).as_deref(), Some("r does not offer postgres 16 on `db.x` with `gp3` storage"));
    }
}
