//! Web ACLs, in AWS WAF.
//!
//! What stands before a load balancer is in the stack's region (scope `REGIONAL`), what stands before CloudFront in us-east-1 (scope
//! `CLOUDFRONT`). Rule groups of one's own, regular expressions and CAPTCHA are left out.

mod association;
mod checks;
pub(in crate::aws) mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod ip_set;
mod rule;
pub mod sampled;
mod web_acl;

pub use association::Association;
pub use ip_set::IpSet;
pub use rule::{ManagedGroup, Rate, Rule};
pub use web_acl::{Logs, WebAcl};

use aws_sdk_wafv2::Client;
use aws_sdk_wafv2::types::{self as sdk, Tag};
use aws_smithy_types::error::operation::BuildError;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::call::rate_limit::{Rates, per_second, rate};
use crate::aws::ownership::tags::{TAG_REGION, TagEdit, Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wafv2::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Claim, Diff, Error, Result, Scope};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["wafv2"],
    // <https://docs.aws.amazon.com/waf/latest/developerguide/limits.html>
    rates: &[Rates {
        asking: per_second(5),
        changing: per_second(1),
        ..Rates::of(
            "WAFV2",
            &[
                (&["AssociateWebACL"], rate(1, 0.5)),
                (&["DisassociateWebACL"], rate(1, 0.5)),
                (&["GetWebACLForResource"], per_second(1)),
                (&["ListResourcesForWebACL"], per_second(1)),
            ],
        )
    }],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[KindRow::of::<IpSet>(), KindRow::of::<WebAcl>(), KindRow::of::<Association>()])
};

/// For load balancers and other things of a region.
pub const REGIONAL: &str = "REGIONAL";
/// For distributions.
pub const CLOUDFRONT: &str = "CLOUDFRONT";
const SCOPES: &[&str] = &[REGIONAL, CLOUDFRONT];
/// The maximum length of a name (<https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html>).
const NAME: usize = 128;
/// The maximum number of entries that a list shows at once.
const LISTED: i32 = 100;
/// The number of calls at once.
const AT_ONCE: usize = 5;

/// Returns the scopes in which the stack's objects can be.
fn scopes(cx: &Cx) -> &'static [&'static str] {
    // CloudFront serves China and GovCloud differently or not at all.
    if cx.scope.partition == "aws" { SCOPES } else { &SCOPES[..1] }
}

fn region<'a>(cx: &'a Cx, scope: &str) -> &'a str {
    if scope == CLOUDFRONT { CLOUDFRONT_REGION } else { &cx.scope.region }
}

fn client<'a>(cx: &'a Cx, scope: &str) -> &'a Client {
    if region(cx, scope) == cx.scope.region { &cx.cloud.wafv2 } else { &cx.cloud.wafv2_global }
}

/// Returns what the names of the stack's objects begin with: in us-east-1 those of several regions meet.
fn prefix(scope: &Scope, of: &str) -> String {
    match of == CLOUDFRONT && scope.region != CLOUDFRONT_REGION {
        true => format!("{}-{}", scope.prefix(), scope.region),
        false => scope.prefix(),
    }
}

/// Returns the name of a new object.
fn name(cx: &Cx, scope: &str) -> String {
    names::fit(&prefix(&cx.scope, scope), &cx.key.name, cx.generation, NAME)
}

/// Returns whose an object is: its name, which cannot be changed, is the second mark.
fn claim(cx: &Cx, kind: &str, scope: &str, tags: &Tags, name: &str) -> Claim {
    let prefix = prefix(&cx.scope, scope);
    match cx.scope.claim(kind, tags, false) {
        Claim::Foreign => names::key_of(&prefix, name).map_or(Claim::Foreign, Claim::Taken),
        claim => names::marked(claim, |key| names::fit(&prefix, key, names::generation(tags), NAME) == name),
    }
}

/// What a web ACL or an IP set is called by, as its ARN has it:
/// `arn:aws:wafv2:us-east-1:123456789012:global/webacl/NAME/ID`
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awswafv2.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Called {
    arn: String,
    scope: &'static str,
    name: String,
    id: String,
}

