//! AWS's errors as the engine's: the operation, the code, the request id, and what to do about it.

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::call::allow;
use crate::aws::call::fence::Closed;
use crate::engine::{Class, Error};

/// Defines a service's `failed` from its table.
macro_rules! table {
    ($rows:expr, $what:literal) => {
        #[doc = concat!("Converts the SDK's error into the engine's: ", $what, ".")]
        pub(in crate::aws) fn failed<E>(
            operation: &'static str,
        ) -> impl Fn(
            aws_smithy_runtime_api::client::result::SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
        ) -> crate::engine::Error
        where
            E: std::error::Error + aws_smithy_types::error::metadata::ProvideErrorMetadata + 'static,
            aws_smithy_runtime_api::client::result::SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>:
                aws_sdk_ec2::operation::RequestId,
        {
            crate::aws::call::error::failed_by($rows, operation)
        }
    };
}
pub(in crate::aws) use table;

/// Returns a function that converts the SDK's error into the engine's. `operation` includes its service: `ec2:CreateVpc`; `rows`
/// says what that service's codes mean beyond those that all services share.
///
/// Each service has it with its own table as `failed` (`table!`), for `map_err`:
/// `client.create_vpc().send().await.map_err(failed("ec2:CreateVpc"))`.
pub fn failed_by<E>(rows: &'static [Row], operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    SdkError<E, HttpResponse>: RequestId,
{
    move |error| {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
        let status = error.raw_response().map(|r| r.status().as_u16());
        let said = error.as_service_error().and_then(ProvideErrorMetadata::message).map(str::to_owned);
        let closed = closed(&error);
        let (class, lag) = match &error {
            _ if closed == Some(&Closed::Stale) => (Class::NotYet, None),
            _ if closed.is_some() => (Class::Lost, None),
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => (Class::Ambiguous, None),
            SdkError::ServiceError(_) => classify(rows, operation, code.as_deref(), said.as_deref().unwrap_or_default(), status),
            other if caused_by_credentials(other) => (Class::Credentials, None),
            SdkError::DispatchFailure(_) => (Class::Ambiguous, None),
            _ => (Class::Other, None),
        };
        let message = match (closed, said, &error) {
            (Some(closed), ..) => closed.to_string(),
            (_, Some(said), _) => redact(&said),
            _ if class == Class::Credentials => redact(&no_credentials(&error)),
            (_, _, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_)) => {
                format!("AWS did not answer: {}", redact(&cause(&error)))
            }
            _ => redact(&explain(&error)),
        };
        let mut out = Error::new(class, message);
        out.operation = Some(operation.to_owned());
        out.code = code.or_else(|| status.filter(|_| matches!(error, SdkError::ServiceError(_))).map(|s| format!("HTTP {s}")));
        out.request_id = error.request_id().map(str::to_owned);
        out.lag = lag;
        match class {
            Class::Credentials if out.code.as_deref().is_some_and(|code| code.contains("Expired")) => {
                out.hint("log in again (`aws sso login`) or get a new token; `aws sts get-caller-identity` must succeed with the same credentials")
            }
            Class::Credentials => out
                .hint("provide credentials: `--profile NAME`, `aws sso login`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sts get-caller-identity` must succeed with the same ones. `--local` needs none"),
            Class::Lost => out.hint("the other run continues from here; run this again when it has finished"),
            Class::Denied => {
                let actions = allow::actions(operation).iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(" and ");
                out.hint(format!("allow {actions} for the identity that runs `stack`"))
            }
            Class::Throttled => out.hint("AWS's rate limit for this call is exhausted: run this again in a minute, or request a higher quota"),
            Class::Limit => out.hint("request a higher limit in the Service Quotas console, or delete what is not needed"),
            _ => out,
        }
    }
}

table!(&[], "for a service with the common codes only");

