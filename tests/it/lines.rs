//! `stack logs`: what the parts of a stack write, in the order of time.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none, flow_logs: off }
services:
  web: { image: "nginx:1.27", port: 80, public: true, count: 0 }
  api: { image: "nginx:1.27", port: 80, public: true, count: 0 }
"#;

/// Writes lines: the group, the stream, how many milliseconds after the time given, the text.
const WRITE: &str = r#"
logs = client("logs")
for group, stream, at, text in args:
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at, "message": text}])
"#;

const WEB: &str = "/stack/shop/default/web";
const API: &str = "/stack/shop/default/api";

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn write(s: &Subject, lines: &[(&str, &str, u64, &str)]) {
    s.account.boto3(WRITE, &json!(lines));
}

/// A stack whose services wrote lines, and when the first was written.
fn written() -> (Subject, u64) {
    let s = Subject::new(FILE);
    s.apply();
    let at = now() - 300_000;
    write(
        &s,
        &[
            (WEB, "web/web/aaaaaaaa1111", at, "GET / 200"),
            (WEB, "web/web/bbbbbbbb2222", at + 2_000, "GET /cart 200"),
            (WEB, "web/web/aaaaaaaa1111", at + 4_000, "ERROR no such user"),
            (API, "api/api/cccccccc3333", at + 1_000, "started"),
            (API, "api/api/cccccccc3333", at + 3_000, "ERROR timeout\u{1b}[2J"),
            (WEB, "web/web/aaaaaaaa1111", at - 3_600_000, "an hour ago"),
        ],
    );
    s.proxy.take();
    (s, at)
}

/// The lines without their times.
fn texts(output: &str) -> Vec<String> {
    let after = |line: &str| line.split_once(' ').map_or(line, |(_, rest)| rest).trim().to_owned();
    output.lines().map(after).collect()
}