impl Called {
    /// Reads the ARN of an object of this sort: `webacl` or `ipset`.
    fn of(arn: &str, sort: &str) -> Option<Called> {
        let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':').skip(1);
        let (service, path) = (parts.next()?, parts.nth(2)?);
        let path: Vec<&str> = path.split('/').collect();
        let [level, found, name, id] = path.as_slice() else { return None };
        let scope = if *level == "global" { CLOUDFRONT } else { REGIONAL };
        let called = Called { arn: arn.to_owned(), scope, name: (*name).to_owned(), id: (*id).to_owned() };
        (service == "wafv2" && *found == sort).then_some(called)
    }

    /// Reads the same of an object of the stack.
    fn known(arn: &str, sort: &str) -> Result<Called> {
        Called::of(arn, sort).ok_or_else(|| Error::internal(format!("`{arn}` is not the ARN of a {sort}")))
    }

    fn client<'a>(&self, cx: &'a Cx) -> &'a Client {
        client(cx, self.scope)
    }

    fn sdk(&self) -> sdk::Scope {
        sdk::Scope::from(self.scope)
    }
}

/// An object that can be the stack's, with its tags.
struct Candidate {
    called: Called,
    tags: Tags,
}

/// Returns every object of a sort that can be the stack's: those that the index knows, or those with names like the stack's.
async fn candidates(cx: &Cx, sort: &'static str) -> Result<Vec<Candidate>> {
    let found = try_join_all(scopes(cx).iter().map(|scope| candidates_in(cx, scope, sort))).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn candidates_in(cx: &Cx, scope: &'static str, sort: &'static str) -> Result<Vec<Candidate>> {
    let known = |index: &tag_index::Index| -> Vec<Candidate> {
        let called = index.iter().filter_map(|(arn, tags)| Some((Called::of(arn, sort)?, tags)));
        called
            .filter(|(called, _)| called.scope == scope)
            .map(|(called, tags)| Candidate { called, tags: tags.clone() })
            .collect()
    };
    let found = match tag_index::asked(cx, "wafv2", region(cx, scope)).await {
        Some(index) => known(&index),
        None => {
            let prefix = prefix(&cx.scope, scope);
            let tagged =
                if region(cx, scope) == cx.scope.region { known(&*tag_index::candidates(cx).await?) } else { Vec::new() };
            let mut listed = listed(cx, scope, sort).await?;
            listed.retain(|one| names::begins(&prefix, &one.name, NAME) || tagged.iter().any(|known| known.called == *one));
            let asked = listed.into_iter().map(|called| async move {
                let tags = tags_of(cx, &called).await?;
                Ok::<_, Error>(Candidate { called, tags })
            });
            stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?
        }
    };
    Ok(found.into_iter().filter_map(|one| here(&cx.scope, scope, one)).collect())
}

/// Leaves out what the same stack has in us-east-1 for its distribution in another region, and removes the tag that says so.
fn here(scope: &Scope, of: &str, mut one: Candidate) -> Option<Candidate> {
    let told = one.tags.remove(TAG_REGION);
    let away = of == CLOUDFRONT && scope.region != CLOUDFRONT_REGION;
    match told {
        Some(region) => region == scope.region,
        // Without tags it is at most someone else's with a name like the stack's.
        None => !away || !scope.owns(&one.tags),
    }
    .then_some(one)
}

/// Returns every object of a sort in the account.
async fn listed(cx: &Cx, scope: &'static str, sort: &str) -> Result<Vec<Called>> {
    let (client, of) = (client(cx, scope), sdk::Scope::from(scope));
    let (mut out, mut marker) = (Vec::new(), None);
    loop {
        let (arns, next): (Vec<Option<String>>, _) = if sort == ip_set::SORT {
            let call = client.list_ip_sets().scope(of.clone()).limit(LISTED).set_next_marker(marker);
            let answer = call.send().await.map_err(failed("wafv2:ListIPSets"))?;
            (answer.ip_sets.unwrap_or_default().into_iter().map(|one| one.arn).collect(), answer.next_marker)
        } else {
            let call = client.list_web_acls().scope(of.clone()).limit(LISTED).set_next_marker(marker);
            let answer = call.send().await.map_err(failed("wafv2:ListWebACLs"))?;
            (answer.web_acls.unwrap_or_default().into_iter().map(|one| one.arn).collect(), answer.next_marker)
        };
        let is_last = arns.is_empty();
        out.extend(arns.into_iter().flatten().filter_map(|arn| Called::of(&arn, sort)));
        // A full page has a marker, even if nothing follows.
        marker = next.filter(|marker| !marker.is_empty() && !is_last);
        if marker.is_none() {
            return Ok(out);
        }
    }
}

async fn tags_of(cx: &Cx, called: &Called) -> Result<Tags> {
    let (mut tags, mut marker) = (Tags::new(), None);
    loop {
        let call = called.client(cx).list_tags_for_resource().resource_arn(&called.arn).set_next_marker(marker);
        let answer = present(call.send().await.map_err(failed("wafv2:ListTagsForResource")).map(Some))?;
        let Some(answer) = answer else { return Ok(tags) };
        let found = answer.tag_info_for_resource.and_then(|info| info.tag_list).unwrap_or_default();
        tags.extend(from_pairs(found.iter().map(|tag| (Some(tag.key()), Some(tag.value())))));
        marker = answer.next_marker.filter(|marker| !marker.is_empty() && !found.is_empty());
        if marker.is_none() {
            return Ok(tags);
        }
    }
}

/// Reports what the SDK could not build as a defect.
fn built<T>(result: std::result::Result<T, BuildError>) -> Result<T> {
    result.map_err(|e| Error::internal(e.to_string()))
}

fn tags_to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter().map(|(key, value)| built(Tag::builder().key(key).value(value).build())).collect()
}

