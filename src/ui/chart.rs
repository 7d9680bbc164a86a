//! Charts as SVG images: lines over an axis, with marks. They follow the colours of the page that they are in.

use super::diagram::drawing::{LABEL, SMALL, escaped, image, wide};

/// A picture of panels below each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    /// What is above all of it.
    pub title: String,
    /// Lines of smaller text below the title.
    pub about: Vec<String>,
    /// The panels.
    pub panels: Vec<Panel>,
}

/// Lines over an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    /// What is above it.
    pub title: String,
    /// The name of the horizontal axis, with its unit.
    pub across: String,
    /// Whether the horizontal axis doubles rather than adds.
    pub is_log: bool,
    /// The lines.
    pub lines: Vec<Line>,
    /// Values of the vertical axis that are marked with a text.
    pub levels: Vec<(f64, String)>,
    /// Values of the horizontal axis that are marked with a text.
    pub places: Vec<(f64, String)>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// What it is.
    pub name: String,
    /// Where it goes through, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Whether it changes in steps.
    pub is_stepped: bool,
    /// Whether it is less important than others.
    pub is_dashed: bool,
}

const WIDTH: f64 = 820.0;
const MARGIN: f64 = 28.0;
const LEFT: f64 = 66.0;
const HEIGHT: f64 = 220.0;
const SMALL_LINE: f64 = 18.0;

/// To be told apart on white and on black, also by who does not see red and green.
const COLORS: [&str; 6] = ["#4c8bf5", "#d9822b", "#2fa36b", "#8e63ce", "#d64f6c", "#7a8794"];

const STYLE: &str = "
  text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 18px; font-weight: 600 } .label { font-size: 13px; font-weight: 600 } .small { font-size: 11px; fill: #59636e }
  .paper { fill: #ffffff } .grid { stroke: #e3e7eb; stroke-width: 1 } .axis { stroke: #98a2ad; stroke-width: 1 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round } .mark { stroke: #cf222e; stroke-width: 1.3; stroke-dasharray: 6 4 }
  .marked { font-size: 11px; fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9aa5b1 } .paper { fill: #0d1117 } .grid { stroke: #242c36 } .axis { stroke: #667280 }
    .mark { stroke: #ff7b72 } .marked { fill: #ff7b72 }
  }
";

/// An axis: its ends, its ticks, and where a value is on it.
struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    is_log: bool,
}

impl Scale {
    /// Returns a scale from zero.
    fn from_zero(highest: f64) -> Scale {
        let step = nice(highest.max(1e-9) / 5.0);
        let count = (highest / step).ceil().max(1.0);
        let ticks = (0..=count as u32).map(|n| f64::from(n) * step).collect();
        Scale { low: 0.0, high: count * step, ticks, is_log: false }
    }

    /// Returns a scale on which each doubling takes the same room.
    fn doubling(lowest: f64, highest: f64) -> Scale {
        let low = lowest.max(1e-3);
        let high = highest.max(low * 2.0);
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(low.log10().floor());
        while decade <= high {
            ticks.extend([1.0, 2.0, 5.0].map(|n| n * decade).into_iter().filter(|tick| *tick >= low && *tick <= high));
            decade *= 10.0;
        }
        Scale { low, high, ticks, is_log: true }
    }

    /// Returns where a value is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }
}

/// Returns the next of 1, 2, 5, 10, 20 …
fn nice(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|n| n * decade >= step * 0.999).unwrap_or(10.0);
    digit * decade
}

/// Returns a number for an axis: `1,500`, `2.5 M`.
fn number(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", trimmed(v / 1e6)),
        v if v >= 1e4 => format!("{} k", trimmed(v / 1e3)),
        v => trimmed(v),
    }
}

