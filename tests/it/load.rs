//! `load`: the rate that something carries is found, and only what is the stack's own is ever loaded. Every request of these tests goes
//! to a server on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::run::Output;
use crate::support::subject::Subject;

const SHOP: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"] }
  api: { image: "nginx:1.27", port: 80, routes: ["/api/*"] }
  worker: { image: "nginx:1.27" }
environments:
  staging: {}
  production: { production: true }
"#;

const BALANCER: &str = r#"
result = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["DNSName"]
"#;

/// When the server on this machine answers a request.
type Answering = dyn Fn(Instant) -> Instant + Send + Sync;

/// An HTTP server on this machine, whose answers take as long as it is told.
struct Server {
    port: u16,
    requests: Arc<AtomicU64>,
    heads: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    fn new(answering: Arc<Answering>) -> Server {
        Server::with(answering, None)
    }

    /// With a configuration it speaks TLS.
    fn with(answering: Arc<Answering>, tls: Option<Arc<ServerConfig>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (counted, told, ended) = (requests.clone(), heads.clone(), over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (answering, counted, told, tls) = (answering.clone(), counted.clone(), told.clone(), tls.clone());
                std::thread::spawn(move || -> std::io::Result<()> {
                    let stream = stream?;
                    stream.set_nodelay(true)?;
                    match tls.map(|tls| ServerConnection::new(tls).unwrap()) {
                        Some(secured) => serve(StreamOwned::new(secured, stream), &*answering, &counted, &told),
                        None => serve(stream, &*answering, &counted, &told),
                    }
                });
            }
        });
        Server { port, requests, heads, over }
    }

    /// So many workers that take so long for each request, and a queue before them: it carries exactly workers / time. When each worker
    /// is free again is computed, so that a machine that wakes late does not lower that.
    fn of_workers(workers: usize, time: Duration) -> Server {
        let free = Mutex::new(vec![Instant::now(); workers]);
        Server::new(Arc::new(move |now: Instant| {
            let mut free = free.lock().unwrap();
            let next = free.iter_mut().min().unwrap();
            *next = (*next).max(now) + time;
            *next
        }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    stream: impl Read + Write,
    answering: &Answering,
    counted: &AtomicU64,
    told: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut from = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let begun = head.len();
            if from.read_line(&mut head)? == 0 {
                return Ok(());
            }
            let line = head[begun..].trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let at = answering(Instant::now());
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        counted.fetch_add(1, Ordering::Relaxed);
        told.lock().unwrap().push(format!("{head}{}", String::from_utf8_lossy(&body)));
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        from.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    }
}

/// A stack whose environment `staging` runs.
fn staging() -> Subject {
    let s = Subject::new(SHOP);
    s.place.stack(&["apply", "s.yaml", "--yes", "--env", "staging"]).ok();
    s
}

/// Loads it on this machine.
fn load(s: &Subject, server: &Server, more: &[&str]) -> Output {
    let to = format!("127.0.0.1:{}", server.port);
    let all =
        ["load", "s.yaml", "services.web", "--env", "staging", "--yes", "--json", "--connect-to", &to, "--wait-figures", "0s"];
    s.place.stack(&[&all, more].concat())
}

#[test]
fn the_rate_that_is_carried_is_found() {
    let s = staging();
    // 4 workers of 40 ms carry 100 requests a second.
    let server = Server::of_workers(4, Duration::from_millis(40));
    let steps = ["--goal", "p95=200ms,errors=0%", "--ramp", "40..1000", "--step", "6s", "--precision", "3", "--for", "4m"];
    let svg = s.place.path().join("load.svg");
    let files = ["--svg", "load.svg", "--html", "load.html"];
    // What the rest of the machine does may make it late; then it says so, and it is asked again.
    let found = (0..5).map(|_| load(&s, &server, &[&steps[..], &files].concat()).ok().json()).find(|run| run["end"] == "found");
    let run = found.expect("the machine was never fast enough");
    let holds = run["holds"].as_f64().unwrap();
    assert!((95.0..=105.0).contains(&holds), "{holds}: {run:#}");
    assert!(run["breaks"].as_f64().unwrap() <= holds * 1.03 + 0.001, "{run:#}");
    assert_eq!((&run["tasks"], &run["service"]), (&json!(1), &json!("web")));
    assert_eq!(run["per_task"], run["holds"]);
    let sent: u64 = run["steps"].as_array().unwrap().iter().map(|step| step["due"].as_u64().unwrap()).sum();
    assert!(server.requests.load(Ordering::Relaxed) >= sent * 9 / 10);
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("holds at"), "{svg}");
    if let Some(folder) = std::env::var_os("STACK_KEEP_PLOTS") {
        std::fs::write(std::path::Path::new(&folder).join("load.svg"), &svg).unwrap();
    }
    let page = std::fs::read_to_string(s.place.path().join("load.html")).unwrap();
    assert!(page.contains("shop/staging") && page.contains("<svg"), "{page}");
}

