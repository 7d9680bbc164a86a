use aws_sdk_cloudfront::types::{
    OriginAccessControlConfig, OriginAccessControlOriginTypes, OriginAccessControlSigningBehaviors,
    OriginAccessControlSigningProtocols,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{built, mark, marked, summaries};
use crate::aws::call::error::incomplete;
use crate::aws::cloudfront::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Blocker, Claim, Diff, Observed, Readiness, Resource, Result, Rule, Usual};

/// The maximum length of its name.
const NAME: usize = 64;
/// The maximum number that CloudFront lists at once.
const PAGE: i32 = 100;

/// How CloudFront proves its identity to a bucket: it signs its requests. It has no tags; its description says which stack it
/// belongs to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginAccessControl {
    /// The type of origin: `s3`, or another of AWS's values.
    pub origin_type: String,
    /// Which requests are signed: `always`, `no-override` or `never`.
    pub signing: String,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The identifier.
    pub id: String,
}

fn name(cx: &Cx) -> String {
    names::fit(&cx.scope.prefix(), &format!("{}-{}", cx.key.name, cx.scope.region), cx.generation, NAME)
}

/// Returns the object of the stack that would have this name: names are unique in an account.
fn namesake(cx: &Cx, name: &str) -> Option<String> {
    names::key_of(&cx.scope.prefix(), name.strip_suffix(&format!("-{}", cx.scope.region))?)
}

impl OriginAccessControl {
    fn config(&self, cx: &Cx) -> Result<OriginAccessControlConfig> {
        let config = OriginAccessControlConfig::builder()
            .name(name(cx))
            .description(mark(&cx.scope, &cx.key.name))
            .signing_protocol(OriginAccessControlSigningProtocols::Sigv4)
            .signing_behavior(OriginAccessControlSigningBehaviors::from(self.signing.as_str()))
            .origin_access_control_origin_type(OriginAccessControlOriginTypes::from(self.origin_type.as_str()));
        built(config.build())
    }
}

/// Returns the version that a change must name.
async fn version(cx: &Cx, id: &str) -> Result<String> {
    const OP: &str = "cloudfront:GetOriginAccessControl";
    let answer = cx.cloud.cloudfront.get_origin_access_control().id(id).send().await.map_err(failed(OP))?;
    answer.e_tag.ok_or_else(|| incomplete(OP, "a version"))
}

impl Resource for OriginAccessControl {
    const KIND: &'static str = "cloudfront.origin_access_control";
    const RULES: &'static [Rule] = &[];
    const TAGGED: bool = false;
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut out = Vec::new();
        let mut marker = None;
        loop {
            let call = cx.cloud.cloudfront.list_origin_access_controls().max_items(PAGE).set_marker(marker);
            let answer = call.send().await.map_err(failed("cloudfront:ListOriginAccessControls"))?;
            let Some(list) = answer.origin_access_control_list else { return Ok(out) };
            out.extend(list.items().iter().filter_map(|item| {
                let claim = match (marked(&cx.scope, item.description()), namesake(cx, item.name())) {
                    (Some(name), _) => Claim::Ours(name),
                    (None, Some(name)) => Claim::Taken(name),
                    (None, None) => return None,
                };
                Some(Observed {
                    claim,
                    live: Live { id: item.id().to_owned() },
                    fields: OriginAccessControl {
                        origin_type: item.origin_access_control_origin_type().as_str().to_owned(),
                        signing: item.signing_behavior().as_str().to_owned(),
                    },
                    state: Readiness::Ready,
                })
            }));
            marker = list.next_marker.filter(|next| list.is_truncated && !next.is_empty());
            if marker.is_none() {
                return Ok(out);
            }
        }
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "cloudfront:CreateOriginAccessControl";
        let call = cx.cloud.cloudfront.create_origin_access_control().origin_access_control_config(self.config(cx)?);
        let answer = call.send().await.map_err(failed(OP))?;
        let made = answer.origin_access_control.ok_or_else(|| incomplete(OP, "the origin access control"))?;
        Ok(Live { id: made.id })
    }

    async fn update(&self, cx: &Cx, live: &Live, _diff: &Diff) -> Result<Live> {
        let version = version(cx, &live.id).await?;
        let call = cx.cloud.cloudfront.update_origin_access_control().id(&live.id).if_match(version);
        let call = call.origin_access_control_config(self.config(cx)?);
        call.send().await.map_err(failed("cloudfront:UpdateOriginAccessControl"))?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let version = version(cx, &live.id).await?;
        let call = cx.cloud.cloudfront.delete_origin_access_control().id(&live.id).if_match(version);
        call.send().await.map_err(failed("cloudfront:DeleteOriginAccessControl"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let users = summaries::controlled_by(cx, &live.id).await?;
        let of = |(id, passing): (String, bool)| Blocker { what: format!("the distribution {id}, which uses it"), passing };
        Ok(users.into_iter().map(of).collect())
    }
}

impl AwsKind for OriginAccessControl {
    const MARK: Mark = Mark::Text;
    const ACTIONS: Actions = Actions {
        create: &["cloudfront:CreateOriginAccessControl"],
        update: &["cloudfront:UpdateOriginAccessControl"],
        delete: &["cloudfront:DeleteOriginAccessControl"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("origin_type", How::Word(&["s3", "mediastore", "mediapackagev2", "lambda"])),
        ("signing", How::Word(&["always", "never", "no-override"])),
    ];
}
