//! What other clients can do to the reference stack that weakens it: all of it is found.

use serde_json::{Value, json};

use crate::support::stacks::unwatched;
use crate::support::subject::Subject;

/// A change by another client.
struct Change {
    /// What it is.
    what: &'static str,
    /// The object that tells of it.
    key: &'static str,
    /// How it is made.
    make: &'static str,
    /// How it is taken back.
    undo: &'static str,
}

/// The names of the stack's objects, for the scripts below.
const FIND: &str = r#"
import json, os
ec2, elbv2, ecs, rds, iam = client("ec2"), client("elbv2"), client("ecs"), client("rds"), client("iam")
s3, kms, logs, cdn = client("s3"), client("kms"), client("logs"), client("cloudfront")
STRANGER = "999988887777"
def ours(kind, name):
    return [{"Name": "tag:stack:key", "Values": [f"{kind}/{name}"]}, {"Name": "tag:stack:name", "Values": ["webapp"]}]
def vpc(): return ec2.describe_vpcs(Filters=ours("ec2.vpc", "main"))["Vpcs"][0]["VpcId"]
def group(name): return ec2.describe_security_groups(Filters=ours("ec2.security_group", name))["SecurityGroups"][0]["GroupId"]
def default_group():
    return ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc()]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
def subnet(name): return ec2.describe_subnets(Filters=ours("ec2.subnet", name))["Subnets"][0]["SubnetId"]
def table(name): return ec2.describe_route_tables(Filters=ours("ec2.route_table", name))["RouteTables"][0]["RouteTableId"]
def gateway(): return ec2.describe_internet_gateways(Filters=ours("ec2.internet_gateway", "main"))["InternetGateways"][0]["InternetGatewayId"]
def endpoint(): return ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc()]}])["VpcEndpoints"][0]
def acl(): return [a for a in ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc()]}])["NetworkAcls"] if a["IsDefault"]][0]["NetworkAclId"]
def database(): return rds.describe_db_instances(DBInstanceIdentifier="webapp")["DBInstances"][0]
def modify_database(**change): rds.modify_db_instance(DBInstanceIdentifier="webapp", ApplyImmediately=True, **change)
def database_groups(): return [g["VpcSecurityGroupId"] for g in database()["VpcSecurityGroups"]]
def permission(port, cidr):
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port} | ({"Ipv6Ranges": [{"CidrIpv6": cidr}]} if ":" in cidr else {"IpRanges": [{"CidrIp": cidr}]})]
def open_port(g, port, cidr): ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=permission(port, cidr))
def close_port(g, port, cidr): ec2.revoke_security_group_ingress(GroupId=g, IpPermissions=permission(port, cidr))
ROLE = "webapp-web-task-us-east-1"
DEVELOPERS = "webapp-developers-us-east-1"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
def trust(principal): return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})
def bucket(name): return [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith(f"webapp-{name}-")][0]
def kms_key(): return [a["TargetKeyId"] for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/webapp"][0]
def balancer(): return elbv2.describe_load_balancers(Names=["webapp"])["LoadBalancers"][0]
def balancer_attribute(key, value): elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer()["LoadBalancerArn"], Attributes=[{"Key": key, "Value": value}])
def distribution(): return cdn.list_distributions()["DistributionList"]["Items"][0]["Id"]
def change_distribution(how):
    answer = cdn.get_distribution_config(Id=distribution())
    config = answer["DistributionConfig"]
    how(config)
    cdn.update_distribution(Id=distribution(), IfMatch=answer["ETag"], DistributionConfig=config)
def parameter(value):
    name = [g["DBParameterGroupName"] for g in database()["DBParameterGroups"]][0]
    rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[{"ParameterName": "rds.force_ssl", "ParameterValue": value, "ApplyMethod": "immediate"}])
