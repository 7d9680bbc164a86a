use std::collections::BTreeMap;

use aws_sdk_backup::types::{BackupSelection, ConditionParameter, Conditions};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupPlan, plans};
use crate::aws::backup::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::iam::Role;
use crate::aws::ownership::mark::Mark;
use crate::aws::rds::Instance;
use crate::aws::s3::Bucket;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::key::is_name;
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The maximum numbers of a selection
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html>).
const CONDITIONS: usize = 30;
const ARNS: usize = 500;
const PATTERNS: usize = 30;
/// What the key of a condition begins with, before the tag.
const TAG: &str = "aws:ResourceTag/";
/// The words of conditions, the longer ones first: what `A != B` means is not what `A = B` does.
const WORDS: [&str; 4] = [" not like ", " like ", " != ", " = "];

/// A selection: what a backup plan backs up. AWS cannot change one, so another one takes its place.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The plan.
    pub plan: Ref<BackupPlan>,
    /// The role by which AWS Backup works: its ARN.
    pub role: Ref<Role>,
    /// ARNs of what is backed up; `*` stands for any characters.
    pub resources: Vec<String>,
    /// Conditions that all must be true: `TAG = VALUE`, `TAG != VALUE`, `TAG like PATTERN` or `TAG not like PATTERN`. Left out: none.
    #[serde(default)]
    pub conditions: Vec<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The id.
    pub id: String,
    /// The id of the plan.
    pub plan: String,
}

/// Returns the tag, the word and the value of a condition.
fn parts(condition: &str) -> Option<(&str, &'static str, &str)> {
    let word = |word: &'static str| condition.split_once(word).map(|(tag, value)| (tag, word, value));
    // The word that comes first: the value may contain another one.
    WORDS.into_iter().filter_map(word).min_by_key(|(tag, ..)| tag.len()).filter(|(tag, ..)| !tag.is_empty())
}

fn to_sdk(conditions: &[String]) -> Result<Option<Conditions>> {
    let mut all: BTreeMap<&str, Vec<ConditionParameter>> = BTreeMap::new();
    for condition in conditions {
        let (tag, word, value) = parts(condition).ok_or_else(|| Error::internal(format!("`{condition}` is no condition")))?;
        let parameter = ConditionParameter::builder().condition_key(format!("{TAG}{tag}")).condition_value(value).build();
        all.entry(word).or_default().push(parameter);
    }
    if all.is_empty() {
        return Ok(None);
    }
    let [not_like, like, not_equal, equal] = WORDS.map(|word| all.remove(word));
    let built = Conditions::builder().set_string_not_like(not_like).set_string_like(like);
    Ok(Some(built.set_string_not_equals(not_equal).set_string_equals(equal).build()))
}

fn from_sdk(selection: &BackupSelection) -> Vec<String> {
    let one = |word: &str, parameter: &ConditionParameter| {
        let key = parameter.condition_key().unwrap_or_default();
        format!("{}{word}{}", key.strip_prefix(TAG).unwrap_or(key), parameter.condition_value().unwrap_or_default())
    };
    let conditions = selection.conditions();
    let of = |at: usize, all: Option<&[ConditionParameter]>| -> Vec<String> {
        all.unwrap_or_default().iter().map(|parameter| one(WORDS[at], parameter)).collect()
    };
    let mut out = of(0, conditions.map(Conditions::string_not_like));
    out.extend(of(1, conditions.map(Conditions::string_like)));
    out.extend(of(2, conditions.map(Conditions::string_not_equals)));
    out.extend(of(3, conditions.map(Conditions::string_equals)));
    // Of someone else: what has one of several tags, and what is left out. No file says that.
    let any = selection.list_of_tags().iter().map(|tag| format!("any: {} = {}", tag.condition_key(), tag.condition_value()));
    out.extend(any);
    out.extend(selection.not_resources().iter().map(|arn| format!("not: {arn}")));
    out
}

/// Returns what an ARN is in a plan: a bucket or a database by its reference.
fn resource(arn: &str) -> String {
    match arn.split(':').collect::<Vec<_>>()[..] {
        _ if arn.contains('*') => arn.to_owned(),
        [_, _, "s3", ..] => Ref::<Bucket>::physical(arn).attr("arn").to_string(),
        [_, _, "rds", _, _, "db", _] => Ref::<Instance>::physical(arn).attr("arn").to_string(),
        _ => arn.to_owned(),
    }
}

