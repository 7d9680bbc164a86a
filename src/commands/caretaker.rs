//! `stack reap --install`: a function that runs this very program in the account, on a schedule. It is a stack of its own, so that
//! everything that works on stacks works on it.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::arguments::{Aws, StackFile};
use super::consent::{Allow, Consent};
use super::run::Run;
use super::session::{self, HISTORY_BUCKET, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::Wants;
use crate::aws::runs::store;
use crate::aws::{lambda, registry};
use crate::engine::tags::{TAG_AWAKE, TAG_EXPIRES, TAG_PAUSED, TAG_STACK};
use crate::engine::{Plan, Scope};
use crate::ui::Color;

/// What the stack and each of its parts are called.
const NAME: &str = "caretaker";
/// The text of the function.
const CODE: &str = include_str!("tend.py");
/// How often it runs.
const RATE: &str = "rate(15 minutes)";
/// Seconds after which Lambda ends it: the most that there is.
const TIMEOUT: i32 = 900;
/// The minor version of the C library, 2.x, where functions run
/// (<https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>).
const GLIBC: u32 = 34;
/// The names of the services whose settings it reads, with what its actions begin with. No values of secrets and no objects of buckets.
const READS: &[(&str, &[&str])] = &[
    ("acm", &["Describe*", "List*"]),
    ("application-autoscaling", &["Describe*"]),
    ("backup", &["DescribeRegionSettings", "Get*", "List*"]),
    ("budgets", &["ListTagsForResource", "ViewBudget"]),
    ("ce", &["GetAnomaly*", "ListCostAllocationTags", "ListTagsForResource"]),
    ("chatbot", &["DescribeSlack*", "ListMicrosoftTeams*"]),
    ("cloudfront", &["Get*", "List*"]),
    ("cloudwatch", &["Describe*", "GetDashboard", "List*"]),
    ("cloudtrail", &["DescribeTrails", "GetTrailStatus"]),
    ("ec2", &["Describe*"]),
    ("ecr", &["DescribeImages", "DescribeRepositories"]),
    ("ecs", &["Describe*", "List*"]),
    ("elasticache", &["Describe*", "List*"]),
    ("elasticloadbalancing", &["Describe*"]),
    ("events", &["Describe*", "List*"]),
    ("iam", &["Get*", "List*"]),
    ("identitystore", &["Describe*", "Get*", "List*"]),
    ("kms", &["Describe*", "GetKey*", "List*"]),
    ("lambda", &["GetFunction*", "GetPolicy", "List*"]),
    ("logs", &["Describe*", "List*"]),
    ("rds", &["Describe*", "List*"]),
    ("route53", &["Get*", "List*"]),
    ("s3", &["GetBucket*", "GetEncryptionConfiguration", "GetLifecycleConfiguration", "List*"]),
    ("secretsmanager", &["DescribeSecret", "GetResourcePolicy", "ListSecret*"]),
    ("servicediscovery", &["Get*", "List*"]),
    ("sns", &["Get*", "List*"]),
    ("sqs", &["Get*", "List*"]),
    ("sso", &["Describe*", "Get*", "List*"]),
    ("tag", &["GetResources"]),
    ("wafv2", &["Get*", "List*"]),
];
/// What deletes and cannot be limited to what has a tag, as the service authorization reference has it
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>) or because the objects have no tags.
const UNLIMITED: &[&str] = &[
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeregisterScalableTarget",
    "cloudfront:DeleteOriginAccessControl",
    "ecs:DeregisterTaskDefinition",
    "iam:DeleteVirtualMFADevice",
    "route53:ChangeResourceRecordSets",
    "route53:DeleteHealthCheck",
    "s3:AbortMultipartUpload",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "servicediscovery:DeleteService",
    "sns:Unsubscribe",
    "wafv2:DisassociateWebACL",
];

/// What deletes rules of security groups.
const RULES: [&str; 2] = ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"];

