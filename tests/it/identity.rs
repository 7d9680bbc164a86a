//! `access.identity_center`: permission sets and their assignments, against what another client sees of them.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::aws::LocalAws;
use crate::support::console::CENTER;
use crate::support::proxy::{Call, Fault};
use crate::support::run::words;
use crate::support::subject::{APPLY, DESTROY, Subject, behind, edit, mutating, run_and_kill_when};

/// Every permission set with who has it in the account, and the role that it has become there.
const SEEN: &str = r#"
region = args or "us-east-1"
sso, people, iam, result = client("sso-admin", region), client("identitystore", region), client("iam"), {}
account = client("sts").get_caller_identity()["Account"]
instance = sso.list_instances()["Instances"][0]
where, store = {"InstanceArn": instance["InstanceArn"]}, {"IdentityStoreId": instance["IdentityStoreId"]}
names = {group["GroupId"]: group["DisplayName"] for group in people.list_groups(**store)["Groups"]}
names |= {user["UserId"]: user["UserName"] for user in people.list_users(**store)["Users"]}
roles = iam.list_roles(PathPrefix="/aws-reserved/sso.amazonaws.com/")["Roles"]
for arn in sso.list_permission_sets(**where)["PermissionSets"]:
    one = where | {"PermissionSetArn": arn}
    told = sso.describe_permission_set(**one)["PermissionSet"]
    assigned = sso.list_account_assignments(**one, AccountId=account)["AccountAssignments"]
    role = next((role["RoleName"] for role in roles if role["RoleName"].startswith(f"AWSReservedSSO_{told['Name']}_")), None)
    document = sso.get_inline_policy_for_permission_set(**one)["InlinePolicy"]
    kept = iam.list_role_policies(RoleName=role)["PolicyNames"] if role else []
    kept = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in kept]
    result[told["Name"]] = {
        "session": told["SessionDuration"],
        "description": told.get("Description"),
        "managed": sorted(policy["Name"] for policy in sso.list_managed_policies_in_permission_set(**one)["AttachedManagedPolicies"]),
        "sids": [statement["Sid"] for statement in json.loads(document)["Statement"]] if document else [],
        "assigned": sorted(f"{each['PrincipalType']} {names[each['PrincipalId']]}" for each in assigned),
        "role": role and [statement["Sid"] for policy in kept for statement in policy["Statement"]],
    }
"#;

/// What the scripts below begin with: the one permission set of developers.
const FIND: &str = r#"
sso, people = client("sso-admin"), client("identitystore")
account = client("sts").get_caller_identity()["Account"]
instance = sso.list_instances()["Instances"][0]
where, store = {"InstanceArn": instance["InstanceArn"]}, {"IdentityStoreId": instance["IdentityStoreId"]}
sets = [where | {"PermissionSetArn": arn} for arn in sso.list_permission_sets(**where)["PermissionSets"]]
one = next((s for s in sets if sso.describe_permission_set(**s)["PermissionSet"]["Name"] == "shop-developers"), None)
group = lambda name: next(g["GroupId"] for g in people.list_groups(**store)["Groups"] if g["DisplayName"] == name)
def assignment(name, account=account):
    return one | {"TargetId": account, "TargetType": "AWS_ACCOUNT", "PrincipalType": "GROUP", "PrincipalId": group(name)}
"#;

const FILE: &str = r#"
stack: shop
region: us-east-1
access:
  identity_center:
    permission_sets:
      developers: { groups: [developers], may: [view], session: 8h, description: Who builds the shop }
"#;

/// The objects of that file, in the order of plans.
const CREATES: [&str; 2] = ["create sso.assignment/developers-group-developers", "create sso.permission_set/developers"];

fn subject(text: &str) -> Subject {
    let s = Subject::new(text);
    s.account.boto3(CENTER, &Value::Null);
    s
}

fn seen(s: &Subject) -> Value {
    s.account.boto3(&format!("import json{SEEN}"), &Value::Null)
}

/// The calls to IAM Identity Center and its identity store.
fn asked(calls: &[Call]) -> Vec<String> {
    calls.iter().map(Call::name).filter(|name| name.starts_with("sso") || name.starts_with("identitystore")).collect()
}

