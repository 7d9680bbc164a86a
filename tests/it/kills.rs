//! Killed anywhere, and simply run again: the same architecture, nothing twice, nothing left.
//!
//! `cargo test --test it kills` kills a few runs. `STACK_KILLS=1000 cargo test --test it kills -- --nocapture` kills as many
//! at random places of all published stacks, `STACK_KILLS=every` at every call of the reference stack, before it is made
//! and after. `STACK_SEED=N` repeats a run's choices.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::cli::published;
use crate::lifecycle::Subject;
use crate::support::faults::Choices;
use crate::support::proxy::{Call, Fault};

/// The stacks, the reference first.
pub const FILES: &[&str] = &["stacks/webapp.yaml", "stacks/small.yaml", "stacks/shop.yaml"];
const APPLY: &[&str] = &["apply", "s.yaml", "--yes"];
pub const DESTROY: &[&str] = &["destroy", "s.yaml", "--yes", "--allow-delete", "*", "--no-final-snapshot", "*"];

/// One kill of each of a stack's two commands.
#[derive(Clone, Copy, Debug)]
struct Kill {
    /// Which call of the apply, from 0.
    apply: usize,
    /// Which call of the destroy, from 0.
    destroy: usize,
    /// Whether the call still reaches AWS.
    reaches: bool,
}

/// What a stack is when nobody kills anything, and how many calls that takes.
struct Whole {
    name: String,
    text: String,
    objects: BTreeMap<String, usize>,
    apply: usize,
    destroy: usize,
}

impl Whole {
    fn of(file: &str) -> Whole {
        let text = std::fs::read_to_string(published(file)).unwrap();
        let name = text.lines().find_map(|line| line.strip_prefix("stack: ")).unwrap().trim().to_owned();
        let s = Subject::new(&text);
        s.place.stack(APPLY).ok();
        let apply = s.proxy.take().len();
        let objects = kinds(&s.account.inventory(&name, "default"));
        assert!(objects.values().sum::<usize>() > 20, "{objects:?}");
        s.place.stack(DESTROY).ok();
        let destroy = s.proxy.take().len();
        Whole { name, text, objects, apply, destroy }
    }

    /// Kills an apply and a destroy and repeats both; how many of the two were really killed.
    fn survives(&self, kill: Kill) -> usize {
        let s = Subject::new(&self.text);
        let mut killed = usize::from(run_and_kill(&s, APPLY, kill.apply, kill.reaches));
        s.place.stack(APPLY).ok();
        s.assert_in_step();
        assert_eq!(kinds(&s.account.inventory(&self.name, "default")), self.objects, "{} {kill:?}", self.name);
        killed += usize::from(run_and_kill(&s, DESTROY, kill.destroy, kill.reaches));
        s.place.stack(DESTROY).ok();
        assert_eq!(s.account.inventory(&self.name, "default"), json!({}), "{} {kill:?}", self.name);
        killed
    }
}

/// How many objects of each kind another client sees.
pub fn kinds(inventory: &Value) -> BTreeMap<String, usize> {
    let kinds = inventory.as_object().unwrap().iter();
    kinds.map(|(kind, objects)| (kind.clone(), objects.as_object().map_or(0, serde_json::Map::len))).collect()
}

/// Starts a command and sends it SIGKILL when it makes its call number `at`; whether it got as far as that.
fn run_and_kill(s: &Subject, command: &[&str], at: usize, reaches: bool) -> bool {
    let count = AtomicUsize::new(0);
    run_and_kill_when(s, command, reaches, move |_| count.fetch_add(1, Ordering::SeqCst) == at)
}

/// Starts a command and sends it SIGKILL at the first call that `is_it`, which still `reaches` AWS or not; whether there was one.
pub fn run_and_kill_when(
    s: &Subject,
    command: &[&str],
    reaches: bool,
    is_it: impl Fn(&Call) -> bool + Send + Sync + 'static,
) -> bool {
    s.proxy.take();
    let process = Arc::new(AtomicU32::new(0));
    let begun = Arc::new(AtomicUsize::new(0));
    let (victim, count) = (process.clone(), begun.clone());
    s.proxy.on_call(move |call| {
        count.fetch_add(1, Ordering::SeqCst);
        if !is_it(call) {
            return Fault::Pass;
        }
        let id = loop {
            match victim.load(Ordering::SeqCst) {
                0 => std::thread::yield_now(), // it is faster than whoever started it
                id => break id,
            }
        };
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), Signal::KILL).unwrap();
        if reaches { Fault::DropAfter } else { Fault::DropBefore }
    });
    let mut child = s.place.command(command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    process.store(child.id(), Ordering::SeqCst);
    let status = child.wait().unwrap();
    // What was on its way to AWS arrives before anybody types the command again.
    let since = Instant::now();
    let mut answered = 0;
    while answered < begun.load(Ordering::SeqCst) {
        assert!(since.elapsed() < Duration::from_secs(60), "calls that never end");
        std::thread::sleep(Duration::from_millis(10));
        answered += s.proxy.take_all().len();
    }
    s.proxy.pass();
    assert!(status.code().is_none() || status.success(), "{status}");
    status.code().is_none()
}

#[test]
fn a_run_that_is_killed_anywhere_is_simply_run_again() {
    let wanted = std::env::var("STACK_KILLS").unwrap_or_else(|_| "6".into());
    let mut killed = 0;
    if wanted == "every" {
        let whole = Whole::of(FILES[0]);
        for position in 0..whole.apply.max(whole.destroy) {
            for reaches in [false, true] {
                let kill = Kill { apply: position % whole.apply, destroy: position % whole.destroy, reaches };
                killed += whole.survives(kill);
                println!("{} {kill:?}: survived, {killed} kills so far", whole.name);
            }
        }
    } else {
        let wanted: usize = wanted.parse().expect("STACK_KILLS is a number or `every`");
        let seed = std::env::var("STACK_SEED").map_or(20_261_124, |seed| seed.parse().expect("STACK_SEED is a number"));
        println!("STACK_SEED={seed}");
        let mut choices = Choices(seed);
        let mut wholes: BTreeMap<&str, Whole> = BTreeMap::new();
        for turn in 0.. {
            if killed >= wanted {
                break;
            }
            let file = FILES[turn % FILES.len()];
            let whole = wholes.entry(file).or_insert_with(|| Whole::of(file));
            let kill =
                Kill { apply: choices.below(whole.apply), destroy: choices.below(whole.destroy), reaches: choices.below(2) == 1 };
            killed += whole.survives(kill);
            println!("{file} {kill:?}: survived, {killed} kills so far");
            assert!(turn < 10 * wanted.max(1), "hardly a run is killed");
        }
    }
    println!("{killed} kills, every one survived: no duplicate, no orphan");
}
