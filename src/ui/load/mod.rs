//! Load tests: what a test found, as text, as a picture and as a page; and what one is doing.

mod live;
mod screen;

pub use live::Watcher;
pub use screen::Head;

use super::chart::{Chart, Line, Panel};
use super::diagram::drawing::escaped;
use super::note::note;
use super::plan::finish;
use super::style::{BAD, GOOD, STRONG, Terminal, wrap};
use super::table::{Tone, toned_table};
use crate::load::result::rate_text;
use crate::load::{Goal, LoadTest, Step, Verdict};

/// Returns the words for a verdict.
fn verdict(step: &Step) -> &'static str {
    match step.verdict {
        Verdict::Held => "holds",
        Verdict::Broke { .. } => "breaks",
        Verdict::Unsound { .. } => "not known",
    }
}

/// Returns milliseconds for people: `7.4 ms`, `1.24 s`.
fn millis(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.1} ms"),
        v if v < 1000.0 => format!("{v:.0} ms"),
        v => format!("{:.2} s", v / 1000.0),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Returns a step in a line.
fn line(step: &Step) -> String {
    let mut known = vec![format!("{:.0} s", step.seconds)];
    known.extend(step.goal.iter().map(|(name, value)| format!("{name} {}", millis(*value))));
    known.push(format!("{} failed", percent(step.failing())));
    known.extend(step.tasks.map(|tasks| super::count(tasks as usize, "task")));
    let why = match &step.verdict {
        Verdict::Held => String::new(),
        Verdict::Broke { why, .. } | Verdict::Unsound { why } => format!(": {why}"),
    };
    format!("{} {}{why} ({})", rate_text(step.rate), verdict(step), known.join(", "))
}

/// Returns what a test found, for people.
pub fn load_text(run: &LoadTest, terminal: &Terminal) -> String {
    let mut out = Vec::new();
    let style = if run.holds.is_some() { GOOD } else { BAD };
    let width = terminal.width.min(100);
    out.extend(wrap(&run.found(), width).into_iter().map(|line| terminal.paint(style, &line)));
    out.extend(run.ended().into_iter().flat_map(|text| wrap(text, width)));
    out.extend(wrap(&run.limit.said, width));
    if let (Some(per_task), Some(tasks), Some(service)) = (run.per_task, run.tasks, &run.service) {
        let tasks = super::count(tasks as usize, "task");
        let text = format!("`services.{service}` had {tasks}: {per_task:.1} requests/s for each.");
        out.extend(wrap(&text, width));
    }
    out.push(String::new());
    let headers = ["RATE", "P50", "P95", "P99", "MAX", "FAILED", "REQUESTS", "GOAL"];
    let rows: Vec<Vec<String>> = run
        .steps
        .iter()
        .map(|step| {
            let Step { latency, .. } = step;
            vec![
                rate_text(step.rate).replace(" requests", ""),
                millis(latency.p50),
                millis(latency.p95),
                millis(latency.p99),
                millis(latency.max),
                percent(step.failing()),
                step.due.to_string(),
                verdict(step).to_owned(),
            ]
        })
        .collect();
    let tone = |header: &str, cell: &str| match (header, cell) {
        ("GOAL", "holds") => Tone::Good,
        ("GOAL", "breaks") => Tone::Bad,
        ("GOAL", _) => Tone::Busy,
        _ => Tone::Plain,
    };
    let mut text = finish(out) + &toned_table(terminal, &headers, &rows, &tone);
    if !run.parts.is_empty() {
        let rows: Vec<Vec<String>> =
            run.parts.iter().map(|figure| vec![figure.part.clone(), figure.what.clone(), figure.text()]).collect();
        text += &format!("\n{}", toned_table(terminal, &["PART", "FIGURE", "HIGHEST"], &rows, &|_, _| Tone::Plain));
    }
    if !run.notes.is_empty() {
        text += "\n";
        text.extend(run.notes.iter().map(|text| note(text, terminal)));
    }
    text
}