/// A program for Linux.
struct Program {
    path: PathBuf,
    /// As Lambda calls its processors.
    architecture: &'static str,
}

impl Program {
    /// Returns the program at a path, or this one.
    fn at(path: Option<PathBuf>) -> Result<Program> {
        let wrong = |what: String, help: &str| Stop::Message(Exit::Usage, what, Some(help.to_owned()));
        let path = match path {
            Some(path) => path,
            None => std::env::current_exe()
                .map_err(|e| wrong(format!("this program cannot be found: {e}"), "add `--program FILE`"))?,
        };
        let shown = path.display();
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(1 << 28).read_to_end(&mut bytes));
        read.map_err(|e| wrong(format!("`{shown}` cannot be read: {e}"), "name the `stack` for Linux with `--program FILE`"))?;
        let help = "name the released `stack` for Linux with `--program FILE`";
        let architecture = architecture(&bytes)
            .ok_or_else(|| wrong(format!("`{shown}` is not a program for Linux on x86_64 or arm64"), help))?;
        match glibc(&bytes) {
            Some(minor) if minor > GLIBC => {
                Err(wrong(format!("`{shown}` needs glibc 2.{minor}, and functions have 2.{GLIBC}"), help))
            }
            _ => Ok(Program { path, architecture }),
        }
    }
}

/// Returns the processor that a program is for: an ELF file (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>) or a
/// script, which runs on any.
fn architecture(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"#!") {
        return Some(if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" });
    }
    // 64 bits, little-endian, and the machine.
    let head = bytes.get(..20).filter(|head| head.starts_with(b"\x7fELF\x02\x01"))?;
    match head[18..20] {
        [0x3e, 0] => Some("x86_64"),
        [0xb7, 0] => Some("arm64"),
        _ => None,
    }
}

/// Returns the minor version of the C library that a program asks for by the names of its symbols' versions, `GLIBC_2.34`.
fn glibc(bytes: &[u8]) -> Option<u32> {
    const MARK: &[u8] = b"\0GLIBC_2.";
    let after =
        bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(|(at, _)| &bytes[at + MARK.len()..]);
    let minor = |rest: &[u8]| {
        let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit());
        digits.fold(None, |sum: Option<u32>, byte| Some(sum.unwrap_or(0) * 10 + u32::from(byte - b'0')))
    };
    after.filter_map(minor).max()
}

/// Returns the stack that has the function.
fn stack(scope: &Scope, program: &Program, digest: &str) -> Value {
    let Scope { partition, account, region, .. } = scope;
    let description = "Runs `stack schedule` and `stack reap` for this account and region";
    let role = json!({
        "trust": policy(vec![
            json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        ]),
        "policies": policies(partition, account, region),
        "description": description,
    });
    let function = json!({
        "role": format!("${{iam.role/{NAME}.arn}}"),
        "code": CODE,
        "program": program.path,
        "code_sha256": digest,
        "runtime": "python3.13",
        "handler": "index.run",
        "description": description,
        "timeout": TIMEOUT,
        "memory": 512,
        "architecture": program.architecture,
        "log_group": format!("logs.log_group/{NAME}"),
    });
    json!({
        "stack": NAME,
        "region": region,
        "alarms": "off",
        "resources": {
            "logs.log_group": {NAME: {"name": NAME, "retention_days": 30}},
            "iam.role": {NAME: role},
            "lambda.function": {NAME: function},
            "events.rule": {NAME: {
                "schedule": RATE,
                "description": description,
                "targets": {"function": {"function": format!("${{lambda.function/{NAME}.arn}}")}},
            }},
            "lambda.permission": {NAME: {
                "function": format!("lambda.function/{NAME}"),
                "rule": format!("${{events.rule/{NAME}.arn}}"),
            }},
        },
    })
}

