//! What policies allow, as far as controls ask.

use serde_json::Value;

use crate::aws::policy::principals;

/// Returns the statements of a policy document.
fn statements(policy: &Value) -> Vec<&Value> {
    match policy.get("Statement") {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    match value.get(key) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    }
}

fn allows(statement: &&Value) -> bool {
    statement["Effect"] == "Allow"
}

/// Checks whether a policy allows every action on every resource.
pub fn is_administrator(policy: &Value) -> bool {
    statements(policy)
        .into_iter()
        .filter(allows)
        .any(|s| texts(s, "Action").contains(&"*") && texts(s, "Resource").contains(&"*"))
}

/// Returns the services of which a policy allows every action: `s3` for `s3:*`.
pub fn whole_services(policy: &Value) -> Vec<String> {
    let actions = statements(policy).into_iter().filter(allows).flat_map(|s| texts(s, "Action"));
    let mut out: Vec<String> = actions.filter_map(|action| action.strip_suffix(":*")).map(str::to_owned).collect();
    out.sort();
    out.dedup();
    out
}

/// Checks whether a policy allows decryption with every key, whatever its conditions
/// (<https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html#kms-2>).
pub fn decrypts_all(policy: &Value) -> bool {
    let decrypts = |action: &str| {
        ["*", "kms:*", "kms:decrypt", "kms:reencryptfrom", "kms:reencrypt*"].contains(&action.to_ascii_lowercase().as_str())
    };
    // "allow kms:Decrypt only on keys in a particular Region for your account" is what AWS advises.
    let every = |resource: &str| {
        let parts: Vec<&str> = resource.splitn(6, ':').collect();
        resource == "*" || matches!(parts[..], ["arn", _, "kms", "*", _, "*" | "key/*"])
    };
    let found = |s: &Value| texts(s, "Action").into_iter().any(decrypts) && texts(s, "Resource").into_iter().any(every);
    statements(policy).into_iter().filter(allows).any(found)
}

/// The keys of conditions that say who asks, in lower case.
const WHO: [&str; 13] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "kms:calleraccount",
];

/// Checks whether a statement's conditions say who asks, by values without wildcards and variables: no others keep it from being public
/// (<https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-public-read-prohibited.html>).
fn says_who(statement: &Value) -> bool {
    let fixed = |value: &str| !value.contains('*') && !value.contains("${") && !value.ends_with("/0");
    let operators = statement["Condition"].as_object().into_iter().flatten();
    // `StringNotEquals` and the like say who does not.
    let operators = operators.filter(|(operator, _)| !operator.contains("Not") && !operator.ends_with("IfExists"));
    operators.filter_map(|(_, keys)| keys.as_object()).flatten().any(|(key, _)| {
        let all = statement["Condition"].as_object().into_iter().flatten().filter_map(|(_, keys)| keys.get(key));
        let values: Vec<&str> = all
            .flat_map(|values| match values {
                Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect::<Vec<_>>(),
            })
            .collect();
        WHO.contains(&key.to_ascii_lowercase().as_str()) && !values.is_empty() && values.into_iter().all(fixed)
    })
}

/// Checks whether an action of a policy, which can have a wildcard, can stand for one that begins so.
fn can_be(action: &str, beginning: &str) -> bool {
    let (action, beginning) = (action.to_ascii_lowercase(), beginning.to_ascii_lowercase());
    let Some((_, verb)) = action.split_once(':') else { return action == "*" };
    match verb.split_once(['*', '?']) {
        Some((certain, _)) => certain.starts_with(&beginning) || beginning.starts_with(certain),
        None => verb.starts_with(&beginning),
    }
}

/// Checks whether a policy of an object lets everybody do one of these actions, by their beginnings without the service; any for none. A
/// condition can say who: then it is not everybody.
pub fn is_public(policy: &Value, actions: &[&str]) -> bool {
    let everybody = |s: &Value| (principals(&s["Principal"]).contains(&"*") || s.get("NotPrincipal").is_some()) && !says_who(s);
    let matches = |s: &Value| {
        let theirs = texts(s, "Action");
        actions.is_empty()
            || s.get("NotAction").is_some()
            || theirs.iter().any(|action| actions.iter().any(|of| can_be(action, of)))
    };
    statements(policy).into_iter().filter(allows).any(|s| everybody(s) && matches(s))
}

/// Returns the actions among `actions` that a policy allows to another account; `own` is the stack's.
pub fn allowed_elsewhere<'a>(policy: &'a Value, actions: &[&str], own: &str) -> Vec<&'a str> {
    let foreign = |s: &Value| {
        principals(&s["Principal"]).iter().any(|principal| {
            let account = principal.split(':').nth(4).unwrap_or(principal);
            account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) && account != own
        })
    };
    let of = |s: &'a Value| {
        texts(s, "Action").into_iter().filter(|action| actions.contains(action) || *action == "s3:*" || *action == "*")
    };
    statements(policy).into_iter().filter(allows).filter(|s| foreign(s)).flat_map(of).collect()
}

