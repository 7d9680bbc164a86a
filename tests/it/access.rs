//! People: groups and users, their permissions, and what is deleted with them.

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::stacks::PEOPLE;
use crate::support::subject::{Subject, behind, edit};

/// What the scripts below begin with.
const FIND: &str = "iam, developers = client('iam'), 'team-developers-us-east-1'";

/// Every group with its members and rights.
const GROUPS: &str = r#"
iam, result = client("iam"), {}
for group in iam.list_groups()["Groups"]:
    name = group["GroupName"]
    result[name] = {
        "members": sorted(user["UserName"] for user in iam.get_group(GroupName=name)["Users"]),
        "managed": sorted(p["PolicyArn"] for p in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]),
        "inline": sorted(iam.list_group_policies(GroupName=name)["PolicyNames"]),
    }
"#;

#[test]
fn groups_and_users_come_change_are_mended_and_go() {
    let s = Subject::new(PEOPLE);
    let behind = |script: &str, expected: &[&str]| behind(&s, &format!("{FIND}\n{script}"), expected);
    s.apply();
    s.assert_in_step();
    s.proxy.take();
    s.apply();
    let again: Vec<String> = s.proxy.take().iter().filter(|c| c.mutating).map(Call::name).collect();
    assert_eq!(again, Vec::<String>::new());
    let groups = s.account.boto3(GROUPS, &json!(null));
    assert_eq!(
        groups,
        json!({
            "team-developers-us-east-1": {
                "members": ["alice@example.com", "bob"],
                "managed": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                "inline": ["deploy", "view"],
            },
            "team-auditors-us-east-1": {
                "members": ["bob"],
                "managed": ["arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"],
                "inline": [],
            },
        })
    );
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    let arn = outputs["access.users.alice@example.com"].as_str().unwrap();
    assert!(arn.ends_with(":user/stack/team/default/us-east-1/alice@example.com"), "{arn}");

    edit(&s, "[view, deploy]", "[view]", &["update iam.group/developers"]);
    edit(
        &s,
        "may: [view]",
        "may: [view], statements: [{ actions: [\"s3:ListBucket\"], resources: [\"*\"] }]",
        &["update iam.group/developers"],
    );
    edit(&s, "bob: [developers, auditors]", "bob: [auditors]", &["update iam.user/bob"]);
    edit(&s, "bob: [auditors]", "bob: [auditors]\n    carol: [auditors]", &["create iam.user/carol"]);

    // Out of a group and into another one, by hand.
    behind("iam.remove_user_from_group(GroupName='team-auditors-us-east-1', UserName='bob')", &["update iam.user/bob"]);
    behind(
        "iam.create_group(GroupName='admins')\niam.add_user_to_group(GroupName='admins', UserName='bob')",
        &["update iam.user/bob"],
    );
    behind(
        "iam.attach_group_policy(GroupName=developers, PolicyArn='arn:aws:iam::aws:policy/AdministratorAccess')",
        &["update iam.group/developers"],
    );
    behind(
        r#"iam.put_group_policy(GroupName=developers, PolicyName="more", PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}')"#,
        &["update iam.group/developers"],
    );
    behind("iam.untag_user(UserName='carol', TagKeys=['Name'])", &["update iam.user/carol"]);
    assert_eq!(s.account.boto3(GROUPS, &json!(null))["admins"]["members"], json!([]));

    // A group is deleted with its members; foreign ones are named.
    s.account.boto3(
        "iam = client('iam')\niam.create_user(UserName='guest')\niam.add_user_to_group(GroupName='team-auditors-us-east-1', UserName='guest')",
        &json!(null),
    );
    assert_eq!(s.changes(), ["update iam.group/auditors"]);
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let without = text
        .replace("    auditors: { policies: [ViewOnlyAccess, SecurityAudit] }\n", "")
        .replace("bob: [auditors]", "bob: []")
        .replace("carol: [auditors]", "carol: [developers]");
    std::fs::write(&path, without).unwrap();
    assert_eq!(s.changes(), ["delete iam.group/auditors", "update iam.user/bob", "update iam.user/carol"]);
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(plan.stdout.contains("it has members that are not this stack's: `guest`"), "{}", plan.stdout);
    s.apply();
    s.assert_in_step();
    s.account.boto3("client('iam').delete_user(UserName='guest')\nclient('iam').delete_group(GroupName='admins')", &json!(null));

    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.inventory("team", "default"), json!({}));
    assert_eq!(s.account.boto3(GROUPS, &json!(null)), json!({}));
}

