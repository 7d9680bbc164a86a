//! Objects of services without regions, and those in us-east-1 that stacks of other regions need there: the same stack can be in two
//! regions, and each has its own. Those of us-east-1 are called and tagged like all others; those of another region have it in their names
//! and in a tag.

use crate::aws::Cx;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TAG_REGION, Tags};
use crate::engine::{Claim, Class, Error, Result, Scope};

/// The region whose objects need no word for it.
const HOME: &str = CLOUDFRONT_REGION;

/// Returns what the names of the stack's objects begin with.
pub fn prefix(scope: &Scope) -> String {
    if scope.region == HOME { scope.prefix() } else { format!("{}-{}", scope.prefix(), scope.region) }
}

/// Returns the regions in which an object that has one can be: the stack's own, and that in which CloudFront reports.
pub fn regions(scope: &Scope) -> Vec<&str> {
    let mut out = vec![scope.region.as_str()];
    // CloudFront serves China and GovCloud differently or not at all.
    out.extend(Some(HOME).filter(|home| scope.partition == "aws" && *home != scope.region));
    out
}

/// Returns the region of an ARN.
pub fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

/// Returns what the names of the stack's objects in a region begin with.
pub fn prefix_in(scope: &Scope, region: &str) -> String {
    if region == scope.region { scope.prefix() } else { prefix(scope) }
}

/// Returns the tags of a new object in a region.
pub fn new_tags_in(scope: &Scope, region: &str, tags: &Tags) -> Tags {
    if region == scope.region { tags.clone() } else { new_tags(scope, tags) }
}

/// Takes the region out of the tags of an object in a region, and returns whether it can be the stack's.
pub fn is_here_in(scope: &Scope, region: &str, tags: &mut Tags) -> bool {
    region != HOME || is_here(scope, tags)
}

/// Returns an error if a new object cannot be in a region.
///
/// # Errors
/// When it could not be found again there.
pub fn check_region(scope: &Scope, region: &str) -> Result<()> {
    if regions(scope).contains(&region) {
        return Ok(());
    }
    let home = if scope.partition == "aws" { format!("`{}` or `{HOME}`", scope.region) } else { format!("`{}`", scope.region) };
    Err(Error::new(Class::Invalid, format!("it cannot be in `{region}`: an object of this kind is in {home}")))
}

/// Returns the name of a new object, in at most `max` characters.
pub fn name(cx: &Cx, max: usize) -> String {
    names::fit(&prefix(&cx.scope), &cx.key.name, cx.generation, max)
}

/// Returns the tags of a new object.
pub fn new_tags(scope: &Scope, tags: &Tags) -> Tags {
    let mut tags = tags.clone();
    if scope.region != HOME {
        tags.insert(TAG_REGION.into(), scope.region.clone());
    }
    tags
}

/// Takes the region out of the tags of an object, and returns whether it can be the stack's: not if it is of the same stack in another
/// region.
pub fn is_here(scope: &Scope, tags: &mut Tags) -> bool {
    match tags.remove(TAG_REGION) {
        Some(region) => region == scope.region,
        // Without tags it is at most someone else's with a name like the stack's.
        None => scope.region == HOME || !scope.owns(tags),
    }
}

/// Returns whose an object with this name is, which is the second mark. Where names are unique and it is not the stack's, the name is
/// taken.
pub fn claim(cx: &Cx, kind: &str, tags: &Tags, name: &str, max: usize, unique: bool) -> Claim {
    let prefix = prefix(&cx.scope);
    match cx.scope.claim(kind, tags, false) {
        Claim::Foreign if unique => names::key_of(&prefix, name).map_or(Claim::Foreign, Claim::Taken),
        claim => names::marked(claim, |key| names::fit(&prefix, key, names::generation(tags), max) == name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_needed_in_us_east_1_have_their_region() {
        let text = |text: &str| text.to_owned();
        let scope = |region: &str, partition: &str| {
            let (stack, env, account) = (text("shop"), text("default"), text("1"));
            Scope { stack, env, region: text(region), account, partition: text(partition) }
        };
        let (home, away) = (scope("us-east-1", "aws"), scope("eu-central-1", "aws"));
        assert_eq!(regions(&home), ["us-east-1"]);
        assert_eq!(regions(&away), ["eu-central-1", "us-east-1"]);
        assert_eq!(regions(&scope("cn-north-1", "aws-cn")), ["cn-north-1"]);
        assert_eq!(["eu-central-1", "us-east-1"].map(|region| prefix_in(&away, region)), ["shop", "shop-eu-central-1"]);
        let ours: Tags = [("stack:name", "shop"), ("stack:env", "default")].map(|(key, value)| (text(key), text(value))).into();
        let there = new_tags_in(&away, "us-east-1", &ours);
        assert_eq!(new_tags_in(&away, "eu-central-1", &ours), ours);
        assert!(is_here_in(&away, "us-east-1", &mut there.clone()) && !is_here_in(&home, "us-east-1", &mut there.clone()));
        assert!(is_here_in(&away, "eu-central-1", &mut ours.clone()) && !is_here_in(&away, "us-east-1", &mut ours.clone()));
        assert!(check_region(&away, "us-east-1").is_ok() && check_region(&away, "eu-west-1").is_err());
    }

    #[test]
    fn two_regions_of_a_stack_are_kept_apart() {
        let text = |text: &str| text.to_owned();
        let scope = |region: &str| {
            let (stack, env, account, partition) = (text("shop"), text("default"), text("1"), text("aws"));
            Scope { stack, env, region: text(region), account, partition }
        };
        let ours: Tags = [("stack:name", "shop"), ("stack:env", "default")].map(|(key, value)| (text(key), text(value))).into();
        assert_eq!([prefix(&scope("us-east-1")), prefix(&scope("eu-central-1"))], ["shop", "shop-eu-central-1"]);
        let seen = |region: &str, tags: &Tags| is_here(&scope(region), &mut tags.clone());
        let (home, away) = (new_tags(&scope("us-east-1"), &ours), new_tags(&scope("eu-central-1"), &ours));
        assert!(seen("us-east-1", &home) && !seen("us-east-1", &away));
        assert!(seen("eu-central-1", &away) && !seen("eu-central-1", &home) && !seen("eu-west-1", &away));
        assert!(seen("eu-central-1", &Tags::new()));
        let mut tags = away.clone();
        assert!(is_here(&scope("eu-central-1"), &mut tags));
        assert_eq!(tags, ours, "nobody compares it");
    }
}
