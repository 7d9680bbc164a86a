//! One run at a time, and the history of what they did.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::kinds::kinds;
use crate::support::proxy::Fault;
use crate::support::run::Place;
use crate::support::stacks::STACK;
use crate::support::subject::{APPLY, Subject, mutating};

const WAITING: &[&str] = &["apply", "s.yaml", "--yes", "--wait-for-lease"];
const LEASE: &str = r#"
import json
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
key = "shop/default/lease.json"
result = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
if args:
    result["holder"] = args["holder"] or result["holder"]
    result["holder"].update(args["change"])
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(result))
"#;

fn signal(id: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).unwrap();
}

/// Starts an apply that gets this signal at its first call to make a subnet.
fn struck(s: &Subject, with: Signal) -> Child {
    let process = Arc::new(AtomicU32::new(0));
    let struck = Arc::new(AtomicBool::new(false));
    let (victim, done) = (process.clone(), struck.clone());
    s.proxy.on_call(move |call| {
        if call.operation == "CreateSubnet" && !done.swap(true, Ordering::SeqCst) {
            while victim.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            signal(victim.load(Ordering::SeqCst), with);
        }
        Fault::Pass
    });
    let child = s.place.command(APPLY).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    process.store(child.id(), Ordering::SeqCst);
    let since = Instant::now();
    while !struck.load(Ordering::SeqCst) {
        assert!(since.elapsed() < Duration::from_secs(60), "it makes no subnet");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Sets a process's clock off by `STACK_TEST_CLOCK` seconds. The time since some start, which no clock sets, stays.
#[cfg(target_os = "linux")]
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, now);
    if (!failed && id == CLOCK_REALTIME)
        now->tv_sec += atol(getenv("STACK_TEST_CLOCK"));
    return failed;
}
"#;

/// Another place with the same file and account, and its own way to AWS.
fn elsewhere(s: &Subject) -> Place {
    let place = Place::with(&s.account);
    place.file("s.yaml", STACK);
    place
}

fn history(s: &Subject) -> Vec<Value> {
    s.place.stack(&["history", "s.yaml", "--json"]).ok().json().as_array().unwrap().clone()
}

