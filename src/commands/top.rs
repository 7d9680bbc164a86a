use std::io::IsTerminal;
use std::pin::Pin;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::cloudwatch::metrics::{self, PERIOD};
use crate::blueprint::figures::{self, Figure, Unit};
use crate::engine::Snapshot;
use crate::ui::top::{Entry, MISSING, Screen};
use crate::ui::{self, Color, Terminal};

/// Show the figures of every part, live
///
/// Of every part of the file that exists, what CloudWatch knows: requests, errors, times, CPU, memory, connections, storage, queues. The
/// last 60 minutes are a curve of a value a minute. Missing values are shown as `–`, not 0. The same figures are on the dashboard that
/// `dashboard: true` in the file makes.
///
/// On a terminal they are shown until `q` or Ctrl-C; elsewhere, and with `--once`, once as a table. CloudWatch charges each question
/// by the number of figures, about a cent for a thousand of them.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Print a table once
    #[arg(long)]
    once: bool,
    /// Ask again every SECONDS seconds; CloudWatch has a new value every minute
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=3600))]
    every: u64,
    /// How to print it, once
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// How many values are shown.
const MINUTES: u32 = 60;
/// A value that is older is not the latest one: services report some minutes late.
const LATEST: usize = 10;
/// What is asked for, and what of the file is not there to be asked for.
struct Asked {
    figures: Vec<Figure>,
    missing: usize,
}

/// The values of every figure, a minute each, the oldest first.
type Values = Vec<Vec<Option<f64>>>;

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, aws, once, every, format } = arguments;
    let loaded = stack_file::load(&file, color)?;
    let session = Session::of(&loaded, &aws, color).await?;
    let read = Snapshot::read_by_index(&session.registry, &session.cx);
    let (graph, snapshot) = session.hear(session.graph_beside(&loaded, read)).await?;
    let ids = snapshot.ids();
    let all = figures::all(&graph, &session.cx.scope);
    let figures: Vec<Figure> = all.iter().filter_map(|figure| figure.resolved(&ids)).collect();
    let asked = Asked { missing: all.len() - figures.len(), figures };
    if asked.figures.is_empty() {
        return Err(Stop::refused(
            "this environment has nothing with figures",
            "`stack apply` creates what the file has; `stack show` lists what exists",
        ));
    }
    let terminal = Terminal::stdout(color);
    let live = !once && format.is_none() && terminal.interactive && std::io::stdin().is_terminal();
    if live {
        return watch(&session, &asked, Duration::from_secs(every)).await;
    }
    let now = Timestamp::now();
    let values = session.hear(values(&session, &asked.figures, now)).await?;
    if format == Some(Format::Json) {
        ui::out(&session::json(&as_json(&session, &asked.figures, &values, now))?)?;
        return Ok(Exit::Ok);
    }
    let screen = screen(&session, &asked, &values, now);
    ui::out(&ui::top::text(&screen, &terminal))?;
    if let Some(note) = &screen.note {
        ui::err(&ui::note(&format!("{note}."), &Terminal::stderr(color)))?;
    }
    Ok(Exit::Ok)
}

fn minute(now: Timestamp) -> i64 {
    metrics::minute(now.as_second())
}

/// Asks CloudWatch for every figure.
async fn values(session: &Session, figures: &[Figure], now: Timestamp) -> Result<Values> {
    let wanted: Vec<_> = figures.iter().map(Figure::wanted).collect();
    Ok(metrics::values(&session.cx.cloud, &wanted, minute(now), MINUTES).await?)
}

/// Returns the latest value, if it is not too old.
fn latest(points: &[Option<f64>]) -> Option<f64> {
    points.iter().rev().take(LATEST).flatten().next().copied()
}

