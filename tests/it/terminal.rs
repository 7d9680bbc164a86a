//! Progress on a terminal: nothing wider or higher than it, and Ctrl-C leaves it clean.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::aws::LocalAws;
use crate::support::proxy::{CBOR, Fault};
use crate::support::run::EVERYTHING;
use crate::support::subject::Subject;

const STACK: &str = r#"
stack: terminal
region: us-east-1
alarms: off
network: { zones: 3, nat: per-zone }
services:
  web: { image: "nginx:1.27", port: 80, count: 2, routes: ["/*"] }
"#;

/// Runs a command on a pseudo terminal of a size, types and resizes at given times, and says as JSON how it ended, when,
/// and what came out, in pieces with the size at that time.
const DRIVER: &str = r#"
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
columns, rows, actions, command = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]
pid, terminal = pty.fork()
def size(columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
if pid == 0:
    time.sleep(0.3)  # until the size is set
    os.execvp(command[0], command)
size(columns, rows)
begun, seen, pieces, acted = time.monotonic(), b"", [], None
while True:
    ready, _, _ = select.select([terminal], [], [], 0.05)
    if ready:
        try:
            read = os.read(terminal, 65536)
        except OSError:
            break
        if not read:
            break
        seen += read
        pieces.append((columns, rows, read.decode("utf-8", "replace")))
    # An action waits until a text has been seen, and then for some seconds.
    while actions and actions[0]["after"].encode() in seen:
        action = actions[0]
        since = action.setdefault("since", time.monotonic())
        if time.monotonic() - since < action["seconds"]:
            break
        actions.pop(0)
        acted = time.monotonic()
        if "keys" in action:
            os.write(terminal, action["keys"].encode())
        else:
            columns, rows = action["size"]
            size(columns, rows)
_, status = os.waitpid(pid, 0)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "pieces": pieces, "since": time.monotonic() - (acted or begun)}))
"#;

struct Ended {
    code: i64,
    /// Since the last key or resize.
    since: Duration,
    /// Columns, rows, text.
    pieces: Vec<(usize, usize, String)>,
}

impl Ended {
    /// The end of what came out, for messages.
    fn end(&self) -> String {
        let all = self.all();
        all.chars().skip(all.chars().count().saturating_sub(2000)).collect()
    }

    fn all(&self) -> String {
        self.pieces.iter().map(|(_, _, text)| text.as_str()).collect()
    }

    /// What the terminal shows at the end, history included.
    fn screen(&self) -> Vec<String> {
        screen(&self.all())
    }
}

fn on_a_terminal(s: &Subject, aws: &LocalAws, size: (u16, u16), color: bool, actions: Value, arguments: &[&str]) -> Ended {
    let run = s.place.command(arguments);
    let mut python = Command::new(&aws.python.python);
    python.args(["-c", DRIVER, &size.0.to_string(), &size.1.to_string(), &actions.to_string()]);
    python.arg(run.get_program()).args(run.get_args()).current_dir(s.place.path()).env_clear();
    python.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm-256color");
    if color {
        python.env_remove("NO_COLOR");
    }
    let output = python.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let ended: Value =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    Ended {
        code: ended["code"].as_i64().unwrap(),
        since: Duration::from_secs_f64(ended["since"].as_f64().unwrap()),
        pieces: serde_json::from_value(ended["pieces"].clone()).unwrap(),
    }
}

/// The escape sequence at the start of `text`: what is between `ESC [` and its letter, the letter, and the rest.
fn sequence(text: &str) -> Option<(&str, char, &str)> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
    let letter = rest[end..].chars().next()?;
    Some((&rest[..end], letter, &rest[end + 1..]))
}

