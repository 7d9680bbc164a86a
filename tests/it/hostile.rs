//! Files that no user would write by hand: no panic, an end soon, and every problem at its place.
//!
//! `cargo test --test it hostile` tries a few hundred; `STACK_FUZZ=100000 cargo test --test it hostile -- --nocapture` as many
//! as asked.

use std::time::{Duration, Instant};

use stack::commands::stack_schema;
use stack::config;

use crate::support::faults::Choices;
use crate::support::run::Place;
use crate::support::stacks::{STACK, published};

// Loaded by path: the fuzz targets hold the same to be true.
#[path = "../../fuzz/checks.rs"]
mod checks;

/// What breaks parsers.
const PIECES: &[&str] = &[
    "&a",
    "*a",
    "<<: *a",
    "- ",
    "? ",
    ": ",
    "| ",
    ">-",
    "!!binary ",
    "!!float ",
    "!x ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "%YAML 1.1\n---\n",
    "...\n",
    "\t",
    "\r",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "~",
    "null",
    ".inf",
    "-.nan",
    "0x7fffffffffffffff",
    "99999999999999999999999",
    "-1",
    "1e999",
    "2026-11-24",
    "yes",
    "networks",
    "services: ",
    "environments: ",
    "existing: ",
    "resources: ",
    "uses: [services.web]",
    "10.0.0.0/0",
    "::/0",
    "${ec2.vpc/main}",
    "${=x:y}",
    "\u{1f980}",
];