#[test]
fn lines_of_all_services_come_in_order_of_time() {
    let (s, at) = written();
    let said = s.place.stack(&["logs", "s.yaml"]).ok().stdout;
    let expected = [
        "web/aaaaaaaa GET / 200",
        "api/cccccccc started",
        "web/bbbbbbbb GET /cart 200",
        "api/cccccccc ERROR timeout\u{1b}[2J",
        "web/aaaaaaaa ERROR no such user",
    ];
    assert_eq!(texts(&said), expected);
    let calls = s.proxy.take();
    assert!(
        calls.iter().all(|call| ["Describe", "Get", "Filter", "List"].iter().any(|verb| call.operation.starts_with(verb))),
        "{calls:?}"
    );

    let of = |options: &[&str]| texts(&s.place.stack(&[&["logs", "s.yaml"], options].concat()).ok().stdout);
    assert_eq!(of(&["services.api"]), ["cccccccc started", "cccccccc ERROR timeout\u{1b}[2J"]);
    assert_eq!(of(&["--filter", "ERROR", "web"]), ["aaaaaaaa ERROR no such user"]);
    assert_eq!(of(&["--task", "bbbb"]), ["web/bbbbbbbb GET /cart 200"]);
    assert_eq!(of(&["--tail", "1"]), ["web/aaaaaaaa ERROR no such user"]);
    assert_eq!(of(&["--since", "2h", "--tail", "6"]).first().unwrap(), "web/aaaaaaaa an hour ago");
    assert_eq!(of(&["--since", "2h", "--until", "30m"]), ["aaaaaaaa an hour ago"].map(|line| format!("web/{line}")));

    // Without FILE, and as JSON.
    s.place.file("stack.yaml", FILE);
    let lines = s.place.stack(&["logs", "api", "--json"]).ok().stdout;
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let time = jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap() + 1_000).unwrap();
    assert_eq!(first["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap(), time, "{first}");
    let rest = (&first["part"], &first["log_group"], &first["log_stream"], &first["message"]);
    assert_eq!(rest, (&json!("api"), &json!(API), &json!("api/api/cccccccc3333"), &json!("started")));
}

#[test]
fn what_has_no_lines_is_said() {
    let s = Subject::new(FILE);
    let refused = s.place.stack(&["logs", "s.yaml"]).exits(4).words();
    assert!(refused.contains("this environment has no log groups"), "{refused}");
    s.apply();
    let none = s.place.stack(&["logs", "s.yaml"]).ok();
    assert!(
        none.stdout.is_empty() && none.words().contains("No lines in the last 10m: `--since` looks further back"),
        "{none:?}"
    );
    let unknown = s.place.stack(&["logs", "s.yaml", "wbe"]).exits(4).words();
    assert!(
        unknown.contains("`wbe` has no log group in this environment")
            && unknown.contains("there are `api`, `container-insights`, `web`"),
        "{unknown}"
    );
    let ends = s.place.stack(&["logs", "s.yaml", "--since", "1m", "--until", "5m"]).exits(64).words();
    assert!(ends.contains("`--until` is not after `--since`"), "{ends}");
    s.place.stack(&["logs", "prod.yaml"]).exits(65);
}

#[test]
fn lines_are_followed_also_those_that_come_late() {
    let (s, _) = written();
    let mut command = s.place.command(&["logs", "s.yaml", "-f"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| texts(&line.unwrap()).remove(0));
    assert_eq!(lines.by_ref().take(5).count(), 5);
    let at = now();
    write(&s, &[(WEB, "web/web/aaaaaaaa1111", at, "new")]);
    assert_eq!(lines.next().unwrap(), "web/aaaaaaaa new");
    // Of another task, which wrote it earlier.
    write(&s, &[(WEB, "web/web/bbbbbbbb2222", at - 9_000, "late"), (WEB, "web/web/aaaaaaaa1111", at + 1, "newer")]);
    assert_eq!([lines.next().unwrap(), lines.next().unwrap()], ["web/bbbbbbbb late", "web/aaaaaaaa newer"]);
    // Nobody reads any more: it ends by itself, without an error.
    drop(lines);
    write(&s, &[(API, "api/api/cccccccc3333", now(), "unread")]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

const REQUESTS: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none, flow_logs: off }
cdn: {}
services:
  web: { image: "nginx:1.27", port: 80, public: true, count: 0, routes: ["/*"] }
"#;

/// Writes access logs as AWS does: two files of a load balancer's five minutes, and one of a distribution's hour.
const SERVE: &str = r##"
import datetime, gzip
s3, account = client("s3"), client("sts").get_caller_identity()["Account"]
buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
[alb], [cdn] = ([name for name in buckets if part in name] for part in ("alb-logs", "cdn-logs"))
[distribution] = client("cloudfront").list_distributions()["DistributionList"]["Items"]
at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)

def balancer(node, *lines):
    folder = f"alb/AWSLogs/{account}/elasticloadbalancing/us-east-1/{at:%Y/%m/%d}"
    name = f"{account}_elasticloadbalancing_us-east-1_app.shop.1234567890abcdef_{at:%Y%m%dT%H%MZ}_{node}_20sg8hgm.log.gz"
    text = [f"http {at + datetime.timedelta(seconds=n):%Y-%m-%dT%H:%M:%S}.000000Z app/shop/1 {node}:2817 {line}\n" for n, line in lines]
    s3.put_object(Bucket=alb, Key=f"{folder}/{name}", Body=gzip.compress("".join(text).encode()))

balancer("192.0.2.1", (1, "GET /one 200"), (3, "GET /three 502"))
balancer("192.0.2.2", (2, "GET /two 200"))
text = f"#Version: 1.0\n#Fields: date time x-edge-location\n{at:%Y-%m-%d}\t{at:%H:%M:%S}\tLAX1\tGET /static\n"
s3.put_object(Bucket=cdn, Key=f"cdn/{distribution['Id']}.{at:%Y-%m-%d-%H}.a1b2c3d4.gz", Body=gzip.compress(text.encode()))
"##;

#[test]
fn requests_are_read_from_access_logs() {
    let s = Subject::new(REQUESTS);
    s.apply();
    s.account.boto3(SERVE, &Value::Null);
    let logs = |more: &[&str]| s.place.stack(&[&["logs", "s.yaml"], more].concat());
    let paths = |output: &str| -> Vec<String> {
        let path = |line: &str| line.split_once("GET ").unwrap().1.to_owned();
        output.lines().map(path).collect()
    };
    let hour = ["load_balancer", "--since", "1h"];
    assert_eq!(paths(&logs(&hour).ok().stdout), ["/one 200", "/two 200", "/three 502"]);
    let filtered = logs(&[&hour[..], &["--filter", " 502"]].concat()).ok().stdout;
    assert_eq!(paths(&filtered), ["/three 502"]);
    let both = ["load_balancer", "cdn", "--since", "1h", "--tail", "2"];
    assert_eq!(paths(&logs(&both).ok().stdout), ["/two 200", "/three 502"]);
    let json = logs(&["cdn", "--since", "1h", "--json"]).ok().json();
    assert_eq!(json["part"], "cdn");
    assert!(json["file"].as_str().unwrap().starts_with("s3://shop-cdn-logs-"), "{json}");
    // Nothing in the last ten minutes, and what cannot be is refused.
    assert!(logs(&["cdn"]).ok().stderr.contains("No requests in this time"));
    assert!(logs(&["cdn", "--follow"]).exits(64).stderr.contains("`--follow` is not possible"));
    assert!(logs(&["cdn", "web"]).exits(64).stderr.contains("`cdn` and `web` cannot be printed together"));
    s.write("cdn: {}\n", "cdn: { logs: false }\nload_balancer: { access_logs: false }\n");
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "s3.bucket/*"]).ok();
    assert!(logs(&["cdn"]).exits(4).stderr.contains("nothing in this environment logs requests of `cdn`"));
}
