//! Killed anywhere, and simply run again: the same architecture, nothing twice, nothing left.
//!
//! `cargo test --test it kills` kills a few runs. `STACK_KILLS=1000 cargo test --test it kills -- --nocapture` kills as many
//! at random places of all published stacks and of one with every section, up to three times in a row, `STACK_KILLS=every` at every
//! call of the reference stack, before it is made and after. `STACK_FILE=FILE` is about this file only. `STACK_SEED=N` repeats a run's choices. `STACK_PART=2/3` does the second third of
//! either, for who has more than one processor; `STACK_TEST_BINARY` names another build, a release for example.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::faults::Choices;
use crate::support::kinds::kinds;
use crate::support::stacks::{TYPICAL, published, unwatched};
use crate::support::subject::{APPLY, DESTROY, Subject, run_and_kill_when};

/// A stack with every section that watches, protects, archives and limits. It is in long runs only: it takes a minute to make.
const SECTIONS: &str = "tests/it/data/sections.yaml";

/// The text of a file to be killed: the typical ones have no alarms.
fn text_of(file: &str) -> String {
    if TYPICAL.contains(&file) { unwatched(file) } else { std::fs::read_to_string(published(file)).unwrap() }
}

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

/// What a stack is when no run is killed, and how many calls that takes.
struct Whole {
    name: String,
    text: String,
    objects: BTreeMap<String, usize>,
    apply: usize,
    destroy: usize,
}

impl Whole {
    fn of(file: &str) -> Whole {
        let text = text_of(file);
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

/// Starts a command and sends it SIGKILL when it makes its call number `at`; whether it got as far as that.
fn run_and_kill(s: &Subject, command: &[&str], at: usize, reaches: bool) -> bool {
    let count = AtomicUsize::new(0);
    run_and_kill_when(s, command, reaches, move |_| count.fetch_add(1, Ordering::SeqCst) == at)
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
    let long = std::env::var("STACK_KILLS");
    let only = std::env::var("STACK_FILE");
    let files: Vec<&str> = match &only {
        Ok(file) => vec![file],
        Err(_) => TYPICAL.iter().copied().chain(long.is_ok().then_some(SECTIONS)).collect(),
    };
    let wanted = long.unwrap_or_else(|_| "6".into());
    let (part, parts) = part();
    let mut killed = 0;
    if wanted == "every" {
        let whole = Whole::of(files[0]);
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
            let file = files[turn % files.len()];
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