fn trimmed(value: f64) -> String {
    let places = if value.abs() >= 100.0 { 0 } else { 2 };
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl Panel {
    fn across(&self) -> Scale {
        let all = || self.lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).chain(self.places.iter().map(|(x, _)| *x));
        let highest = all().fold(0.0, f64::max);
        if self.is_log {
            Scale::doubling(all().fold(f64::MAX, f64::min).min(highest), highest)
        } else {
            Scale::from_zero(highest)
        }
    }

    fn up(&self) -> Scale {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y);
        // What is marked is in the picture; one value far above does not press all others to the ground.
        let mut values: Vec<f64> = values.filter(|y| y.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let marked = self.levels.iter().map(|(y, _)| y * 1.15).fold(0.0, f64::max);
        let highest = values.last().copied().unwrap_or(1.0);
        let cut = if marked > 0.0 { highest.min(marked * 4.0) } else { highest };
        Scale::from_zero(cut.max(marked))
    }

    /// Draws it from `top` on.
    fn draw(&self, top: f64, out: &mut Vec<String>) {
        let (across, up) = (self.across(), self.up());
        let (left, right) = (LEFT, WIDTH - MARGIN);
        let (ceiling, floor) = (top + 30.0, top + 30.0 + HEIGHT);
        let x = |value: f64| left + across.at(value) * (right - left);
        let y = |value: f64| floor - up.at(value) * HEIGHT;
        out.push(format!("<text class=\"label\" x=\"{MARGIN}\" y=\"{:.0}\">{}</text>", top + 14.0, escaped(&self.title)));
        let mut at = MARGIN + wide(&self.title, LABEL) + 20.0;
        for (line, color) in self.lines.iter().zip(COLORS.iter().cycle()) {
            out.push(format!(
                "<rect x=\"{at:.0}\" y=\"{:.0}\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{color}\"/>",
                top + 5.0
            ));
            out.push(format!(
                "<text class=\"small\" x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                at + 15.0,
                top + 14.0,
                escaped(&line.name)
            ));
            at += wide(&line.name, SMALL) + 34.0;
        }
        for tick in &up.ticks {
            let y = y(*tick);
            out.push(format!("<line class=\"grid\" x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"));
            let text = number(*tick);
            out.push(format!(
                "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                left - 8.0,
                y + 4.0
            ));
        }
        for tick in &across.ticks {
            let x = x(*tick);
            out.push(format!("<line class=\"axis\" x1=\"{x:.1}\" y1=\"{floor:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>", floor + 4.0));
            let text = number(*tick);
            out.push(format!(
                "<text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                floor + 17.0
            ));
        }
        out.push(format!("<line class=\"axis\" x1=\"{left}\" y1=\"{floor:.1}\" x2=\"{right}\" y2=\"{floor:.1}\"/>"));
        let name = escaped(&self.across);
        out.push(format!("<text class=\"small\" x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>", floor + 34.0));
        for (value, text) in &self.places {
            let x = x(*value);
            out.push(format!("<line class=\"mark\" x1=\"{x:.1}\" y1=\"{ceiling:.1}\" x2=\"{x:.1}\" y2=\"{floor:.1}\"/>"));
            let is_right = x > f64::midpoint(left, right);
            let (anchor, x) = if is_right { ("end", x - 6.0) } else { ("start", x + 6.0) };
            let text = escaped(text);
            out.push(format!(
                "<text class=\"marked\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{text}</text>",
                ceiling + 10.0
            ));
        }
        for (value, text) in &self.levels {
            let y = y(*value);
            out.push(format!("<line class=\"mark\" x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"));
            out.push(format!("<text class=\"marked\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", left + 6.0, y - 5.0, escaped(text)));
        }
        for (line, color) in self.lines.iter().zip(COLORS.iter().cycle()) {
            let mut path = String::new();
            let mut before: Option<f64> = None;
            for (at, value) in line.points.iter().filter(|(_, value)| value.is_finite()) {
                let (x, y) = (x(*at), y(*value));
                path += &match before {
                    None => format!("M{x:.1} {y:.1}"),
                    Some(before) if line.is_stepped => format!("L{x:.1} {before:.1}L{x:.1} {y:.1}"),
                    Some(_) => format!("L{x:.1} {y:.1}"),
                };
                before = Some(y);
            }
            let dashed = if line.is_dashed { " stroke-dasharray=\"3 4\"" } else { "" };
            out.push(format!("<path class=\"line\" stroke=\"{color}\"{dashed} d=\"{path}\"/>"));
            if !line.is_stepped && !line.is_dashed {
                for (at, value) in line.points.iter().filter(|(_, value)| value.is_finite()) {
                    let (x, y) = (x(*at), y(*value));
                    let text = escaped(&format!("{}: {} at {}", line.name, number(*value), number(*at)));
                    out.push(format!(
                        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"><title>{text}</title></circle>"
                    ));
                }
            }
        }
    }
}

impl Chart {
    /// Writes it as an SVG image.
    pub(crate) fn svg(&self) -> String {
        let mut out =
            vec![format!("<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 16.0, escaped(&self.title))];
        let mut top = MARGIN + 40.0;
        for line in &self.about {
            out.push(format!("<text class=\"small\" x=\"{MARGIN}\" y=\"{top:.0}\">{}</text>", escaped(line)));
            top += SMALL_LINE;
        }
        top += 12.0;
        for panel in &self.panels {
            panel.draw(top, &mut out);
            top += 30.0 + HEIGHT + 60.0;
        }
        image(&self.title, STYLE, (WIDTH, top - 10.0), &out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let scale = Scale::from_zero(437.0);
        assert_eq!(scale.ticks, [0.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!([0.0, 250.0, 9000.0].map(|v| scale.at(v)), [0.0, 0.5, 1.0]);
        let log = Scale::doubling(10.0, 160.0);
        assert_eq!(log.ticks, [10.0, 20.0, 50.0, 100.0]);
        assert!((log.at(40.0) - 0.5).abs() < 1e-9);
        assert_eq!([0.0, 0.5, 97.5, 1500.0, 20_000.0, 2.5e6].map(number), ["0", "0.5", "97.5", "1500", "20 k", "2.5 M"]);
    }

    #[test]
    fn texts_are_escaped_and_gaps_are_skipped() {
        let line = Line {
            name: "<a>".into(),
            points: vec![(1.0, 2.0), (2.0, f64::NAN), (4.0, 3.0)],
            is_stepped: false,
            is_dashed: false,
        };
        let panel = Panel {
            title: "p".into(),
            across: "x".into(),
            is_log: true,
            lines: vec![line],
            levels: vec![(2.5, "goal".into())],
            places: vec![(2.0, "here".into())],
        };
        let svg = Chart { title: "A & B".into(), about: vec!["c".into()], panels: vec![panel] }.svg();
        assert!(svg.contains("&lt;a&gt;") && svg.contains("A &amp; B") && !svg.contains("NaN"), "{svg}");
        // Nothing to draw is no reason to fail.
        assert!(!Chart { title: String::new(), about: Vec::new(), panels: Vec::new() }.svg().contains("NaN"));
    }
}