/// The lines of a terminal that is endlessly high and wide.
fn screen(mut text: &str) -> Vec<String> {
    let (mut rows, mut row, mut column) = (vec![Vec::<char>::new()], 0_usize, 0_usize);
    while let Some(c) = text.chars().next() {
        if let Some((number, letter, rest)) = sequence(text) {
            text = rest;
            match letter {
                'A' => row = row.checked_sub(number.parse().unwrap_or(1)).unwrap(),
                'K' => rows[row].truncate(column),
                'J' => {
                    rows[row].truncate(column);
                    rows.truncate(row + 1);
                }
                'm' | 'h' | 'l' => {}
                other => panic!("`{other}` is nothing that we send"),
            }
            continue;
        }
        text = &text[c.len_utf8()..];
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                rows.resize(rows.len().max(row + 1), Vec::new());
            }
            c => {
                let len = rows[row].len().max(column + 1);
                rows[row].resize(len, ' ');
                rows[row][column] = c;
                column += 1;
            }
        }
    }
    rows.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect()
}

fn is_coloured(text: &str) -> bool {
    text.match_indices('\u{1b}').any(|(at, _)| sequence(&text[at..]).is_some_and(|(_, letter, _)| letter == 'm'))
}

/// Every line is narrower than the terminal was, and every way up is shorter than it was high.
fn assert_fits(ended: &Ended) {
    for (columns, rows, piece) in &ended.pieces {
        let mut text = piece.as_str();
        let mut line = String::new();
        while let Some(c) = text.chars().next() {
            if let Some((number, letter, rest)) = sequence(text) {
                assert!(letter != 'A' || number.parse::<usize>().unwrap() < *rows, "{number} up of {rows} rows");
                text = rest;
                continue;
            }
            text = &text[c.len_utf8()..];
            if matches!(c, '\r' | '\n') {
                line.clear();
            } else {
                line.push(c);
            }
            assert!(line.chars().count() <= *columns, "wider than {columns}: {line}");
        }
    }
}

/// Nothing of what moves is left: no spinner, no line of the whole.
fn assert_clean(ended: &Ended) {
    let screen = ended.screen();
    let left =
        |line: &&String| line.starts_with(['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']) || line.contains(" in progress ");
    assert_eq!(screen.iter().filter(left).collect::<Vec<_>>(), Vec::<&String>::new(), "{screen:#?}");
    let all = ended.all();
    assert!(!all.contains("\u{1b}[?25l"), "the cursor is never hidden");
    assert!(all.rfind("\u{1b}[?7h") > all.rfind("\u{1b}[?7l"), "long lines are broken again");
}

