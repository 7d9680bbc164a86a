//! Killed anywhere, and simply run again: the same architecture, nothing twice, nothing left.
//!
//! `cargo test --test it kills` kills a few runs. `STACK_KILLS=1000 cargo test --test it kills -- --nocapture` kills as many
//! at random places of all published stacks, up to three times in a row, `STACK_KILLS=every` at every call of the reference
//! stack, before it is made and after. `STACK_SEED=N` repeats a run's choices. `STACK_PART=2/3` does the second third of
//! either, for who has more than one processor; `STACK_TEST_BINARY` names another build, a release for example.

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
use crate::support::run::EVERYTHING;

/// The stacks, the reference first.
pub const FILES: &[&str] = &["stacks/webapp.yaml", "stacks/small.yaml", "stacks/shop.yaml"];
const APPLY: &[&str] = &["apply", "s.yaml", "--yes"];
pub const DESTROY: &[&str] = &["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"];

/// One kill of a command.
#[derive(Clone, Copy, Debug)]
struct Kill {
    /// At which of its calls, from 0.
    at: usize,
    /// Whether the call still reaches AWS.
    reaches: bool,
}

/// How each of a stack's two commands is killed, as often as there are kills, before it is left in peace.
#[derive(Debug)]
struct Kills {
    apply: Vec<Kill>,
    destroy: Vec<Kill>,
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

    /// Kills an apply and a destroy and repeats both; how many times one was really killed.
    fn survives(&self, kills: &Kills) -> usize {
        let s = Subject::new(&self.text);
        let run = |command, kills: &[Kill]| kills.iter().filter(|k| run_and_kill(&s, command, k.at, k.reaches)).count();
        let mut killed = run(APPLY, &kills.apply);
        s.place.stack(APPLY).ok();
        s.assert_in_step();
        assert_eq!(kinds(&s.account.inventory(&self.name, "default")), self.objects, "{} {kills:?}", self.name);
        killed += run(DESTROY, &kills.destroy);
        s.place.stack(DESTROY).ok();
        assert_eq!(s.account.inventory(&self.name, "default"), json!({}), "{} {kills:?}", self.name);
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

/// Which part of the work this process does, and of how many.
fn part() -> (usize, usize) {
    let Ok(text) = std::env::var("STACK_PART") else { return (0, 1) };
    let numbers = text.split_once('/').and_then(|(part, of)| Some((part.parse::<usize>().ok()?, of.parse().ok()?)));
    let (part, of) = numbers.filter(|(part, of)| (1..=*of).contains(part)).expect("STACK_PART is for example 2/3");
    (part - 1, of)
}

#[test]
fn a_run_that_is_killed_anywhere_is_simply_run_again() {
    let wanted = std::env::var("STACK_KILLS").unwrap_or_else(|_| "6".into());
    let (part, parts) = part();
    let mut killed = 0;
    if wanted == "every" {
        let whole = Whole::of(FILES[0]);
        println!("{} calls of an apply, {} of a destroy", whole.apply, whole.destroy);
        // After the first round every position has been hit once, after the second in both ways.
        for round in 0..2 {
            for position in (0..whole.apply.max(whole.destroy)).filter(|position| position % parts == part) {
                let reaches = (position / parts + round) % 2 == 0;
                let once = |of, reaches| vec![Kill { at: position % of, reaches }];
                let kills = Kills { apply: once(whole.apply, reaches), destroy: once(whole.destroy, !reaches) };
                killed += whole.survives(&kills);
                println!("{} {kills:?}: survived, {killed} kills so far", whole.name);
            }
        }
    } else {
        let wanted = wanted.parse::<usize>().expect("STACK_KILLS is a number or `every`").div_ceil(parts);
        let seed = std::env::var("STACK_SEED").map_or(20_261_124, |seed| seed.parse().expect("STACK_SEED is a number"));
        let seed = seed + part as u64;
        println!("STACK_SEED={seed}");
        let mut choices = Choices(seed);
        let mut wholes: BTreeMap<&str, Whole> = BTreeMap::new();
        for turn in 0.. {
            if killed >= wanted {
                break;
            }
            let file = FILES[turn % FILES.len()];
            let whole = wholes.entry(file).or_insert_with(|| Whole::of(file));
            let mut some = |calls| {
                let kill = |choices: &mut Choices| Kill { at: choices.below(calls), reaches: choices.below(2) == 1 };
                (0..=choices.below(3)).map(|_| kill(&mut choices)).collect()
            };
            let kills = Kills { apply: some(whole.apply), destroy: some(whole.destroy) };
            killed += whole.survives(&kills);
            println!("{file} {kills:?}: survived, {killed} kills so far");
            assert!(turn < 10 * wanted.max(1), "hardly a run is killed");
        }
    }
    println!("{killed} kills, every one survived: no duplicate, no orphan");
}
