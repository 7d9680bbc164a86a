//! What is the stack's and what is not: the right to write tags is no right to delete, what others created is handed over and not
//! taken, and what others tagged stays tagged.

use serde_json::{Value, json};

use crate::support::proxy::Fault;
use crate::support::stacks::unwatched;
use crate::support::subject::Subject;

fn small() -> String {
    unwatched("stacks/small.yaml")
}

/// Foreign objects, each tagged as the stack's with a key that the file does not have.
const FOREIGN: &str = r#"
import os
ec2, iam, ecs, rds, elbv2 = client("ec2"), client("iam"), client("ecs"), client("rds"), client("elbv2")
def pairs(kind): return {"stack:name": "small", "stack:env": "default", "stack:key": f"{kind}/foreign"}
def tags(kind): return [{"Key": k, "Value": v} for k, v in pairs(kind).items()]
iam.create_user(UserName="ceo")
iam.attach_user_policy(UserName="ceo", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
iam.create_access_key(UserName="ceo")
iam.tag_user(UserName="ceo", Tags=tags("iam.user"))
trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=trust)
iam.tag_role(RoleName="theirs", Tags=tags("iam.role"))
vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"us-east-1{z}")["Subnet"]["SubnetId"] for n, z in enumerate("ab")]
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
group = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc)["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
address = ec2.allocate_address(Domain="vpc")["AllocationId"]
for id, kind in [(vpc, "ec2.vpc"), (subnets[0], "ec2.subnet"), (gateway, "ec2.internet_gateway"), (table, "ec2.route_table"), (group, "ec2.security_group"), (address, "ec2.address")]:
    ec2.create_tags(Resources=[id], Tags=tags(kind))
cluster = ecs.create_cluster(clusterName="small-theirs")["cluster"]["clusterArn"]
ecs.tag_resource(resourceArn=cluster, tags=[{"key": k, "value": v} for k, v in pairs("ecs.cluster").items()])
target = elbv2.create_target_group(Name="theirs", Protocol="HTTP", Port=80, TargetType="ip", VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
balancer = elbv2.create_load_balancer(Name="theirs", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"][0]["LoadBalancerArn"]
listener = elbv2.create_listener(LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=[{"Type": "forward", "TargetGroupArn": target}])["Listeners"][0]["ListenerArn"]
elbv2.add_tags(ResourceArns=[balancer], Tags=tags("elbv2.load_balancer"))
elbv2.add_tags(ResourceArns=[target], Tags=tags("elbv2.target_group"))
database = rds.create_db_instance(DBInstanceIdentifier="theirs", Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20, MasterUsername="app", MasterUserPassword="secret-of-theirs", Tags=tags("rds.instance"))["DBInstance"]["DBInstanceIdentifier"]
bucket = f"small-theirs-{os.environ['AWS_ACCESS_KEY_ID']}"
client("s3").create_bucket(Bucket=bucket)
client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags("s3.bucket")})
key = client("kms").create_key(Tags=[{"TagKey": k, "TagValue": v} for k, v in pairs("kms.key").items()])["KeyMetadata"]["KeyId"]
result = {"vpc": vpc, "group": group}
"#;

/// What is left of them.
const LEFT: &str = r#"
ec2, iam = client("ec2"), client("iam")
vpc = [{"Name": "vpc-id", "Values": [args["vpc"]]}]
result = {
    "user": [len(iam.list_attached_user_policies(UserName="ceo")["AttachedPolicies"]), len(iam.list_access_keys(UserName="ceo")["AccessKeyMetadata"])],
    "role": iam.get_role(RoleName="theirs")["Role"]["RoleName"],
    "vpcs": len(ec2.describe_vpcs(VpcIds=[args["vpc"]])["Vpcs"]),
    "subnets": len(ec2.describe_subnets(Filters=vpc)["Subnets"]),
    "routes": [len(t["Routes"]) for t in ec2.describe_route_tables(Filters=vpc)["RouteTables"] if t["Tags"]],
    "gateways": len(ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [args["vpc"]]}])["InternetGateways"]),
    "rules": len(ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [args["group"]]}])["SecurityGroupRules"]),
    "addresses": len([a for a in ec2.describe_addresses()["Addresses"] if {"Key": "stack:key", "Value": "ec2.address/foreign"} in a.get("Tags", [])]),
    "clusters": [arn.split("/")[-1] for arn in client("ecs").list_clusters()["clusterArns"] if arn.endswith("theirs")],
    "balancers": [b["LoadBalancerName"] for b in client("elbv2").describe_load_balancers()["LoadBalancers"] if b["LoadBalancerName"] == "theirs"],
    "listeners": [len(client("elbv2").describe_listeners(LoadBalancerArn=b["LoadBalancerArn"])["Listeners"]) for b in client("elbv2").describe_load_balancers(Names=["theirs"])["LoadBalancers"]],
    "groups": [g["TargetGroupName"] for g in client("elbv2").describe_target_groups()["TargetGroups"] if g["TargetGroupName"] == "theirs"],
    "databases": [d["DBInstanceStatus"] for d in client("rds").describe_db_instances()["DBInstances"] if d["DBInstanceIdentifier"] == "theirs"],
    "buckets": len([b for b in client("s3").list_buckets()["Buckets"] if b["Name"].startswith("small-theirs-")]),
    "keys": [client("kms").describe_key(KeyId=k["KeyId"])["KeyMetadata"]["KeyState"] for k in client("kms").list_keys()["Keys"]],
}
"#;

