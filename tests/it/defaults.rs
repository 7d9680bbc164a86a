//! What a stack has without being asked: flow logs, access logs, and what `production: true` changes.

use serde_json::{Value, json};

use crate::support::subject::{APPLY, DESTROY, Subject, behind, edit, edit_agreed};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"], public: true }
"#;

/// What another client sees of the logs of the network and of the load balancer.
const LOGS: &str = r#"
import json
ec2, s3, elbv2, logs = client("ec2"), client("s3"), client("elbv2"), client("logs")
result = {"flow": [], "groups": {}, "buckets": {}}
for log in ec2.describe_flow_logs()["FlowLogs"]:
    role = log["DeliverLogsPermissionArn"].split("/")[-1]
    trust = client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    result["flow"].append({
        "traffic": log["TrafficType"],
        "group": log["LogGroupName"],
        "status": log["DeliverLogsStatus"],
        "trust": [trust["Principal"], trust["Condition"]["ArnLike"]],
        "rights": [one["Resource"] for one in client("iam").get_role_policy(RoleName=role, PolicyName="logs")["PolicyDocument"]["Statement"]],
    })
for group in logs.describe_log_groups()["logGroups"]:
    result["groups"][group["logGroupName"]] = group.get("retentionInDays")
for bucket in s3.list_buckets()["Buckets"]:
    if "-alb-logs-" not in bucket["Name"]:
        continue
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"])["Statement"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket["Name"])["Rules"]
    result["buckets"][bucket["Name"]] = {
        "writers": [one for one in policy if one["Effect"] == "Allow"],
        "tls": any(one["Effect"] == "Deny" and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for one in policy),
        "days": [rule["Expiration"]["Days"] for rule in rules if "Days" in rule.get("Expiration", {})],
        "blocked": all(s3.get_public_access_block(Bucket=bucket["Name"])["PublicAccessBlockConfiguration"].values()),
        "versions": s3.get_bucket_versioning(Bucket=bucket["Name"]).get("Status"),
        "keys": [one["Key"] for one in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])],
    }
arns = [one["LoadBalancerArn"] for one in elbv2.describe_load_balancers()["LoadBalancers"]]
result["attributes"] = {
    one["Key"]: one["Value"]
    for arn in arns
    for one in elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    if one["Key"].startswith("access_logs") or one["Key"].startswith("deletion")
}
"#;

fn seen(s: &Subject) -> Value {
    s.account.boto3(LOGS, &Value::Null)
}

fn gone(s: &Subject) {
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_network_logs_what_it_refuses() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    let flow = seen(&s)["flow"].clone();
    let (account, group) = (&s.account.id, "/stack/shop/default/network/flow");
    assert_eq!(
        flow,
        json!([{
            "traffic": "REJECT", "group": group, "status": "SUCCESS",
            "trust": [
                {"Service": "vpc-flow-logs.amazonaws.com"},
                {"aws:SourceArn": format!("arn:aws:ec2:us-east-1:{account}:vpc-flow-log/*")},
            ],
            "rights": [[format!("arn:aws:logs:us-east-1:{account}:log-group:{group}:*")]],
        }])
    );
    assert_eq!(seen(&s)["groups"][group], 30);

    // Nothing of a flow log can be changed: another one takes its place.
    edit(&s, "nat: none", "nat: none, flow_logs: all", &["replace ec2.flow_log/main"]);
    assert_eq!(seen(&s)["flow"][0]["traffic"], "ALL");
    edit(
        &s,
        "services:",
        "logs: { retention: 90d }\nservices:",
        &["update logs.log_group/container-insights", "update logs.log_group/flow-logs"],
    );
    assert_eq!(seen(&s)["groups"][group], 90);

    behind(
        &s,
        r#"client("ec2").delete_flow_logs(FlowLogIds=[client("ec2").describe_flow_logs()["FlowLogs"][0]["FlowLogId"]])"#,
        &["create ec2.flow_log/main"],
    );
    let off = ["delete ec2.flow_log/main", "delete iam.role/flow-logs", "delete logs.log_group/flow-logs"];
    edit(&s, "flow_logs: all", "flow_logs: off", &off);
    assert_eq!(seen(&s)["flow"], json!([]));
    gone(&s);
}

