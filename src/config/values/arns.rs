//! What names an object of AWS: ARNs, and references that become one.

use super::Wrong;

/// Checks whether the text is a reference to an object of the stack, such as `${acm.certificate/main.arn}`, which becomes an ARN later.
fn is_reference(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}')
}

/// Returns the six fields of an ARN, if the text is one.
pub fn arn(text: &str) -> Option<Vec<&str>> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    (fields.len() == 6 && fields[0] == "arn" && fields[1].starts_with("aws") && !fields[5].is_empty()).then_some(fields)
}

/// Checks whether the text names a certificate in the file or the ARN of one of ACM. Whether the file has it is a question of sense.
pub fn certificate(text: &str) -> Result<(), Wrong> {
    let fits = arn(text).is_some_and(|a| a[2] == "acm" && a[5].starts_with("certificate/"));
    let named = ["certificates.", "existing.certificates."].iter().any(|section| text.starts_with(section));
    if fits || named || is_reference(text) {
        return Ok(());
    }
    Err(Wrong::new(
        format!("`{}` is not a certificate", crate::diagnostic::short(text)),
        "write `certificates.NAME` for one in this file, `existing.certificates.NAME`, or the ARN of an ACM certificate, \
         `arn:aws:acm:REGION:ACCOUNT:certificate/ID`",
    ))
}

/// Checks whether the text is the ARN of a Secrets Manager secret or an SSM parameter.
pub fn secret(text: &str) -> Result<(), Wrong> {
    let named = |text: &str, kind: &str| text.strip_prefix(kind).is_some_and(|name| !name.is_empty() && !name.starts_with(':'));
    // A JSON key, a stage and a version: all three or none of them
    // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>).
    let whole = [7, 10].contains(&text.split(':').count());
    let fits = arn(text).is_some_and(|a| {
        (a[2] == "secretsmanager" && named(a[5], "secret:") && whole) || (a[2] == "ssm" && named(a[5], "parameter/"))
    });
    // A JSON key, a stage and a version may follow the ARN of a secret, written or referred to.
    let referred = text.split_once('}').is_some_and(|(reference, rest)| {
        reference.starts_with("${") && (rest.is_empty() || rest.starts_with(':') && rest.matches(':').count() == 3)
    });
    if fits || referred {
        return Ok(());
    }
    // The text may be the secret itself: it is not repeated.
    Err(Wrong::new(
        "this is not the ARN of a secret",
        "a stack file contains no secret values: store it in Secrets Manager and write its ARN, \
         `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`, or the ARN of an SSM parameter, `arn:aws:ssm:REGION:ACCOUNT:parameter/NAME`",
    ))
}

/// Checks whether the text is a version of a secret, `ARN:::VERSION`, written or referred to, or empty.
pub fn secret_version(text: &str) -> Result<(), Wrong> {
    let is_secret = |text: &str| secret(text).is_ok() && text.contains(":secretsmanager:") && text.split(':').count() == 7;
    let written = text.split_once(":::").is_some_and(|(arn, version)| is_secret(arn) && !version.is_empty());
    if text.is_empty() || written || text.starts_with("${") && text.contains('}') {
        return Ok(());
    }
    // The text may be the password itself: it is not repeated.
    Err(Wrong::new(
        "this is not a version of a secret",
        "a stack file contains no passwords: refer to a secret that this file creates, \
         `${secretsmanager.secret/NAME.arn}:::${secretsmanager.secret/NAME.version}`, or write the ARN of another secret with \
         its version, `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:::VERSION`",
    ))
}