#[test]
fn who_may_write_tags_may_not_thereby_delete() {
    let s = Subject::new(&small());
    s.apply();
    s.assert_in_step();
    let theirs = s.account.boto3(FOREIGN, &json!(null));
    let whole = s.account.boto3(LEFT, &theirs);

    // Nothing is deleted, whatever patterns say; and what to do is said for each.
    for consent in [&[][..], &["--allow-delete", "*"]] {
        let refused = s.place.stack(&[&["apply", "s.yaml", "--yes"], consent].concat()).exits(4);
        let said = refused.words();
        for kind in ["ec2.vpc", "ec2.security_group", "ec2.address", "ecs.cluster", "elbv2.load_balancer", "rds.instance"] {
            assert!(said.contains(&format!("--allow-delete {kind}/foreign")), "{kind}\n{}", refused.stderr);
        }
        assert!(said.contains("to keep it, remove its tags `stack:name`, `stack:env` and `stack:key`"), "{}", refused.stderr);
        assert!(!said.contains("iam.user/foreign"), "a person elsewhere is nobody's to delete\n{}", refused.stderr);
    }
    assert_eq!(s.account.boto3(LEFT, &theirs), whole);

    // A destroy of the stack leaves them too, and says so.
    s.place.stack(&["destroy", "s.yaml", "--yes", "--confirm", "small/default"]).exits(4);
    assert_eq!(s.account.boto3(LEFT, &theirs), whole);

    // Who names one by its key lets it go.
    s.account.boto3(
        r#"client("ec2").delete_tags(Resources=[args["vpc"], args["group"]], Tags=[{"Key": "stack:key"}, {"Key": "stack:name"}, {"Key": "stack:env"}])"#,
        &theirs,
    );
    let said = s.place.stack(&["plan", "s.yaml", "--json", "--no-preflight"]).ok().json();
    let keys: Vec<&str> = said["changes"].as_array().unwrap().iter().filter_map(|c| c["key"].as_str()).collect();
    assert!(keys.contains(&"ec2.address/foreign") && !keys.contains(&"ec2.vpc/foreign"), "{keys:?}");
}

