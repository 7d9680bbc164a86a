//! Calls of real clients through a connector that answers by itself.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use super::recorder::recorder;
use super::trace::{Group, Trace};
use crate::aws::Clients;
use crate::aws::call::fence::Fence;
use crate::aws::call::guard::Named;
use crate::aws::call::rate_limit::{Way, paced};
use crate::engine::Reach;

/// What is sent and answered here and must not be written anywhere.
const SECRETS: &[&str] = &["AKIDSECRET", "secret-key", "session-token", "correct-horse", "staple"];

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Answers each request by the operation that it names.
#[derive(Debug)]
struct Answers(Mutex<usize>);

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let slow =
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>staple</Message></Error></Errors></Response>";
        let denied = r#"{"__type":"AccessDeniedException","message":"staple"}"#;
        let operation = request.extension::<Named>().map_or("", |call| call.operation.as_str());
        let (status, answer) = match operation {
            "DescribeVpcs" => {
                let mut asked = self.0.lock().unwrap();
                *asked += 1;
                if *asked == 1 { (503, slow) } else { (200, "<DescribeVpcsResponse/>") }
            }
            "CreateVpc" => (200, "<CreateVpcResponse/>"),
            "ListKeys" => (400, denied),
            "CreateSecret" => (200, "{}"),
            "DescribeSubnets" => return HttpConnectorFuture::new(std::future::pending()),
            _ => {
                let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                return HttpConnectorFuture::ready(Err(ConnectorError::io(refused.into())));
            }
        };
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer));
        response.headers_mut().insert("x-amzn-requestid", format!("request-{status}"));
        response.headers_mut().insert("set-cookie", "staple");
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn clients() -> Clients {
    let connector = SharedHttpConnector::new(Answers(Mutex::new(0)));
    let http: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
    let fence: Arc<Fence> = Arc::default();
    let credentials = Credentials::new("AKIDSECRET", "secret-key", Some("session-token".into()), None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1)))
        .http_client(paced(http, Way { fence: fence.clone(), reach: Reach::default(), endpoint: None }, Vec::new()))
        .build();
    Clients::from_config(&config, "us-east-1", fence)
}

/// The lines and the trace of six calls: one that is throttled once, one that changes something, one that is denied, one that
/// carries a secret, one that gets no answer, and one whose answer is not waited for.
fn recorded(level: LevelFilter) -> (Vec<String>, String) {
    let (lines, trace) = (Shared::default(), Shared::default());
    let (recording, dispatch) = recorder(Some((level, Box::new(lines.clone()))), Some(Box::new(trace.clone())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        runtime.block_on(async {
            let clients = clients();
            clients.ec2.describe_vpcs().send().await.unwrap();
            let span =
                tracing::error_span!(target: crate::engine::events::OBJECT, "operation", key = "ec2.vpc/main", verb = "create");
            tracing::Instrument::instrument(clients.ec2_once.create_vpc().send(), span).await.unwrap();
            clients.kms.list_keys().send().await.unwrap_err();
            clients.secrets.create_secret().name("password").secret_string("correct-horse").send().await.unwrap();
            clients.s3_free.get_object().bucket("leases").key("lease").send().await.unwrap_err();
            let subnets = clients.ec2.describe_subnets().send();
            tokio::time::timeout(Duration::from_millis(20), subnets).await.unwrap_err();
        });
    });
    drop(recording);
    (lines.text().lines().map(str::to_owned).collect(), trace.text())
}

/// A line without what differs each time: its time, and how long it took.
fn stable(line: &str) -> String {
    let words = line.split_once(' ').unwrap().1.split(' ');
    words.filter(|word| !word.contains("_ms=")).collect::<Vec<_>>().join(" ").replace("  ", " ")
}