fn policy(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Returns the policies of the function's role. Each is a question of its own when somebody reads them.
fn policies(partition: &str, account: &str, region: &str) -> Value {
    let arn = |service: &str, region: &str, rest: &str| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
    let history = format!("arn:{partition}:s3:::{}", store::usual(account, region));
    // Also those of other regions.
    let histories = format!("arn:{partition}:s3:::{}", store::usual(account, "*"));
    let reads: Vec<String> =
        READS.iter().flat_map(|(service, verbs)| verbs.iter().map(move |verb| format!("{service}:{verb}"))).collect();
    let has = |tag: &str| json!({"Null": {format!("aws:ResourceTag/{tag}"): "false"}});
    let deletes = registry::deletes();
    let (unlimited, rest): (Vec<_>, Vec<_>) = deletes.into_iter().partition(|action| UNLIMITED.contains(action));
    // Groups have no tags, but a path.
    let (groups, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|action| is_of_group(action));
    // A guest's rules are in security groups of its host, which does not expire.
    let (rules, mut limited): (Vec<_>, Vec<_>) = rest.into_iter().partition(|action| RULES.contains(action));
    // A database that is stopped is started before its protection is taken away.
    limited.push("rds:StartDBInstance");
    let groups_at = arn("iam", "", "group/stack/*");
    let asleep = has(TAG_AWAKE);
    let ec2 = |rest: &str| arn("ec2", region, rest);
    let mut marks = asleep.clone();
    marks["ForAllValues:StringEquals"] = json!({"aws:TagKeys": [TAG_PAUSED]});
    json!({
        "reads": policy(vec![json!({"Effect": "Allow", "Action": reads, "Resource": "*"})]),
        "history": policy(vec![
            json!({"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"], "Resource": [history, format!("{history}/*")]}),
            json!({"Effect": "Deny", "Action": ["s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": [&histories, &format!("{histories}/*")]}),
            json!({"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": arn("logs", region, &format!("log-group:/stack/{NAME}/default/{NAME}:*"))}),
        ]),
        "expired": policy(vec![
            json!({"Effect": "Allow", "Action": limited, "Resource": "*", "Condition": has(TAG_EXPIRES)}),
            json!({"Effect": "Allow", "Action": rules, "Resource": "*", "Condition": has(TAG_STACK)}),
            json!({"Effect": "Allow", "Action": unlimited, "Resource": "*"}),
            json!({"Effect": "Allow", "Action": groups, "Resource": groups_at}),
            // An alias has no tags: its key, which the action is about as well, has.
            json!({"Effect": "Allow", "Action": "kms:DeleteAlias", "Resource": arn("kms", region, "alias/*")}),
        ]),
        "schedule": policy(vec![
            json!({"Effect": "Allow", "Action": ["ecs:UpdateService", "rds:StartDBInstance", "rds:StopDBInstance"], "Resource": "*",
                "Condition": asleep}),
            json!({"Effect": "Allow", "Action": ["ecs:TagResource", "ecs:UntagResource", "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource"], "Resource": "*", "Condition": &marks}),
            json!({"Effect": "Allow", "Action": "application-autoscaling:RegisterScalableTarget", "Resource": "*"}),
        ]),
        // A gateway that is created has no tags yet, but the call has.
        "nat": policy(vec![
            json!({"Effect": "Allow", "Action": ["cloudwatch:DeleteAlarms", "ec2:CreateRoute", "ec2:DeleteNatGateway", "ec2:DeleteRoute"],
                "Resource": "*", "Condition": has(TAG_AWAKE)}),
            json!({"Effect": "Allow", "Action": ["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"], "Resource": "*",
                "Condition": {"Null": {format!("aws:RequestTag/{TAG_AWAKE}"): "false"}}}),
            json!({"Effect": "Allow", "Action": "ec2:CreateNatGateway", "Resource": [ec2("elastic-ip/*"), ec2("subnet/*")],
                "Condition": has(TAG_AWAKE)}),
            json!({"Effect": "Allow", "Action": "ec2:CreateNatGateway", "Resource": ec2("natgateway/*"),
                "Condition": {"Null": {format!("aws:RequestTag/{TAG_AWAKE}"): "false"}}}),
            json!({"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": ec2("natgateway/*"),
                "Condition": {"StringEquals": {"ec2:CreateAction": "CreateNatGateway"}}}),
            json!({"Effect": "Allow", "Action": ["ec2:CreateTags", "ec2:DeleteTags"], "Resource": ec2("elastic-ip/*"),
                "Condition": marks}),
        ]),
    })
}

/// Checks whether an action is about a group of IAM.
fn is_of_group(action: &str) -> bool {
    action.starts_with("iam:") && (action.contains("Group") || action.ends_with("FromGroup"))
}

/// Returns the plan, if it is about the function and nothing else: someone may have a stack of this name.
fn only_ours(plan: Plan) -> Result<Plan> {
    match plan.items.iter().find(|item| item.key.name != NAME) {
        None => Ok(plan),
        Some(item) => Err(Stop::refused(
            format!("nothing was changed: a stack `{NAME}` exists already, with `{}`", item.key),
            "the function needs this name: run `stack schedule` and `stack reap` yourself, on a schedule",
        )),
    }
}

/// Deploys the function, after the plan of it was shown and confirmed.
pub async fn install(aws: &Aws, program: Option<PathBuf>, yes: bool, color: Color) -> Result {
    if std::env::var_os(HISTORY_BUCKET).is_some_and(|bucket| !bucket.is_empty()) {
        return Err(Stop::refused(
            format!("nothing was changed: {HISTORY_BUCKET} is set, and the function reads the account's usual bucket only"),
            "run `stack schedule` and `stack reap` yourself, on a schedule, for stacks with another one",
        ));
    }
    let program = Program::at(program)?;
    let region = session::region(aws)?;
    let target = session::Target {
        stack: NAME,
        env: "default",
        region: &region,
        account: None,
        said_by: "",
        history_bucket: None,
        wants: Wants::default(),
    };
    let session = Session::open(&target, aws, color).await?;
    let digest = lambda::digest(CODE, Some(Path::new(&program.path)))?;
    let text = session::json(&stack(&session.cx.scope, &program, &digest))?;
    let file = StackFile { file: format!("{NAME}.yaml"), env: None, like: None, stack: None };
    let loaded = stack_file::load_text(&file, &text, color)?;
    let allow = Allow::default();
    let consent = Consent { yes, allow, no_preflight: false, wait_for_lease: None, timeout: None, json: false };
    let agreed = consent.allow.consent();
    let run = Run {
        command: "reap --install",
        file: &file,
        text: Some(&text),
        commit: None,
        consent: &consent,
        agreed: &agreed,
        verbose: false,
        color,
    };
    let exit = run.execute(&session, async || only_ours(session.plan(&loaded).await?)).await?;
    if exit as u8 == Exit::Ok as u8 {
        session.say(&format!(
            "Every 15 minutes the function `{NAME}` pauses and resumes by schedule and destroys what has expired. `stack destroy --stack {NAME} --region {region}` removes it."
        ))?;
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_tell_where_they_run() {
        let elf = |machine: u8| [b"\x7fELF\x02\x01".as_slice(), &[0; 12], &[machine, 0]].concat();
        assert_eq!(architecture(&elf(0x3e)), Some("x86_64"));
        assert_eq!(architecture(&elf(0xb7)), Some("arm64"));
        assert_eq!(architecture(&elf(0x28)), None, "32 bits of ARM");
        assert_eq!(architecture(b"\xcf\xfa\xed\xfe of a Mac"), None);
        assert_eq!(glibc(b"..\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_2.9\0"), Some(34));
        assert_eq!(glibc(b"static"), None);
    }

    /// What `pause`, `resume` and `reap` do not ask, or ask with other permissions of the role.
    const ELSEWHERE: &[&str] = &[
        // What `stack top`, `stack usage` and `stack load` ask.
        "cloudwatch:GetMetricData",
        // What `stack cost --actual` asks, for a cent each time.
        "ce:GetCostAndUsage",
        // What `stack check --account` asks.
        "cloudtrail:GetEventSelectors",
        "ec2:GetEbsEncryptionByDefault",
        "iam:GetAccountPasswordPolicy",
        "iam:GetAccountSummary",
        "iam:GetCredentialReport",
        "iam:ListVirtualMFADevices",
        // What `stack freeze` and `stack frozen` ask.
        "ecr:GetAuthorizationToken",
        "ecr:ListTagsForResource",
        "logs:GetLogEvents",
        // IAM calls it `GetBucketPublicAccessBlock`.
        "s3:GetPublicAccessBlock",
        // And `GetBucketObjectLockConfiguration`.
        "s3:GetObjectLockConfiguration",
        "s3:GetObject",
        "s3:GetObjectTagging",
        // `stack archive`.
        "s3:GetObjectVersion",
        "secretsmanager:GetRandomPassword",
        "secretsmanager:GetSecretValue",
        // Asked for preflight alone, or allowed to everybody.
        "servicequotas:ListAWSDefaultServiceQuotas",
        "servicequotas:ListServiceQuotas",
        "sts:GetCallerIdentity",
    ];

    fn texts(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn the_role_reads_what_every_kind_reads() {
        let mut all = String::new();
        texts(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/aws")), &mut all);
        let may = |action: &str| {
            let (service, verb) = action.split_once(':').unwrap();
            // As its client is called.
            let service = if service == "elbv2" { "elasticloadbalancing" } else { service };
            // One action for all of its questions.
            let verb = if service == "budgets" && verb.starts_with("Describe") { "ViewBudget" } else { verb };
            let verbs = READS.iter().find(|(name, _)| *name == service).map(|(_, verbs)| *verbs).unwrap_or_default();
            verbs.iter().any(|allowed| allowed.strip_suffix('*').map_or(*allowed == verb, |begin| verb.starts_with(begin)))
        };
        let is_read = |text: &&str| {
            let Some((service, verb)) = text.split_once(':') else { return false };
            let reads = ["Get", "List", "Describe"].iter().any(|begin| verb.starts_with(begin));
            let is_service =
                service.len() > 1 && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            reads && is_service && verb.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let asked: std::collections::BTreeSet<&str> = all.split('"').filter(is_read).collect();
        assert!(asked.len() > 60, "{asked:?}");
        let missing: Vec<&str> = asked.into_iter().filter(|action| !ELSEWHERE.contains(action) && !may(action)).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn the_role_deletes_only_what_has_an_expiry() {
        let all = policies("aws", "123456789012", "eu-central-1");
        let deletes = all["expired"]["Statement"].as_array().unwrap();
        let actions: Vec<&str> = deletes[0]["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
        assert!(actions.contains(&"rds:DeleteDBInstance") && actions.contains(&"iam:DeleteRole"), "{actions:?}");
        assert!(!actions.iter().any(|action| action.starts_with("s3:") || is_of_group(action)), "{actions:?}");
        assert_eq!(deletes[0]["Condition"], json!({"Null": {"aws:ResourceTag/stack:expires": "false"}}));
        assert_eq!(deletes[1]["Condition"], json!({"Null": {"aws:ResourceTag/stack:name": "false"}}));
        let unlimited = deletes[2]["Action"].as_array().unwrap();
        assert_eq!(unlimited.len(), UNLIMITED.len(), "each of them is one that a kind needs: {unlimited:?}");
        // All inline policies of a role together have 10,240 characters, without blanks
        // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
        let length: usize = all.as_object().unwrap().values().map(|policy| policy.to_string().len()).sum();
        assert!(length < 10_240, "{length}");
        let denied = &all["history"]["Statement"][1];
        assert_eq!(denied["Resource"][0], "arn:aws:s3:::stack-history-123456789012-*");
        assert!(!all.to_string().contains("GetSecretValue") && !all["reads"].to_string().contains("GetObject"));
    }
}
