//! Sends the requests of a step when they are due, whether earlier ones were answered or not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Method};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::machine::Processor;
use super::target::Target;
use crate::commands::stop::{Exit, Result, Stop};
use crate::load::step::Around;
use crate::load::{Goal, Outcome, Sample, Scenario, Schedule, Step, StepSoFar, Tally};

/// The client's TLS takes what the process has chosen, which is done once.
static CHOSEN: Once = Once::new();
/// How often what is known of a step is shown.
const SHOWN: Duration = Duration::from_millis(200);
/// How long a connection that nobody uses is kept. Load balancers close theirs after a minute.
const IDLE: Duration = Duration::from_secs(50);

/// Every connection goes to one name, or to one address, whatever host a request names. The name is resolved for each new connection.
struct To {
    dns: String,
    fixed: Option<SocketAddr>,
}

impl Resolve for To {
    fn resolve(&self, _: Name) -> Resolving {
        let (dns, fixed) = (self.dns.clone(), self.fixed);
        Box::pin(async move {
            let found: Vec<SocketAddr> = match fixed {
                Some(address) => vec![address],
                // Port 0 is replaced by that of the address or the scheme.
                None => tokio::net::lookup_host((dns.as_str(), 0)).await?.collect(),
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A request, ready to be sent.
struct Prepared {
    method: Method,
    url: reqwest::Url,
    headers: HeaderMap,
    body: Option<Bytes>,
}

/// What sends.
pub struct Sender {
    client: Client,
    scenario: Scenario,
    requests: Vec<Prepared>,
    order: Vec<usize>,
    connections: usize,
    timeout: Duration,
    free: Semaphore,
    in_flight: AtomicUsize,
    most: AtomicUsize,
    full: AtomicBool,
    /// Requests that wait for a connection are given up.
    given_up: AtomicBool,
    give_up: Notify,
}

impl Sender {
    /// Returns what sends a scenario to a target, over at most so many connections. `to` is where connections go instead of the
    /// target's own name.
    pub fn new(
        target: &Target,
        scenario: Scenario,
        connections: usize,
        timeout: Duration,
        to: Option<SocketAddr>,
    ) -> Result<Sender> {
        CHOSEN.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let wrong = |what: String| Stop::Message(Exit::Usage, what, Some("correct the scenario or the address".into()));
        let client = Client::builder()
            .dns_resolver(Arc::new(To { dns: target.dns.clone(), fixed: to }))
            // A proxy or a redirect would lead elsewhere than to the stack.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(connections)
            .pool_idle_timeout(IDLE)
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| {
                Stop::message(
                    format!("nothing was sent: no HTTPS client can be made: {error}"),
                    "install the system's certificates",
                )
            })?;
        // A port in the address decides over that of `to`, so the address has none then; the host is told all the same.
        let bare = target.authority.split(':').next().unwrap_or_default();
        let authority = if to.is_some() { bare } else { target.authority.as_str() };
        let mut requests = Vec::new();
        for request in &scenario.requests {
            let url = format!("{}://{authority}{}", target.scheme, request.path);
            let url: reqwest::Url = url.parse().map_err(|error| wrong(format!("`{url}` cannot be sent: {error}")))?;
            // The client asks no resolver for an address, and would connect to it.
            if url.domain().is_none() {
                return Err(wrong(format!("`{url}` cannot be sent: its host is an address, not a name")));
            }
            let method = Method::from_bytes(request.method.as_bytes());
            let method = method.map_err(|_| wrong(format!("`{}` is no method", request.method)))?;
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_static(concat!("stack-load/", env!("CARGO_PKG_VERSION"))));
            for (name, value) in &request.headers {
                // The value can be a secret, and is not shown.
                let bad = |_| wrong(format!("the header `{name}` of `{}` cannot be sent", request.path));
                let value = HeaderValue::from_str(value).map_err(|_| bad(()))?;
                headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?, value);
            }
            if to.is_some() {
                let value =
                    HeaderValue::from_str(&target.authority).map_err(|_| wrong(format!("`{}` is no host", target.authority)))?;
                headers.insert(HOST, value);
            }
            requests.push(Prepared { method, url, headers, body: request.body.clone().map(Bytes::from) });
        }
        let order = scenario.order();
        Ok(Sender {
            client,
            scenario,
            requests,
            order,
            connections,
            timeout,
            free: Semaphore::new(connections),
            in_flight: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            give_up: Notify::new(),
        })
    }

    /// Sends one request and reads its whole answer.
    async fn exchange(&self, request: &Prepared) -> std::result::Result<u16, String> {
        let mut sent = self.client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(body) = &request.body {
            sent = sent.body(body.clone());
        }
        let mut answer = sent.send().await.map_err(|error| why(&error))?;
        while answer.chunk().await.map_err(|error| why(&error))?.is_some() {}
        Ok(answer.status().as_u16())
    }

    /// Sends a request that was due, and waits for how it ends.
    async fn one(self: Arc<Self>, number: u64, due: Instant) -> Sample {
        let lag = due.elapsed();
        let deadline = due + self.timeout;
        let not_sent = || Sample { lag, took: due.elapsed(), after_sending: None, outcome: Outcome::NotSent };
        let permit = match self.free.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                self.full.store(true, Ordering::Relaxed);
                let given_up = self.give_up.notified();
                if self.given_up.load(Ordering::SeqCst) {
                    return not_sent();
                }
                tokio::select! {
                    permit = timeout_at(deadline, self.free.acquire()) => match permit {
                        Ok(Ok(permit)) => permit,
                        _ => return not_sent(),
                    },
                    () = given_up => return not_sent(),
                }
            }
        };
        let turn = usize::try_from(number % self.order.len().max(1) as u64).unwrap_or_default();
        let at = self.order.get(turn).copied().unwrap_or_default();
        let (Some(request), Some(asked)) = (self.requests.get(at), self.scenario.requests.get(at)) else { return not_sent() };
        self.most.fetch_max(self.in_flight.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let sent = Instant::now();
        let ended = timeout_at(deadline, self.exchange(request)).await;
        let (took, after_sending) = (due.elapsed(), Some(sent.elapsed()));
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        drop(permit);
        let outcome = match ended {
            Err(_) => Outcome::TimedOut,
            Ok(Err(why)) => Outcome::Failed(why),
            Ok(Ok(status)) => Outcome::Answered { status, expected: asked.is_expected(status) },
        };
        Sample { lag, took, after_sending, outcome }
    }

    /// Sends the requests of a step, and waits until all of them have ended. It ends early when the goal cannot hold any more, or when
    /// the run is stopped.
    pub async fn step(
        self: &Arc<Self>,
        schedule: Schedule,
        goal: &Goal,
        (began, tasks): (Instant, &dyn Fn() -> Option<u32>),
        mut stop: watch::Receiver<bool>,
        show: &dyn Fn(StepSoFar),
    ) -> Step {
        self.most.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
        self.full.store(false, Ordering::Relaxed);
        self.given_up.store(false, Ordering::SeqCst);
        let mut tally = Tally::new(goal, schedule, self.timeout);
        let mut running = JoinSet::new();
        let processor = Processor::begin();
        let start = Instant::now();
        let (mut shown, mut cut, mut most_tasks) = (start, false, tasks());
        let mut tell = |tally: &Tally, now: bool| {
            if now || shown.elapsed() >= SHOWN {
                shown = Instant::now();
                show(tally.live(start.elapsed(), self.in_flight.load(Ordering::Relaxed)));
            }
        };
        for number in 0..schedule.count {
            let due = start + schedule.at(number);
            loop {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(due) => break,
                    Some(ended) = running.join_next() => count(&mut tally, ended),
                    Ok(()) = stop.changed() => {}
                }
                if *stop.borrow() {
                    break;
                }
            }
            while let Some(ended) = running.try_join_next() {
                count(&mut tally, ended);
            }
            tell(&tally, false);
            if *stop.borrow() || tally.is_lost() {
                cut = true;
                break;
            }
            running.spawn(self.clone().one(number, due));
        }
        let lasted = start.elapsed();
        if cut {
            self.given_up.store(true, Ordering::SeqCst);
            self.give_up.notify_waiters();
        }
        while let Some(ended) = running.join_next().await {
            count(&mut tally, ended);
            tell(&tally, false);
        }
        tell(&tally, true);
        most_tasks = most_tasks.max(tasks());
        tally.finish(&Around {
            began: start - began,
            lasted,
            in_flight: self.most.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed) || self.most.load(Ordering::Relaxed) >= self.connections,
            processor: processor.share(),
            tasks: most_tasks,
            cut,
        })
    }
}

