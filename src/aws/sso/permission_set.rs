use aws_sdk_ssoadmin::types::{ProvisionTargetType, StatusValues};
use futures::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::center::{Center, Instance, NAME, center};
use super::policies;
use super::sets::{self, KIND, Known};
use crate::aws::call::error::incomplete;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::spelling::Wrong;
use crate::aws::sso::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Blocker, Diff, Error, Observed, Readiness, Resource, Result, Rule, Usual};

/// The number of sets whose policies are read at once.
const AT_ONCE: usize = 3;
/// What the length of a session is between, in seconds
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/howtosessionduration.html>).
const SESSION: std::ops::RangeInclusive<u64> = 3_600..=43_200;

/// A permission set of IAM Identity Center: what people of the organization's directory can do in the accounts that it is assigned to them
/// in. It becomes a role there with the first assignment, and when it is changed the stack's account gets the new version.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermissionSet {
    /// What it is for, which people see who choose it. Left out: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long people can work with it until they sign in again, from an hour to twelve: `PT8H`. Left out: as it is, which is an hour at
    /// first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_duration: Option<String>,
    /// Its inline policy: a policy document. Left out: none.
    #[serde(default = "policies::none")]
    pub policy: Value,
    /// Its managed policies: ARNs, of AWS's or of policies of this account. Others are detached. Left out: none.
    #[serde(default)]
    pub managed: Vec<String>,
    /// A managed policy that its rights cannot go beyond: its ARN. Left out: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// Whether the account has its latest version, if it has it at all: always true in a file.
    #[serde(default = "yes")]
    pub provisioned: bool,
    /// The region that IAM Identity Center is in. Left out: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

fn yes() -> bool {
    true
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// The region that it is in.
    #[schemars(skip)]
    pub region: String,
    /// The ARN of the instance that it is in.
    #[schemars(skip)]
    pub instance: String,
    /// The request that brings its latest version to the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub request: Option<String>,
}

/// Returns a length of time as ISO 8601 has it: `PT8H`, `PT1H30M`.
pub fn session(seconds: u64) -> String {
    let parts = [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M'), (seconds % 60, 'S')];
    parts.iter().filter(|(number, _)| *number > 0).fold("PT".to_owned(), |text, (number, unit)| format!("{text}{number}{unit}"))
}

/// Reads a length of time as ISO 8601 has it, in hours, minutes and seconds.
fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text.strip_prefix("PT")?, 0);
    for (unit, size) in [('H', 3600), ('M', 60), ('S', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            total += number.parse::<u64>().ok()?.checked_mul(size)?;
            rest = after;
        }
    }
    (rest.is_empty() && text.len() > 2).then_some(total)
}

/// Returns a length of time in the one form of many that mean the same.
fn canonical(text: &str) -> String {
    seconds(text).map_or_else(|| text.to_owned(), session)
}

async fn observed(cx: &Cx, center: &Center, known: &Known, is_outdated: bool) -> Result<Observed<PermissionSet>> {
    let is_ours = known.claim.name().is_some();
    let (policy, managed, boundary) = if is_ours {
        futures::try_join!(
            policies::inline(&center.instance, &known.arn),
            policies::managed(&cx.scope, &center.instance, &known.arn),
            policies::boundary(&cx.scope, &center.instance, &known.arn)
        )?
    } else {
        (policies::none(), Vec::new(), None)
    };
    Ok(Observed {
        claim: known.claim.clone(),
        live: Live {
            id: known.arn.clone(),
            arn: known.arn.clone(),
            name: known.set.name.clone().unwrap_or_default(),
            region: center.instance.region.clone(),
            instance: center.instance.arn.clone(),
            request: None,
        },
        fields: PermissionSet {
            description: known.set.description.clone().filter(|text| !text.is_empty()),
            session_duration: known.set.session_duration().map(canonical),
            policy,
            managed,
            boundary,
            provisioned: !is_outdated,
            region: Some(center.instance.region.clone()),
            tags: known.tags.clone(),
        },
        state: Readiness::Ready,
    })
}

/// Returns what a status of a request means.
pub(super) fn readiness(status: Option<&StatusValues>, why: Option<&str>) -> Readiness {
    match status {
        Some(StatusValues::Succeeded) => Readiness::Ready,
        Some(StatusValues::Failed) => Readiness::Failed(why.unwrap_or("AWS gave no reason").to_owned()),
        other => Readiness::waiting(other.map_or("IN_PROGRESS", StatusValues::as_str)),
    }
}

