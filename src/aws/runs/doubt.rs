//! Objects that are the stack's only by their tags: the history says which of them its runs created.

use std::collections::BTreeSet;

use futures::stream::{StreamExt, iter};
use serde_json::Value;

use crate::aws::ownership::mark::Mark;
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::store::Store;
use crate::engine::action::Action;
use crate::engine::item::Item;
use crate::engine::{Class, Key, Plan, Result};

/// The number of history records that are read at once.
const AT_ONCE: usize = 16;

/// Returns the second mark of a kind, and whether it has tags: [`crate::aws::kind`] knows, which this module stands below.
type Lookup = fn(&str) -> Option<(Mark, bool)>;

/// Checks whether a kind has this mark.
fn has(kind: Lookup, name: &str, mark: Mark) -> bool {
    kind(name).is_some_and(|(its, _)| its == mark)
}

/// The reason why an object without tags that no run created stays.
const NOT_MADE: &str =
    "it points to this stack, but no run of the stack created it, so it is left alone: delete it yourself if it is not needed";
/// The same for an object that another would replace.
const NOT_MADE_REPLACED: &str = "no run of the stack created it: deleting it needs consent";

/// Requires consent to delete objects that are the stack's by nothing in AWS but their tags, unless the history knows that this
/// stack created them, and to delete what is in such an object. This concerns kinds without a mark in AWS, and objects whose name
/// no longer matches their key because their section was moved in the file. An object without tags, from which no tag can be
/// removed to keep it, stays. Of two objects with the same key, one of which is certainly the stack's, only the history can tell
/// the old half of a replacement from what someone else created.
///
/// # Errors
/// When the history cannot be read for a passing reason.
pub async fn doubt(plan: &mut Plan, store: &Store, kind: Lookup) -> Result<()> {
    let nameless: Vec<(usize, Made)> = plan
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| goes(item) && (item.unmarked || has(kind, &item.key.kind, Mark::History)) || item.is_impostor())
        .filter_map(|(at, item)| {
            let id = item.before.as_ref()?.live.get("id")?.as_str()?.to_owned();
            Some((at, Made { key: item.key.to_string(), id, is_second: item.is_impostor() }))
        })
        .collect();
    if nameless.is_empty() {
        return Ok(());
    }
    let unknown = match unknown(store, nameless.iter().map(|(_, made)| made.clone()).collect()).await {
        // Without permission to read the history they need consent.
        Err(e) if matches!(e.class, Class::Throttled | Class::Ambiguous) => return Err(e),
        Err(_) => nameless.iter().map(|(_, made)| made.clone()).collect(),
        Ok(unknown) => unknown,
    };
    judge(plan, &nameless, &unknown, kind);
    Ok(())
}

/// Checks whether a run of the history created the object with this key and identifier.
///
/// # Errors
/// When the history cannot be read.
pub async fn is_made(store: &Store, key: &Key, id: &str) -> Result<bool> {
    let made = Made { key: key.to_string(), id: id.to_owned(), is_second: false };
    Ok(unknown(store, BTreeSet::from([made])).await?.is_empty())
}

fn goes(item: &Item) -> bool {
    matches!(item.action, Action::Delete | Action::Replace)
}

/// Writes into the plan what the history knows, and what it does not.
fn judge(plan: &mut Plan, nameless: &[(usize, Made)], unknown: &BTreeSet<Made>, kind: Lookup) {
    let (doubted, known): (Vec<_>, Vec<_>) = nameless.iter().partition(|(_, made)| unknown.contains(made));
    for (at, _) in known {
        plan.items[*at].vouch();
    }
    let mut doubted: BTreeSet<usize> = doubted.into_iter().filter(|(_, made)| !made.is_second).map(|(at, _)| *at).collect();
    doubted.retain(|at| {
        let item = &mut plan.items[*at];
        let tagged = kind(&item.key.kind).is_some_and(|(_, tagged)| tagged);
        match item.action {
            _ if tagged => item.doubt(),
            Action::Delete => (item.action, item.reason) = (Action::Keep, Some(NOT_MADE.into())),
            _ => {
                let more = item.reason.take().map(|reason| format!("{reason}; ")).unwrap_or_default();
                (item.unmarked, item.reason) = (true, Some(format!("{more}{NOT_MADE_REPLACED}")));
            }
        }
        tagged
    });
    loop {
        let inside = |item: &Item| {
            let may = goes(item) && !item.unmarked && has(kind, &item.key.kind, Mark::Parent);
            may.then(|| item.was_using.iter().find(|at| doubted.contains(at)).copied()).flatten()
        };
        let more: Vec<(usize, usize)> =
            plan.items.iter().enumerate().filter_map(|(at, item)| Some((at, inside(item)?))).collect();
        if more.is_empty() {
            return;
        }
        for (at, outer) in more {
            let key = plan.items[outer].key.clone();
            plan.items[at].doubt_within(outer, &key);
            doubted.insert(at);
        }
    }
}