impl Selection {
    /// Returns its name in AWS: with what it says in it, so that the new half of a replacement has another one.
    fn name(&self, cx: &Cx) -> Result<String> {
        let mut all: Vec<&str> = self.resources.iter().chain(&self.conditions).map(String::as_str).collect();
        all.sort_unstable();
        all.push(self.role.id()?);
        let digest: String = Sha256::digest(all.join("\n").as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
        Ok(format!("{}.{digest}", cx.key.name))
    }
}

/// Returns the name in the stack of a selection that AWS calls `name`.
fn own_name(name: &str) -> Option<&str> {
    let (own, digest) = name.rsplit_once('.')?;
    (is_name(own) && digest.len() == 8 && digest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(own)
}

/// A selection as it was read: its name, and the second in which it was made.
struct Found {
    name: String,
    made: i64,
    live: Live,
    fields: Selection,
}

async fn selections(cx: &Cx, plan: &str) -> Result<Vec<Found>> {
    let pages = cx.cloud.backup.list_backup_selections().backup_plan_id(plan).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("backup:ListBackupSelections"));
    let found = present(all)?.into_iter().filter_map(|one| {
        let made = one.creation_date().map_or(0, |time| time.secs());
        Some((one.selection_id?, made))
    });
    let read = found.map(|(id, made)| async move {
        let call = cx.cloud.backup.get_backup_selection().backup_plan_id(plan).selection_id(&id);
        let answer = present(call.send().await.map(|a| a.backup_selection).map_err(failed("backup:GetBackupSelection")))?;
        Ok::<_, Error>(answer.map(|it| Found {
            name: it.selection_name().to_owned(),
            made,
            live: Live { id, plan: plan.to_owned() },
            fields: Selection {
                plan: Ref::physical(plan),
                role: Ref::physical(it.iam_role_arn()).attr("arn"),
                resources: it.resources().iter().map(|arn| resource(arn)).collect(),
                conditions: from_sdk(&it),
            },
        }))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

/// Returns whose each selection of a plan is. Of two halves of a replacement the newer one stays.
fn claims(plan: &Claim, found: &[Found]) -> Vec<Claim> {
    let newest = |name: &str| found.iter().filter(|one| own_name(&one.name) == Some(name)).map(|one| one.made).max();
    let one = |one: &Found| match (plan, own_name(&one.name)) {
        (Claim::Ours(_), Some(own)) if newest(own) == Some(one.made) => Claim::Ours(own.to_owned()),
        (Claim::Ours(_), _) => Claim::Stray,
        (Claim::Tagged(_), Some(own)) => Claim::Tagged(own.to_owned()),
        _ => Claim::Adoptable,
    };
    found.iter().map(one).collect()
}

impl Resource for Selection {
    const KIND: &'static str = "backup.selection";
    const RULES: &'static [Rule] = &[
        Rule::immutable("plan"),
        Rule::takes("role", &[("iam.role", "arn")]),
        Rule::immutable("role"),
        Rule::set("resources"),
        Rule::takes("resources.*", &[("s3.bucket", "arn"), ("rds.instance", "arn")]),
        Rule::immutable("resources"),
        Rule::set("conditions"),
        Rule::immutable("conditions"),
    ];
    const USUAL: Usual = Usual::secs(10, 1);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.resources.is_empty() {
            return Some(("resources", "it must name something; `*` stands for everything".into()));
        }
        let patterns = self.resources.iter().filter(|arn| arn.contains('*')).count();
        if self.resources.len() > ARNS || patterns > PATTERNS {
            return Some(("resources", format!("AWS Backup accepts at most {ARNS}, and {PATTERNS} with `*`")));
        }
        if self.conditions.len() > CONDITIONS {
            return Some(("conditions", format!("AWS Backup accepts at most {CONDITIONS}")));
        }
        let wrong = self.conditions.iter().find(|condition| parts(condition).is_none())?;
        let help = "write `TAG = VALUE`, `TAG != VALUE`, `TAG like PATTERN` or `TAG not like PATTERN`";
        Some(("conditions", format!("`{wrong}` is no condition: {help}")))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let plans = plans::all(cx).await?;
        let ours = plans.iter().filter(|plan| plan.claim.name().is_some());
        let all = try_join_all(ours.map(|plan| async move {
            let found = selections(cx, &plan.id).await?;
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
        const OP: &str = "backup:CreateBackupSelection";
        let (plan, name) = (self.plan.id()?, self.name(cx)?);
        let selection = BackupSelection::builder().selection_name(&name).iam_role_arn(self.role.id()?);
        let selection = selection.set_resources(Some(self.resources.clone())).set_conditions(to_sdk(&self.conditions)?);
        let selection = selection.build().map_err(|e| Error::internal(e.to_string()))?;
        let call = cx.cloud.backup.create_backup_selection().backup_plan_id(plan).backup_selection(selection);
        let answer = call.creator_request_id(cx.token_for_now(&name)).send().await.map_err(failed(OP))?;
        let id = answer.selection_id.ok_or_else(|| incomplete(OP, "the selection's id"))?;
        Ok(Live { id, plan: plan.to_owned() })
    }

    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.backup.delete_backup_selection().backup_plan_id(&live.plan).selection_id(&live.id);
        call.send().await.map_err(failed("backup:DeleteBackupSelection"))?;
        Ok(())
    }
}

impl AwsKind for Selection {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["backup:CreateBackupSelection", "iam:PassRole"],
        update: &["backup:CreateBackupSelection"],
        delete: &["backup:DeleteBackupSelection"],
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_written_and_read_back() {
        let all = ["a not like x*", "stack:env like prod*", "stack:key != rds.instance/main-reader", "stack:name = a like b"];
        let all = all.map(str::to_owned);
        let sdk = to_sdk(&all).unwrap().unwrap();
        assert_eq!(sdk.string_equals()[0].condition_value(), Some("a like b"));
        let selection = BackupSelection::builder().selection_name("s.00000000").iam_role_arn("arn").conditions(sdk);
        assert_eq!(from_sdk(&selection.build().unwrap()), all);
        assert_eq!(to_sdk(&[]).unwrap(), None);
        assert_eq!(parts("stack:name=shop"), None);
    }

    #[test]
    fn of_two_halves_the_newer_one_stays() {
        let found = |name: &str, made: i64| -> Found {
            let fields = json!({"plan": "${=backup.plan:p}", "role": "${=iam.role.arn:r}", "resources": ["*"]});
            let live = Live { id: name.into(), plan: "p".into() };
            Found { name: name.into(), made, live, fields: serde_json::from_value(fields).unwrap() }
        };
        let all = [found("backup.0123abcd", 1), found("backup.0123abce", 2), found("by-hand", 3)];
        let ours = Claim::Ours("backup".into());
        assert_eq!(claims(&ours, &all), [Claim::Stray, ours.clone(), Claim::Stray]);
        let tagged = Claim::Tagged("backup".into());
        assert_eq!(claims(&tagged, &all), [tagged.clone(), tagged.clone(), Claim::Adoptable]);
        assert_eq!((own_name("backup.0123abcd"), own_name("backup.v1"), own_name("x")), (Some("backup"), None, None));
    }

    #[test]
    fn what_aws_backup_refuses_is_refused_at_its_field() {
        let refused = |resources: Vec<String>, conditions: Vec<String>| {
            let fields =
                json!({"plan": "backup.plan/p", "role": "${iam.role/r.arn}", "resources": resources, "conditions": conditions});
            serde_json::from_value::<Selection>(fields).unwrap().refused().map(|(field, _)| field)
        };
        let many = |count: usize, text: &str| (0..count).map(|n| format!("{text}{n}")).collect::<Vec<_>>();
        assert_eq!(refused(many(1, "arn"), many(30, "t = ")), None);
        assert_eq!(refused(vec![], vec![]), Some("resources"));
        assert_eq!(refused(many(31, "arn:*"), vec![]), Some("resources"));
        assert_eq!(refused(many(1, "arn"), many(31, "t = ")), Some("conditions"));
        assert_eq!(refused(many(1, "arn"), many(1, "tag")), Some("conditions"));
    }
}
