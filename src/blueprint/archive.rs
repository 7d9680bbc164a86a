//! `archive`: a bucket for exports of databases, the function that starts them and writes manifests, and the rules that move objects of other
//! buckets into an archive.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access_logs::{encryption, only_with_tls};
use super::facts::{Facts, Problem};
use super::keys::Keys;
use super::policies::{allow, policy};
use crate::aws::Tags;
use crate::aws::events::{EventRule, Target};
use crate::aws::iam::Role;
use crate::aws::lambda::{Function, Permission, digest};
use crate::aws::logs::LogGroup;
use crate::aws::rds::Instance;
use crate::aws::s3::{Bucket, BucketPolicy, LifecycleRule, ObjectLock, Website};
use crate::config::Duration;
use crate::config::Stack;
use crate::config::archive::{Archive, ArchiveClass, BucketArchive};
use crate::config::backup::LockMode;
use crate::engine::{Error, Graph, Key, Ref, Resource};

const ORIGIN: &str = "archive";
/// What its parts are called.
pub(super) const NAME: &str = "archive";
/// What its role for exports is called, and the rule that has manifests written.
const EXPORTS: &str = "archive-exports";
const MANIFESTS: &str = "archive-manifests";
/// What starts exports and writes manifests.
const CODE: &str = include_str!("archive.py");
const DESCRIPTION: &str = "Exports snapshots of databases into the archive";
/// How often it looks for exports that are complete.
pub(super) const LOOKS: &str = "rate(6 hours)";
/// Where the function puts what: see its text.
const EXPORTED: &str = "exports/";
const DESCRIBED: &str = "manifests/";
const WAITING: &str = "waiting/";
/// Where the function of the jobs notes what it had removed.
const REMOVED: &str = "removed/";
/// For how long its output is kept, and old versions of objects.
const DAYS: i32 = 30;
const DAY: u64 = 86_400;

/// Returns a time as a number of days.
pub(super) fn days(time: Duration) -> i32 {
    i32::try_from(time.as_secs() / DAY).unwrap_or(i32::MAX)
}

pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    keys: &Keys,
    facts: &Facts<'_>,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let Some(section) = &stack.archive else { return Ok(()) };
    for (name, of) in &section.buckets {
        moves(graph, name.as_str(), of, problems);
    }
    let databases: Vec<&str> = match &section.databases {
        Some(names) => names.iter().map(|name| name.as_str()).collect(),
        None => stack.databases.keys().map(|name| name.as_str()).collect(),
    };
    let is_used = !databases.is_empty() || !section.jobs.is_empty();
    let Some(key) = keys.arn(section.key.as_deref()).filter(|_| is_used) else { return Ok(()) };
    let bucket = bucket(graph, section, &key)?;
    if databases.is_empty() {
        return Ok(());
    }
    let arn = bucket.clone().attr("arn").to_string();
    let exports = graph.add(EXPORTS, ORIGIN, &exporter(&arn, &key))?;
    let function = function(graph, &databases, (&arn, &key), &exports, keys, facts)?;
    let names: BTreeMap<&str, String> =
        databases.iter().map(|name| (*name, Ref::<Instance>::to(*name).attr("id").to_string())).collect();
    for (rule, schedule, start) in [(NAME, section.cron(), true), (MANIFESTS, LOOKS, false)] {
        let input = json!({
            "bucket": bucket.clone().attr("name"),
            "databases": names,
            "role": exports.clone().attr("arn"),
            "key": key,
            "start": start,
        });
        let target = Target::function(function.clone().attr("arn"), input);
        let what = if start { "Archives databases" } else { "Writes manifests of what was archived" };
        let events = EventRule {
            pattern: json!({}),
            schedule: schedule.to_owned(),
            enabled: Some(true),
            description: Some(what.into()),
            targets: [("archive".to_owned(), target)].into(),
            tags: Tags::new(),
        };
        let events = graph.add(rule, ORIGIN, &events)?;
        graph.add(rule, ORIGIN, &Permission { function: function.clone(), rule: events.attr("arn") })?;
    }
    Ok(())
}

