//! Every list that AWS gives in pages is asked for to its end: with one item a page a stack is the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::kinds::kinds;
use crate::support::stacks::{PEOPLE, TYPICAL, published};
use crate::support::subject::{DESTROY, Subject, mutating};

/// Three objects in every bucket that is not the history's, and an older version of each.
const FILL: &str = r#"
s3 = client("s3")
for bucket in s3.list_buckets()["Buckets"]:
    for n in range(0 if bucket["Name"].startswith("stack-history-") else 6):
        s3.put_object(Bucket=bucket["Name"], Key=f"k{n % 3}", Body=b"1")
"#;

/// Brings a stack up, leaves it alone and takes it down, one item a page; how many pages with more behind them each operation
/// had.
fn one_a_page(text: &str) -> BTreeMap<String, usize> {
    let name = text.lines().find_map(|line| line.strip_prefix("stack: ")).unwrap().trim().to_owned();
    let s = Subject::new(text);
    let mut paged = BTreeMap::new();
    let mut turn = |on: bool| {
        for (operation, pages) in s.proxy.paged() {
            // Objects are listed by bucket; the names of buckets are left out here.
            let operation = operation.split(['?', ' ']).take(1).collect::<String>()
                + if operation.contains("versions") {
                    " versions"
                } else if operation.contains("list-type=2") {
                    " objects"
                } else {
                    ""
                };
            *paged.entry(operation).or_default() += pages;
        }
        s.proxy.pages_of_one(on);
    };
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    let whole = kinds(&s.account.inventory(&name, "default"));
    turn(true);
    s.assert_in_step();
    s.proxy.take();
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "{name}");
    s.account.boto3(FILL, &json!(null));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory(&name, "default"), json!({}), "{name}");
    // From nothing, and judged in pages of any size.
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.assert_in_step();
    turn(false);
    s.assert_in_step();
    assert_eq!(kinds(&s.account.inventory(&name, "default")), whole, "{name}");
    s.place.stack(DESTROY).ok();
    turn(false);
    paged
}

/// The file with the most in it, and people; `STACK_PAGES=all` takes every published file.
#[test]
fn a_stack_is_the_same_one_item_a_page() {
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    let files = if std::env::var_os("STACK_PAGES").is_some() { TYPICAL } else { &["stacks/shop.yaml"] };
    let texts = files.iter().map(|file| std::fs::read_to_string(published(file)).unwrap());
    for text in texts.chain([PEOPLE.to_owned()]) {
        for (operation, pages) in one_a_page(&text) {
            *all.entry(operation).or_default() += pages;
        }
    }
    println!(
        "{} operations were asked for page after page, {} pages with more behind them: {all:#?}",
        all.len(),
        all.values().sum::<usize>()
    );
    for operation in
        ["ec2:DescribeSubnets", "elasticloadbalancing:DescribeTargetGroups", "iam:GetGroup", "logs:DescribeLogGroups"]
    {
        assert!(all.contains_key(operation), "{operation}: {all:#?}");
    }
    assert!(all.len() > 25, "{all:#?}");
}

#[test]
fn what_somebody_else_added_is_found_on_the_last_page() {
    let s = Subject::new(&std::fs::read_to_string(published("stacks/small.yaml")).unwrap());
    s.proxy.pages_of_one(true);
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.account.boto3(
        r#"
iam = client("iam")
role = next(r["RoleName"] for r in iam.list_roles()["Roles"] if r["Path"].startswith("/stack/"))
for n in range(3):
    iam.put_role_policy(RoleName=role, PolicyName=f"theirs-{n}", PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}')
ec2 = client("ec2")
group = next(g for g in ec2.describe_security_groups()["SecurityGroups"] if any(t["Key"] == "stack:key" for t in g.get("Tags", [])))
for n in range(3):
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1000 + n, "ToPort": 1000 + n, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}])
"#,
        &Value::Null,
    );
    let changes = s.changes();
    assert_eq!(changes.iter().filter(|c| c.starts_with("delete ec2.security_group_rule/")).count(), 3, "{changes:?}");
    assert_eq!(changes.iter().filter(|c| c.starts_with("update iam.role/")).count(), 1, "{changes:?}");
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
}
