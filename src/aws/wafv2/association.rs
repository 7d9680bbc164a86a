use aws_sdk_wafv2::types::ResourceType;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::web_acl::{behind, seen};
use super::{CLOUDFRONT, WebAcl};
use crate::aws::call::answers::{or_gone, present};
use crate::aws::ownership::mark::Mark;
use crate::aws::wafv2::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, cloudfront, elbv2};
use crate::engine::{Claim, Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A web ACL before a load balancer or a distribution: from then on WAF looks at every request. A web ACL of someone else is not
/// replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// The web ACL. It has the scope `CLOUDFRONT` for a distribution, else `REGIONAL`.
    pub web_acl: Ref<WebAcl>,
    /// The ARN of the load balancer or the distribution. It cannot be changed.
    pub resource: String,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN of the load balancer or the distribution.
    pub id: String,
    /// The ARN of the web ACL.
    #[schemars(skip)]
    pub web_acl: String,
}

/// Returns the identifier of a distribution by its ARN.
pub(super) fn distribution(arn: &str) -> Option<&str> {
    Some(arn.split_once(":distribution/")?.1)
}

/// Returns what is protected, as a plan has it.
fn resource(arn: &str) -> String {
    match distribution(arn) {
        Some(_) => Ref::<cloudfront::Distribution>::physical(arn).attr("arn").to_string(),
        None => Ref::<elbv2::LoadBalancer>::physical(arn).attr("arn").to_string(),
    }
}

/// Returns the ARN of the web ACL before a load balancer.
async fn before_balancer(cx: &Cx, arn: &str) -> Result<Option<String>> {
    let call = cx.cloud.wafv2.get_web_acl_for_resource().resource_arn(arn).send().await;
    let answer = present(call.map_err(failed("wafv2:GetWebACLForResource")).map(|answer| answer.web_acl))?;
    Ok(answer.map(|acl| acl.arn))
}

/// Returns the ARN of the web ACL before a load balancer or a distribution.
pub(super) async fn before(cx: &Cx, arn: &str) -> Result<Option<String>> {
    match distribution(arn) {
        Some(id) => cloudfront::web_acl_of(cx, id).await,
        None => before_balancer(cx, arn).await,
    }
}

/// Checks whether a web ACL is the stack's.
pub(super) async fn is_ours(cx: &Cx, arn: &str) -> Result<bool> {
    Ok(seen(cx).await?.iter().any(|acl| acl.called.arn == arn && acl.claim.name().is_some()))
}

