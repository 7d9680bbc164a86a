//! The client's own rate limit: calls are sent no faster than AWS accepts them. A large stack would otherwise be a storm of
//! throttled calls, which also slows down the account's other users.
//!
//! AWS counts with token buckets, per account, region and operation
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>), and so does this module. A stack of
//! ordinary size fits into the buckets and never waits. What AWS throttles nevertheless is retried by the SDK's standard mode.
//!
//! The delay is in the connector, before a call is sent, and the fence is asked again after it. Nor is a call sent late: what a
//! process was about to send when it was suspended is not sent when it resumes.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::aws::call::error::cause;
use crate::aws::call::fence::{Fence, Moment, asks};
use crate::aws::call::guard::Named;
use crate::aws::call::log::{self, Waited};
use crate::engine::Reach;

/// The longest time from sending a call until its answer begins.
pub const IN_FLIGHT: Duration = Duration::from_secs(30);

const LATE: &str = "the request was in flight for too long";

/// How fast AWS takes the calls of one operation: the size of its bucket, and how many tokens it gets back in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    burst: f64,
    per_second: f64,
}

/// A rate of so many calls at once, and so many a second.
pub const fn rate(burst: u32, per_second: f64) -> Rate {
    Rate { burst: burst as f64, per_second }
}

/// A rate of which AWS publishes one figure only.
pub const fn per_second(calls: u32) -> Rate {
    rate(calls, calls as f64)
}

/// The rates of a service.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The service, as its SDK names it: `EC2`.
    pub service: &'static str,
    /// Of an operation that reads.
    pub asking: Rate,
    /// Of one that changes something.
    pub changing: Rate,
    /// Of operations with a rate of their own. Those of one row share a bucket.
    pub special: &'static [(&'static [&'static str], Rate)],
    /// Of all operations together, beside their own.
    pub together: Option<Rate>,
}

impl Rates {
    /// Returns the rates of a service that publishes figures for these operations only.
    pub const fn of(service: &'static str, special: &'static [(&'static [&'static str], Rate)]) -> Rates {
        Rates { service, special, ..USUAL }
    }
}

/// Most services publish no figures: these are below what users were refused at.
const USUAL: Rates = Rates { service: "", asking: rate(50, 20.0), changing: rate(50, 10.0), special: &[], together: None };

/// Those of services without kinds.
const WITHOUT_KINDS: [Rates; 3] = [
    // <https://docs.aws.amazon.com/general/latest/gr/ct.html>
    Rates { asking: per_second(10), ..Rates::of("CloudTrail", &[(&["LookupEvents"], per_second(2))]) },
    // <https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html>
    Rates { asking: per_second(15), ..Rates::of("Resource Groups Tagging API", &[]) },
    // <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference_limits.html>
    Rates { asking: per_second(10), ..Rates::of("Service Quotas", &[]) },
];

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets of every operation.
#[derive(Debug, Default)]
struct Buckets {
    /// Services with rates of their own.
    rates: Vec<Rates>,
    of: Mutex<HashMap<Named, Bucket>>,
}

