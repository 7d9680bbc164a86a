//! Samples of requests, which WAF keeps for three hours
//! (<https://docs.aws.amazon.com/waf/latest/APIReference/API_GetSampledRequests.html>).

use std::time::{Duration, SystemTime};

use aws_sdk_wafv2::types::{self as sdk, SampledHttpRequest, TimeWindow};

use super::web_acl::{SORT, seen};
use super::{Called, Rule, built};
use crate::aws::Cx;
use crate::aws::wafv2::errors::failed;
use crate::engine::Result;

/// How far back samples go.
pub const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// The maximum number of samples of a rule.
const MOST: i64 = 500;

/// A web ACL of the stack and the names of its rules, in their order.
#[derive(Clone, Debug)]
pub struct Acl {
    /// Its ARN.
    pub arn: String,
    /// Its name, which is that of its metric.
    pub name: String,
    /// Whether it stands before CloudFront.
    pub is_global: bool,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A request that a rule matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The address that it came from.
    pub address: String,
    /// The country of the address, if WAF knows it.
    pub country: String,
    /// `GET`
    pub method: String,
    /// The path, without what follows `?`: that could be secret.
    pub path: String,
    /// The rule within a managed group, if it is one.
    pub inner: Option<String>,
    /// `COUNT`, `BLOCK`
    pub action: String,
    /// How many requests it stands for.
    pub weight: i64,
}

/// Returns the stack's web ACLs.
///
/// # Errors
/// When WAF cannot be asked.
pub async fn acls(cx: &Cx) -> Result<Vec<Acl>> {
    let all = seen(cx).await?;
    let ours = all.iter().filter(|seen| seen.claim.name().is_some());
    let mut found: Vec<Acl> = ours
        .map(|seen| Acl {
            arn: seen.called.arn.clone(),
            name: seen.called.name.clone(),
            is_global: seen.called.scope == super::CLOUDFRONT,
            rules: seen.rules(),
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Returns samples of the requests that a rule matched.
///
/// # Errors
/// When WAF cannot be asked.
pub async fn requests(cx: &Cx, acl: &Acl, rule: &str, since: Duration) -> Result<Vec<Request>> {
    let called = Called::known(&acl.arn, SORT)?;
    let now = SystemTime::now();
    let window = TimeWindow::builder().start_time((now - since.min(LONGEST)).into()).end_time(now.into());
    let call = called.client(cx).get_sampled_requests().web_acl_arn(&acl.arn).rule_metric_name(rule);
    let call = call.scope(sdk::Scope::from(called.scope)).time_window(built(window.build())?).max_items(MOST);
    let answer = call.send().await.map_err(failed("wafv2:GetSampledRequests"))?;
    let found = answer.sampled_requests.unwrap_or_default();
    Ok(found.iter().map(read).collect())
}

fn read(sample: &SampledHttpRequest) -> Request {
    let request = sample.request();
    let text = |of: Option<&str>| of.unwrap_or_default().to_owned();
    Request {
        address: text(request.and_then(|r| r.client_ip())),
        country: text(request.and_then(|r| r.country())),
        method: text(request.and_then(|r| r.method())),
        path: text(request.and_then(|r| r.uri()).map(|uri| uri.split('?').next().unwrap_or(uri))),
        inner: sample.rule_name_within_rule_group().map(|name| name.rsplit('#').next().unwrap_or(name).to_owned()),
        action: text(sample.action()),
        weight: sample.weight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_path_is_not_shown() {
        let request = sdk::HttpRequest::builder().client_ip("192.0.2.1").uri("/login?password=x").method("GET").build();
        let sample = SampledHttpRequest::builder().request(request).weight(2).action("COUNT");
        let found = read(&sample.rule_name_within_rule_group("AWS#AWSManagedRulesCommonRuleSet#SizeRestrictions_BODY").build());
        assert_eq!((found.path.as_str(), found.inner.as_deref()), ("/login", Some("SizeRestrictions_BODY")));
    }
}
