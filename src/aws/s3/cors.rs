use std::collections::BTreeMap;

use aws_sdk_s3::types::{CorsConfiguration, CorsRule as SdkRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::built;
use crate::aws::Cx;
use crate::aws::s3::errors::failed;
use crate::aws::spelling::Wrong;
use crate::engine::Result;

/// Which web pages may send which requests to a bucket from a browser
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// The origins of the pages, such as `https://app.example.com`, each with one `*` at most.
    pub origins: Vec<String>,
    /// The methods: `GET`, `PUT`, `POST`, `DELETE`, `HEAD`.
    pub methods: Vec<String>,
    /// The headers that requests may have, each with one `*` at most. Left out: only those that browsers always send.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The headers of answers that pages may read. Left out: only those that they always can.
    #[serde(default)]
    pub expose: Vec<String>,
    /// For how many seconds a browser remembers the answer. Left out: as the browser likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<i32>,
}

impl CorsRule {
    fn read(rule: &SdkRule) -> CorsRule {
        CorsRule {
            origins: rule.allowed_origins().to_vec(),
            methods: rule.allowed_methods().to_vec(),
            headers: rule.allowed_headers().to_vec(),
            expose: rule.expose_headers().to_vec(),
            max_age_seconds: rule.max_age_seconds(),
        }
    }

    fn write(&self, id: &str) -> Result<SdkRule> {
        let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
        let rule = SdkRule::builder().id(id).set_max_age_seconds(self.max_age_seconds);
        let rule = rule.set_allowed_origins(list(&self.origins)).set_allowed_methods(list(&self.methods));
        built(rule.set_allowed_headers(list(&self.headers)).set_expose_headers(list(&self.expose)).build())
    }
}

/// Returns the rules of an answer by their names. One without a name has its place in the list.
pub(super) fn read(rules: &[SdkRule]) -> BTreeMap<String, CorsRule> {
    let named = |(at, rule): (usize, &SdkRule)| {
        (rule.id().filter(|id| !id.is_empty()).map_or_else(|| at.to_string(), str::to_owned), CorsRule::read(rule))
    };
    rules.iter().enumerate().map(named).collect()
}

/// Writes all rules of a bucket, which AWS accepts only together; removes them where there are none.
pub(super) async fn write(cx: &Cx, bucket: &str, rules: &BTreeMap<String, CorsRule>) -> Result<()> {
    let (s3, owner) = (&cx.cloud.s3, &cx.scope.account);
    if rules.is_empty() {
        let call = s3.delete_bucket_cors().bucket(bucket).expected_bucket_owner(owner);
        call.send().await.map_err(failed("s3:DeleteBucketCors"))?;
        return Ok(());
    }
    let rules = rules.iter().map(|(id, rule)| rule.write(id)).collect::<Result<Vec<_>>>()?;
    let all = built(CorsConfiguration::builder().set_cors_rules(Some(rules)).build())?;
    let call = s3.put_bucket_cors().bucket(bucket).expected_bucket_owner(owner).cors_configuration(all);
    call.send().await.map_err(failed("s3:PutBucketCors"))?;
    Ok(())
}

/// The most rules of a bucket, and the methods that they can have (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>).
const MOST: usize = 100;
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// Checks what AWS requires of the rules.
pub(super) fn spell(bucket: &Value, wrong: &mut Vec<Wrong>) {
    let Some(rules) = bucket.get("cors").and_then(Value::as_object) else { return };
    if rules.len() > MOST {
        wrong.push(("cors".into(), format!("a bucket has at most {MOST} rules of CORS")));
    }
    for (name, rule) in rules {
        let mut refuse = |field: &str, why: &str| wrong.push((format!("cors.{name}{field}"), why.to_owned()));
        if name.len() > 255 {
            refuse("", "a rule's name has at most 255 characters");
        }
        let texts = |field: &str| rule.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for field in ["origins", "methods"] {
            if rule.get(field).and_then(Value::as_array).is_some_and(Vec::is_empty) {
                refuse(&format!(".{field}"), "AWS requires at least one");
            }
        }
        if texts("methods").any(|method| !method.contains("${") && !METHODS.contains(&method)) {
            refuse(".methods", "S3 accepts `GET`, `PUT`, `POST`, `DELETE` and `HEAD`, in capitals");
        }
        for field in ["origins", "headers"] {
            if texts(field).any(|text| text.matches('*').count() > 1) {
                refuse(&format!(".{field}"), "S3 accepts one `*` in each");
            }
        }
        if texts("expose").any(|text| text.contains('*')) {
            refuse(".expose", "S3 accepts no `*` here");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule() -> CorsRule {
        CorsRule {
            origins: vec!["https://a.example".into()],
            methods: vec!["GET".into(), "PUT".into()],
            headers: Vec::new(),
            expose: vec!["ETag".into()],
            max_age_seconds: Some(60),
        }
    }

    #[test]
    fn a_rule_is_read_as_it_was_written() {
        let written = rule().write("app").unwrap();
        // AWS refuses empty lists.
        assert_eq!(written.allowed_headers, None);
        let unnamed = SdkRule::builder().allowed_methods("GET").allowed_origins("*").build().unwrap();
        let read = read(&[written, unnamed]);
        assert_eq!(read["app"], rule());
        assert_eq!(read["1"].origins, ["*"]);
    }

    #[test]
    fn what_s3_refuses_of_cors_is_wrong() {
        let found = |rule: Value| {
            let mut wrong = Vec::new();
            spell(&json!({"cors": {"r": rule}}), &mut wrong);
            wrong.into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        assert_eq!(found(json!(rule())), Vec::<String>::new());
        let bad = json!({"origins": ["*.*"], "methods": ["PATCH"], "headers": ["a*b*"], "expose": ["x-*"]});
        assert_eq!(found(bad), ["cors.r.methods", "cors.r.origins", "cors.r.headers", "cors.r.expose"]);
        assert_eq!(found(json!({"origins": [], "methods": []})), ["cors.r.origins", "cors.r.methods"]);
        let many: serde_json::Map<String, Value> = (0..101).map(|n| (n.to_string(), json!(rule()))).collect();
        let mut wrong = Vec::new();
        spell(&json!({"cors": many}), &mut wrong);
        assert_eq!(wrong.len(), 1);
    }
}
