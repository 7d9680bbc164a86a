//! Sections that get another name in the file: with `moved:` what they are made of stays, without it the plan says that it could.

use serde_json::{Value, json};

use crate::support::stacks::STACK;
use crate::support::subject::{DESTROY, Subject, mutating};

/// What there is, by what AWS knows it by.
fn identities(s: &Subject) -> Value {
    s.account.boto3(
        r#"
ecs = client("ecs")
services = ecs.describe_services(cluster="shop", services=ecs.list_services(cluster="shop")["serviceArns"])["services"]
result = {
    "services": sorted(s["serviceArn"] for s in services),
    "groups": sorted(g["TargetGroupArn"] for g in client("elbv2").describe_target_groups()["TargetGroups"]),
    "firewalls": sorted(g["GroupId"] for g in client("ec2").describe_security_groups()["SecurityGroups"]),
    "roles": sorted(r["RoleId"] for r in client("iam").list_roles()["Roles"] if r["RoleName"].startswith("shop-")),
    "logs": sorted(g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]),
    "databases": sorted([d["DBInstanceIdentifier"], d["InstanceCreateTime"]] for d in client("rds").describe_db_instances()["DBInstances"]),
    "secrets": sorted(s["ARN"] for s in client("secretsmanager").list_secrets()["SecretList"]),
}"#,
        &Value::Null,
    )
}

/// The plan in words, and what it does: action and key.
fn told(s: &Subject) -> (Vec<String>, String) {
    let text = s.place.stack(&["plan", "s.yaml"]).ok();
    (s.changes(), format!("{} {}", text.stdout, text.stderr).split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn a_service_gets_another_name_and_stays() {
    for uses in ["[]", "[services.api]"] {
        let file = STACK.replace("uses: [services.api]", &format!("uses: {uses}"));
        let s = Subject::new(&file);
        s.apply();
        let before = identities(&s);
        let renamed = file.replace("  api:", "  backend:").replace("services.api", "services.backend");
        // Without `moved`, one is created and one deleted; the plan says what would keep it.
        s.place.file("s.yaml", &renamed);
        let (changes, said) = told(&s);
        assert!(changes.contains(&"create ecs.service/backend".to_owned()), "{changes:?}");
        assert!(said.contains("services.api: services.backend"), "{said}");
        // With it nothing is created, deleted or replaced.
        s.place.file("s.yaml", &format!("{renamed}moved: {{ services.api: services.backend }}\n"));
        let (changes, said) = told(&s);
        let other: Vec<&String> = changes.iter().filter(|c| !c.starts_with("update ")).collect();
        // A task definition has revisions: there is a new one where a variable or a name is another.
        assert!(other.iter().all(|c| c.contains(" ecs.task_definition/")), "{changes:#?}\n{said}");
        s.apply();
        assert_eq!(identities(&s), before, "{said}");
        s.assert_in_step();
        // The entry may stay. What comes later begins with what is there.
        s.place
            .file("s.yaml", &format!("{}moved: {{ services.api: services.backend }}\n", renamed.replace("count: 2", "count: 3")));
        assert_eq!(s.changes(), ["update ecs.service/backend"]);
        s.apply();
        s.proxy.take();
        s.apply();
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
        s.place.stack(DESTROY).ok();
        assert_eq!(s.account.inventory("shop", "default"), json!({}));
    }
}

#[test]
fn a_database_gets_another_name_and_keeps_its_data() {
    const FILE: &str = "stack: shop\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\nservices:\n  web: { image: \"nginx:1.27\", port: 80, public: true, uses: [databases.main] }\ndatabases:\n  main: { engine: postgres, version: \"16\", class: db.t4g.micro, storage: 20GiB, replicas: { reports: {} } }\n";
    let s = Subject::new(FILE);
    s.apply();
    let before = identities(&s);
    let renamed = FILE.replace("  main:", "  core:").replace("databases.main", "databases.core");
    s.place.file("s.yaml", &format!("{renamed}moved: {{ databases.main: databases.core }}\n"));
    let (changes, said) = told(&s);
    let harm: Vec<&String> = changes.iter().filter(|c| c.contains(" rds.instance/") && !c.starts_with("update ")).collect();
    assert!(harm.is_empty(), "{changes:#?}\n{said}");
    s.apply();
    assert_eq!(identities(&s), before, "{said}");
    s.assert_in_step();
    s.place.stack(&[DESTROY, &["--allow-delete", "databases.core"]].concat()).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}
