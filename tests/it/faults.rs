//! What goes wrong on the way to AWS on an ordinary day, by a seed: throttling in each service's own words, server errors
//! with and without a body, connections that drop before the call, after it, and in the middle of the answer, slowness, and answers that are as old as
//! AWS's can be: what was just made is not there, what was just changed is as it was. And what AWS says to exactly one call while
//! something is on its way: a role that cannot be assumed yet, a subnet that still has dependents.
//!
//! `cargo test --test it faults` does a little of it. `STACK_FAULTS=20 cargo test --test it faults -- --nocapture` has that
//! many percent of all calls of the reference stacks go wrong; `STACK_SEED=N` repeats a run's choices.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::cli::published;
use crate::kills::{DESTROY, FILES, kinds};
use crate::lifecycle::{STACK, Subject};
use crate::support::faults::{Rough, Seen, seed};

/// How often a command is run until it is through. The end says "run the same command again", and that is tested too.
const RUNS: usize = 4;

/// Brings a stack up, changes it and takes it down while `percent` of all calls go wrong. How often which fault was.
fn endures(text: &str, name: &str, percent: usize, oldest: Duration) -> Seen {
    let seed = seed();
    let edited = text.replacen("count: 2", "count: 3", 1).replacen("max: 6", "max: 9", 1);
    let calm = Subject::new(text);
    let [before, after] = [text, edited.as_str()].map(|text| {
        calm.place.file("s.yaml", text);
        calm.place.stack(&["apply", "s.yaml", "--yes"]).ok();
        kinds(&calm.account.inventory(name, "default"))
    });
    calm.place.stack(DESTROY).ok();

    let s = Subject::new(text);
    let faults = Arc::new(Rough::new(percent, seed, oldest));
    let rough = || {
        let faults = faults.clone();
        s.proxy.on_call(move |call| faults.decide(call));
    };
    let through = |arguments: &[&str]| {
        for run in 1.. {
            let output = s.place.stack(arguments);
            if output.code == Some(0) {
                return run;
            }
            println!("run {run} of {arguments:?} ended with {:?}:\n{}", output.code, output.stderr);
            assert!(run < RUNS, "{name} at {percent} %, seed {seed}, {arguments:?}: {}", output.stderr);
        }
        unreachable!()
    };
    rough();
    let mut runs = vec![through(&["apply", "s.yaml", "--yes"])];
    // Judged in calm: by the plan, and by another client.
    s.proxy.pass();
    s.assert_in_step();
    assert_eq!(kinds(&s.account.inventory(name, "default")), before, "{name} at {percent} %, seed {seed}");
    rough();
    s.place.file("s.yaml", &edited);
    runs.push(through(&["apply", "s.yaml", "--yes"]));
    s.proxy.pass();
    s.assert_in_step();
    assert_eq!(kinds(&s.account.inventory(name, "default")), after, "{name} at {percent} %, seed {seed}");
    rough();
    runs.push(through(DESTROY));
    s.proxy.pass();
    assert_eq!(s.account.inventory(name, "default"), json!({}), "{name} at {percent} %, seed {seed}");
    let seen = faults.seen();
    println!("{name} at {percent} %, seed {seed}: apply, edit and destroy took {runs:?} runs; {seen:?}");
    seen
}

#[test]
fn a_stack_comes_up_changes_and_goes_while_calls_go_wrong() {
    let seen = match std::env::var("STACK_FAULTS") {
        Ok(percent) => {
            let percent = percent.parse().expect("STACK_FAULTS is a number of percent");
            let mut seen = Seen::new();
            for file in FILES {
                let text = std::fs::read_to_string(published(file)).unwrap();
                let name = text.lines().find_map(|line| line.strip_prefix("stack: ")).unwrap().trim().to_owned();
                for (what, n) in endures(&text, &name, percent, Duration::from_secs(5)) {
                    *seen.entry(what).or_default() += n;
                }
            }
            seen
        }
        Err(_) => endures(STACK, "shop", 5, Duration::from_millis(1500)),
    };
    let all: usize = seen.values().sum();
    println!("{all} faults: nothing lost, nothing twice, nothing left");
    assert!(all > 5, "{seen:?}");
}
