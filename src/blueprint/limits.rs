//! What AWS refuses in the objects that the file defines, apart from their names: sizes of policies, words that engines reserve,
//! where log groups must be.

use std::sync::Arc;

use serde_json::Value;

use super::facts::Problem;
use crate::aws::logs::{is_by_aws, waf_prefix};
use crate::aws::registry::spell;
use crate::config::limits::{BUCKET_POLICY, GROUP_INLINE, KEY_POLICY, Limit, ROLE_INLINE, SET_INLINE};
use crate::config::reserved::is_reserved;
use crate::engine::token;
use crate::engine::{Graph, Node, Scope};

/// As many characters stand at least in place of a reference: no identifier of AWS is shorter.
const REFERENCE: &str = "sg-12345678";

/// How the names of log groups begin that WAF writes to, which are not at the stack's place
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html>).
const OF_WAF: &str = "aws-waf-logs-";

/// Completes what the file abbreviates, the name of a log group, which is at the stack's place; and brings what AWS spells
/// differently into AWS's spelling.
pub fn complete(graph: &mut Graph, scope: &Scope, problems: &mut Vec<Problem>) {
    for node in graph.nodes_mut() {
        let wrong = spell(&node.key.kind, Arc::make_mut(&mut node.desired)).err();
        problems.extend(wrong.into_iter().flatten().map(|(field, why)| {
            let help = "`stack schema` lists the fields of every kind".to_owned();
            problem(node, &field, "wrong-field", why, help)
        }));
        if node.key.kind == "logs.log_group"
            && let Some(Value::String(name)) = Arc::make_mut(&mut node.desired).get_mut("name")
            && !name.is_empty()
            && !name.starts_with('/')
            && !name.starts_with(OF_WAF)
        {
            *name = format!("{}{name}", place(scope));
        }
    }
}

fn place(scope: &Scope) -> String {
    format!("/stack/{}/{}/", scope.stack, scope.env)
}

/// Reports everything that AWS would refuse, at the place that it comes from.
pub fn check(graph: &Graph, scope: &Scope, problems: &mut Vec<Problem>) {
    for node in graph.nodes() {
        match node.key.kind.as_str() {
            "rds.instance" => {
                words(node, problems);
                copied(graph, node, problems);
            }
            "iam.role" => inline(node, &ROLE_INLINE, problems),
            "iam.group" => inline(node, &GROUP_INLINE, problems),
            "sso.permission_set" => document(node, &SET_INLINE, problems),
            "s3.bucket_policy" => document(node, &BUCKET_POLICY, problems),
            "kms.key" => document(node, &KEY_POLICY, problems),
            "logs.log_group" => log_group(node, scope, problems),
            _ => {}
        }
    }
}

/// Returns a problem at a field of an object, or of the section that it comes from, which has the same name for it.
fn problem(node: &Node, field: &str, code: &'static str, message: String, help: String) -> Problem {
    Problem { at: format!("{}.{field}", node.origin), code, message: format!("`{}`: {message}", node.key), help }
}

fn words(node: &Node, problems: &mut Vec<Problem>) {
    let text = |field: &str| node.desired.get(field).and_then(Value::as_str);
    let Some(engine) = text("engine") else { return };
    for (field, what, example) in [("database", "the database in it", "shop"), ("user", "the master user", "owner")] {
        let Some(word) = text(field).filter(|word| is_reserved(engine, word)) else { continue };
        let message = format!("{what} would be called `{word}`, which {engine} reserves");
        problems.push(problem(node, field, "reserved-name", message, format!("choose another name: `{field}: {example}`")));
    }
}

/// Checks that RDS can replicate the source of a replica: none without backups
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html>), and none whose password it manages
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>, limitations).
fn copied(graph: &Graph, node: &Node, problems: &mut Vec<Problem>) {
    let source = node.desired.get("source").and_then(|source| token::named(source).into_keys().next());
    let Some(source) = source.and_then(|key| graph.get(&key)) else { return };
    let is = |field: &str, value: Value| source.desired.get(field) == Some(&value);
    let mut refuse = |code: &'static str, why: &str, help: &str| {
        problems.push(problem(node, "source", code, format!("AWS cannot replicate `{}`, {why}", source.key), help.into()));
    };
    if is("managed_password", true.into()) {
        let help = "give it a password that the stack manages, `password: \"${secretsmanager.secret/NAME.arn}:::${secretsmanager.secret/NAME.version}\"`, or remove the replica";
        refuse("rotation-and-replicas", "whose password RDS manages", help);
    }
    if is("backup_days", 0.into()) {
        refuse("needs-backups", "which has no backups", "set its `backup_days` to 1 or more");
    }
}