/// A second object under a key of the stack's: the one that is really the stack's is used, the other is left alone.
#[test]
fn object_with_copied_tags_does_not_take_its_place() {
    let s = Subject::new(&small());
    s.apply();
    let twin = s.account.boto3(
        r#"ec2 = client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
ours = ec2.describe_security_groups(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.security_group/web"]}])["SecurityGroups"][0]
result = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc, TagSpecifications=[{"ResourceType": "security-group", "Tags": ours["Tags"]}])["GroupId"]"#,
        &json!(null),
    );
    let plan = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
    assert_eq!(plan["changes"], json!([]), "{plan:#}");
    let told = plan["notes"].to_string();
    assert!(told.contains("ec2.security_group/web") && told.contains(twin.as_str().unwrap()), "{told}");
    s.apply();
}

const ADOPTING: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, deletion_protection: false }
"#;

/// What its tags hand over is found by them when its name is not the stack's: it is not created a second time.
#[test]
fn object_with_another_name_can_be_adopted() {
    let s = Subject::new(ADOPTING);
    s.apply();
    // The same database under a name that is not the stack's, as one that was created by hand.
    s.account.boto3(
        r#"rds = client("rds")
ours = rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]
tags = ours["TagList"]
rds.modify_db_instance(DBInstanceIdentifier="shop", NewDBInstanceIdentifier="legacy", ApplyImmediately=True)"#,
        &json!(null),
    );
    let changes = s.changes();
    assert!(!changes.iter().any(|c| c.starts_with("create rds.instance") || c.starts_with("delete")), "{changes:?}");
    s.apply();
    s.assert_in_step();
    // This stack did not create it under this name: it is deleted only when it is named.
    s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "*", "--no-final-snapshot", "*"]).exits(4);
    let rest =
        ["destroy", "s.yaml", "--yes", "--allow-delete", "*", "--allow-delete", "rds.instance/main", "--no-final-snapshot", "*"];
    s.place.stack(&rest).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

const SERVICE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: nginx:1.27, port: 80 }
"#;

/// The refusal says how to hand something over, and that works: for a log group, and for a role of another path.
#[test]
fn refused_object_can_be_adopted_as_the_error_says() {
    let s = Subject::new(SERVICE);
    s.account.boto3(
        r#"trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
client("iam").create_role(RoleName="shop-web-task-us-east-1", AssumeRolePolicyDocument=trust)
client("logs").create_log_group(logGroupName="/stack/shop/default/web")"#,
        &json!(null),
    );
    let said = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4).words();
    for key in ["iam.role/web-task", "logs.log_group/web"] {
        assert!(said.contains(&format!("stack:name=shop, stack:env=default, stack:key={key}")), "{key}\n{said}");
    }
    s.account.boto3(
        r#"def tags(key): return {"stack:name": "shop", "stack:env": "default", "stack:key": key}
client("iam").tag_role(RoleName="shop-web-task-us-east-1", Tags=[{"Key": k, "Value": v} for k, v in tags("iam.role/web-task").items()])
client("logs").tag_resource(resourceArn=f"arn:aws:logs:us-east-1:{client('sts').get_caller_identity()['Account']}:log-group:/stack/shop/default/web", tags=tags("logs.log_group/web"))"#,
        &json!(null),
    );
    s.apply();
    s.assert_in_step();
    let trust = s.account.boto3(
        r#"result = client("iam").get_role(RoleName="shop-web-task-us-east-1")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]"#,
        &json!(null),
    );
    assert_eq!(trust, json!({"Service": "ecs-tasks.amazonaws.com"}));
}

/// An auto-tagger: a tag of its own on everything that has tags.
const TAGGER: &str = r#"
api = client("resourcegroupstaggingapi")
found = api.get_resources(TagFilters=[{"Key": "stack:name", "Values": ["shop"]}])["ResourceTagMappingList"]
ec2, kms, s3, logs, elbv2, ecs, iam = (client(n) for n in ("ec2", "kms", "s3", "logs", "elbv2", "ecs", "iam"))
PREFIX = "/stack/shop/default/us-east-1/"
for arn in [m["ResourceARN"] for m in found]:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "ec2": ec2.create_tags(Resources=[resource.split("/")[-1]], Tags=[{"Key": k, "Value": v} for k, v in args.items()])
    elif service == "elasticloadbalancing": elbv2.add_tags(ResourceArns=[arn], Tags=[{"Key": k, "Value": v} for k, v in args.items()])
    elif service == "logs": logs.tag_resource(resourceArn=arn, tags=args)
    elif service == "ecs": ecs.tag_resource(resourceArn=arn, tags=[{"key": k, "value": v} for k, v in args.items()])
    elif service == "s3":
        all = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=resource)["TagSet"]} | args
        s3.put_bucket_tagging(Bucket=resource, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in all.items()]})