/// Checks whether a policy denies every request without TLS.
pub fn requires_tls(policy: &Value) -> bool {
    let denies = |s: &&Value| {
        let secure = &s["Condition"]["Bool"]["aws:SecureTransport"];
        let is_only = s["Condition"].as_object().is_some_and(|all| all.len() == 1)
            && s["Condition"]["Bool"].as_object().is_some_and(|keys| keys.len() == 1);
        let resources = texts(s, "Resource");
        let is_whole = resources.contains(&"*")
            || resources.iter().any(|one| one.ends_with("/*")) && resources.iter().any(|one| !one.ends_with('*'));
        s["Effect"] == "Deny"
            && is_only
            && is_whole
            && texts(s, "Action").iter().any(|action| matches!(*action, "*" | "s3:*"))
            && (secure == "false" || secure == &Value::Bool(false))
            && principals(&s["Principal"]).contains(&"*")
    };
    statements(policy).iter().any(denies)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(action: Value, resource: Value) -> Value {
        json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
    }

    #[test]
    fn wildcards_are_found_wherever_they_stand() {
        assert!(is_administrator(&policy(json!("*"), json!(["a", "*"]))));
        assert!(!is_administrator(&policy(json!("*"), json!("arn:aws:s3:::b"))));
        assert!(!is_administrator(&json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})));
        assert_eq!(whole_services(&policy(json!(["s3:*", "ec2:Describe*", "s3:*"]), json!("*"))), ["s3"]);
        assert!(decrypts_all(&policy(json!("kms:Decrypt"), json!("arn:aws:kms:*:*:key/*"))));
        assert!(!decrypts_all(&policy(json!("kms:Decrypt"), json!("arn:aws:kms:us-east-1:*:key/*"))));
        assert!(!decrypts_all(&policy(json!("kms:Decrypt"), json!("arn:aws:kms:us-east-1:1:key/12"))));
        assert!(!decrypts_all(&policy(json!("kms:Encrypt"), json!("*"))));
    }

    #[test]
    fn a_condition_says_who() {
        let public =
            json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "*"}]});
        assert!(is_public(&public, &[]) && is_public(&public, &["Get"]) && !is_public(&public, &["Put"]));
        let mut limited = public.clone();
        limited["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:SourceAccount": "1"}});
        assert!(!is_public(&limited, &[]));
        // How it is asked, and values that anybody can have, say nothing of who asks.
        for condition in [
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringLike": {"aws:Referer": "*"}}),
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
            json!({"IpAddress": {"aws:SourceIp": ["192.0.2.1", "0.0.0.0/0"]}}),
            json!({"StringNotEquals": {"aws:SourceAccount": "1"}}),
        ] {
            limited["Statement"][0]["Condition"] = condition.clone();
            assert!(is_public(&limited, &[]), "{condition}");
        }
        limited["Statement"][0]["Condition"] = json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}});
        assert!(!is_public(&limited, &[]));
    }

    #[test]
    fn actions_are_compared_as_iam_does() {
        let of = |action: &str| json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"}});
        for action in ["s3:GetObject", "s3:getobject", "S3:*", "s3:G*", "s3:Get?bject", "*"] {
            assert!(is_public(&of(action), &["Get"]), "{action}");
        }
        assert!(!is_public(&of("s3:PutObject"), &["Get"]) && !is_public(&of("s3:P*"), &["Get"]));
    }

    #[test]
    fn requests_without_tls_are_refused_whole_or_not() {
        let of = |action: &str, resources: Value, condition: Value| json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resources, "Condition": condition}});
        let (both, plain) = (json!(["arn:aws:s3:::b", "arn:aws:s3:::b/*"]), json!({"Bool": {"aws:SecureTransport": "false"}}));
        assert!(requires_tls(&of("s3:*", both.clone(), plain.clone())));
        assert!(!requires_tls(&of("s3:PutObject", both.clone(), plain.clone())));
        assert!(!requires_tls(&of("s3:*", json!("arn:aws:s3:::b/private/*"), plain.clone())));
        let more = json!({"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceAccount": "1"}});
        assert!(!requires_tls(&of("s3:*", both, more)));
    }

    #[test]
    fn accounts_are_told_from_services() {
        let of =
            |principal: Value| json!({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "s3:PutBucketAcl"}]});
        let found = |principal: Value| !allowed_elsewhere(&of(principal), &["s3:PutBucketAcl"], "111111111111").is_empty();
        assert!(found(json!({"AWS": "arn:aws:iam::222222222222:root"})) && found(json!({"AWS": ["222222222222"]})));
        assert!(
            !found(json!({"AWS": "arn:aws:iam::111111111111:role/x"}))
                && !found(json!({"Service": "delivery.logs.amazonaws.com"}))
        );
    }
}
