//! The controls of certificates: <https://docs.aws.amazon.com/securityhub/latest/userguide/acm-controls.html>.

use aws_sdk_acm::types::CertificateDetail;
use futures::future::{BoxFuture, try_join_all};
use jiff::Timestamp;

use super::{Certificate, describe};
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::control::Severity::Medium;
use crate::aws::control::later::{Fact, Later, own};
use crate::aws::control::{Breach, Control};
use crate::engine::{Resource, Result, Snapshot};

/// The days that ACM.1 asks a certificate to last.
const DAYS: i64 = 30;

pub(super) static CONTROLS: &[Control] = &[Control::live(
    "ACM.1",
    Medium,
    (
        "Certificates are renewed in time",
        "browsers refuse the site when its certificate has expired",
        "ACM renews a certificate 60 days before its end if the validation records still exist: `stack plan` shows whether they do",
    ),
    |view| Ok(view.later("ACM.1")),
)];

/// What certificates are asked for `stack check --live`.
pub(super) static LATER: &[Later] = &[Later { controls: &["ACM.1"], read }];

fn read<'a>(cx: &'a Cx, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<Vec<Fact>>> {
    Box::pin(async move {
        let now = Timestamp::now().as_second();
        let own = own(snapshot, Certificate::KIND).filter(|(_, seen)| !seen.state.is_gone());
        let facts = try_join_all(own.map(|(key, seen)| async move {
            let detail = present(describe(cx, seen.id()).await.map(Some))?;
            let ends = detail.as_ref().and_then(|detail| ending(detail, now));
            Result::Ok(ends.map(|what| ("ACM.1", Breach::new(&key, what))))
        }));
        Ok(facts.await?.into_iter().flatten().collect())
    })
}

/// Returns when a certificate ends, in words, if that is soon. `now` is in seconds since 1970.
fn ending(detail: &CertificateDetail, now: i64) -> Option<String> {
    let ends = detail.not_after()?.secs();
    let days = (ends - now).div_euclid(86_400);
    let day = Timestamp::from_second(ends).ok()?.strftime("%Y-%m-%d");
    match days {
        ..0 => Some(format!("it expired on {day}")),
        0..=DAYS => Some(format!("it expires on {day}, in {days} d")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_acm::primitives::DateTime;

    use super::*;

    #[test]
    fn certificates_that_end_soon() {
        let of = |days: i64| {
            let ends = DateTime::from_secs(days * 86_400 + 3600);
            ending(&CertificateDetail::builder().not_after(ends).build(), 0)
        };
        assert_eq!(of(12).as_deref(), Some("it expires on 1970-01-13, in 12 d"));
        assert_eq!(of(30).as_deref(), Some("it expires on 1970-01-31, in 30 d"));
        assert_eq!(of(-3).as_deref(), Some("it expired on 1969-12-29"));
        assert_eq!((of(31), ending(&CertificateDetail::builder().build(), 0)), (None, None));
    }
}
