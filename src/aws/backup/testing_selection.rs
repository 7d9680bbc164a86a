use std::collections::{BTreeMap, HashMap};

use aws_sdk_backup::types::{
    KeyValue, ProtectedResourceConditions, RestoreTestingSelectionForCreate, RestoreTestingSelectionForGet,
    RestoreTestingSelectionForUpdate,
};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RestoreTestingPlan, testing_plans as plans};
use crate::aws::backup::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::ec2::SecurityGroup;
use crate::aws::iam::Role;
use crate::aws::ownership::mark::Mark;
use crate::aws::rds::{Instance, SubnetGroup};
use crate::aws::s3::Bucket;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::key::is_name;
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The limits (<https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-quotas>).
const ARNS: usize = 30;
const HOURS: i32 = 168;
/// What can be restored by a test
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingSelectionForCreate.html>).
const TYPES: [&str; 10] = ["Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "S3"];
/// Metadata that names objects of the stack.
pub const SUBNET_GROUP: &str = "dbsubnetgroupname";
/// See [`SUBNET_GROUP`]: a list in JSON.
pub const SECURITY_GROUPS: &str = "vpcsecuritygroupids";

/// A selection of a restore testing plan: of which resources of one type a backup is restored, how, and how long what was restored stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreTestingSelection {
    /// The plan.
    pub plan: Ref<RestoreTestingPlan>,
    /// The role by which AWS Backup restores: its ARN.
    pub role: Ref<Role>,
    /// The type of resources: `RDS`, `S3` …
    pub of: String,
    /// The ARNs of the resources, at most 30, or `*` alone for all that have a backup in the plan's vaults.
    pub resources: Vec<String>,
    /// How they are restored, where AWS Backup is to choose differently; keys in lower case. Others of AWS stay. Left out: as AWS Backup
    /// chooses.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The hours for which what was restored stays after the test, at most 168. Left out: 0, it is deleted at once.
    #[serde(default)]
    pub keep_hours: i32,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name of the plan and its own.
    pub id: String,
    /// The name of the plan.
    pub plan: String,
    /// Its own name.
    pub name: String,
}

impl Live {
    fn of(plan: &str, name: &str) -> Live {
        Live { id: format!("{plan}/{name}"), plan: plan.to_owned(), name: name.to_owned() }
    }
}

/// Returns what an ARN is in a plan: a bucket or a database by its reference.
fn resource(arn: &str) -> String {
    match arn.split(':').collect::<Vec<_>>()[..] {
        [_, _, "s3", ..] => Ref::<Bucket>::physical(arn).attr("arn").to_string(),
        [_, _, "rds", _, _, "db", _] => Ref::<Instance>::physical(arn).attr("arn").to_string(),
        _ => arn.to_owned(),
    }
}

/// Returns what a value of the metadata is in a plan.
fn value(key: &str, text: &str) -> String {
    match key {
        SUBNET_GROUP => Ref::<SubnetGroup>::physical(text).attr("id").to_string(),
        SECURITY_GROUPS => {
            let ids: Vec<String> = serde_json::from_str(text).unwrap_or_default();
            let groups: Vec<String> =
                ids.iter().map(|id| Ref::<SecurityGroup>::physical(id.as_str()).attr("id").to_string()).collect();
            if groups.is_empty() { text.to_owned() } else { serde_json::to_string(&groups).unwrap_or_default() }
        }
        _ => text.to_owned(),
    }
}

/// Returns conditions as no file says them: of someone else.
fn conditions(found: &RestoreTestingSelectionForGet) -> Vec<String> {
    let Some(conditions) = found.protected_resource_conditions() else { return Vec::new() };
    let one = |word: &'static str| move |pair: &KeyValue| format!("only: {} {word} {}", pair.key(), pair.value());
    let equal = conditions.string_equals().iter().map(one("="));
    equal.chain(conditions.string_not_equals().iter().map(one("!="))).collect()
}

