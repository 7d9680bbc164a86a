//! The screen of a load test.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

use super::{line, millis, percent};
use crate::load::result::rate_text;
use crate::load::{Figure, Step, StepSoFar, Verdict};

/// Narrower screens have no room for figures beside the steps.
const BESIDE: u16 = 100;

/// What is known before a test begins.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Where requests go.
    pub url: String,
    /// The goal.
    pub goal: String,
    /// The goal's first percentile, and its longest latency in milliseconds.
    pub first: Option<(String, f64)>,
}

/// What the test says.
pub(super) enum Said {
    Live(StepSoFar),
    Step(Box<Step>),
    Figures(Vec<Figure>),
}

/// What is shown.
#[derive(Default)]
pub(super) struct State {
    head: Head,
    color: bool,
    live: StepSoFar,
    steps: Vec<Step>,
    figures: Vec<Figure>,
}

impl State {
    pub(super) fn new(head: Head, color: bool) -> State {
        State { head, color, ..State::default() }
    }

    pub(super) fn take(&mut self, said: Said) {
        match said {
            Said::Live(live) => self.live = live,
            Said::Step(step) => self.steps.push(*step),
            Said::Figures(figures) => self.figures = figures,
        }
    }

    fn style(&self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }
}

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    let [head, now, plot, below] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(2), Constraint::Min(6), Constraint::Percentage(40)])
            .areas(area);
    let Head { url, goal, .. } = &state.head;
    frame.render_widget(Paragraph::new(format!("{url}  {goal}")).style(Style::new().add_modifier(Modifier::BOLD)), head);
    let StepSoFar { rate, seconds, ended, failed, in_flight, latency, .. } = &state.live;
    let failing = if *ended == 0 { 0.0 } else { *failed as f64 / *ended as f64 };
    let text = vec![
        Line::from(format!(
            "{} for {:.0} of {:.0} s, {in_flight} in flight, {} failed",
            rate_text(*rate),
            seconds.0,
            seconds.1,
            percent(failing)
        )),
        Line::from(format!(
            "p50 {}  p95 {}  p99 {}  slowest {}",
            millis(latency.p50),
            millis(latency.p95),
            millis(latency.p99),
            millis(latency.max)
        )),
    ];
    frame.render_widget(Paragraph::new(text), now);
    chart(frame, plot, state);
    let beside = area.width >= BESIDE && !state.figures.is_empty();
    let [left, right] =
        Layout::horizontal([Constraint::Min(40), Constraint::Length(if beside { 44 } else { 0 })]).spacing(1).areas(below);
    let lines: Vec<Line<'_>> = state
        .steps
        .iter()
        .rev()
        .take(usize::from(below.height.saturating_sub(1)))
        .map(|step| {
            let color = match step.verdict {
                Verdict::Held => Color::Green,
                Verdict::Broke { .. } => Color::Red,
                Verdict::Unsound { .. } => Color::Yellow,
            };
            Line::from(line(step)).style(state.style(color))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(Block::new().title("Steps, the last one first")), left);
    if beside {
        let lines: Vec<Line<'_>> = state.figures.iter().map(figure).collect();
        frame.render_widget(Paragraph::new(lines).block(Block::new().title("Highest figures (CloudWatch, minutes late)")), right);
    }
}

fn figure(figure: &Figure) -> Line<'static> {
    Line::from(format!("{} {}: {}", figure.part, figure.what, figure.text()))
}

/// Draws the latency of the rates that were tried. The rate doubles from one column to the next.
fn chart(frame: &mut Frame<'_>, area: ratatui::layout::Rect, state: &State) {
    let (name, most) = state.head.first.as_ref().map_or(("p99", None), |(name, most)| (name.as_str(), Some(*most)));
    let shown = |step: &Step| step.goal.get(name).copied().unwrap_or(step.latency.p99);
    let tried = |held: bool| -> Vec<(f64, f64)> {
        let of = state.steps.iter().filter(|step| step.held() == held);
        of.map(|step| (step.rate.log2(), shown(step))).collect()
    };
    let (held, broke) = (tried(true), tried(false));
    let all = || held.iter().chain(&broke);
    let low = all().map(|(x, _)| *x).fold(f64::MAX, f64::min).min(state.live.rate.max(1.0).log2());
    let high = all().map(|(x, _)| *x).fold(low + 1.0, f64::max);
    let is_asked = most.is_some();
    let most = most.unwrap_or(1000.0);
    let top = all().map(|(_, y)| *y).fold(most * 1.2, f64::max).min(most * 4.0);
    let goal = [(low, most), (high, most)];
    let inside = |points: &[(f64, f64)]| points.iter().map(|(x, y)| (*x, y.min(top))).collect::<Vec<_>>();
    let (held, broke) = (inside(&held), inside(&broke));
    let live = if is_asked { state.live.goal } else { state.live.latency.p99 };
    let now = [(state.live.rate.max(1.0).log2(), live.min(top))];
    let dataset = |name: &'static str, color, kind, marker| {
        Dataset::default().name(name).marker(marker).graph_type(kind).style(state.style(color))
    };
    let mut sets = vec![
        dataset("holds", Color::Green, GraphType::Scatter, Marker::Dot).data(&held),
        dataset("breaks", Color::Red, GraphType::Scatter, Marker::Block).data(&broke),
    ];
    if is_asked {
        sets.push(dataset("goal", Color::Red, GraphType::Line, Marker::Braille).data(&goal));
    }
    if state.live.ended > 0 {
        sets.push(dataset("now", Color::Yellow, GraphType::Scatter, Marker::Block).data(&now));
    }
    let rate = |power: f64| rate_text(power.exp2()).replace(" requests", "");
    let across = Axis::default().bounds([low, high]).labels([rate(low), rate(f64::midpoint(low, high)), rate(high)]);
    let up = Axis::default().bounds([0.0, top]).labels(["0 ms".to_owned(), millis(top / 2.0), millis(top)]);
    let block = Block::new().title(format!("{name} by rate"));
    frame.render_widget(Chart::new(sets).block(block).x_axis(across).y_axis(up), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::load::step::Latencies;
    use crate::ui::load::tests::run;

    fn shown(width: u16, height: u16, state: &State) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_where_the_test_is() {
        let head =
            Head { url: "http://shop.example/".into(), goal: "p99=300ms,errors=0.1%".into(), first: Some(("p99".into(), 300.0)) };
        let mut state = State { head, ..State::default() };
        let empty = shown(60, 20, &state);
        assert!(empty.contains("http://shop.example/"), "{empty}");
        for step in run().steps.into_iter().take(6) {
            state.take(Said::Step(Box::new(step)));
        }
        let latency = Latencies { p50: 42.0, p90: 60.0, p95: 70.0, p99: 95.0, p999: 120.0, max: 130.0 };
        state.take(Said::Live(StepSoFar {
            rate: 100.0,
            seconds: (4.2, 10.0),
            ended: 420,
            failed: 1,
            in_flight: 7,
            latency,
            goal: 95.0,
        }));
        state.take(Said::Figures(run().parts));
        insta::assert_snapshot!("load-screen", shown(120, 28, &state));
        insta::assert_snapshot!("load-screen-narrow", shown(60, 24, &state));
    }
}