/// Returns what a test found as a picture.
fn chart(run: &LoadTest) -> Chart {
    // A rate that was tried twice counts as it was the last time.
    let mut steps: Vec<&Step> = Vec::new();
    for step in run.steps.iter().rev() {
        if !steps.iter().any(|known| known.rate == step.rate) {
            steps.push(step);
        }
    }
    steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let line = |name: &str, of: &dyn Fn(&Step) -> f64, is_dashed: bool| Line {
        name: name.to_owned(),
        points: steps.iter().map(|step| (step.rate, of(step))).collect(),
        is_stepped: false,
        is_dashed,
    };
    let goal = run.goal.parse::<Goal>().ok();
    let levels = goal.iter().flat_map(|goal| &goal.latencies);
    let levels =
        levels.map(|(percentile, most)| (most.as_secs_f64() * 1000.0, format!("goal: {percentile} = {} ms", most.as_millis())));
    let holds = run.holds.map(|rate| (rate, format!("holds at {}", rate_text(rate))));
    let latency = Panel {
        title: "Latency, ms".into(),
        across: "requests per second".into(),
        is_log: true,
        lines: vec![
            line("p50", &|step| step.latency.p50, false),
            line("p95", &|step| step.latency.p95, false),
            line("p99", &|step| step.latency.p99, false),
            line("p99 from sending (hides stalls)", &|step| step.from_sending.p99, true),
        ],
        levels: levels.collect(),
        places: holds.into_iter().collect(),
    };
    let stepped = |name: &str, of: &dyn Fn(&Step) -> f64| Line {
        name: name.to_owned(),
        points: run.steps.iter().flat_map(|step| [(step.began, of(step)), (step.began + step.seconds, of(step))]).collect(),
        is_stepped: true,
        is_dashed: false,
    };
    let sent = Panel {
        title: "Requests per second".into(),
        across: "seconds since the beginning".into(),
        is_log: false,
        lines: vec![stepped("due", &|step| step.rate), stepped("succeeded", &|step| step.rate * (1.0 - step.failing()))],
        levels: Vec::new(),
        places: Vec::new(),
    };
    Chart {
        title: format!("{} at {}", run.stack, run.url),
        about: vec![format!("{} {}", run.began, run.found()), run.limit.said.clone()],
        panels: vec![latency, sent],
    }
}

/// Returns what a test found as an SVG image.
pub fn load_svg(run: &LoadTest) -> String {
    chart(run).svg()
}

/// Returns what a test found as a page of its own.
pub fn load_html(run: &LoadTest) -> String {
    let cells =
        |tag: &str, cells: &[String]| cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect::<String>();
    let table = |headers: &[&str], rows: Vec<Vec<String>>| {
        let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
        let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>\n", cells("td", row))).collect();
        format!("<table>\n<tr>{}</tr>\n{rows}</table>\n", cells("th", &headers))
    };
    let steps = run.steps.iter().map(|step| {
        let why = match &step.verdict {
            Verdict::Held => "holds".to_owned(),
            Verdict::Broke { why, .. } => format!("breaks: {why}"),
            Verdict::Unsound { why } => format!("not known: {why}"),
        };
        let Step { latency, .. } = step;
        let times = [latency.p50, latency.p95, latency.p99, latency.p999, latency.max].map(millis);
        let mut row = vec![rate_text(step.rate), format!("{:.0} s", step.seconds), step.due.to_string()];
        row.extend(times);
        row.extend([millis(step.from_sending.p99), percent(step.failing()), millis(step.lag.p99), why]);
        row
    });
    let headers = [
        "Rate",
        "Time",
        "Requests",
        "p50",
        "p95",
        "p99",
        "p99.9",
        "Slowest",
        "p99 from sending",
        "Failed",
        "p99 of lateness",
        "Goal",
    ];
    let parts = run.parts.iter().map(|figure| vec![figure.part.clone(), figure.what.clone(), figure.text()]);
    let said: String = [Some(run.found()), run.ended().map(str::to_owned), Some(run.limit.said.clone())]
        .into_iter()
        .flatten()
        .chain(run.notes.iter().cloned())
        .map(|text| format!("<p>{}</p>\n", escaped(&text)))
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{title}</title>\n\
         <style>{PAGE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{said}{svg}<h2>Steps</h2>\n{steps}<p class=\"quiet\">Latencies begin when a \
         request was due, whether it could be sent then or not. “From sending” is what a test would report that waits for answers.</p>\n\
         <h2>Parts</h2>\n{parts}</body>\n</html>\n",
        title = escaped(&format!("{} at {}", run.stack, run.url)),
        svg = load_svg(run),
        steps = table(&headers, steps.collect()),
        parts = if run.parts.is_empty() {
            "<p>CloudWatch had no figures.</p>\n".to_owned()
        } else {
            table(&["Part", "Figure", "Highest"], parts.collect())
        },
    )
}

