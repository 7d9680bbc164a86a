//! Figures that change: a row each, with its latest value and its curve. On a terminal they are drawn in place; elsewhere they are a table.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Paragraph, Row, Table};

use super::style::Terminal;
use super::table;

/// What stands for a value that nobody reported.
pub const MISSING: &str = "–";
/// From which width on the meaning of each figure has room.
const WIDE: u16 = 110;
/// The most columns of a curve.
const CURVE: u16 = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const PLAIN: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Of what: `services.web`.
    pub part: String,
    /// Which: `CPU`.
    pub label: String,
    /// Its latest value with its unit, or [`MISSING`].
    pub now: String,
    /// Its values, the oldest first.
    pub points: Vec<Option<f64>>,
    /// What the top of its curve stands for, where that is not its highest value.
    pub most: Option<f64>,
    /// What it means.
    pub means: String,
}

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Screen {
    /// Whose figures they are.
    pub head: String,
    /// The figures, with those of a part one after the other.
    pub entries: Vec<Entry>,
    /// What went wrong, or what is not shown.
    pub note: Option<String>,
    /// Which keys there are.
    pub foot: String,
}

/// Returns the curve of values in so many columns: a blank where none was reported, and the lowest bar for 0.
pub fn curve(points: &[Option<f64>], columns: usize, most: Option<f64>, unicode: bool) -> String {
    let highest = points.iter().flatten().copied().fold(0.0, f64::max);
    let top = most.unwrap_or(highest).max(highest);
    let bars = if unicode { BARS } else { PLAIN };
    let columns = columns.min(points.len()).max(1);
    let bar = |value: f64| {
        let share = if top > 0.0 { value / top } else { 0.0 };
        let at = bars.iter().enumerate().rev().find(|(at, _)| share * 8.0 > *at as f64).map_or(0, |(at, _)| at);
        bars.get(at).copied().unwrap_or(' ')
    };
    // Of several values in a column the highest counts.
    let of = |column: usize| {
        let (from, to) = (column * points.len() / columns, (column + 1) * points.len() / columns);
        points.get(from..to).unwrap_or_default().iter().flatten().copied().reduce(f64::max)
    };
    (0..columns).map(|column| of(column).map_or(' ', bar)).collect()
}

/// Returns the part where it is another one than in the row before.
fn heading(entries: &[Entry], at: usize) -> &str {
    let part = &entries[at].part;
    if at > 0 && entries[at - 1].part == *part { "" } else { part }
}

/// Draws the screen, from this figure on.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen, from: usize) {
    let strong = Style::default().add_modifier(Modifier::BOLD);
    let dim = Style::default().add_modifier(Modifier::DIM);
    let notes = u16::from(screen.note.is_some());
    let areas = Layout::vertical([Constraint::Length(1), Constraint::Length(notes), Constraint::Min(1), Constraint::Length(1)])
        .split(frame.area());
    let (head, note, body, foot) = (areas[0], areas[1], areas[2], areas[3]);
    frame.render_widget(Paragraph::new(Line::styled(screen.head.clone(), strong)), head);
    if let Some(text) = &screen.note {
        frame.render_widget(Paragraph::new(text.clone()), note);
    }
    frame.render_widget(Paragraph::new(Line::styled(screen.foot.clone(), dim)), foot);

    let width = |texts: &mut dyn Iterator<Item = &String>, least: usize, most: usize| {
        let widest = texts.map(|text| text.chars().count()).max().unwrap_or(0);
        u16::try_from(widest.clamp(least, most)).unwrap_or(u16::MAX)
    };
    let wide = body.width >= WIDE;
    let part = width(&mut screen.entries.iter().map(|entry| &entry.part), 4, if wide { 40 } else { 22 });
    let label = width(&mut screen.entries.iter().map(|entry| &entry.label), 6, 12);
    let now = width(&mut screen.entries.iter().map(|entry| &entry.now), 3, 10);
    let left = body.width.saturating_sub(part + label + now + 3);
    let columns = if wide { CURVE.min(left / 2) } else { CURVE.min(left) };
    let mut widths =
        vec![Constraint::Length(part), Constraint::Length(label), Constraint::Length(now), Constraint::Length(columns)];
    let mut titles = vec!["PART", "FIGURE", "NOW", "LAST HOUR"];
    if wide {
        widths.push(Constraint::Min(10));
        titles.push("WHICH IS");
    }
    let row = |at: usize| {
        let entry = &screen.entries[at];
        let curve = curve(&entry.points, usize::from(columns), entry.most, true);
        // A part that is longer than its column keeps its end, which tells it from others.
        let name: Vec<char> = heading(&screen.entries, at).chars().collect();
        let cut = name.len().saturating_sub(usize::from(part));
        let name: String =
            if cut > 0 { "…".chars().chain(name[cut + 1..].iter().copied()).collect() } else { name.iter().collect() };
        let mut cells = vec![
            Text::styled(name, strong),
            Text::raw(entry.label.clone()),
            Text::raw(entry.now.clone()).right_aligned(),
            Text::raw(curve),
        ];
        if wide {
            cells.push(Text::styled(entry.means.clone(), dim));
        }
        Row::new(cells)
    };
    let rows = (from.min(screen.entries.len())..screen.entries.len()).map(row);
    frame.render_widget(Table::new(rows, widths).header(Row::new(titles).style(dim)).column_spacing(1), body);
}

