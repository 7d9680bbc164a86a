use super::*;
use crate::blueprint::tests::graph;

#[test]
fn the_account_has_all_rights_and_services_only_some() {
    let scope = Scope {
        stack: "shop".into(),
        env: "test".into(),
        region: "eu-west-1".into(),
        account: "123456789012".into(),
        partition: "aws".into(),
    };
    let policy = super::policy(&scope, &[], false);
    let statements = policy["Statement"].as_array().unwrap();
    for statement in statements {
        let all = statement["Action"] == "kms:*";
        assert_eq!(all, statement["Principal"] == json!({"AWS": "arn:aws:iam::123456789012:root"}), "{statement}");
        // Whoever is not the account is held by a condition.
        assert_ne!(all, statement.get("Condition").is_some(), "{statement}");
    }
    let anybody: Vec<&Value> = statements.iter().filter(|s| s["Principal"] == json!({"AWS": "*"})).collect();
    assert_eq!(anybody.len(), 2);
    for statement in &anybody {
        assert_eq!(statement["Condition"]["StringEquals"]["kms:CallerAccount"], "123456789012");
        let grants = statement["Action"].to_string().contains("kms:CreateGrant");
        let only_services = statement["Condition"]["Bool"]["kms:GrantIsForAWSResource"] == "true";
        assert_eq!(grants, only_services, "{statement}");
    }
    assert_eq!(
        statements[1]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"],
        json!([
            "arn:aws:logs:eu-west-1:123456789012:log-group:/stack/shop/test/*",
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/instance/shop-test/*",
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/instance/shop-test-*",
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/ecs/containerinsights/shop-test/*",
        ])
    );
    let with_firewall =
        &super::policy(&scope, &[], true)["Statement"][1]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"];
    assert_eq!(with_firewall[4], "arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-stack/shop/test/*");
    assert_eq!(statements[1]["Principal"], json!({"Service": "logs.eu-west-1.amazonaws.com"}));
    let china = Scope { region: "cn-north-1".into(), partition: "aws-cn".into(), ..scope };
    let policy = super::policy(&china, &[], false);
    assert_eq!(policy["Statement"][1]["Principal"], json!({"Service": "logs.cn-north-1.amazonaws.com.cn"}));
}

#[test]
fn listed_accounts_may_copy_and_nothing_else_changes() {
    let text = |text: &str| text.to_owned();
    let (region, account) = (text("us-east-1"), text("111122223333"));
    let scope = Scope { stack: text("shop"), env: text("production"), region, account, partition: text("aws") };
    let (alone, shared) = (super::policy(&scope, &[], false), super::policy(&scope, &["444455556666".parse().unwrap()], false));
    let (alone, shared) = (alone["Statement"].as_array().unwrap(), shared["Statement"].as_array().unwrap());
    assert_eq!(&shared[..alone.len()], &alone[..]);
    let added = &shared[alone.len()..];
    let roots = serde_json::json!(["arn:aws:iam::444455556666:root"]);
    assert!(added.len() == 2 && added.iter().all(|one| one["Principal"]["AWS"] == roots), "{added:?}");
    // What may lead further is for AWS's services only.
    let grants = added.iter().find(|one| one["Action"].to_string().contains("CreateGrant")).unwrap();
    assert_eq!(grants["Condition"]["Bool"]["kms:GrantIsForAWSResource"], "true");
}

#[test]
fn every_log_group_has_the_main_key() {
    let graph = graph(&json!({"stack": "a", "region": "us-east-1", "keys": {"main": {}},
        "archive": {"jobs": {"orders": {"service": "web", "command": ["./archive"]}}},
        "databases": {"main": {"engine": "postgres", "version": "16", "password": {"rotate": "30d"}}},
        "services": {"web": {"image": "i", "port": 80, "exec": true, "routes": ["/*"], "uses": ["databases.main"]}}}));
    let groups: Vec<_> = graph.nodes().filter(|node| node.key.kind == "logs.log_group").collect();
    for name in ["restart_services", "archive", "archive-jobs", "web", "container-insights"] {
        assert!(
            groups.iter().any(|group| group.key.name == name),
            "{name}: {:?}",
            groups.iter().map(|g| &g.key.name).collect::<Vec<_>>()
        );
    }
    let without: Vec<&str> = groups
        .iter()
        .filter(|group| group.desired["kms_key"] != "${kms.key/main.arn}")
        .map(|group| group.key.name.as_str())
        .collect();
    assert_eq!(without, Vec::<&str>::new());
}

/// Returns the statements of `keys.main`'s policy beyond those that every key has, by their names.
fn added(file: &Value) -> BTreeMap<String, Value> {
    let graph = graph(file);
    let key = graph.get(&"kms.key/main".parse().unwrap()).unwrap();
    let all = key.desired["policy"]["Statement"].as_array().unwrap();
    assert_eq!(all[0]["Sid"], "Account");
    all[4..].iter().map(|one| (one["Sid"].as_str().unwrap().to_owned(), one.clone())).collect()
}

#[test]
fn publishers_of_an_encrypted_topic_may_use_its_key() {
    let file = json!({"stack": "a", "region": "us-east-1", "keys": {"main": {}}, "alarms": {"email": ["a@example.com"]},
        "budget": {"monthly": 300, "topic": "alarms"},
        "databases": {"main": {"engine": "postgres", "version": "16"}},
        "services": {"web": {"image": "i", "port": 80}}});
    let topic = graph(&file).get(&"sns.topic/alarms".parse().unwrap()).unwrap().desired.clone();
    assert_eq!(topic["kms_key"], "${kms.key/main.arn}");
    let added = added(&file);
    let services = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.rds.amazonaws.com"];
    assert_eq!(added["Publishers"]["Principal"], json!({"Service": services}));
    assert_eq!(added["Publishers"]["Condition"], json!({"StringEquals": {"aws:SourceAccount": "123456789012"}}));
    // "Adding aws:SourceAccount … is not supported for EventBridge-to-encrypted topics."
    assert_eq!(added["Events"]["Principal"], json!({"Service": ["events.amazonaws.com"]}));
    assert!(added["Events"].get("Condition").is_none() && added.len() == 2, "{added:?}");
    for statement in added.values() {
        assert_eq!(statement["Action"], json!(["kms:Decrypt", "kms:GenerateDataKey*"]));
    }
}

#[test]
fn a_topic_of_ones_own_brings_its_publishers_along() {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "SNS:Publish", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sns:Subscribe", "Resource": "*"},
        {"Effect": "Deny", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"},
    ]});
    let with = |key: &str| {
        json!({"stack": "a", "region": "us-east-1", "keys": {"main": {}, "other": {}},
            "resources": {"sns.topic": {"orders": {"kms_key": key, "policy": policy}}}})
    };
    let main = added(&with("${kms.key/main.arn}"));
    assert_eq!(main.keys().collect::<Vec<_>>(), ["Publishers"]);
    assert_eq!(main["Publishers"]["Principal"], json!({"Service": ["s3.amazonaws.com"]}));
    assert!(added(&with("${kms.key/other.arn}")).is_empty(), "it is another key's");
}

#[test]
fn the_policy_of_a_key_of_ones_own_is_left_as_it_is() {
    let own = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Account", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}]});
    let publish = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}]});
    let graph = graph(&json!({"stack": "a", "region": "us-east-1", "resources": {
        "kms.key": {"own": {"policy": own}},
        "sns.topic": {"orders": {"kms_key": "${kms.key/own.arn}", "policy": publish}}}}));
    assert_eq!(graph.get(&"kms.key/own".parse().unwrap()).unwrap().desired["policy"], own);
}

#[test]
fn cloudfront_reads_what_the_main_key_encrypts() {
    let with = |cdn: Value| json!({"stack": "a", "region": "us-east-1", "keys": {"main": {}}, "cdn": cdn});
    let whole = with(json!({"static": {"paths": ["/*"]}, "logs": true}));
    let made = graph(&whole);
    for name in ["assets", "cdn-logs"] {
        let bucket = made.get(&format!("s3.bucket/{name}").parse().unwrap()).unwrap();
        let how = json!({"algorithm": "aws:kms", "key": "${kms.key/main.arn}", "bucket_key": true});
        assert_eq!(bucket.desired["encryption"], how, "{name}");
    }
    let statements = added(&whole);
    let arns = ["arn:aws:s3:::a-assets-*", "arn:aws:s3:::a-cdn-logs-*"];
    assert_eq!(statements["Files"]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:s3:arn"], json!(arns));
    assert_eq!(statements["Files"]["Condition"]["StringEquals"]["kms:ViaService"], "s3.us-east-1.amazonaws.com");
    assert_eq!(statements["CloudFrontReads"]["Action"], "kms:Decrypt");
    let distributions = "arn:aws:cloudfront::123456789012:distribution/*";
    assert_eq!(statements["CloudFrontReads"]["Condition"]["ArnLike"]["aws:SourceArn"], distributions);
    assert_eq!(statements["CloudFrontLogs"]["Action"], "kms:GenerateDataKey*", "it writes, and reads nothing");
    let without_logs = added(&with(json!({"static": {"paths": ["/*"]}, "logs": false})));
    assert_eq!(without_logs.keys().collect::<Vec<_>>(), ["CloudFrontReads", "Files"]);
    let others = json!({"static": {"paths": ["/*"], "bucket": "theirs"}, "logs": false});
    assert!(added(&with(others)).is_empty());
}

/// Without a key, the same stack has AWS's own.
#[test]
fn without_a_key_buckets_have_those_of_s3() {
    let graph = graph(&json!({"stack": "a", "region": "us-east-1", "cdn": {"static": {"paths": ["/*"]}, "logs": true},
        "alarms": {"email": ["a@example.com"]}, "services": {"web": {"image": "i", "port": 80}}}));
    for node in graph.nodes().filter(|node| node.key.kind == Bucket::KIND) {
        assert_eq!(node.desired["encryption"]["algorithm"], "AES256", "{}", node.key);
    }
    assert_eq!(graph.get(&"sns.topic/alarms".parse().unwrap()).unwrap().desired["kms_key"], "");
}
