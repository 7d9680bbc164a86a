//! Content delivery, in Amazon CloudFront.

mod behavior;
mod checks;
mod controls;
mod cost;
mod distribution;
pub(in crate::aws) mod errors;
pub mod invalidation;
mod origin;
mod origin_access_control;
mod protection;
mod summaries;
mod viewer_certificate;

pub use behavior::{Behavior, policies};
pub use distribution::{Distribution, Logs, STATES, ZONE};
pub use origin::Origin;
pub use origin_access_control::OriginAccessControl;
pub use protection::{Behind, behind, put_web_acl, readiness, web_acl_of};
pub use summaries::{delivered, is_ours_or_gone};
pub use viewer_certificate::ViewerCertificate;

use aws_sdk_cloudfront::types as sdk;
use aws_smithy_types::error::operation::BuildError;

use super::Tags;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Error, Result, Scope};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["cloudfront"],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[KindRow::of::<OriginAccessControl>(), KindRow::of::<Distribution>()])
};

/// Returns the mark of an object. CloudFront is the same in all regions, so the mark contains the stack's: `webapp/staging/main
/// in eu-west-1`. It is written where CloudFront has room for a comment, which lists show without tags.
fn mark(scope: &Scope, name: &str) -> String {
    format!("{}/{}/{name} in {}", scope.stack, scope.env, scope.region)
}

/// Returns the object of the stack that is marked so.
fn marked(scope: &Scope, text: &str) -> Option<String> {
    let name = text.strip_prefix(&format!("{}/{}/", scope.stack, scope.env))?;
    name.strip_suffix(&format!(" in {}", scope.region)).map(str::to_owned)
}

fn to_sdk(tags: &Tags) -> Result<sdk::Tags> {
    let tag = |(k, v): (&String, &String)| built(sdk::Tag::builder().key(k).value(v).build());
    Ok(sdk::Tags::builder().set_items(Some(tags.iter().map(tag).collect::<Result<_>>()?)).build())
}

/// Reports what the SDK could not build as a defect.
fn built<T>(result: Result<T, BuildError>) -> Result<T> {
    result.map_err(|e| Error::internal(e.to_string()))
}

/// Returns the length of a list, which AWS expects along with it.
fn count<T>(items: &[T]) -> i32 {
    i32::try_from(items.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_only_in_their_own_scope() {
        let scope = |stack: &str, env: &str, region: &str| Scope {
            stack: stack.into(),
            env: env.into(),
            region: region.into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        let web = scope("web", "default", "us-east-1");
        assert_eq!(marked(&web, &mark(&web, "main")), Some("main".into()));
        for other in
            [scope("web", "staging", "us-east-1"), scope("webapp", "default", "us-east-1"), scope("web", "default", "eu-west-1")]
        {
            assert_eq!(marked(&web, &mark(&other, "main")), None, "{other:?}");
        }
    }
}