/// Returns the same as text.
pub fn text(screen: &Screen, terminal: &Terminal) -> String {
    let columns = if terminal.width >= usize::from(WIDE) { 30 } else { 15 };
    let row = |at: usize| {
        let entry = &screen.entries[at];
        let curve =
            curve(&entry.points, columns, entry.most, terminal.unicode).replace(' ', if terminal.unicode { "·" } else { " " });
        vec![entry.part.clone(), entry.label.clone(), entry.now.clone(), curve, entry.means.clone()]
    };
    let rows: Vec<Vec<String>> = (0..screen.entries.len()).map(row).collect();
    table::table(terminal, &["PART", "FIGURE", "NOW", "LAST HOUR", "WHICH IS"], &rows)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn screen() -> Screen {
        let entry = |part: &str, label: &str, now: &str, points: Vec<Option<f64>>, most: Option<f64>, means: &str| Entry {
            part: part.into(),
            label: label.into(),
            now: now.into(),
            points,
            most,
            means: means.into(),
        };
        let rising: Vec<Option<f64>> = (0..60).map(|n| Some(f64::from(n))).collect();
        let gap: Vec<Option<f64>> =
            (0..60).map(|n| (!(20..40).contains(&n)).then_some(if n < 20 { 0.0 } else { 90.0 })).collect();
        Screen {
            head: "shop staging in us-east-1, 10:42".into(),
            entries: vec![
                entry("load_balancer", "requests", "59", rising.clone(), None, "requests in a minute"),
                entry("load_balancer", "p99", "90 ms", gap, Some(100.0), "the time of the slowest answer of a hundred"),
                entry("services.a-service-with-a-long-name", "CPU", "12.5 %", rising, Some(100.0), "of the CPU of its tasks"),
                entry("queues.orders", "oldest", MISSING, vec![None; 60], None, "how long the oldest of them waits"),
            ],
            note: Some("2 figures are of what does not exist yet".into()),
            foot: "q ends, ↑ ↓ scroll; every 60 s".into(),
        }
    }

    fn drawn(width: u16, height: u16, from: usize) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &screen(), from)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn figures_fit_on_terminals_of_any_width() {
        for width in [60, 100, 200] {
            insta::assert_snapshot!(format!("top_{width}"), drawn(width, 9, 0));
        }
    }

    #[test]
    fn a_terminal_of_nearly_nothing_is_no_panic() {
        for (width, height) in [(1, 1), (10, 2), (30, 3)] {
            drawn(width, height, 0);
        }
        assert!(!drawn(100, 9, 2).contains("load_balancer"));
        drawn(100, 9, 99);
    }

    #[test]
    fn missing_values_are_no_zeros() {
        let curve = |points: &[Option<f64>], most| curve(points, 8, most, true);
        assert_eq!(curve(&[None, Some(0.0), Some(50.0), Some(100.0)], None), " ▁▄█");
        assert_eq!(curve(&[Some(0.0), Some(0.0)], None), "▁▁");
        assert_eq!(curve(&[Some(10.0)], Some(100.0)), "▁");
        assert_eq!(curve(&[Some(120.0)], Some(100.0)), "█");
        assert_eq!(curve(&[None; 4], None), "    ");
        assert_eq!(super::curve(&[Some(1.0), Some(9.0), None, None], 2, None, true), "█ ");
        assert_eq!(super::curve(&[Some(1.0), Some(8.0)], 2, None, false), ".@");
        assert_eq!(super::curve(&[], 5, None, true), " ");
    }
}
