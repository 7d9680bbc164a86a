use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput as Answer;
use aws_sdk_iam::types::RoleDetail;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{account, decoded, path, to_sdk};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::iam::errors::failed;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, from_pairs};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Claim, Class, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// What every address of an issuer begins with.
const SCHEME: &str = "https://";

/// An OpenID Connect provider: an issuer whose tokens the account accepts. An account has one for each issuer
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcProvider {
    /// The address of the issuer: `https://…`, as its tokens have it in `iss`. It cannot be changed.
    pub url: String,
    /// Whom the tokens are for: what they have in `aud`. Others stay: the whole account uses the provider.
    pub audiences: Vec<String>,
    /// Thumbprints of certificates by which the issuer is known. Left out: as they are; IAM finds them itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprints: Option<Vec<String>>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

/// Returns the ARNs of all providers of the account.
pub(super) async fn arns(cx: &Cx) -> Result<Vec<String>> {
    let answer = cx.cloud.iam.list_open_id_connect_providers().send().await.map_err(failed("iam:ListOpenIDConnectProviders"))?;
    Ok(answer.open_id_connect_provider_list.unwrap_or_default().into_iter().filter_map(|one| one.arn).collect())
}

async fn read(cx: &Cx, arn: &str) -> Result<Option<Answer>> {
    let call = cx.cloud.iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn);
    present(call.send().await.map(Some).map_err(failed("iam:GetOpenIDConnectProvider")))
}

/// Checks whether an ARN is of the provider of an issuer: it ends with the address.
pub(super) fn is_of(arn: &str, url: &str) -> bool {
    let address = url.strip_prefix(SCHEME).unwrap_or(url);
    arn.split_once(":oidc-provider/").is_some_and(|(_, of)| of.eq_ignore_ascii_case(address))
}

/// Checks whether a role is the stack's and trusts an issuer of tokens.
fn trusts_issuer(cx: &Cx, role: &RoleDetail) -> bool {
    let trust = role.assume_role_policy_document().map(decoded).unwrap_or_default();
    role.path() == Some(&path(&cx.scope)) && trust.contains(":oidc-provider/")
}

/// Returns the roles of the account that trust a provider and are not the stack's.
async fn trusting(cx: &Cx, arn: &str) -> Result<Vec<String>> {
    let (all, ours, quoted) = (account(cx).await?, path(&cx.scope), format!("\"{arn}\""));
    let others = all.roles.iter().filter(|role| role.path() != Some(&ours));
    let trust = |role: &&RoleDetail| role.assume_role_policy_document().is_some_and(|text| decoded(text).contains(&quoted));
    Ok(others.filter(trust).filter_map(|role| role.role_name.clone()).collect())
}

/// Returns a provider as it is. IAM has no regions: one of the same stack in another region is someone else's.
fn observed(cx: &Cx, arn: String, answer: Answer) -> Observed<OidcProvider> {
    let mut tags = from_pairs(answer.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))));
    let is_here = global::is_here(&cx.scope, &mut tags);
    let url = answer.url.unwrap_or_default();
    Observed {
        claim: if is_here { cx.scope.claim(OidcProvider::KIND, &tags, false) } else { Claim::Foreign },
        live: Live { id: arn.clone(), arn },
        fields: OidcProvider {
            // Told without the scheme.
            url: if url.starts_with(SCHEME) { url } else { format!("{SCHEME}{url}") },
            audiences: answer.client_id_list.unwrap_or_default(),
            thumbprints: answer.thumbprint_list,
            tags,
        },
        state: Readiness::Ready,
    }
}

impl OidcProvider {
    async fn add_audiences(&self, cx: &Cx, arn: &str) -> Result<()> {
        let have = read(cx, arn).await?.and_then(|answer| answer.client_id_list).unwrap_or_default();
        for audience in self.audiences.iter().filter(|one| !have.contains(one)) {
            let call = cx.cloud.iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(arn);
            call.client_id(audience).send().await.map_err(failed("iam:AddClientIDToOpenIDConnectProvider"))?;
        }
        Ok(())
    }
}

