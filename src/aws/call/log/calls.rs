//! The interceptor: one event for each attempt of a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef, Error, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tracing::Level;

use super::CALL;
use crate::aws::call::error::{cause, closed, shared_class};
use crate::aws::call::fence::asks;
use crate::engine::Class;

/// Makes an event of every attempt of a call.
#[derive(Clone, Debug)]
pub(in crate::aws) struct CallLog;

/// How long the rate limit delayed a request. The connector writes it, the interceptor reads it.
#[derive(Clone, Debug, Default)]
pub(in crate::aws) struct Waited(Arc<AtomicU64>);

impl Waited {
    /// Sets it.
    pub(in crate::aws) fn set(&self, wait: Duration) {
        self.0.store(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Why there is no answer to a call whose future was dropped, because another one failed or the run ended.
const ABANDONED: &str = "abandoned";

/// The attempt in flight.
#[derive(Clone, Debug)]
struct Attempt(Arc<InFlight>);

#[derive(Debug)]
struct InFlight {
    service: String,
    operation: String,
    attempt: Option<u32>,
    began: Instant,
    /// How long the SDK waited after the attempt before.
    backoff: Duration,
    waited: Waited,
    /// Whether it was sent and nothing is logged about its end yet.
    open: AtomicBool,
}

impl InFlight {
    /// Returns what is known of it without an answer.
    fn unanswered(&self, error: Option<&'static str>) -> Answer<'_> {
        let rate_limit = self.waited.get();
        Answer {
            service: &self.service,
            operation: Some(&self.operation),
            attempt: self.attempt,
            rate_limit,
            backoff: self.backoff,
            status: None,
            code: None,
            request_id: None,
            error,
            took: self.began.elapsed().saturating_sub(rate_limit),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.open.load(Ordering::Relaxed) {
            self.unanswered(Some(ABANDONED)).log();
        }
    }
}

impl Storable for Attempt {
    type Storer = StoreReplace<Self>;
}

/// When the attempt before ended.
#[derive(Clone, Copy, Debug)]
struct Ended(Instant);

impl Storable for Ended {
    type Storer = StoreReplace<Self>;
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let began = Instant::now();
        let backoff = cfg.load::<Ended>().map_or(Duration::ZERO, |before| began.saturating_duration_since(before.0));
        if let Some(call) = cfg.load::<Metadata>() {
            let in_flight = InFlight {
                service: call.service().to_owned(),
                operation: call.name().to_owned(),
                attempt: cfg.load::<RequestAttempts>().map(RequestAttempts::attempts),
                began,
                backoff,
                waited: Waited::default(),
                open: AtomicBool::new(false),
            };
            cfg.interceptor_state().store_put(Attempt(Arc::new(in_flight)));
        }
        Ok(())
    }

    /// Hands the connector the place for the delay, and logs that the call has started: it may wait for its turn before it is sent.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Attempt(call)) = cfg.load::<Attempt>() {
            context.request_mut().add_extension(call.waited.clone());
            call.open.store(true, Ordering::Relaxed);
            let (service, operation) = (call.service.as_str(), call.operation.as_str());
            tracing::trace!(target: CALL, service, operation, attempt = call.attempt, "started");
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Attempt(call)) = cfg.load::<Attempt>() {
            call.open.store(false, Ordering::Relaxed);
            let response = context.response();
            let error = || context.output_or_error().and_then(Result::err).map_or("", reason);
            Answer {
                status: response.map(|response| response.status().as_u16()),
                code: response.and_then(code),
                request_id: response.and_then(|response| response.request_id()).filter(|id| is_word(id)),
                ..call.unanswered(response.is_none().then(error))
            }
            .log();
        }
        cfg.interceptor_state().store_put(Ended(Instant::now()));
        Ok(())
    }
}

/// Logs a request that no client of ours makes: one of those with which the SDK gets credentials.
pub(in crate::aws) fn credentials(host: &str, began: Instant, answer: &Result<HttpResponse, ConnectorError>) {
    Answer {
        service: host,
        operation: None,
        attempt: None,
        rate_limit: Duration::ZERO,
        backoff: Duration::ZERO,
        status: answer.as_ref().ok().map(|response| response.status().as_u16()),
        code: None,
        request_id: None,
        error: answer.as_ref().err().map(unreached),
        took: began.elapsed(),
    }
    .log();
}

/// What came of an attempt.
struct Answer<'a> {
    service: &'a str,
    operation: Option<&'a str>,
    attempt: Option<u32>,
    rate_limit: Duration,
    backoff: Duration,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<&'a str>,
    error: Option<&'static str>,
    took: Duration,
}

impl Answer<'_> {
    /// How much it matters: what the account refuses, what slows a run down, what fails or changes something, and the rest.
    fn level(&self) -> Level {
        match (self.code.as_deref().and_then(shared_class), self.status) {
            (Some(Class::Credentials | Class::Denied), _) | (_, Some(401 | 403)) => Level::ERROR,
            (Some(_), _) | (_, Some(429 | 500..)) => Level::WARN,
            (_, None) if self.error != Some(ABANDONED) => Level::WARN,
            (_, Some(400..)) => Level::INFO,
            _ if self.operation.is_none_or(asks) => Level::DEBUG,
            _ => Level::INFO,
        }
    }

