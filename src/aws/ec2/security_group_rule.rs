use std::sync::Arc;

use aws_sdk_ec2::types::{
    IpPermission, IpRange, ResourceType, SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SecurityGroup, group_claim, is_default, retag, security_group_rules, security_groups, tagged, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling, Wrong, without_ipv6};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule, Scope};

/// The direction of traffic, as seen by the members of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the members of the group.
    Ingress,
    /// From the members of the group.
    Egress,
}

/// A rule of a security group, which allows some traffic.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroupRule {
    /// The group that it belongs to.
    pub group: Ref<SecurityGroup>,
    /// The direction: `ingress` to the members, `egress` from them.
    pub direction: Direction,
    /// The protocol: `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port, or -1 for all. For ICMP: the type.
    pub from_port: i32,
    /// The last port, or -1 for all. For ICMP: the code.
    pub to_port: i32,
    /// The addresses on the other side: `10.0.0.0/16`. Exactly one of `cidr` and `peer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The security group on the other side. Exactly one of `cidr` and `peer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Ref<SecurityGroup>>,
    /// What the rule is for. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// A rule, and what is needed to revoke it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `sgr-0abc…`
    pub id: String,
    /// The group that it belongs to.
    pub group: String,
    /// The direction.
    #[schemars(skip)]
    pub direction: Direction,
}

impl SecurityGroupRule {
    fn permission(&self) -> Result<IpPermission> {
        let call = IpPermission::builder().ip_protocol(&self.protocol).from_port(self.from_port).to_port(self.to_port);
        let description = self.description.clone();
        let call = match &self.cidr {
            Some(cidr) => call.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description.clone()).build()),
            None => call,
        };
        Ok(match &self.peer {
            Some(peer) => call
                .user_id_group_pairs(UserIdGroupPair::builder().group_id(peer.id()?).set_description(description).build())
                .build(),
            None => call.build(),
        })
    }
}

impl SecurityGroupRule {
    /// Returns the rule as a change of it is written. A rule for all protocols has no ports there
    /// (<https://docs.aws.amazon.com/cli/latest/reference/ec2/modify-security-group-rules.html>, examples).
    fn request(&self) -> Result<SecurityGroupRuleRequest> {
        let has_ports = self.protocol != "-1";
        Ok(SecurityGroupRuleRequest::builder()
            .ip_protocol(&self.protocol)
            .set_from_port(has_ports.then_some(self.from_port))
            .set_to_port(has_ports.then_some(self.to_port))
            .set_cidr_ipv4(self.cidr.clone())
            .set_referenced_group_id(self.peer.as_ref().map(|p| p.id().map(str::to_owned)).transpose()?)
            .set_description(self.description.clone())
            .build())
    }
}