/// Returns the error of one entry that an operation, under HTTP 200, reports as not done: its code and reason.
pub fn entry(rows: &[Row], operation: &'static str, code: Option<&str>, why: Option<&str>) -> Error {
    let why = why.unwrap_or("no reason given");
    // The codes are those of answers that are errors altogether; "internal" ones are failures of the service.
    let status = if code.is_some_and(|code| code.starts_with("Internal")) { 500 } else { 400 };
    let mut error = Error::new(classify(rows, operation, code, why, Some(status)).0, redact(why));
    (error.operation, error.code) = (Some(operation.to_owned()), code.map(str::to_owned));
    error
}

/// Returns the error of an answer that lacks what it must contain.
pub fn incomplete(operation: &'static str, what: &str) -> Error {
    let mut error = Error::new(Class::Other, format!("AWS answered without {what}"));
    error.operation = Some(operation.to_owned());
    error
}

fn caused_by_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |e| e.source()).any(|e| e.is::<CredentialsError>())
}

/// The reason when no server listens there.
pub const REFUSED: &str = "connection refused";
/// The reason when the name does not resolve.
pub const NO_HOST: &str = "no such host";

/// Returns why no answer came, in a few words: the innermost cause, which is the specific one.
pub(in crate::aws) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = || std::iter::successors(Some(error), |e| e.source());
    let kind = chain().find_map(|e| e.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    match kind {
        Some(std::io::ErrorKind::ConnectionRefused) => return REFUSED.into(),
        Some(std::io::ErrorKind::ConnectionReset) => return "the connection was reset".into(),
        Some(std::io::ErrorKind::TimedOut) => return "no answer in time".into(),
        _ => {}
    }
    let innermost = chain().map(ToString::to_string).filter(|text| !text.is_empty()).last().unwrap_or_default();
    if innermost.contains("failed to lookup address") || innermost.contains("No address associated") {
        return NO_HOST.into();
    }
    innermost
}

/// Returns why there are no credentials. The SDK reports the last place that it tried, which is an instance's role: most machines
/// have none.
fn no_credentials(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = || std::iter::successors(Some(error), |e| e.source());
    let nowhere = chain().any(|e| {
        matches!(e.downcast_ref::<CredentialsError>(), Some(CredentialsError::CredentialsNotLoaded(_)))
            || e.to_string().contains("IMDS")
    });
    if nowhere {
        return "no AWS credentials were found: not in the environment, not in a profile, and this machine has no role".into();
    }
    const EMPTY: &[&str] = &["error occurred while loading credentials", "dispatch failure", "service error", "unhandled error"];
    let texts: Vec<String> = chain().skip_while(|e| !e.is::<CredentialsError>()).map(ToString::to_string).collect();
    let says = |text: &&String| !text.is_empty() && !text.contains("SdkBody") && !EMPTY.iter().any(|empty| text.contains(empty));
    let said: Vec<&str> = texts.iter().filter(says).map(String::as_str).collect();
    match (chain().any(|e| e.is::<std::io::Error>()), said.as_slice()) {
        (true, _) => format!("the AWS credentials could not be loaded: {}", cause(error)),
        (_, []) => "the AWS credentials could not be loaded".into(),
        (_, said) => format!("the AWS credentials could not be loaded: {}", said.join(": ")),
    }
}

/// Returns why the fence stopped the call, if it did.
pub(super) fn closed<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Closed> {
    std::iter::successors(Some(error), |e| e.source()).find_map(|e| e.downcast_ref::<Closed>())
}

/// Removes the session tokens and signatures that AWS echoes: it answers a refused signature with the whole request that was
/// signed.
fn redact(text: &str) -> String {
    const BEFORE: &[&str] = &["x-amz-security-token", "signature", "authorization"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let lower = rest.to_ascii_lowercase();
        let next = BEFORE.iter().filter_map(|word| {
            Some((lower.find(&format!("{word}:")).or_else(|| lower.find(&format!("{word}=")))?, word.len() + 1))
        });
        let Some((at, length)) = next.min() else { return out + rest };
        let value = &rest[at + length..];
        let blank = value.len() - value.trim_start_matches(' ').len();
        let end = value[blank..].find(|c: char| c.is_whitespace() || c == '&' || c == ',').map_or(value.len(), |end| blank + end);
        out.push_str(&rest[..at + length]);
        if end > blank {
            out.push_str("(not shown)");
        }
        rest = &value[end..];
    }
}

