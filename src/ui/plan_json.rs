//! Plans as JSON: what `--json` writes, with a schema that is published.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::engine::plan::{self, Counts};
use crate::engine::{Action, Ask, Change, Consent, Effect, Loss, Order, Plan};

use super::price::PriceJson;

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
    /// Whether the whole stack is deleted.
    pub destroy: bool,
    /// Number of objects for each action.
    pub counts: Counts,
    /// What AWS would refuse, warnings about the file, and other findings of the preflight checks.
    pub problems: Vec<Problem>,
    /// Hints at other intentions: a section that may have been renamed, for example.
    pub hints: Vec<String>,
    /// Every object that changes.
    pub changes: Vec<ItemJson>,
    /// What it makes of the monthly price, from list prices and the file's `usage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceJson>,
    /// Notes about objects that stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteJson>,
    /// With `--who`: who made the changes, according to CloudTrail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<Deed>,
}

/// A note about an object that stays as it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NoteJson {
    /// The object: `rds.instance/main`.
    pub key: String,
    /// AWS's word for its state, when it does not work as it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What it is, and what to do about it.
    pub note: String,
}

/// Something that was found before anything is changed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// `refused`: AWS would refuse it, and nothing is changed. `doubtful`: it may. `unknown`: it could not be checked. `warning`:
    /// the file says so, and it is seldom intended. `note`: worth knowing.
    pub severity: &'static str,
    /// The object that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A change that someone made to an object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Deed {
    /// The object: `rds.instance/main`.
    pub key: String,
    /// The operation: `ModifyDBInstance`.
    pub event: String,
    /// Who: a user's name, or a role's session.
    pub by: String,
    /// When, by AWS's clock: RFC 3339.
    pub at: String,
}

/// What happens to one object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ItemJson {
    /// The object: `ec2.subnet/app-a`.
    pub key: String,
    /// Its kind: `ec2.subnet`.
    pub kind: String,
    /// Its name: `app-a`.
    pub name: String,
    /// What happens.
    pub action: Action,
    /// For a replacement: whether the new object is created before the old one is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Why, where the fields do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The final snapshot that its deletion leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_copy: Option<String>,
    /// Whether a replacement starts with a copy of the old object's data.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carries_data: bool,
    /// Side effects: restarts, failovers, interruptions, what cannot be undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// What its deletion loses: nothing but its protection (`protected`), nothing because the data is copied (`goes_over`), what
    /// a final snapshot does not contain (`copy_stays`), everything (`for_good`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<&'static str>,
    /// The flag that gives the missing consent: `--allow-delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<&'static str>,
    /// Whether it needs consent.
    pub needs_consent: bool,
    /// Field by field, for updates and replacements.
    pub changes: Vec<ChangeJson>,
}

/// One field that changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChangeJson {
    /// Where: `health.path`.
    pub path: String,
    /// The value now; null when there is none, or when it is secret.
    pub before: Option<Value>,
    /// The value after the change; null when it is removed, or secret.
    pub after: Option<Value>,
    /// The object that must be created before the value is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Whether AWS cannot change this field in place.
    pub forces_replacement: bool,
    /// Whether the values are secret and not shown.
    pub secret: bool,
}

/// Returns a plan as JSON. Objects that stay as they are appear only in the counts.
pub fn plan_json(plan: &Plan, consent: &Consent, problems: Vec<Problem>) -> PlanJson {
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
        effects: item.effects.clone(),
        loss: match item.ask() {
            Some(Ask::Delete(loss) | Ask::Replace(loss)) => Some(match loss {
                Loss::Protected => "protected",
                Loss::GoesOver => "goes_over",
                Loss::CopyStays => "copy_stays",
                Loss::ForGood => "for_good",
            }),
            _ => None,
        },
        needs: item.ask().filter(|_| !consent.covers(plan, item)).map(Ask::flag),
        needs_consent: item.ask().is_some(),
        changes: item.changes.changes.iter().map(change_json).collect(),
    });
    PlanJson {
        version: plan::VERSION,
        stack: plan.scope.stack.clone(),
        env: plan.scope.env.clone(),
        account: plan.scope.account.clone(),
        region: plan.scope.region.clone(),
        destroy: plan.destroy,
        counts: plan.counts(),
        problems,
        hints: plan.hints.clone(),
        changes: changes.collect(),
        price: None,
        notes: notes(plan),
        who: Vec::new(),
    }
}

/// Returns the notes about objects that stay as they are.
pub(super) fn notes(plan: &Plan) -> Vec<NoteJson> {
    let mut kept: Vec<_> = plan.items.iter().filter(|item| item.action == Action::Keep && item.reason.is_some()).collect();
    kept.sort_by(|a, b| a.key.cmp(&b.key));
    let note = |item: &crate::engine::Item| {
        let status = item.before.as_ref().and_then(|before| before.state.word()).map(str::to_owned);
        Some(NoteJson { key: item.key.to_string(), status, note: item.reason.clone()? })
    };
    kept.into_iter().filter_map(note).collect()
}

/// Returns a field that changes.
pub(super) fn change_json(change: &Change) -> ChangeJson {
    ChangeJson {
        path: change.path.clone(),
        before: change.before.clone().filter(|_| !change.secret),
        after: change.after.clone().filter(|_| !change.secret),
        unknown: change.unknown.as_ref().map(ToString::to_string),
        forces_replacement: change.forces_replacement,
        secret: change.secret,
    }
}

/// Returns the JSON Schema of [`PlanJson`].
pub fn plan_schema() -> Value {
    schemars::schema_for!(PlanJson).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_as_json() {
        let json = plan_json(
            &super::super::plan::tests::everything(),
            &Consent::default(),
            vec![Problem {
                severity: "refused",
                key: Some("rds.instance/main".into()),
                message: "us-east-1 has no postgres 99".into(),
                help: Some("choose one of 16.8, 17.4".into()),
            }],
        );
        let text = serde_json::to_string_pretty(&json).unwrap();
        assert!(!text.contains("old-secret") && !text.contains("new-secret"));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_schema_names_what_is_written() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&plan_schema()).unwrap());
    }
}