impl PermissionSet {
    /// Writes description and session. What the call leaves out AWS clears (hashicorp/terraform-provider-aws#17411), so it has what is
    /// there.
    async fn write_settings(&self, instance: &Instance, live: &Live) -> Result<()> {
        const OP: &str = "sso:DescribePermissionSet";
        let now = sets::described(instance, &live.arn).await?.ok_or_else(|| incomplete(OP, "the permission set"))?;
        let call = instance.client.update_permission_set().instance_arn(&instance.arn).permission_set_arn(&live.arn);
        let call = call.set_description(self.description.clone().or(now.description).filter(|text| !text.is_empty()));
        let call = call.set_session_duration(self.session_duration.clone().or(now.session_duration));
        let call = call.set_relay_state(now.relay_state.filter(|text| !text.is_empty()));
        call.send().await.map_err(failed("sso:UpdatePermissionSet")).map(drop)
    }

    /// Brings the latest version to the account, if it has the set: with its first assignment it gets that anyway.
    async fn provision(cx: &Cx, instance: &Instance, live: &Live) -> Result<Option<String>> {
        if !sets::accounts(instance, &live.arn).await?.contains(&cx.scope.account) {
            return Ok(None);
        }
        let call = instance.client.provision_permission_set().instance_arn(&instance.arn).permission_set_arn(&live.arn);
        let call = call.target_type(ProvisionTargetType::AwsAccount).target_id(&cx.scope.account);
        let answer = call.send().await.map_err(failed("sso:ProvisionPermissionSet"))?;
        Ok(answer.permission_set_provisioning_status.and_then(|status| status.request_id))
    }
}

impl Resource for PermissionSet {
    const KIND: &'static str = KIND;
    const RULES: &'static [Rule] = &[
        Rule::policy("policy"),
        Rule::after_create("policy"),
        Rule::set("managed"),
        Rule::after_create("managed"),
        Rule::after_create("boundary"),
        Rule::create_only("region"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(5, 10);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if !self.provisioned {
            return Some(("provisioned", "an account always gets the latest version".into()));
        }
        None
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = sets::sets(cx).await?;
        let found = center(cx).await?;
        let Some(center) = found.as_ref().as_ref().filter(|_| !all.is_empty()) else { return Ok(Vec::new()) };
        let outdated = sets::outdated(cx, &center.instance).await?;
        let one = |(known, is_outdated): (Known, bool)| async move { observed(cx, center, &known, is_outdated).await };
        let all: Vec<(Known, bool)> = all.iter().map(|known| (known.clone(), outdated.contains(&known.arn))).collect();
        stream::iter(all).map(one).buffered(AT_ONCE).try_collect().await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "sso:CreatePermissionSet";
        let instance = Center::of_new(cx, self.region.as_deref()).await?.instance;
        let name = names::name(cx, NAME);
        let call = instance.client.create_permission_set().instance_arn(&instance.arn).name(&name);
        let call = call.set_description(self.description.clone()).set_session_duration(self.session_duration.clone());
        let answer = call.set_tags(Some(sets::new_tags(&cx.scope, &self.tags)?)).send().await.map_err(failed(OP))?;
        let arn = answer.permission_set.and_then(|set| set.permission_set_arn).ok_or_else(|| incomplete(OP, "its ARN"))?;
        Ok(Live { id: arn.clone(), arn, name, region: instance.region, instance: instance.arn, request: None })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let instance = Instance::of(cx, &live.region, &live.instance);
        // Before what it allows: it is limited from the beginning.
        if let (true, Some(boundary)) = (diff.touches("boundary"), &self.boundary) {
            policies::write_boundary(&instance, &live.arn, boundary).await?;
        }
        if diff.touches("description") || diff.touches("session_duration") {
            self.write_settings(&instance, live).await?;
        }
        if diff.touches("policy") {
            policies::write_inline(&instance, &live.arn, &self.policy).await?;
        }
        if diff.touches("managed") {
            policies::write_managed(&cx.scope, &instance, &live.arn, &self.managed).await?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = instance.client.tag_resource().instance_arn(&instance.arn).resource_arn(&live.arn);
                call.set_tags(Some(sets::to_sdk(&edit.write)?)).send().await.map_err(failed("sso:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = instance.client.untag_resource().instance_arn(&instance.arn).resource_arn(&live.arn);
                call.set_tag_keys(Some(edit.remove)).send().await.map_err(failed("sso:UntagResource"))?;
            }
        }
        let parts = ["boundary", "description", "session_duration", "policy", "managed", "provisioned"];
        let request = match parts.iter().any(|part| diff.touches(part)) {
            true => PermissionSet::provision(cx, &instance, live).await?,
            false => None,
        };
        Ok(Live { request, ..live.clone() })
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(request) = &live.request else { return Ok(Readiness::Ready) };
        let instance = Instance::of(cx, &live.region, &live.instance);
        let call = instance.client.describe_permission_set_provisioning_status().instance_arn(&instance.arn);
        let answer = call.provision_permission_set_request_id(request).send().await;
        let answer = answer.map_err(failed("sso:DescribePermissionSetProvisioningStatus"))?.permission_set_provisioning_status;
        let status = answer.as_ref();
        Ok(readiness(status.and_then(|s| s.status()), status.and_then(|s| s.failure_reason())))
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let instance = Instance::of(cx, &live.region, &live.instance);
        let call = instance.client.delete_permission_set().instance_arn(&instance.arn).permission_set_arn(&live.arn);
        call.send().await.map_err(failed("sso:DeletePermissionSet")).map(drop)
    }

    /// Returns the accounts that it is assigned in. This one loses it with the assignments of the stack.
    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let instance = Instance::of(cx, &live.region, &live.instance);
        let of = |account: String| Blocker {
            passing: account == cx.scope.account,
            what: format!("its assignments in the account {account}"),
        };
        Ok(sets::accounts(&instance, &live.arn).await?.into_iter().map(of).collect())
    }
}

