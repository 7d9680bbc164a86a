//! What the guests of an environment keep it from deleting: environments of the same stack in its network.
//!
//! That they are there, their security groups say, and no file or index.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Cx;
use super::ec2::{self, NatGateway, SecurityGroup, Subnet, Vpc};
use super::elasticache::{Cluster, ReplicationGroup};
use super::elbv2::{Listener, LoadBalancer};
use super::rds::Instance;
use crate::engine::token::{Token, visit};
use crate::engine::{Action, Item, Plan, Resource, Result};

/// What every guest uses.
const SHARED: [&str; 5] = [Vpc::KIND, Subnet::KIND, NatGateway::KIND, LoadBalancer::KIND, Listener::KIND];
/// What only those use that its security group lets in.
const GUARDED: [&str; 3] = [Instance::KIND, ReplicationGroup::KIND, Cluster::KIND];

/// Refuses to delete, replace or stop what guests use. Of a plan that deletes everything, the network is refused, which they all use.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn keep(plan: &mut Plan, cx: &Cx) -> Result<()> {
    // What is stopped serves a guest no more than what is deleted.
    let stops = |item: &Item| {
        let desired = item.desired.as_ref().and_then(|desired| desired.get("running"));
        item.action == Action::Update && item.changes.touches("running") && desired == Some(&Value::Bool(false))
    };
    let goes = |item: &Item| matches!(item.action, Action::Delete | Action::Replace) || stops(item);
    // As long as one stays, routes of all zones can lead to it.
    let is_nat = |item: &&Item| item.key.kind == NatGateway::KIND;
    let no_way_out = plan.items.iter().filter(is_nat).all(|item| item.action == Action::Delete);
    let of =
        |item: &Item, kinds: &[&str]| goes(item) && kinds.contains(&item.key.kind.as_str()) && (no_way_out || !is_nat(&item));
    let id = |item: &Item| Some(item.before.as_ref()?.live.get("id")?.as_str()?.to_owned());
    let vpcs: Vec<String> = plan.items.iter().filter(|item| item.key.kind == Vpc::KIND).filter_map(id).collect();
    if vpcs.is_empty() || !plan.items.iter().any(|item| of(item, &SHARED) || of(item, &GUARDED)) {
        return Ok(());
    }
    let guests = ec2::guests(cx, &vpcs).await?;
    if guests.is_empty() {
        return Ok(());
    }
    let all: BTreeSet<&str> = guests.keys().map(String::as_str).collect();
    for item in &mut plan.items {
        if plan.destroy && item.key.kind != Vpc::KIND {
            continue;
        }
        let users = if of(item, &SHARED) {
            all.clone()
        } else if of(item, &GUARDED) {
            users(cx, item, &guests).await?
        } else {
            continue;
        };
        if !users.is_empty() {
            item.action = Action::Refuse;
            item.order = None;
            item.reason = Some(reason(&users));
        }
    }
    Ok(())
}

/// Returns the guests that the security groups of an object let in.
async fn users<'a>(cx: &Cx, item: &Item, guests: &'a BTreeMap<String, Vec<String>>) -> Result<BTreeSet<&'a str>> {
    let mut groups = Vec::new();
    let fields = item.before.as_ref().and_then(|before| before.fields.get("security_groups"));
    visit(fields.unwrap_or_default(), &mut |token| {
        if let Token::Physical { kind: SecurityGroup::KIND, value, .. } = token {
            groups.push(value.to_owned());
        }
    });
    if groups.is_empty() {
        return Ok(BTreeSet::new());
    }
    let let_in = ec2::let_in(cx, &groups).await?;
    let uses = |groups: &[String]| groups.iter().any(|group| let_in.contains(group));
    Ok(guests.iter().filter(|(_, groups)| uses(groups)).map(|(env, _)| env.as_str()).collect())
}

fn reason(users: &BTreeSet<&str>) -> String {
    let names: Vec<String> = users.iter().map(|env| format!("`{env}`")).collect();
    let (what, them) =
        if names.len() == 1 { ("environment", "that environment") } else { ("environments", "those environments") };
    let uses = if names.len() == 1 { "shares" } else { "share" };
    format!("the {what} {} {uses} it: destroy {them} first", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_named() {
        let said = "the environment `pr-1` shares it: destroy that environment first";
        assert_eq!(reason(&BTreeSet::from(["pr-1"])), said);
        let said = "the environments `pr-1`, `pr-2` share it: destroy those environments first";
        assert_eq!(reason(&BTreeSet::from(["pr-2", "pr-1"])), said);
    }
}
