//! Everything starts the moment what it refers to permits: the whole takes hardly longer than its longest chain.

use std::time::Duration;

use serde_json::Value;

use crate::support::aws::LocalAws;
use crate::support::faults::Rough;
use crate::support::run::EVERYTHING;
use crate::support::subject::Subject;

const STACK: &str = r#"
stack: chain
region: us-east-1
alarms: off
network: { zones: 2, nat: per-zone }
services:
  web: { image: "nginx:1.27", port: 80, count: 2, routes: ["/*"] }
  api: { image: "nginx:1.27", port: 8080, count: 1, routes: ["/api/*"] }
  worker: { image: "busybox:1.37", count: 1 }
"#;
const SCALE: f64 = 0.05;
/// What a busy machine, the start of two programs and the reading may take on top of the twentieth that is promised.
const SLACK: Duration = Duration::from_secs(8);
/// With the suite's faults: what is tried again, up to some seconds later each time, is on the chain too.
const ROUGH: Duration = Duration::from_secs(60);

/// How long AWS takes for something, from the table of the local AWS.
fn takes(what: &str) -> f64 {
    let table = include_str!("../../localstack/stack_local/clock.py");
    let line = table.lines().find_map(|line| line.trim().strip_prefix(&format!("\"{what}\": ")));
    let number: String = line.unwrap_or_else(|| panic!("{what}")).chars().take_while(char::is_ascii_digit).collect();
    number.parse().unwrap()
}

#[test]
fn run_takes_as_long_as_its_longest_chain() {
    let aws = LocalAws::start();
    // Loads what a new server loads when it is first asked.
    Subject::on(&aws, STACK).apply();
    aws.time_scale(SCALE);
    let s = Subject::on(&aws, STACK);
    let output = s.place.stack(&["apply", "s.yaml", "--yes", "--json"]).ok();

    // Tasks are pulled through a NAT gateway, and then have to pass their checks. The load balancer is faster than that.
    assert!(takes("elb.provision") < takes("nat.create") + takes("ecs.pull"));
    let longest = Duration::from_secs_f64((takes("nat.create") + takes("ecs.pull") + takes("target.healthy")) * SCALE);
    let rough = Rough::of_suite().is_some();
    let allowed = longest.mul_f64(1.05) + if rough { ROUGH } else { SLACK };
    assert!(output.took > longest && output.took < allowed, "{:?}, {longest:?} at least", output.took);

    let last: Value = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    let chain = last["chain"].as_array().unwrap();
    let keys: Vec<&str> = chain.iter().map(|link| link["key"].as_str().unwrap()).collect();
    // With the suite's faults another chain may have become the longest.
    if !rough {
        let nat = keys.iter().position(|key| key.starts_with("ec2.nat_gateway/")).unwrap_or_else(|| panic!("{keys:?}"));
        let service = keys.iter().position(|key| key.starts_with("ecs.service/")).unwrap_or_else(|| panic!("{keys:?}"));
        assert!(nat < service, "{keys:?}");
        let status = |link: usize| chain[link]["status"].as_str().unwrap_or_default();
        assert!(status(nat) == "pending" && status(service).contains("tasks"), "{chain:#?}");
    }
    assert!(keys.len() > 1, "{keys:?}");
    for (at, link) in chain.iter().enumerate() {
        let before = at.checked_sub(1).map_or(Value::Null, |before| chain[before]["key"].clone());
        assert_eq!(link["waited_for"], before, "{link}");
    }
    // The links follow one another without gaps, so they add up to the run.
    let sum: f64 = chain.iter().map(|link| link["elapsed"].as_f64().unwrap()).sum();
    let elapsed = last["elapsed"].as_f64().unwrap();
    assert!(sum <= elapsed + 0.05 && sum > elapsed * 0.9, "{sum} of {elapsed}");

    // For people, with what each took, when it took long enough to ask.
    aws.time_scale(SCALE * 2.0);
    let text = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert!(text.stderr.contains("Longest chain: ") && text.stdout.is_empty(), "{}", text.stderr);
}
