use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ALIAS, Key, NAME, candidates};
use crate::aws::kms::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A name for a key, which people and programs use in place of its id. It has no tags: it is the stack's when it has the stack's
/// prefix and points to a key of the stack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The key that it points to.
    pub key: Ref<Key>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name, with `alias/`.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

impl Resource for Alias {
    const KIND: &'static str = "kms.alias";
    const RULES: &'static [Rule] = &[];
    const USUAL: Usual = Usual::secs(1, 1);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let found = candidates(cx).await?;
        let prefix = cx.scope.prefix();
        let named = found.aliases.iter().filter_map(|alias| {
            let name = names::key_of(&prefix, alias.name.strip_prefix(ALIAS)?)?;
            // Another environment's alias may start like this stack's: its key says whose it is.
            let ours = found.tags.get(&alias.key).is_some_and(|tags| cx.scope.owns(tags));
            Some(Observed {
                claim: if ours { Claim::Ours(name) } else { Claim::Taken(name) },
                live: Live { id: alias.name.clone(), arn: alias.arn.clone() },
                fields: Alias { key: Ref::physical(alias.key.clone()) },
                state: Readiness::Ready,
            })
        });
        Ok(named.collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = format!("{ALIAS}{}", names::fit(&cx.scope.prefix(), &cx.key.name, 1, NAME));
        let call = cx.cloud.kms.create_alias().alias_name(&name).target_key_id(self.key.id()?);
        call.send().await.map_err(failed("kms:CreateAlias"))?;
        let (scope, region) = (&cx.scope, &cx.scope.region);
        let arn = format!("arn:{}:kms:{region}:{}:{name}", scope.partition, scope.account);
        Ok(Live { id: name, arn })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("key") {
            let call = cx.cloud.kms.update_alias().alias_name(&live.id).target_key_id(self.key.id()?);
            call.send().await.map_err(failed("kms:UpdateAlias"))?;
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        cx.cloud.kms.delete_alias().alias_name(&live.id).send().await.map_err(failed("kms:DeleteAlias"))?;
        Ok(())
    }
}

impl AwsKind for Alias {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions { create: &["kms:CreateAlias"], update: &["kms:UpdateAlias"], delete: &["kms:DeleteAlias"] };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("keys.{name}.alias", "id")];
}