/// It stops for a second in every four, and is fast otherwise. Who waits for answers before sending the next request sees four slow
/// ones, one for each connection; users see a quarter of theirs.
#[test]
fn a_server_that_stalls_is_not_fast() {
    let s = staging();
    let begun = Instant::now();
    let server = Server::new(Arc::new(move |now: Instant| {
        let since = now.duration_since(begun).as_secs_f64() % 4.0;
        now + if since < 1.0 { Duration::from_secs_f64(1.0 - since) } else { Duration::from_millis(2) }
    }));
    // All of it is sent: the goal accepts half of the requests.
    let arguments = ["--rate", "50", "--step", "12s", "--connections", "4", "--goal", "p50=500ms"];
    // What the rest of the machine does may make it late; then it says that it knows nothing, and it is asked again.
    let known = |arguments: &[&str]| {
        let told = (0..5).map(|_| load(&s, &server, arguments)).find(|told| told.code != Some(1));
        told.expect("the machine was never fast enough")
    };
    let step = known(&arguments).ok().json()["steps"].as_array().unwrap().last().unwrap().clone();
    let (seen, hidden) = (step["latency"]["p95"].as_f64().unwrap(), step["from_sending"]["p95"].as_f64().unwrap());
    assert!(seen > 500.0, "from when they were due: {step:#}");
    assert!(hidden < 100.0, "from when they were sent, which hides it: {step:#}");
    // So a goal that a closed loop would call met is broken, and by what.
    let broken = known(&["--rate", "50", "--step", "12s", "--connections", "4", "--goal", "p95=300ms"]).exits(2).json();
    let verdict = broken["steps"].as_array().unwrap().last().unwrap()["verdict"].clone();
    assert_eq!(verdict, "broke", "{broken:#}");
}

#[test]
fn only_what_is_the_stacks_own_is_loaded() {
    let s = staging();
    let server = Server::of_workers(4, Duration::from_millis(1));
    let to = format!("127.0.0.1:{}", server.port);
    let own = s.account.boto3(BALANCER, &Value::Null).as_str().unwrap().to_owned();
    let short = ["--env", "staging", "--yes", "--connect-to", &to, "--rate", "20", "--step", "1s", "--wait-figures", "0s"];
    let load = |target: &str, more: &[&str]| s.place.stack(&[&["load", "s.yaml", target], &short[..], more].concat());
    for target in [
        "http://example.com/",
        "http://127.0.0.1/",
        "http://other-1.us-east-1.elb.amazonaws.com/",
        "services.none",
        "services.worker",
    ] {
        let refused = load(target, &[]).exits(4);
        assert!(refused.words().contains("nothing was sent"), "{}", refused.stderr);
    }
    load("web", &[]).exits(64);
    load(&format!("http://{own}/"), &["--connect-to", "10.0.0.1:80"]).exits(64);
    // Without consent nothing is sent; elsewhere there is no environment to load.
    let arguments = ["load", "s.yaml", "services.web", "--env", "staging", "--connect-to", &to];
    assert!(s.place.stack(&arguments).exits(4).words().contains("standard input is not a terminal"));
    assert_eq!(server.requests.load(Ordering::Relaxed), 0);

    s.place.file(
        "scenario.yaml",
        "requests:\n  - { path: /api/items, weight: 3 }\n  - { path: /api/orders, method: POST, headers: { X-Key: \"${SHOP_KEY}\" }, body: '{\"n\": 1}' }\n",
    );
    load("services.api", &["--scenario", "scenario.yaml"]).exits(65);
    let mut with_key =
        s.place.command(&[&["load", "s.yaml", "services.api"], &short[..], &["--scenario", "scenario.yaml", "--json"]].concat());
    let output = with_key.env("SHOP_KEY", "s3cret").output().unwrap();
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(run["url"], format!("http://{own}/api/"));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
    let heads = server.heads.lock().unwrap().clone();
    let posts: Vec<&String> = heads.iter().filter(|head| head.starts_with("POST /api/orders")).collect();
    let gets = heads.iter().filter(|head| head.starts_with("GET /api/items")).count();
    assert!(!posts.is_empty() && gets >= posts.len() * 2 && gets <= posts.len() * 4, "{gets} {}", posts.len());
    for head in &heads {
        assert!(head.to_ascii_lowercase().contains(&format!("host: {}\r\n", own.to_ascii_lowercase())), "{head}");
    }
    assert!(posts[0].ends_with("{\"n\": 1}") && posts[0].contains("s3cret"), "{}", posts[0]);
}

