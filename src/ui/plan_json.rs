//! A plan as JSON: what `--json` writes, with a schema that is published.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::engine::plan::{self, Counts};
use crate::engine::{Action, Order, Plan};

/// What an `apply` of this plan would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "Plan")]
pub struct PlanJson {
    /// Grows with every change that a reader could notice.
    pub version: u32,
    /// The stack's name.
    pub stack: String,
    /// The environment; `default` when none was chosen.
    pub env: String,
    /// The AWS account.
    pub account: String,
    /// The region of what is regional.
    pub region: String,
    /// The whole stack is to go.
    pub destroy: bool,
    /// How many objects get which action.
    pub counts: Counts,
    /// Every object to which something happens.
    pub changes: Vec<ItemJson>,
}

/// What is to happen to one object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ItemJson {
    /// The object: `ec2.subnet/app-a`.
    pub key: String,
    /// Its kind: `ec2.subnet`.
    pub kind: String,
    /// Its name: `app-a`.
    pub name: String,
    /// What is to happen.
    pub action: Action,
    /// Which half of a replacement comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What the fields do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The final snapshot that it leaves behind when it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_copy: Option<String>,
    /// The new half of a replacement begins with a copy of the old one's data.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carries_data: bool,
    /// It holds data and goes: `--allow-delete KEY` lets it.
    pub needs_consent: bool,
    /// Field by field, for updates and replacements.
    pub changes: Vec<ChangeJson>,
}

/// One field that changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChangeJson {
    /// Where: `health.path`.
    pub path: String,
    /// What it is; null when it is not there, or secret.
    pub before: Option<Value>,
    /// What it is to be; null when it goes, or secret.
    pub after: Option<Value>,
    /// The object that must be made before the value is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// AWS cannot change this field.
    pub forces_replacement: bool,
    /// The values are not shown.
    pub secret: bool,
}

/// A plan as JSON. Objects that stay as they are appear only in the counts.
pub fn plan_json(plan: &Plan) -> PlanJson {
    let mut items: Vec<_> = plan.changes().collect();
    items.sort_by(|a, b| (a.action, &a.key).cmp(&(b.action, &b.key)));
    let changes = items.into_iter().map(|item| ItemJson {
        key: item.key.to_string(),
        kind: item.key.kind.clone(),
        name: item.key.name.clone(),
        action: item.action,
        order: item.order,
        reason: item.reason.clone(),
        last_copy: item.last_copy.clone(),
        carries_data: item.carries_data,
        needs_consent: item.needs_consent,
        changes: item
            .changes
            .changes
            .iter()
            .map(|change| ChangeJson {
                path: change.path.clone(),
                before: change.before.clone().filter(|_| !change.secret),
                after: change.after.clone().filter(|_| !change.secret),
                unknown: change.unknown.as_ref().map(ToString::to_string),
                forces_replacement: change.forces_replacement,
                secret: change.secret,
            })
            .collect(),
    });
    PlanJson {
        version: plan::VERSION,
        stack: plan.scope.stack.clone(),
        env: plan.scope.env.clone(),
        account: plan.scope.account.clone(),
        region: plan.scope.region.clone(),
        destroy: plan.destroy,
        counts: plan.counts(),
        changes: changes.collect(),
    }
}

/// The JSON Schema of [`PlanJson`].
pub fn plan_schema() -> Value {
    schemars::schema_for!(PlanJson).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_as_json() {
        let json = plan_json(&super::super::plan::tests::everything());
        let text = serde_json::to_string_pretty(&json).unwrap();
        assert!(!text.contains("old-secret") && !text.contains("new-secret"));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_schema_names_what_is_written() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&plan_schema()).unwrap());
    }
}
