//! The IAM policies of tasks: what ECS needs to start them, and what the program in them may do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::aws::ecr;
use crate::aws::logs::LogGroup;
use crate::config::policy::{Effect, PolicyStatement};
use crate::config::service::Service as Section;
use crate::engine::{Ref, Scope};

/// Returns who may assume the role: tasks of ECS, and only for this account.
pub fn trust(scope: &Scope) -> Value {
    policy(vec![json!({
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}},
    })])
}

/// Returns a policy document of these statements.
pub fn policy(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Returns the statement that allows `actions` on `resources`.
pub fn allow(actions: &[&str], resources: Vec<String>) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

/// Returns what ECS itself needs to start the tasks: to write to this log group, and to read this image and these secrets.
pub fn execution<'a>(
    image: &str,
    secrets: impl Iterator<Item = &'a String>,
    logs: &Ref<LogGroup>,
    scope: &Scope,
) -> BTreeMap<String, Value> {
    let arn = logs.clone().attr("arn");
    let mut out = BTreeMap::from([(
        "logs".to_owned(),
        policy(vec![allow(&["logs:CreateLogStream", "logs:PutLogEvents"], vec![format!("{arn}:*")])]),
    )]);
    if let Some(repository) = ecr_repository(image) {
        out.insert(
            "image".into(),
            policy(vec![
                allow(&["ecr:GetAuthorizationToken"], vec!["*".into()]),
                allow(&["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], vec![repository]),
            ]),
        );
    }
    let statements = secret_statements(secrets, scope);
    if !statements.is_empty() {
        out.insert("secrets".into(), policy(statements));
    }
    out
}

/// Returns a statement of the file as IAM writes it.
pub fn statement(p: &PolicyStatement) -> Value {
    let effect = match p.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let mut statement = json!({"Effect": effect, "Action": p.actions, "Resource": p.resources});
    if let (Some(sid), Value::Object(map)) = (&p.sid, &mut statement) {
        map.insert("Sid".into(), sid.clone().into());
    }
    statement
}

/// Returns what the program itself may do: what the file says, and where shells are allowed, to serve them and to log them to `sessions`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-logging>).
pub fn task(section: &Section, sessions: Option<&Ref<LogGroup>>) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    if !section.policies.is_empty() {
        out.insert("service".into(), policy(section.policies.iter().map(statement).collect()));
    }
    if section.exec {
        let channel = [
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ];
        let mut statements = vec![allow(&channel, vec!["*".into()])];
        if let Some(group) = sessions {
            let arn = group.clone().attr("arn");
            let write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"];
            statements.push(allow(&["logs:DescribeLogGroups"], vec!["*".into()]));
            statements.push(allow(&write, vec![format!("{arn}:*")]));
        }
        out.insert("exec".into(), policy(statements));
    }
    out
}

/// Returns what a job of the archive may do there: write below its own prefix, which also continues uploads in parts, and read what was
/// confirmed of that (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions>).
pub fn archives(job: &str, bucket: &str, key: &str) -> Value {
    policy(vec![
        allow(&["s3:PutObject", "s3:AbortMultipartUpload"], vec![format!("{bucket}/exports/{job}/*")]),
        allow(&["s3:GetObject"], vec![format!("{bucket}/manifests/{job}/*")]),
        allow(&["kms:Decrypt", "kms:GenerateDataKey"], vec![key.to_owned()]),
    ])
}

/// Returns the ARN of a secret or parameter, written or referred to, without the JSON key, stage and version that may follow it.
pub fn bare(secret: &str) -> String {
    match secret.split_once('}') {
        Some((reference, _)) if reference.starts_with("${") => format!("{reference}}}"),
        _ => secret.split(':').take(7).collect::<Vec<_>>().join(":"),
    }
}

/// Returns the rights to read exactly these secrets and parameters, and to decrypt exactly them, whichever key they are under: it
/// may belong to someone else, and it may change. Both services name what they decrypt in the encryption context
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>,
/// <https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html>).
fn secret_statements<'a>(secrets: impl Iterator<Item = &'a String>, scope: &Scope) -> Vec<Value> {
    let suffix = crate::aws::s3::domain(&scope.partition);
    // By service and region; what is only referred to is in the stack's own.
    let mut found: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for secret in secrets {
        let parts: Vec<&str> = secret.split(':').collect();
        let (service, region) = match parts.as_slice() {
            ["arn", _, "ssm", region, ..] => ("ssm", *region),
            ["arn", _, "secretsmanager", region, ..] => ("secretsmanager", *region),
            _ => ("secretsmanager", scope.region.as_str()),
        };
        found.entry((service, region)).or_default().insert(bare(secret));
    }
    let one = |((service, region), arns): ((&str, &str), BTreeSet<String>)| {
        let (action, context) = match service {
            "ssm" => ("ssm:GetParameters", "kms:EncryptionContext:PARAMETER_ARN"),
            _ => ("secretsmanager:GetSecretValue", "kms:EncryptionContext:SecretARN"),
        };
        let arns: Vec<String> = arns.into_iter().flat_map(with_suffix).collect();
        let decrypt = json!({
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [format!("arn:{}:kms:{region}:*:key/*", scope.partition)],
            "Condition": {
                "StringEquals": {"kms:ViaService": format!("{service}.{region}.{suffix}")},
                "StringLike": {context: arns},
            },
        });
        [allow(&[action], arns), decrypt]
    };
    found.into_iter().flat_map(one).collect()
}

