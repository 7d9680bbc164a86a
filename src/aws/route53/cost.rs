//! What health checks are billed for (<https://aws.amazon.com/route53/pricing/>): each of them, and each of its options: HTTPS, and an interval of
//! 10 seconds. The first 50 of endpoints in AWS are free in an account, without options.

use super::HealthCheck;
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, Part};

const FREE: &str =
    "AWS charges nothing for the first 50 health checks of an account that ask endpoints in AWS, apart from their options";

pub(super) fn bill(object: &Object, _whole: &Whole) -> Vec<Part> {
    let Some(check) = object.of::<HealthCheck>() else { return Vec::new() };
    let options = [(check.r#type == "HTTPS", "HTTPS"), (check.interval == 10, "interval of 10 seconds")];
    let named: Vec<&str> = options.iter().filter(|(is_so, _)| *is_so).map(|(_, name)| *name).collect();
    let mut parts = vec![Part::new("AmazonRoute53", "Health-Check-AWS", Decimal::of(1), "health check").noting(FREE)];
    if let Ok(count) = u64::try_from(named.len())
        && count > 0
    {
        let what = format!("options of the health check: {}", named.join(", "));
        parts.push(Part::new("AmazonRoute53", "Health-Check-Option-AWS", Decimal::of(count), what));
    }
    parts
}