impl Buckets {
    /// Returns the buckets that a call takes a token from, each by the operation that it is known by, with their rates.
    fn rates<'a>(&self, call: &'a Named) -> impl Iterator<Item = (&'a str, Rate)> {
        let rates = self.rates.iter().chain(&WITHOUT_KINDS).find(|rates| rates.service == call.service).unwrap_or(&USUAL);
        let special = rates.special.iter().find(|(operations, _)| operations.contains(&call.operation.as_str()));
        let own = match special {
            Some((operations, rate)) => (operations.first().copied().unwrap_or_default(), *rate),
            None if asks(&call.operation) => (call.operation.as_str(), rates.asking),
            None => (call.operation.as_str(), rates.changing),
        };
        std::iter::once(own).chain(rates.together.map(|rate| ("", rate)))
    }

    /// Takes a token from each of a call's buckets, in debt if need be: how long until all are there. Who comes later waits longer.
    fn take(&self, call: &Named, now: Instant) -> Duration {
        let mut buckets = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |(operation, rate): (&str, Rate)| {
            let key = Named { service: call.service.clone(), operation: operation.to_owned() };
            let bucket = buckets.entry(key).or_insert(Bucket { tokens: rate.burst, at: now });
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            bucket.tokens = (bucket.tokens + since * rate.per_second).min(rate.burst) - 1.0;
            bucket.at = now;
            Duration::from_secs_f64((-bucket.tokens).max(0.0) / rate.per_second)
        };
        self.rates(call).map(take).max().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Paced {
    inner: SharedHttpConnector,
    buckets: Arc<Buckets>,
    way: Way,
}

/// What a call passes before it is sent.
#[derive(Clone, Debug)]
pub(in crate::aws) struct Way {
    /// Decides whether it may be sent.
    pub(in crate::aws) fence: Arc<Fence>,
    /// Records whether it is answered.
    pub(in crate::aws) reach: Reach,
    /// The endpoint of everything, when it is not AWS's own: the SDK's calls for a role's credentials ignore it.
    pub(in crate::aws) endpoint: Option<String>,
}

impl Way {
    /// Returns the request, redirected to the endpoint when it asks for a role's credentials. Its signature contains the
    /// original host, so that stays its `Host`.
    fn redirected(&self, mut request: HttpRequest) -> HttpRequest {
        let for_a_role = request.body().bytes().is_some_and(|body| body.starts_with(b"Action=AssumeRole"));
        let Some(endpoint) = self.endpoint.as_ref().filter(|_| for_a_role) else { return request };
        let (host, uri) = (host(&request), request.uri().to_owned());
        let rest = uri.split_once("://").map_or(uri.as_str(), |(_, rest)| rest);
        let there = format!("{}{}", endpoint.trim_end_matches('/'), &rest[host.len()..]);
        if request.set_uri(there).is_ok() {
            request.headers_mut().insert("host", host);
        }
        request
    }
}

/// Returns the host of a request.
fn host(request: &HttpRequest) -> String {
    let rest = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().to_owned()
}

impl HttpConnector for Paced {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, way) = (self.inner.clone(), self.way.clone());
        let host = host(&request);
        let request = way.redirected(request);
        let call = request.extension::<Named>().cloned();
        let wait = call.as_ref().map_or(Duration::ZERO, |call| self.buckets.take(call, Instant::now()));
        let waited = request.extension::<Waited>().cloned();
        HttpConnectorFuture::new(async move {
            if let Some(waited) = &waited {
                waited.set(wait);
            }
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let begun = Instant::now();
            // In this order: a process that is suspended before the fence is asked finds it closed, and for one that is suspended
            // after that, the request has been in flight for too long.
            let since = Moment::now();
            let open = call.as_ref().map_or(Ok(()), |call| way.fence.check(&call.operation));
            open.map_err(|closed| ConnectorError::other(closed.into(), None))?;
            let asked = way.reach.asks(call.as_ref().map_or(&host, |call| &call.service));
            let late = || Err(ConnectorError::timeout(LATE.into()));
            let call = inner.call(sent_in_time(request, since, IN_FLIGHT));
            let answer = in_time(since, IN_FLIGHT, call).await.unwrap_or_else(late);
            if waited.is_none() {
                log::credentials(&host, begun, &answer);
            }
            match &answer {
                Ok(_) => asked.answered(),
                Err(error) => asked.failed(cause(error)),
            }
            answer
        })
    }
}

/// Returns the result of `call`, which began at `since`, if it takes no longer than `limit`. It is not polled after that: a process
/// that was suspended while it connected, or whose machine slept, sends nothing when it resumes.
async fn in_time<T>(since: Moment, limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let guarded = poll_fn(|cx| {
        if since.elapsed() >= limit {
            return Poll::Ready(None);
        }
        call.as_mut().poll(cx).map(Some)
    });
    tokio::time::timeout(limit, guarded).await.ok().flatten()
}