def suspend(on):
    client("application-autoscaling").register_scalable_target(ServiceNamespace="ecs", ScalableDimension="ecs:service:DesiredCount", ResourceId="service/webapp/webapp-web",
        SuspendedState={k: on for k in ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")})
def kept(name, value):
    """What a change needs to be taken back."""
    path = f"/tmp/stack-matrix-{os.environ['AWS_ACCESS_KEY_ID']}-{name}"
    if value is not None:
        with open(path, "w") as file: file.write(value)
    with open(path) as file: return file.read()
"#;

const fn change(what: &'static str, key: &'static str, make: &'static str, undo: &'static str) -> Change {
    Change { what, key, make, undo }
}

const CHANGES: [Change; 34] = [
    change(
        "a database that the internet reaches",
        "rds.instance/main",
        "modify_database(PubliclyAccessible=True)",
        "modify_database(PubliclyAccessible=False)",
    ),
    change(
        "a database without protection from deletion",
        "rds.instance/main",
        "modify_database(DeletionProtection=False)",
        "modify_database(DeletionProtection=True)",
    ),
    change(
        "a database with another security group",
        "rds.instance/main",
        "modify_database(VpcSecurityGroupIds=[*database_groups(), default_group()])",
        "modify_database(VpcSecurityGroupIds=[g for g in database_groups() if g != default_group()])",
    ),
    change(
        "the database's port open to IPv4",
        "ec2.security_group_rule/db-main-ingress-tcp-5432-5432-0_0_0_0_0",
        "open_port(group('db-main'), 5432, '0.0.0.0/0')",
        "close_port(group('db-main'), 5432, '0.0.0.0/0')",
    ),
    change(
        "the database's port open to IPv6",
        "ec2.security_group_rule/db-main-ingress-tcp-5432-5432-___0",
        "open_port(group('db-main'), 5432, '::/0')",
        "close_port(group('db-main'), 5432, '::/0')",
    ),
    change(
        "a rule in the VPC's own security group",
        "ec2.default_security_group/main",
        "open_port(default_group(), 22, '0.0.0.0/0')",
        "close_port(default_group(), 22, '0.0.0.0/0')",
    ),
    change(
        "a subnet that gives public addresses",
        "ec2.subnet/app-a",
        "ec2.modify_subnet_attribute(SubnetId=subnet('app-a'), MapPublicIpOnLaunch={'Value': True})",
        "ec2.modify_subnet_attribute(SubnetId=subnet('app-a'), MapPublicIpOnLaunch={'Value': False})",
    ),
    change(
        "the databases' subnets routed to the internet",
        "ec2.route/data-0_0_0_0_0",
        "ec2.create_route(RouteTableId=table('data'), DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway())",
        "ec2.delete_route(RouteTableId=table('data'), DestinationCidrBlock='0.0.0.0/0')",
    ),
    change(
        "another policy of the endpoint of S3",
        "ec2.vpc_endpoint/s3",
        "kept('endpoint', endpoint()['PolicyDocument'])
ec2.modify_vpc_endpoint(VpcEndpointId=endpoint()['VpcEndpointId'], PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 's3:Get*', 'Resource': '*'}]}))",
        "ec2.modify_vpc_endpoint(VpcEndpointId=endpoint()['VpcEndpointId'], PolicyDocument=kept('endpoint', None))",
    ),
    change(
        "a role that may do everything",
        "iam.role/web-task",
        "iam.attach_role_policy(RoleName=ROLE, PolicyArn=ADMIN)",
        "iam.detach_role_policy(RoleName=ROLE, PolicyArn=ADMIN)",
    ),
    change(
        "a policy inside a role",
        "iam.role/web-task",
        "iam.put_role_policy(RoleName=ROLE, PolicyName='more', PolicyDocument=EVERYTHING)",
        "iam.delete_role_policy(RoleName=ROLE, PolicyName='more')",
    ),
    change(
        "a role that trusts another account",
        "iam.role/web-task",
        "kept('trust', json.dumps(iam.get_role(RoleName=ROLE)['Role']['AssumeRolePolicyDocument']))
iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust({'AWS': f'arn:aws:iam::{STRANGER}:root'}))",
        "iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=kept('trust', None))",
    ),
    change(
        "a user who may do everything",
        "iam.user/alice",
        "iam.attach_user_policy(UserName='alice', PolicyArn=ADMIN)",
        "iam.detach_user_policy(UserName='alice', PolicyArn=ADMIN)",
    ),
    change(
        "a policy inside a user",
        "iam.user/alice",
        "iam.put_user_policy(UserName='alice', PolicyName='more', PolicyDocument=EVERYTHING)",
        "iam.delete_user_policy(UserName='alice', PolicyName='more')",
    ),
    change(
        "an access key of a user",
        "iam.user/alice",
        "iam.create_access_key(UserName='alice')",
        "for key in iam.list_access_keys(UserName='alice')['AccessKeyMetadata']: iam.delete_access_key(UserName='alice', AccessKeyId=key['AccessKeyId'])",
    ),
    change(
        "a stranger in a group",
        "iam.group/developers",
        "iam.create_user(UserName='mallory')
iam.add_user_to_group(GroupName=DEVELOPERS, UserName='mallory')",
        "iam.remove_user_from_group(GroupName=DEVELOPERS, UserName='mallory')
iam.delete_user(UserName='mallory')",
    ),
    change(
        "a bucket that everybody reads",
        "s3.bucket/assets",
        "b = bucket('assets')
kept('policy', s3.get_bucket_policy(Bucket=b)['Policy'])
s3.delete_public_access_block(Bucket=b)
s3.put_bucket_policy(Bucket=b, Policy=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': f'arn:aws:s3:::{b}/*'}]}))",
        "b = bucket('assets')
s3.put_bucket_policy(Bucket=b, Policy=kept('policy', None))
s3.put_public_access_block(Bucket=b, PublicAccessBlockConfiguration={k: True for k in ('BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets')})",
    ),
    change(
        "a bucket that is a website",
        "s3.bucket/assets",
        "s3.put_bucket_website(Bucket=bucket('assets'), WebsiteConfiguration={'IndexDocument': {'Suffix': 'index.html'}})",
        "s3.delete_bucket_website(Bucket=bucket('assets'))",
    ),
    change(
        "a key that another account may use",
        "kms.key/main",
        "policy = kms.get_key_policy(KeyId=kms_key(), PolicyName='default')['Policy']
kept('key', policy)
policy = json.loads(policy)
policy['Statement'].append({'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{STRANGER}:root'}, 'Action': 'kms:*', 'Resource': '*'})
kms.put_key_policy(KeyId=kms_key(), PolicyName='default', Policy=json.dumps(policy))",
        "kms.put_key_policy(KeyId=kms_key(), PolicyName='default', Policy=kept('key', None))",
    ),
    change(
        "a grant to another account",
        "kms.key/main",
        "kept('grant', kms.create_grant(KeyId=kms_key(), GranteePrincipal=f'arn:aws:iam::{STRANGER}:root', Operations=['Decrypt'])['GrantId'])",
        "kms.revoke_grant(KeyId=kms_key(), GrantId=kept('grant', None))",
    ),
    change(
        "a key that is not renewed",
        "kms.key/main",
        "kms.disable_key_rotation(KeyId=kms_key())",
        "kms.enable_key_rotation(KeyId=kms_key())",
    ),
    change(
        "a balancer that lets invalid headers through",
        "elbv2.load_balancer/main",
        "balancer_attribute('routing.http.drop_invalid_header_fields.enabled', 'false')",
        "balancer_attribute('routing.http.drop_invalid_header_fields.enabled', 'true')",
    ),
    change(
        "a balancer that only watches for request smuggling",
        "elbv2.load_balancer/main",
        "balancer_attribute('routing.http.desync_mitigation_mode', 'monitor')",
        "balancer_attribute('routing.http.desync_mitigation_mode', 'defensive')",
    ),
    change(
        "a balancer with another security group",
        "elbv2.load_balancer/main",
        "elbv2.set_security_groups(LoadBalancerArn=balancer()['LoadBalancerArn'], SecurityGroups=[*balancer()['SecurityGroups'], default_group()])",
        "elbv2.set_security_groups(LoadBalancerArn=balancer()['LoadBalancerArn'], SecurityGroups=[g for g in balancer()['SecurityGroups'] if g != default_group()])",
    ),
    change(
        "a service into which commands can be run",
        "ecs.service/web",
        "ecs.update_service(cluster='webapp', service='webapp-web', enableExecuteCommand=True)",
        "ecs.update_service(cluster='webapp', service='webapp-web', enableExecuteCommand=False)",
    ),
    change(
        "a distribution that takes requests without TLS",
        "cloudfront.distribution/main",
        "change_distribution(lambda c: c['DefaultCacheBehavior'].update(ViewerProtocolPolicy='allow-all'))",
        "change_distribution(lambda c: c['DefaultCacheBehavior'].update(ViewerProtocolPolicy='redirect-to-https'))",
    ),
    change(
        "a function that sees every request",
        "cloudfront.distribution/main",
        "change_distribution(lambda c: c['DefaultCacheBehavior'].update(FunctionAssociations={'Quantity': 1, 'Items': [{'EventType': 'viewer-request', 'FunctionARN': f'arn:aws:cloudfront::{STRANGER}:function/f'}]}))",
        "change_distribution(lambda c: c['DefaultCacheBehavior'].update(FunctionAssociations={'Quantity': 0}))",
    ),
    change(
        "another origin of a distribution",
        "cloudfront.distribution/main",
        "def more(c):
    items = c['Origins']['Items']
    items.append({**next(o for o in items if 'CustomOriginConfig' in o), 'Id': 'more', 'DomainName': 'example.com'})
    c['Origins']['Quantity'] = len(items)
change_distribution(more)",
        "def less(c):
    c['Origins']['Items'] = [o for o in c['Origins']['Items'] if o['Id'] != 'more']
    c['Origins']['Quantity'] = len(c['Origins']['Items'])
change_distribution(less)",
    ),
    change(
        "a distribution that logs nothing",
        "cloudfront.distribution/main",
        "kept('logging', json.dumps(cdn.get_distribution_config(Id=distribution())['DistributionConfig']['Logging']))
change_distribution(lambda c: c.update(Logging={'Enabled': False, 'IncludeCookies': False, 'Bucket': '', 'Prefix': ''}))",
        "change_distribution(lambda c: c.update(Logging=json.loads(kept('logging', None))))",
    ),
    change(
        "logs that are kept for ever",
        "logs.log_group/worker",
        "logs.delete_retention_policy(logGroupName='/stack/webapp/default/worker')",
        "logs.put_retention_policy(logGroupName='/stack/webapp/default/worker', retentionInDays=14)",
    ),
    change(
        "logs that the stack's key does not encrypt",
        "logs.log_group/worker",
        "logs.disassociate_kms_key(logGroupName='/stack/webapp/default/worker')",
        "logs.associate_kms_key(logGroupName='/stack/webapp/default/worker', kmsKeyId=kms.describe_key(KeyId=kms_key())['KeyMetadata']['Arn'])",
    ),
    change(
        "scaling that stands still",
        "application-autoscaling.scalable_target/web",
        "suspend(True)",
        "suspend(False)",
    ),
    change("a database that is spoken to without TLS", "rds.parameter_group/main-postgres16", "parameter('0')", "parameter('1')"),
    change(
        "a rule in the network access list",
        "ec2.vpc/main",
        "ec2.create_network_acl_entry(NetworkAclId=acl(), RuleNumber=7, Protocol='6', RuleAction='allow', Egress=False, CidrBlock='0.0.0.0/0', PortRange={'From': 22, 'To': 22})",
        "ec2.delete_network_acl_entry(NetworkAclId=acl(), RuleNumber=7, Egress=False)",
    ),
];

/// The keys that a plan, or what tells of drift, names: as changes and as notices.
fn named(said: &Value) -> Vec<String> {
    let keys = |list: &str| said[list].as_array().into_iter().flatten().filter_map(|c| c["key"].as_str().map(str::to_owned));
    keys("changes").chain(keys("notes")).collect()
}

#[test]
fn every_weakening_of_the_reference_stack_is_seen() {
    let s = Subject::new(&unwatched("stacks/webapp.yaml"));
    s.apply();
    let run = |script: &str| s.account.boto3(&format!("{FIND}{script}"), &json!(null));
    let plan = |more: &[&str]| {
        let arguments = [&["plan", "s.yaml", "--no-preflight", "--json"], more].concat();
        named(&s.place.stack(&arguments).ok().json())
    };
    assert_eq!(plan(&["--exact"]), Vec::<String>::new());

    let (mut unseen, mut told) = (Vec::new(), Vec::new());
    for change in &CHANGES {
        run(change.make);
        let json = s.place.stack(&["plan", "s.yaml", "--no-preflight", "--json", "--exact"]).ok().json();
        let seen = named(&json);
        if !seen.iter().any(|key| key == change.key) {
            unseen.push(format!("{}: {} expected, {seen:?} seen", change.what, change.key));
        }
        // What a plan fixes is drift, and so is what it only reports.
        if json["changes"] == json!([]) {
            told.push(change.key);
            let drift = named(&s.place.stack(&["drift", "s.yaml", "--json"]).exits(2).json());
            assert_eq!(drift, [change.key], "{}", change.what);
        }
        run(change.undo);
    }
    assert_eq!((unseen, told), (Vec::new(), vec!["iam.user/alice", "kms.key/main"]));
    s.place.stack(&["drift", "s.yaml"]).ok();
    assert_eq!(plan(&["--exact"]), Vec::<String>::new(), "everything was taken back");

    // All of it at once: an apply fixes it, and what is only reported is reported again.
    for change in &CHANGES {
        run(change.make);
    }
    let drift = named(&s.place.stack(&["drift", "s.yaml", "--json"]).exits(2).json());
    for (seen, how) in [(plan(&["--exact"]), "plan"), (drift, "drift")] {
        let missing: Vec<&str> = CHANGES.iter().map(|c| c.key).filter(|key| !seen.iter().any(|s| s == key)).collect();
        assert_eq!(missing, Vec::<&str>::new(), "{how}");
    }
    s.place.stack(&["apply", "s.yaml", "--yes", "--no-preflight"]).ok();
    let mut left = plan(&["--exact"]);
    left.sort();
    assert_eq!(left, ["iam.user/alice", "kms.key/main"]);
}