/// Returns the name in AWS of the selection that the stack calls `own`. The type is in it, so that the new half of a replacement, which
/// is of another one, has another name.
fn named(own: &str, of: &str) -> String {
    format!("{own}_{of}").replace('-', "_")
}

/// Returns the name in the stack of a selection of this type that AWS calls `name`.
fn own_name<'a>(name: &'a str, of: &str) -> Option<&'a str> {
    name.strip_suffix(of)?.strip_suffix('_').filter(|own| is_name(own))
}

/// A selection as it was read, and the second in which it was made.
struct Found {
    made: i64,
    live: Live,
    fields: RestoreTestingSelection,
}

impl Found {
    fn own_name(&self) -> Option<&str> {
        own_name(&self.live.name, &self.fields.of)
    }
}

async fn selections(cx: &Cx, plan: &str) -> Result<Vec<Found>> {
    let call = cx.cloud.backup.list_restore_testing_selections().restore_testing_plan_name(plan);
    let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("backup:ListRestoreTestingSelections")))?;
    let read = all.into_iter().map(|one| async move {
        let call = cx.cloud.backup.get_restore_testing_selection().restore_testing_plan_name(plan);
        let call = call.restore_testing_selection_name(one.restore_testing_selection_name);
        let answer = call.send().await.map(|answer| answer.restore_testing_selection);
        let found = present(answer.map_err(failed("backup:GetRestoreTestingSelection")))?;
        Ok::<_, Error>(found.map(|found| Found {
            made: found.creation_time.secs(),
            live: Live::of(plan, &found.restore_testing_selection_name),
            fields: RestoreTestingSelection::from_sdk(&found),
        }))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

/// Returns whose each selection of a plan is. Of two halves of a replacement the newer one stays.
fn claims(plan: &Claim, found: &[Found]) -> Vec<Claim> {
    let newest = |name: &str| found.iter().filter(|one| one.own_name() == Some(name)).map(|one| one.made).max();
    let one = |one: &Found| match (plan, one.own_name()) {
        (Claim::Ours(_), Some(own)) if newest(own) == Some(one.made) => Claim::Ours(own.to_owned()),
        (Claim::Ours(_), _) => Claim::Stray,
        (Claim::Tagged(_), Some(own)) => Claim::Tagged(own.to_owned()),
        _ => Claim::Adoptable,
    };
    found.iter().map(one).collect()
}

impl RestoreTestingSelection {
    fn from_sdk(found: &RestoreTestingSelectionForGet) -> RestoreTestingSelection {
        let resources = found.protected_resource_arns().iter().map(|arn| resource(arn)).chain(conditions(found));
        let metadata = found.restore_metadata_overrides().into_iter().flatten().map(|(key, text)| {
            let key = key.to_ascii_lowercase();
            let value = value(&key, text);
            (key, value)
        });
        RestoreTestingSelection {
            plan: Ref::physical(found.restore_testing_plan_name()),
            role: Ref::physical(found.iam_role_arn()).attr("arn"),
            of: found.protected_resource_type.clone(),
            resources: resources.collect(),
            metadata: metadata.collect(),
            keep_hours: found.validation_window_hours,
        }
    }

    fn overrides(&self) -> HashMap<String, String> {
        self.metadata.clone().into_iter().collect()
    }

    fn to_sdk(&self, name: &str) -> Result<RestoreTestingSelectionForCreate> {
        let selection = RestoreTestingSelectionForCreate::builder().restore_testing_selection_name(name);
        let selection = selection.iam_role_arn(self.role.id()?).protected_resource_type(&self.of);
        let selection = selection.set_protected_resource_arns(Some(self.resources.clone()));
        let selection = selection.set_restore_metadata_overrides(Some(self.overrides()).filter(|all| !all.is_empty()));
        selection.validation_window_hours(self.keep_hours).build().map_err(|e| Error::internal(e.to_string()))
    }
}

impl Resource for RestoreTestingSelection {
    const KIND: &'static str = "backup.restore_testing_selection";
    const RULES: &'static [Rule] = &[
        Rule::immutable("plan"),
        Rule::takes("role", &[("iam.role", "arn")]),
        Rule::immutable("of"),
        Rule::set("resources"),
        Rule::takes("resources.*", &[("s3.bucket", "arn"), ("rds.instance", "arn")]),
        Rule::takes("metadata.*", &[("rds.subnet_group", "id"), ("ec2.security_group", "id")]),
    ];
    const USUAL: Usual = Usual::secs(10, 1);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if !TYPES.contains(&self.of.as_str()) {
            return Some(("of", format!("AWS Backup tests {}", TYPES.join(", "))));
        }
        let all = self.resources.iter().filter(|arn| arn.contains('*')).count();
        if self.resources.is_empty() || self.resources.len() > ARNS || all > 0 && self.resources != ["*"] {
            return Some(("resources", format!("name at most {ARNS} ARNs, or `*` alone")));
        }
        if let Some(key) = self.metadata.keys().find(|key| key.to_ascii_lowercase() != **key) {
            return Some((
                "metadata",
                format!("write `{}` instead of `{key}`: AWS Backup knows no capitals in keys", key.to_lowercase()),
            ));
        }
        (!(0..=HOURS).contains(&self.keep_hours)).then(|| ("keep_hours", format!("it is at most {HOURS}")))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let plans = plans::all(cx).await?;
        let ours = plans.iter().filter(|plan| matches!(plan.claim, Claim::Ours(_) | Claim::Tagged(_)));
        let all = try_join_all(ours.map(|plan| async move {
            let found = selections(cx, &plan.name).await?;
            let claims = claims(&plan.claim, &found);
            let observed = found.into_iter().zip(claims).map(|(Found { live, fields, .. }, claim)| Observed {
                claim,
                live,
                fields,
                state: Readiness::Ready,
            });
            Ok::<_, Error>(observed.collect::<Vec<_>>())
        }));
        Ok(all.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let (plan, name) = (self.plan.id()?, named(&cx.key.name, &self.of));
        let call = cx.cloud.backup.create_restore_testing_selection().restore_testing_plan_name(plan);
        let call = call.restore_testing_selection(self.to_sdk(&name)?).creator_request_id(cx.token_for_now(&name));
        let answer = call.send().await.map_err(failed("backup:CreateRestoreTestingSelection"))?;
        Ok(Live::of(plan, &answer.restore_testing_selection_name))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        // What a request leaves out stays as it is.
        let selection = RestoreTestingSelectionForUpdate::builder().validation_window_hours(self.keep_hours);
        let mut selection = selection.iam_role_arn(self.role.id()?).set_restore_metadata_overrides(Some(self.overrides()));
        if diff.touches("resources") {
            let none = ProtectedResourceConditions::builder().set_string_equals(Some(Vec::new()));
            let none = none.set_string_not_equals(Some(Vec::new())).build();
            selection = selection.set_protected_resource_arns(Some(self.resources.clone())).protected_resource_conditions(none);
        }
        let call = cx.cloud.backup.update_restore_testing_selection().restore_testing_plan_name(&live.plan);
        let call = call.restore_testing_selection_name(&live.name).restore_testing_selection(selection.build());
        call.send().await.map_err(failed("backup:UpdateRestoreTestingSelection"))?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.backup.delete_restore_testing_selection().restore_testing_plan_name(&live.plan);
        let call = call.restore_testing_selection_name(&live.name);
        call.send().await.map_err(failed("backup:DeleteRestoreTestingSelection"))?;
        Ok(())
    }
}

impl AwsKind for RestoreTestingSelection {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["backup:CreateRestoreTestingSelection", "iam:PassRole"],
        update: &["backup:UpdateRestoreTestingSelection", "iam:PassRole"],
        delete: &["backup:DeleteRestoreTestingSelection"],
    };
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    fn selection(more: Value) -> RestoreTestingSelection {
        let mut fields = json!({
            "plan": "${=backup.restore_testing_plan:shop_backup}", "role": "${=iam.role.arn:arn:r}", "of": "RDS", "resources": ["*"],
            "metadata": {
                SUBNET_GROUP: "${=rds.subnet_group:shop}",
                SECURITY_GROUPS: r#"["${=ec2.security_group:sg-1}"]"#,
                "publiclyaccessible": "false",
            },
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    fn told(given: &RestoreTestingSelectionForCreate) -> RestoreTestingSelectionForGet {
        let told = RestoreTestingSelectionForGet::builder().restore_testing_plan_name("shop_backup");
        let told = told.restore_testing_selection_name(given.restore_testing_selection_name()).iam_role_arn(given.iam_role_arn());
        let told = told.protected_resource_type(given.protected_resource_type()).creation_time(DateTime::from_secs(0));
        let told = told.set_protected_resource_arns(given.protected_resource_arns.clone());
        told.set_restore_metadata_overrides(given.restore_metadata_overrides.clone()).build().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = selection(json!({}));
        assert_eq!(wanted.refused(), None);
        let changes = |found: &RestoreTestingSelectionForGet| -> Vec<String> {
            let read = serde_json::to_value(RestoreTestingSelection::from_sdk(found)).unwrap();
            let found = diff(RestoreTestingSelection::RULES, &serde_json::to_value(&wanted).unwrap(), &read, &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        // As the engine resolves it before it is written.
        let resolved = Ids::default().resolve(&serde_json::to_value(&wanted).unwrap()).unwrap();
        let resolved: RestoreTestingSelection = serde_json::from_value(resolved).unwrap();
        let mut found = told(&resolved.to_sdk("databases_RDS").unwrap());
        assert_eq!(found.restore_metadata_overrides.as_ref().unwrap()[SECURITY_GROUPS], r#"["sg-1"]"#);
        // Keys have no case, and AWS may add what it chose.
        let metadata = found.restore_metadata_overrides.take().unwrap();
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_uppercase(), value));
        found.restore_metadata_overrides = Some(metadata.chain([("multiAz".to_owned(), "false".to_owned())]).collect());
        assert_eq!(changes(&found), Vec::<String>::new());
        let by_hand = KeyValue::builder().key("team").value("web").build().unwrap();
        found.protected_resource_conditions = Some(ProtectedResourceConditions::builder().string_equals(by_hand).build());
        found.validation_window_hours = 5;
        assert_eq!(changes(&found), ["resources", "keep_hours"]);
    }

    #[test]
    fn of_two_halves_the_newer_one_stays() {
        let found = |name: &str, of: &str, made: i64| -> Found {
            Found { made, live: Live::of("shop_backup", name), fields: selection(json!({"of": of})) }
        };
        let all = [found("data_RDS", "RDS", 1), found("data_S3", "S3", 2), found("by_hand", "S3", 3)];
        let ours = Claim::Ours("data".into());
        assert_eq!(claims(&ours, &all), [Claim::Stray, ours.clone(), Claim::Stray]);
        let tagged = Claim::Tagged("data".into());
        assert_eq!(claims(&tagged, &all), [tagged.clone(), tagged.clone(), Claim::Adoptable]);
        assert_eq!(own_name(&named("data", "RDS"), "RDS"), Some("data"));
    }

    #[test]
    fn what_aws_backup_refuses_is_refused_at_its_field() {
        let arns: Vec<String> = (0..31).map(|n| format!("arn:{n}")).collect();
        let wrong = [
            ("of", json!({"of": "SQS"})),
            ("resources", json!({"resources": []})),
            ("resources", json!({"resources": ["*", "arn:1"]})),
            ("resources", json!({"resources": arns})),
            ("metadata", json!({"metadata": {"multiAz": "false"}})),
            ("keep_hours", json!({"keep_hours": 169})),
        ];
        for (field, more) in wrong {
            assert_eq!(selection(more).refused().map(|(at, _)| at), Some(field));
        }
    }
}
