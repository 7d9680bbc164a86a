use std::collections::BTreeMap;

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::network_acl::{self, network_acls};
use super::{blockers, retag, tagged, tags_of, vpcs};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{How, Spelling, Wrong};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Diff, Observed, Readiness, Resource, Result, Rule};

/// A virtual private cloud: the network that contains everything else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Its IPv4 addresses, a range of size /16 to /28. It cannot be changed.
    pub cidr: String,
    /// Whether instances get DNS names. VPC endpoints need it, and databases that are reached by name. Left out: AWS's default
    /// for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_hostnames: Option<bool>,
    /// The rules of its default network ACL: `ingress 100: allow tcp 10.0.0.0/8 443-443`. Left out: all traffic is allowed, which
    /// is AWS's default.
    #[serde(default = "network_acl::open")]
    pub network_acl: BTreeMap<String, String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl Vpc {
    /// Returns a VPC with these addresses.
    pub fn new(cidr: String) -> Vpc {
        Vpc { cidr, dns_hostnames: Some(true), network_acl: network_acl::open(), tags: Tags::new() }
    }
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `vpc-0abc…`
    pub id: String,
    /// What others changed and no apply reverts, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

impl Resource for Vpc {
    const KIND: &'static str = "ec2.vpc";
    const REPEATABLE: bool = false;
    const RULES: &'static [Rule] = &[
        Rule::fixed(
            "cidr",
            "everything in the network would have to be created again elsewhere while it is in use: create a second environment or stack with the new addresses, move data and traffic there, then destroy this one",
        ),
        Rule::identity("cidr"),
        Rule::after_create("dns_hostnames"),
        Rule::exact("network_acl"),
        Rule::after_create("network_acl"),
        Rule::owned("tags"),
    ];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out = Vec::new();
        for vpc in vpcs(cx).await?.iter() {
            let Some(id) = vpc.vpc_id.clone() else { continue };
            let lists = network_acls(cx).await?;
            let own = lists.iter().find(|list| list.vpc_id() == Some(&id) && list.is_default() == Some(true));
            let answer = cx.cloud.ec2.describe_vpc_attribute().vpc_id(&id).attribute(VpcAttributeName::EnableDnsHostnames);
            let answer = answer.send().await.map_err(failed("ec2:DescribeVpcAttribute"))?;
            let tags = tags_of(vpc.tags());
            out.push(Observed {
                claim: cx.scope.claim(Self::KIND, &tags, true),
                fields: Vpc {
                    cidr: vpc.cidr_block.clone().unwrap_or_default(),
                    dns_hostnames: answer.enable_dns_hostnames.and_then(|v| v.value),
                    network_acl: own.map(network_acl::rules).unwrap_or_default(),
                    tags,
                },
                live: Live { noticed: network_acl::elsewhere(&lists, &id), id },
                state: Readiness::Ready,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ec2:CreateVpc";
        let call =
            cx.cloud.ec2_once.create_vpc().cidr_block(&self.cidr).tag_specifications(tagged(ResourceType::Vpc, &self.tags));
        let vpc = call.send().await.map_err(failed(OP))?.vpc;
        Ok(Live { noticed: None, id: vpc.and_then(|v| v.vpc_id).ok_or_else(|| incomplete(OP, "the VPC's id"))? })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("dns_hostnames") {
            let value = AttributeBooleanValue::builder().set_value(self.dns_hostnames).build();
            let call = cx.cloud.ec2.modify_vpc_attribute().vpc_id(&live.id).enable_dns_hostnames(value);
            call.send().await.map_err(failed("ec2:ModifyVpcAttribute"))?;
        }
        // A new one has AWS's rules.
        let new = diff.changes.iter().any(|c| c.path == "network_acl") && self.network_acl == network_acl::open();
        if diff.touches("network_acl") && !new {
            network_acl::write(cx, &live.id, &self.network_acl, diff).await?;
        }
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        cx.cloud.ec2.delete_vpc().vpc_id(&live.id).send().await.map_err(failed("ec2:DeleteVpc"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let (interfaces, inside) =
            tokio::try_join!(blockers::interfaces(cx, "vpc-id", &live.id), blockers::inside(cx, &live.id))?;
        Ok([interfaces, inside].concat())
    }
}

impl AwsKind for Vpc {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags"],
        update: &[
            "ec2:ModifyVpcAttribute",
            "ec2:CreateNetworkAclEntry",
            "ec2:ReplaceNetworkAclEntry",
            "ec2:DeleteNetworkAclEntry",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &["ec2:DeleteVpc"],
    };
    const SPELLING: &'static [Spelling] = &[("cidr", How::Network)];
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("network.vpc", "id")];

    /// Brings the rules of the network ACL into AWS's spelling.
    fn spell(object: &mut Value, wrong: &mut Vec<Wrong>) {
        let rules = object.get_mut("network_acl").and_then(Value::as_object_mut);
        for (key, rule) in rules.into_iter().flatten() {
            match rule.as_str().filter(|text| !text.contains("${")).map(|text| network_acl::spelled(key, text)) {
                Some(Ok(new)) => *rule = new.into(),
                Some(Err(why)) => wrong.push((format!("network_acl.{key}"), why)),
                None => {}
            }
        }
    }
}
