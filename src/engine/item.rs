//! What is to happen to one object, and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::{Action, Order};
use super::diff::Diff;
use super::effect::Effect;
use super::key::Key;
use super::readiness::Readiness;
use super::tags::{TAG_BESIDE, TAG_PROTECT, tag};
use super::token::Need;

/// An object as the plan found it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Ids, ARNs, endpoints.
    pub live: Arc<Value>,
    /// The struct as a value.
    pub fields: Arc<Value>,
    /// Whether it was finished.
    pub state: Readiness,
}

/// What is to happen to one object, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The object.
    pub key: Key,
    /// What is to happen.
    pub action: Action,
    /// Which half of a replacement comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Field by field.
    #[serde(default, skip_serializing_if = "Diff::is_empty")]
    pub changes: Diff,
    /// What the fields do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Something is lost with it, or it is protected: deleting or replacing it needs consent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_consent: bool,
    /// Something is kept in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_data: bool,
    /// There is consent to losing whatever is in it, also what was put there since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loses_data: bool,
    /// Only tags, its own or those of what it is inside, attribute it to the stack: deleting it needs consent by key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmarked: bool,
    /// It is known and left as it is: it stands beside what the file describes, or the plan is about another object only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The item that it is inside, when the doubt comes from that: consent to that one covers this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<usize>,
    /// What is left of it when it is deleted, by AWS's name: a final snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_copy: Option<String>,
    /// The new half of a replacement begins with a copy of the old one's data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carries_data: bool,
    /// What the change does besides: restarts, failovers, interruptions, what cannot be undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// Counts the replacements of this object.
    pub generation: u32,
    /// What it is to be, references open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Arc<Value>>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// Items that the desired object refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<(usize, Need)>,
    /// Items whose live object this one's live object refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was_using: Vec<usize>,
    /// The place in the file that it comes from, or came from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
}

impl Item {
    /// Leaves the object as it is: what an update would have changed, and what that would have done besides, is dropped.
    pub fn leave(&mut self) {
        self.action = Action::Keep;
        self.changes = Diff::default();
        self.effects.clear();
        self.reason = None;
        self.needs_consent = false;
    }

    /// Checks whether AWS is deleting it already: all that is left to do is to wait.
    pub fn is_leaving(&self) -> bool {
        self.before.as_ref().is_some_and(|before| matches!(before.state, Readiness::Leaving(_)))
    }

    /// Checks whether it is created where no data was before: then it may begin with data that it names
    /// ([`Resource::begins`](super::Resource::begins)).
    pub fn is_first(&self) -> bool {
        self.action == Action::Create || self.action == Action::Replace && !self.holds_data && !self.carries_data
    }

    /// Checks whether it is deleted because it does not exist while the environment is paused.
    pub fn is_absent(&self) -> bool {
        self.action == Action::Delete && self.reason.as_deref() == Some(ABSENT)
    }

    /// Checks whether it is left alone because it has the same tags as an object that certainly belongs to the stack.
    pub fn is_impostor(&self) -> bool {
        self.action == Action::Keep && self.desired.is_none() && !self.kept
    }

    /// Turns what seemed to be an impostor into the old half of a replacement: this stack created it, under the name that AWS
    /// gave it before its section was renamed.
    fn leave_over(&mut self) {
        (self.action, self.reason) = (Action::Delete, Some(LEFT_OVER.to_owned()));
        let Some(before) = &self.before else { return };
        self.last_copy = last_copy(before);
        let named = self.holds_data || is_protected(&before.fields) || is_guarded(&before.live);
        self.needs_consent = named && !self.is_leaving();
    }

    /// Has what stands beside another object be deleted, which was named.
    pub(super) fn let_go(&mut self) {
        let Some(before) = self.before.as_ref().filter(|before| self.kept && beside(&before.fields).is_some()) else { return };
        self.last_copy = last_copy(before);
        (self.kept, self.action) = (false, Action::Delete);
        self.reason = self.unmarked.then(|| UNMARKED.to_owned());
        (self.needs_consent, self.holds_data) = (true, true);
    }

    /// Notes that only its tags attribute it to the stack: it is deleted only with consent.
    pub fn doubt(&mut self) {
        if !self.unmarked {
            self.unmarked = true;
            self.reason = Some(and(self.reason.take(), UNMARKED));
        }
    }