impl Resource for SecurityGroupRule {
    const KIND: &'static str = "ec2.security_group_rule";
    const RULES: &'static [Rule] = &[
        Rule::immutable("group"),
        Rule::immutable("direction"),
        Rule::immutable("protocol"),
        Rule::immutable("from_port"),
        Rule::immutable("to_port"),
        Rule::immutable("cidr"),
        Rule::immutable("peer"),
        Rule::identity("group"),
        Rule::identity("direction"),
        Rule::identity("protocol"),
        Rule::identity("from_port"),
        Rule::identity("to_port"),
        Rule::identity("cidr"),
        Rule::identity("peer"),
        Rule::enables("group"),
        Rule::enables("peer"),
        Rule::owned("tags"),
    ];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let groups = security_groups(cx).await?;
        let default: Vec<&str> = groups.iter().filter(|g| is_default(g)).filter_map(|g| g.group_id()).collect();
        // In a group that is the stack's only by its tags, nothing is the stack's for being in it.
        let doubtful = groups.iter().filter(|g| matches!(group_claim(cx, g), Claim::Tagged(_)));
        let unmarked: Vec<&str> = doubtful.filter_map(|g| g.group_id()).collect();
        let group_of = |id: Option<&str>| groups.iter().find(|g| id.is_some() && g.group_id() == id);
        Ok(security_group_rules(cx)
            .await?
            .iter()
            .filter(|r| !default.contains(&r.group_id().unwrap_or_default()))
            .filter_map(|r| {
                let tags = tags_of(r.tags());
                let direction = if r.is_egress()? { Direction::Egress } else { Direction::Ingress };
                let group = r.group_id.clone()?;
                let peer = group_of(r.referenced_group_info().and_then(|g| g.group_id()));
                let outside = group_of(Some(&group)).is_none_or(|g| !cx.scope.owns(&tags_of(g.tags())));
                Some(Observed {
                    claim: match cx.scope.claim(Self::KIND, &tags, true) {
                        // In a group of others, the second mark is whom it lets in.
                        claim @ Claim::Ours(_) if outside => match peer.map(|peer| group_claim(cx, peer)) {
                            Some(Claim::Ours(_)) => claim,
                            _ => claim.unmarked(),
                        },
                        claim if unmarked.contains(&group.as_str()) => claim.unmarked(),
                        ours @ Claim::Ours(_) => ours,
                        Claim::Foreign if peer.is_some_and(|peer| is_guest(cx, &tags, peer)) => Claim::Foreign,
                        // The group is the stack's alone: a rule without its tags in it is no one else's either.
                        _ => Claim::Stray,
                    },
                    live: Live { id: r.security_group_rule_id.clone()?, group: group.clone(), direction },
                    fields: SecurityGroupRule {
                        group: Ref::physical(group),
                        direction,
                        protocol: r.ip_protocol.clone()?,
                        from_port: r.from_port.unwrap_or(-1),
                        to_port: r.to_port.unwrap_or(-1),
                        cidr: r.cidr_ipv4.clone().or_else(|| r.cidr_ipv6.clone()).or_else(|| r.prefix_list_id.clone()),
                        peer: r.referenced_group_info().and_then(|g| g.group_id.clone()).map(Ref::physical),
                        description: r.description.clone().filter(|d| !d.is_empty()),
                        tags,
                    },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let (group, spec) = (self.group.id()?, tagged(ResourceType::SecurityGroupRule, &self.tags));
        let (op, rules) = match self.direction {
            Direction::Ingress => {
                const OP: &str = "ec2:AuthorizeSecurityGroupIngress";
                let call = cx.cloud.ec2.authorize_security_group_ingress().group_id(group).ip_permissions(self.permission()?);
                (OP, call.tag_specifications(spec).send().await.map_err(failed(OP))?.security_group_rules)
            }
            Direction::Egress => {
                const OP: &str = "ec2:AuthorizeSecurityGroupEgress";
                let call = cx.cloud.ec2.authorize_security_group_egress().group_id(group).ip_permissions(self.permission()?);
                (OP, call.tag_specifications(spec).send().await.map_err(failed(OP))?.security_group_rules)
            }
        };
        let id = rules.and_then(|list| list.into_iter().next()).and_then(|r| r.security_group_rule_id);
        Ok(Live { id: id.ok_or_else(|| incomplete(op, "the rule's id"))?, group: group.to_owned(), direction: self.direction })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(&live.id);
            let update = update.security_group_rule(self.request()?).build();
            let call = cx.cloud.ec2.modify_security_group_rules().group_id(&live.group).security_group_rules(update);
            call.send().await.map_err(failed("ec2:ModifySecurityGroupRules"))?;
        }
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        match live.direction {
            Direction::Ingress => {
                let call = cx.cloud.ec2.revoke_security_group_ingress().group_id(&live.group).security_group_rule_ids(&live.id);
                call.send().await.map_err(failed("ec2:RevokeSecurityGroupIngress"))?;
            }
            Direction::Egress => {
                let call = cx.cloud.ec2.revoke_security_group_egress().group_id(&live.group).security_group_rule_ids(&live.id);
                call.send().await.map_err(failed("ec2:RevokeSecurityGroupEgress"))?;
            }
        }
        Ok(())
    }
}

impl AwsKind for SecurityGroupRule {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"],
        update: &["ec2:ModifySecurityGroupRules", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
    };
    const SPELLING: &'static [Spelling] = &[("cidr", How::Network), ("description", How::Empty), ("protocol", How::Protocol)];

    fn spell(object: &mut Value, wrong: &mut Vec<Wrong>) {
        ports(object, wrong);
    }
}

/// Checks whether a rule with these tags lets in another environment of the stack, which is a guest in this one's network: tags and
/// name of the group that it lets in say so, too.
fn is_guest(cx: &Cx, tags: &Tags, peer: &aws_sdk_ec2::types::SecurityGroup) -> bool {
    let (stack, env) = (tags.get(TAG_STACK), tags.get(TAG_ENV));
    let of_peer = tags_of(peer.tags());
    let same = (of_peer.get(TAG_STACK), of_peer.get(TAG_ENV)) == (stack, env);
    let Some(env) = env.filter(|_| same && stack == Some(&cx.scope.stack)) else { return false };
    let scope = Arc::new(Scope { env: env.clone(), ..cx.scope.as_ref().clone() });
    matches!(group_claim(&Cx { scope, ..cx.clone() }, peer), Claim::Ours(_))
}

/// Checks ports and protocol of a rule: protocols other than TCP and UDP have all ports
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>).
fn ports(rule: &mut Value, wrong: &mut Vec<Wrong>) {
    let number = |field: &str| rule.get(field).and_then(Value::as_i64).unwrap_or(-1);
    let (from, to) = (number("from_port"), number("to_port"));
    let protocol = rule.get("protocol").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut refuse = |field: &str, why: String| wrong.push((field.into(), why));
    match protocol.as_str() {
        "tcp" | "udp" => {
            for (field, port) in [("from_port", from), ("to_port", to)] {
                if !(0..=65_535).contains(&port) {
                    refuse(field, format!("{port} is not a port of `{protocol}`: ports range from 0 to 65535"));
                }
            }
            if from > to {
                refuse("from_port", format!("the first port, {from}, is higher than the last, {to}"));
            }
        }
        "icmp" | "icmpv6" => {
            if !(-1..=255).contains(&from) || !(-1..=255).contains(&to) {
                refuse("from_port", format!("for `{protocol}` this is the type or code: a number up to 255, or -1 for all"));
            }
        }
        // AWS has no ports there, whatever it was given.
        _ => {
            if let Some(fields) = rule.as_object_mut() {
                for field in ["from_port", "to_port"] {
                    fields.insert(field.into(), (-1).into());
                }
            }
        }
    }
    let has = |field: &str| rule.get(field).is_some_and(|value| !value.is_null());
    if has("cidr") == has("peer") {
        wrong.push(("cidr".into(), "a rule needs exactly one of `cidr` and `peer`".into()));
    }
    without_ipv6(rule, "cidr", "rules", wrong);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_of_rules_for_all_protocols_name_no_ports() {
        let request = |protocol: &str, port: i32| {
            let rule = json!({"group": "${=ec2.security_group:sg-1}", "direction": "egress", "protocol": protocol,
                "from_port": port, "to_port": port, "cidr": "0.0.0.0/0", "description": "To anywhere"});
            let request = serde_json::from_value::<SecurityGroupRule>(rule).unwrap().request().unwrap();
            (request.from_port(), request.to_port(), request.description().map(str::to_owned))
        };
        let told = Some("To anywhere".to_owned());
        assert_eq!(request("-1", -1), (None, None, told.clone()));
        assert_eq!(request("tcp", 443), (Some(443), Some(443), told));
    }
}
