//! A proxy in front of a local AWS that writes down every call and, when asked, lets some go wrong.
//!
//! HTTP/1.1 on loopback, a thread of its own. Bodies are read whole; a client's connection is kept, the one to the server
//! is made anew for each call.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

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
    /// The access key that signed it, which for LocalStack is the account.
    pub account: String,
    /// Which version it is a change of, where the service wants to know.
    pub if_match: Option<String>,
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
    /// Forward it, then drop the connection: it was done, and nobody knows.
    DropAfter,
    /// Forward it, then drop the connection in the middle of the answer.
    Half,
    /// To a question: what the answer was at most so long ago, before what has been done since. Otherwise forward it.
    Stale(Duration),
}

type Hook = Arc<dyn Fn(&Call) -> Fault + Send + Sync>;

/// An answer: since when it is known, its head and its body.
type Known = (Instant, Vec<u8>, Vec<u8>);

struct Shared {
    upstream: u16,
    begun: Instant,
    calls: Mutex<Vec<Call>>,
    hook: Mutex<Option<Hook>>,
    /// The last answers to each question, while somebody decides about calls.
    answers: Mutex<HashMap<Vec<u8>, Vec<Known>>>,
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    /// What takes the server's URL's place.
    pub url: String,
    shared: Arc<Shared>,
    _end: tokio::sync::oneshot::Sender<()>,
}

impl Proxy {
    /// Starts one in front of `http://127.0.0.1:port`.
    pub fn start(upstream: &str) -> Proxy {
        let port =
            upstream.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok()).expect("a URL with a port");
        let shared = Arc::new(Shared {
            upstream: port,
            begun: Instant::now(),
            calls: Mutex::default(),
            hook: Mutex::default(),
            answers: Mutex::default(),
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
        Proxy { url, shared, _end: end }
    }

    /// The calls since the last time, in the order in which they were answered.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *locked(&self.shared.calls))
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
        let remembers = hook.is_some() && !call.mutating;
        let mut fault = hook.map_or(Fault::Pass, |hook| hook(&call));
        let question = [head.start.as_bytes(), head.value("x-amz-target").unwrap_or_default().as_bytes(), &body].concat();
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
                None => fault = Fault::Pass,
            }
        }
        let answer = match &fault {
            Fault::DropBefore => None,
            Fault::Answer(status, kind, body) => {
                let start = format!("HTTP/1.1 {status} Fault");
                Some((Head { start, fields: vec![("Content-Type".into(), kind.clone())] }, body.clone().into_bytes()))
            }
            _ => {
                if let Fault::Delay(time) = &fault {
                    tokio::time::sleep(*time).await;
                }
                Some(forward(shared.upstream, &head, &body).await?)
            }
        };
        let answer = answer.filter(|_| fault != Fault::DropAfter);
        call.status = answer.as_ref().map(|(head, _)| head.status());
        // Before the answer leaves: who has an answer finds the call in the list.
        locked(&shared.calls).push(call);
        let Some((mut answer, body)) = answer else { return Ok(()) };
        // An answer to HEAD has the length of a body that does not come.
        if head.method() != "HEAD" && !matches!(answer.status(), 204 | 304) {
            answer.set("Content-Length", &body.len().to_string());
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

async fn forward(port: u16, head: &Head, body: &[u8]) -> std::io::Result<(Head, Vec<u8>)> {
    let mut server = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut request = Head { start: head.start.clone(), fields: head.fields.clone() };
    request.remove("expect");
    request.remove("transfer-encoding");
    request.set("Connection", "close");
    if !body.is_empty() || head.value("content-length").is_some() {
        request.set("Content-Length", &body.len().to_string());
    }
    server.get_mut().write_all(&[&request.bytes(), body].concat()).await?;
    let mut answer = Head::read(&mut server).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    while answer.status() == 100 {
        answer = Head::read(&mut server).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    }
    let none = head.method() == "HEAD" || matches!(answer.status(), 204 | 304);
    let body = if none { Vec::new() } else { answer.body(&mut server, true).await? };
    for field in ["transfer-encoding", "connection", "keep-alive"] {
        answer.remove(field);
    }
    Ok((answer, body))
}

/// The start of a message.
struct Head {
    start: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// `None` when the connection ended between messages.
    async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Head>> {
        let mut start = String::new();
        if stream.read_line(&mut start).await? == 0 {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => fields.push((name.to_owned(), value.trim().to_owned())),
                None => return Ok(Some(Head { start: start.trim_end().to_owned(), fields })),
            }
        }
    }

    async fn body(&self, stream: &mut BufReader<TcpStream>, until_end: bool) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.value("transfer-encoding").is_some_and(|value| value.to_lowercase().contains("chunked")) {
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
                let begun = body.len();
                body.resize(begun + size, 0);
                stream.read_exact(&mut body[begun..]).await?;
                line.clear();
                // The line's end after a chunk; after the last one, what trails it.
                while stream.read_line(&mut line).await? > 2 && size == 0 {
                    line.clear();
                }
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match self.value("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => {
                body.resize(length, 0);
                stream.read_exact(&mut body).await?;
            }
            None if until_end => drop(stream.read_to_end(&mut body).await?),
            None => {}
        }
        Ok(body)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn remove(&mut self, name: &str) {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    fn bytes(&self) -> Vec<u8> {
        let fields: String = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{fields}\r\n", self.start).into_bytes()
    }

    fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}

fn classify(head: &Head, body: &[u8], when: Duration) -> Call {
    // AWS4-HMAC-SHA256 Credential=KEY/20261123/us-east-1/ec2/aws4_request, SignedHeaders=…
    let credential = head.value("authorization").and_then(|value| value.split_once("Credential=")).map_or("", |(_, rest)| rest);
    let scope: Vec<&str> = credential.split(',').next().unwrap_or_default().split('/').collect();
    let (service, account) = (scope.get(3).copied().unwrap_or("unsigned"), scope[0]);
    let form = std::str::from_utf8(body).unwrap_or_default();
    let is_form = head.value("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).filter(|_| is_form);

    let named = head
        .value("x-amz-target")
        .and_then(|target| target.rsplit('.').next())
        .or_else(|| field("Action"))
        // CBOR: /service/GraniteServiceVersion20100801/operation/PutMetricAlarm
        .or_else(|| head.target().split_once("/operation/").map(|(_, operation)| operation));
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
        account: account.to_owned(),
        if_match: head.value("if-match").map(str::to_owned),
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
        let proxy = Proxy::start(&url);
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

        // Done, and nobody knows: the answer is dropped, and boto3 tries a second time.
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
