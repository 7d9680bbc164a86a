//! A proxy in front of a local AWS that writes down every call and, when asked, lets some go wrong.
//!
//! HTTP/1.1 on loopback, a thread of its own. Bodies are read whole; a client's connection is kept, the one to the server
//! is created for each call.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::faults::{Rough, not_found};
use super::http::{Head, forward};
use super::record::Recorder;

/// One request that was made of AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The service, as the signature names it: `ec2`, `elasticloadbalancing`.
    pub service: String,
    /// `CreateVpc`; for services without names in their requests the method and the path: `PUT /bucket`.
    pub operation: String,
    /// Whether it may change anything.
    pub mutating: bool,
    /// When it came, after the proxy's start.
    pub when: Duration,
    /// The status of the answer; `None` when the connection was dropped instead.
    pub status: Option<u16>,
    /// The region that it is signed for.
    pub region: String,
    /// The access key that signed it, which for LocalStack is the account.
    pub account: String,
    /// Which version it is a change of, where the service wants to know.
    pub if_match: Option<String>,
    /// What became of it when the suite's own faults met it; nothing in calm.
    met: Option<Met>,
    /// Tells the same request sent again from another one.
    question: u64,
}

/// What a fault of the suite did to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Met {
    /// It never reached AWS.
    NotDone,
    /// It was done, and who asked does not know.
    Done,
}

impl Call {
    /// `ec2:CreateVpc`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// Whether it is about the bucket of leases and history.
    pub fn is_of_history(&self) -> bool {
        self.service == "s3" && self.operation.contains(" /stack-history-")
    }
}

/// What to do with a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Forward it.
    Pass,
    /// Wait, then forward it.
    Delay(Duration),
    /// Do not forward it; answer this (status, content type, body).
    Answer(u16, String, String),
    /// Drop the connection without forwarding: it was not done.
    DropBefore,
    /// Forward it, then drop the connection: it was done, and the caller does not know.
    DropAfter,
    /// Forward it, then drop the connection in the middle of the answer.
    Half,
    /// To a question: what the answer was at most so long ago, before what has been done since; "not found", when it asks for
    /// something by its id that was not there then. Otherwise forward it.
    Stale(Duration),
}

/// What asks the local AWS's plug-in for pages of so many items, and what it says of one that is not the last.
const PAGE_ITEMS: &str = "X-Stack-Page-Items";
const PAGE_MORE: &str = "X-Stack-Page-More";

type Hook = Arc<dyn Fn(&Call) -> Fault + Send + Sync>;

/// An answer: since when it is known, its head and its body.
type Known = (Instant, Vec<u8>, Vec<u8>);

struct Shared {
    upstream: u16,
    begun: Instant,
    calls: Mutex<Vec<Call>>,
    hook: Mutex<Option<Hook>>,
    /// The last answers to each question, while a test decides about calls.
    answers: Mutex<HashMap<Vec<u8>, Vec<Known>>>,
    /// Since when the ids are known that AWS gave to what was made.
    born: Mutex<HashMap<String, Instant>>,
    /// The suite's own faults, which meet what the hook lets pass.
    rough: Option<Rough>,
    /// Where every request is written down, when that is asked for.
    recorder: Option<Recorder>,
    /// How many calls came in all.
    came: AtomicUsize,
    /// Whether lists come one item a page, and how many pages with more behind them each operation had.
    pages_of_one: AtomicBool,
    paged: Mutex<BTreeMap<String, usize>>,
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    /// What takes the server's URL's place.
    pub url: String,
    shared: Arc<Shared>,
    owner: String,
    _end: tokio::sync::oneshot::Sender<()>,
}

/// Lets the calls of a command that begins find AWS of one mind: a user who types the next command has waited those seconds.
#[derive(Clone)]
pub struct Settled(Arc<Shared>);

impl Settled {
    /// Forgets every old answer.
    pub fn now(&self) {
        locked(&self.0.answers).clear();
        locked(&self.0.born).clear();
    }
}

impl Proxy {
    /// Starts one in front of `http://127.0.0.1:port`.
    pub fn start(upstream: &str) -> Proxy {
        Proxy::with(upstream, None, false, Recorder::of_suite())
    }

    /// The same, with a recording of its own in this folder.
    pub fn recording(upstream: &str, folder: &std::path::Path) -> Proxy {
        Proxy::with(upstream, None, false, Some(Recorder::below(folder)))
    }

