//! Checks for what AWS Backup would silently leave out, or refuse.

use aws_sdk_backup::operation::describe_region_settings::DescribeRegionSettingsOutput;
use serde_json::Value;

use super::{COMPLIANCE, RestoreTestingSelection, Selection, Vault, points};
use crate::aws::Cx;
use crate::aws::backup::errors::failed;
use crate::aws::finding::{Certainty, Finding, field, fields, is_made, is_new, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Action, Item, Plan, Resource, Result, token};

/// The services in ARNs, and what AWS Backup calls what it backs up of them.
const TYPES: &[(&str, &str)] = &[("rds", "RDS"), ("s3", "S3")];

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let mut checks: Vec<Check<'a>> = Vec::new();
    if of_kind(plan, Selection::KIND).any(is_made) {
        checks.push(("what is backed up", Box::pin(opted_in(cx, plan))));
    }
    let tested: Vec<Finding> = of_kind(plan, RestoreTestingSelection::KIND).filter_map(tests).collect();
    if !tested.is_empty() {
        checks.push(("restore tests", Box::pin(async move { Ok(tested) })));
    }
    let vaults: Vec<Finding> = of_kind(plan, Vault::KIND).flat_map(|item| vault(&cx.scope.region, item)).collect();
    if !vaults.is_empty() {
        checks.push(("vaults", Box::pin(async move { Ok(vaults) })));
    }
    checks
}

/// Returns what is known to be wrong with a vault.
fn vault(home: &str, item: &Item) -> Option<Finding> {
    if is_made(item) && field(item, "region") == Some(home) {
        let said = "it is in the stack's region, and `region` is for another one";
        return Some(Finding::refused(&item.key, said, "leave out `region` and `of`"));
    }
    let before = item.before.as_ref()?;
    let locked_from = before.live.get("locked_from").and_then(Value::as_str).and_then(|text| text.parse().ok())?;
    let changes = item.action == Action::Update && is_new(item, &["lock", "min_days", "max_days"]);
    (changes && before.fields["lock"] == COMPLIANCE && points::is_over(locked_from)).then(|| {
        let since = points::day(locked_from).unwrap_or_default();
        let said = format!("its lock can no longer be changed by anyone, since {since}");
        Finding::refused(&item.key, said, "write the lock as it is, or use another vault")
    })
}

/// Returns what a test will create that is in no plan.
fn tests(item: &Item) -> Option<Finding> {
    if !is_new(item, &["keep_hours", "resources"]) {
        return None;
    }
    let what = match field(item, "of")? {
        "RDS" => "a database",
        "S3" => "a bucket",
        _ => "a resource",
    };
    let hours = fields(item)?.get("keep_hours").and_then(Value::as_i64).unwrap_or_default();
    let until = match hours {
        0 => "as soon as it is restored".to_owned(),
        1 => "an hour later".to_owned(),
        hours => format!("{hours} hours later"),
    };
    let said = format!(
        "each restore test creates {what} called `awsbackup-restore-test-…` for each one that has a backup, which AWS Backup deletes {until}; it is charged meanwhile, and so is each test"
    );
    Some(Finding::new(Certainty::Told, said).about(&item.key))
}

/// Returns the services whose resources a selection names.
fn services(item: &Item) -> Vec<&'static str> {
    let all = fields(item).and_then(|fields| fields.get("resources")).and_then(Value::as_array).into_iter().flatten();
    let names = |resource: &Value, service: &str| {
        let text = resource.as_str().unwrap_or_default();
        let referred = token::named(resource).keys().any(|key| key.kind.starts_with(&format!("{service}.")));
        referred || text.split(':').nth(2) == Some(service)
    };
    let all: Vec<&Value> = all.collect();
    TYPES.iter().filter(|(service, _)| all.iter().any(|one| names(one, service))).map(|(_, name)| *name).collect()
}

/// Checks whether AWS Backup backs up these services here: what it has not been told to, a selection leaves out without a word
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html>).
async fn opted_in(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let settings = cx.cloud.backup.describe_region_settings().send().await.map_err(failed("backup:DescribeRegionSettings"))?;
    Ok(of_kind(plan, Selection::KIND).filter(|item| is_made(item)).flat_map(|item| left_out(&settings, item)).collect())
}

fn left_out(settings: &DescribeRegionSettingsOutput, item: &Item) -> Vec<Finding> {
    let is_off = |name: &&str| {
        let known = settings.resource_type_opt_in_preference();
        known.and_then(|all| all.get(*name)).is_some_and(|on| !on)
    };
    let found = services(item).into_iter().filter(is_off).map(|name| {
        let said = format!("AWS Backup is turned off for {name} in this region, so nothing of it is backed up");
        let help = format!(
            "turn it on for the account: `aws backup update-region-settings --resource-type-opt-in-preference {name}=true`"
        );
        Finding::new(Certainty::Doubtful, said).about(&item.key).help(help)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(key: &str, action: &str, desired: Value, before: Value) -> Item {
        let item = json!({"key": key, "action": action, "generation": 1, "desired": desired, "before": before});
        serde_json::from_value(item).unwrap()
    }

    #[test]
    fn what_tests_create_is_told_when_that_changes() {
        let key = "backup.restore_testing_selection/databases";
        let made = tests(&item(key, "create", json!({"of": "RDS", "keep_hours": 4}), Value::Null)).unwrap();
        assert_eq!(made.certainty, Certainty::Told);
        assert!(
            made.message.contains("creates a database") && made.message.contains("deletes 4 hours later"),
            "{}",
            made.message
        );
        assert_eq!(tests(&item(key, "keep", json!({"of": "RDS"}), Value::Null)), None);
    }

    #[test]
    fn what_the_region_does_not_back_up_is_told() {
        let settings = DescribeRegionSettingsOutput::builder();
        let settings = settings.resource_type_opt_in_preference("RDS", false).resource_type_opt_in_preference("S3", true).build();
        let resources = json!(["arn:aws:rds:*:*:db:*", "${s3.bucket/files.arn}"]);
        let one = item("backup.selection/backup", "create", json!({"resources": resources}), Value::Null);
        let found = left_out(&settings, &one);
        assert_eq!(services(&one), ["RDS", "S3"]);
        assert!(found.len() == 1 && found[0].message.contains("turned off for RDS"), "{found:?}");
    }
}
