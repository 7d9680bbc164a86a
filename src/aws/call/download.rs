//! Reading an object of S3 to its end.

use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;

use crate::engine::{Class, Error, Result};

/// How often an interrupted download is repeated.
const BROKEN: u32 = 5;
/// The time before it is repeated; longer each time.
const SOON: Duration = Duration::from_millis(200);

/// Returns what `ask` answers, with its bytes; nothing when it does not exist. It asks again when the answer is interrupted: the
/// SDK does so only for what fails before the bytes begin.
///
/// # Errors
/// When S3 cannot be asked, or refuses, and when the answer is interrupted again and again.
pub(in crate::aws) async fn whole<A>(name: &str, ask: impl Fn() -> A) -> Result<Option<(GetObjectOutput, Vec<u8>)>>
where
    A: Future<Output = Result<GetObjectOutput>>,
{
    let mut broken = 0;
    loop {
        let mut answer = match ask().await {
            Err(e) if e.class == Class::NotFound => return Ok(None),
            other => other?,
        };
        match std::mem::take(&mut answer.body).collect().await {
            Ok(bytes) => return Ok(Some((answer, bytes.to_vec()))),
            Err(e) if broken == BROKEN => {
                return Err(Error::new(Class::Ambiguous, format!("reading `{name}` was interrupted: {e}")));
            }
            Err(_) => broken += 1,
        }
        tokio::time::sleep(SOON * broken).await;
    }
}