#[test]
fn deleted_user_loses_everything_and_the_plan_says_so() {
    let s = Subject::new(PEOPLE);
    s.apply();
    s.account.boto3(
        r#"
iam = client("iam")
for _ in range(2):
    iam.create_access_key(UserName="bob")
iam.create_login_profile(UserName="bob", Password="a-long-Passw0rd!")
serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="bob")["VirtualMFADevice"]["SerialNumber"]
iam.enable_mfa_device(UserName="bob", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321")
iam.put_user_policy(UserName="bob", PolicyName="own", PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}')
iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary="arn:aws:iam::aws:policy/PowerUserAccess")
iam.create_service_specific_credential(UserName="bob", ServiceName="codecommit.amazonaws.com")
"#,
        &json!(null),
    );
    // Keys and logins are people's own: no drift. Rights are not.
    assert_eq!(s.changes(), ["update iam.user/bob"]);
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("    bob: [developers, auditors]\n", "")).unwrap();
    assert_eq!(s.changes(), ["delete iam.user/bob"]);
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(plan.stdout.contains("with 2 access keys, a console password and an MFA device"), "{}", plan.stdout);
    s.apply();
    s.assert_in_step();
    let left = s.account.boto3(
        r#"
iam = client("iam")
result = [[u["UserName"] for u in iam.list_users()["Users"]], [d["SerialNumber"] for d in iam.list_virtual_mfa_devices()["VirtualMFADevices"]]]
"#,
        &json!(null),
    );
    assert_eq!(left, json!([["alice@example.com"], []]));
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.inventory("team", "default"), json!({}));
}

#[test]
fn foreign_user_or_group_is_refused_with_its_arn() {
    let s = Subject::new(PEOPLE);
    let arns = s.account.boto3(
        r#"
iam = client("iam")
result = [iam.create_user(UserName="bob")["User"]["Arn"], iam.create_group(GroupName="team-auditors-us-east-1")["Group"]["Arn"]]
"#,
        &json!(null),
    );
    let plan = s.place.stack(&["plan", "s.yaml"]).exits(4);
    for arn in arns.as_array().unwrap() {
        assert!(plan.stdout.contains(&format!("{} already exists", arn.as_str().unwrap())), "{}", plan.stdout);
    }
    s.proxy.take();
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(s.proxy.take().iter().all(|c| !c.mutating));

    // A user can be handed over, as the plan says: by tags.
    s.account.boto3(
        r#"
iam = client("iam")
iam.delete_group(GroupName="team-auditors-us-east-1")
tags = {"stack:name": "team", "stack:env": "default", "stack:key": "iam.user/bob"}
iam.tag_user(UserName="bob", Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
"#,
        &json!(null),
    );
    assert!(s.changes().contains(&"update iam.user/bob".to_owned()));
    s.apply();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    let users = "result = [u['UserName'] for u in client('iam').list_users()['Users']]";
    // Whom this stack did not make it does not delete, whatever the tags say.
    assert_eq!(s.account.boto3(users, &json!(null)), json!(["bob"]));
}

#[test]
fn same_stack_in_two_regions_shares_no_group_or_user() {
    let text = "stack: team\nregion: REGION\naccess: { groups: { developers: { may: [exec] } }, users: { USER: [developers] } }\nservices: {}\n";
    let of = |region: &str, user: &str| text.replace("REGION", region).replace("USER", user);
    let s = Subject::new(&of("us-east-1", "alice"));
    s.apply();
    s.place.file("eu.yaml", &of("eu-west-1", "alice"));
    let plan = s.place.stack(&["plan", "eu.yaml"]).exits(4);
    assert!(plan.stdout.contains(":user/stack/team/default/us-east-1/alice already exists"), "{}", plan.stdout);
    s.place.file("eu.yaml", &of("eu-west-1", "ben"));
    s.place.stack(&["apply", "eu.yaml", "--yes"]).ok();
    s.assert_in_step();
    let groups: Value = s.account.boto3(GROUPS, &json!(null));
    assert_eq!(groups["team-developers-eu-west-1"]["members"], json!(["ben"]));
    assert_eq!(groups["team-developers-us-east-1"]["members"], json!(["alice"]));
    s.place.stack(&["destroy", "eu.yaml", "--yes"]).ok();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.boto3(GROUPS, &json!(null)), json!({}));
}