/// A certificate for a name, by an authority that nobody knows: `{authority, certificate, key}`.
const CERTIFICATE: &str = r#"
import datetime
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

def made(name, own, issuer, by, extensions):
    now = datetime.datetime.now(datetime.UTC)
    named = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer)).public_key(own.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
server = [
    (x509.SubjectAlternativeName([x509.DNSName(args)]), False),
    (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False),
]
result = {
    "authority": made("test", authority, "test", authority, [(x509.BasicConstraints(ca=True, path_length=0), True)]),
    "certificate": made(args, key, "test", authority, server),
    "key": key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode(),
}
"#;

const ZONE: &str = r#"
client("route53").create_hosted_zone(Name=args, CallerReference=args)
"#;

#[test]
fn what_speaks_tls_is_loaded_by_its_name() {
    let secure = SHOP.replace(
        "services:\n",
        "certificates: { site: { domain: shop.example, zone: existing.zones.main } }\nexisting: { zones: { main: shop.example } }\nload_balancer: { certificate: certificates.site }\nservices:\n",
    );
    let s = Subject::new(&secure);
    s.account.boto3(ZONE, &json!("shop.example"));
    s.place.stack(&["apply", "s.yaml", "--yes", "--env", "staging"]).ok();
    let made = s.account.boto3(CERTIFICATE, &json!("shop.example"));
    let text = |name: &str| made[name].as_str().unwrap().as_bytes();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(text("certificate")).unwrap()];
    let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_slice(text("key")).unwrap());
    let server = Server::with(Arc::new(|now| now), Some(Arc::new(config.unwrap())));

    let to = format!("127.0.0.1:{}", server.port);
    let loaded = |authority: Option<&std::path::Path>| {
        let arguments = ["load", "s.yaml", "https://shop.example/", "--env", "staging", "--yes", "--json", "--connect-to", &to];
        let mut command = s.place.command(&[&arguments[..], &["--rate", "20", "--step", "1s", "--wait-figures", "0s"]].concat());
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
        }
        let output = command.output().unwrap();
        let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (run, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // Nobody takes it for the site's that has no reason to trust it.
    let (run, told) = loaded(None);
    assert_eq!((&run["end"], server.requests.load(Ordering::Relaxed)), (&json!("nowhere"), 0), "{run:#} {told}");
    assert!(told.contains("100.00 % failed, more than 0.1 %, most of them: certificate not accepted; p99 was"), "{told}");
    let authority = s.place.file("authority.pem", made["authority"].as_str().unwrap());
    let (run, told) = loaded(Some(&authority));
    assert_eq!(run["url"], "https://shop.example/", "{run:#} {told}");
    let step = run["steps"].as_array().unwrap().last().unwrap().clone();
    let heads = server.heads.lock().unwrap().clone();
    assert!(step["verdict"] == "held" && heads.len() as u64 >= step["due"].as_u64().unwrap(), "{run:#} {told}");
    assert!(heads.iter().all(|head| head.to_ascii_lowercase().contains("host: shop.example\r\n")), "{}", heads[0]);
}

