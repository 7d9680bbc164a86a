use serde_json::json;

use super::*;

#[test]
fn the_error_tells_what_a_reference_was_used_for() {
    let said = |text: &str| earlier(&Error::new(Class::Exists, text)).map(str::to_owned);
    let aws = "The caller reference that you are using to create a distribution is associated with another distribution. Already exists: E1A2B3C4D5E6F7";
    assert_eq!(said(aws), Some("E1A2B3C4D5E6F7".into()));
    assert_eq!(said("something else"), None);
}

fn files() -> Value {
    json!({"enabled": true, "certificate": {"minimum_tls": "TLSv1.2_2019"},
        "origins": {"app": {"domain": "a"}, "files": {"domain": "b", "path": "/v1"}},
        "default": {"origin": "app", "cache_policy": policies::CACHING_DISABLED},
        "behaviors": [{"path": "/static/*", "origin": "files", "cache_policy": policies::CACHING_OPTIMIZED}]})
}

/// Returns the effects of a change of the value above, by impact.
fn told(path: &str, value: Value) -> Vec<Impact> {
    let (observed, mut desired) = (files(), files());
    *desired.pointer_mut(path).unwrap() = value;
    let diff = crate::engine::diff(Distribution::RULES, &desired, &observed, &Default::default());
    assert!(!diff.is_empty(), "{path}");
    Distribution::effects(&desired, &observed, &diff).into_iter().map(|effect| effect.impact).collect()
}

#[test]
fn what_a_change_does_besides_is_told() {
    assert_eq!(told("/enabled", json!(false)), [Impact::Interrupts]);
    assert_eq!(told("/certificate/minimum_tls", json!("TLSv1.2_2021")), [Impact::Interrupts]);
    assert_eq!(told("/certificate/minimum_tls", json!("TLSv1.2_2018")), []);
    // Nothing is kept of what the application answers.
    assert_eq!(told("/origins/app/domain", json!("c")), []);
    assert_eq!(told("/origins/files/domain", json!("c")), [Impact::Waits]);
    assert_eq!(told("/origins/files/path", json!("/v2")), [Impact::Waits]);
    assert_eq!(told("/behaviors/0/cache_policy", json!(policies::CACHING_DISABLED)), [Impact::Waits]);
    assert_eq!(told("/behaviors/0/origin", json!("app")), [Impact::Waits]);
}

#[test]
fn additions_are_named_without_values_of_headers() {
    let bare = || DistributionConfig::builder().caller_reference("r").comment("c").enabled(true);
    assert_eq!(put_on(&bare().build().unwrap()), None);
    let header = sdk::OriginCustomHeader::builder().header_name("X-Key").header_value("s3cret").build().unwrap();
    let headers = sdk::CustomHeaders::builder().quantity(1).items(header).build().unwrap();
    let origin = sdk::Origin::builder().id("app").domain_name("a").custom_headers(headers).build().unwrap();
    let error = sdk::CustomErrorResponse::builder().error_code(404).build().unwrap();
    let errors = sdk::CustomErrorResponses::builder().quantity(1).items(error).build().unwrap();
    let origins = Origins::builder().quantity(1).items(origin).build().unwrap();
    let told = put_on(&bare().origins(origins).custom_error_responses(errors).build().unwrap()).unwrap();
    assert!(told.contains("`X-Key` for the origin `app`") && told.contains("the error 404"), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
}
