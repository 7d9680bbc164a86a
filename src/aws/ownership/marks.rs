//! What says that an object is ours, beside its tags.
//!
//! Who may write tags could write ours. So nothing goes by its tags alone: every kind has a second mark, which is set at
//! creation and which the right to write tags does not change. An object without it is used when the file names it, and goes only
//! when it is named (`--allow-delete KEY`). `docs/ownership.md` has the same table for people, and a test holds the two together.

use std::collections::BTreeSet;

use futures::stream::{StreamExt, iter};
use serde_json::Value;

use crate::aws::runs::history;
use crate::aws::runs::history::{Ending, Record};
use crate::aws::runs::store::Store;
use crate::engine::action::Action;
use crate::engine::item::Item;
use crate::engine::{Class, Plan, Result};

/// How many records of the history are read at once.
const AT_ONCE: usize = 16;

/// The second mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its name in AWS is the one that its key gets, and nobody can change a name.
    Name,
    /// Its path in IAM.
    Path,
    /// It lies in an object of ours, or hangs on one.
    Parent,
    /// A text that is written when it is created.
    Text,
    /// It has nothing of the kind: the history of this stack knows that it made it.
    History,
}

/// The mark of every kind.
const MARKS: &[(&str, Mark)] = &[
    ("acm.certificate", Mark::History),
    ("acm.validation", Mark::Parent),
    ("application-autoscaling.scalable_target", Mark::Parent),
    ("application-autoscaling.scaling_policy", Mark::Parent),
    ("cloudfront.distribution", Mark::Text),
    ("cloudfront.origin_access_control", Mark::Text),
    ("ec2.address", Mark::History),
    ("ec2.default_security_group", Mark::Parent),
    ("ec2.internet_gateway", Mark::History),
    ("ec2.nat_gateway", Mark::Parent),
    ("ec2.route", Mark::Parent),
    ("ec2.route_table", Mark::Parent),
    ("ec2.route_table_association", Mark::Parent),
    ("ec2.security_group", Mark::Name),
    ("ec2.security_group_rule", Mark::Parent),
    ("ec2.subnet", Mark::Parent),
    ("ec2.vpc", Mark::History),
    ("ec2.vpc_endpoint", Mark::Parent),
    ("ecs.cluster", Mark::Name),
    ("ecs.service", Mark::Name),
    ("ecs.task_definition", Mark::Name),
    ("elasticache.cluster", Mark::Name),
    ("elasticache.parameter_group", Mark::Name),
    ("elasticache.replication_group", Mark::Name),
    ("elasticache.subnet_group", Mark::Name),
    ("elbv2.listener", Mark::Parent),
    ("elbv2.load_balancer", Mark::Name),
    ("elbv2.rule", Mark::Parent),
    ("elbv2.target_group", Mark::Name),
    ("events.rule", Mark::Name),
    ("iam.group", Mark::Path),
    ("iam.role", Mark::Path),
    ("iam.user", Mark::Path),
    ("kms.alias", Mark::Name),
    ("kms.key", Mark::History),
    ("lambda.function", Mark::Name),
    ("lambda.permission", Mark::Parent),
    ("logs.log_group", Mark::Name),
    ("rds.instance", Mark::Name),
    ("rds.parameter_group", Mark::Name),
    ("rds.subnet_group", Mark::Name),
    ("route53.record", Mark::History),
    ("s3.bucket", Mark::Name),
    ("s3.bucket_policy", Mark::Parent),
    ("secretsmanager.rotation", Mark::Parent),
    ("secretsmanager.secret", Mark::Name),
    ("servicediscovery.namespace", Mark::Name),
];

/// The mark of a kind.
pub fn mark(kind: &str) -> Option<Mark> {
    MARKS.iter().find(|(of, _)| *of == kind).map(|(_, mark)| *mark)
}

/// Why what has no tags and was made by nobody of ours stays.
const NOT_MADE: &str =
    "it leads to this stack and no run of the stack made it, so it is left alone: delete it yourself when nobody needs it";
/// The same of one that another would take the place of.
const NOT_MADE_REPLACED: &str = "no run of the stack made it: it goes only when it is named";

/// What goes and is ours by nothing in AWS but its tags must be named, unless the history knows that this stack made it; and so
/// must what lies in such a thing. That is so for kinds without a mark in AWS, and for what has another name than its key gets
/// since its section was moved in the file. What has no tags either, and so nothing that somebody could take away to keep it, stays.
/// Of what has the key of something that is surely ours, the history alone tells the old half of a replacement from what somebody
/// else made.
///
/// # Errors
/// When the history cannot be read for a passing reason.
pub async fn doubt(plan: &mut Plan, store: &Store) -> Result<()> {
    let nameless: Vec<(usize, Made)> = plan
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| goes(item) && (item.unmarked || mark(&item.key.kind) == Some(Mark::History)) || item.is_impostor())
        .filter_map(|(at, item)| {
            let id = item.before.as_ref()?.live.get("id")?.as_str()?.to_owned();
            Some((at, Made { key: item.key.to_string(), id, is_second: item.is_impostor() }))
        })
        .collect();
    if nameless.is_empty() {
        return Ok(());
    }
    let unknown = match unknown(store, nameless.iter().map(|(_, made)| made.clone()).collect()).await {
        // Who may not read the history must name them.
        Err(e) if matches!(e.class, Class::Throttled | Class::Ambiguous) => return Err(e),
        Err(_) => nameless.iter().map(|(_, made)| made.clone()).collect(),
        Ok(unknown) => unknown,
    };
    judge(plan, &nameless, &unknown);
    Ok(())
}