/// Returns the tags of a new object: for CloudFront of another region they say of which.
fn new_tags(cx: &Cx, scope: &str, tags: &Tags) -> Result<Vec<Tag>> {
    let mut tags = tags.clone();
    if region(cx, scope) != cx.scope.region {
        tags.insert(TAG_REGION.into(), cx.scope.region.clone());
    }
    tags_to_sdk(&tags)
}

/// Applies the difference of the tags.
async fn retag(cx: &Cx, called: &Called, desired: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    let client = called.client(cx);
    if !edit.write.is_empty() {
        let call = client.tag_resource().resource_arn(&called.arn).set_tags(Some(tags_to_sdk(&edit.write)?));
        call.send().await.map_err(failed("wafv2:TagResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = client.untag_resource().resource_arn(&called.arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("wafv2:UntagResource"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> Scope {
        let text = |text: &str| text.to_owned();
        Scope { stack: text("shop"), env: text("default"), region: text(region), account: text("1"), partition: text("aws") }
    }

    #[test]
    fn arns_say_what_objects_are_called() {
        let arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop-cdn/0-1";
        let called = Called::of(arn, web_acl::SORT).unwrap();
        assert_eq!((called.scope, called.name.as_str(), called.id.as_str()), (CLOUDFRONT, "shop-cdn", "0-1"));
        assert_eq!(Called::of(arn, ip_set::SORT), None);
        let arn = "arn:aws:wafv2:eu-west-1:123456789012:regional/ipset/shop/0-1";
        assert_eq!(Called::of(arn, ip_set::SORT).unwrap().scope, REGIONAL);
        assert_eq!(Called::of("arn:aws:waf-regional:eu-west-1:1:webacl/0-1", web_acl::SORT), None);
    }

    #[test]
    fn two_regions_of_a_stack_are_kept_apart() {
        let tags = |region: Option<&str>| -> Tags {
            let all = [("stack:name", Some("shop")), ("stack:env", Some("default")), (TAG_REGION, region)];
            all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect()
        };
        let seen = |here_is: &str, of: &'static str, region: Option<&str>| {
            let called = Called { arn: String::new(), scope: of, name: String::new(), id: String::new() };
            here(&scope(here_is), of, Candidate { called, tags: tags(region) }).map(|one| one.tags.contains_key(TAG_REGION))
        };
        assert_eq!(seen("us-east-1", CLOUDFRONT, None), Some(false));
        assert_eq!(seen("us-east-1", CLOUDFRONT, Some("eu-west-1")), None);
        assert_eq!(seen("eu-west-1", CLOUDFRONT, Some("eu-west-1")), Some(false));
        assert_eq!(seen("eu-west-1", CLOUDFRONT, None), None);
        assert_eq!(seen("eu-west-1", REGIONAL, None), Some(false));
        assert_ne!(prefix(&scope("us-east-1"), CLOUDFRONT), prefix(&scope("eu-west-1"), CLOUDFRONT));
    }
}
