//! How a file names the data that a database begins with: by a name or an ARN, and by a time.

use aws_smithy_types::DateTime;

use crate::aws::Cx;
use crate::engine::{Class, Error, Result};

/// Returns the region of what has this name or ARN: a name is of the stack's.
pub(super) fn region_of<'a>(cx: &'a Cx, name: &'a str) -> &'a str {
    let named = name.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
    named.filter(|region| !region.is_empty()).unwrap_or(&cx.scope.region)
}

/// Returns the account in an ARN.
pub(super) fn account_in(name: &str) -> Option<&str> {
    name.strip_prefix("arn:")?.split(':').nth(3)
}

/// Returns the identifier of a database that is named by it or by its ARN.
pub(super) fn id_in(of: &str) -> &str {
    of.rsplit(':').next().unwrap_or(of)
}

/// Reads a time of RFC 3339.
///
/// # Errors
/// When the text is none.
pub(super) fn moment(text: &str) -> Result<DateTime> {
    let read = text.parse::<jiff::Timestamp>();
    let wrong = |_| Error::new(Class::Invalid, format!("`{text}` is not a time like `2026-11-26T03:00:00Z`"));
    Ok(DateTime::from_secs(read.map_err(wrong)?.as_second()))
}

/// AWS's own key for RDS, in every region.
pub(super) const AWS_KEY: &str = "alias/aws/rds";

/// Checks whether a source is in another region: only an ARN names one of there
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstanceReadReplica.html>, SourceDBInstanceIdentifier).
pub fn is_elsewhere(source: &str) -> bool {
    source.starts_with("arn:")
}
