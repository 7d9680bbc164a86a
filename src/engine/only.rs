//! Plans that are about one object only.

use std::collections::BTreeSet;

use super::action::Action;
use super::diff::Diff;
use super::error::{Class, Error, Result};
use super::item::Item;
use super::key::Key;
use super::plan::Plan;

impl Item {
    /// Leaves it as it is, whatever the file says.
    fn stay(&mut self) {
        self.leave();
        (self.kept, self.desired, self.order, self.last_copy, self.within) = (true, None, None, None, None);
        (self.holds_data, self.unmarked, self.carries_data) = (false, false, false);
        self.changes = Diff::default();
        self.needs.clear();
    }
}

impl Plan {
    /// Leaves everything but the object with this key as it is.
    ///
    /// # Errors
    /// When something that it needs does not exist, or is about to be replaced.
    pub fn only(&mut self, key: &Key) -> Result<()> {
        let Some(at) = self.items.iter().position(|item| item.key == *key && item.desired.is_some()) else {
            return Err(Error::internal(format!("`{key}` is in no plan")));
        };
        let needed: BTreeSet<usize> = self.items[at].needs.iter().map(|(needed, _)| *needed).collect();
        for needed in &needed {
            let needed = &self.items[*needed];
            if needed.before.is_none() || matches!(needed.action, Action::Replace | Action::Refuse) {
                let text = format!("`{}`, which `{key}` needs, is not as the file says", needed.key);
                return Err(Error::new(Class::Invalid, text).hint("`stack apply` first"));
            }
        }
        let mut now: Vec<Option<usize>> = Vec::with_capacity(self.items.len());
        let mut next = 0;
        for (index, item) in self.items.iter().enumerate() {
            let stays = index == at || item.before.is_some();
            now.push(stays.then_some(next));
            next += usize::from(stays);
        }
        let moved = |index: usize| now.get(index).copied().flatten();
        let mut index = 0;
        self.items.retain(|_| {
            index += 1;
            moved(index - 1).is_some()
        });
        let needed: BTreeSet<usize> = needed.into_iter().filter_map(moved).collect();
        for (index, item) in self.items.iter_mut().enumerate() {
            if needed.contains(&index) {
                // Its identifiers are those that it has.
                item.leave();
            } else if item.key != *key || item.desired.is_none() {
                item.stay();
            }
            item.needs = std::mem::take(&mut item.needs).into_iter().filter_map(|(to, need)| Some((moved(to)?, need))).collect();
            item.was_using = std::mem::take(&mut item.was_using).into_iter().filter_map(moved).collect();
            item.within = item.within.and_then(moved);
        }
        self.hints.clear();
        self.moved.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::consent::Consent;

    fn plan(items: Value) -> Plan {
        let scope = json!({"stack": "s", "env": "e", "region": "r", "account": "1", "partition": "aws"});
        serde_json::from_value(json!({"version": 4, "scope": scope, "destroy": false, "items": items})).unwrap()
    }

    fn before(tags: Value) -> Value {
        json!({"live": {"id": "x", "last_snapshot": "x-final"}, "fields": {"tags": tags}, "state": "ready"})
    }

    #[test]
    fn what_stands_beside_goes_when_its_key_is_named() {
        let kept = json!({"key": "rds.instance/main-old", "action": "keep", "kept": true, "generation": 1,
            "origin": "databases.main", "before": before(json!({"stack:beside": "main"}))});
        let after = |pattern: &str| {
            let mut plan = plan(json!([kept]));
            plan.agree(&Consent { delete: vec![pattern.to_owned()], ..Consent::default() });
            let item = &plan.items[0];
            (item.action, item.needs_consent, item.last_copy.clone())
        };
        assert_eq!(after("rds.instance/main-old"), (Action::Delete, true, Some("x-final".into())));
        for other in ["*", "rds.*", "databases.main", "rds.instance/main"] {
            assert_eq!(after(other).0, Action::Keep, "{other}");
        }
        let mut left =
            plan(json!([{"key": "a.b/c", "action": "keep", "kept": true, "generation": 1, "before": before(json!({}))}]));
        left.agree(&Consent { delete: vec!["a.b/c".into()], ..Consent::default() });
        assert_eq!(left.items[0].action, Action::Keep, "a plan about another object says nothing about this one");
    }

    #[test]
    fn a_plan_is_about_one_object_only() {
        let is = || before(json!({}));
        let items = |needed: &str| {
            json!([
                {"key": "a.new/x", "action": "create", "generation": 1, "desired": {}},
                {"key": "a.group/x", "action": needed, "generation": 1, "desired": {}, "before": is(), "needs": [[0, "exists"]]},
                {"key": "a.old/x", "action": "delete", "generation": 1, "before": is(), "was_using": [1], "needs_consent": true},
                {"key": "a.data/x", "action": "create", "generation": 1, "desired": {}, "needs": [[1, "exists"]]},
            ])
        };
        let key: Key = "a.data/x".parse().unwrap();
        let mut one = plan(items("update"));
        one.only(&key).unwrap();
        let told: Vec<(String, Action)> = one.items.iter().map(|item| (item.key.to_string(), item.action)).collect();
        let keep = |key: &str| (key.to_owned(), Action::Keep);
        assert_eq!(told, [keep("a.group/x"), keep("a.old/x"), ("a.data/x".to_owned(), Action::Create)]);
        assert_eq!(one.items[2].needs.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0]);
        assert_eq!(one.items[1].was_using, [0]);
        assert_eq!(one.changes().count(), 1);
        assert!(one.items.iter().all(|item| !item.is_impostor()));
        assert!(one.items[0].desired.is_some() && one.items[1].desired.is_none(), "what is needed is known");
        assert!(plan(items("replace")).only(&key).is_err());
        assert!(plan(items("update")).only(&"a.data/y".parse().unwrap()).is_err());
    }
}