/// Returns the ARN as IAM knows it when the six characters that Secrets Manager adds to a name are left out.
fn with_suffix(arn: String) -> Vec<String> {
    let whole = |name: &str| {
        let end = name.rsplit_once('-').map(|(_, end)| end);
        end.is_some_and(|end| end.len() == 6 && end.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    match arn.split_once(":secret:") {
        Some((_, name)) if !whole(name) => vec![format!("{arn}-??????")],
        _ => vec![arn],
    }
}

/// Returns the ARN of the repository, when the image is in a private one of ECR.
fn ecr_repository(image: &str) -> Option<String> {
    let (account, region, path) = ecr::registry(image)?;
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let name = path.split(['@', ':']).next()?;
    Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_secrets_can_be_read_and_decrypted() {
        let scope = Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        let of = |secrets: &[&str]| {
            let secrets: Vec<String> = secrets.iter().map(|s| (*s).to_owned()).collect();
            secret_statements(secrets.iter(), &scope)
        };
        let arn = "arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf";
        let statements = of(&[&format!("{arn}:password::"), arn, "${rds.instance/main.secret_arn}:password::"]);
        assert_eq!(statements.len(), 4, "a region each: {statements:#?}");
        assert_eq!(statements[0]["Resource"], json!(["${rds.instance/main.secret_arn}"]));
        assert_eq!(statements[1]["Condition"]["StringEquals"]["kms:ViaService"], "secretsmanager.eu-west-1.amazonaws.com");
        assert_eq!(statements[2], json!({"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [arn]}));
        assert_eq!(
            statements[3],
            json!({
                "Effect": "Allow",
                "Action": ["kms:Decrypt"],
                "Resource": ["arn:aws:kms:us-east-1:*:key/*"],
                "Condition": {
                    "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
                    "StringLike": {"kms:EncryptionContext:SecretARN": [arn]},
                },
            })
        );
        // As ECS takes it, and IAM does not, without what Secrets Manager put behind the name.
        let partial = of(&["arn:aws:secretsmanager:eu-west-1:1:secret:team/token"]);
        assert_eq!(partial[0]["Resource"], json!(["arn:aws:secretsmanager:eu-west-1:1:secret:team/token-??????"]));
        let parameter = of(&["arn:aws:ssm:eu-west-1:1:parameter/a/b"]);
        assert_eq!(parameter[0]["Action"], json!(["ssm:GetParameters"]));
        assert_eq!(
            parameter[1]["Condition"]["StringLike"],
            json!({"kms:EncryptionContext:PARAMETER_ARN": ["arn:aws:ssm:eu-west-1:1:parameter/a/b"]})
        );
        assert_eq!(of(&[]), Vec::<Value>::new());
    }

    #[test]
    fn only_private_repositories_need_a_permission() {
        assert_eq!(
            ecr_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:1.2").as_deref(),
            Some("arn:aws:ecr:eu-west-1:123456789012:repository/team/web")
        );
        for (host, partition, region) in [
            ("dkr-ecr.eu-west-1.on.aws", "aws", "eu-west-1"),
            ("dkr.ecr-fips.us-gov-west-1.amazonaws.com", "aws-us-gov", "us-gov-west-1"),
            ("dkr.ecr.cn-north-1.amazonaws.com.cn", "aws-cn", "cn-north-1"),
        ] {
            let found = ecr_repository(&format!("123456789012.{host}/web@sha256:ab"));
            assert_eq!(found, Some(format!("arn:{partition}:ecr:{region}:123456789012:repository/web")), "{host}");
        }
        assert_eq!(ecr_repository("public.ecr.aws/nginx/nginx:1.27"), None);
        assert_eq!(ecr_repository("nginx"), None);
    }
}
