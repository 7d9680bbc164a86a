//! The network, in Amazon EC2.

mod address;
mod blockers;
mod checks;
mod controls;
mod cost;
mod default_security_group;
pub(in crate::aws) mod errors;
mod flow_log;
mod internet_gateway;
mod nat_gateway;
mod network_acl;
pub(in crate::aws) mod placement;
mod route;
mod route_table;
mod route_table_association;
mod security_group;
mod security_group_rule;
mod subnet;
pub(in crate::aws) mod subnet_zones;
mod vpc;
mod vpc_endpoint;
mod zones;

pub use address::Address;
pub use default_security_group::DefaultSecurityGroup;
pub use flow_log::FlowLog;
pub use internet_gateway::InternetGateway;
pub use nat_gateway::{NatGateway, STATES as NAT_GATEWAY_STATES};
pub use route::Route;
pub use route_table::RouteTable;
pub use route_table_association::RouteTableAssociation;
pub use security_group::SecurityGroup;
pub use security_group_rule::{Direction, SecurityGroupRule};
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use vpc_endpoint::{STATES as VPC_ENDPOINT_STATES, VpcEndpoint};
pub use zones::zones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use serde::{Deserialize, Serialize};

use super::Cx;
use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::tags;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{KindRow, Wing};
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{Claim, Diff, Resource, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["ec2:security-group"],
    // <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
    rates: &[Rates {
        asking: rate(100, 20.0),
        changing: rate(50, 5.0),
        ..Rates::of(
            "EC2",
            &[
                (&["CreateNatGateway"], rate(10, 1.0)),
                (&["DeleteNatGateway"], rate(10, 1.0)),
                (&["CreateTags"], rate(100, 10.0)),
                (&["DeleteTags"], rate(100, 10.0)),
                (&["CreateVpcEndpoint"], rate(4, 0.3)),
                (&["DeleteVpcEndpoints"], rate(4, 0.3)),
                (&["ModifyVpcEndpoint"], rate(4, 0.3)),
            ],
        )
    }],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[
        KindRow::of::<Vpc>(),
        KindRow::of::<Subnet>(),
        KindRow::of::<InternetGateway>(),
        KindRow::of::<Address>(),
        KindRow::of::<NatGateway>(),
        KindRow::of::<RouteTable>(),
        KindRow::of::<Route>(),
        KindRow::of::<RouteTableAssociation>(),
        KindRow::of::<VpcEndpoint>(),
        KindRow::of::<DefaultSecurityGroup>(),
        KindRow::of::<SecurityGroup>(),
        KindRow::of::<SecurityGroupRule>(),
        KindRow::of::<FlowLog>(),
    ])
};

/// The maximum length of the name of a security group.
const GROUP_NAME: usize = 255;

/// The identifier that most objects of EC2 have.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Id {
    /// `vpc-0abc…`
    pub id: String,
}

/// Returns a filter of a Describe call.
pub fn filter<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// Returns the filters that find what has this stack's tags.
fn ours(cx: &Cx) -> Vec<Filter> {
    vec![
        filter(&format!("tag:{TAG_STACK}"), [cx.scope.stack.as_str()]),
        filter(&format!("tag:{TAG_ENV}"), [cx.scope.env.as_str()]),
    ]
}

fn tags_of(tags: &[Tag]) -> Tags {
    tags::from_pairs(tags.iter().map(|t| (t.key(), t.value())))
}

/// Returns the tags for the call that creates an object.
fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(to_sdk(tags))).build()
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// Applies the difference of the tags to `id`.
async fn retag(cx: &Cx, id: &str, desired: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cx.cloud.ec2.create_tags().resources(id).set_tags(Some(to_sdk(&edit.write)));
        call.send().await.map_err(failed("ec2:CreateTags"))?;
    }
    if !edit.remove.is_empty() {
        let gone = edit.remove.iter().map(|k| Tag::builder().key(k).build()).collect();
        cx.cloud.ec2.delete_tags().resources(id).set_tags(Some(gone)).send().await.map_err(failed("ec2:DeleteTags"))?;
    }
    Ok(())
}