    /// Notes that it is inside another item, of that key, that only its tags attribute to the stack.
    pub fn doubt_within(&mut self, at: usize, key: &Key) {
        if !self.unmarked {
            (self.unmarked, self.within) = (true, Some(at));
            let why = format!(
                "it is inside `{key}`, which only its tags attribute to this stack: consent to deleting that one covers this one"
            );
            self.reason = Some(and(self.reason.take(), &why));
        }
    }

    /// Notes that more than its tags says that it belongs to the stack.
    pub fn vouch(&mut self) {
        if self.is_impostor() {
            return self.leave_over();
        }
        if std::mem::take(&mut self.unmarked) {
            let reason = self.reason.take().unwrap_or_default();
            self.reason = Some(reason.replace(UNMARKED, "").trim_end_matches("; ").to_owned()).filter(|rest| !rest.is_empty());
        }
    }
}

/// Why the old half of a replacement is deleted that an earlier run did not get to.
pub(super) const LEFT_OVER: &str = "left over from a replacement";

/// Why what the file has is deleted when the environment is paused.
pub(super) const ABSENT: &str = "it does not exist while the environment is paused, and is created again when it is resumed";

/// The attribute of a live object that names what it leaves behind when it is deleted.
pub const LAST_COPY: &str = "last_snapshot";

/// The attribute of a live object that is true when someone protected it against deletion in the cloud itself: it is deleted only
/// with consent.
pub const GUARDED: &str = "guarded";

/// The attribute of a live object of a kind that holds data which is true when AWS never got it to serve: there is nothing in it.
pub const NEVER_SERVED: &str = "never_served";

/// The attribute of a live object that says, in words, what neither the stack did nor a change fixes: someone's access key.
pub const NOTICED: &str = "noticed";

/// The attribute of a live object that lists what follows it elsewhere, in no graph of this stack: it counts as a user of its own kind
/// when the environment is paused ([`Resource::pause`](super::Resource::pause)).
pub const FOLLOWERS: &str = "followers";

/// Why what only its tags attribute to the stack is not simply deleted.
pub(super) const UNMARKED: &str = "only its tags say that it belongs to this stack, and anyone who may write tags could have set them, so it is deleted only with consent; to keep it, remove its tags `stack:name`, `stack:env` and `stack:key`";

/// Returns the name of the object that one stands beside: a database that was restored, and the one whose place it took, are the stack's and
/// in no file. A plan leaves them as they are until one is named by its own key; the plan that deletes everything deletes them.
pub fn beside(fields: &Value) -> Option<&str> {
    tag(fields, TAG_BESIDE)
}

/// Returns why it stays.
pub(super) fn kept_reason(kind: &str, of: &str, key: &Key) -> String {
    format!("it stands beside `{kind}/{of}` and stays: `--allow-delete {key}` deletes it")
}

/// Adds one more to `reason`.
pub(super) fn and(reason: Option<String>, more: &str) -> String {
    reason.map_or_else(|| more.to_owned(), |reason| format!("{reason}; {more}"))
}

/// Checks whether someone protected it in the cloud itself.
pub(super) fn is_guarded(live: &Value) -> bool {
    live.get(GUARDED) == Some(&Value::Bool(true))
}

/// Checks whether the user protected it, so that it is deleted only with consent.
pub(super) fn is_protected(fields: &Value) -> bool {
    tag(fields, TAG_PROTECT) == Some("true")
}

/// Returns what it leaves behind when it is deleted.
pub(super) fn last_copy(before: &Before) -> Option<String> {
    before.live.get(LAST_COPY).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_in_doubt_goes_in_doubt() {
        let before = json!({"live": {}, "fields": {"tags": {TAG_BESIDE: "main"}}, "state": "ready"});
        let item = json!({"key": "a.data/x", "action": "keep", "kept": true, "generation": 1, "before": before});
        let kept: Item = serde_json::from_value(item).unwrap();
        let [mut sure, mut doubtful] = [kept.clone(), kept];
        doubtful.doubt();
        assert_eq!((sure.ask(), doubtful.ask()), (None, None));
        for item in [&mut sure, &mut doubtful] {
            item.let_go();
            assert_eq!((item.action, item.needs_consent, item.ask().is_some()), (Action::Delete, true, true));
        }
        assert_eq!((sure.unmarked, sure.reason), (false, None));
        assert_eq!((doubtful.unmarked, doubtful.reason.as_deref()), (true, Some(UNMARKED)));
    }
}