#[test]
fn each_attempt_is_a_line_with_outcome_and_object() {
    let (lines, _) = recorded(LevelFilter::DEBUG);
    let shown: Vec<String> = lines.iter().map(|line| stable(line)).collect();
    assert_eq!(
        shown,
        [
            "WARN call service=EC2 operation=DescribeVpcs attempt=1 status=503 code=RequestLimitExceeded request_id=request-503",
            "DEBUG call service=EC2 operation=DescribeVpcs attempt=2 status=200 request_id=request-200",
            "INFO call service=EC2 operation=CreateVpc attempt=1 status=200 request_id=request-200 object=ec2.vpc/main",
            "ERROR call service=KMS operation=ListKeys attempt=1 status=400 code=AccessDeniedException request_id=request-400",
            "INFO call service=\"Secrets Manager\" operation=CreateSecret attempt=1 status=200 request_id=request-200",
            "WARN call service=S3 operation=GetObject attempt=1 error=\"connection refused\"",
            "WARN call service=S3 operation=GetObject attempt=2 error=\"connection refused\"",
            "DEBUG call service=EC2 operation=DescribeSubnets attempt=1 error=abandoned",
        ]
    );
    assert!(lines.iter().all(|line| line.contains(" took_ms=")), "{lines:#?}");
    assert!(lines[1].contains(" backoff_ms=") && !lines[0].contains(" backoff_ms="), "{lines:#?}");
}

#[test]
fn a_level_leaves_out_what_matters_less() {
    let count = |level| recorded(level).0.len();
    let levels = [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE];
    // The last one has a line for each attempt that is sent, too.
    assert_eq!(levels.map(count), [1, 4, 6, 8, 16]);
}

#[test]
fn nothing_of_a_request_or_an_answer_is_written() {
    let (lines, trace) = recorded(LevelFilter::TRACE);
    for text in lines.iter().chain([&trace]) {
        assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
        assert!(!text.to_lowercase().contains("authorization"), "{text}");
    }
}

#[test]
fn a_trace_has_a_bar_per_attempt_and_operation() {
    let (_, trace) = recorded(LevelFilter::OFF);
    let events: Vec<Value> = serde_json::from_str(&trace).unwrap();
    let bars: Vec<(u64, &str, &str)> = events
        .iter()
        .filter(|event| event["ph"] == "X")
        .map(|event| {
            assert!(event["ts"].is_u64() && event["dur"].is_u64(), "{event}");
            let lane = |other: &&Value| other["name"] == "thread_name" && other["tid"] == event["tid"];
            let lane = events.iter().find(lane).unwrap()["args"]["name"].as_str().unwrap();
            (event["pid"].as_u64().unwrap(), lane, event["name"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        bars,
        [
            (1, "EC2", "DescribeVpcs"),
            (1, "EC2", "DescribeVpcs"),
            (1, "EC2", "CreateVpc"),
            (2, "ec2.vpc/main", "create"),
            (1, "KMS", "ListKeys"),
            (1, "Secrets Manager", "CreateSecret"),
            (1, "S3", "GetObject"),
            (1, "S3", "GetObject"),
            (1, "EC2", "DescribeSubnets"),
        ]
    );
    let denied = events.iter().find(|event| event["name"] == "ListKeys").unwrap();
    let args = json!({ "attempt": 1, "status": 400, "code": "AccessDeniedException", "request_id": "request-400" });
    assert_eq!(denied["args"], args);
}

#[test]
fn a_trace_that_was_cut_off_lacks_only_its_end() {
    let to = Shared::default();
    let mut trace = Trace::new(Box::new(to.clone()));
    trace.add(Group::Calls, "EC2", "DescribeVpcs", Duration::ZERO, serde_json::Map::new());
    let cut = to.text();
    let events: Vec<Value> = serde_json::from_str(&format!("{cut}]")).unwrap();
    assert_eq!(events.last().unwrap()["name"], "DescribeVpcs");
    trace.complete();
    trace.add(Group::Calls, "EC2", "DescribeSubnets", Duration::ZERO, serde_json::Map::new());
    assert_eq!(serde_json::from_str::<Vec<Value>>(&to.text()).unwrap(), events);
}

#[test]
fn bars_that_overlap_are_on_lanes_of_their_own() {
    let to = Shared::default();
    let mut trace = Trace::new(Box::new(to.clone()));
    std::thread::sleep(Duration::from_millis(20));
    for took in [10, 5, 0] {
        trace.add(Group::Calls, "EC2", "DescribeVpcs", Duration::from_millis(took), serde_json::Map::new());
    }
    let events: Vec<Value> = serde_json::from_str(&format!("{}]", to.text())).unwrap();
    let lanes: Vec<u64> = events.iter().filter(|e| e["ph"] == "X").map(|e| e["tid"].as_u64().unwrap()).collect();
    assert_eq!(lanes, [1, 2, 1]);
}
