//! Invalidations, which remove cached answers before they expire.

use aws_sdk_cloudfront::types::{self as sdk, InvalidationBatch, Paths};

use super::{built, count};
use crate::aws::Cx;
use crate::aws::call::error::incomplete;
use crate::aws::cloudfront::errors::failed;
use crate::engine::{Class, Result};

/// The maximum number of paths of one invalidation.
pub const MOST: usize = 3000;

/// An invalidation as CloudFront reports it.
#[derive(Clone, Debug)]
pub struct Invalidation {
    /// Its identifier.
    pub id: String,
    /// `InProgress` or `Completed`.
    pub status: String,
}

impl Invalidation {
    fn of(invalidation: &sdk::Invalidation) -> Invalidation {
        Invalidation { id: invalidation.id().to_owned(), status: invalidation.status().to_owned() }
    }

    /// Checks whether the invalidation is complete everywhere.
    pub fn is_complete(&self) -> bool {
        self.status == "Completed"
    }
}

/// Invalidates what the distribution has cached for these paths. With the same `reference` it is done once, however often it is
/// sent.
///
/// # Errors
/// When CloudFront cannot be asked, or refuses.
pub async fn create(cx: &Cx, distribution: &str, paths: &[String], reference: &str) -> Result<Invalidation> {
    const OP: &str = "cloudfront:CreateInvalidation";
    let paths = built(Paths::builder().quantity(count(paths)).set_items(Some(paths.to_vec())).build())?;
    let batch = built(InvalidationBatch::builder().caller_reference(reference).paths(paths).build())?;
    let call = cx.cloud.cloudfront.create_invalidation().distribution_id(distribution).invalidation_batch(batch);
    let answer = call.send().await.map_err(failed(OP)).map_err(|e| match e.class {
        Class::Limit => e.hint("too many invalidations are in progress: wait for them to finish, or invalidate `/*`"),
        _ => e,
    })?;
    answer.invalidation().map(Invalidation::of).ok_or_else(|| incomplete(OP, "the invalidation"))
}

/// Returns the state of an invalidation.
///
/// # Errors
/// When CloudFront cannot be asked, or refuses.
pub async fn look(cx: &Cx, distribution: &str, id: &str) -> Result<Invalidation> {
    const OP: &str = "cloudfront:GetInvalidation";
    let answer = cx.cloud.cloudfront.get_invalidation().distribution_id(distribution).id(id).send().await;
    answer.map_err(failed(OP))?.invalidation().map(Invalidation::of).ok_or_else(|| incomplete(OP, "the invalidation"))
}

/// Returns a path as it is written in a URL.
pub fn encoded(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~*$'\"@:+&=,;!()%?".contains(&b);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn paths_are_written_as_in_urls() {
        assert_eq!(encoded("/a b/é.html"), "/a%20b/%C3%A9.html");
        assert_eq!(encoded("/static/*"), "/static/*");
    }
}
