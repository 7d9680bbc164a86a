use aws_sdk_ec2::types::{ResourceType, VpcEndpointType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Id, RouteTable, Vpc, in_our_vpcs, is_alive, retag, tagged, tags_of};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::states::{Means, States};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Diff, Effect, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A gateway endpoint: a free route to S3 or DynamoDB that does not leave AWS's network.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcEndpoint {
    /// The VPC that it belongs to.
    pub vpc: Ref<Vpc>,
    /// The service: `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// The route tables that get a route to it.
    pub route_tables: Vec<Ref<RouteTable>>,
    /// The policy document that says who can do what through it. Left out: anyone can do anything, which is AWS's default.
    #[serde(default = "everything")]
    pub policy: Value,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The services that have gateway endpoints (<https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>).
const GATEWAYS: [&str; 3] = [".s3", ".dynamodb", ".s3express"];

/// The meanings of AWS's states of an endpoint, in lower case.
pub const STATES: States = States {
    kind: VpcEndpoint::KIND,
    source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html",
    words: &[
        ("available", Means::Serves),
        ("deleted", Means::Gone),
        ("deleting", Means::Gone),
        ("expired", Means::Failed),
        ("failed", Means::Failed),
        ("partial", Means::Noted("it serves only some of its subnets: see the VPC console for the reason")),
        ("pending", Means::Busy),
        ("pendingacceptance", Means::Asks("the owner of the service must accept it")),
        ("rejected", Means::Failed),
    ],
};

