//! What web ACLs are billed for (<https://aws.amazon.com/waf/pricing/>): the month, each rule or managed group, and requests.

use super::WebAcl;
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, HOURS, Part};

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(acl) = object.of::<WebAcl>() else { return Vec::new() };
    let rules = acl.rules.len();
    // Each sees all requests: where there are two, one is before the distribution and one behind it.
    let requests = whole.usage.requests * Decimal::of(3600) * HOURS;
    vec![
        Part::new("AWSWAF", "WAF-WebACL-Month", Decimal::ONE, "1 web ACL"),
        Part::new("AWSWAF", "WAF-Rule-Month", Decimal::of(rules as u64), format!("{rules} rules and managed groups")),
        Part::new("AWSWAF", "WAF-Request", requests, "requests looked at").assuming("usage.requests"),
    ]
}