#[test]
fn production_is_confirmed_twice() {
    let s = Subject::new(SHOP);
    s.place.stack(&["apply", "s.yaml", "--yes", "--env", "production"]).ok();
    let server = Server::of_workers(4, Duration::from_millis(1));
    let to = format!("127.0.0.1:{}", server.port);
    let all = ["load", "s.yaml", "services.web", "--env", "production", "--connect-to", &to];
    let short = ["--rate", "20", "--step", "1s", "--wait-figures", "0s"];
    let load = |more: &[&str]| s.place.stack(&[&all[..], &short, more].concat());
    let refused = load(&["--yes"]).exits(4);
    assert!(refused.words().contains("production environment") && refused.words().contains("--confirm shop/production"));
    load(&["--confirm", "shop/production"]).exits(4);
    load(&["--yes", "--confirm", "shop/staging"]).exits(4);
    assert_eq!(server.requests.load(Ordering::Relaxed), 0);
    load(&["--yes", "--confirm", "shop/production"]).ok();
    assert!(server.requests.load(Ordering::Relaxed) > 100);
}

/// CloudWatch learns that a service is busy.
const BUSY: &str = r#"
import datetime
now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
cluster = client("ecs").list_clusters()["clusterArns"][0].split("/")[-1]
service = [arn for arn in client("ecs").list_services(cluster=cluster)["serviceArns"] if arn.endswith("web")][0].split("/")[-1]
dimensions = [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]
for minute in range(-1, 4):
    at = now + datetime.timedelta(minutes=minute)
    client("cloudwatch").put_metric_data(Namespace="AWS/ECS", MetricData=[
        {"MetricName": "CPUUtilization", "Dimensions": dimensions, "Timestamp": at, "Value": 97.0, "Unit": "Percent"}])
"#;

#[test]
fn the_part_that_was_the_limit_is_named() {
    let s = staging();
    s.account.boto3(BUSY, &Value::Null);
    let server = Server::of_workers(1, Duration::from_millis(100));
    let to = format!("127.0.0.1:{}", server.port);
    let all = ["load", "s.yaml", "services.web", "--env", "staging", "--yes", "--connect-to", &to, "--wait-figures", "1s"];
    let told =
        s.place.stack(&[&all[..], &["--rate", "40", "--step", "4s", "--goal", "p90=300ms", "--json"]].concat()).exits(2).json();
    assert_eq!((&told["limit"]["what"], &told["limit"]["part"]), (&json!("part"), &json!("services.web")), "{told:#}");
    assert!(told["limit"]["said"].as_str().unwrap().contains("CPU at 97 %"), "{told:#}");
    // The bound of requests ends it before anything is known.
    let bound = s.place.stack(&[&all[..], &["--requests", "10", "--json"]].concat()).ok().json();
    assert_eq!((&bound["end"], &bound["holds"], &bound["steps"]), (&json!("bound"), &Value::Null, &json!([])));
    // About the only rate that was asked for, nothing is known then.
    let arguments = ["--rate", "40", "--requests", "10"];
    assert!(s.place.stack(&[&all[..], &arguments].concat()).exits(1).words().contains("is not known: The bound of time"));
    assert!(server.requests.load(Ordering::Relaxed) < 400);
}

#[test]
fn what_was_measured_is_written_and_used() {
    let s = staging();
    let server = Server::of_workers(2, Duration::from_millis(20));
    let before = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    let unknown = s.place.stack(&["capacity", "s.yaml", "--users", "100"]).exits(1);
    assert!(unknown.words().contains("not guessed"), "{}", unknown.stderr);
    load(&s, &server, &["--rate", "20", "--step", "1s", "--save"]).ok();
    let after = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    let added: String = after.lines().filter(|line| !before.contains(line)).collect::<Vec<_>>().join("\n");
    assert!(added.contains("capacity:") && added.contains("requests_per_task: 20") && added.contains("p99:"), "{after}");
    // 1,000 users × 0.1 requests a second, by 20 in a task.
    let told = s.place.stack(&["capacity", "s.yaml", "--users", "1000", "--format", "json", "--svg", "capacity.svg"]).ok().json();
    let web = told["need"]["services"].as_array().unwrap().iter().find(|service| service["service"] == "web").unwrap().clone();
    assert_eq!((&web["needed"], &told["bounds"][0]["users"]), (&json!(5), &json!(200)));
    s.place.stack(&["capacity", "s.yaml", "--users", "1000", "--apply"]).exits(4);
    s.place.stack(&["capacity", "s.yaml", "--users", "1000", "--apply", "--yes"]).ok();
    let plan = s.place.stack(&["plan", "s.yaml", "--env", "staging", "--json"]).ok().json();
    let changes: Vec<&str> = plan["changes"].as_array().unwrap().iter().map(|change| change["key"].as_str().unwrap()).collect();
    assert_eq!(changes, ["ecs.service/web"]);
}