/// Returns the length of a policy as AWS counts it: without white space. A reference counts for less than what it will be.
fn length(policy: &Value) -> usize {
    let text = token::literals(&policy.to_string()).join(REFERENCE);
    text.chars().filter(|c| !c.is_whitespace()).count()
}

fn inline(node: &Node, limit: &Limit, problems: &mut Vec<Problem>) {
    let all: usize = node.desired.get("policies").and_then(Value::as_object).into_iter().flatten().map(|(_, p)| length(p)).sum();
    if all > limit.most {
        let message = format!("its policies have at least {all} characters, and IAM accepts {} in total", limit.most);
        // A service has no managed policies.
        let managed = if node.origin.starts_with("services.") { "" } else { ", or use a managed policy" };
        let help = format!("shorten them with fewer statements or with wildcards{managed}");
        problems.push(problem(node, "policies", "too-large", message, help));
    }
}

fn document(node: &Node, limit: &Limit, problems: &mut Vec<Problem>) {
    let length = node.desired.get("policy").map_or(0, length);
    if length > limit.most {
        let message = format!("its policy has at least {length} bytes, and AWS accepts {}", limit.most);
        problems.push(problem(node, "policy", "too-large", message, "shorten it with fewer statements or with wildcards".into()));
    }
}

fn log_group(node: &Node, scope: &Scope, problems: &mut Vec<Problem>) {
    let (place, name) = (place(scope), node.desired.get("name").and_then(Value::as_str).unwrap_or_default());
    let region = node.desired.get("region").and_then(Value::as_str).unwrap_or(&scope.region);
    let is_in_place = region == scope.region && name.strip_prefix(&place).is_some_and(|rest| !rest.is_empty());
    let rest = name.strip_prefix(&waf_prefix(scope, region)).unwrap_or_default();
    if is_in_place || !rest.is_empty() && !rest.contains('/') || name.contains("${") || is_by_aws(scope, name) {
        return;
    }
    let message = format!("the log group `{name}` would not be recognised as this stack's, whose log groups are under `{place}`");
    let last = name.rsplit('/').find(|part| !part.is_empty()).unwrap_or("NAME");
    problems.push(problem(
        node,
        "name",
        "wrong-name",
        message,
        format!("write `{last}` alone: it becomes `{place}{last}` in every environment"),
    ));
}

#[cfg(test)]
mod tests {
    use crate::blueprint::{Facts, Failure, Problem, expand};
    use crate::engine::{Graph, Scope};