/// Returns a value with its unit.
fn shown(value: f64, unit: Unit) -> String {
    let short = |value: f64| match value {
        _ if value >= 1_000_000.0 => format!("{:.1} M", value / 1_000_000.0),
        _ if value >= 10_000.0 => format!("{:.1} k", value / 1_000.0),
        _ if value.fract() == 0.0 => format!("{value}"),
        _ => format!("{value:.1}"),
    };
    match unit {
        Unit::Count => short(value),
        Unit::Percent => format!("{value:.1} %"),
        Unit::Seconds if value >= 1.0 || value == 0.0 => format!("{value:.1} s"),
        Unit::Seconds => format!("{:.1} ms", value * 1_000.0),
        Unit::Milliseconds if value >= 1_000.0 => format!("{:.1} s", value / 1_000.0),
        Unit::Milliseconds => format!("{value:.1} ms"),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Bytes are whole, and not negative.
        Unit::Bytes => ui::size(value.max(0.0) as u64),
    }
}

fn word(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::Percent => "percent",
        Unit::Seconds => "seconds",
        Unit::Milliseconds => "milliseconds",
        Unit::Bytes => "bytes",
    }
}

fn as_json(session: &Session, figures: &[Figure], values: &Values, now: Timestamp) -> Value {
    let figure = |(figure, points): (&Figure, &Vec<Option<f64>>)| {
        let (namespace, metric) = figure.metric();
        json!({
            "part": figure.part, "figure": figure.what.label, "means": figure.what.means, "unit": word(figure.what.unit),
            "namespace": namespace, "metric": metric, "statistic": figure.what.statistic, "region": figure.region,
            "dimensions": figure.dimensions, "now": latest(points), "points": points,
        })
    };
    let scope = &session.cx.scope;
    let end = Timestamp::from_second(minute(now)).unwrap_or(now);
    let all: Vec<Value> = figures.iter().zip(values).map(figure).collect();
    json!({"stack": scope.stack, "env": scope.env, "until": end.to_string(), "period": PERIOD, "figures": all})
}

fn screen(session: &Session, asked: &Asked, values: &Values, now: Timestamp) -> Screen {
    let entry = |(figure, points): (&Figure, &Vec<Option<f64>>)| Entry {
        part: figure.part.clone(),
        label: figure.what.label.to_owned(),
        now: latest(points).map_or_else(|| MISSING.to_owned(), |value| shown(value, figure.what.unit)),
        points: points.clone(),
        most: (figure.what.unit == Unit::Percent).then_some(100.0),
        means: figure.what.means.to_owned(),
    };
    let scope = &session.cx.scope;
    let missing = |count: usize| match count {
        1 => "1 figure is of what does not exist yet".to_owned(),
        several => format!("{several} figures are of what does not exist yet"),
    };
    Screen {
        head: format!("{} {} in {}, {} UTC", scope.stack, scope.env, scope.region, now.strftime("%H:%M")),
        entries: asked.figures.iter().zip(values).map(entry).collect(),
        note: (asked.missing > 0).then(|| missing(asked.missing)),
        foot: String::new(),
    }
}

/// The terminal while figures are on it: restored whatever happens.
struct Drawn(ratatui::DefaultTerminal);

impl Drop for Drawn {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    End,
    Scroll(isize),
    Draw,
}

fn deed(event: &Event) -> Option<Deed> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else {
        return matches!(event, Event::Resize(..)).then_some(Deed::Draw);
    };
    if *kind == KeyEventKind::Release {
        return None;
    }
    match code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Deed::End),
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Deed::End),
        KeyCode::Down | KeyCode::Char('j') => Some(Deed::Scroll(1)),
        KeyCode::Up | KeyCode::Char('k') => Some(Deed::Scroll(-1)),
        KeyCode::PageDown => Some(Deed::Scroll(10)),
        KeyCode::PageUp => Some(Deed::Scroll(-10)),
        _ => None,
    }
}

/// Sends what keys do, until nobody listens any more.
fn listen(to: &mpsc::UnboundedSender<Deed>) {
    while !to.is_closed() {
        match event::poll(Duration::from_millis(100)) {
            Ok(false) => {}
            Ok(true) => match event::read().as_ref().map(deed) {
                Ok(Some(deed)) if to.send(deed).is_err() => return,
                Ok(_) => {}
                Err(_) => return,
            },
            Err(_) => return,
        }
    }
}