#[test]
fn two_at_once_make_nothing_twice() {
    let alone = Subject::new(STACK);
    alone.apply();
    let whole = kinds(&alone.account.inventory("shop", "default"));
    alone.destroy();

    let s = Subject::new(STACK);
    let start = |arguments: &[&str]| {
        let command = s.place.command(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        command.unwrap()
    };
    // One of two that begin at once gets the lease; the other ends, or waits and finds nothing left to do.
    let outputs = [start(APPLY), start(APPLY)].map(|child| child.wait_with_output().unwrap());
    let mut codes: Vec<_> = outputs.iter().map(|o| o.status.code()).collect();
    codes.sort();
    assert!(codes == [Some(0), Some(5)] || codes == [Some(0), Some(0)], "{outputs:?}");
    s.place.stack(WAITING).ok();
    assert_eq!(kinds(&s.account.inventory("shop", "default")), whole);
    s.destroy();
    let outputs = [start(WAITING), start(WAITING), start(WAITING)].map(|child| child.wait_with_output().unwrap());
    assert!(outputs.iter().all(|o| o.status.success()), "{outputs:?}");
    s.assert_in_step();
    assert_eq!(kinds(&s.account.inventory("shop", "default")), whole);
    assert_eq!(s.account.boto3(LEASE, &json!(null))["holder"], Value::Null);
    s.destroy();
}

#[test]
fn lease_names_its_holder_and_ends_with_it() {
    let s = Subject::new(STACK);
    // A run that died on this machine blocks no other.
    struck(&s, Signal::KILL).wait().unwrap();
    s.proxy.pass();
    s.place.stack(&["unlock", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.boto3(LEASE, &json!(null))["holder"], Value::Null);
    struck(&s, Signal::KILL).wait().unwrap();
    s.proxy.pass();
    s.apply();
    s.assert_in_step();

    // One on another machine may be alive.
    let holder = json!({ "who": "arn:aws:iam::1:user/\u{1b}[31manna", "host": "build-7", "command": "stack apply s.yaml",
        "since": "2026-11-24T12:00:00Z", "run": "1" });
    s.account.boto3(LEASE, &json!({ "holder": holder, "change": {} }));
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
    s.proxy.take();
    let held = s.place.stack(APPLY).exits(5);
    let said = held.words();
    assert!(said.contains("user/\\u{1b}[31manna on build-7: `stack apply s.yaml`, since 2026-11-24T12:00:00Z"), "{said}");
    assert!(said.contains("--wait-for-lease"), "{said}");
    // Who only looks needs no lease.
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).exits(2);
    let waited = s.place.stack(&["apply", "s.yaml", "--yes", "--wait-for-lease=3s"]).exits(5);
    assert!(waited.stderr.contains("Waiting: ") && waited.stderr.contains("waited 3s"), "{}", waited.stderr);
    assert!(s.proxy.take().iter().all(|c| !c.mutating));
    assert_eq!(s.place.stack(&["apply", "s.yaml", "--yes", "--wait-for-lease=soon"]).exits(64).stdout, "");
    // Taken from one that may be alive, it is free when no call of that run can still be in flight.
    let unlocked = s.place.stack(&["unlock", "s.yaml", "--yes"]).ok();
    assert!(unlocked.took > Duration::from_secs(30) && unlocked.stderr.contains("The lease is free"), "{unlocked:?}");
    s.apply();
    s.destroy();
}

#[test]
fn holder_that_lost_the_lease_changes_nothing() {
    let s = Subject::new(STACK);
    let frozen = struck(&s, Signal::STOP);
    s.proxy.pass();
    let other = elsewhere(&s);
    let held = other.stack(APPLY).exits(5);
    assert!(held.stderr.contains("is being changed by"), "{}", held.stderr);
    // Its lease expires, and the other run continues from what is there.
    let taken = other.stack(WAITING).ok();
    assert!(taken.took > Duration::from_secs(30), "{:?}", taken.took);
    let whole = s.account.inventory("shop", "default");
    s.proxy.take();
    signal(frozen.id(), Signal::CONT);
    let woken = frozen.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&woken.stderr);
    assert!(said.contains("lease was taken over: by "), "{said}");
    assert_eq!(woken.status.code(), Some(3), "{said}");
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    assert_eq!(kinds(&s.account.inventory("shop", "default")), kinds(&whole));
    s.assert_in_step();
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// Four minutes off: far more than a lease lasts, and less than AWS refuses.
#[cfg(target_os = "linux")]
#[test]
fn wrong_clock_neither_takes_nor_loses_a_lease() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("clock.c"), folder.path().join("clock.so"));
    std::fs::write(&source, CLOCK).unwrap();
    // Linking Rust needs a C compiler.
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").output().unwrap();
    assert!(cc.status.success(), "{}", String::from_utf8_lossy(&cc.stderr));
    let start = |place: &Place, arguments: &[&str], minutes: i64| {
        let mut command = place.command(arguments);
        command.env("LD_PRELOAD", &library).env("STACK_TEST_CLOCK", (minutes * 60).to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Whether the clock that wrote this was as many minutes off. It was written a while ago.
    let is_off = |told: &Value, minutes: i64| {
        let told: jiff::Timestamp = told.as_str().unwrap().parse().unwrap();
        let off = told.duration_since(jiff::Timestamp::now()).as_secs_f64() / 60.0;
        (minutes as f64 - off).abs() < 2.0
    };
    for (holder, other) in [(0, 4), (0, -4), (4, 0), (-4, 0)] {
        let s = Subject::new(STACK);
        let at_work = Arc::new(AtomicBool::new(false));
        let seen = at_work.clone();
        s.proxy.on_call(move |call| {
            if call.operation != "CreateSubnet" {
                return Fault::Pass;
            }
            seen.store(true, Ordering::SeqCst);
            Fault::Delay(Duration::from_secs(6))
        });
        let first = start(&s.place, APPLY, holder);
        let since = Instant::now();
        while !at_work.load(Ordering::SeqCst) {
            assert!(since.elapsed() < Duration::from_secs(60), "it makes no subnet");
            std::thread::sleep(Duration::from_millis(10));
        }
        let elsewhere = elsewhere(&s);
        elsewhere.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
        let held = start(&elsewhere, APPLY, other).wait_with_output().unwrap();
        assert_eq!(held.status.code(), Some(5), "{holder} {other}: {}", String::from_utf8_lossy(&held.stderr));
        let waited = start(&elsewhere, WAITING, other).wait_with_output().unwrap();
        let first = first.wait_with_output().unwrap();
        for output in [&first, &waited] {
            assert!(output.status.success(), "{holder} {other}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let runs = history(&s);
        assert_eq!(runs.len(), 2, "{runs:#?}");
        assert!(is_off(&runs[1]["began"], holder) && is_off(&runs[0]["began"], other), "{holder} {other}: {runs:#?}");
        assert_eq!((&runs[1]["ending"], &runs[0]["ending"]), (&json!("complete"), &json!("complete")));
        s.proxy.pass();
        s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
        s.assert_in_step();
        s.destroy();
        assert_eq!(s.account.inventory("shop", "default"), json!({}));
    }
}

/// The answer to the call that takes the lease is lost, and the look that follows sees the lease as it was before.
#[test]
fn lease_taken_without_an_answer_is_recognised() {
    let s = Subject::new(STACK);
    s.apply();
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
    let (lost, stale) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let seen = stale.clone();
    s.proxy.on_call(move |call| {
        if !call.operation.contains("/shop/default/lease.json") {
            return Fault::Pass;
        }
        if call.operation.starts_with("PUT ") && !lost.swap(true, Ordering::SeqCst) {
            return Fault::DropAfter;
        }
        let first = call.operation.starts_with("GET ") && lost.load(Ordering::SeqCst) && !seen.swap(true, Ordering::SeqCst);
        if first { Fault::Stale(Duration::from_secs(60)) } else { Fault::Pass }
    });
    s.apply();
    assert!(stale.load(Ordering::SeqCst), "it was never looked at again");
    s.proxy.pass();
    s.assert_in_step();
}

/// The SDK tries again what fails before an answer's text begins; what breaks off in it, `stack` reads again.
#[test]
fn lease_read_that_breaks_off_is_repeated() {
    let s = Subject::new(STACK);
    s.apply();
    // So long that what is missing of an answer is missing of the text.
    s.account.boto3(
        r#"
import json
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
text = json.loads(s3.get_object(Bucket=bucket, Key="shop/default/lease.json")["Body"].read())
s3.put_object(Bucket=bucket, Key="shop/default/lease.json", Body=json.dumps(text | {"more": "x" * 5000}))
"#,
        &json!(null),
    );
    let broken = Arc::new(AtomicU32::new(0));
    let count = broken.clone();
    s.proxy.on_call(move |call| {
        let read = call.operation.starts_with("GET /stack-history-") && call.operation.contains("lease.json");
        if read && count.fetch_add(1, Ordering::SeqCst) < 2 { Fault::Half } else { Fault::Pass }
    });
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
    s.apply();
    assert!(broken.load(Ordering::SeqCst) > 2, "it was read {broken:?} times");
    s.proxy.pass();
    s.assert_in_step();
}

#[test]
fn history_tells_who_did_what_and_brings_it_back() {
    let s = Subject::new(STACK);
    let none = s.place.stack(&["history", "s.yaml"]).ok();
    assert!(none.stderr.contains("No history: nothing has been applied yet"), "{}", none.stderr);
    s.apply();
    s.apply(); // nothing: not worth a line
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3").replace("LEVEL: info", "LEVEL: debug"));
    s.apply();
    let runs = history(&s);
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!((&runs[0]["number"], &runs[0]["ending"]), (&json!(2), &json!("complete")));
    assert_eq!(runs[1]["text"], STACK);
    assert!(runs[0]["who"].as_str().unwrap().starts_with("arn:aws:"), "{:#}", runs[0]);

    let shown = s.place.stack(&["history", "show", "s.yaml", "2"]).ok().stdout;
    assert!(shown.contains("stack apply s.yaml") && shown.contains("ecs.service/api"), "{shown}");
    assert_eq!(s.place.stack(&["history", "show", "s.yaml", "1", "--file"]).ok().stdout, STACK);
    s.place.stack(&["history", "show", "s.yaml", "9"]).exits(1);

    s.place.stack(&["rollback", "s.yaml", "1", "--yes"]).ok();
    s.place.file("s.yaml", STACK);
    s.assert_in_step();
    let list = s.place.stack(&["history", "s.yaml"]).ok().stdout;
    assert!(list.contains("stack rollback 1 to s.yaml of run 1"), "{list}");

    // Losing it loses nothing else.
    s.account.boto3(
        r#"
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
all = s3.list_object_versions(Bucket=bucket)
for object in all.get("Versions", []) + all.get("DeleteMarkers", []):
    s3.delete_object(Bucket=bucket, Key=object["Key"], VersionId=object["VersionId"])
s3.delete_bucket(Bucket=bucket)
"#,
        &json!(null),
    );
    s.assert_in_step();
    // Without the history only the tags say whose the network is: what has no other mark is named, and takes along what lies in it.
    let everything = crate::support::run::EVERYTHING;
    let refused = s.place.stack(&["destroy", "s.yaml", "--yes", everything]).exits(4);
    let flags: Vec<&str> = refused.stderr.lines().filter_map(|line| line.trim().strip_prefix("--allow-delete ")).collect();
    assert_eq!(flags, ["ec2.address/nat-a", "ec2.internet_gateway/main", "ec2.vpc/main"], "{}", refused.stderr);
    let named: Vec<String> = flags.iter().map(|key| format!("--allow-delete={key}")).collect();
    let mut arguments = vec!["destroy", "s.yaml", "--yes", everything];
    arguments.extend(named.iter().map(String::as_str));
    s.place.stack(&arguments).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    let runs = history(&s);
    assert_eq!((runs.len(), &runs[0]["command"]), (1, &json!("stack destroy s.yaml")));
}

#[test]
fn interrupted_run_releases_the_lease() {
    let s = Subject::new(STACK);
    let since = Instant::now();
    let output = struck(&s, Signal::TERM).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    // CI systems kill soon after; the time before the signal counts here too.
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    s.proxy.pass();
    assert_eq!(s.account.boto3(LEASE, &json!(null))["holder"], Value::Null);
    assert_eq!(history(&s)[0]["ending"], "interrupted");
    s.apply();
    s.assert_in_step();
    assert_eq!(history(&s)[0]["ending"], "complete");
    s.destroy();
}

/// A terminal that goes away is an interruption like any other.
#[test]
fn who_loses_the_terminal_ends_politely() {
    let s = Subject::new(STACK);
    let output = struck(&s, Signal::HUP).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    s.proxy.pass();
    assert_eq!(s.account.boto3(LEASE, &json!(null))["holder"], Value::Null);
    assert_eq!(history(&s)[0]["ending"], "interrupted");
}
