//! `backup`: a vault, the plan that fills it, what it selects, the role for that, and a vault in each other region with copies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::alarms::{read, telling};
use super::facts::{Facts, Problem};
use super::keys::Keys;
use super::policies::policy;
use crate::aws::Tags;
use crate::aws::backup::{
    BackupPlan, BackupRule, COMPLIANCE, Copy, GOVERNANCE, LATEST, OFF, RANDOM, RestoreTestingPlan, RestoreTestingSelection,
    SECURITY_GROUPS, SNAPSHOT, SUBNET_GROUP, Selection, Vault,
};
use crate::aws::ec2::{SecurityGroup, Vpc};
use crate::aws::iam::Role;
use crate::aws::rds::{Instance, SubnetGroup};
use crate::aws::s3::Bucket;
use crate::aws::sns::Topic;
use crate::config::Duration;
use crate::config::Stack;
use crate::config::backup::{Backup, Included, LockMode, Pick, RestoreTest};
use crate::engine::tags::{TAG_ENV, TAG_KEY, TAG_STACK};
use crate::engine::{Error, Graph, Ref, Resource};

const ORIGIN: &str = "backup";
/// What its parts are called.
const NAME: &str = "backup";
/// What the parts of restore tests are called that others have, too.
const TEST: &str = "backup-test";
/// What tells of copies that fail is called.
const COPIES: &str = "backup-copies";
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
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;
/// The most days that a backup can be old which is tested.
const MOST_WINDOW: i64 = 365;

fn days(time: Duration) -> i64 {
    i64::try_from(time.as_secs() / DAY).unwrap_or(i64::MAX)
}

/// Adds the backups of what is in the graph.
pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    keys: &Keys,
    topic: Option<&Ref<Topic>>,
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
    graph.add(NAME, ORIGIN, &Selection { plan, role: role.clone().attr("arn"), resources, conditions })?;
    if let Some(test) = &section.test {
        self::test(graph, section, test, &role, problems)?;
    }
    if let (Some(topic), Some(alarms)) = (topic, &stack.alarms)
        && alarms.tells()
    {
        tell(graph, section, topic)?;
    }
    Ok(())
}

/// Adds the tests whether backups can be restored: everything in the vault is of this environment, so everything in it is tested.
fn test(
    graph: &mut Graph,
    section: &Backup,
    test: &RestoreTest,
    role: &Ref<Role>,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let of_databases = test.include.contains(&Included::Databases);
    let network = if of_databases { network(graph) } else { None };
    let has_databases = !of_databases || databases(graph).next().is_some();
    if !has_databases {
        problems.push(Problem {
            at: "backup.test".into(),
            code: "tests-nothing",
            message: "the stack has no database whose backup could be restored".into(),
            help: "add one to `databases`, or remove `test`".into(),
        });
        return Ok(());
    }
    let plan = RestoreTestingPlan {
        schedule: test.cron().to_owned(),
        timezone: "Etc/UTC".into(),
        start_hours: hours(Some(test.within)),
        algorithm: match test.pick {
            Pick::Latest => LATEST,
            Pick::Random => RANDOM,
        }
        .into(),
        vaults: vec![Ref::<Vault>::to(NAME).attr("arn").to_string()],
        points: vec![SNAPSHOT.into()],
        window_days: i32::try_from(days(section.keep).clamp(1, MOST_WINDOW)).unwrap_or(i32::MAX),
        tags: Tags::new(),
    };
    let plan = graph.add(NAME, ORIGIN, &plan)?;
    let add = |name: &str, of: &str, metadata: BTreeMap<String, String>, graph: &mut Graph| {
        let resources = vec!["*".to_owned()];
        let role = role.clone().attr("arn");
        let selection = RestoreTestingSelection {
            plan: plan.clone(),
            role,
            of: of.into(),
            resources,
            metadata,
            keep_hours: hours(test.keep),
        };
        graph.add(name, ORIGIN, &selection).map(|_| ())
    };
    if of_databases {
        let metadata = match network {
            Some((subnets, vpc)) => inside(graph, &subnets, vpc)?,
            None => BTreeMap::new(),
        };
        add("databases", "RDS", metadata, graph)?;
    }
    if test.include.contains(&Included::Buckets) {
        add("buckets", "S3", BTreeMap::new(), graph)?;
    }
    Ok(())
}

