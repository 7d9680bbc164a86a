//! What AWS would refuse in minute 14, said in second 2.

use serde_json::json;

use crate::lifecycle::{STACK, Subject};
use crate::support::proxy::Fault;

const DATABASE: &str = r#"
databases:
  main: { engine: postgres, version: "16", class: CLASS, multi_az: true }
"#;

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_class_a_version_or_an_image_that_is_not_there_stops_the_run_before_it_begins() {
    let s = Subject::new("");
    let refused = |text: &str, said: &str| {
        s.place.file("s.yaml", text);
        s.proxy.take();
        let output = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
        assert!(words(&output.stderr).contains(said), "{said}: {}", output.stderr);
        assert!(output.stderr.contains("nothing was done"), "{}", output.stderr);
        s.place.stack(&["plan", "s.yaml"]).exits(4);
        assert!(s.proxy.take().iter().all(|c| !c.mutating));
        assert_eq!(s.account.inventory("shop", "default"), json!({}));
    };
    let database = |class: &str, version: &str| STACK.to_owned() + &DATABASE.replace("CLASS", class).replace("16", version);
    refused(&database("db.t1.huge", "16"), "rds.instance/main: us-east-1 has no `db.t1.huge` for postgres");
    refused(&database("db.r8g.large", "14"), "us-east-1 has no postgres 14 on `db.r8g.large`; there are 15.");
    let account = &s.account.boto3(r#"result = client("sts").get_caller_identity()["Account"]"#, &json!(null));
    let image = format!("{}.dkr.ecr.us-east-1.amazonaws.com/images/web:1", account.as_str().unwrap());
    let with_image = STACK.replace("busybox:1.37", &image);
    refused(&with_image, &format!("there is no repository `{image}`"));
    s.account.boto3(r#"client("ecr").create_repository(repositoryName="images/web")"#, &json!(null));
    refused(&with_image, &format!("there is no image `{image}`"));
    // Who knows better goes on.
    s.place.stack(&["apply", "s.yaml", "--yes", "--no-preflight"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "*"]).ok();
}

#[test]
fn what_cannot_be_asked_is_unknown_and_stops_nobody() {
    let s = Subject::new(&(STACK.to_owned() + &DATABASE.replace("CLASS", "db.t4g.micro")));
    s.proxy.on_call(|call| match call.operation.as_str() {
        "DescribeOrderableDBInstanceOptions" | "DescribeAccountAttributes" => {
            let body =
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
            Fault::Answer(403, "text/xml".into(), body.into())
        }
        _ => Fault::Pass,
    });
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    let said = words(&plan.stderr);
    assert!(
        said.contains("Unknown: database classes could not be checked: rds:DescribeOrderableDBInstanceOptions: AccessDenied"),
        "{said}"
    );
    assert!(said.contains("Unknown: the quota of databases could not be checked"), "{said}");
    // Nothing is asked when there is nothing to do.
    s.proxy.pass();
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.proxy.take();
    s.assert_in_step();
    let calls = s.proxy.take();
    assert!(
        calls.iter().all(|c| c.operation != "DescribeAccountAttributes" && c.operation != "DescribeOrderableDBInstanceOptions")
    );
    s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "*", "--no-final-snapshot", "*"]).ok();
}

#[test]
fn what_the_identity_is_denied_is_said_beforehand() {
    let mut s = Subject::new(STACK);
    let policy = |more: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": more, "Resource": "*" },
        ] })
    };
    let key = s.account.boto3(
        r#"
iam = client("iam")
iam.create_user(UserName="ci")
iam.put_user_policy(UserName="ci", PolicyName="p", PolicyDocument=__import__("json").dumps(args))
result = iam.create_access_key(UserName="ci")["AccessKey"]
"#,
        &policy("ec2:CreateNatGateway"),
    );
    s.place.set("AWS_ACCESS_KEY_ID", key["AccessKeyId"].as_str().unwrap());
    s.place.set("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"].as_str().unwrap());
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    let said = words(&refused.stderr);
    assert!(said.contains("`ec2:CreateNatGateway` is denied to arn:aws:iam::") && said.contains(":user/ci"), "{said}");
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    s.account.boto3(
        r#"client("iam").put_user_policy(UserName="ci", PolicyName="p", PolicyDocument=__import__("json").dumps(args))"#,
        &policy("rds:CreateDBInstance"),
    );
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.destroy();
}