/// Returns the rule that moves objects: from 128 KiB on, S3 moves none that are smaller
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>).
pub(super) fn moving(prefix: Option<&str>, after: Duration, to: ArchiveClass, deleted: Option<Duration>) -> LifecycleRule {
    LifecycleRule {
        prefix: prefix.map(str::to_owned),
        move_after: [(to.as_str().to_owned(), days(after))].into(),
        expire_after: deleted.map(days),
        ..LifecycleRule::default()
    }
}

/// Adds the bucket. Manifests stay readable at any time; what was deleted or written over stays for a while as old versions.
fn bucket(graph: &mut Graph, section: &Archive, key: &str) -> Result<Ref<Bucket>, Error> {
    let tidy = LifecycleRule {
        abort_uploads_after: Some(7),
        expire_versions_after: Some(DAYS),
        drop_delete_markers: true,
        ..LifecycleRule::default()
    };
    let mut lifecycle = BTreeMap::from([
        ("tidy".to_owned(), tidy),
        ("exports".to_owned(), moving(Some(EXPORTED), section.after, section.to, section.delete_after)),
    ]);
    if let Some(time) = section.delete_after {
        let gone = |prefix: &str| LifecycleRule {
            prefix: Some(prefix.into()),
            expire_after: Some(days(time)),
            ..LifecycleRule::default()
        };
        lifecycle.insert("manifests".to_owned(), gone(DESCRIBED));
        if !section.jobs.is_empty() {
            lifecycle.insert("removed".to_owned(), gone(REMOVED));
        }
    }
    let lock = section.lock.as_ref().map(|lock| ObjectLock {
        mode: match lock.mode {
            LockMode::Governance => "GOVERNANCE",
            LockMode::Compliance => "COMPLIANCE",
        }
        .into(),
        days: days(lock.keep),
    });
    let bucket = Bucket {
        versioning: Some(true),
        object_lock: lock,
        block_public_access: Some(true),
        ownership: Some("BucketOwnerEnforced".into()),
        encryption: Some(encryption(Some(key.to_owned()))),
        lifecycle,
        cors: BTreeMap::new(),
        website: Website::default(),
        tags: Tags::new(),
    };
    let bucket = graph.add(NAME, ORIGIN, &bucket)?;
    graph.add(NAME, ORIGIN, &BucketPolicy { bucket: bucket.clone(), policy: policy(vec![only_with_tls(&bucket)]) })?;
    Ok(bucket)
}

