//! What a stack is billed for, from what each service says of its objects, with its prices.

use super::billed::Whole;
use super::registry;
use crate::engine::{Graph, Plan};
use crate::prices::{self, Billed, Change, Usage};

/// Returns what a file costs in a month.
pub fn of(graph: &Graph, region: &str, usage: &Usage) -> prices::Bill {
    priced(&Whole::desired(graph, usage.clone(), today()), region)
}

/// Returns what a plan makes of the monthly price.
pub fn change(plan: &Plan, usage: &Usage) -> Change {
    let region = &plan.scope.region;
    Change {
        hours: None,
        before: priced(&Whole::before(plan, usage.clone(), today()), region),
        after: priced(&Whole::after(plan, usage.clone(), today()), region),
    }
}

fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Returns the prices of all parts, in the order of plans.
fn priced(whole: &Whole, region: &str) -> prices::Bill {
    let mut billed = Vec::new();
    for wing in registry::wings() {
        let of_wing = whole.objects.iter().filter(|object| wing.kinds.iter().any(|row| row.name == object.key.kind));
        for object in of_wing {
            billed.extend((wing.bill)(object, whole).into_iter().map(|part| Billed {
                object: object.key.to_string(),
                section: object.origin.clone(),
                tags: object.tags(),
                part,
            }));
        }
    }
    prices::Bill::of(region, billed, &whole.usage)
}
