//! What distributions are billed for: requests and data to users, by the area of the edge locations that answer
//! (<https://aws.amazon.com/cloudfront/pricing/pay-as-you-go/>).

use super::Distribution;
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, HOURS, Part};

const EDGES: &str = "CloudFront's prices depend on where the edge locations are that answer: `usage.edge` says it";
const LEFT_OUT: &str = "the price class leaves out the edge locations of `usage.edge`: North America's prices are taken";

/// The areas that are left out by a price class, other than North America
/// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PriceClass.html>).
fn serves(price_class: Option<&str>, edge: &str) -> bool {
    match price_class {
        Some("PriceClass_100") => edge == "europe",
        Some("PriceClass_200") => !["south-america", "australia"].contains(&edge),
        _ => true,
    }
}

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(distribution) = object.of::<Distribution>() else { return Vec::new() };
    let requests = whole.share::<Distribution>(whole.usage.requests) * Decimal::of(3600) * HOURS;
    let transfer = whole.share::<Distribution>(whole.usage.transfer);
    parts(distribution.price_class.as_deref(), whole.usage.edge, requests, transfer)
}

fn parts(price_class: Option<&str>, users: Option<&'static str>, requests: Decimal, transfer: Decimal) -> Vec<Part> {
    let edge = users.filter(|edge| serves(price_class, edge));
    let note = if edge == users { EDGES } else { LEFT_OUT };
    let part = |usage: &str, quantity: Decimal, what: &str, key: &'static str| {
        let name = edge.map_or_else(|| usage.to_owned(), |edge| format!("{usage}:{edge}"));
        let what = edge.map_or_else(|| what.to_owned(), |edge| format!("{what}, by edge locations in {edge}"));
        Part::new("AmazonCloudFront", name, quantity, what).assuming(key).noting(note)
    };
    vec![
        part("CloudFront-HTTPS-Request", requests, "HTTPS requests", "usage.requests"),
        part("CloudFront-DataTransfer", transfer, "data to users", "usage.transfer"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::{Bill, Billed, Usage};

    #[test]
    fn the_price_class_decides_which_edges_count() {
        let of = |class: &str, users, free_tier| {
            let parts = parts(Some(class), users, Decimal::of(26_280_000), Decimal::of(2000)).into_iter();
            let billed = parts.map(|part| Billed {
                object: "cloudfront.distribution/main".into(),
                section: "cdn".into(),
                tags: std::sync::Arc::default(),
                part,
            });
            let bill = Bill::of("us-east-1", billed.collect(), &Usage { free_tier, ..Usage::default() });
            bill.lines.iter().map(|line| line.monthly.map(Decimal::plain)).collect::<Vec<_>>()
        };
        // 26,280,000 requests at 0.000001, 0.0000012, 0.0000022 and 0.00000125; 2,000 GB at 0.085, of other areas the price is not known.
        let told = |requests: &str, transfer: Option<&str>| vec![Some(requests.to_owned()), transfer.map(str::to_owned)];
        for (class, users, expected) in [
            ("PriceClass_All", None, told("26.28", Some("170.00"))),
            ("PriceClass_100", Some("europe"), told("31.54", Some("170.00"))),
            ("PriceClass_100", Some("japan"), told("26.28", Some("170.00"))),
            ("PriceClass_200", Some("japan"), told("31.54", None)),
            ("PriceClass_200", Some("australia"), told("26.28", Some("170.00"))),
            ("PriceClass_All", Some("south-america"), told("57.82", None)),
            ("PriceClass_All", Some("australia"), told("32.85", None)),
        ] {
            assert_eq!(of(class, users, false), expected, "{class} {users:?}");
        }
        // The first 10,000,000 requests and 1,024 GB are free: 16,280,000 × 0.0000012 and 976 × 0.085.
        assert_eq!(of("PriceClass_All", Some("europe"), true), told("19.54", Some("82.96")));
    }
}
