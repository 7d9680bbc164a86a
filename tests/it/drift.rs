//! Drift is found, named and fixed.

use serde_json::{Value, json};

use crate::support::proxy::{Fault, counts};
use crate::support::run::EVERYTHING;
use crate::support::stacks::STACK;
use crate::support::subject::{Subject, behind};

const FIND: &str = r#"
def ours(kind, name):
    return [{"Name": "tag:stack:key", "Values": [f"{kind}/{name}"]}, {"Name": "tag:stack:name", "Values": ["shop"]}]
ec2, elbv2, ecs = client("ec2"), client("elbv2"), client("ecs")
def group(name): return ec2.describe_security_groups(Filters=ours("ec2.security_group", name))["SecurityGroups"][0]["GroupId"]
def subnet(name): return ec2.describe_subnets(Filters=ours("ec2.subnet", name))["Subnets"][0]["SubnetId"]
def table(name): return ec2.describe_route_tables(Filters=ours("ec2.route_table", name))["RouteTables"][0]
"#;

#[test]
fn drift_is_found_and_fixed() {
    let s = Subject::new(STACK);
    s.apply();
    let behind = |script: &str, expected: &[&str]| behind(&s, &format!("{FIND}{script}"), expected);

    // A rule deleted, one added, and one that replaces the stack's without its tags.
    behind(
        r#"rule = ec2.describe_security_group_rules(Filters=ours("ec2.security_group_rule", "api-from-alb"))["SecurityGroupRules"][0]
ec2.revoke_security_group_ingress(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])"#,
        &["create ec2.security_group_rule/api-from-alb"],
    );
    behind(
        r#"ec2.authorize_security_group_ingress(GroupId=group("web"), IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])"#,
        &["delete ec2.security_group_rule/web-ingress-tcp-22-22-0_0_0_0_0"],
    );
    behind(
        r#"rule = ec2.describe_security_group_rules(Filters=ours("ec2.security_group_rule", "web-from-alb"))["SecurityGroupRules"][0]
ec2.delete_tags(Resources=[rule["SecurityGroupRuleId"]], Tags=[{"Key": "stack:key"}, {"Key": "stack:name"}, {"Key": "stack:env"}])"#,
        &["update ec2.security_group_rule/web-from-alb"],
    );

    // A count, and a tag: one of the user's, and the one that says whose it is.
    behind(r#"ecs.update_service(cluster="shop", service="shop-api", desiredCount=5)"#, &["update ecs.service/api"]);
    behind(r#"ec2.delete_tags(Resources=[subnet("app-a")], Tags=[{"Key": "team"}])"#, &["update ec2.subnet/app-a"]);
    behind(r#"ec2.delete_tags(Resources=[subnet("app-b")], Tags=[{"Key": "stack:key"}])"#, &["update ec2.subnet/app-b"]);

    // A scaled service is autoscaling's: its count is no drift.
    behind(r#"ecs.update_service(cluster="shop", service="shop-web", desiredCount=4)"#, &[]);
    behind(
        r#"client("application-autoscaling").delete_scaling_policy(PolicyName=client("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs", ResourceId="service/shop/shop-web")["ScalingPolicies"][0]["PolicyName"], ServiceNamespace="ecs", ResourceId="service/shop/shop-web", ScalableDimension="ecs:service:DesiredCount")"#,
        &["create application-autoscaling.scaling_policy/web-cpu"],
    );

    // The network.
    behind(
        r#"ec2.delete_route(RouteTableId=table("app-a")["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")"#,
        &["create ec2.route/app-a-internet"],
    );
    behind(
        r#"ec2.disassociate_route_table(AssociationId=[a for a in table("app-b")["Associations"] if a.get("SubnetId")][0]["RouteTableAssociationId"])"#,
        &["create ec2.route_table_association/app-b"],
    );
    behind(
        r#"vpc = table("public")["VpcId"]
default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
ec2.authorize_security_group_ingress(GroupId=default, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])"#,
        &["update ec2.default_security_group/main"],
    );

    // The balancer.
    behind(
        r#"balancer = elbv2.describe_load_balancers(Names=["shop"])["LoadBalancers"][0]["LoadBalancerArn"]
listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
rule = [r for r in elbv2.describe_rules(ListenerArn=listener)["Rules"] if not r["IsDefault"]][0]["RuleArn"]
elbv2.delete_rule(RuleArn=rule)"#,
        &["create elbv2.rule/api-api"],
    );
    behind(
        r#"elbv2.modify_target_group_attributes(TargetGroupArn=elbv2.describe_target_groups(Names=["shop-api"])["TargetGroups"][0]["TargetGroupArn"], Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}])"#,
        &["update elbv2.target_group/api"],
    );

    // Roles and logs.
    behind(
        r#"client("iam").put_role_policy(RoleName="shop-api-task-us-east-1", PolicyName="more", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}')"#,
        &["update iam.role/api-task"],
    );
    behind(
        r#"client("logs").put_retention_policy(logGroupName="/stack/shop/default/api", retentionInDays=1)"#,
        &["update logs.log_group/api"],
    );

    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// What the index of tags knows of the stack.
fn index(s: &Subject) -> Value {
    s.account.boto3(
        r#"result = client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "stack:name", "Values": ["shop"]}])
del result["ResponseMetadata"]"#,
        &json!(null),
    )
}

/// Has the index of tags answer this from now on.
fn index_says(s: &Subject, known: &Value) {
    let body = known.to_string();
    s.proxy.on_call(move |call| match call.operation.as_str() {
        "GetResources" => Fault::Answer(200, "application/x-amz-json-1.1".into(), body.clone()),
        _ => Fault::Pass,
    });
}

/// The index reports what is deleted for a while.
#[test]
fn bucket_still_in_the_tag_index_is_created_again() {
    let s = Subject::new("stack: shop\nregion: us-east-1\nresources:\n  s3.bucket:\n    files: {}\n");
    s.apply();
    s.assert_in_step();
    let before = index(&s);
    let arn = before["ResourceTagMappingList"][0]["ResourceARN"].as_str().unwrap();
    let bucket = arn.strip_prefix("arn:aws:s3:::").unwrap();
    s.account.boto3(r#"client("s3").delete_bucket(Bucket=args)"#, &json!(bucket));
    index_says(&s, &before);
    assert_eq!(s.changes(), ["create s3.bucket/files"]);
    s.apply();
    s.proxy.pass();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// AWS's index of tags follows a change within seconds or a minute. Until then a plan can miss a tag that another client wrote;
/// what is to be done it never tells from the index, and an apply does not ask it.
#[test]
fn drift_unknown_to_the_tag_index_is_found_later() {
    let s = Subject::new(STACK);
    s.apply();
    let before = index(&s);
    let known = before["ResourceTagMappingList"].as_array().unwrap();
    assert!(
        known.iter().any(|m| m["ResourceARN"].as_str().unwrap().ends_with(":log-group:/stack/shop/default/api")),
        "{known:#?}"
    );
    s.account.boto3(
        r#"group = f"arn:aws:logs:us-east-1:{client('sts').get_caller_identity()['Account']}:log-group:/stack/shop/default/api"
client("logs").tag_resource(resourceArn=group, tags={"team": "other"})"#,
        &json!(null),
    );
    // One that has heard of it.
    assert_eq!(s.changes(), ["update logs.log_group/api"]);

    index_says(&s, &before);
    assert_eq!(s.changes(), Vec::<String>::new());
    let exact = s.place.stack(&["plan", "s.yaml", "--exact", "--json"]).ok().json();
    assert_eq!(exact["changes"][0]["key"], "logs.log_group/api");
    let text = STACK.replace("image: busybox:1.37\n", "image: busybox:1.37\n    logs: { retention: 7d }\n");
    s.place.file("s.yaml", &text);
    assert_eq!(s.changes(), ["update logs.log_group/api", "update logs.log_group/worker"]);
    s.place.file("s.yaml", STACK);
    s.apply();
    s.proxy.pass();
    s.assert_in_step();

    // One that knows nothing, and one that must not be asked: then every object is.
    index_says(&s, &json!({ "ResourceTagMappingList": [] }));
    assert_eq!(s.changes(), Vec::<String>::new());
    s.proxy.on_call(|call| match call.operation.as_str() {
        "GetResources" => {
            let body = r#"{"__type": "AccessDeniedException", "Message": "no"}"#;
            Fault::Answer(400, "application/x-amz-json-1.1".into(), body.into())
        }
        _ => Fault::Pass,
    });
    s.proxy.take();
    assert_eq!(s.changes(), Vec::<String>::new());
    let asked = counts(&s.proxy.take());
    assert_eq!((asked["tagging:GetResources"], asked["logs:ListTagsForResource"]), (2, 5), "{asked:#?}");
    s.proxy.pass();
    s.destroy();
}

#[test]
fn deleted_target_group_comes_back_with_its_users() {
    let s = Subject::new(STACK);
    s.apply();
    s.account.boto3(
        r#"elbv2 = client("elbv2")
balancer = elbv2.describe_load_balancers(Names=["shop"])["LoadBalancers"][0]["LoadBalancerArn"]
listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
for rule in elbv2.describe_rules(ListenerArn=listener)["Rules"]:
    if not rule["IsDefault"]: elbv2.delete_rule(RuleArn=rule["RuleArn"])
elbv2.delete_target_group(TargetGroupArn=elbv2.describe_target_groups(Names=["shop-api"])["TargetGroups"][0]["TargetGroupArn"])"#,
        &json!(null),
    );
    let changes = s.changes();
    assert!(changes.contains(&"create elbv2.target_group/api".to_owned()), "{changes:#?}");
    assert!(changes.contains(&"create elbv2.rule/api-api".to_owned()), "{changes:#?}");
    // `web` finds it by its name, so there is no second one beside it.
    assert!(changes.contains(&"update ecs.service/api".to_owned()), "{changes:#?}");
    s.apply();
    s.assert_in_step();
    // What an agent creates for a cluster, and the file does not have, stays, and the plan says so.
    const METRICS: &str = "/aws/ecs/containerinsights/shop/prometheus";
    s.account.boto3(r#"client("logs").create_log_group(logGroupName=args)"#, &json!(METRICS));
    let said = s.place.stack(&["plan", "s.yaml", "--destroy"]).ok().stdout;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("leaves behind the log groups that AWS created for it: `{METRICS}`")), "{said}");
    assert!(!said.contains("shop/performance`"), "{said}");
    s.destroy();
    s.account.boto3(r#"client("logs").delete_log_group(logGroupName=args)"#, &json!(METRICS));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn foreign_object_with_the_name_is_refused() {
    let s = Subject::new(STACK);
    let arns = s.account.boto3(
        r#"result = [
    client("ecs").create_cluster(clusterName="shop")["cluster"]["clusterArn"],
    client("iam").create_role(RoleName="shop-web-task-us-east-1", AssumeRolePolicyDocument="{}")["Role"]["Arn"],
    client("elbv2").create_target_group(Name="shop-web", Protocol="HTTP", Port=80, TargetType="ip",
        VpcId=client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])["TargetGroups"][0]["TargetGroupArn"],
]"#,
        &json!(null),
    );
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    let said: String = refused.stderr.split_whitespace().collect();
    for arn in arns.as_array().unwrap() {
        assert!(said.contains(arn.as_str().unwrap()), "{arn}\n{}", refused.stderr);
    }
    assert!(s.proxy.take().iter().all(|call| !call.mutating), "a call changes something");
}

#[test]
fn two_objects_with_one_key_stop_the_run() {
    let s = Subject::new(STACK);
    s.apply();
    let twin = s.account.boto3(
        r#"ec2 = client("ec2")
tags = ec2.describe_vpcs(Filters=[{"Name": "tag:stack:name", "Values": ["shop"]}])["Vpcs"][0]["Tags"]
result = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"]["VpcId"]"#,
        &json!(null),
    );
    let stopped = s.place.stack(&["plan", "s.yaml"]).exits(1);
    assert!(stopped.stderr.contains(twin.as_str().unwrap()) && stopped.stderr.contains("ec2.vpc/main"), "{}", stopped.stderr);
    s.account.boto3(r#"client("ec2").delete_vpc(VpcId=args)"#, &twin);
    s.assert_in_step();
    s.destroy();
}

/// What comes with a VPC that is alone in the file is never deleted: twice is nothing.
#[test]
fn a_vpc_alone_stays_as_it_is() {
    let s = Subject::new("stack: shop\nregion: us-east-1\nresources:\n  ec2.vpc:\n    main: { cidr: 10.0.0.0/16 }\n");
    s.apply();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.inventory("shop", "default"), serde_json::json!({}));
}