/// Returns the whole hours of a time, none without one.
fn hours(time: Option<Duration>) -> i32 {
    time.map_or(0, |time| i32::try_from(time.as_secs() / HOUR).unwrap_or(i32::MAX))
}

/// Returns the databases that are backed up, as they are wanted.
fn databases(graph: &Graph) -> impl Iterator<Item = Instance> {
    graph.nodes().filter_map(read::<Instance>).filter(|database| database.source.is_none())
}

/// Returns the subnet group of the databases, and its VPC; none where they are in the account's default one.
fn network(graph: &Graph) -> Option<(Ref<SubnetGroup>, Ref<Vpc>)> {
    let subnets = databases(graph).find_map(|database| database.subnet_group)?;
    let group = read::<SubnetGroup>(graph.get(&subnets.key()?)?)?;
    Some((subnets, group.vpc))
}

/// Adds the security group of the databases that are restored, which lets nobody in, and returns how they are restored: beside the others.
fn inside(graph: &mut Graph, subnets: &Ref<SubnetGroup>, vpc: Ref<Vpc>) -> Result<BTreeMap<String, String>, Error> {
    let group = SecurityGroup { vpc, description: "Databases that restore tests create".into(), tags: Tags::new() };
    let group = graph.add(TEST, ORIGIN, &group)?;
    let groups = [group.attr("id").to_string()];
    let groups = serde_json::to_string(&groups).map_err(|e| Error::internal(e.to_string()))?;
    let all = [
        (SUBNET_GROUP, subnets.clone().attr("id").to_string()),
        (SECURITY_GROUPS, groups),
        ("publiclyaccessible", "false".into()),
    ];
    Ok(all.map(|(key, value)| (key.to_owned(), value)).into())
}

/// A sort of job of AWS Backup, and where its events say what of it failed
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html>).
struct Job {
    rule: &'static str,
    what: &'static str,
    event: &'static str,
    ours: Value,
    of: &'static str,
    state: &'static str,
    id: &'static str,
}

/// Adds what tells the topic of backups, copies and restore tests that fail. A backup that expires never began.
fn tell(graph: &mut Graph, section: &Backup, topic: &Ref<Topic>) -> Result<(), Error> {
    let vault = Ref::<Vault>::to(NAME).attr("arn").to_string();
    let backups = Job {
        rule: NAME,
        what: "backup",
        event: "Backup Job State Change",
        ours: json!({"state": ["FAILED", "ABORTED", "EXPIRED"], "backupVaultArn": [vault]}),
        of: "$.detail.resourceArn",
        state: "$.detail.state",
        id: "$.detail.backupJobId",
    };
    let copies = Job {
        rule: COPIES,
        what: "copy of a backup",
        event: "Copy Job State Change",
        ours: json!({"state": ["FAILED"], "sourceBackupVaultArn": [vault]}),
        id: "$.detail.copyJobId",
        ..backups
    };
    let plan = Ref::<RestoreTestingPlan>::to(NAME).attr("arn").to_string();
    let tests = Job {
        rule: TEST,
        what: "restore test",
        event: "Restore Job State Change",
        ours: json!({"status": ["FAILED", "ABORTED"], "restoreTestingPlanArn": [plan]}),
        of: "$.detail.sourceResourceArn",
        state: "$.detail.status",
        id: "$.detail.restoreJobId",
    };
    let copies = (!section.copies.is_empty()).then_some(copies);
    for job in [Some(backups), copies, section.test.is_some().then_some(tests)].into_iter().flatten() {
        let pattern = json!({"source": ["aws.backup"], "detail-type": [job.event], "detail": job.ours});
        let parts = [("of", job.of), ("state", job.state), ("reason", "$.detail.statusMessage"), ("job", job.id)];
        let sentence = format!("A {} of <of> is <state>: <reason> (job <job>)", job.what);
        let description = format!("Tells of each {} that fails", job.what);
        graph.add(job.rule, ORIGIN, &telling(topic, &description, pattern, &parts, &sentence))?;
    }
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