fn goes(item: &Item) -> bool {
    matches!(item.action, Action::Delete | Action::Replace)
}

/// Writes into the plan what the history knows, and what it does not.
fn judge(plan: &mut Plan, nameless: &[(usize, Made)], unknown: &BTreeSet<Made>) {
    let (doubted, known): (Vec<_>, Vec<_>) = nameless.iter().partition(|(_, made)| unknown.contains(made));
    for (at, _) in known {
        plan.items[*at].vouch();
    }
    let registry = crate::aws::registry();
    let mut doubted: BTreeSet<usize> = doubted.into_iter().filter(|(_, made)| !made.is_second).map(|(at, _)| *at).collect();
    doubted.retain(|at| {
        let item = &mut plan.items[*at];
        let tagged = registry.kind(&item.key.kind).is_ok_and(|kind| kind.tagged());
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
            let may = goes(item) && !item.unmarked && mark(&item.key.kind) == Some(Mark::Parent);
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

/// An object that a run may have made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    key: String,
    id: String,
    /// Something else has its key: that a run made something of that key says nothing of this.
    is_second: bool,
}

/// Those of `wanted` that no run of the history made. The oldest runs are read first: they made what everything else lies in.
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

/// Whether the record says that its run made the object. A run that did not come to its end, or to that of this object, wrote no
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

/// Whether AWS refused the very call that makes the object. What failed after that call has made it.
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

    #[test]
    fn every_kind_has_a_second_mark() {
        let registered: Vec<String> = crate::aws::registry().kinds().map(|kind| kind.name().to_owned()).collect();
        let told: Vec<&str> = MARKS.iter().map(|(kind, _)| *kind).collect();
        let missing: Vec<&String> = registered.iter().filter(|kind| !told.contains(&kind.as_str())).collect();
        assert!(
            missing.is_empty(),
            "say in `MARKS` and in docs/ownership.md what marks these as ours beside their tags: {missing:?}"
        );
        assert!(told.iter().all(|kind| registered.iter().any(|r| r == kind)), "{told:?}");
    }

    #[test]
    fn the_documents_have_the_same_table() {
        let page = include_str!("../../../docs/ownership.md");
        for (kind, mark) in MARKS {
            let mark = format!("{mark:?}").to_lowercase();
            let row = page.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
            assert!(row.is_some_and(|row| row.contains(&format!("| {mark} |"))), "`{kind}`, {mark}: {row:?}");
        }
    }

    #[test]
    fn what_a_kind_tells_of_tags_leaves_those_of_others() {
        use crate::engine::{What, rules};
        for kind in crate::aws::registry().kinds().filter(|kind| kind.tagged()) {
            let owned = rules::fields(kind.rules(), What::Owned).any(|field| field == "tags");
            assert!(owned, "`{}` has no `Rule::owned(\"tags\")`", kind.name());
        }
    }

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
        // Of what has somebody's key only its identifier says anything.
        let second = |key: &str, id: &str| Made { is_second: true, ..made(key, id) };
        assert!(tells(&whole, &second("ec2.vpc/renamed", "vpc-1")));
        assert!(!tells(&whole, &second("ec2.address/a", "eipalloc-1")));
        assert!(!tells(&killed, &second("ec2.vpc/main", "vpc-9")));
        assert!(tells(&killed, &made("ec2.vpc/main", "vpc-9")));
        assert!(!tells(&killed, &made("ec2.vpc/other", "vpc-9")));
    }

    #[test]
    fn a_create_that_was_refused_made_nothing_and_one_that_failed_later_did() {
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

    /// The old half of a moved service, the new half of which is there: after a run that was killed between the two.
    #[test]
    fn what_has_the_key_of_another_goes_when_the_history_made_it_and_stays_otherwise() {
        let second = item(json!({
            "key": "ecs.service/backend", "action": "keep", "generation": 1, "reason": "the same tags", "holds_data": true,
            "before": {"live": {"id": "shop-api", "last_snapshot": "copy"}, "fields": {}, "state": "ready"},
        }));
        let scope = json!({"stack": "shop", "env": "default", "region": "us-east-1", "account": "1", "partition": "aws"});
        let plan = json!({"version": 1, "scope": scope, "destroy": false, "items": [second]});
        let made = Made { key: "ecs.service/backend".into(), id: "shop-api".into(), is_second: true };
        let judged = |unknown: BTreeSet<Made>| {
            let mut plan: Plan = serde_json::from_value(plan.clone()).unwrap();
            judge(&mut plan, &[(0, made.clone())], &unknown);
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
