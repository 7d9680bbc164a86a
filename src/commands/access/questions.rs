//! What is asked about everyone: a few actions that matter, each on concrete objects of the environment.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::iam::simulation::Ask;
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{Claim, Scope, Seen};

/// The kinds whose objects are asked about.
pub const KINDS: &[&str] = &[
    "ec2.security_group",
    "ecs.cluster",
    "ecs.service",
    "iam.group",
    "iam.role",
    "iam.user",
    "logs.log_group",
    "rds.instance",
    "s3.bucket",
    "secretsmanager.secret",
];

/// A right, in a word, with what IAM is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The word: `deploy`.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What is asked: only what has objects.
    pub asks: Vec<Ask>,
}

/// Returns an attribute of all live objects of a kind.
fn attributes<'a>(seen: &'a [Seen], kind: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let ours = seen.iter().filter(move |seen| seen.kind == kind && matches!(seen.claim, Claim::Ours(_)));
    ours.filter_map(move |seen| seen.live.get(name).and_then(Value::as_str)).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns the questions about the objects that there are. `tags` are those of the file, which every object has.
pub fn questions(seen: &[Seen], scope: &Scope, tags: &BTreeMap<String, String>) -> Vec<Question> {
    let of = |kind: &'static str, name: &'static str| {
        let mut all: Vec<String> = attributes(seen, kind, name).collect();
        all.sort();
        all
    };
    let arn =
        |service: &str, rest: String| format!("arn:{}:{service}:{}:{}:{rest}", scope.partition, scope.region, scope.account);
    // A task of any id: tasks come and go.
    let tasks =
        of("ecs.cluster", "name").iter().map(|cluster| arn("ecs", format!("task/{cluster}/{}", "0".repeat(32)))).collect();
    let streams = of("logs.log_group", "name").iter().map(|name| arn("logs", format!("log-group:{name}:log-stream:"))).collect();
    let mut secrets = of("secretsmanager.secret", "arn");
    secrets.extend(of("rds.instance", "secret_arn"));
    secrets.sort();
    secrets.dedup();
    let objects = of("s3.bucket", "arn").iter().map(|bucket| format!("{bucket}/object")).collect();
    // As RDS calls what it takes by itself.
    let snapshots =
        of("rds.instance", "id").iter().map(|name| arn("rds", format!("snapshot:rds:{name}-2026-01-01-00-00"))).collect();
    let groups = of("ec2.security_group", "id").iter().map(|id| arn("ec2", format!("security-group/{id}"))).collect();
    let cluster = of("ecs.cluster", "arn").into_iter().next();

    let known = || {
        let mut context = vec![
            (format!("aws:ResourceTag/{TAG_STACK}"), scope.stack.clone()),
            (format!("aws:ResourceTag/{TAG_ENV}"), scope.env.clone()),
        ];
        context.extend(tags.iter().map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.clone())));
        context
    };
    let ask = |action: &'static str, resources: Vec<String>, is_tagged: bool| {
        let mut context = vec![
            (
                "aws:RequestedRegion".to_owned(),
                if action.starts_with("iam:") { "us-east-1".into() } else { scope.region.clone() },
            ),
            ("aws:SecureTransport".to_owned(), "true".to_owned()),
        ];
        if is_tagged {
            context.extend(known());
        }
        if action.starts_with("ecs:") {
            context.extend(cluster.iter().map(|arn| ("ecs:cluster".to_owned(), arn.clone())));
        }
        Ask { actions: vec![action], resources, context }
    };
    let question = |name, about, asks: Vec<Ask>| Question { name, about, asks };
    let all = vec![
        question("view", "see what runs", vec![ask("ecs:DescribeServices", of("ecs.service", "arn"), true)]),
        question("logs", "read logs", vec![ask("logs:FilterLogEvents", streams, true)]),
        question("deploy", "release versions of services", vec![ask("ecs:UpdateService", of("ecs.service", "arn"), true)]),
        question("exec", "open a shell in a container", vec![ask("ecs:ExecuteCommand", tasks, true)]),
        question("secrets", "read secrets", vec![ask("secretsmanager:GetSecretValue", secrets, true)]),
        // Buckets' tags are no tags of their objects.
        question("files", "read objects of buckets", vec![ask("s3:GetObject", objects, false)]),
        question(
            "backups",
            "restore backups of databases, and so read them",
            vec![ask("rds:RestoreDBInstanceFromDBSnapshot", snapshots, true)],
        ),
        question("delete", "delete databases", vec![ask("rds:DeleteDBInstance", of("rds.instance", "arn"), true)]),
        question("open", "let others into the network", vec![ask("ec2:AuthorizeSecurityGroupIngress", groups, true)]),
        question(
            "rights",
            "change what these may do",
            vec![
                // IAM's groups have no tags.
                ask("iam:PutGroupPolicy", of("iam.group", "arn"), false),
                ask("iam:PutUserPolicy", of("iam.user", "arn"), true),
                ask("iam:PutRolePolicy", of("iam.role", "arn"), true),
            ],
        ),
    ];
    let some = all.into_iter().map(|one| {
        let asks = one.asks.into_iter().filter(|ask| !ask.resources.is_empty()).collect();
        Question { asks, ..one }
    });
    some.filter(|one| !one.asks.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::engine::Readiness;

    fn seen(kind: &str, claim: Claim, live: Value) -> Seen {
        Seen { kind: kind.into(), claim, live: Arc::new(live), fields: Arc::new(json!({})), state: Readiness::Ready }
    }

    #[test]
    fn only_what_is_there_is_asked_about() {
        let scope = Scope {
            stack: "shop".into(),
            env: "production".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        assert_eq!(questions(&[], &scope, &BTreeMap::new()), []);
        let ours = || Claim::Ours("main".into());
        let objects = [
            seen("rds.instance", ours(), json!({"id": "shop-main", "arn": "arn:db", "secret_arn": "arn:secret"})),
            seen("rds.instance", Claim::Foreign, json!({"id": "other", "arn": "arn:other"})),
            seen("secretsmanager.secret", ours(), json!({"arn": "arn:secret"})),
            seen("s3.bucket", ours(), json!({"arn": "arn:aws:s3:::files"})),
        ];
        let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let asked = questions(&objects, &scope, &tags);
        let told: Vec<_> = asked.iter().map(|one| (one.name, one.asks[0].resources.clone())).collect();
        let snapshot = "arn:aws:rds:eu-central-1:123456789012:snapshot:rds:shop-main-2026-01-01-00-00".to_owned();
        assert_eq!(
            told,
            [
                ("secrets", vec!["arn:secret".to_owned()]),
                ("files", vec!["arn:aws:s3:::files/object".to_owned()]),
                ("backups", vec![snapshot]),
                ("delete", vec!["arn:db".to_owned()]),
            ]
        );
        let context = |at: usize, key: &str| {
            let all = &asked[at].asks[0].context;
            all.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        assert_eq!(context(3, "aws:ResourceTag/stack:env"), Some("production"));
        assert_eq!((context(3, "aws:ResourceTag/team"), context(1, "aws:ResourceTag/team")), (Some("web"), None));
    }
}
