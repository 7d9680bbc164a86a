use aws_sdk_ec2::types::ResourceType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Id, Vpc, blockers, internet_gateways, retag, tagged, tags_of};
use crate::aws::call::error::incomplete;
use crate::aws::ec2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A gateway between a VPC and the internet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InternetGateway {
    /// The VPC that it is attached to. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Ref<Vpc>>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl InternetGateway {
    async fn detach(cx: &Cx, id: &str, vpc: &str) -> Result<()> {
        let call = cx.cloud.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
        match call.send().await.map_err(failed("ec2:DetachInternetGateway")) {
            Err(e) if e.class != Class::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    async fn attached_to(cx: &Cx, id: &str) -> Result<Option<String>> {
        let answer = cx.cloud.ec2.describe_internet_gateways().internet_gateway_ids(id);
        let answer = answer.send().await.map_err(failed("ec2:DescribeInternetGateways"))?;
        let attachment = answer.internet_gateways().first().and_then(|g| g.attachments().first());
        Ok(attachment.and_then(|a| a.vpc_id.clone()))
    }
}

impl Resource for InternetGateway {
    const KIND: &'static str = "ec2.internet_gateway";
    const REPEATABLE: bool = false;
    // Another VPC gets another gateway: this one stays while anything in its VPC has a public address.
    const RULES: &'static [Rule] = &[Rule::once("vpc"), Rule::after_create("vpc"), Rule::enables("vpc"), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(1, 2);
    type Cloud = Clients;
    type Live = Id;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(internet_gateways(cx)
            .await?
            .iter()
            .filter_map(|g| {
                let tags = tags_of(g.tags());
                Some(Observed {
                    claim: cx.scope.claim(Self::KIND, &tags, false),
                    live: Id { id: g.internet_gateway_id.clone()? },
                    fields: InternetGateway {
                        vpc: g.attachments().first().and_then(|a| a.vpc_id.clone()).map(Ref::physical),
                        tags,
                    },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Id> {
        const OP: &str = "ec2:CreateInternetGateway";
        let call = cx.cloud.ec2_once.create_internet_gateway();
        let call = call.tag_specifications(tagged(ResourceType::InternetGateway, &self.tags));
        let gateway = call.send().await.map_err(failed(OP))?.internet_gateway;
        Ok(Id { id: gateway.and_then(|g| g.internet_gateway_id).ok_or_else(|| incomplete(OP, "the gateway's id"))? })
    }

    async fn update(&self, cx: &Cx, live: &Id, diff: &Diff) -> Result<Id> {
        if let (true, Some(vpc)) = (diff.touches("vpc"), &self.vpc) {
            let now = Self::attached_to(cx, &live.id).await?;
            if now.as_deref() != Some(vpc.id()?) {
                if let Some(other) = now {
                    Self::detach(cx, &live.id, &other).await?;
                }
                let call = cx.cloud.ec2.attach_internet_gateway().internet_gateway_id(&live.id).vpc_id(vpc.id()?);
                match call.send().await.map_err(failed("ec2:AttachInternetGateway")) {
                    // An earlier try may have done it, and its answer was lost; AWS may report the attachment late.
                    Err(e) if e.is("Resource.AlreadyAssociated") => match Self::attached_to(cx, &live.id).await? {
                        Some(now) if now == vpc.id()? => {}
                        Some(_) => return Err(e),
                        None => return Err(Error { class: Class::NotYet, ..e }),
                    },
                    other => drop(other?),
                }
            }
        }
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Id) -> Result<()> {
        if let Some(vpc) = Self::attached_to(cx, &live.id).await? {
            Self::detach(cx, &live.id, &vpc).await?;
        }
        let call = cx.cloud.ec2.delete_internet_gateway().internet_gateway_id(&live.id);
        call.send().await.map_err(failed("ec2:DeleteInternetGateway"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Id) -> Result<Vec<Blocker>> {
        match Self::attached_to(cx, &live.id).await? {
            Some(vpc) => blockers::public(cx, &vpc).await,
            None => Ok(Vec::new()),
        }
    }
}

impl AwsKind for InternetGateway {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateInternetGateway", "ec2:AttachInternetGateway", "ec2:CreateTags"],
        update: &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
    };
}
