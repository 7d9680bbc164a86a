//! What stands in the way, and what does not stay up: named, at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::kinds::kinds;
use crate::support::proxy::{CBOR, Call, Fault};
use crate::support::run::EVERYTHING;
use crate::support::stacks::STACK;
use crate::support::subject::Subject;

/// Creates a foreign network interface and security group in the stack's network: gives their ids.
const INTRUDERS: &str = r#"
ec2 = client("ec2")
ours = [{"Name": "tag:stack:name", "Values": ["shop"]}]
web = ec2.describe_security_groups(Filters=ours + [{"Name": "tag:stack:key", "Values": ["ec2.security_group/web"]}])["SecurityGroups"][0]
subnet = ec2.describe_subnets(Filters=ours + [{"Name": "tag:stack:key", "Values": ["ec2.subnet/data-a"]}])["Subnets"][0]["SubnetId"]
group = ec2.create_security_group(GroupName="legacy", Description="x", VpcId=web["VpcId"])["GroupId"]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web["GroupId"]}]}])
interface = ec2.create_network_interface(SubnetId=subnet, Description="Bob's printer")["NetworkInterface"]["NetworkInterfaceId"]
result = [group, interface]
"#;

#[test]
fn what_blocks_a_deletion_is_named_and_not_waited_for() {
    let s = Subject::new(STACK);
    s.apply();
    let intruders = s.account.boto3(INTRUDERS, &json!(null));
    let (group, interface) = (intruders[0].as_str().unwrap(), intruders[1].as_str().unwrap());
    let blocked = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).exits(3);
    assert!(blocked.took < Duration::from_secs(60), "{:?}", blocked.took);
    let said = blocked.words();
    assert!(said.contains(&format!("a rule of the security group {group} (`legacy`)")), "{said}");
    assert!(said.contains(&format!("network interface {interface} (Bob's printer)")), "{said}");
    assert!(said.contains("delete or detach what is named"), "{said}");
    // The plan knew it.
    let before = "AWS does not delete it while this exists";
    assert!(said.contains(&format!("{before}: a rule of the security group {group}")), "{said}");
    assert!(said.contains(&format!("{before}: network interface {interface}")), "{said}");
    // Everything that these do not block is deleted; the gateway of a network goes after what is in it.
    let left = s.account.inventory("shop", "default");
    let kinds = json!(kinds(&left));
    assert_eq!(
        kinds,
        json!({ "ec2.internet-gateway": 1, "ec2.network-interface": 1, "ec2.security-group": 2, "ec2.security-group-rule": 2, "ec2.subnet": 1, "ec2.vpc": 1 }),
        "{left:#}"
    );
    s.account.boto3(
        r#"
ec2 = client("ec2")
ec2.delete_network_interface(NetworkInterfaceId=args[1])
ec2.delete_security_group(GroupId=args[0])
"#,
        &intruders,
    );
    let calm = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert!(!calm.words().contains(before), "{}", calm.words());
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// Objects that foreign ones can use; where one blocks another, each alone.
const USED: &str = r#"
stack: used
region: us-east-1
alarms: off
existing: { zones: { z: used.example } }
certificates: { main: { domain: used.example, zone: existing.zones.z } }
resources:
  ec2.vpc: { v: { cidr: 10.0.0.0/16 }, w: { cidr: 10.1.0.0/16 } }
  ec2.internet_gateway: { g: { vpc: ec2.vpc/v } }
  ec2.address: { a: {} }
  elbv2.target_group: { t: { vpc: ec2.vpc/w, port: 80, protocol: HTTP, target_type: ip } }
  iam.role:
    r: { trust: { Version: "2012-10-17", Statement: { Effect: Allow, Principal: { Service: ec2.amazonaws.com }, Action: "sts:AssumeRole" } } }
  cloudfront.origin_access_control: { o: { origin_type: s3, signing: always } }
  rds.parameter_group: { p: { family: postgres16 } }
  elasticache.parameter_group: { p: { family: memcached1.6 } }
"#;

/// Creates foreign users of each of them: gives the ids of the interface and of the distribution.
const USERS: &str = r#"
ec2, elbv2, iam, cf = client("ec2"), client("elbv2"), client("iam"), client("cloudfront")
ours = [{"Name": "tag:stack:name", "Values": ["used"]}]
def subnet(name, zone, block):
    vpc = ec2.describe_vpcs(Filters=[*ours, {"Name": "tag:stack:key", "Values": [f"ec2.vpc/{name}"]}])["Vpcs"][0]["VpcId"]
    return ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=block)["Subnet"]["SubnetId"]