/// Returns the whole chain of causes on one line: each of the SDK's texts alone says little.
fn explain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in std::iter::successors(Some(error), |e| e.source()) {
        let text = cause.to_string();
        // A dump of the request may contain anything.
        let dump = text.contains("SdkBody") || text.contains("Request {");
        if !dump && !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// A row of a service's table: what a code, or a text where AWS has one code for many things, means at some operations. The first
/// row that fits counts.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// With the service: `ec2:CreateSubnet`. `*` at the end stands for any rest.
    operations: &'static [&'static str],
    /// Exact, except for a `*` at either end; empty: any code.
    codes: &'static [&'static str],
    /// A text that the message contains.
    says: &'static str,
    means: Class,
    lag: Option<Duration>,
}

impl Row {
    /// Returns a row for these codes at these operations.
    pub const fn codes(operations: &'static [&'static str], codes: &'static [&'static str], means: Class) -> Row {
        Row { operations, codes, says: "", means, lag: None }
    }

    /// Returns a row for this text at these operations.
    pub const fn says(operations: &'static [&'static str], says: &'static str, means: Class) -> Row {
        Row { operations, codes: &[], says, means, lag: None }
    }

    /// Restricts the row to messages with this text.
    pub const fn and_says(self, says: &'static str) -> Row {
        Row { says, ..self }
    }

    /// Says that it passes by itself within this many seconds, where that is longer or more certain than usual.
    pub const fn within(self, seconds: u64) -> Row {
        Row { lag: Some(Duration::from_secs(seconds)), ..self }
    }

    fn fits(&self, operation: &str, code: &str, message: &str) -> bool {
        self.operations.iter().any(|pattern| is_like(pattern, operation))
            && (self.codes.is_empty() || self.codes.iter().any(|pattern| is_like(pattern, code)))
            && message.contains(self.says)
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (_, Some(start)) => text.starts_with(start),
        _ => pattern == text,
    }
}

/// Returns the meaning of an error code: by the service's own table, then as all services use it.
fn classify(rows: &[Row], operation: &str, code: Option<&str>, message: &str, status: Option<u16>) -> (Class, Option<Duration>) {
    let code = code.unwrap_or_default();
    let row = rows.iter().find(|row| row.fits(operation, code, message));
    let named = row.is_some_and(|row| !row.codes.is_empty());
    match (first(code, message), row) {
        // A code that is unambiguous wins over a text.
        (Some(class), _) if class != Class::Denied || !named => (class, None),
        (_, Some(row)) => (row.means, row.lag),
        (_, None) => (usual(code, status), None),
    }
}

/// Returns the class of a code that means the same in every service.
pub(super) fn shared_class(code: &str) -> Option<Class> {
    first(code, "")
}

/// Returns the class of codes that need no service to be understood: credentials, rates and permissions.
fn first(code: &str, message: &str) -> Option<Class> {
    match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken" => Some(Class::Credentials),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete" => Some(Class::Throttled),
        _ if message.contains("Rate exceeded") => Some(Class::Throttled),
        "UnauthorizedOperation" | "AuthFailure" | "OptInRequired" | "UnauthorizedException" | "NotAuthorized" => {
            Some(Class::Denied)
        }
        _ if code.starts_with("AccessDenied") => Some(Class::Denied),
        _ => None,
    }
}

