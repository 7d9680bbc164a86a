//! Checks for names that already have records.

use std::collections::BTreeMap;

use futures::future::try_join_all;

use super::record::leads_to;
use super::{Record, Routing};
use crate::aws::finding::{Finding, field, is_new, of_kind};
use crate::aws::wing::Check;
use crate::aws::{Cx, route53};
use crate::engine::{Item, Plan, Resource, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("DNS names", Box::pin(check(cx, plan)))]
}

/// Checks whether a name that should point here has a record that is not the stack's. It is not changed, so the stack's could not
/// be created (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>).
async fn check(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let mut names: BTreeMap<(&str, &str), &Item> = BTreeMap::new();
    let routed = |item: &&Item| item.before.is_none() || item.changes.touches("routing");
    for item in of_kind(plan, Record::KIND).filter(|item| is_new(item, &["routing"])).filter(routed) {
        if let (Some(zone), Some(name)) = (field(item, "zone"), field(item, "name")) {
            names.entry((zone, name)).or_insert(item);
        }
    }
    let ours: Vec<&str> = of_kind(plan, Record::KIND).filter(|i| i.before.is_some()).filter_map(|i| field(i, "name")).collect();
    let asked = names.into_iter().filter_map(|((zone, name), item)| {
        let wanted = routing(item);
        // What is there under the name of a record of ours is that one, unless records of several regions share the name.
        (!ours.contains(&name) || wanted != Routing::Simple).then_some(async move {
            let own = item.before.as_ref().and_then(|before| before.live.get("target")?.as_str());
            let there = route53::leads(cx, zone, name).await?;
            let there = there.iter().filter(|record| wanted.collides(record) && !own.is_some_and(|own| leads_to(record, own)));
            let there: Vec<String> = there.map(route53::said).collect();
            Ok::<_, crate::engine::Error>((!there.is_empty()).then(|| {
                let message = format!("`{name}` already has a record in the zone `{zone}`: {}", there.join("; "));
                Finding::refused(&item.key, message, help(wanted))
            }))
        })
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

fn routing(item: &Item) -> Routing {
    let said = item.desired.as_ref().and_then(|desired| serde_json::from_value(desired.get("routing")?.clone()).ok());
    said.unwrap_or_default()
}

fn help(wanted: Routing) -> &'static str {
    match wanted {
        Routing::Simple => "delete that record if the name should point here, or write `dns: false` in its section",
        Routing::Secondary | Routing::Latency => {
            "if it is the stack's in the other region, `stack apply` there makes room for one of this region; else delete it, or write `dns: false` in its section"
        }
        Routing::Primary => {
            "if it is of a region in which the stack was before, `stack destroy --stack NAME --env NAME --region REGION` deletes it with what is left there; else delete it, or write `dns: false` in its section"
        }
    }
}
