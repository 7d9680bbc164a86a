//! What a stack is billed for, from what each service says of its objects, with its prices.

use std::sync::Arc;

use super::billed::Whole;
use super::{hours, registry};
use crate::engine::{Graph, Plan};
use crate::prices::{self, Billed, Change, Hours, Part, Usage};

/// Returns what a file costs in a month, if so in these hours.
pub fn of(graph: &Graph, region: &str, usage: &Usage, hours: Option<Hours>) -> prices::Bill {
    priced(&Whole::desired(graph, region, usage.clone(), today()), hours)
}

/// Returns what a plan makes of the monthly price; `before` and `after` are the hours in which the environment runs, where it has some. With
/// hours it costs the same whether the plan finds or leaves it running or paused.
pub fn change(plan: &Plan, usage: &Usage, before: Option<Hours>, after: Option<Hours>) -> Change {
    let whole = |whole: Whole, hours: Option<Hours>| {
        let running = if hours.is_some() { hours::running(whole, plan) } else { whole };
        priced(&running, hours)
    };
    let stays = Whole::stays(plan) && before == after;
    let before = whole(Whole::before(plan, usage.clone(), today()), before);
    let after = if stays { before.clone() } else { whole(Whole::after(plan, usage.clone(), today()), after) };
    Change { hours: None, before, after }
}

fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Returns the prices of all parts.
fn priced(whole: &Whole, hours: Option<Hours>) -> prices::Bill {
    let billed = hours.as_ref().map_or_else(|| parts(whole), |hours| hours::mean(whole, hours, parts));
    prices::Bill { hours, ..prices::Bill::of(&whole.region, billed, &whole.usage) }
}

/// Returns all parts, in the order of plans.
fn parts(whole: &Whole) -> Vec<Billed> {
    let mut billed = Vec::new();
    for wing in registry::wings() {
        let of_wing = whole.objects.iter().filter(|object| wing.kinds.iter().any(|row| row.name == object.key.kind));
        for object in of_wing {
            let counted = |part: &Part| part.assumed.is_none() || !whole.usage.idle;
            let parts: Vec<Part> = (wing.bill)(object, whole).into_iter().filter(counted).collect();
            if parts.is_empty() {
                continue;
            }
            let (key, tags) = (object.key.to_string(), Arc::new(object.tags()));
            let section = || object.origin.clone();
            billed.extend(parts.into_iter().map(|part| Billed {
                object: key.clone(),
                section: section(),
                tags: tags.clone(),
                part,
            }));
        }
    }
    billed
}