/// Returns the request with a body that ends in an error when it is read later than `limit` after `since`: the connection sends a
/// request in a task of its own, which [`in_time`] does not stop. A request without a body cannot be stopped so.
fn sent_in_time(mut request: HttpRequest, since: Moment, limit: Duration) -> HttpRequest {
    if request.body().content_length() != Some(0) {
        let inner = std::mem::replace(request.body_mut(), SdkBody::empty());
        let body = InTime { inner, since, limit };
        *request.body_mut() = SdkBody::from_body_1_x(body);
    }
    request
}

/// A body that cannot be read any more once it is late.
struct InTime {
    inner: SdkBody,
    since: Moment,
    limit: Duration,
}

impl Body for InTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.since.elapsed() >= self.limit {
            return Poll::Ready(Some(Err(LATE.into())));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&self.inner)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.inner)
    }
}

/// The same client at AWS's pace.
pub(in crate::aws) fn paced(inner: SharedHttpClient, way: Way, rates: Vec<Rates>) -> SharedHttpClient {
    let buckets = Arc::new(Buckets { rates, ..Buckets::default() });
    http_client_fn(move |settings, components| {
        let inner = inner.http_connector(settings, components);
        SharedHttpConnector::new(Paced { inner, buckets: buckets.clone(), way: way.clone() })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Suspended while it connects, it resumes too late to send anything.
    #[tokio::test]
    async fn a_call_that_was_suspended_is_not_sent_late() {
        let call = |stopped: Duration, sent: &'static AtomicBool| {
            let mut connected = false;
            poll_fn(move |cx| {
                if connected {
                    sent.store(true, Ordering::Relaxed);
                    return Poll::Ready(());
                }
                connected = true;
                std::thread::sleep(stopped);
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        };
        static EARLY: AtomicBool = AtomicBool::new(false);
        static LATE: AtomicBool = AtomicBool::new(false);
        let limit = Duration::from_secs(1);
        assert_eq!(in_time(Moment::now(), limit, call(Duration::ZERO, &EARLY)).await, Some(()));
        assert_eq!(in_time(Moment::now(), limit, call(limit, &LATE)).await, None);
        assert_eq!((EARLY.load(Ordering::Relaxed), LATE.load(Ordering::Relaxed)), (true, false));
    }

    /// Reads the body of a request as the connection does.
    fn read(text: &'static str, limit: Duration) -> Result<Option<Bytes>, BoxError> {
        let mut request = sent_in_time(HttpRequest::new(SdkBody::from(text)), Moment::now(), limit);
        assert_eq!(request.body().content_length(), Some(text.len() as u64));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(request.body_mut()).poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => frame.map(|frame| frame.into_data().ok()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_body_of_a_late_request_is_an_error() {
        assert_eq!(read("Action=CreateVpc", IN_FLIGHT).unwrap(), Some(Bytes::from("Action=CreateVpc")));
        assert_eq!(read("Action=CreateVpc", Duration::ZERO).unwrap_err().to_string(), LATE);
    }

    #[test]
    fn calls_for_a_roles_credentials_go_to_the_endpoint() {
        let sent = |endpoint: Option<&str>, body: &'static str| {
            let mut request = HttpRequest::new(SdkBody::from(body));
            request.set_uri("https://sts.eu-west-1.amazonaws.com/").unwrap();
            let endpoint = endpoint.map(str::to_owned);
            let request = Way { fence: Arc::default(), reach: Reach::default(), endpoint }.redirected(request);
            (request.uri().to_owned(), request.headers().get("host").map(str::to_owned))
        };
        let (sts, local) = ("https://sts.eu-west-1.amazonaws.com/", "http://127.0.0.1:8080/");
        for action in ["Action=AssumeRole&Version=2011-06-15", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"] {
            assert_eq!(sent(Some(local), action), (local.into(), Some("sts.eu-west-1.amazonaws.com".into())));
            assert_eq!(sent(None, action), (sts.into(), None));
        }
        assert_eq!(sent(Some(local), "Action=GetCallerIdentity"), (sts.into(), None));
    }

    fn named(service: &str, operation: &str) -> Named {
        Named { service: service.into(), operation: operation.into() }
    }

    #[test]
    fn calls_wait_only_beyond_the_bucket() {
        let (buckets, now) = (Buckets::default(), Instant::now());
        let create = named("ECS", "CreateService");
        for _ in 0..50 {
            assert_eq!(buckets.take(&create, now), Duration::ZERO);
        }
        assert_eq!(buckets.take(&create, now), Duration::from_millis(100));
        assert_eq!(buckets.take(&create, now), Duration::from_millis(200));
        // Another operation has a bucket of its own.
        assert_eq!(buckets.take(&named("ECS", "DescribeServices"), now), Duration::ZERO);
    }

    #[test]
    fn tokens_come_back_up_to_the_bucket_s_size() {
        let rates = crate::aws::registry::services().rates;
        let (buckets, now) = (Buckets { rates, ..Buckets::default() }, Instant::now());
        let create = named("EC2", "CreateSubnet");
        let waits = |at: Instant, n: u32| (0..n).map(|_| buckets.take(&create, at)).max().unwrap();
        assert_eq!(waits(now, 60), Duration::from_secs(2));
        let later = now + Duration::from_secs(3600);
        assert_eq!(waits(later, 50), Duration::ZERO);
        assert_eq!(waits(later, 1), Duration::from_millis(200));
    }

    #[test]
    fn operations_of_one_row_share_a_bucket() {
        const RATES: Rates = Rates::of("ECS", &[(&["CreateService", "UpdateService"], rate(2, 0.5))]);
        let (buckets, now) = (Buckets { rates: vec![RATES], ..Buckets::default() }, Instant::now());
        let [create, update, delete] = ["CreateService", "UpdateService", "DeleteService"].map(|name| named("ECS", name));
        let waits = [&create, &update, &create, &update].map(|call| buckets.take(call, now).as_secs());
        assert_eq!(waits, [0, 0, 2, 4]);
        assert_eq!((0..50).map(|_| buckets.take(&delete, now)).max(), Some(Duration::ZERO));
    }

    #[test]
    fn operations_with_rates_are_called() {
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        let mut texts = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => texts.extend(std::fs::read_to_string(path)),
                }
            }
        }
        let is_called = |operation: &str| texts.iter().any(|text| text.contains(&format!(":{operation}\"")));
        for rates in crate::aws::registry::services().rates.iter().chain(&WITHOUT_KINDS) {
            for operation in rates.special.iter().flat_map(|(operations, _)| *operations) {
                assert!(is_called(operation), "{} {operation}", rates.service);
            }
        }
    }

    #[test]
    fn all_operations_of_a_service_can_share_one_too() {
        let rates = vec![Rates { together: Some(rate(60, 10.0)), ..Rates::of("Route 53", &[]) }];
        let (buckets, now) = (Buckets { rates, ..Buckets::default() }, Instant::now());
        let take = |operation: &str, n: u32| {
            let call = named("Route 53", operation);
            (0..n).map(|_| buckets.take(&call, now)).max().unwrap()
        };
        assert_eq!([take("GetChange", 50), take("ListHostedZones", 10)], [Duration::ZERO; 2]);
        assert_eq!(take("ListHostedZones", 1), Duration::from_millis(100));
        assert_eq!(take("GetChange", 2), Duration::from_millis(300));
    }

    /// In any second no more calls are sent than AWS allows: the bucket and what it regained.
    #[test]
    fn no_more_is_sent_than_allowed() {
        let (buckets, now) = (Buckets::default(), Instant::now());
        let ask = named("Elastic Load Balancing v2", "DescribeTargetGroupAttributes");
        let (_, rate) = buckets.rates(&ask).next().unwrap();
        let mut leaves: Vec<f64> = (0..300).map(|_| buckets.take(&ask, now).as_secs_f64()).collect();
        leaves.sort_by(f64::total_cmp);
        for second in [0.0, 1.0, 5.0, 12.0] {
            let until = leaves.iter().filter(|at| **at <= second).count();
            assert!(until as f64 <= rate.burst + second * rate.per_second + 1.0, "{until} within {second} s");
        }
        assert!((leaves[299] - 12.5).abs() < 0.01, "{}", leaves[299]);
    }
}