#[test]
fn records_that_do_not_arrive_are_told() {
    let s = Subject::new(FILE);
    s.apply();
    s.account.boto3(r#"client("logs").delete_log_group(logGroupName="/stack/shop/default/network/flow")"#, &Value::Null);
    let drift = s.place.stack(&["drift", "s.yaml"]).exits(2);
    assert!(drift.stdout.contains("AWS cannot deliver its records, `Access error`"), "{}", drift.stdout);
    s.apply();
    s.assert_in_step();
    gone(&s);
}

#[test]
fn a_flow_log_by_tags_alone_goes_only_when_named() {
    let s = Subject::new(FILE);
    s.apply();
    // In a network of somebody else's, to a log group of somebody else's, with this stack's tags.
    s.account.boto3(
        r#"
ec2, logs = client("ec2"), client("logs")
vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
logs.create_log_group(logGroupName="/others/flow")
role = ec2.describe_flow_logs()["FlowLogs"][0]["DeliverLogsPermissionArn"]
tags = {"stack:name": "shop", "stack:env": "default", "stack:key": "ec2.flow_log/other"}
ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="/others/flow", DeliverLogsPermissionArn=role,
    TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}])
"#,
        &Value::Null,
    );
    assert_eq!(s.changes(), ["delete ec2.flow_log/other"]);
    s.place.stack(APPLY).exits(4);
    s.place.stack(&[APPLY, &["--allow-delete", "ec2.flow_log/*"]].concat()).exits(4);
    s.place.stack(&[APPLY, &["--allow-delete", "ec2.flow_log/other"]].concat()).ok();
    s.assert_in_step();
    gone(&s);
}