/// An object that a run may have created.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    key: String,
    id: String,
    /// Whether something else has its key: that a run created an object of that key then says nothing about this one.
    is_second: bool,
}

/// Returns those of `wanted` that no run of the history created. The oldest runs are read first: they created what contains
/// everything else.
async fn unknown(store: &Store, mut wanted: BTreeSet<Made>) -> Result<BTreeSet<Made>> {
    for numbers in history::numbers(store).await?.chunks(AT_ONCE) {
        let records = iter(numbers.iter().map(|number| history::read(store, *number))).buffered(AT_ONCE);
        for record in records.collect::<Vec<_>>().await {
            match record {
                // One that is not a record says nothing.
                Err(e) if e.class == Class::Other => {}
                Err(e) => return Err(e),
                Ok(record) => wanted.retain(|made| !record.as_ref().is_some_and(|record| tells(record, made))),
            }
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(wanted)
}

/// Checks whether the record says that its run created the object. A run that did not finish, or not for this object, wrote no
/// identifier; then the key counts.
fn tells(record: &Record, made: &Made) -> bool {
    let list = |of: &'_ Value, name: &str| of.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let is = |entry: &Value, field: &str, value: &str| entry.get(field).and_then(Value::as_str) == Some(value);
    let created = |entry: &Value| is(entry, "verb", "create");
    // Each change of a task definition is a revision of its own: `…:2`.
    let whole = |id: &str| match id.rsplit_once(':') {
        Some((family, revision)) if revision.parse::<u32>().is_ok() => family.to_owned(),
        _ => id.to_owned(),
    };
    let has_id = |entry: &Value| entry.get("id").and_then(Value::as_str).is_some_and(|id| whole(id) == whole(&made.id));
    let kind = |key: &str| key.split('/').next().unwrap_or_default().to_owned();
    let like = |entry: &Value| entry.get("key").and_then(Value::as_str).is_some_and(|key| kind(key) == kind(&made.key));
    if list(&record.outcome, "done").iter().any(|done| created(done) && like(done) && has_id(done)) {
        return true;
    }
    if made.is_second {
        return false;
    }
    let open = ["failed", "under_way"].into_iter().flat_map(|name| list(&record.outcome, name));
    if open.into_iter().any(|entry| created(&entry) && is(&entry, "key", &made.key) && !made_nothing(&entry)) {
        return true;
    }
    let planned = || list(&record.plan, "changes");
    let makes = |item: &Value| is(item, "key", &made.key) && (is(item, "action", "create") || is(item, "action", "replace"));
    record.ending == Ending::Open && planned().iter().any(makes)
}

/// Checks whether AWS refused the very call that creates the object. What failed after that call has created it.
fn made_nothing(entry: &Value) -> bool {
    const REFUSED: [&str; 4] = ["denied", "credentials", "limit", "invalid"];
    const MAKING: [&str; 3] = ["Allocate", "Create", "Request"];
    let text = |field: &str| entry.get("error").and_then(|error| error.get(field)).and_then(Value::as_str);
    // Without an operation it did not come to a call.
    let making = text("operation").is_none_or(|operation| {
        let name = operation.split(':').next_back().unwrap_or_default();
        MAKING.iter().any(|verb| name.starts_with(verb))
    });
    text("class").is_some_and(|class| REFUSED.contains(&class)) && making
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(ending: Ending, outcome: Value) -> Record {
        serde_json::from_value(json!({
            "command": "stack apply", "who": "", "host": "", "began": "", "version": "", "file": "", "ending": ending, "outcome": outcome,
            "plan": {"changes": [{"key": "ec2.vpc/main", "action": "create"}, {"key": "ec2.vpc/other", "action": "update"}]},
        }))
        .unwrap()
    }

    #[test]
    fn the_history_tells_what_a_run_made() {
        let made = |key: &str, id: &str| Made { key: key.into(), id: id.into(), is_second: false };
        let whole = record(
            Ending::Partly,
            json!({"done": [{"key": "ec2.vpc/main", "verb": "create", "id": "vpc-1"}, {"key": "ec2.vpc/b", "verb": "update", "id": "vpc-2"}],
                   "failed": [{"key": "ec2.address/a", "verb": "create"}, {"key": "ec2.address/b", "verb": "delete"}]}),
        );
        assert!(tells(&whole, &made("ec2.vpc/renamed", "vpc-1")));
        assert!(!tells(&whole, &made("ec2.vpc/main", "vpc-9")));
        assert!(!tells(&whole, &made("rds.instance/main", "vpc-1")), "names are had once in each kind");
        let family = record(
            Ending::Partly,
            json!({"done": [{"key": "ecs.task_definition/a", "verb": "create", "id": "arn:x:task-definition/shop-a:1"}]}),
        );
        assert!(tells(&family, &made("ecs.task_definition/b", "arn:x:task-definition/shop-a:7")));
        assert!(!tells(&family, &made("ecs.task_definition/b", "arn:x:task-definition/shop-b:1")));
        assert!(!tells(&whole, &made("ec2.vpc/b", "vpc-2")), "what was only changed was not made");
        assert!(tells(&whole, &made("ec2.address/a", "eipalloc-1")));
        assert!(!tells(&whole, &made("ec2.address/b", "eipalloc-2")));
        let killed = record(Ending::Open, Value::Null);
        // For an object with the key of another only its identifier counts.
        let second = |key: &str, id: &str| Made { is_second: true, ..made(key, id) };
        assert!(tells(&whole, &second("ec2.vpc/renamed", "vpc-1")));
        assert!(!tells(&whole, &second("ec2.address/a", "eipalloc-1")));
        assert!(!tells(&killed, &second("ec2.vpc/main", "vpc-9")));
        assert!(tells(&killed, &made("ec2.vpc/main", "vpc-9")));
        assert!(!tells(&killed, &made("ec2.vpc/other", "vpc-9")));
    }

    #[test]
    fn a_refused_create_made_nothing_a_later_failure_did() {
        let vouches = |class: &str, operation: Value| {
            let error = json!({"class": class, "operation": operation});
            let failed = json!({"failed": [{"key": "ec2.vpc/a", "verb": "create", "error": error}]});
            tells(&record(Ending::Failed, failed), &Made { key: "ec2.vpc/a".into(), id: "vpc-7".into(), is_second: false })
        };
        for class in ["denied", "limit", "invalid", "credentials"] {
            assert!(!vouches(class, json!("ec2:CreateVpc")), "{class}");
            assert!(!vouches(class, Value::Null), "{class}");
            assert!(vouches(class, json!("ec2:ModifyVpcAttribute")), "{class}");
        }
        for class in ["ambiguous", "late", "failed", "unreachable"] {
            assert!(vouches(class, json!("ec2:CreateVpc")), "{class}");
        }
    }

    fn item(value: Value) -> Item {
        serde_json::from_value(value).unwrap()
    }

    /// The old half of a moved service, whose new half exists: after a run that was killed between the two.
    #[test]
    fn an_old_half_is_deleted_only_if_history_made_it() {
        let second = item(json!({
            "key": "ecs.service/backend", "action": "keep", "generation": 1, "reason": "the same tags", "holds_data": true,
            "before": {"live": {"id": "shop-api", "last_snapshot": "copy"}, "fields": {}, "state": "ready"},
        }));
        let scope = json!({"stack": "shop", "env": "default", "region": "us-east-1", "account": "1", "partition": "aws"});
        let plan = json!({"version": 1, "scope": scope, "destroy": false, "items": [second]});
        let made = Made { key: "ecs.service/backend".into(), id: "shop-api".into(), is_second: true };
        let judged = |unknown: BTreeSet<Made>| {
            let mut plan: Plan = serde_json::from_value(plan.clone()).unwrap();
            let kind = |kind: &str| crate::aws::kind(kind).map(|row| (row.mark, row.tagged));
            judge(&mut plan, &[(0, made.clone())], &unknown, kind);
            plan.items.remove(0)
        };
        let known = judged(BTreeSet::new());
        assert_eq!((known.action, known.unmarked, known.needs_consent), (Action::Delete, false, true));
        assert_eq!((known.reason.as_deref(), known.last_copy.as_deref()), (Some("left over from a replacement"), Some("copy")));
        let other = judged(BTreeSet::from([made.clone()]));
        assert_eq!((other.action, other.unmarked, other.needs_consent), (Action::Keep, false, false));
        assert_eq!(other.reason.as_deref(), Some("the same tags"));
    }
}