interface = ec2.create_network_interface(SubnetId=subnet("v", "us-east-1a", "10.0.0.0/24"), Description="Bob's printer")["NetworkInterface"]["NetworkInterfaceId"]
ec2.associate_address(AllocationId=ec2.describe_addresses(Filters=ours)["Addresses"][0]["AllocationId"], NetworkInterfaceId=interface)
subnets = [subnet("w", "us-east-1a", "10.1.0.0/24"), subnet("w", "us-east-1b", "10.1.1.0/24")]
balancer = elbv2.create_load_balancer(Name="theirs", Scheme="internal", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
group = elbv2.describe_target_groups(Names=["used-t"])["TargetGroups"][0]["TargetGroupArn"]
elbv2.create_listener(LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
certificate = client("acm").list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
https = lambda: elbv2.create_listener(LoadBalancerArn=balancer, Port=443, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}],
    DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}])
try:
    https()
except elbv2.exceptions.CertificateNotFoundException:
    https()  # it was just issued
iam.create_instance_profile(InstanceProfileName="theirs")
role = [r["RoleName"] for r in iam.list_roles(PathPrefix="/stack/used/")["Roles"]][0]
iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=role)
client("rds").create_db_instance(DBInstanceIdentifier="theirs", Engine="postgres", EngineVersion="16", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
    MasterUsername="app", MasterUserPassword="secret-of-theirs", DBParameterGroupName="used-p")
client("elasticache").create_cache_cluster(CacheClusterId="theirs", Engine="memcached", CacheNodeType="cache.t4g.small", NumCacheNodes=1, CacheParameterGroupName="used-p")
control = cf.list_origin_access_controls()["OriginAccessControlList"]["Items"][0]["Id"]
origin = {"Id": "o", "DomainName": "theirs.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": control}
behavior = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
distribution = cf.create_distribution(DistributionConfig={"CallerReference": "theirs", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behavior})["Distribution"]["Id"]
result = [interface, distribution]
"#;

#[test]
fn what_others_use_is_named_with_who_uses_it() {
    let s = Subject::new(USED);
    let zone = r#"client("route53").create_hosted_zone(Name="used.example", CallerReference="1")"#;
    s.account.boto3(zone, &json!(null));
    s.apply();
    let ids = s.account.boto3(USERS, &json!(null));
    let (interface, distribution) = (ids[0].as_str().unwrap(), ids[1].as_str().unwrap());
    let blocked = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).exits(3);
    assert!(blocked.took < Duration::from_secs(60), "{:?}", blocked.took);
    let interface = format!("network interface {interface} (Bob's printer)");
    let distribution = format!("the distribution {distribution}");
    let said = blocked.words();
    for (key, what) in [
        ("ec2.address/a", interface.as_str()),
        ("ec2.internet_gateway/g", interface.as_str()),
        ("elbv2.target_group/t", "the load balancer `theirs`"),
        ("acm.certificate/main", "the load balancer `theirs`"),
        ("iam.role/r", "the instance profile `theirs`"),
        ("rds.parameter_group/p", "the database `theirs`"),
        ("elasticache.parameter_group/p", "the cache `theirs`"),
        ("cloudfront.origin_access_control/o", distribution.as_str()),
    ] {
        let told = |at: usize| said[at..].chars().take(600).collect::<String>().contains(what);
        assert!(said.match_indices(key).any(|(at, _)| told(at)), "{key}: {what}\n{}", blocked.stderr);
    }
}

#[test]
fn a_service_that_does_not_stay_up_says_why() {
    let s = Subject::new(STACK);
    s.apply();
    s.place.file("s.yaml", &STACK.replacen("busybox:1.37", "busybox:crash", 1));
    let failed = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(3);
    let said = failed.words();
    // In a line when it happens, and once in full at the end: the cause, what else is known, the log apart.
    let cause = "`worker` exited with 1 the deployment of shop-worker:2 failed; shop-worker:1 is running again";
    assert!(said.matches("`worker` exited with 1").count() == 2 && said.contains(cause), "{said}");
    for part in ["Essential container in task exited", "last log lines of `worker`: │ fatal: this image crashes"] {
        assert!(said.rfind(part) > said.rfind(cause), "{part}: {said}");
    }
    assert!(failed.stderr.contains("\n    │ fatal: this image crashes\n"), "{}", failed.stderr);
    assert!(said.contains("or it fails the same way") && !said.contains("Run the same command again"), "{said}");
    let told = s.place.stack(&["history", "show", "s.yaml", "2"]).ok();
    let told = told.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("✗ ecs.service/worker could not be updated `worker` exited with 1 the deployment of shop-worker:2 failed"),
        "{told}"
    );
    // What ran before runs again, and that is a failure.
    assert!(said.contains("failed; shop-worker:1 is running again"), "{said}");

    s.place.file("s.yaml", &STACK.replacen("busybox:1.37", "busybox:does-not-exist", 1));
    let failed = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(3);
    assert!(failed.stderr.contains("CannotPullContainerError"), "{}", failed.stderr);
    s.place.file("s.yaml", STACK);
    s.apply();
    s.assert_in_step();
    s.destroy();
}