#[test]
fn permission_sets_come_change_are_fixed_and_go() {
    let s = subject(FILE);
    let behind = |script: &str, expected: &[&str]| behind(&s, &format!("{FIND}\n{script}"), expected);
    assert_eq!(s.changes(), CREATES);
    s.apply();
    s.assert_in_step();
    s.proxy.take();
    s.apply();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    let sids = json!(["ViewObjects", "ViewLists", "ViewLogs", "ViewEverywhere"]);
    let expected = json!({"session": "PT8H", "description": "Who builds the shop", "managed": [], "sids": sids, "assigned": ["GROUP developers"], "role": sids});
    assert_eq!(seen(&s), json!({ "shop-developers": expected }));

    // An edit changes only itself, and the account gets it.
    const SET: &[&str] = &["update sso.permission_set/developers"];
    s.proxy.take();
    edit(&s, "session: 8h", "session: 90m", SET);
    assert!(s.proxy.take().iter().any(|call| call.name().ends_with("ProvisionPermissionSet")));
    assert_eq!(seen(&s)["shop-developers"]["description"], "Who builds the shop");
    edit(&s, "may: [view]", "may: [view], policies: [ReadOnlyAccess]", SET);
    edit(&s, "may: [view], ", "", SET);
    let now = seen(&s)["shop-developers"].clone();
    assert_eq!((&now["session"], &now["managed"], &now["sids"]), (&json!("PT1H30M"), &json!(["ReadOnlyAccess"]), &json!([])));
    assert_eq!(now["role"], json!([]), "the account has the latest version");
    edit(&s, "[developers]", "[developers, auditors]", &["create sso.assignment/developers-group-auditors"]);
    s.write("auditors]", "auditors], users: [ann@example.org]");
    let changes = s.changes();
    assert!(
        changes.len() == 1 && changes[0].starts_with("create sso.assignment/developers-user-ann-example-org-"),
        "{changes:?}"
    );
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(&s)["shop-developers"]["assigned"], json!(["GROUP auditors", "GROUP developers", "USER ann@example.org"]));
    edit(&s, ", auditors]", "]", &["delete sso.assignment/developers-GROUP-auditors"]);

    // What others do to it.
    behind("sso.update_permission_set(**one, Description='Mine', SessionDuration='PT12H', RelayState='https://x')", SET);
    let relay = format!("{FIND}\nresult = sso.describe_permission_set(**one)['PermissionSet']['RelayState']");
    assert_eq!(s.account.boto3(&relay, &Value::Null), "https://x", "what the file does not say stays");
    behind("sso.attach_managed_policy_to_permission_set(**one, ManagedPolicyArn='arn:aws:iam::aws:policy/PowerUserAccess')", SET);
    behind("sso.create_account_assignment(**assignment('auditors'))", &["delete sso.assignment/developers-GROUP-auditors"]);
    behind("sso.delete_account_assignment(**assignment('developers'))", &["create sso.assignment/developers-group-developers"]);
    behind("sso.untag_resource(**where, ResourceArn=one['PermissionSetArn'], TagKeys=['stack:section'])", SET);

    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), json!({}));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// `stack access` asks about the role that a permission set is in the account.
#[test]
fn who_may_do_what_is_told_of_permission_sets_too() {
    let s = subject(FILE);
    s.apply();
    let said = s.place.stack(&["access", "s.yaml", "--json"]).ok().stdout;
    assert!(
        said.contains("AWSReservedSSO_shop-developers_") && said.contains("access.identity_center.permission_sets"),
        "{said}"
    );
}