/// Returns the name of a web ACL by its ARN.
pub(super) fn called(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

/// What to do about a web ACL of someone else.
pub(super) const THEIRS: &str =
    "detach it there first, or write `firewall: off` in the file; one of Firewall Manager (`FMManagedWebACLV2-…`) comes back";

impl Association {
    /// Puts the web ACL before what it is for, unless someone else's is there.
    async fn put(&self, cx: &Cx) -> Result<Live> {
        let web_acl = self.web_acl.id()?;
        let is = before(cx, &self.resource).await?;
        let theirs = match &is {
            Some(is) if is != web_acl && !is_ours(cx, is).await? => Some(is.clone()),
            _ => None,
        };
        let theirs = match (theirs, distribution(&self.resource)) {
            (Some(theirs), _) => Some(theirs),
            (None, Some(id)) => {
                let expects = |now: &str| now == is.as_deref().unwrap_or_default();
                cloudfront::put_web_acl(cx, id, web_acl, expects).await?
            }
            (None, None) if is.as_deref() == Some(web_acl) => None,
            (None, None) => {
                let call = cx.cloud.wafv2.associate_web_acl().web_acl_arn(web_acl).resource_arn(&self.resource);
                call.send().await.map_err(failed("wafv2:AssociateWebACL"))?;
                None
            }
        };
        match theirs {
            Some(theirs) => {
                let said = format!("the web ACL `{}` of someone else is before {}", called(&theirs), self.resource);
                Err(Error::new(Class::Blocked, said).hint(THEIRS))
            }
            None => Ok(Live { id: self.resource.clone(), web_acl: web_acl.to_owned() }),
        }
    }
}

impl Resource for Association {
    const KIND: &'static str = "wafv2.association";
    const RULES: &'static [Rule] = &[
        Rule::immutable("resource"),
        Rule::identity("resource"),
        Rule::takes("resource", &[("elbv2.load_balancer", "arn"), ("cloudfront.distribution", "arn")]),
    ];
    // A distribution takes as long as for every change.
    const USUAL: Usual = Usual::secs(60, 5).at_most_hours(2);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    /// Reads what is behind the stack's web ACLs. Of someone else's load balancers and distributions, that is left alone.
    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = seen(cx).await?;
        let ours = all.iter().filter(|acl| acl.claim.name().is_some());
        let found = try_join_all(ours.map(|acl| async move {
            let is_certain = matches!(acl.claim, Claim::Ours(_));
            let users: Vec<(String, bool)> = if acl.called.scope == CLOUDFRONT {
                let found = cloudfront::behind(cx, &acl.called.arn).await?;
                found.into_iter().map(|one| (one.arn, one.is_ours)).collect()
            } else {
                let (found, own) = futures::try_join!(
                    behind(cx, &acl.called, ResourceType::ApplicationLoadBalancer),
                    elbv2::marked_balancers(cx)
                )?;
                found.into_iter().map(|arn| (own.get(&arn).copied().unwrap_or(false), arn)).map(|(own, arn)| (arn, own)).collect()
            };
            let observed = |(arn, own): (String, bool)| Observed {
                claim: if own && is_certain { Claim::Stray } else { Claim::Adoptable },
                fields: Association { web_acl: Ref::physical(acl.called.arn.clone()), resource: resource(&arn) },
                live: Live { id: arn, web_acl: acl.called.arn.clone() },
                state: Readiness::Ready,
            };
            Ok::<_, Error>(users.into_iter().map(observed).collect::<Vec<_>>())
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        self.put(cx).await
    }

    async fn update(&self, cx: &Cx, _: &Live, _: &Diff) -> Result<Live> {
        self.put(cx).await
    }

    /// Takes the web ACL away, if it is still there.
    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if let Some(id) = distribution(&live.id) {
            // Whatever else is there now is someone else's.
            return or_gone(cloudfront::put_web_acl(cx, id, "", |now| now == live.web_acl).await);
        }
        if before_balancer(cx, &live.id).await?.as_ref() == Some(&live.web_acl) {
            let call = cx.cloud.wafv2.disassociate_web_acl().resource_arn(&live.id).send().await;
            or_gone(call.map_err(failed("wafv2:DisassociateWebACL")))?;
        }
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        match distribution(&live.id) {
            Some(id) => cloudfront::readiness(cx, id).await,
            None => Ok(Readiness::Ready),
        }
    }
}

impl AwsKind for Association {
    const MARK: Mark = Mark::Parent;
    // <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>, "Required permissions".
    const ACTIONS: Actions = Actions {
        create: &["wafv2:AssociateWebACL", "elasticloadbalancing:SetWebAcl", "cloudfront:UpdateDistribution"],
        update: &["wafv2:AssociateWebACL", "elasticloadbalancing:SetWebAcl", "cloudfront:UpdateDistribution"],
        delete: &["wafv2:DisassociateWebACL", "elasticloadbalancing:SetWebAcl", "cloudfront:UpdateDistribution"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_and_load_balancers_are_told_apart() {
        let arn = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7";
        assert_eq!(distribution(arn), Some("E1A2B3C4D5E6F7"));
        assert_eq!(resource(arn), format!("${{=cloudfront.distribution.arn:{arn}}}"));
        let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/0123";
        assert_eq!(distribution(arn), None);
        assert_eq!(resource(arn), format!("${{=elbv2.load_balancer.arn:{arn}}}"));
        assert_eq!(called("arn:aws:wafv2:us-east-1:1:regional/webacl/FMManagedWebACLV2-x/0-1"), "FMManagedWebACLV2-x");
    }
}