    /// The same for the calls of `stack`: with the suite's faults and pages, when those are asked for.
    pub fn for_stack(upstream: &str) -> Proxy {
        Proxy::with(upstream, Rough::of_suite(), std::env::var_os("STACK_SUITE_PAGES").is_some(), Recorder::of_suite())
    }

    fn with(upstream: &str, rough: Option<Rough>, pages_of_one: bool, recorder: Option<Recorder>) -> Proxy {
        let port =
            upstream.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok()).expect("a URL with a port");
        let shared = Arc::new(Shared {
            upstream: port,
            begun: Instant::now(),
            calls: Mutex::default(),
            hook: Mutex::default(),
            answers: Mutex::default(),
            born: Mutex::default(),
            rough,
            recorder,
            came: AtomicUsize::default(),
            pages_of_one: pages_of_one.into(),
            paged: Mutex::default(),
        });
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        let (end, ended) = tokio::sync::oneshot::channel();
        let serving = shared.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(TcpListener::from_std(socket).expect("a socket"), serving) => {}
                    _ = ended => {}
                }
            });
        });
        let owner = std::thread::current().name().unwrap_or("somebody").to_owned();
        Proxy { url, shared, owner, _end: end }
    }

    /// The calls since the last time, in the order in which they were answered, as they would have been without the suite's
    /// faults: what one of those kept from AWS was sent again and counts then, and what was done counts once.
    pub fn take(&self) -> Vec<Call> {
        let calls = self.take_all();
        let counts = |(at, call): &(usize, &Call)| match call.met {
            None => true,
            Some(Met::NotDone) => false,
            Some(Met::Done) => !calls[at + 1..].iter().any(|c| c.question == call.question && c.met != Some(Met::NotDone)),
        };
        calls.iter().enumerate().filter(counts).map(|(_, call)| call.clone()).collect()
    }

    /// Every call since the last time, what the suite's faults made of it included.
    pub fn take_all(&self) -> Vec<Call> {
        std::mem::take(&mut *locked(&self.shared.calls))
    }

    /// See [`Settled`].
    pub fn settled(&self) -> Settled {
        Settled(self.shared.clone())
    }

    /// Has the local AWS answer lists one item a page, or as it likes.
    pub fn pages_of_one(&self, on: bool) {
        self.shared.pages_of_one.store(on, Ordering::Relaxed);
    }

    /// How many pages that were not the last one each operation had, since the last time.
    pub fn paged(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *locked(&self.shared.paged))
    }

    /// Has `hook` decide about every call that follows. Its `status` is `None` at that time.
    pub fn on_call(&self, hook: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
        *locked(&self.shared.hook) = Some(Arc::new(hook));
    }

    /// Lets everything pass again.
    pub fn pass(&self) {
        *locked(&self.shared.hook) = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let shared = &self.shared;
        let (came, paged) = (shared.came.load(Ordering::Relaxed), locked(&shared.paged).len());
        if let Some(rough) = &shared.rough {
            let seen = rough.seen();
            println!("faults of {}: {} of {came} calls: {seen:?}", self.owner, seen.values().sum::<usize>());
        }
        if shared.pages_of_one.load(Ordering::Relaxed) {
            println!("pages of {}: {paged} operations answered one item a page", self.owner);
        }
    }
}

/// How often each operation was called.
pub fn counts(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.name()).or_default() += 1;
    }
    counts
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            // An error means that one side went away, which is theirs to notice.
            let _ = client(stream, &shared).await;
        });
    }
}

