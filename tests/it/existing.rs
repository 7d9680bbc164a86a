//! What someone else owns is found, used, and neither changed nor deleted.

use serde_json::{Value, json};

use crate::support::client::count;
use crate::support::subject::Subject;

/// A network with everything in it that a platform team hands out.
const THEIRS: &str = r#"
ec2, rds = client("ec2"), client("rds")
vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone="us-east-1" + "abab"[i])["Subnet"]["SubnetId"] for i in range(4)]
rds.create_db_subnet_group(DBSubnetGroupName="theirs", DBSubnetGroupDescription="x", SubnetIds=subnets[2:])
rds.create_db_instance(DBInstanceIdentifier="legacy", Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
    MasterUsername="boss", ManageMasterUserPassword=True, DBName="shop", DBSubnetGroupName="theirs")
for _ in range(50):
    found = rds.describe_db_instances(DBInstanceIdentifier="legacy")["DBInstances"][0]
    if found["DBInstanceStatus"] == "available": break
client("s3").create_bucket(Bucket="uploads-" + args)
uri = client("ecr").create_repository(repositoryName="team/web")["repository"]["repositoryUri"]
ecr, of = client("ecr"), {"repositoryName": "team/web"}
of["uploadId"] = ecr.initiate_layer_upload(**of)["uploadId"]
ecr.upload_layer_part(**of, partFirstByte=0, partLastByte=1, layerPartBlob=b"{}")
ecr.complete_layer_upload(**of, layerDigests=["sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"])
ecr.put_image(repositoryName="team/web", imageTag="1.4", imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
    imageManifest='{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}, "layers": []}')
zone = client("route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"]
result = {"vpc": vpc, "subnets": subnets, "host": found["Endpoint"]["Address"], "secret": found["MasterUserSecret"]["SecretArn"], "uri": uri}
"#;

fn file(theirs: &Value, bucket: &str) -> String {
    let subnet = |n: usize| theirs["subnets"][n].as_str().unwrap().to_owned();
    format!(
        r#"
stack: guest
region: us-east-1
existing:
  network: {{ vpc: {}, public: [{}, {}], app: [{}, {}] }}
  zones: {{ main: example.com }}
  buckets: {{ uploads: {bucket} }}
  databases: {{ legacy: legacy }}
  repositories: {{ web: team/web }}
services:
  web:
    image: existing.repositories.web:1.4
    port: 80
    routes: ["/*"]
    uses: [existing.databases.legacy]
alarms: off
"#,
        theirs["vpc"].as_str().unwrap(),
        subnet(0),
        subnet(1),
        subnet(2),
        subnet(3)
    )
}

const EVERYTHING: &str = r#"
ec2 = client("ec2")
result = {
    "vpcs": sorted(v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]),
    "subnets": sorted(v["SubnetId"] for v in ec2.describe_subnets()["Subnets"]),
    "tables": sorted(v["RouteTableId"] for v in ec2.describe_route_tables()["RouteTables"]),
    "gateways": sorted(v["InternetGatewayId"] for v in ec2.describe_internet_gateways()["InternetGateways"]),
    "groups": sorted([v["GroupId"], str(v["IpPermissions"])] for v in ec2.describe_security_groups()["SecurityGroups"]),
    "databases": [v["DBInstanceStatus"] for v in client("rds").describe_db_instances()["DBInstances"]],
    "buckets": [b["Name"] for b in client("s3").list_buckets()["Buckets"] if not b["Name"].startswith("stack-history-")],
    "repositories": [r["repositoryName"] for r in client("ecr").describe_repositories()["repositories"]],
}
"#;