    fn expanded(text: &str, env: Option<&str>) -> Result<Graph, Vec<Problem>> {
        let schema = crate::blueprint::tests::schema();
        let loaded = crate::config::load("stack.yaml", text, env, &schema);
        let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(100, false, true)));
        let text = |text: &str| text.to_owned();
        let scope = Scope {
            stack: loaded.stack.stack.to_string(),
            env: loaded.env.clone(),
            region: text("us-east-1"),
            account: text("000000000000"),
            partition: text("aws"),
        };
        match expand(&loaded.stack, &Facts::assumed(&scope, false, &loaded.stack), &crate::aws::registry()) {
            Ok(graph) => Ok(graph),
            Err(Failure::Problems(problems)) => Err(problems),
            Err(Failure::Error(error)) => panic!("{error}"),
        }
    }

    /// Where and why a file is refused.
    fn refused(text: &str) -> Vec<(String, String)> {
        expanded(text, None).err().unwrap_or_default().into_iter().map(|p| (p.at, p.message)).collect()
    }

    const DATABASE: &str = "region: us-east-1\ndatabases: {main: {engine: postgres, version: '16'}}\n";

    #[test]
    fn refused_names_are_reported_at_their_section() {
        for (stack, at, says) in [
            ("sg-truth", "stack", "reserves names that begin with `sg-`"),
            ("a--b", "stack", "two hyphens in a row"),
            ("default", "stack", "reserves that name"),
        ] {
            let found = refused(&format!("stack: {stack}\n{DATABASE}"));
            assert!(found.iter().any(|(a, message)| a == at && message.contains(says)), "{stack}: {found:?}");
            assert!(found.len() <= 3, "once, not for each object: {found:?}");
        }
        let hyphens = "stack: a\nregion: us-east-1\ndatabases: {a--b: {engine: postgres, version: '16'}}\n";
        let found = refused(hyphens);
        assert!(
            found.iter().any(|(at, m)| at == "databases.a--b" && m.contains("the database `rds.instance/a--b`")),
            "{found:?}"
        );
        let buckets = "stack: xn--shop\nregion: us-east-1\ncdn: {static: {paths: [/*]}}\n";
        assert!(refused(buckets).iter().any(|(at, m)| at == "stack" && m.contains("xn--")), "{:?}", refused(buckets));
        assert!(refused(&format!("stack: shop\n{DATABASE}")).is_empty());
    }

    #[test]
    fn reserved_words_are_reported_where_names_are_chosen() {
        for stack in ["user", "order", "db"] {
            let found = expanded(&format!("stack: {stack}\n{DATABASE}"), None).err().unwrap_or_default();
            let told =
                found.iter().any(|p| p.at == "databases.main.database" && p.help.contains("choose another name: `database: "));
            assert!(told, "{stack}: {found:?}");
        }
        let raw = "stack: a\nregion: us-east-1\nresources: {rds.instance: {d: {engine: postgres, class: db.t4g.micro, user: pg_app}}}\n";
        assert!(refused(raw).iter().any(|(at, _)| at == "resources.rds.instance.d.user"), "{:?}", refused(raw));
        assert!(refused("stack: user\nregion: us-east-1\ndatabases: {main: {engine: mysql, version: '8.4'}}\n").is_empty());
        assert!(
            refused("stack: user\nregion: us-east-1\ndatabases: {main: {engine: postgres, version: '16', database: shop}}\n")
                .is_empty()
        );
    }

    #[test]
    fn what_rds_makes_no_copy_of_is_told_at_the_copy() {
        let text = |source: &str| {
            format!(
                "stack: a\nregion: us-east-1\nresources:\n  rds.instance:\n    a: {{class: db.t4g.micro, {source}}}\n    b: {{class: db.t4g.micro, source: rds.instance/a}}\n"
            )
        };
        for (source, says) in [
            ("engine: postgres, managed_password: true", "whose password RDS manages"),
            ("engine: postgres, backup_days: 0", "which has no backups"),
        ] {
            let found = refused(&text(source));
            let told =
                matches!(found.as_slice(), [(at, message)] if at == "resources.rds.instance.b.source" && message.contains(says));
            assert!(told, "{source}: {found:?}");
        }
        assert!(refused(&text("engine: postgres, backup_days: 7")).is_empty());
    }

    #[test]
    fn log_groups_are_below_the_stack_in_each_environment() {
        let text = |name: &str| {
            format!(
                "stack: a\nregion: us-east-1\nresources: {{logs.log_group: {{l: {{name: {name}}}}}}}\nenvironments: {{prod: {{}}}}\n"
            )
        };
        for wrong in ["/copilot/x", "/stack/b/default/x", "/stack/a/default/"] {
            let found = refused(&text(wrong));
            assert!(found.len() == 1 && found[0].0 == "resources.logs.log_group.l.name", "{wrong}: {found:?}");
        }
        assert!(refused(&text("aws/lambda")).is_empty(), "it lies under our own place");
        for (env, name) in [(None, "/stack/a/default/audit"), (Some("prod"), "/stack/a/prod/audit")] {
            let graph = expanded(&text("audit"), env).unwrap();
            assert_eq!(graph.get(&"logs.log_group/l".parse().unwrap()).unwrap().desired["name"], name);
        }
        assert!(!refused(&text("\"a b\"")).is_empty());
    }

    #[test]
    fn policies_that_are_too_large_are_told() {
        let statement =
            |n: usize| format!("{{actions: ['s3:GetObject'], resources: ['arn:aws:s3:::a-bucket-with-a-long-name/{n:0>60}/*']}}");
        let text = |n: usize| {
            let all: Vec<String> = (0..n).map(statement).collect();
            format!("stack: a\nregion: us-east-1\nservices: {{web: {{image: i, policies: [{}]}}}}\n", all.join(", "))
        };
        assert!(refused(&text(40)).is_empty());
        let found = refused(&text(80));
        assert!(
            found.len() == 1 && found[0].0 == "services.web.policies" && found[0].1.contains("IAM accepts 10240"),
            "{found:?}"
        );
    }
}