/// Serves one client's connection, call after call.
async fn client(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(head) = Head::read(&mut stream).await? {
        if head.value("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = head.body(&mut stream, false).await?;
        let mut call = classify(&head, &body, shared.begun.elapsed());
        let hook = locked(&shared.hook).clone();
        let remembers = (hook.is_some() || shared.rough.is_some()) && !call.mutating;
        let mut fault = hook.map_or(Fault::Pass, |hook| hook(&call));
        shared.came.fetch_add(1, Ordering::Relaxed);
        if let (Fault::Pass, Some(rough)) = (&fault, &shared.rough) {
            fault = rough.decide(&call);
            call.met = match fault {
                Fault::Answer(..) | Fault::DropBefore => Some(Met::NotDone),
                Fault::DropAfter | Fault::Half => Some(Met::Done),
                Fault::Pass | Fault::Delay(_) | Fault::Stale(_) => None,
            };
        }
        // The same words mean something else in another region.
        let scope = scope(&head).join("/");
        let target = head.value("x-amz-target").unwrap_or_default();
        let question = [scope.as_bytes(), head.start.as_bytes(), target.as_bytes(), &body].concat();
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        call.question = hasher.finish();
        if let Fault::Stale(age) = fault {
            let known = {
                let answers = locked(&shared.answers);
                answers.get(&question).into_iter().flatten().find(|(at, ..)| at.elapsed() <= age).cloned()
            };
            match known {
                Some((_, head, body)) => {
                    call.status = Some(200);
                    locked(&shared.calls).push(call);
                    stream.get_mut().write_all(&[head, body].concat()).await?;
                    continue;
                }
                // A create that is asked about by its new id, which is not known yet.
                None => {
                    let text = String::from_utf8_lossy(&body);
                    let by_id = call.service == "ec2" && call.operation.starts_with("Describe");
                    let born = locked(&shared.born);
                    let is_new = |id: &&str| born.get(*id).is_some_and(|at| at.elapsed() <= age);
                    // Who filters by it gets an empty list instead.
                    let asked = text.split('&').filter(|pair| by_id && !pair.starts_with("Filter"));
                    let new = asked.filter_map(|pair| ids(pair).find(is_new)).find_map(not_found);
                    call.met = new.as_ref().and(call.met.or(shared.rough.as_ref().map(|_| Met::NotDone)));
                    fault = new.unwrap_or(Fault::Pass);
                }
            }
        }
        let answer = match &fault {
            Fault::DropBefore => None,
            Fault::Answer(status, kind, body) => {
                let start = format!("HTTP/1.1 {status} Fault");
                let body = if kind == CBOR { cbor(body) } else { body.clone().into_bytes() };
                let body = if head.method() == "HEAD" { Vec::new() } else { body };
                let mut fields = vec![("Content-Type".into(), kind.clone())];
                if kind == CBOR {
                    fields.push(("Smithy-Protocol".into(), "rpc-v2-cbor".into()));
                }
                Some((Head { start, fields }, body))
            }
            _ => {
                if let Fault::Delay(time) = &fault {
                    tokio::time::sleep(*time).await;
                }
                let mut request = head.clone();
                if shared.pages_of_one.load(Ordering::Relaxed) {
                    request.set(PAGE_ITEMS, "1");
                }
                let answer = forward(shared.upstream, &request, &body).await?;
                if answer.0.value(PAGE_MORE).is_some() {
                    *locked(&shared.paged).entry(call.name()).or_default() += 1;
                }
                Some(answer)
            }
        };
        let said = answer.as_ref().map(|(head, _)| head.status());
        if let Some(recorder) = &shared.recorder {
            let by_aws = !matches!(fault, Fault::Answer(..));
            recorder.write(&head, &body, answer.as_ref().map(|(head, body)| (head, body.as_slice())), by_aws);
        }
        let answer = answer.filter(|_| fault != Fault::DropAfter);
        // Of a call that is to count as if nothing had happened, what AWS said counts too.
        call.status = if call.met == Some(Met::Done) { said } else { answer.as_ref().map(|(head, _)| head.status()) };
        let makes = call.service == "ec2" && (call.operation.starts_with("Create") || call.operation == "AllocateAddress");
        // Before the answer leaves: who has an answer finds the call in the list.
        locked(&shared.calls).push(call);
        let Some((mut answer, body)) = answer else { return Ok(()) };
        // An answer to HEAD has the length of a body that does not come.
        if head.method() != "HEAD" && !matches!(answer.status(), 204 | 304) {
            answer.set("Content-Length", &body.len().to_string());
        }
        if makes {
            let text = String::from_utf8_lossy(&body);
            let mut born = locked(&shared.born);
            for id in ids(&text).filter(|_| answer.status() == 200) {
                born.entry(id.to_owned()).or_insert_with(Instant::now);
            }
        }
        if remembers && answer.status() == 200 {
            let mut answers = locked(&shared.answers);
            let known = answers.entry(question).or_default();
            known.push((Instant::now(), answer.bytes(), body.clone()));
            if known.len() > 32 {
                known.remove(0);
            }
        }
        let mut bytes = [answer.bytes(), body].concat();
        if fault == Fault::Half {
            bytes.truncate(bytes.len() - bytes.len() / 3);
            return stream.get_mut().write_all(&bytes).await;
        }
        stream.get_mut().write_all(&bytes).await?;
        if head.value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
    Ok(())
}

/// The content type of CloudWatch's answers. A [`Fault::Answer`] of this type is written in JSON.
pub const CBOR: &str = "application/cbor";

/// Writes an object of short texts, given in JSON, as CBOR.
fn cbor(json: &str) -> Vec<u8> {
    let object: BTreeMap<String, String> = serde_json::from_str(json).expect("an object of texts");
    let head = |major: u8, length: usize| match u8::try_from(length).expect("a short one") {
        short @ 0..24 => vec![major | short],
        length => vec![major | 24, length],
    };
    let text = |text: &String| [head(0x60, text.len()), text.clone().into_bytes()].concat();
    let pairs = object.iter().flat_map(|(name, value)| [text(name), text(value)]);
    [head(0xa0, object.len())].into_iter().chain(pairs).flatten().collect()
}

/// The words that look like an id of EC2's: `subnet-0123abcd…`.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| {
        let number = word.split_once('-').map(|(_, number)| number);
        number.is_some_and(|n| n.len() >= 8 && n.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// What a request is signed for: the key, the day, the region, the service.
fn scope(head: &Head) -> Vec<&str> {
    // AWS4-HMAC-SHA256 Credential=KEY/20261123/us-east-1/ec2/aws4_request, SignedHeaders=…
    let credential = head.value("authorization").and_then(|value| value.split_once("Credential=")).map_or("", |(_, rest)| rest);
    credential.split(',').next().unwrap_or_default().split('/').collect()
}

/// `describe-slack-workspaces` as `DescribeSlackWorkspaces`; its paths abbreviate Microsoft.
fn pascal(words: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let operation: String = words.split('-').filter(|word| !word.is_empty()).map(capital).collect();
    operation.replace("MsTeams", "MicrosoftTeams")
}

fn classify(head: &Head, body: &[u8], when: Duration) -> Call {
    let scope = scope(head);
    let (service, account) = (scope.get(3).copied().unwrap_or("unsigned"), scope[0]);
    let form = std::str::from_utf8(body).unwrap_or_default();
    let is_form = head.value("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).filter(|_| is_form);

    // Its paths are operations, and it takes POST for all: /describe-slack-workspaces.
    let of_chatbot = (service == "chatbot").then(|| pascal(head.target().trim_start_matches('/')));
    let named = head
        .value("x-amz-target")
        .and_then(|target| target.rsplit('.').next())
        .or_else(|| field("Action"))
        // CBOR: /service/GraniteServiceVersion20100801/operation/PutMetricAlarm
        .or_else(|| head.target().split_once("/operation/").map(|(_, operation)| operation))
        .or(of_chatbot.as_deref());
    let (operation, mutating) = match named {
        Some(operation) => (operation.to_owned(), !reads(operation) && field("DryRun") != Some("true")),
        None => (format!("{} {}", head.method(), head.target()), !matches!(head.method(), "GET" | "HEAD" | "OPTIONS")),
    };
    Call {
        service: service.to_owned(),
        operation,
        mutating,
        when,
        status: None,
        region: scope.get(2).copied().unwrap_or_default().to_owned(),
        account: account.to_owned(),
        if_match: head.value("if-match").map(str::to_owned),
        met: None,
        question: 0,
    }
}

fn reads(operation: &str) -> bool {
    const READING: &[&str] = &[
        "Describe",
        "List",
        "Get",
        "Head",
        "BatchGet",
        "BatchDescribe",
        "Lookup",
        "Simulate",
        "Search",
        "AssumeRole",
        "Filter",
        "Validate",
    ];
    READING.iter().any(|prefix| operation.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use serde_json::json;

    use super::*;
    use crate::support::aws::LocalAws;

    fn head(start: &str, fields: &[(&str, &str)]) -> Head {
        Head { start: start.into(), fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect() }
    }

    #[test]
    fn calls_are_named() {
        let signed = |service: &str| {
            format!("AWS4-HMAC-SHA256 Credential=42/20261123/us-east-1/{service}/aws4_request, SignedHeaders=host")
        };
        let name = |start: &str, service: &str, fields: &[(&str, &str)], body: &str| {
            let signature = signed(service);
            let fields = [fields, &[("authorization", signature.as_str())]].concat();
            let call = classify(&head(start, &fields), body.as_bytes(), Duration::ZERO);
            assert_eq!(call.account, "42");
            (call.name(), call.mutating)
        };
        let form = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(name("POST / HTTP/1.1", "ec2", &[form], "Action=CreateVpc&Version=1"), ("ec2:CreateVpc".into(), true));
        assert_eq!(name("POST / HTTP/1.1", "ec2", &[form], "Action=CreateVpc&DryRun=true"), ("ec2:CreateVpc".into(), false));
        let target = ("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeClusters");
        assert_eq!(name("POST / HTTP/1.1", "ecs", &[target], "{}"), ("ecs:DescribeClusters".into(), false));
        assert_eq!(name("PUT /bucket?versioning HTTP/1.1", "s3", &[], "<x/>"), ("s3:PUT /bucket?versioning".into(), true));
        assert!(!name("GET /2020-05-31/distribution HTTP/1.1", "cloudfront", &[], "").1);
        assert_eq!(
            name("POST /service/Granite/operation/PutMetricAlarm HTTP/1.1", "monitoring", &[], "").0,
            "monitoring:PutMetricAlarm"
        );
    }

    /// A server of one answer, and what it was asked.
    fn upstream(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = socket.accept().unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 1024];
            while !asked.ends_with(b"hello") {
                let read = stream.read(&mut buffer).unwrap();
                asked.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (url, thread)
    }

    #[test]
    fn chunks_are_joined_in_both_directions() {
        let (url, server) =
            upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n");
        // AWS would not take what is not signed.
        let proxy = Proxy::with(&url, None, false, None);
        let mut client = std::net::TcpStream::connect(proxy.url.trim_start_matches("http://")).unwrap();
        let request =
            "PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nhell\r\n1;x=y\r\no\r\n0\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("Content-Length: 5\r\n\r\nabcde"), "{answer}");
        let asked = server.join().unwrap();
        assert!(asked.contains("Content-Length: 5\r\n") && !asked.contains("chunked"), "{asked}");
        assert_eq!(counts(&proxy.take()), BTreeMap::from([("unsigned:PUT /b".to_owned(), 1)]));
        assert!(proxy.take().is_empty());
    }

    #[test]
    fn boto3_is_counted_and_can_be_disturbed() {
        let aws = LocalAws::shared();
        let account = aws.account();
        let proxy = Proxy::start(&account.url);
        let through = account.through(&proxy.url);
        let id = through.boto3(
            "client('s3').create_bucket(Bucket='proxy-' + args); client('s3').put_object(Bucket='proxy-' + args, Key='k', Body=b'x' * 70000)\n\
             client('s3').head_object(Bucket='proxy-' + args, Key='k')\n\
             result = [client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId'], len(client('ec2').describe_vpcs()['Vpcs'])]",
            &json!(account.id),
        );
        let calls = proxy.take();
        let counted = counts(&calls);
        assert_eq!((counted["ec2:CreateVpc"], counted["ec2:DescribeVpcs"]), (1, 1), "{counted:?}");
        assert_eq!(calls.iter().filter(|call| call.mutating).count(), 3, "{calls:?}");
        assert!(calls.iter().all(|call| call.status == Some(200) && call.account == account.id), "{calls:?}");

        // Done, and boto3 does not know: the answer is dropped, and boto3 tries a second time.
        let dropped = std::sync::atomic::AtomicBool::new(false);
        proxy.on_call(move |call| match call.operation.as_str() {
            "DeleteVpc" if !dropped.swap(true, std::sync::atomic::Ordering::Relaxed) => Fault::DropAfter,
            "DescribeVpcs" => Fault::Answer(
                503,
                "text/xml".into(),
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>".into(),
            ),
            _ => Fault::Pass,
        });
        let error = through.try_boto3("client('ec2').delete_vpc(VpcId=args)", &id[0]).unwrap_err();
        assert!(error.contains("InvalidVpcID.NotFound"), "{error}");
        assert_eq!(proxy.take().iter().map(|call| call.status).collect::<Vec<_>>(), [None, Some(400)]);
        let error = through.try_boto3("client('ec2').describe_vpcs()", &json!(null)).unwrap_err();
        assert!(error.contains("RequestLimitExceeded"), "{error}");
        proxy.pass();
        assert_eq!(
            through.boto3("result = len(client('ec2').describe_vpcs()['Vpcs'])", &json!(null)),
            id[1].as_u64().unwrap() - 1
        );
    }
}
