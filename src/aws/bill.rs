//! What a stack is billed for, from what each service says of its objects, with its prices.

use super::billed::Whole;
use super::registry;
use crate::engine::{Graph, Plan};
use crate::prices::{self, Billed, Change, Decimal, Part, Usage};

/// Returns what a file costs in a month.
pub fn of(graph: &Graph, region: &str, usage: &Usage) -> prices::Bill {
    priced(&Whole::desired(graph, usage.clone(), today()), region)
}

/// Returns what an environment costs in a month that sleeps by its hours: `awake` is what is desired while it runs, `asleep` while it is
/// paused, and `share` how much of the time it runs. What is assumed of its use is a month's already, whenever that is.
pub fn by_hours(awake: &Graph, asleep: &Graph, share: Decimal, region: &str, usage: &Usage) -> prices::Bill {
    let day = parts(&Whole::desired(awake, usage.clone(), today()));
    let mut night = parts(&Whole::desired(asleep, usage.clone(), today()));
    let billed = day.into_iter().map(|mut billed| {
        let is_same = |other: &Billed| other.object == billed.object && other.part.usage == billed.part.usage;
        let stays = night.iter().position(is_same).map_or(Decimal::ZERO, |at| night.remove(at).part.quantity);
        if billed.part.assumed.is_none() {
            let mean = |quantity: Decimal| quantity * share + stays * (Decimal::ONE - share);
            billed.part = Part { quantity: mean(billed.part.quantity), most: billed.part.most.map(mean), ..billed.part };
        }
        billed
    });
    prices::Bill::of(region, billed.collect(), usage)
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

/// Returns the prices of all parts.
fn priced(whole: &Whole, region: &str) -> prices::Bill {
    prices::Bill::of(region, parts(whole), &whole.usage)
}

/// Returns all parts, in the order of plans.
fn parts(whole: &Whole) -> Vec<Billed> {
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
    billed
}