impl AwsKind for PermissionSet {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[
            "sso:CreatePermissionSet",
            "sso:TagResource",
            "sso:PutInlinePolicyToPermissionSet",
            "sso:AttachManagedPolicyToPermissionSet",
        ],
        update: &[
            "sso:UpdatePermissionSet",
            "sso:PutInlinePolicyToPermissionSet",
            "sso:DeleteInlinePolicyFromPermissionSet",
            "sso:AttachManagedPolicyToPermissionSet",
            "sso:DetachManagedPolicyFromPermissionSet",
            "sso:ProvisionPermissionSet",
            "sso:TagResource",
            "sso:UntagResource",
        ],
        delete: &["sso:DeletePermissionSet"],
    };

    fn spell(object: &mut Value, wrong: &mut Vec<Wrong>) {
        let Some(text) = object.get("session_duration").and_then(Value::as_str) else { return };
        match seconds(text).filter(|seconds| SESSION.contains(seconds)) {
            Some(seconds) => object["session_duration"] = session(seconds).into(),
            None => {
                let why = format!("`{text}` is no time from an hour to twelve, such as `PT8H`");
                wrong.push(("session_duration".into(), why));
            }
        }
    }
}

/// What AWS's answer to a request cannot lack.
pub(super) fn request_of(operation: &'static str, request: Option<String>) -> Result<String> {
    request.ok_or_else(|| -> Error { incomplete(operation, "the request's identifier") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    #[test]
    fn a_policy_that_leaves_the_file_is_a_change() {
        let set = |policy: Value| {
            let all = json!({"policy": policy, "managed": [], "provisioned": true});
            serde_json::to_value(serde_json::from_value::<PermissionSet>(all).unwrap()).unwrap()
        };
        let some = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]});
        let changes = |a: &Value, b: &Value| diff(PermissionSet::RULES, &set(a.clone()), &set(b.clone()), &Ids::default());
        assert!(changes(&policies::none(), &some).touches("policy") && changes(&some, &policies::none()).touches("policy"));
        assert!(changes(&policies::none(), &policies::none()).is_empty() && changes(&some, &some).is_empty());
    }

    #[test]
    fn times_are_those_of_iso_8601() {
        for (text, secs) in [("PT8H", 28_800), ("PT1H30M", 5_400), ("PT12H", 43_200), ("PT1H", 3_600), ("PT1H1S", 3_601)] {
            assert_eq!((session(secs), seconds(text)), (text.to_owned(), Some(secs)));
        }
        assert_eq!(canonical("PT60M"), "PT1H");
        assert_eq!(canonical("P1D"), "P1D");
        for text in ["PT", "8h", "PTH", "PT1H30", "PT1M1H"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_file_says_is_spelled_or_refused() {
        let spelled = |text: &str| {
            let (mut object, mut wrong) = (json!({"session_duration": text}), Vec::new());
            PermissionSet::spell(&mut object, &mut wrong);
            if wrong.is_empty() { Ok(object["session_duration"].clone()) } else { Err(wrong[0].0.clone()) }
        };
        assert_eq!(spelled("PT90M"), Ok(json!("PT1H30M")));
        for text in ["PT30M", "PT13H", "8h"] {
            assert_eq!(spelled(text), Err("session_duration".to_owned()), "{text}");
        }
        let set: PermissionSet = serde_json::from_value(json!({"provisioned": false})).unwrap();
        assert_eq!(set.refused().map(|(field, _)| field), Some("provisioned"));
        let set: PermissionSet = serde_json::from_value(json!({})).unwrap();
        assert!(set.refused().is_none() && set.policy["Statement"] == json!([]));
    }

    #[test]
    fn a_status_is_ready_waiting_or_failed_with_a_reason() {
        assert_eq!(readiness(Some(&StatusValues::Succeeded), None), Readiness::Ready);
        assert_eq!(readiness(Some(&StatusValues::InProgress), None), Readiness::waiting("IN_PROGRESS"));
        assert_eq!(readiness(Some(&StatusValues::Failed), Some("denied")), Readiness::Failed("denied".into()));
    }
}