for role in iam.list_roles(PathPrefix=PREFIX)["Roles"]: iam.tag_role(RoleName=role["RoleName"], Tags=[{"Key": k, "Value": v} for k, v in args.items()])
result = sorted({m["ResourceARN"].split(":")[2] for m in found})
"#;

const TAGGED: &str = r#"
stack: shop
region: us-east-1
alarms: off
tags: { team: web, cost: "1" }
network: { zones: 2, nat: single }
services:
  web: { image: nginx:1.27, port: 80, routes: ["/*"] }
resources:
  s3.bucket:
    files: {}
"#;

fn tags_of_bucket(s: &Subject) -> Value {
    s.account.boto3(
        r#"s3 = client("s3")
name = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("shop-files-")][0]
result = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=name)["TagSet"]}"#,
        &json!(null),
    )
}

#[test]
fn tags_of_others_stay_and_are_no_drift() {
    let s = Subject::new(TAGGED);
    s.apply();
    s.assert_in_step();
    let services = s.account.boto3(TAGGER, &json!({"scanned-by": "tool", "map-migrated": "d-1"}));
    for service in ["ec2", "ecs", "elasticloadbalancing", "logs", "s3"] {
        assert!(services.as_array().unwrap().contains(&json!(service)), "{services}");
    }
    s.assert_in_step();

    // A key removed from the file is deleted, one that changes is updated, and those of others stay.
    s.place.file("s.yaml", &TAGGED.replace("{ team: web, cost: \"1\" }", "{ team: shop }"));
    s.apply();
    s.assert_in_step();
    let tags = tags_of_bucket(&s);
    assert_eq!((&tags["team"], &tags["cost"]), (&json!("shop"), &json!(null)), "{tags}");
    assert_eq!((&tags["scanned-by"], &tags["map-migrated"]), (&json!("tool"), &json!("d-1")), "{tags}");

    // What others write into the file's own keys is drift, unless the file says otherwise.
    s.account.boto3(TAGGER, &json!({"team": "somebody"}));
    assert!(s.changes().contains(&"update s3.bucket/files".to_owned()));
    let ignoring = TAGGED.replace("{ team: web, cost: \"1\" }", "{ team: shop }\nignore_tags: [\"te*\"]");
    s.place.file("s.yaml", &ignoring);
    s.assert_in_step();
    // A saved plan that was applied knows it too.
    s.place.file("s.yaml", &ignoring.replace("files: {}", "files: {}\n    more: {}"));
    s.place.stack(&["plan", "s.yaml", "-o", "p.json"]).ok();
    s.place.stack(&["apply", "p.json", "--yes"]).ok();
    s.account.boto3(TAGGER, &json!({"team": "another"}));
    s.place.stack(&["drift", "s.yaml"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes", "--confirm", "shop/default"]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn drift_is_distinguished_from_edits() {
    let s = Subject::new(SERVICE);
    assert!(s.place.stack(&["drift", "s.yaml"]).exits(1).stderr.contains("the history"));
    s.apply();
    let none = s.place.stack(&["drift", "s.yaml"]).ok();
    assert!(none.stdout.contains("No drift: AWS matches what was applied"), "{}", none.stdout);

    // The file changes: that is no drift. AWS changes: that is.
    s.place.file("s.yaml", &SERVICE.replace("nginx:1.27", "nginx:1.28"));
    s.place.stack(&["drift", "s.yaml"]).ok();
    s.account.boto3(
        r#"ec2 = client("ec2")
subnet = ec2.describe_subnets(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.subnet/app-a"]}])["Subnets"][0]["SubnetId"]
ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
group = ec2.describe_security_groups(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.security_group/web"]}])["SecurityGroups"][0]["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
client("ecs").delete_service(cluster="shop", service="shop-web", force=True)"#,
        &json!(null),
    );
    let json = s.place.stack(&["drift", "s.yaml", "--json"]).exits(2).json();
    let told: Vec<String> = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{} {}", c["what"].as_str().unwrap(), c["key"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        ["added ec2.security_group_rule/web-ingress-tcp-22-22-0_0_0_0_0", "changed ec2.subnet/app-a", "gone ecs.service/web"],
        "{json:#}"
    );
    let field = &json["changes"][1]["changes"][0];
    assert_eq!((&field["path"], &field["before"], &field["after"]), (&json!("map_public_ip"), &json!(false), &json!(true)));
    let text = s.place.stack(&["drift", "s.yaml"]).exits(2).stdout;
    assert!(text.contains("Drift: 1 changed, 1 gone, 1 added"), "{text}");
    assert!(text.contains("Compared with run 1 of"), "{text}");
    let markdown = s.place.stack(&["drift", "s.yaml", "--markdown"]).exits(2).stdout;
    assert!(markdown.contains("**changed 1**") && markdown.contains("map_public_ip"), "{markdown}");
}

/// What CloudTrail answers, in AWS's form
/// (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>).
const EVENTS: &str = r#"{"Events": [
  {"EventId": "2", "EventName": "DescribeSubnets", "ReadOnly": "true", "EventTime": 1795600100.0, "Username": "reader"},
  {"EventId": "1", "EventName": "ModifySubnetAttribute", "ReadOnly": "false", "EventTime": 1795600000.0, "Username": "mallory"}]}"#;

#[test]
fn who_changed_it_is_told_where_cloudtrail_tells() {
    let s = Subject::new(SERVICE);
    s.apply();
    s.account.boto3(
        r#"ec2 = client("ec2")
subnet = ec2.describe_subnets(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.subnet/app-a"]}])["Subnets"][0]["SubnetId"]
ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})"#,
        &json!(null),
    );
    let answers = |status: u16, body: &'static str| {
        s.proxy.on_call(move |call| match call.operation.as_str() {
            "LookupEvents" => Fault::Answer(status, "application/x-amz-json-1.1".into(), body.into()),
            _ => Fault::Pass,
        });
    };
    answers(200, EVENTS);
    s.proxy.take();
    for command in [&["plan", "s.yaml", "--no-preflight"][..], &["drift", "s.yaml"]] {
        let told = s.place.stack(&[command, &["--who"]].concat());
        assert!(told.stdout.contains("ec2.subnet/app-a: ModifySubnetAttribute by mallory, 2026-11-2"), "{}", told.stdout);
        assert!(!told.stdout.contains("reader"), "{}", told.stdout);
        let json = s.place.stack(&[command, &["--who", "--json"]].concat()).json();
        assert_eq!((&json["who"][0]["key"], &json["who"][0]["by"]), (&json!("ec2.subnet/app-a"), &json!("mallory")));
    }
    let asked = s.proxy.take().iter().filter(|call| call.operation == "LookupEvents").count();
    assert_eq!(asked, 4, "once for the one object, in each run");

    // Without the permission to ask the user is told once, and the plan is the same.
    answers(
        400,
        r#"{"__type": "AccessDeniedException", "Message": "User is not authorized to perform: cloudtrail:LookupEvents"}"#,
    );
    let told = s.place.stack(&["plan", "s.yaml", "--no-preflight", "--who"]).ok();
    assert!(told.stdout.contains("ec2.subnet/app-a") && told.stderr.matches("cloudtrail:LookupEvents").count() == 1, "{told:?}");
}