/// The steps, in seconds, in which a reading is repeated that may not show yet what was created.
const BEHIND: [u64; 6] = [0, 1, 2, 4, 6, 7];

/// Checks whether what a creation returned exists. EC2 answers a client token with what was created under it for as long as it
/// knows the token, even when that has been deleted since
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>).
async fn is_alive<F: Future<Output = Result<bool>> + Send>(ask: impl Fn() -> F + Send) -> Result<bool> {
    for seconds in BEHIND {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if ask().await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the stack's VPCs: one, or two while one replaces the other. Everything else in the network is found through them.
async fn vpcs(cx: &Cx) -> Result<Arc<Vec<aws_sdk_ec2::types::Vpc>>> {
    cx.reads
        .once("ec2.vpcs", async {
            let pages = cx.cloud.ec2.describe_vpcs().set_filters(Some(ours(cx))).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeVpcs"))
        })
        .await
}

/// Returns a filter for what is in the stack's VPCs; none when there is no VPC, and so nothing in it.
async fn in_our_vpcs(cx: &Cx, name: &str) -> Result<Option<Filter>> {
    let ids: Vec<String> = vpcs(cx).await?.iter().filter_map(|v| v.vpc_id.clone()).collect();
    Ok((!ids.is_empty()).then(|| filter(name, ids)))
}

/// Returns the route tables of the stack's VPCs, with their routes and associations.
async fn route_tables(cx: &Cx) -> Result<Arc<Vec<aws_sdk_ec2::types::RouteTable>>> {
    cx.reads
        .once("ec2.route_tables", async {
            let Some(filter) = in_our_vpcs(cx, "vpc-id").await? else { return Ok(Vec::new()) };
            let pages = cx.cloud.ec2.describe_route_tables().filters(filter).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeRouteTables"))
        })
        .await
}

/// Returns the security groups of the stack's VPCs, and the stack's own in other VPCs.
pub(super) async fn security_groups(cx: &Cx) -> Result<Arc<Vec<aws_sdk_ec2::types::SecurityGroup>>> {
    let with = |filters: Vec<Filter>| async {
        let pages = cx.cloud.ec2.describe_security_groups().set_filters(Some(filters)).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSecurityGroups"))
    };
    cx.reads
        .once("ec2.security_groups", async {
            let inside = async {
                match in_our_vpcs(cx, "vpc-id").await? {
                    Some(filter) => with(vec![filter]).await,
                    None => Ok(Vec::new()),
                }
            };
            // Of groups elsewhere the index knows, where it may be asked: mostly that there are none.
            let (mut groups, tagged) = match tag_index::of(cx, "ec2").await {
                None => tokio::try_join!(inside, with(ours(cx)))?,
                Some(known) => {
                    let groups = inside.await?;
                    let here = |id: &str| groups.iter().any(|g| g.group_id() == Some(id));
                    let mut ids = known.keys().filter_map(|arn| arn.split_once(":security-group/")).map(|(_, id)| id);
                    let tagged = if ids.all(here) { Vec::new() } else { with(ours(cx)).await? };
                    (groups, tagged)
                }
            };
            let elsewhere: Vec<_> = tagged.into_iter().filter(|t| groups.iter().all(|g| g.group_id != t.group_id)).collect();
            groups.extend(elsewhere);
            Ok(groups)
        })
        .await
}

/// Checks whether a security group is the default one of its VPC.
fn is_default(group: &aws_sdk_ec2::types::SecurityGroup) -> bool {
    group.group_name() == Some("default")
}

/// Returns whose a security group is: its name is the second mark.
fn group_claim(cx: &Cx, group: &aws_sdk_ec2::types::SecurityGroup) -> Claim {
    let tags = tags_of(group.tags());
    names::marked(cx.scope.claim(SecurityGroup::KIND, &tags, true), |key| {
        names::fit(&cx.scope.prefix(), key, names::generation(&tags), GROUP_NAME) == group.group_name().unwrap_or_default()
    })
}

/// Returns the rules of the stack's security groups and of the default ones, and the stack's own rules in groups of others: those
/// let it in where it is a guest.
async fn security_group_rules(cx: &Cx) -> Result<Arc<Vec<aws_sdk_ec2::types::SecurityGroupRule>>> {
    let with = |filters: Vec<Filter>| async {
        let call = cx.cloud.ec2.describe_security_group_rules().set_filters(Some(filters));
        let pages = call.into_paginator().page_size(1000).items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        pages.map_err(failed("ec2:DescribeSecurityGroupRules"))
    };
    cx.reads
        .once("ec2.security_group_rules", async {
            let (groups, vpcs) = (security_groups(cx).await?, vpcs(cx).await?);
            let owned = |g: &&aws_sdk_ec2::types::SecurityGroup| cx.scope.owns(&tags_of(g.tags()));
            let ids: Vec<String> =
                groups.iter().filter(|g| is_default(g) || owned(g)).filter_map(|g| g.group_id.clone()).collect();
            let mut rules = Vec::new();
            // A filter takes 200 values.
            for ids in ids.chunks(200) {
                rules.extend(with(vec![filter("group-id", ids)]).await?);
            }
            // Only who has a group in a network of others, to be let in, can have a rule in a group of theirs.
            let is_guest = groups.iter().filter(owned).any(|g| vpcs.iter().all(|vpc| vpc.vpc_id != g.vpc_id));
            if is_guest {
                let tagged = with(ours(cx)).await?;
                rules.extend(tagged.into_iter().filter(|r| !ids.iter().any(|id| r.group_id() == Some(id))));
            }
            Ok(rules)
        })
        .await
}

/// Returns the environments of the stack that have security groups in the VPCs of this one: its guests, by name, each with its
/// groups.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn guests(cx: &Cx, vpcs: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
    let filters = vec![filter("vpc-id", vpcs), filter(&format!("tag:{TAG_STACK}"), [cx.scope.stack.as_str()])];
    let pages = cx.cloud.ec2.describe_security_groups().set_filters(Some(filters)).into_paginator().items().send();
    let groups = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSecurityGroups"))?;
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for group in groups {
        let tags = tags_of(group.tags());
        if let (Some(env), Some(id), false) = (tags.get(TAG_ENV), group.group_id, cx.scope.owns(&tags)) {
            out.entry(env.clone()).or_default().push(id);
        }
    }
    Ok(out)
}

/// Returns the peers of the rules in these groups: who is let in.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn let_in(cx: &Cx, groups: &[String]) -> Result<BTreeSet<String>> {
    let call = cx.cloud.ec2.describe_security_group_rules().filters(filter("group-id", groups));
    let pages = call.into_paginator().page_size(1000).items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let rules = pages.map_err(failed("ec2:DescribeSecurityGroupRules"))?;
    Ok(rules.iter().filter_map(|r| r.referenced_group_info()?.group_id.clone()).collect())
}

/// Returns the internet gateways with the stack's tags.
async fn internet_gateways(cx: &Cx) -> Result<Arc<Vec<aws_sdk_ec2::types::InternetGateway>>> {
    cx.reads
        .once("ec2.internet_gateways", async {
            let pages = cx.cloud.ec2.describe_internet_gateways().set_filters(Some(ours(cx))).into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeInternetGateways"))
        })
        .await
}

/// Returns the internet gateway through which a VPC reaches the internet: what has a public address blocks its deletion.
pub(super) async fn gateway_of(cx: &Cx, vpc: &str) -> Result<Option<String>> {
    let gateways = internet_gateways(cx).await?;
    let found = gateways.iter().find(|g| g.attachments().iter().any(|a| a.vpc_id() == Some(vpc)));
    Ok(found.and_then(|g| g.internet_gateway_id.clone()))
}
