//! Checks for names that already have records.

use std::collections::BTreeMap;

use futures::future::try_join_all;

use crate::aws::preflight::finding::{Finding, field, made, of_kind};
use crate::aws::wing::Check;
use crate::aws::{Cx, route53};
use crate::engine::{Key, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("DNS names", Box::pin(check(cx, plan)))]
}

/// Checks whether a name that should point here has a record that is not the stack's. It is not changed, so the stack's could not
/// be created (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>).
async fn check(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let ours: Vec<&str> =
        of_kind(plan, "route53.record").filter(|i| i.before.is_some()).filter_map(|i| field(i, "name")).collect();
    let mut names: BTreeMap<(&str, &str), &Key> = BTreeMap::new();
    for item in made(plan).filter(|item| item.key.kind == "route53.record") {
        if let (Some(zone), Some(name)) = (field(item, "zone"), field(item, "name")) {
            names.entry((zone, name)).or_insert(&item.key);
        }
    }
    let asked = names.into_iter().filter(|((_, name), _)| !ours.contains(name)).map(|((zone, name), key)| async move {
        let there: Vec<String> = route53::leads(cx, zone, name).await?.iter().map(route53::said).collect();
        Ok::<_, crate::engine::Error>((!there.is_empty()).then(|| {
            let message = format!("`{name}` already has a record in the zone `{zone}`: {}", there.join("; "));
            Finding::refused(
                key,
                message,
                "delete that record if the name should point here, or write `dns: false` in its section",
            )
        }))
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}
