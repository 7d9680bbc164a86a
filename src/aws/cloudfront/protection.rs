//! The web ACL before a distribution, which is part of the distribution's configuration
//! (<https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html>, `WebACLId`).

use super::distribution::{config_of, put, state};
use super::marked;
use super::summaries::{look, summaries};
use crate::aws::Cx;
use crate::engine::{Readiness, Result};

/// A distribution behind a web ACL.
pub struct Behind {
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Whether it is the stack's, by its mark.
    pub is_ours: bool,
}

/// Returns the distributions behind a web ACL.
pub async fn behind(cx: &Cx, web_acl: &str) -> Result<Vec<Behind>> {
    let all = summaries(cx).await?;
    let found = all.iter().filter(|summary| summary.web_acl_id() == web_acl);
    Ok(found
        .map(|summary| Behind {
            id: summary.id().to_owned(),
            arn: summary.arn().to_owned(),
            is_ours: marked(&cx.scope, summary.comment()).is_some(),
        })
        .collect())
}

/// Returns the ARN of the web ACL before a distribution; none if there is none.
pub async fn web_acl_of(cx: &Cx, id: &str) -> Result<Option<String>> {
    let (config, _) = config_of(cx, id).await?;
    Ok(config.web_acl_id.filter(|arn| !arn.is_empty()))
}

/// Puts a web ACL before a distribution, or takes it away, if what is there now is as expected: returns what else it is.
pub async fn put_web_acl(cx: &Cx, id: &str, web_acl: &str, expects: impl Fn(&str) -> bool) -> Result<Option<String>> {
    let (mut config, version) = config_of(cx, id).await?;
    let is = config.web_acl_id.clone().unwrap_or_default();
    if is == web_acl {
        return Ok(None);
    }
    if !expects(&is) {
        return Ok(Some(is));
    }
    config.web_acl_id = Some(web_acl.to_owned());
    put(cx, id, config, version).await?;
    Ok(None)
}

/// Returns how far CloudFront is with the last change of a distribution.
pub async fn readiness(cx: &Cx, id: &str) -> Result<Readiness> {
    Ok(look(cx, id).await?.map_or(Readiness::Gone, |found| state(found.status())))
}
