//! Secrets, in AWS Secrets Manager.
//!
//! A secret's value is never kept, shown or logged here. It is made by Secrets Manager and goes from there into the one call
//! that needs it ([`password`]); plans, history and output know the version's identifier only.

mod checks;
pub(in crate::aws) mod errors;
mod rotation;
mod secret;

pub use rotation::Rotation;
pub use secret::Secret;

use crate::aws::Cx;
use crate::aws::call::error::incomplete;
use crate::aws::secretsmanager::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Class, Error, Result};

/// The service.
pub(super) static WING: Wing =
    Wing { indexed: &["secretsmanager"], checks: checks::of, ..Wing::of(&[KindRow::of::<Secret>(), KindRow::of::<Rotation>()]) };

/// Parts a version of a secret, written as task definitions write it: `ARN:::VERSION`.
pub fn version(text: &str) -> Option<(&str, &str)> {
    let (arn, version) = text.split_once(":::")?;
    (!arn.is_empty() && !version.is_empty()).then_some((arn, version))
}

/// A password on its way. It has no form that can be shown.
pub struct Password(String);

impl Password {
    /// The password itself, for the call that needs it.
    pub fn for_the_call(&self) -> String {
        self.0.clone()
    }

    /// The same error without the password, should AWS have given back what it was sent.
    pub fn hidden_in(&self, error: Error) -> Error {
        Error { message: error.message.replace(&self.0, "(not shown)"), ..error }
    }
}

/// The password in a version of a secret (`ARN:::VERSION`).
///
/// # Errors
/// When it cannot be read, or there is no password in it.
pub async fn password(cx: &Cx, told: &str) -> Result<Password> {
    const OP: &str = "secretsmanager:GetSecretValue";
    // What was told may be the password itself.
    let not_one = || Error::internal("the password of a database does not name a version of a secret, `ARN:::VERSION`");
    let (arn, id) = version(told).ok_or_else(not_one)?;
    let answer = cx.cloud.secrets.get_secret_value().secret_id(arn).version_id(id).send().await.map_err(failed(OP))?;
    let text = answer.secret_string.ok_or_else(|| incomplete(OP, "the secret's text"))?;
    // What serde says of a text that is no JSON may quote it.
    let found = serde_json::from_str::<serde_json::Value>(&text).ok();
    let password = found.as_ref().and_then(|value| value.get("password")).and_then(serde_json::Value::as_str);
    password.map(|password| Password(password.to_owned())).ok_or_else(|| {
        let hint = "store a password in it again: `aws secretsmanager put-secret-value`, with a JSON object that has `username` and `password`";
        Error::new(Class::Invalid, format!("version {id} of the secret {arn} is not a JSON object with a `password`")).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_written_as_task_definitions_write_it() {
        let arn = "arn:aws:secretsmanager:us-east-1:1:secret:stack/shop/default/main-AbCdEf";
        assert_eq!(version(&format!("{arn}:::0123")), Some((arn, "0123")));
        for not_one in ["", arn, ":::0123", &format!("{arn}:::")] {
            assert_eq!(version(not_one), None, "{not_one}");
        }
    }
}
