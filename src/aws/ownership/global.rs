//! Objects of services without regions: the same stack can be in two regions, and each has its own. Those of us-east-1 are called and
//! tagged like all others; those of another region have it in their names and in a tag.

use crate::aws::Cx;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TAG_REGION, Tags};
use crate::engine::{Claim, Scope};

/// The region whose objects need no word for it.
const HOME: &str = CLOUDFRONT_REGION;

/// Returns what the names of the stack's objects begin with.
pub fn prefix(scope: &Scope) -> String {
    if scope.region == HOME { scope.prefix() } else { format!("{}-{}", scope.prefix(), scope.region) }
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