fn count(tally: &mut Tally, ended: std::result::Result<Sample, tokio::task::JoinError>) {
    // One that panicked has no result, and must not be missing from the failures.
    let lost =
        |_| Sample { lag: Duration::ZERO, took: Duration::ZERO, after_sending: None, outcome: Outcome::Failed("defect".into()) };
    tally.record(&ended.unwrap_or_else(lost));
}

/// Returns in a few words why a request failed: what is counted must not differ in details.
fn why(error: &reqwest::Error) -> String {
    use std::error::Error;
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::ConnectionRefused => "connection refused".into(),
                std::io::ErrorKind::ConnectionReset => "connection reset".into(),
                std::io::ErrorKind::TimedOut => "no connection in time".into(),
                _ if inner.to_string().contains("lookup") => "host name not found".into(),
                _ if inner.to_string().contains("certificate") => "certificate not accepted".into(),
                kind => kind.to_string(),
            };
        }
        cause = inner.source();
    }
    match error {
        error if error.is_timeout() => "no connection in time",
        error if error.is_connect() => "no connection",
        error if error.is_body() || error.is_decode() => "answer cut off",
        _ => "connection closed",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_name_leads_to_the_target() {
        let to = |fixed| To { dns: "localhost".into(), fixed };
        let found = async |to: To| -> Vec<SocketAddr> {
            to.resolve("www.example.com".parse().unwrap()).await.unwrap_or_else(|error| panic!("{error}")).collect()
        };
        let own = found(to(None)).await;
        assert!(!own.is_empty() && own.iter().all(|address| address.ip().is_loopback()), "{own:?}");
        let fixed: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(found(to(Some(fixed))).await, [fixed]);
    }

    #[test]
    fn an_address_is_no_host() {
        let sender = |authority: &str| {
            let (scheme, path, dns) = ("http".to_owned(), "/".to_owned(), "shop-1.us-east-1.elb.amazonaws.com".to_owned());
            let target = Target { scheme, authority: authority.into(), path, dns, service: None };
            Sender::new(&target, Scenario::of("/"), 1, Duration::from_secs(1), None).map(drop)
        };
        assert!(sender("www.example.com").is_ok() && sender("www.example.com:8080").is_ok());
        for address in ["10.0.0.1", "169.254.169.254:80", "0x7f.1", "2130706433"] {
            let Err(Stop::Message(exit, said, _)) = sender(address) else { panic!("{address}") };
            assert!(exit == Exit::Usage && said.contains("an address, not a name"), "{said}");
        }
    }
}