/// Returns the class of codes by the words that services share.
fn usual(code: &str, status: Option<u16>) -> Class {
    let ends = |ends: &[&str]| ends.iter().any(|end| code.ends_with(end));
    let has = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    match code {
        "ConcurrentModification"
        | "ConcurrentModificationException"
        | "OperationAborted"
        | "OperationAbortedException"
        | "ConcurrentUpdateException" => Class::NotYet,
        "ResourceInUseException" => Class::InUse,
        // A subnet that is to be taken away and in which something stands.
        _ if ends(&["InUse"]) && !matches!(code, "SubnetInUse" | "SubnetAlreadyInUse") => Class::InUse,
        _ if ends(&["NotFound", "NotFoundException", "NotFoundFault"]) => Class::NotFound,
        _ if has(&["Duplicate", "AlreadyExists"]) => Class::Exists,
        _ if has(&["LimitExceeded", "QuotaExceeded", "QuotaForCustomerExceeded"])
            || code.starts_with("TooMany")
            || code.starts_with("Insufficient") =>
        {
            Class::Limit
        }
        _ => match status {
            Some(500..) => Class::Ambiguous,
            Some(429) => Class::Throttled,
            Some(403) => Class::Denied,
            Some(400..) => Class::Invalid,
            _ => Class::Other,
        },
    }
}

/// Returns the meaning of a code, for the tests of tables.
#[cfg(test)]
pub fn means(rows: &[Row], operation: &str, code: &str, message: &str) -> Class {
    classify(rows, operation, Some(code), message, Some(400)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_codes_need_no_table() {
        let class = |code, message| means(&[], "x:Create", code, message);
        assert_eq!(class("RequestLimitExceeded", ""), Class::Throttled);
        assert_eq!(class("ThrottlingException", "Rate exceeded"), Class::Throttled);
        assert_eq!(class("ExpiredToken", ""), Class::Credentials);
        assert_eq!(class("DuplicateLoadBalancerName", ""), Class::Exists);
        assert_eq!(class("VpcLimitExceeded", ""), Class::Limit);
        assert_eq!(class("ReplicationGroupNotFoundFault", ""), Class::NotFound);
        assert_eq!(class("CacheSubnetGroupInUse", ""), Class::InUse);
        assert_eq!(class("SubnetAlreadyInUse", ""), Class::Invalid);
        assert_eq!(class("InvalidParameterException", "no"), Class::Invalid);
    }

    #[test]
    fn a_row_counts_for_its_operations_codes_and_text() {
        const ROWS: &[Row] = &[
            Row::codes(&["x:Put*"], &["Gone*"], Class::NotYet).and_says("bucket").within(9),
            Row::says(&["x:Create"], "is being made", Class::NotYet),
            Row::codes(&["x:Release"], &["AuthFailure"], Class::InUse),
        ];
        let found = |op, code, message| classify(ROWS, op, Some(code), message, Some(400));
        assert_eq!(found("x:PutPolicy", "GoneAway", "no bucket"), (Class::NotYet, Some(Duration::from_secs(9))));
        assert_eq!(found("x:PutPolicy", "GoneAway", "no key"), (Class::Invalid, None));
        assert_eq!(found("x:GetPolicy", "GoneAway", "no bucket"), (Class::Invalid, None));
        assert_eq!(found("x:Create", "Other", "it is being made"), (Class::NotYet, None));
        // Only a row that names the code overrides its common meaning.
        assert_eq!(found("x:Create", "AccessDenied", "it is being made"), (Class::Denied, None));
        assert_eq!(found("x:Release", "AuthFailure", ""), (Class::InUse, None));
    }

    #[test]
    fn tokens_and_signatures_are_not_shown() {
        let echo = "The Canonical String should have been 'POST\\n/\\nhost:x\\nx-amz-security-token: FwoGZXIvYXdzEBY \\nhost;x' AWS4 Signature=abc123, end";
        let shown = redact(echo);
        assert!(!shown.contains("FwoGZXIvYXdzEBY") && !shown.contains("abc123"), "{shown}");
        assert!(shown.starts_with("The Canonical String") && shown.ends_with(", end"), "{shown}");
        assert_eq!(redact("The parameter is not valid: ÄÖ"), "The parameter is not valid: ÄÖ");
    }
}