#[test]
fn a_load_balancer_logs_requests_to_a_bucket() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    let account = &s.account.id;
    let writers =
        ["/*", "-*"].map(|rest| format!("arn:aws:elasticloadbalancing:us-east-1:{account}:loadbalancer/app/shop{rest}"));
    let bucket = format!("shop-alb-logs-{account}-us-east-1");
    let found = seen(&s);
    assert_eq!(
        found["buckets"][&bucket],
        json!({
            "writers": [{
                "Sid": "LoadBalancerWrites", "Effect": "Allow", "Action": "s3:PutObject",
                "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                "Resource": format!("arn:aws:s3:::{bucket}/alb/AWSLogs/{account}/*"),
                "Condition": {"ArnLike": {
                    "aws:SourceArn": writers,
                }},
            }],
            "tls": true, "days": [90], "blocked": true, "versions": "Enabled",
            "keys": [format!("alb/AWSLogs/{account}/ELBAccessLogTestFile")],
        })
    );
    assert_eq!(found["attributes"]["access_logs.s3.enabled"], "true");
    assert_eq!(found["attributes"]["access_logs.s3.bucket"], bucket);

    edit(&s, "services:", "logs: { access: 30d }\nservices:", &["update s3.bucket/alb-logs"]);
    assert_eq!(seen(&s)["buckets"][&bucket]["days"], json!([30]));
    behind(
        &s,
        r#"
elbv2 = client("elbv2")
arn = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "access_logs.s3.enabled", "Value": "false"}])
"#,
        &["update elbv2.load_balancer/main"],
    );

    // Its logs are turned off before the bucket goes, which holds some.
    s.proxy.take_all();
    edit_agreed(
        &s,
        "services:",
        "load_balancer: { access_logs: false }\nservices:",
        &["delete s3.bucket/alb-logs", "delete s3.bucket_policy/alb-logs", "update elbv2.load_balancer/main"],
        &["--allow-delete", "s3.bucket/alb-logs"],
    );
    let calls: Vec<String> = s.proxy.take_all().iter().map(|call| call.name()).collect();
    let at = |begin: &str, end: &str| {
        let found = calls.iter().position(|call| call.starts_with(begin) && call.ends_with(end));
        found.unwrap_or_else(|| panic!("no {begin}…{end}: {calls:?}"))
    };
    let (off, gone_policy) = (at("elasticloadbalancing:ModifyLoadBalancerAttributes", ""), at("s3:DELETE", "?policy"));
    assert!(off < gone_policy && off < at("s3:DELETE", "-us-east-1/"), "{calls:?}");
    assert_eq!(seen(&s)["buckets"], json!({}));
    assert_eq!(seen(&s)["attributes"]["access_logs.s3.enabled"], "false");
    gone(&s);
}

#[test]
fn another_bucket_for_requests_is_the_file_s_own() {
    let s = Subject::new(&FILE.replace(
        "services:",
        "load_balancer: { attributes: { access_logs.s3.enabled: true, access_logs.s3.bucket: others } }\nservices:",
    ));
    assert!(!s.changes().iter().any(|change| change.contains("alb-logs")), "{:?}", s.changes());
}

/// The settings that production changes, as AWS has them.
const SAFE: &str = r#"
rds, cache, elbv2, waf = client("rds"), client("elasticache"), client("elbv2"), client("wafv2")
arn = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
attributes = {one["Key"]: one["Value"] for one in elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
acl = waf.get_web_acl_for_resource(ResourceArn=arn).get("WebACL", {"Rules": []})
result = {
    "balancer": attributes["deletion_protection.enabled"],
    "firewall": sorted({next(iter(rule["OverrideAction"])) for rule in acl["Rules"]}),
    "databases": {one["DBInstanceIdentifier"]: [one["MultiAZ"], one["DeletionProtection"]] for one in rds.describe_db_instances()["DBInstances"]},
    "caches": {one["ReplicationGroupId"]: one["AutomaticFailover"] for one in cache.describe_replication_groups()["ReplicationGroups"]},
}
"#;

#[test]
fn production_changes_only_what_is_left_out() {
    let file = format!(
        "{FILE}\
databases:
  main: {{ engine: postgres, version: \"16\", replicas: {{ reader: {{}} }} }}
  scratch: {{ engine: postgres, version: \"16\", multi_az: false, deletion_protection: false }}
caches:
  sessions: {{ engine: valkey }}
  alone: {{ engine: valkey, replicas: 0 }}
environments:
  live: {{ production: true }}
"
    );
    let s = Subject::new(&file);
    s.place.stack(&["apply", "s.yaml", "--env", "default", "--yes"]).ok();
    let usual = s.account.boto3(SAFE, &Value::Null);
    assert_eq!(
        usual,
        json!({
            "balancer": "false",
            "firewall": [],
            "databases": {"shop": [false, true], "shop-main-reader": [false, false], "shop-scratch": [false, false]},
            "caches": {"shop-sessions": "disabled", "shop-alone": "disabled"},
        })
    );
    // The same file as a production environment is another one.
    s.place.stack(&["destroy", "s.yaml", "--env", "default", "--yes", "--confirm=shop/default", "--no-final-snapshot", "*"]).ok();
    s.place.stack(&["apply", "s.yaml", "--env", "live", "--yes"]).ok();
    assert_eq!(
        s.account.boto3(SAFE, &Value::Null),
        json!({
            "balancer": "true",
            "firewall": ["Count"],
            "databases": {
                "shop-live": [true, true], "shop-live-main-reader": [false, true], "shop-live-scratch": [false, false],
            },
            "caches": {"shop-live-sessions": "enabled", "shop-live-alone": "disabled"},
        })
    );
    let plan = s.place.stack(&["plan", "s.yaml", "--env", "live", "--exact", "--json"]).ok().json();
    assert_eq!(plan["changes"], json!([]));
    s.write("scratch: {", "scratch: { backups: 1d,");
    let told = s.place.stack(&["validate", "s.yaml", "--env", "live"]).ok();
    assert!(told.words().contains("keeps backups for 1d only, in a production environment"), "{}", told.stderr);
    s.place.stack(&["destroy", "s.yaml", "--env", "live", "--yes", "--confirm=shop/live", "--no-final-snapshot", "*"]).ok();
    assert_eq!(s.account.inventory("shop", "live"), json!({}));
}

/// The log groups of Container Insights, with their days and whether they have this stack's tags.
const GROUPS: &str = r#"
logs = client("logs")
result = {
    one["logGroupName"]: [one.get("retentionInDays"), "stack:key" in logs.list_tags_for_resource(resourceArn=one["logGroupArn"])["tags"]]
    for one in logs.describe_log_groups(logGroupNamePrefix="/aws/")["logGroups"]
}
"#;

#[test]
fn the_group_that_aws_would_create_is_the_stack_s() {
    let s = Subject::new(FILE);
    // AWS created it before, and one for a cluster with a name that begins like this stack's.
    let (ours, other) = ("/aws/ecs/containerinsights/shop/performance", "/aws/ecs/containerinsights/shop-old/performance");
    let theirs = r#"
logs = client("logs")
for name in args:
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="shop")
"#;
    s.account.boto3(theirs, &json!([ours, other]));
    s.account.say(json!({"region": "us-east-1", "logs.group": {ours: "2026-01-01T00:00:00Z"}}));
    assert!(s.changes().contains(&"update logs.log_group/container-insights".to_owned()), "{:?}", s.changes());
    // Its older lines would be deleted, of which nobody has said anything.
    let refused = s.place.stack(APPLY).exits(4);
    assert!(refused.words().contains("--allow-upgrade logs.log_group/container-insights"), "{}", refused.stderr);
    s.place.stack(&[APPLY, &["--allow-upgrade", "logs.log_group/container-insights"]].concat()).ok();
    s.assert_in_step();
    let groups = |s: &Subject| s.account.boto3(GROUPS, &Value::Null);
    assert_eq!(groups(&s), json!({ours: [30, true], other: [null, false]}));
    // Once it is the stack's, what the file says is what is wanted.
    let both = ["update logs.log_group/container-insights", "update logs.log_group/flow-logs"];
    edit(&s, "services:", "logs: { retention: 7d }\nservices:", &both);
    assert_eq!(groups(&s), json!({ours: [7, true], other: [null, false]}));

    // It goes after the cluster that writes to it.
    s.proxy.take_all();
    s.place.stack(DESTROY).ok();
    let calls: Vec<String> = s.proxy.take_all().iter().map(|call| call.name()).collect();
    let at = |name: &str| calls.iter().rposition(|call| call == name);
    assert!(at("ecs:DeleteCluster") < at("logs:DeleteLogGroup") && at("ecs:DeleteCluster").is_some(), "{calls:?}");
    assert_eq!(groups(&s), json!({other: [null, false]}));
}

/// The container of the service, as it was registered.
const CONTAINER: &str = r#"
ecs = client("ecs")
arn = ecs.list_task_definitions(familyPrefix="shop-web", sort="DESC")["taskDefinitionArns"][0]
made = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
container = made["containerDefinitions"][0]
result = {
    "readonly": container.get("readonlyRootFilesystem", False),
    "mounts": {one["containerPath"]: one["sourceVolume"] for one in container.get("mountPoints", [])},
    "volumes": [one["name"] for one in made.get("volumes", [])],
}
"#;

#[test]
fn a_read_only_root_has_directories_to_write_to() {
    let s = Subject::new(FILE);
    s.apply();
    assert_eq!(s.account.boto3(CONTAINER, &Value::Null), json!({"readonly": false, "mounts": {}, "volumes": []}));
    let changes = ["update ecs.service/web", "update ecs.task_definition/web"];
    edit(&s, "public: true", "public: true, readonly_root: true, writable: [/tmp, /var/cache/nginx]", &changes);
    assert_eq!(
        s.account.boto3(CONTAINER, &Value::Null),
        json!({
            "readonly": true,
            "mounts": {"/tmp": "web-tmp", "/var/cache/nginx": "web-var_2fcache_2fnginx"},
            "volumes": ["web-tmp", "web-var_2fcache_2fnginx"],
        })
    );
    edit(&s, "readonly_root: true, writable: [/tmp, /var/cache/nginx]", "readonly_root: false", &changes);
    assert_eq!(s.account.boto3(CONTAINER, &Value::Null)["readonly"], false);
    s.write("readonly_root: false", "readonly_root: true, exec: true, writable: [tmp]");
    let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
    for said in ["has both `readonly_root` and `exec`", "`tmp` is not a directory of a container"] {
        assert!(wrong.stderr.contains(said), "{said}: {}", wrong.stderr);
    }
    s.write("readonly_root: true, exec: true, writable: [tmp]", "public: true");
    s.write("public: true, public: true", "public: true");
    gone(&s);
}

#[test]
fn admin_ports_are_closed_to_all_but_the_network() {
    let s = Subject::new(FILE);
    s.apply();
    edit(&s, "nat: none", "nat: none, block_admin_ports: true", &["update ec2.vpc/main"]);
    let script = r#"
acl = client("ec2").describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}, {"Name": "tag-key", "Values": ["x"]}])
vpc = next(one["VpcId"] for one in client("ec2").describe_vpcs()["Vpcs"] if one["CidrBlock"] == "10.0.0.0/16")
acl = client("ec2").describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"][0]
rules = sorted((one["RuleNumber"], one) for one in acl["Entries"] if not one["Egress"] and one["RuleNumber"] < 32767)
result = [[one["RuleAction"], one["CidrBlock"], one.get("PortRange", {}).get("From")] for _, one in rules]
"#;
    assert_eq!(
        s.account.boto3(script, &Value::Null),
        json!([
            ["allow", "10.0.0.0/16", null],
            ["deny", "0.0.0.0/0", 22],
            ["deny", "0.0.0.0/0", 3389],
            ["allow", "0.0.0.0/0", null],
        ])
    );
    edit(&s, ", block_admin_ports: true", "", &["update ec2.vpc/main"]);
    gone(&s);
}