/// What RDS exports with (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Setup.html>).
fn exporter(bucket: &str, key: &str) -> Role {
    let objects = allow(&["s3:PutObject*", "s3:GetObject*", "s3:DeleteObject*"], vec![format!("{bucket}/{EXPORTED}*")]);
    let list = allow(&["s3:ListBucket", "s3:GetBucketLocation"], vec![bucket.to_owned()]);
    let encrypts = allow(
        &[
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
            "kms:DescribeKey",
            "kms:CreateGrant",
            "kms:RetireGrant",
        ],
        vec![key.to_owned()],
    );
    Role {
        trust: policy(vec![
            json!({"Effect": "Allow", "Principal": {"Service": "export.rds.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        ]),
        policies: [("exports".to_owned(), policy(vec![objects, list, encrypts]))].into(),
        managed: Vec::new(),
        description: Some("Writes exports of snapshots into the archive".into()),
        boundary: None,
        tags: Tags::new(),
    }
}

fn function(
    graph: &mut Graph,
    databases: &[&str],
    (bucket, key): (&str, &str),
    exports: &Ref<Role>,
    keys: &Keys,
    facts: &Facts<'_>,
) -> Result<Ref<Function>, Error> {
    let scope = facts.scope;
    let rds = |rest: &str| format!("arn:{}:rds:{}:{}:{rest}", scope.partition, scope.region, scope.account);
    let instances = databases.iter().map(|name| Ref::<Instance>::to(*name).attr("arn").to_string());
    // Snapshots are named by AWS and by people; which of them are the stack's, only the database that they are of says.
    let reads = allow(&["rds:DescribeDBSnapshots"], instances.chain([rds("snapshot:*")]).collect());
    let describes = allow(&["rds:DescribeExportTasks", "rds:StartExportTask"], vec!["*".into()]);
    let passes = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": exports.clone().attr("arn"),
        "Condition": {"StringEquals": {"iam:PassedToService": "export.rds.amazonaws.com"}}});
    let encrypts = allow(&["kms:CreateGrant", "kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey"], vec![key.to_owned()]);
    let list = allow(&["s3:ListBucket"], vec![bucket.to_owned()]);
    let looks = allow(&["s3:GetObject"], vec![format!("{bucket}/*")]);
    let writes = allow(&["s3:PutObject"], vec![format!("{bucket}/{DESCRIBED}*"), format!("{bucket}/{WAITING}*")]);
    let policies = BTreeMap::from([
        ("exports".to_owned(), policy(vec![reads, describes, passes, encrypts])),
        ("bucket".to_owned(), policy(vec![list, looks, writes])),
    ]);
    program(graph, &Program { name: NAME, code: CODE, description: DESCRIPTION, policies }, keys, facts)
}

/// A function of the archive.
pub(super) struct Program<'a> {
    /// What it, its role and its log group are called.
    pub name: &'a str,
    /// Its text.
    pub code: &'a str,
    /// What AWS shows of it.
    pub description: &'a str,
    /// What it may do beside writing its log: policies by name.
    pub policies: BTreeMap<String, Value>,
}

/// Adds a function with its log group and its role.
pub(super) fn program(graph: &mut Graph, of: &Program<'_>, keys: &Keys, facts: &Facts<'_>) -> Result<Ref<Function>, Error> {
    let Program { name, code, description, policies } = of;
    let logs = LogGroup {
        name: format!("/stack/{}/{}/{name}", facts.scope.stack, facts.scope.env),
        region: None,
        retention_days: Some(DAYS),
        kms_key: Some(keys.arn(None).unwrap_or_default()),
        tags: Tags::new(),
    };
    let logs = graph.add(*name, ORIGIN, &logs)?;
    let write = allow(&["logs:CreateLogStream", "logs:PutLogEvents"], vec![format!("{}:*", logs.clone().attr("arn"))]);
    let mut policies = policies.clone();
    policies.insert("logs".to_owned(), policy(vec![write]));
    let role = Role {
        trust: policy(vec![
            json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        ]),
        policies,
        managed: Vec::new(),
        description: Some((*description).to_owned()),
        boundary: None,
        tags: Tags::new(),
    };
    let role = graph.add(*name, ORIGIN, &role)?;
    graph.add(
        *name,
        ORIGIN,
        &Function {
            role: role.attr("arn"),
            code: (*code).to_owned(),
            program: None,
            code_sha256: Some(digest(code, None)?),
            runtime: "python3.13".into(),
            handler: "index.run".into(),
            description: Some((*description).to_owned()),
            timeout: Some(900),
            memory: Some(256),
            architecture: Some("arm64".into()),
            log_group: Some(logs),
            extras: Vec::new(),
            tags: Tags::new(),
        },
    )
}

/// Adds the rule to a bucket of `buckets` or `resources`.
fn moves(graph: &mut Graph, name: &str, of: &BucketArchive, problems: &mut Vec<Problem>) {
    let key = Key::new(Bucket::KIND, name);
    let mut problem = |message: String, help: &str| {
        problems.push(Problem { at: format!("archive.buckets.{name}"), code: "unknown-reference", message, help: help.into() });
    };
    let Some(node) = graph
        .nodes_mut()
        .find(|node| node.key == key && ["buckets.", "resources."].iter().any(|section| node.origin.starts_with(section)))
    else {
        problem(
            format!("the bucket `{name}` does not exist"),
            "add it to `buckets`, or to `resources`: `s3.bucket: { NAME: {} }`",
        );
        return;
    };
    let rule = serde_json::to_value(moving(of.prefix.as_deref(), of.after, of.to, of.delete_after)).unwrap_or(Value::Null);
    let desired = std::sync::Arc::make_mut(&mut node.desired);
    let rules = desired.as_object_mut().map(|fields| fields.entry("lifecycle").or_insert_with(|| json!({})));
    match rules.and_then(Value::as_object_mut) {
        Some(rules) if rules.contains_key(NAME) => {
            problem(format!("the bucket `{name}` has a lifecycle rule `{NAME}` already"), "give that rule another name");
        }
        Some(rules) => drop(rules.insert(NAME.into(), rule)),
        None => problem(format!("the bucket `{name}` has no lifecycle rules that could be added to"), "write `lifecycle: {}`"),
    }
}