/// Someone wrote the policy, and wrote it back: the account is left with what it had in between.
#[test]
fn what_was_not_provisioned_is_provisioned() {
    let s = subject(FILE);
    s.apply();
    let change = r#"
before = sso.get_inline_policy_for_permission_set(**one)["InlinePolicy"]
other = '{"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
sso.put_inline_policy_to_permission_set(**one, InlinePolicy=other)
sso.provision_permission_set(**one, TargetId=account, TargetType="AWS_ACCOUNT")
sso.list_instances()
sso.put_inline_policy_to_permission_set(**one, InlinePolicy=before)
"#;
    s.account.boto3(&format!("{FIND}{change}"), &Value::Null);
    assert_eq!(seen(&s)["shop-developers"]["role"], json!(["Theirs"]));
    assert_eq!(s.changes(), ["update sso.permission_set/developers"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(&s)["shop-developers"]["role"], seen(&s)["shop-developers"]["sids"]);
}

#[test]
fn without_the_section_nobody_is_asked() {
    const NONE: &str = "stack: shop\nregion: us-east-1\naccess: { groups: { a: { may: [view] } } }\n";
    let s = subject(NONE);
    s.apply();
    s.assert_in_step();
    assert_eq!(asked(&s.proxy.take()), Vec::<String>::new());
    // What it had is found by the roles that are in the account.
    s.place.file("s.yaml", FILE);
    s.apply();
    s.place.file("s.yaml", NONE);
    let mut changes = s.changes();
    changes.sort();
    let expected =
        ["create iam.group/a", "delete sso.assignment/developers-GROUP-developers", "delete sso.permission_set/developers"];
    assert_eq!(changes, expected);
    s.apply();
    assert_eq!(seen(&s), json!({}));
    s.proxy.take();
    s.assert_in_step();
    assert_eq!(asked(&s.proxy.take()), Vec::<String>::new());
    s.place.stack(DESTROY).ok();
}

#[test]
fn what_cannot_be_is_told_before_anything() {
    let refused = |s: &Subject, exit: i32, words_of: &[&str]| {
        s.proxy.take();
        let output = s.place.stack(APPLY).exits(exit);
        let said = words(&output.stderr) + &words(&output.stdout);
        for word in words_of {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    };
    let s = Subject::new(FILE);
    refused(&s, 4, &["IAM Identity Center has no instance in us-east-1", "access.identity_center.region"]);
    s.account.say(json!({"region": "us-east-1", "sso.instance": {"organization": "visible"}}));
    refused(&s, 6, &["not authorized to perform: sso:ListPermissionSets", "management account or a delegated administrator"]);
    s.account.boto3(CENTER, &Value::Null);
    s.write("[developers]", "[developer]");
    refused(&s, 4, &["has no group `developer`", "did you mean `developers`?"]);
    s.write("groups: [developer]", "users: [an@example.org]");
    refused(&s, 4, &["has no user `an@example.org`", "did you mean `ann@example.org`?"]);
    s.write("users: [an@example.org]", "groups: [developers], policies: [\"arn:aws:iam::ACCOUNT:policy/none\"]");
    s.write("ACCOUNT", &s.account.id.clone());
    refused(&s, 4, &["policy/none` does not exist in the account"]);
    assert_eq!(seen(&s), json!({}));
}

#[test]
fn someone_elses_set_is_not_touched() {
    let s = subject(FILE);
    let theirs = format!("{FIND}\nsso.create_permission_set(**where, Name='shop-developers', Description='Theirs')");
    s.account.boto3(&theirs, &Value::Null);
    let output = s.place.stack(APPLY);
    let said = words(&output.stderr) + &words(&output.stdout);
    assert!(output.code == Some(4) && said.contains("sso.permission_set/developers"), "{said}");
    let found = seen(&s)["shop-developers"].clone();
    assert_eq!((&found["description"], &found["assigned"]), (&json!("Theirs"), &json!([])));
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s)["shop-developers"]["description"], "Theirs");
}

/// A set of the stack that someone assigned in another account too is told and kept, with what it is there.
#[test]
fn what_other_accounts_have_is_not_deleted() {
    let s = subject(FILE);
    s.apply();
    let assign = format!("{FIND}\nsso.create_account_assignment(**assignment('auditors', '123456789012'))\nsso.list_instances()");
    s.account.boto3(&assign, &Value::Null);
    s.assert_in_step();
    s.proxy.take();
    let output = s.place.stack(DESTROY).exits(4);
    let said = words(&output.stderr) + &words(&output.stdout);
    assert!(said.contains("someone assigned it in the account 123456789012"), "{said}");
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.account.boto3(&format!("{FIND}\nsso.delete_account_assignment(**assignment('auditors', '123456789012'))"), &Value::Null);
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), json!({}));
}

