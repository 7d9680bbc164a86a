//! Quotas of an account.

use std::collections::BTreeMap;

use super::finding::{Certainty, Finding, is_made};
use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::engine::{Action, Class, Error, Item, Order, Result};

/// A quota, as Service Quotas knows it.
#[derive(Clone, Copy, Debug)]
pub(in crate::aws) struct Quota {
    /// The service's code.
    pub service: &'static str,
    /// The quota's code.
    pub code: &'static str,
    /// What it counts, in the plural.
    pub what: &'static str,
}

impl Quota {
    /// Returns how to get more of it.
    pub(in crate::aws) fn help(self, needed: f64) -> String {
        format!(
            "delete what is not needed, or request more: `aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {}`",
            self.service,
            self.code,
            needed.ceil()
        )
    }
}

/// Returns an account's quotas of a service, by their codes: the value that was granted, or else AWS's default. One question for
/// all of them (<https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html>), which lists only
/// what was granted or is tracked; a second one is asked when it leaves something out.
pub(in crate::aws) async fn values(cx: &Cx, service: &'static str, codes: &[&str]) -> Result<BTreeMap<String, f64>> {
    let pages = cx.cloud.quotas.list_service_quotas().service_code(service).max_results(100).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("servicequotas:ListServiceQuotas"))?;
    let value = |quota: aws_sdk_servicequotas::types::ServiceQuota| Some((quota.quota_code?, quota.value?));
    let mut found: BTreeMap<String, f64> = all.into_iter().filter_map(value).collect();
    if codes.iter().any(|code| !found.contains_key(*code)) {
        let call = cx.cloud.quotas.list_aws_default_service_quotas().service_code(service).max_results(100);
        let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        for (code, value) in all.map_err(failed("servicequotas:ListAWSDefaultServiceQuotas"))?.into_iter().filter_map(value) {
            found.entry(code).or_insert(value);
        }
    }
    Ok(found)
}

/// Returns the error for a quota that AWS does not report.
pub(in crate::aws) fn untold() -> Error {
    Error::new(Class::Other, "AWS does not report it")
}

/// The numbers of objects of a kind that are created and deleted.
pub(in crate::aws) struct Change {
    /// How many are created.
    pub(in crate::aws) more: usize,
    less: usize,
}

impl Change {
    pub(in crate::aws) fn of<'a>(items: impl Iterator<Item = &'a Item>) -> Change {
        let mut change = Change { more: 0, less: 0 };
        for item in items {
            // A replacement that begins with the old half takes its place.
            change.more += usize::from(is_made(item) && item.order != Some(Order::DeleteFirst));
            change.less += usize::from(item.action == Action::Delete);
        }
        change
    }
}

/// Returns the finding that a plan exceeds a quota. Whether what the plan deletes is deleted in time is not certain.
pub(in crate::aws) fn over(quota: Quota, place: &str, most: f64, used: usize, change: &Change) -> Vec<Finding> {
    let Change { more, less } = *change;
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if more == 0 || count(used + more) <= most {
        return Vec::new();
    }
    let what = quota.what;
    let message = format!("{what} {place}: the plan creates {more}, {used} exist, and the account's quota is {most}");
    let certainty = if count((used + more).saturating_sub(less)) > most { Certainty::Refused } else { Certainty::Doubtful };
    vec![Finding::new(certainty, message).help(quota.help(count(used + more)))]
}

/// The place of a quota that applies to a region.
pub(in crate::aws) const HERE: &str = "in this region";

#[cfg(test)]
mod tests {
    use super::*;

    const VPCS: Quota = Quota { service: "vpc", code: "L-F678F1CE", what: "VPCs" };

    #[test]
    fn exceeding_a_quota_is_reported_with_its_certainty() {
        let said = |used, more, less| over(VPCS, HERE, 5.0, used, &Change { more, less });
        assert_eq!(said(4, 1, 0), []);
        assert_eq!(said(9, 0, 0), []);
        let found = said(5, 1, 0).remove(0);
        assert_eq!(found.certainty, Certainty::Refused);
        assert_eq!(found.message, "VPCs in this region: the plan creates 1, 5 exist, and the account's quota is 5");
        assert!(found.help.unwrap().ends_with("--service-code vpc --quota-code L-F678F1CE --desired-value 6`"));
        assert_eq!(said(5, 1, 1).remove(0).certainty, Certainty::Doubtful);
    }
}