/// One file made worse, a few times.
fn worse(text: &str, choices: &mut Choices) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=choices.below(4) {
        let at = choices.below(bytes.len() + 1);
        match choices.below(6) {
            0 => drop(bytes.splice(at..at, PIECES[choices.below(PIECES.len())].bytes())),
            1 => drop(bytes.drain(at..(at + choices.below(40)).min(bytes.len()))),
            2 => {
                let end = (at + choices.below(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = choices.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            3 if at < bytes.len() => bytes[at] = u8::try_from(choices.below(128)).unwrap(),
            4 => bytes.truncate(at.max(10)),
            _ => {
                let piece = PIECES[choices.below(PIECES.len())].as_bytes();
                bytes.splice(at..at, piece.repeat(choices.below(20)));
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn files_made_worse_end_in_an_answer() {
    let schema = stack_schema();
    let files: Vec<String> =
        ["stacks/webapp.yaml", "stacks/shop.yaml", "stacks/small.yaml", "examples/smallest.yaml", "examples/resources.yaml"]
            .iter()
            .map(|file| std::fs::read_to_string(published(file)).unwrap())
            .chain([STACK.to_owned()])
            .collect();
    let wanted: usize = std::env::var("STACK_FUZZ").map_or(300, |n| n.parse().expect("STACK_FUZZ is a number"));
    let seed = std::env::var("STACK_SEED").map_or(20_261_124, |seed| seed.parse().expect("STACK_SEED is a number"));
    let mut choices = Choices(seed);
    let (mut right, mut slowest) = (0, Duration::ZERO);
    for turn in 0..wanted {
        let text = worse(&files[turn % files.len()], &mut choices);
        let since = Instant::now();
        let result = std::panic::catch_unwind(|| config::load("s.yaml", &text, None, &schema));
        let took = since.elapsed();
        slowest = slowest.max(took);
        match result {
            Err(_) => panic!("turn {turn} of seed {seed} panics:\n{text}"),
            Ok(Ok(_)) => right += 1,
            Ok(Err(report)) => {
                assert!(report.has_errors(), "turn {turn} of seed {seed}: nothing is said\n{text}");
                let shown = report.render(100, false, true);
                assert!(shown.len() < 2_000_000, "turn {turn} of seed {seed}: {} bytes are said\n{text}", shown.len());
                assert!(
                    !shown.contains('\u{202e}') && !shown.contains('\u{0}'),
                    "turn {turn} of seed {seed}: not escaped\n{text}"
                );
            }
        }
        assert!(took < Duration::from_secs(20), "turn {turn} of seed {seed} takes {took:?}\n{text}");
    }
    println!("{wanted} files, {right} of them right, the slowest took {slowest:?}");
}

/// The inputs that were kept for one target.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(published(&format!("fuzz/corpus/{target}")))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target}");
    files
}

#[test]
fn the_kept_corpus_ends_in_answers() {
    let schema = stack_schema();
    type Check<'a> = &'a dyn Fn(&[u8]);
    let targets: [(&str, Check<'_>); 3] = [
        ("stack_file", &|bytes| checks::stack_file(&schema, bytes)),
        ("saved_plan", &checks::saved_plan),
        ("edited_plan", &checks::edited_plan),
    ];
    for (target, check) in targets {
        let files = kept(target);
        let since = Instant::now();
        for (file, bytes) in &files {
            let since = Instant::now();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(bytes)));
            assert!(result.is_ok(), "{file}: see the panic above");
            assert!(since.elapsed() < Duration::from_secs(20), "{file} takes {:?}", since.elapsed());
        }
        println!("{target}: {} files in {:?}", files.len(), since.elapsed());
    }
}

#[test]
fn the_command_answers_the_kept_corpus() {
    let place = Place::new();
    for (file, bytes) in kept("stack_file") {
        std::fs::write(place.path().join("s.yaml"), bytes).unwrap();
        let output = place.stack(&["validate", "s.yaml"]);
        assert!(matches!(output.code, Some(0 | 65)), "{file}: {:?}\n{}", output.code, output.stderr);
        assert!(!output.stderr.contains("panicked"), "{file}: {}", output.stderr);
    }
    for (file, bytes) in kept("saved_plan") {
        // Those that are whole would ask AWS.
        if stack::engine::saved::parse(&String::from_utf8_lossy(&bytes)).is_err() {
            std::fs::write(place.path().join("p.json"), bytes).unwrap();
            let output = place.stack(&["apply", "p.json", "--yes"]).exits(65);
            assert!(!output.stderr.contains("panicked"), "{file}: {}", output.stderr);
        }
    }
}

#[test]
fn files_that_grow_are_refused_in_time_and_memory() {
    let place = Place::new();
    // Nine aliases, each of nine of the one before: a billion.
    let mut laughs = String::from("stack: x\nregion: us-east-1\na0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..10 {
        let before = format!("*a{}", n - 1);
        laughs += &format!("a{n}: &a{n} [{}]\n", vec![before; 9].join(","));
    }
    let deep = format!("stack: x\nregion: us-east-1\nservices: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let maps = format!("stack: x\nregion: us-east-1\nservices: {}x{}\n", "{a: ".repeat(20_000), "}".repeat(20_000));
    let large = "#".repeat((1 << 20) + 1);
    let head = "stack: x\nregion: us-east-1\n";
    let lines = |n: usize, line: &dyn Fn(usize) -> String| -> String { (0..n).map(line).collect() };
    let envs = format!("{head}environments:\n{}", lines(5_000, &|n| format!("  e{n}: {{}}\n")));
    let unknown = format!("{head}{}", lines(14_000, &|n| format!("k{n}: 1\n")));
    let secret = lines(14_000, &|n| format!("      A{n}_TOKEN: abcdefgh{n}\n"));
    let secrets = format!("{head}services:\n  web:\n    image: x\n    environment:\n{secret}");
    let word = format!("{head}network: {{ nat: {} }}\n", "n".repeat(900_000));
    let tags = |letter: char| lines(7_000, &|n| format!("{letter}{n}: b,"));
    let overlay = format!("{head}tags: {{ {} }}\nenvironments: {{ p: {{ tags: {{ {} }} }} }}\n", tags('a'), tags('b'));
    let long = format!("{head}x: \"{}\"\nz: 1\n", "y".repeat(900_000));
    let list =
        format!("{head}services:\n  web:\n    image: x\n    routes:\n      - [{}\n        x]\n", "\n        x,".repeat(14_000));
    let many = format!("stack: x\nregion: us-east-1\nservices:\n{}", "  web: { imag: x }\n".repeat(20_000));
    for (what, text) in [
        ("aliases", laughs),
        ("brackets", deep),
        ("maps", maps),
        ("size", large),
        ("duplicates", many),
        ("environments", envs),
        ("unknown keys", unknown),
        ("secrets", secrets),
        ("a long word", word),
        ("what is overlaid", overlay),
        ("a long line beside", long),
        ("a long list", list),
    ] {
        place.file("s.yaml", &text);
        let output = place.stack(&["validate", "s.yaml"]).exits(65);
        println!("{what}: {:?}, {} bytes", output.took, output.stderr.len());
        assert!(output.took < Duration::from_secs(60), "{what}: {:?}", output.took);
        assert!(!output.stderr.contains("panicked") && output.stderr.len() < 1 << 20, "{what}: {}", output.stderr.len());
    }
    // A saved plan that is none.
    for text in
        ["{\"stack_plan\"", "{\"stack_plan\":1}", "{\"stack_plan\":1,\"digest\":\"x\",\"plan\":{}}", "{\"stack_plan\":99}"]
    {
        place.file("p.json", text);
        let output = place.stack(&["apply", "p.json", "--yes"]).exits(65);
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    }
    let nested = format!("{{\"stack_plan\":1,\"digest\":\"x\",\"plan\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    place.file("p.json", &nested);
    place.stack(&["apply", "p.json", "--yes"]).exits(65);
}
