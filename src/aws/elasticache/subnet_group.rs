use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Live, NAME, retag, subnet_groups, to_sdk, users};
use crate::aws::call::arguments::ids;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::{Subnet, Vpc};
use crate::aws::elasticache::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Blocker, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// The subnets in which caches can be placed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubnetGroup {
    /// The VPC of the subnets. It cannot be changed.
    pub vpc: Ref<Vpc>,
    /// A subnet in each zone in which a cache can be placed.
    pub subnets: Vec<Ref<Subnet>>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

impl Resource for SubnetGroup {
    const KIND: &'static str = "elasticache.subnet_group";
    const RULES: &'static [Rule] = &[Rule::immutable("vpc"), Rule::set("subnets"), Rule::owned("tags")];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(subnet_groups(cx)
            .await?
            .iter()
            .filter_map(|(group, tags)| {
                let id = group.cache_subnet_group_name()?.to_owned();
                Some(Observed {
                    claim: names::claim(cx, cx.scope.claim(Self::KIND, tags, false), tags, &id, NAME),
                    live: Live { id, arn: group.arn()?.to_owned() },
                    fields: SubnetGroup {
                        vpc: Ref::physical(group.vpc_id()?),
                        subnets: group.subnets().iter().filter_map(|s| s.subnet_identifier()).map(Ref::physical).collect(),
                        tags: tags.clone(),
                    },
                    state: Readiness::Ready,
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elasticache:CreateCacheSubnetGroup";
        let call = cx.cloud.elasticache.create_cache_subnet_group().cache_subnet_group_name(names::name(cx, NAME));
        let call = call.cache_subnet_group_description(format!("Caches of {}", cx.scope.prefix()));
        let call = call.set_subnet_ids(Some(ids(&self.subnets)?)).set_tags(Some(to_sdk(&self.tags)));
        let group = call.send().await.map_err(failed(OP))?.cache_subnet_group;
        let live = group.and_then(|g| Some(Live { id: g.cache_subnet_group_name?, arn: g.arn? }));
        live.ok_or_else(|| incomplete(OP, "the group's name and ARN"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("subnets") {
            let call = cx.cloud.elasticache.modify_cache_subnet_group().cache_subnet_group_name(&live.id);
            let call = call.set_subnet_ids(Some(ids(&self.subnets)?));
            call.send().await.map_err(failed("elasticache:ModifyCacheSubnetGroup"))?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.elasticache.delete_cache_subnet_group().cache_subnet_group_name(&live.id);
        call.send().await.map_err(failed("elasticache:DeleteCacheSubnetGroup"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        users(cx, |cache| cache.cache_subnet_group_name() == Some(&live.id)).await
    }
}

impl AwsKind for SubnetGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["elasticache:CreateCacheSubnetGroup", "elasticache:AddTagsToResource"],
        update: &["elasticache:ModifyCacheSubnetGroup", "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource"],
        delete: &["elasticache:DeleteCacheSubnetGroup"],
    };
}