/// A session ends in the middle of a run: nothing more is started, the next step is said, and the same command continues.
#[test]
fn expired_credentials_end_the_run_with_a_hint() {
    let s = Subject::new(STACK);
    let calls = AtomicUsize::new(0);
    s.proxy.on_call(move |call| {
        let changes = call.mutating && !call.is_of_history();
        let at = calls.fetch_add(changes.into(), Ordering::Relaxed);
        if at < 30 { Fault::Pass } else { expired(call) }
    });
    let output = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(3);
    println!("{}", output.stderr);
    assert!(output.took < Duration::from_secs(30), "{:?}", output.took);
    let said = output.words();
    for part in [
        "expired",
        "`aws sts get-caller-identity`",
        "not started because of",
        "Renew the credentials, then run the same command again",
    ] {
        assert!(said.contains(part), "{part}: {}", output.stderr);
    }
    // Once while it happened and once at the end, however many calls were in flight.
    assert!(said.matches("`aws sts get-caller-identity`").count() <= 2, "{}", output.stderr);
    s.proxy.pass();
    s.proxy.take();
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.assert_in_step();

    // Before anything is done, it is "denied".
    s.proxy.on_call(expired);
    let denied = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).exits(6);
    assert!(denied.words().contains("`aws sts get-caller-identity`"), "{}", denied.stderr);
    s.proxy.pass();
    s.assert_in_step();
}

/// What AWS says of a token that has expired, in the words of the service.
fn expired(call: &Call) -> Fault {
    const SAID: &str = "The security token included in the request is expired";
    let xml = |status: u16, body: String| Fault::Answer(status, "text/xml".into(), body);
    match call.service.as_str() {
        "ec2" => xml(
            400,
            format!(
                "<Response><Errors><Error><Code>RequestExpired</Code><Message>{SAID}</Message></Error></Errors><RequestID>e-1</RequestID></Response>"
            ),
        ),
        "s3" => xml(400, format!("<Error><Code>ExpiredToken</Code><Message>{SAID}</Message></Error>")),
        "ecs"
        | "logs"
        | "kms"
        | "acm"
        | "application-autoscaling"
        | "ecr"
        | "servicequotas"
        | "servicediscovery"
        | "secretsmanager"
        | "events"
        | "sqs"
        | "tagging" => Fault::Answer(
            400,
            "application/x-amz-json-1.1".into(),
            json!({ "__type": "ExpiredTokenException", "message": SAID }).to_string(),
        ),
        "monitoring" => {
            Fault::Answer(403, CBOR.into(), json!({ "__type": "ExpiredTokenException", "message": SAID }).to_string())
        }
        _ => xml(
            403,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>{SAID}</Message></Error><RequestId>e-1</RequestId></ErrorResponse>"
            ),
        ),
    }
}

#[test]
fn what_is_protected_goes_only_by_name() {
    let protected = format!("{STACK}protect: [services.api, load_balancer]\n");
    let s = Subject::new(&protected);
    s.apply();
    s.assert_in_step();
    // Out of the file, and still protected: AWS knows it.
    let without = STACK.replace("    uses: [services.api]\n", "");
    let (head, tail) = without.split_once("  api:\n").unwrap();
    let (_, tail) = tail.split_once("  worker:\n").unwrap();
    s.place.file("s.yaml", &format!("{head}  worker:\n{tail}protect: [load_balancer]\n"));
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("    --allow-delete services.api\n"), "{}", refused.stderr);
    assert!(s.proxy.take().iter().all(|c| !c.mutating));
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "services.api"]).ok();
    let refused = s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).exits(4);
    assert!(refused.stderr.contains("elbv2.load_balancer/main"), "{}", refused.stderr);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));

    s.place.file("s.yaml", &format!("{STACK}protect: [services.wep]\n"));
    let wrong = s.place.stack(&["plan", "s.yaml"]).exits(65);
    assert!(wrong.stderr.contains("did you mean `services.web`"), "{}", wrong.stderr);
}
