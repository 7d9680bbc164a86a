//! `backup`: a vault, the plan that fills it, what it selects, the role for that, and a vault in each other region with copies.

use serde_json::{Value, json};

use super::facts::{Facts, Problem};
use super::keys::Keys;
use super::policies::policy;
use crate::aws::Tags;
use crate::aws::backup::{BackupPlan, BackupRule, COMPLIANCE, Copy, GOVERNANCE, OFF, Selection, Vault};
use crate::aws::iam::Role;
use crate::aws::rds::Instance;
use crate::aws::s3::Bucket;
use crate::config::Duration;
use crate::config::Stack;
use crate::config::backup::{Backup, Included, LockMode};
use crate::engine::tags::{TAG_ENV, TAG_KEY, TAG_STACK};
use crate::engine::{Error, Graph, Ref, Resource};

const ORIGIN: &str = "backup";
/// What its parts are called.
const NAME: &str = "backup";
/// What the rule of the plan is called.
const RULE: &str = "scheduled";
/// What AWS shows of the role.
const DESCRIPTION: &str = "Backs up and restores the data of the stack";
/// AWS's policies for backups and restores, of everything but S3
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html>).
const POLICIES: [&str; 2] =
    ["service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores"];
/// And of S3.
const OF_BUCKETS: [&str; 2] = ["AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore"];
/// Minutes: a backup begins within eight hours and is complete within seven days, as AWS has it.
const START: i64 = 480;
const COMPLETION: i64 = 10_080;
const DAY: u64 = 86_400;

fn days(time: Duration) -> i64 {
    i64::try_from(time.as_secs() / DAY).unwrap_or(i64::MAX)
}

/// Adds the backups of what is in the graph.
pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    keys: &Keys,
    facts: &Facts<'_>,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let Some(section) = &stack.backup else { return Ok(()) };
    let resources = resources(graph, section, facts, problems);
    let role = graph.add(NAME, ORIGIN, &role(section, facts))?;
    // A vault cannot change its key, so a key that comes into the file later does not concern it.
    let key = section.key.as_deref().and_then(|key| keys.arn(Some(key)));
    let here = Vault { kms_key: key, ..vault(section, &role) };
    let here = graph.add(NAME, ORIGIN, &here)?;
    let mut copies = Vec::new();
    for copy in &section.copies {
        let keep_days = days(copy.keep.unwrap_or(section.keep));
        let vault = match (&copy.region, &copy.vault) {
            (Some(region), _) => {
                let there =
                    Vault { region: region.clone(), of: Some(here.clone()), kms_key: copy.key.clone(), ..vault(section, &role) };
                graph.add(format!("{NAME}-{region}"), ORIGIN, &there)?.attr("arn").to_string()
            }
            (None, theirs) => theirs.clone().unwrap_or_default(),
        };
        copies.push(Copy { vault, keep_days });
    }
    let rule = BackupRule {
        vault: here,
        schedule: section.cron().to_owned(),
        timezone: "Etc/UTC".into(),
        start_minutes: START,
        completion_minutes: COMPLETION,
        keep_days: days(section.keep),
        continuous: false,
        copies,
    };
    let plan = BackupPlan { rules: [(RULE.to_owned(), rule)].into(), tags: Tags::new() };
    let plan = graph.add(NAME, ORIGIN, &plan)?;
    let conditions = conditions(graph, facts);
    graph.add(NAME, ORIGIN, &Selection { plan, role: role.attr("arn"), resources, conditions })?;
    Ok(())
}

/// Returns a vault with the section's lock.
fn vault(section: &Backup, role: &Ref<Role>) -> Vault {
    let lock = section.lock.as_ref();
    let of = |time: Option<Duration>| time.map(days).unwrap_or_default();
    Vault {
        region: String::new(),
        of: None,
        kms_key: None,
        lock: match lock.map(|lock| lock.mode) {
            None => OFF,
            Some(LockMode::Governance) => GOVERNANCE,
            Some(LockMode::Compliance) => COMPLIANCE,
        }
        .into(),
        min_days: lock.map(|lock| of(lock.min)).unwrap_or_default(),
        max_days: lock.map(|lock| of(lock.max)).unwrap_or_default(),
        grace_days: lock.and_then(|lock| lock.grace).map(days),
        policy: None,
        // What expires is deleted by it.
        roles: vec![role.clone()],
        tags: Tags::new(),
    }
}

fn role(section: &Backup, facts: &Facts<'_>) -> Role {
    let buckets = section.include.contains(&Included::Buckets);
    let managed = POLICIES.iter().chain(OF_BUCKETS.iter().filter(|_| buckets));
    Role {
        trust: policy(vec![
            json!({"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        ]),
        policies: [].into(),
        managed: managed.map(|name| format!("arn:{}:iam::aws:policy/{name}", facts.scope.partition)).collect(),
        description: Some(DESCRIPTION.into()),
        boundary: None,
        tags: Tags::new(),
    }
}

/// Returns what is backed up: databases by their sort, so that new ones are too, and buckets one by one, as AWS Backup can only back up
/// those with versions (<https://docs.aws.amazon.com/aws-backup/latest/devguide/s3-backups.html>).
fn resources(graph: &Graph, section: &Backup, facts: &Facts<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut all = Vec::new();
    if section.include.contains(&Included::Databases) {
        all.push(format!("arn:{}:rds:*:*:db:*", facts.scope.partition));
    }
    if section.include.contains(&Included::Buckets) {
        let versioned = |desired: &Value| desired.get("versioning") == Some(&Value::Bool(true));
        let buckets = graph.nodes().filter(|node| node.key.kind == Bucket::KIND && versioned(&node.desired));
        let buckets: Vec<String> =
            buckets.map(|node| Ref::<Bucket>::to(node.key.name.as_str()).attr("arn").to_string()).collect();
        if buckets.is_empty() {
            problems.push(Problem {
                at: "backup.include".into(),
                code: "includes-nothing",
                message: "no bucket of the stack keeps versions, and AWS Backup backs up only those that do".into(),
                help: "set `versioning: true` in a bucket under `resources`, or leave out `buckets`".into(),
            });
        }
        all.extend(buckets);
    }
    all
}

/// Returns what makes a resource one of this environment. Replicas have the data of their database.
fn conditions(graph: &Graph, facts: &Facts<'_>) -> Vec<String> {
    let is_replica = |desired: &Value| desired.get("source").is_some_and(|source| !source.is_null());
    let replicas = graph.nodes().filter(|node| node.key.kind == Instance::KIND && is_replica(&node.desired));
    let ours = [format!("{TAG_STACK} = {}", facts.scope.stack), format!("{TAG_ENV} = {}", facts.scope.env)];
    ours.into_iter().chain(replicas.map(|node| format!("{TAG_KEY} != {}", node.key))).collect()
}
