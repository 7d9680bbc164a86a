//! What AWS does not delete while objects that are not the stack's are in it or use it.

use crate::aws::finding::{Certainty, Finding};
use crate::aws::{Clients, Cx};
use crate::engine::{Action, Blocker, Item, Kind, Plan, Result};

/// Replicas of a database become independent when it is deleted
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html>): they block nothing until RDS says so.
const NOT_ASKED: &[&str] = &["rds.instance"];

/// Returns the items that are deleted, or whose old half is, and whose deletion can be blocked.
pub(super) fn leaving(plan: &Plan) -> impl Iterator<Item = &Item> {
    let goes = |item: &&Item| matches!(item.action, Action::Delete | Action::Replace) && !item.is_leaving();
    plan.items.iter().filter(goes).filter(|item| !NOT_ASKED.contains(&item.key.kind.as_str()))
}

/// Checks for blockers that do not disappear by themselves or with the stack.
pub(super) async fn check(cx: &Cx, kind: &dyn Kind<Clients>, item: &Item) -> Result<Vec<Finding>> {
    let Some(before) = &item.before else { return Ok(Vec::new()) };
    Ok(finding(item, &kind.blocked_by(cx, &before.live).await?).into_iter().collect())
}

fn finding(item: &Item, blockers: &[Blocker]) -> Option<Finding> {
    let stay: Vec<&Blocker> = blockers.iter().filter(|blocker| !blocker.passing).collect();
    if stay.is_empty() {
        return None;
    }
    let message = format!("AWS does not delete it while this exists: {}", Blocker::listed(&stay));
    let finding = Finding::new(Certainty::Doubtful, message).about(&item.key);
    Some(finding.help("delete that, or detach it, before you apply this"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(action: &str) -> Item {
        let item =
            json!({"key": "ecs.cluster/main", "action": action, "generation": 0, "origin": "", "was_using": [], "after": []});
        serde_json::from_value(item).unwrap()
    }

    #[test]
    fn only_what_stays_is_in_the_way() {
        let of = |what: &str, passing| Blocker { what: what.into(), passing };
        assert_eq!(finding(&item("delete"), &[of("the service `ours`", true)]), None);
        let found = finding(&item("delete"), &[of("the service `ours`", true), of("the service `theirs`", false)]);
        assert_eq!(found.unwrap().message, "AWS does not delete it while this exists: the service `theirs`");
    }
}