#[test]
fn live_lines_fit_and_go_and_an_interrupt_is_heard() {
    let aws = LocalAws::start();
    Subject::on(&aws, STACK).apply();
    aws.time_scale(0.05);
    let s = Subject::on(&aws, STACK);

    // Long waits, while the window changes: narrower and lower, then wider.
    let resize = serde_json::json!([
        {"after": "pending", "seconds": 1.0, "size": [46, 8]},
        {"after": "pending", "seconds": 2.0, "size": [130, 30]},
    ]);
    let ended = on_a_terminal(&s, &aws, (60, 12), false, resize, &["apply", "s.yaml", "--yes"]);
    let all = ended.all();
    assert_eq!(ended.code, 0, "{}", ended.end());
    assert!(all.contains(" in progress ") && all.contains("pending") && all.contains(" of 2m"), "{}", ended.end());
    assert!(all.contains("creating: pending") && all.contains("usually 2m"), "the wide form after the resize");
    assert!(!is_coloured(&all), "no colours");
    assert_clean(&ended);
    // What was in flight when the size changed may still have the old width; the frames after it have not.
    let sizes: Vec<usize> = ended.pieces.iter().map(|p| p.0).collect();
    let settled = Ended {
        pieces: ended
            .pieces
            .iter()
            .enumerate()
            .filter(|(at, _)| *at >= 4 && sizes[at - 4..=*at].iter().all(|columns| *columns == sizes[*at]))
            .map(|(_, piece)| piece.clone())
            .collect(),
        ..ended
    };
    assert!(settled.pieces.len() > 20);
    assert_fits(&settled);

    // In colour, and stopped: operations that AWS has accepted continue there, and the same command continues.
    let interrupt = serde_json::json!([{"after": "DRAINING", "seconds": 0.1, "keys": "\u{3}"}]);
    let arguments = ["destroy", "s.yaml", "--yes", EVERYTHING];
    let ended = on_a_terminal(&s, &aws, (100, 20), true, interrupt, &arguments);
    assert_eq!(ended.code, 130, "{}", ended.end());
    assert!(ended.since < Duration::from_secs(7), "{:?}", ended.since);
    assert!(is_coloured(&ended.all()), "colours");
    let shown = ended.screen().join("\n");
    for words in [
        " in AWS; the next run waits for ",
        "not started because the run was stopped",
        "Stopped after ",
        "Run the same command again",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_fits(&ended);
    assert_clean(&ended);
    s.place.stack(&arguments).ok();
    s.apply();
    s.assert_in_step();
}

/// A call that hangs keeps a run that is to stop for seconds, and one that is stopped twice not at all.
#[test]
fn an_interrupt_does_not_wait_for_calls_that_hang() {
    let aws = LocalAws::start();
    Subject::on(&aws, STACK).apply();
    aws.time_scale(1.0);
    let once = serde_json::json!([{"after": "provisioning", "seconds": 0.5, "keys": "\u{3}"}]);
    let twice = serde_json::json!([
        {"after": "provisioning", "seconds": 0.5, "keys": "\u{3}"},
        {"after": "Stopping", "seconds": 0.5, "keys": "\u{3}"},
    ]);
    for (keys, at_most) in [(once, 7), (twice, 2)] {
        let s = Subject::on(&aws, STACK);
        let looks = AtomicUsize::new(0);
        s.proxy.on_call(move |call| match call.name().as_str() {
            "elasticloadbalancing:CreateLoadBalancer" => {
                looks.store(1, Ordering::Relaxed);
                Fault::Pass
            }
            // The plan's own and the first look after the creation pass.
            "elasticloadbalancing:DescribeLoadBalancers" if looks.load(Ordering::Relaxed) > 0 => {
                if looks.fetch_add(1, Ordering::Relaxed) > 1 { Fault::Delay(Duration::from_secs(25)) } else { Fault::Pass }
            }
            _ => Fault::Pass,
        });
        let ended = on_a_terminal(&s, &aws, (80, 20), false, keys, &["apply", "s.yaml", "--yes"]);
        assert_eq!(ended.code, 130, "{}", ended.end());
        assert!(ended.since < Duration::from_secs(at_most), "{:?}: {}", ended.since, ended.end());
        assert!(ended.all().contains("Stopping"), "{}", ended.end());
        assert_clean(&ended);
    }
}

/// Figures take the whole terminal and give it back, with `q`, with Ctrl-C, and when asking fails.
#[test]
fn figures_leave_the_terminal_as_it_was() {
    const QUEUE: &str = "stack: terminal\nregion: us-east-1\nresources: { sqs.queue: { orders: {} } }\n";
    let aws = LocalAws::shared();
    let s = Subject::new(QUEUE);
    s.apply();
    let given_back = |ended: &Ended| {
        let all = ended.all();
        for (taken, back) in [("\u{1b}[?1049h", "\u{1b}[?1049l"), ("\u{1b}[?25l", "\u{1b}[?25h")] {
            assert!(all.contains(taken) && all.rfind(back) > all.rfind(taken), "{}", ended.end());
        }
    };
    for (keys, size) in [("q", (60, 12)), ("\u{3}", (200, 40))] {
        let actions = json!([{"after": "oldest", "seconds": 0.2, "keys": keys}]);
        let ended = on_a_terminal(&s, aws, size, true, actions, &["top", "s.yaml"]);
        assert_eq!(ended.code, 0, "{}", ended.end());
        assert!(ended.since < Duration::from_secs(3), "{:?}", ended.since);
        given_back(&ended);
    }
    s.proxy.on_call(|call| {
        let denied =
            r#"{"__type":"AccessDeniedException","message":"User is not authorized to perform: cloudwatch:GetMetricData"}"#;
        match call.operation.as_str() {
            "GetMetricData" => Fault::Answer(403, CBOR.into(), denied.into()),
            _ => Fault::Pass,
        }
    });
    let ended = on_a_terminal(&s, aws, (100, 20), true, json!([]), &["top", "s.yaml"]);
    assert_ne!(ended.code, 0);
    given_back(&ended);
    s.proxy.pass();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}