/// Returns the policy of an endpoint that was created without one
/// (<https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>).
fn everything() -> Value {
    json!({"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
}

fn policy_of(endpoint: &aws_sdk_ec2::types::VpcEndpoint) -> Value {
    let text = endpoint.policy_document().filter(|text| !text.is_empty());
    text.map_or_else(everything, |text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}

fn state(endpoint: &aws_sdk_ec2::types::VpcEndpoint) -> Readiness {
    // The SDK knows the states in capitals, the service answers in small letters.
    STATES.read(&endpoint.state().map_or("unknown", |s| s.as_str()).to_ascii_lowercase(), true)
}

impl VpcEndpoint {
    /// Returns an endpoint that allows everything.
    pub fn gateway(vpc: Ref<Vpc>, service: String, route_tables: Vec<Ref<RouteTable>>) -> VpcEndpoint {
        VpcEndpoint { vpc, service, route_tables, policy: everything(), tags: Tags::new() }
    }
}

async fn look(cx: &Cx, id: &str) -> Result<Option<aws_sdk_ec2::types::VpcEndpoint>> {
    let answer = cx.cloud.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await;
    Ok(answer.map_err(failed("ec2:DescribeVpcEndpoints"))?.vpc_endpoints.and_then(|list| list.into_iter().next()))
}

fn ids(tables: &[Ref<RouteTable>]) -> Result<Vec<String>> {
    tables.iter().map(|t| t.id().map(str::to_owned)).collect()
}

impl Resource for VpcEndpoint {
    const KIND: &'static str = "ec2.vpc_endpoint";
    const RULES: &'static [Rule] = &[
        Rule::immutable("vpc"),
        Rule::immutable("service"),
        Rule::identity("vpc"),
        Rule::identity("service"),
        Rule::set("route_tables"),
        Rule::enables("route_tables"),
        Rule::policy("policy"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(5, 10);
    type Cloud = Clients;
    type Live = Id;

    fn refused(&self) -> Option<(&'static str, String)> {
        let known = GATEWAYS.iter().any(|end| self.service.ends_with(end)) || self.service.contains("${");
        (!known).then(|| {
            let why = "gateway endpoints exist only for S3 and DynamoDB (`com.amazonaws.us-east-1.s3`): others are placed in subnets, and `stack` does not create them";
            ("service", why.to_owned())
        })
    }

    /// Returns the effects of a change, by what AWS says of the routes of gateway endpoints
    /// (<https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>).
    fn effects(_desired: &Value, _observed: &Value, diff: &Diff) -> Vec<Effect> {
        let words = "open connections to the service are dropped where the route to it changes";
        let felt = diff.touches("route_tables").then(|| Effect::new(Impact::FailsOver, words).lasting(1, 60));
        felt.into_iter().collect()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let Some(filter) = in_our_vpcs(cx, "vpc-id").await? else { return Ok(Vec::new()) };
        let pages = cx.cloud.ec2.describe_vpc_endpoints().filters(filter).into_paginator().items().send();
        let list = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeVpcEndpoints"))?;
        Ok(list
            .into_iter()
            .filter(|e| e.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway))
            .filter_map(|e| {
                let (tags, policy) = (tags_of(e.tags()), policy_of(&e));
                Some(Observed {
                    claim: cx.scope.claim(Self::KIND, &tags, true),
                    state: state(&e),
                    live: Id { id: e.vpc_endpoint_id? },
                    fields: VpcEndpoint {
                        vpc: Ref::physical(e.vpc_id?),
                        service: e.service_name?,
                        route_tables: e.route_table_ids.unwrap_or_default().into_iter().map(Ref::physical).collect(),
                        policy,
                        tags,
                    },
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateVpcEndpoint";
        let tables = ids(&self.route_tables)?;
        let mut what = tables.join(" ");
        loop {
            let call = cx.cloud.ec2.create_vpc_endpoint().vpc_id(self.vpc.id()?).service_name(&self.service);
            let call = call.vpc_endpoint_type(VpcEndpointType::Gateway).client_token(cx.token_for_now(&what));
            let call = call.set_route_table_ids(Some(tables.clone()));
            let call = call.tag_specifications(tagged(ResourceType::VpcEndpoint, &self.tags));
            let policy = (self.policy != everything()).then(|| self.policy.to_string());
            let endpoint = call.set_policy_document(policy).send().await.map_err(failed(OP))?.vpc_endpoint;
            let id = endpoint.and_then(|e| e.vpc_endpoint_id).ok_or_else(|| incomplete(OP, "the endpoint's id"))?;
            let is_there = || async {
                Ok(present(look(cx, &id).await)?.is_some_and(|e| !matches!(state(&e), Readiness::Gone | Readiness::Leaving(_))))
            };
            if is_alive(is_there).await? {
                return Ok(Id { id });
            }
            what = format!("{what} after {id}");
        }
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        if diff.touches("route_tables") {
            let want = ids(&self.route_tables)?;
            let have = look(cx, &live.id).await?.and_then(|e| e.route_table_ids).unwrap_or_default();
            let missing =
                |from: &[String], of: &[String]| -> Vec<String> { of.iter().filter(|t| !from.contains(t)).cloned().collect() };
            let call = cx.cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(&live.id);
            let call =
                call.set_add_route_table_ids(Some(missing(&have, &want))).set_remove_route_table_ids(Some(missing(&want, &have)));
            call.send().await.map_err(failed("ec2:ModifyVpcEndpoint"))?;
        }
        if diff.touches("policy") {
            let call = cx.cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(&live.id).policy_document(self.policy.to_string());
            call.send().await.map_err(failed("ec2:ModifyVpcEndpoint"))?;
        }
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        const OP: &str = "ec2:DeleteVpcEndpoints";
        let answer = cx.cloud.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&live.id).send().await.map_err(failed(OP))?;
        // This call succeeds as a whole and says what failed inside.
        match answer.unsuccessful().first().and_then(|u| u.error()) {
            Some(e) if !e.code().unwrap_or_default().ends_with("NotFound") => {
                let mut error = crate::engine::Error::new(crate::engine::Class::Other, e.message().unwrap_or_default());
                error.operation = Some(OP.into());
                error.code = e.code.clone();
                Err(error)
            }
            _ => Ok(()),
        }
    }

    async fn poll(&self, cx: &Cx, live: &Id) -> Result<Readiness> {
        Ok(look(cx, &live.id).await?.map_or(Readiness::Gone, |e| state(&e)))
    }

    async fn poll_gone(cx: &Cx, live: &Id) -> Result<Readiness> {
        Ok(match look(cx, &live.id).await? {
            Some(e) if !e.state().is_some_and(|s| s.as_str().eq_ignore_ascii_case("deleted")) => Readiness::waiting("deleting"),
            _ => Readiness::Gone,
        })
    }
}

impl AwsKind for VpcEndpoint {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateVpcEndpoint", "ec2:CreateTags"],
        update: &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteVpcEndpoints"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::diff;

    #[test]
    fn only_services_with_gateways_have_gateway_endpoints() {
        let refused = |service: &str| VpcEndpoint::gateway(Ref::physical("vpc-1"), service.into(), Vec::new()).refused();
        for service in ["com.amazonaws.us-east-1.s3", "cn.com.amazonaws.cn-north-1.dynamodb", "com.amazonaws.${a.b/c.d}"] {
            assert_eq!(refused(service), None, "{service}");
        }
        assert_eq!(refused("com.amazonaws.us-east-1.ecr.api").unwrap().0, "service");
    }

    #[test]
    fn another_way_to_the_service_breaks_connections() {
        let told = |desired: Value| {
            let observed = json!({"route_tables": ["a"], "tags": {}});
            let diff = diff(VpcEndpoint::RULES, &desired, &observed, &Default::default());
            VpcEndpoint::effects(&desired, &observed, &diff).into_iter().map(|e| e.impact).collect::<Vec<_>>()
        };
        assert_eq!(told(json!({"route_tables": ["a", "b"]})), [Impact::FailsOver]);
        assert_eq!(told(json!({"tags": {"a": "b"}})), []);
    }
}