impl Resource for OidcProvider {
    const KIND: &'static str = "iam.oidc_provider";
    const RULES: &'static [Rule] = &[
        Rule::immutable("url"),
        Rule::set("audiences"),
        Rule::at_least("audiences"),
        Rule::set("thumbprints"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 1);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if !self.url.starts_with(SCHEME) {
            return Some(("url", format!("`{}` must begin with `{SCHEME}`", self.url)));
        }
        self.audiences.is_empty().then(|| ("audiences", "it must name one: only tokens for these are accepted".into()))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        // Where no role of the stack trusts an issuer, a plan does not ask for one before it has something to do: there could only be
        // what a run left that died, or one without a role.
        if cx.reads.may_ask_index() && !account(cx).await?.roles.iter().any(|role| trusts_issuer(cx, role)) {
            cx.reads.trusted_index("iam");
            return Ok(Vec::new());
        }
        let all = arns(cx).await?.into_iter().map(|arn| async move {
            let answer = read(cx, &arn).await?;
            Ok::<_, Error>(answer.map(|answer| observed(cx, arn, answer)))
        });
        Ok(try_join_all(all).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "iam:CreateOpenIDConnectProvider";
        let call = cx.cloud.iam.create_open_id_connect_provider().url(&self.url);
        let call = call.set_client_id_list(Some(self.audiences.clone())).set_thumbprint_list(self.thumbprints.clone());
        let answer = call.set_tags(Some(to_sdk(&global::new_tags(&cx.scope, &self.tags))?)).send().await.map_err(failed(OP))?;
        let arn = answer.open_id_connect_provider_arn.ok_or_else(|| incomplete(OP, "the ARN"))?;
        Ok(Live { id: arn.clone(), arn })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (iam, arn) = (&cx.cloud.iam, &live.arn);
        if diff.touches("audiences") {
            self.add_audiences(cx, arn).await?;
        }
        if diff.touches("thumbprints") {
            let call = iam.update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(arn);
            let call = call.set_thumbprint_list(self.thumbprints.clone());
            call.send().await.map_err(failed("iam:UpdateOpenIDConnectProviderThumbprint"))?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = iam.tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                call.set_tags(Some(to_sdk(&edit.write)?)).send().await.map_err(failed("iam:TagOpenIDConnectProvider"))?;
            }
            if !edit.remove.is_empty() {
                let call = iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                let call = call.set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("iam:UntagOpenIDConnectProvider"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        // IAM would delete it all the same.
        if !trusting(cx, &live.arn).await?.is_empty() {
            let message = "other roles of the account can be assumed only through it";
            let hint = "delete them first; or remove the provider's tags that begin with `stack:`, and it stays when this stack is destroyed";
            return Err(Error::new(Class::InUse, message).hint(hint));
        }
        let call = cx.cloud.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(&live.arn);
        call.send().await.map_err(failed("iam:DeleteOpenIDConnectProvider"))?;
        Ok(())
    }

    /// Returns roles of others that can be assumed only through it, by which it is kept.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let of =
            |role: String| Blocker { what: format!("the role `{role}`, which can be assumed only through it"), passing: false };
        Ok(trusting(cx, &live.arn).await?.into_iter().map(of).collect())
    }

    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        let names: Vec<String> = trusting(cx, &live.arn).await?.iter().map(|name| format!("`{name}`")).collect();
        let kept = "it is not deleted while roles that are not this stack's can be assumed only through it";
        Ok((!names.is_empty()).then(|| format!("{kept}: {}", names.join(", "))))
    }
}

impl AwsKind for OidcProvider {
    const MARK: Mark = Mark::History;
    const ACTIONS: Actions = Actions {
        create: &["iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"],
        update: &[
            "iam:AddClientIDToOpenIDConnectProvider",
            "iam:UpdateOpenIDConnectProviderThumbprint",
            "iam:TagOpenIDConnectProvider",
            "iam:UntagOpenIDConnectProvider",
        ],
        delete: &["iam:DeleteOpenIDConnectProvider"],
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_address() {
        let arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
        assert!(is_of(arn, "https://token.actions.githubusercontent.com"));
        assert!(!is_of(arn, "https://gitlab.com") && !is_of(arn, "https://actions.githubusercontent.com"));
        assert!(!is_of(arn, "https://token.actions.githubusercontent.com/acme"));
    }
}