#[test]
fn a_guest_leaves_the_house_as_it_was() {
    let s = Subject::new("");
    let bucket = format!("uploads-{}", s.account.id);
    let theirs = s.account.boto3(THEIRS, &json!(s.account.id));
    s.place.file("s.yaml", &file(&theirs, &bucket));
    let before = s.account.boto3(EVERYTHING, &Value::Null);
    s.apply();
    s.assert_in_step();

    let made = s.account.inventory("guest", "default");
    assert!(made.get("ec2.vpc").is_none() && made.get("ec2.subnet").is_none(), "{made:#}");
    let task = made["ecs.task-definition"].as_object().unwrap().values().next().unwrap();
    let container = &task["containerDefinitions"][0];
    assert_eq!(container["image"], format!("{}:1.4", theirs["uri"].as_str().unwrap()));
    let environment = container["environment"].as_array().unwrap();
    assert!(environment.contains(&json!({"name": "DATABASE_LEGACY_HOST", "value": theirs["host"]})), "{environment:?}");
    assert!(environment.contains(&json!({"name": "DATABASE_LEGACY_USER", "value": "boss"})), "{environment:?}");
    let secret = theirs["secret"].as_str().unwrap();
    assert_eq!(container["secrets"], json!([{"name": "DATABASE_LEGACY_PASSWORD", "valueFrom": format!("{secret}:password::")}]));
    let policy = s.account.boto3(
        r#"iam = client("iam")
name = [r["RoleName"] for r in iam.list_roles()["Roles"] if r["RoleName"].startswith("guest-web-exec")][0]
result = {p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"]["Statement"] for p in iam.list_role_policies(RoleName=name)["PolicyNames"]}"#,
        &Value::Null,
    );
    let read = json!({"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secret]});
    // Their secret may be under a key of theirs: whichever it is, it decrypts this secret and no other.
    let decrypt = json!({
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": ["arn:aws:kms:us-east-1:*:key/*"],
        "Condition": {
            "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:SecretARN": [secret]},
        },
    });
    assert_eq!(policy["secrets"], json!([read, decrypt]), "{policy:#}");

    // RDS rotates their password, and this service has it.
    let rules = s.account.boto3(r#"result = [r["Name"] for r in client("events").list_rules()["Rules"]]"#, &Value::Null);
    assert_eq!(rules, json!(["guest-rotated-existing_legacy"]));

    // A group of the stack in their network is found again when it is all that is left to do.
    s.account.boto3(
        r#"ec2 = client("ec2")
ec2.create_tags(Resources=[g["GroupId"] for g in ec2.describe_security_groups(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.security_group/web"]}])["SecurityGroups"]], Tags=[{"Key": "Name", "Value": "x"}])"#,
        &Value::Null,
    );
    assert_eq!(s.changes(), ["update ec2.security_group/web"]);

    s.destroy();
    assert_eq!(s.account.inventory("guest", "default"), json!({}));
    assert_eq!(s.account.boto3(EVERYTHING, &Value::Null), before);
    assert!(count(&made) > 8, "{made:#}");
}

#[test]
fn what_is_not_there_is_told_at_its_line() {
    let s = Subject::new("");
    let nothing = json!({"vpc": "vpc-0123456789abcdef0", "subnets": ["subnet-0a", "subnet-0b", "subnet-0c", "subnet-0d"]});
    s.place.file("s.yaml", &file(&nothing, "a-bucket-that-nobody-has-made-yet"));
    let said = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(65);
    insta::assert_snapshot!(said.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
}

#[test]
fn a_bucket_in_another_region_is_used_where_it_is() {
    let s = Subject::new("");
    let bucket = format!("files-{}", s.account.id);
    let make = r#"
import boto3, os
s3 = boto3.client("s3", region_name="eu-west-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
s3.create_bucket(Bucket=args, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
"#;
    s.account.boto3(make, &json!(bucket));
    let text = "stack: guest\nregion: us-east-1\nexisting: { buckets: { files: BUCKET } }\ncdn: { logs: false, static: { paths: [\"/*\"], bucket: existing.buckets.files } }\n";
    s.place.file("s.yaml", &text.replace("BUCKET", &bucket));
    s.apply();
    s.assert_in_step();
    let origin = s.account.boto3(
        r#"result = client("cloudfront").list_distributions()["DistributionList"]["Items"][0]["Origins"]["Items"][0]["DomainName"]"#,
        &Value::Null,
    );
    assert_eq!(origin, format!("{bucket}.s3.eu-west-1.amazonaws.com"));
    s.place.stack(&["destroy", "s.yaml", "--yes", crate::support::run::EVERYTHING]).ok();
}

#[test]
fn a_key_that_nobody_may_ask_about_is_in_nobodys_way() {
    let s = Subject::new("stack: guest\nregion: us-east-1\nkeys: { main: {} }\n");
    let closed = r#"
import json
allow = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
deny = {"Effect": "Deny", "Principal": "*", "Action": ["kms:ListResourceTags", "kms:DescribeKey"], "Resource": "*"}
client("kms").create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]}))
"#;
    s.account.boto3(closed, &Value::Null);
    s.apply();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", crate::support::run::EVERYTHING]).ok();
}