/// What CloudWatch will say, and of when that is.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<(Values, Timestamp)>> + 'a>>;

/// Shows the figures until somebody has seen enough.
async fn watch(session: &Session, asked: &Asked, every: Duration) -> Result {
    let ask = |now: Timestamp| -> Answer<'_> { Box::pin(async move { Ok((values(session, &asked.figures, now).await?, now)) }) };
    let foot = format!("q ends, ↑ ↓ scroll; asks every {} s", every.as_secs());
    // Keys do not make signals while the terminal is raw; someone else can send them all the same.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let mut drawn = Drawn(ratatui::try_init()?);
    let (sender, mut keys) = mpsc::unbounded_channel();
    let listener = std::thread::spawn(move || listen(&sender));
    let scope = &session.cx.scope;
    let mut now =
        Screen { head: format!("{} {}: asking CloudWatch …", scope.stack, scope.env), foot: foot.clone(), ..Screen::default() };
    let (mut from, mut asking, mut next) = (0, true, Instant::now());
    let mut answer = ask(Timestamp::now());
    let ended = loop {
        if let Err(error) = drawn.0.draw(|frame| ui::top::draw(frame, &now, from)) {
            break Err(error.into());
        }
        tokio::select! {
            key = keys.recv() => match key {
                Some(Deed::End) | None => break Ok(Exit::Ok),
                Some(Deed::Scroll(by)) => from = from.saturating_add_signed(by).min(now.entries.len().saturating_sub(1)),
                Some(Deed::Draw) => {}
            },
            _ = terminate.recv() => break Ok(Exit::Interrupted),
            _ = interrupt.recv() => break Ok(Exit::Interrupted),
            _ = hangup.recv() => break Ok(Exit::Interrupted),
            found = &mut answer, if asking => {
                (asking, next) = (false, Instant::now() + every);
                match found {
                    Ok((values, at)) => now = Screen { foot: foot.clone(), ..screen(session, asked, &values, at) },
                    Err(stop) if now.entries.is_empty() => break Err(stop),
                    // What was there stays, with why it is not newer.
                    Err(stop) => now.note = stop.show(&Terminal::plain(200)).lines().next().map(str::to_owned),
                }
            }
            () = tokio::time::sleep_until(next), if !asking => (answer, asking) = (ask(Timestamp::now()), true),
        }
    };
    drop(keys);
    drop(drawn);
    // It looks for its end ten times a second.
    let _ = listener.join();
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_units_that_are_read_at_a_glance() {
        let all = [
            (12.0, Unit::Count, "12"),
            (0.5, Unit::Count, "0.5"),
            (12_345.0, Unit::Count, "12.3 k"),
            (2_500_000.0, Unit::Count, "2.5 M"),
            (12.34, Unit::Percent, "12.3 %"),
            (0.0, Unit::Seconds, "0.0 s"),
            (0.0123, Unit::Seconds, "12.3 ms"),
            (2.0, Unit::Seconds, "2.0 s"),
            (1_500.0, Unit::Milliseconds, "1.5 s"),
            (3_000_000_000.0, Unit::Bytes, "3.0 GB"),
        ];
        for (value, unit, expected) in all {
            assert_eq!(shown(value, unit), expected);
        }
    }

    #[test]
    fn the_latest_value_is_not_an_old_one() {
        let mut points = vec![Some(1.0); 60];
        assert_eq!(latest(&points), Some(1.0));
        points[57..].fill(None);
        points[56] = Some(2.0);
        assert_eq!(latest(&points), Some(2.0));
        points[50..].fill(None);
        assert_eq!(latest(&points), None);
        points[59] = Some(0.0);
        assert_eq!(latest(&points), Some(0.0));
    }

    #[test]
    fn q_and_ctrl_c_end_it() {
        let key = |code, modifiers| deed(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Deed::End));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Deed::End));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(key(KeyCode::Down, KeyModifiers::NONE), Some(Deed::Scroll(1)));
        assert_eq!(deed(&Event::Resize(80, 24)), Some(Deed::Draw));
    }
}
