//! The permissions that a plan needs: those of its kinds ([`AwsKind::ACTIONS`](crate::aws::wing::AwsKind::ACTIONS)).

use std::collections::BTreeSet;

use crate::aws;
use crate::aws::wing::Actions;
use crate::engine::{Action, Item, Plan};

/// Returns the permissions that an action on an object of a kind needs.
pub fn needed(kind: &str, action: Action) -> impl Iterator<Item = &'static str> {
    let Actions { create, update, delete } = aws::kind(kind).map(|row| row.actions).unwrap_or_default();
    let lists: [&'static [&'static str]; 2] = match action {
        // What creating leaves open, the same update finishes that fixes drift; what it takes is listed with creating.
        Action::Create => [create, &[]],
        Action::Update => [update, &[]],
        Action::Delete => [delete, &[]],
        Action::Replace => [create, delete],
        Action::Keep | Action::Refuse => [&[], &[]],
    };
    lists.into_iter().flatten().copied()
}

/// The permissions that every run needs: for its lease and its history, two objects in a bucket of the account.
const EVERY_RUN: &[&str] = &["s3:PutObject"];

/// Returns the permissions that the whole plan needs.
pub fn of(plan: &Plan) -> BTreeSet<&'static str> {
    let beyond = |item: &Item| aws::kind(&item.key.kind).map(|row| (row.further_actions)(item)).unwrap_or_default();
    let changes = plan.changes().flat_map(|item| needed(&item.key.kind, item.action).chain(beyond(item)));
    changes.chain(EVERY_RUN.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ownership::mark::Mark;

    #[test]
    fn every_kind_names_the_actions_of_each_change() {
        for row in aws::registry::kinds() {
            let kind = row.name;
            if aws::registry().find(kind).is_some_and(|kind| kind.info().leftover) {
                assert!(needed(kind, Action::Delete).next().is_some(), "{kind}");
                continue;
            }
            for action in [Action::Create, Action::Update, Action::Delete, Action::Replace] {
                // The default security group is created and deleted with its VPC; what is the account's is never deleted.
                let stays = kind == "ec2.default_security_group" || row.mark == Mark::Account;
                let none = stays && action == Action::Delete;
                assert_eq!(needed(kind, action).next().is_none(), none, "{kind} {action:?}");
            }
        }
    }

    #[test]
    fn every_action_is_written_as_iam_writes_it() {
        for action in aws::registry::kinds().map(|row| row.actions).flat_map(|n| [n.create, n.update, n.delete].concat()) {
            let (service, operation) = action.split_once(':').unwrap();
            assert!(service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{action}");
            assert!(operation.starts_with(|c: char| c.is_ascii_uppercase()), "{action}");
            assert_ne!(service, "elbv2", "IAM calls it elasticloadbalancing: {action}");
        }
    }
}