/// The organization's home is another region than the stack's, and its boundary is on the people, too.
#[test]
fn the_center_can_be_in_another_region() {
    const HOME: &str = "eu-west-1";
    let s =
        Subject::new(&FILE.replace("identity_center:", "boundary: PowerUserAccess\n  identity_center:\n    region: eu-west-1"));
    s.account.boto3(CENTER, &json!(HOME));
    s.apply();
    s.assert_in_step();
    let found = s.account.boto3(&format!("import json{SEEN}"), &json!(HOME));
    assert_eq!(found["shop-developers"]["assigned"], json!(["GROUP developers"]));
    let boundary = format!(
        "{}\nresult = sso.get_permissions_boundary_for_permission_set(**one)['PermissionsBoundary']",
        FIND.replace(
            "client(\"sso-admin\"), client(\"identitystore\")",
            "client('sso-admin', 'eu-west-1'), client('identitystore', 'eu-west-1')"
        )
    );
    let boundary = s.account.boto3(&boundary, &Value::Null);
    assert_eq!(boundary, json!({"ManagedPolicyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}));
    // By the name alone, from the roles of the account.
    let destroy = ["destroy", "--stack", "shop", "--region", "us-east-1", "--yes", "--confirm=shop/default"];
    s.place.stack(&destroy).ok();
    assert_eq!(s.account.boto3(&format!("import json{SEEN}"), &json!(HOME)), json!({}));
}

#[test]
fn what_fails_says_why_and_is_done_the_next_time() {
    let s = subject(FILE);
    s.account.will(json!({"sso.assignment": "Received a 403 status error: Access denied.", "times": 1}));
    let output = s.place.stack(APPLY);
    let said = words(&output.stderr) + &words(&output.stdout);
    assert!(output.code == Some(3) && said.contains("Received a 403 status error"), "{said}");
    s.apply();
    s.assert_in_step();
    s.account.will(json!({"sso.provisioning": "Received a 403 status error: Access denied.", "times": 1}));
    s.write("may: [view]", "may: [view], policies: [ReadOnlyAccess]");
    s.place.stack(APPLY).exits(3);
    assert_eq!(s.changes(), ["update sso.permission_set/developers"]);
    s.apply();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
}

/// AWS works on one thing of an account at a time: what comes meanwhile is told so, and comes again.
#[test]
fn assignments_wait_for_one_another() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, &FILE.replace("[developers]", "[developers, auditors], users: [ann@example.org]"));
    s.account.boto3(CENTER, &Value::Null);
    aws.time_scale(0.05);
    s.apply();
    let conflicts = s.proxy.take().iter().filter(|call| call.name().ends_with("CreateAccountAssignment")).count();
    assert!(conflicts > 3, "{conflicts} calls for three assignments");
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), json!({}));
}

#[test]
fn killed_at_any_call_it_is_finished_by_the_next_run() {
    const STEPS: [&str; 5] = [
        "CreatePermissionSet",
        "PutInlinePolicyToPermissionSet",
        "CreateAccountAssignment",
        "DeleteAccountAssignment",
        "DeletePermissionSet",
    ];
    for reaches in [true, false] {
        let s = subject(FILE);
        for step in STEPS[..3].iter().copied() {
            assert!(run_and_kill_when(&s, APPLY, reaches, move |call: &Call| call.name().ends_with(step)), "{step}");
        }
        s.apply();
        s.assert_in_step();
        assert_eq!(seen(&s).as_object().unwrap().len(), 1);
        assert_eq!(seen(&s)["shop-developers"]["assigned"], json!(["GROUP developers"]));
        for step in STEPS[3..].iter().copied() {
            assert!(run_and_kill_when(&s, DESTROY, reaches, move |call: &Call| call.name().ends_with(step)), "{step}");
        }
        s.place.stack(DESTROY).ok();
        assert_eq!(seen(&s), json!({}), "reaches: {reaches}");
    }
}

/// An answer that is lost is no reason for a second one.
#[test]
fn a_lost_answer_makes_nothing_twice() {
    let s = subject(FILE);
    let lost = AtomicBool::new(false);
    s.proxy.on_call(move |call| {
        let is_it = call.name().ends_with("CreatePermissionSet") && !lost.swap(true, Ordering::SeqCst);
        if is_it { Fault::DropAfter } else { Fault::Pass }
    });
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(&s).as_object().unwrap().len(), 1);
    s.place.stack(DESTROY).ok();
}