const PAGE: &str = "
  :root { color-scheme: light dark }
  body { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
  h1 { font-size: 1.4rem } table { border-collapse: collapse; font-size: 0.85rem } svg { max-width: 100%; height: auto }
  th, td { text-align: left; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid #98a2ad55; vertical-align: top }
  .quiet { opacity: 0.75; font-size: 0.85rem }
";

/// Returns what a test would send, before it is confirmed.
pub fn load_ahead(lines: &[String], terminal: &Terminal) -> String {
    let mut out = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let wrapped = wrap(line, terminal.width.min(100));
        out.extend(wrapped.into_iter().map(|line| if at == 0 { terminal.paint(STRONG, &line) } else { line }));
    }
    finish(out)
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::step::Around;
    use crate::load::{End, Figure, Limit, Outcome, Sample, Schedule, Tally};

    /// A step at a rate whose requests took so many milliseconds.
    pub(crate) fn step(rate: f64, took: u64, began: u64) -> Step {
        let goal: Goal = "p99=300ms,errors=0.1%".parse().unwrap();
        let mut tally = Tally::new(&goal, Schedule { rate, count: 200 }, Duration::from_secs(10));
        for n in 0..200_u64 {
            let outcome = Outcome::Answered { status: 200, expected: true };
            let took = Duration::from_millis(took + n % 20);
            let after = Duration::from_millis(40 + n % 9);
            tally.record(&Sample { lag: Duration::from_millis(1), took, after_sending: Some(after), outcome });
        }
        let (began, lasted) = (Duration::from_secs(began), Duration::from_secs(10));
        tally.finish(&Around { began, lasted, in_flight: 9, tasks: Some(2), ..Around::default() })
    }

    pub(crate) fn run() -> LoadTest {
        let steps = vec![
            step(10.0, 41, 5),
            step(20.0, 41, 15),
            step(40.0, 44, 25),
            step(80.0, 60, 35),
            step(160.0, 2400, 45),
            step(120.0, 700, 55),
            step(100.0, 90, 65),
            step(110.0, 400, 75),
            step(105.0, 310, 85),
        ];
        let figure = |part: &str, what: &str, unit: &str, value, full| Figure {
            part: part.into(),
            what: what.into(),
            unit: unit.into(),
            value,
            full,
        };
        let parts = vec![
            figure("load_balancer", "open connections", "", 120.0, None),
            figure("services.web", "CPU", "%", 96.4, Some(100.0)),
            figure("databases.main", "CPU", "%", 31.0, Some(100.0)),
        ];
        LoadTest {
            stack: "shop/staging".into(),
            url: "http://shop-1.us-east-1.elb.amazonaws.com/".into(),
            service: Some("web".into()),
            goal: "p99=300ms,errors=0.1%".into(),
            began: "2026-11-25T10:00:00Z".into(),
            end: End::Found,
            holds: Some(100.0),
            breaks: Some(105.0),
            tasks: Some(2),
            per_task: Some(50.0),
            limit: Limit::of(End::Found, &steps, 500, &parts),
            steps,
            parts,
            notes: vec!["Something to know.".into()],
        }
    }

    #[test]
    fn what_was_found_is_told() {
        insta::assert_snapshot!("load-text", load_text(&run(), &Terminal::plain(100)));
        let narrow = load_text(&run(), &Terminal { interactive: true, ..Terminal::plain(60) });
        insta::assert_snapshot!("load-text-narrow", narrow);
        insta::assert_snapshot!(run().steps.iter().map(|step| line(step) + "\n").collect::<String>(), @"
        10 requests/s holds (10 s, p99 60 ms, 0.00 % failed, 2 tasks)
        20 requests/s holds (10 s, p99 60 ms, 0.00 % failed, 2 tasks)
        40 requests/s holds (10 s, p99 63 ms, 0.00 % failed, 2 tasks)
        80 requests/s holds (10 s, p99 79 ms, 0.00 % failed, 2 tasks)
        160 requests/s breaks: p99 was 2421 ms, more than 300 ms (10 s, p99 2.42 s, 0.00 % failed, 2 tasks)
        120 requests/s breaks: p99 was 719 ms, more than 300 ms (10 s, p99 719 ms, 0.00 % failed, 2 tasks)
        100 requests/s holds (10 s, p99 109 ms, 0.00 % failed, 2 tasks)
        110 requests/s breaks: p99 was 419 ms, more than 300 ms (10 s, p99 419 ms, 0.00 % failed, 2 tasks)
        105 requests/s breaks: p99 was 329 ms, more than 300 ms (10 s, p99 329 ms, 0.00 % failed, 2 tasks)
        ");
    }

    #[test]
    fn the_picture_and_the_page_are_drawn() {
        insta::assert_snapshot!("load-svg", load_svg(&run()));
        let page = load_html(&LoadTest { url: "http://a/<b>".into(), ..run() });
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>") && page.contains("<svg"), "{page}");
    }
}
