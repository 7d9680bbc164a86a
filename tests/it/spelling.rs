//! What AWS spells differently, and what is left to AWS: after an apply the next plan is empty.

use serde_json::json;

use crate::support::console::{CENTER, SLACK};
use crate::support::subject::Subject;

/// Applied once, nothing is to be done; destroyed, nothing is left.
#[track_caller]
fn settles(text: &str, stack: &str) {
    let s = Subject::new(text);
    for beforehand in [CENTER, SLACK] {
        s.account.boto3(beforehand, &json!(null));
    }
    s.apply();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", "--confirm", &format!("{stack}/default"), "--no-final-snapshot", "*"]).ok();
    assert_eq!(s.account.inventory(stack, "default"), json!({}));
}

#[test]
fn every_kind_with_what_it_must_have_alone_settles() {
    settles(include_str!("../../src/blueprint/testdata/every-kind.yaml"), "kinds");
}

const SPELLINGS: &str = r#"
stack: spelled
region: us-east-1
alarms: off
resources:
  ec2.vpc: { v: { cidr: 10.0.0.9/16, network_acl: { ingress 100: ALLOW TCP 10.1.2.3/8 443, ingress 200: deny 17 0.0.0.0/0 0-65535, egress 100: allow any 0.0.0.0/0 } } }
  ec2.subnet:
    a: { vpc: ec2.vpc/v, zone: us-east-1A, cidr: 10.0.0.7/24 }
    b: { vpc: ec2.vpc/v, zone: us-east-1b, cidr: 10.0.1.0/24 }
  ec2.security_group: { s: { vpc: ec2.vpc/v, description: A group } }
  ec2.security_group_rule:
    number: { group: ec2.security_group/s, direction: ingress, protocol: "6", from_port: 80, to_port: 80, cidr: 10.1.2.3/8, description: "" }
    capitals: { group: ec2.security_group/s, direction: ingress, protocol: UDP, from_port: 53, to_port: 53, peer: ec2.security_group/s }
    all: { group: ec2.security_group/s, direction: egress, protocol: all, from_port: 0, to_port: 65535, cidr: 0.0.0.0/0 }
  elbv2.target_group: { t: { vpc: ec2.vpc/v, port: 80, protocol: http, target_type: IP } }
  iam.role:
    r:
      trust:
        Version: "2012-10-17"
        Statement: { Effect: Allow, Principal: { AWS: "000000000000" }, Action: ["STS:assumerole"], Sid: "" }
      policies:
        p: { Version: "2012-10-17", Statement: [{ Effect: Allow, Action: ["s3:GetObject", "s3:GetObject"], Resource: "*", Condition: { Bool: { "aws:SecureTransport": "true" } } }] }
    l: { trust: { Version: "2012-10-17", Statement: { Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: "sts:AssumeRole" } } }
  kms.key:
    k:
      policy:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: { AWS: "000000000000" }, Action: "kms:*", Resource: "*" }]
  lambda.function: { f: { role: "${iam.role/l.arn}", code: "def run(event, context): pass", runtime: Python3.13, architecture: ARM64, handler: index.run } }
  s3.bucket: { b: { encryption: { algorithm: aes256 }, lifecycle: { old: { prefix: "", expire_after: 90, move_after: { glacier: 30 } } } } }
  s3.bucket_policy:
    b:
      bucket: s3.bucket/b
      policy:
        Version: "2012-10-17"
        Statement: [{ Effect: Deny, Principal: "*", Action: "S3:*", Resource: "${s3.bucket/b.arn}/*", Condition: { Bool: { "aws:SecureTransport": false } } }]
  logs.log_group: { l: { name: audit, kms_key: "" } }
  ecs.task_definition:
    t: { cpu: .5 vCPU, memory: 1GB, architecture: arm64, execution_role: iam.role/r, containers: [{ name: c, image: "nginx:1.27" }] }
  rds.subnet_group: { g: { vpc: ec2.vpc/v, subnets: [ec2.subnet/a, ec2.subnet/b] } }
  rds.parameter_group: { p: { family: postgres16, parameters: { Log_Min_Duration_Statement: "500" } } }
  rds.instance:
    d:
      engine: Postgres
      class: db.T4G.micro
      storage: 20
      user: app
      managed_password: true
      subnet_group: rds.subnet_group/g
      parameter_group: rds.parameter_group/p
      maintenance_window: Sun:04:00-Sun:04:30
"#;

#[test]
fn what_aws_spells_otherwise_is_no_difference() {
    settles(SPELLINGS, "spelled");
}

#[test]
fn misspelled_field_is_refused_at_its_line() {
    let s = Subject::new(
        &SPELLINGS
            .replace("protocol: UDP", "protocol: UPD")
            .replace("deny 17", "deny 17x")
            .replace("execution_role: iam.role/r", "execution_role: \"${iam.role/r.id}\", task_role: \"${iam.role/r.name}\""),
    );
    let said = s.place.stack(&["validate", "s.yaml"]).exits(65).words();
    assert!(said.contains("`17x` is not a protocol"), "{said}");
    assert!(said.contains("UPD") && said.contains("protocol: UPD") && said.contains("write `.arn`"), "{said}");
}