    fn log(&self) {
        /// The level of an event is a constant of the place that makes it.
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    target: CALL,
                    Level::$level,
                    service = self.service,
                    operation = self.operation,
                    attempt = self.attempt,
                    rate_limit_ms = millis(self.rate_limit),
                    backoff_ms = millis(self.backoff),
                    status = self.status,
                    code = self.code.as_deref(),
                    request_id = self.request_id,
                    error = self.error,
                    took_ms = millis(self.took),
                    "call"
                )
            };
        }
        match self.level() {
            Level::ERROR => event!(ERROR),
            Level::WARN => event!(WARN),
            Level::INFO => event!(INFO),
            _ => event!(DEBUG),
        }
    }
}

/// Milliseconds; those of nothing are left out.
fn millis(time: Duration) -> Option<f64> {
    let micros = time.as_micros() as f64;
    (micros > 0.0).then_some(micros / 1000.0)
}

/// Why no answer came, in words of ours: texts of others may have anything in them.
fn reason(error: &OrchestratorError<Error>) -> &'static str {
    match error.as_connector_error() {
        Some(error) => unreached(error),
        None if error.is_timeout_error() => "timeout",
        None if closed(error).is_some() => "not sent: the lease was lost or could not be renewed",
        None => "not sent",
    }
}

fn unreached(error: &ConnectorError) -> &'static str {
    match cause(error) {
        _ if closed(error).is_some() => "not sent: the lease was lost or could not be renewed",
        _ if error.is_timeout() => "timeout",
        why if why == crate::aws::call::error::REFUSED => crate::aws::call::error::REFUSED,
        why if why == crate::aws::call::error::NO_HOST => crate::aws::call::error::NO_HOST,
        _ => "connection failed",
    }
}

/// AWS's error code. The SDK knows it only by the type of each operation's error, so it is read where its protocols have it.
fn code(response: &HttpResponse) -> Option<String> {
    if response.status().is_success() {
        return None;
    }
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let body = || response.body().bytes().map(String::from_utf8_lossy);
    let in_xml = || Some(body()?.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned());
    let in_json = || {
        let body: serde_json::Value = serde_json::from_str(&body()?).ok()?;
        ["__type", "code", "Code"].iter().find_map(|name| Some(body.get(name)?.as_str()?.to_owned()))
    };
    let found = header("x-amzn-query-error").or_else(|| header("x-amzn-errortype")).or_else(in_xml).or_else(in_json)?;
    // `AccessDeniedException;Sender`, `com.amazonaws.kms#NotFoundException`, `InvalidParameter:http://…`
    let code = found.split([';', ':']).next()?.rsplit('#').next()?.trim();
    is_word(code).then(|| code.to_owned())
}

/// Whether it can be a code or an id, and nothing else.
fn is_word(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+=".contains(c))
}
