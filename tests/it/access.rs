//! People: groups and users, their permissions, and what is deleted with them.

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::run::words;
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
fn groups_and_users_come_change_are_fixed_and_go() {
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

/// Every role that a token of an issuer can assume, and every issuer.
const PIPELINES: &str = r#"
iam, roles, providers = client("iam"), {}, {}
for role in iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]:
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    if "Federated" in statement["Principal"]:
        roles[role["RoleName"]] = {
            "trusts": statement["Principal"]["Federated"],
            "condition": statement["Condition"],
            "inline": sorted(policy["PolicyName"] for policy in role["RolePolicyList"]),
            "managed": [policy["PolicyName"] for policy in role["AttachedManagedPolicies"]],
        }
for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
    told = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=one["Arn"])
    providers[told["Url"]] = told["ClientIDList"]
result = {"roles": roles, "providers": providers}
"#;

const WITH_PIPELINE: &str = "stack: team
region: us-east-1
access:
  pipelines:
    release: { github: acme/shop, branches: [main], may: [view] }
";

#[test]
fn pipelines_assume_a_role_without_a_key() {
    let s = Subject::new(WITH_PIPELINE);
    s.apply();
    s.assert_in_step();
    let host = "token.actions.githubusercontent.com";
    let arn = format!("arn:aws:iam::{}:oidc-provider/{host}", s.account.id);
    let main = "repo:acme/shop:ref:refs/heads/main";
    let found = s.account.boto3(PIPELINES, &json!(null));
    assert_eq!(found["providers"], json!({ host: ["sts.amazonaws.com"] }));
    assert_eq!(
        found["roles"]["team-release-pipeline-us-east-1"],
        json!({
            "trusts": arn,
            "condition": { "StringEquals": { format!("{host}:aud"): "sts.amazonaws.com", format!("{host}:sub"): [main] } },
            "inline": ["view"],
            "managed": [],
        })
    );
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    let role = outputs["access.pipelines.release"].as_str().unwrap();
    assert!(role.ends_with(":role/stack/team/default/us-east-1/team-release-pipeline-us-east-1"), "{role}");

    // Whom it lets in is shown: what a person must see of such a plan.
    s.write("branches: [main]", "branches: [main], environments: [production]");
    let plan = words(&s.place.stack(&["plan", "s.yaml"]).ok().stdout);
    let who = "can be assumed by repo:acme/shop:environment:production (token.actions.githubusercontent.com)";
    assert!(plan.contains(who), "{plan}");
    assert!(!plan.contains("oidc_provider"), "what stays as it is is no difference: {plan}");
    s.write(", environments: [production]", "");

    // An edit changes only the role, and so does what someone else did to it or to the issuer.
    edit(&s, "[main]", "[main, \"release/*\"]", &["update iam.role/release-pipeline"]);
    let found = s.account.boto3(PIPELINES, &json!(null));
    let condition = &found["roles"]["team-release-pipeline-us-east-1"]["condition"];
    assert_eq!(condition["StringLike"][format!("{host}:sub")], json!([main, "repo:acme/shop:ref:refs/heads/release/*"]));
    // Whom else the account lets use the issuer's tokens is not the stack's business; whom the stack does is.
    let clients =
        "iam, arn = client('iam'), client('iam').list_open_id_connect_providers()['OpenIDConnectProviderList'][0]['Arn']";
    let add = "iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID='https://github.com/acme')";
    s.account.boto3(&format!("{clients}\n{add}"), &json!(null));
    assert_eq!(s.changes(), Vec::<String>::new());
    let remove = "iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID='sts.amazonaws.com')";
    behind(&s, &format!("{clients}\n{remove}"), &["update iam.oidc_provider/github"]);
    let found = s.account.boto3(PIPELINES, &json!(null));
    assert_eq!(found["providers"][host], json!(["https://github.com/acme", "sts.amazonaws.com"]));

    // A second environment of the account cannot have a provider of its own, and uses the first one's.
    let second = WITH_PIPELINE.replace("stack: team", "stack: other");
    s.place.file("o.yaml", &second);
    let refused = s.place.stack(&["apply", "o.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("identity_providers: existing"), "{}", refused.stderr);
    let existing = second.replace("  pipelines:", "  identity_providers: existing\n  pipelines:");
    s.place.file("o.yaml", &existing);
    s.place.stack(&["apply", "o.yaml", "--yes"]).ok();
    s.place.stack(&["plan", "o.yaml", "--detailed-exitcode"]).ok();
    assert_eq!(s.account.boto3(PIPELINES, &json!(null))["roles"]["other-release-pipeline-us-east-1"]["trusts"], arn.as_str());

    // Without the issuer nobody could assume the other environment's role: it stays as long as that is there.
    let kept = s.place.stack(&["destroy", "s.yaml", "--yes"]).exits(3);
    assert!(kept.words().contains("the role `other-release-pipeline-us-east-1`"), "{}", kept.stderr);
    assert!(!s.account.boto3(PIPELINES, &json!(null))["providers"].as_object().unwrap().is_empty());
    s.place.stack(&["destroy", "o.yaml", "--yes"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.boto3(PIPELINES, &json!(null)), json!({ "roles": {}, "providers": {} }));
}

/// IAM has no regions, and a provider is of the one where it was made: in the other one it is used as someone else's, and never deleted.
#[test]
fn a_provider_belongs_to_one_region_of_a_stack() {
    let s = Subject::new(WITH_PIPELINE);
    s.apply();
    let second = WITH_PIPELINE.replace("us-east-1", "eu-west-1");
    s.place.file("eu.yaml", &second);
    let refused = s.place.stack(&["apply", "eu.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("identity_providers: existing"), "{}", refused.stderr);
    s.place.file("eu.yaml", &second.replace("  pipelines:", "  identity_providers: existing\n  pipelines:"));
    s.place.stack(&["apply", "eu.yaml", "--yes"]).ok();
    s.place.stack(&["plan", "eu.yaml", "--exact", "--detailed-exitcode"]).ok();
    s.assert_in_step();
    s.place.stack(&["destroy", "eu.yaml", "--yes"]).ok();
    s.assert_in_step();

    // The other way round: made in the region that has a tag.
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    s.place.file("eu.yaml", &second);
    s.place.stack(&["apply", "eu.yaml", "--yes"]).ok();
    s.place.stack(&["plan", "eu.yaml", "--exact", "--detailed-exitcode"]).ok();
    s.place.file("s.yaml", "stack: team\nregion: us-east-1\nservices: {}\n");
    assert_eq!(s.changes(), Vec::<String>::new());
    s.place.stack(&["destroy", "eu.yaml", "--yes"]).ok();
    assert_eq!(s.account.boto3(PIPELINES, &json!(null)), json!({ "roles": {}, "providers": {} }));
}

#[test]
fn a_boundary_limits_every_role_and_user() {
    let boundaries = r#"
iam = client("iam")
told = iam.get_account_authorization_details(Filter=["Role", "User"])
names = [*((d["RoleName"], d) for d in told["RoleDetailList"]), *((d["UserName"], d) for d in told["UserDetailList"])]
result = {name: d.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for name, d in names if d["Path"].startswith("/stack/")}
"#;
    let limits = |name: &str| {
        let document = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
        format!("client('iam').create_policy(PolicyName='{name}', PolicyDocument='{document}')")
    };
    let s = Subject::new(&format!("{WITH_PIPELINE}  users: {{ dora: [] }}\n"));
    s.apply();
    let arn = format!("arn:aws:iam::{}:policy/limits", s.account.id);
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let limited = text.replace("access:\n", &format!("access:\n  boundary: {arn}\n"));
    std::fs::write(&path, &limited).unwrap();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("policy/limits` does not exist"), "{}", refused.stderr);
    s.account.boto3(&limits("limits"), &json!(null));
    assert_eq!(s.changes(), ["update iam.role/release-pipeline", "update iam.user/dora"]);
    s.apply();
    s.assert_in_step();
    let all = json!({ "team-release-pipeline-us-east-1": arn.as_str(), "dora": arn.as_str() });
    assert_eq!(s.account.boto3(boundaries, &json!(null)), all);
    behind(
        &s,
        "client('iam').delete_role_permissions_boundary(RoleName='team-release-pipeline-us-east-1')",
        &["update iam.role/release-pipeline"],
    );
    // Created with it, not given it afterwards.
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    s.proxy.take();
    s.apply();
    let calls: Vec<String> = s.proxy.take().iter().map(Call::name).collect();
    assert!(!calls.iter().any(|call| call.contains("PermissionsBoundary")), "{calls:?}");
    assert_eq!(s.account.boto3(boundaries, &json!(null)), all);
    // Left out of the file it stays.
    std::fs::write(&path, &text).unwrap();
    assert_eq!(s.changes(), Vec::<String>::new());
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
}

/// What the account says of passwords.
const PASSWORDS: &str = r#"
policy = client("iam").get_account_password_policy()["PasswordPolicy"]
result = [policy[key] for key in ("MinimumPasswordLength", "RequireSymbols", "AllowUsersToChangePassword")]
# Without an expiry AWS leaves out what the local AWS calls 0.
result += [policy.get(key) or 0 for key in ("PasswordReusePrevention", "MaxPasswordAge", "HardExpiry")]
"#;

#[test]
fn the_password_policy_is_only_made_stricter() {
    let text = |section: &str| format!("stack: team\nregion: us-east-1\naccess: {{ password_policy: {section} }}\n");
    let s = Subject::new(&text("{}"));
    let policy = || s.account.boto3(PASSWORDS, &json!(null));
    assert_eq!(s.changes(), ["create iam.password_policy/account"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(policy(), json!([14, true, true, 24, 0, 0]));
    edit(&s, "{ password_policy: {} }", "{ password_policy: { min_length: 16 } }", &["update iam.password_policy/account"]);
    assert_eq!(policy(), json!([16, true, true, 24, 0, 0]));

    // What is stricter stays, also when something else is written; what is weaker is drift.
    let mut write = "client('iam').update_account_password_policy(MinimumPasswordLength=20, RequireSymbols=True, RequireNumbers=True, \
         RequireUppercaseCharacters=True, RequireLowercaseCharacters=True, AllowUsersToChangePassword=True, PasswordReusePrevention=24, \
         HardExpiry=False, MaxPasswordAge=60)"
        .to_owned();
    s.account.boto3(&write, &json!(null));
    s.assert_in_step();
    write = write.replace("PasswordReusePrevention=24", "PasswordReusePrevention=3");
    behind(&s, &write, &["update iam.password_policy/account"]);
    assert_eq!(policy(), json!([20, true, true, 24, 60, 0]));

    // An expiry is said to concern people.
    s.place.file("s.yaml", &text("{ max_age: 30d }"));
    let plan = s.place.stack(&["plan", "s.yaml"]).ok().stdout;
    assert!(words(&plan).contains("older than 30 days must change it at the next sign-in"), "{plan}");
    s.apply();
    assert_eq!(policy()[4], 30);

    // Without the key, and after the stack, it is as it was, and nothing asks for it.
    s.place.file("s.yaml", "stack: team\nregion: us-east-1\naccess: { groups: { a: { may: [view] } } }\n");
    s.proxy.take();
    assert_eq!(s.changes(), ["create iam.group/a"]);
    assert!(s.proxy.take().iter().all(|call| call.name() != "iam:GetAccountPasswordPolicy"));
    s.place.file("s.yaml", &text("{}"));
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(policy(), json!([20, true, true, 24, 30, 0]));
}
