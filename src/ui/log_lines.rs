//! Lines of logs: when, of what, and the line.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::style::{QUIET, Terminal, clean};

/// The colours of parts, which repeat.
const COLORS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::Green, AnsiColor::Yellow, AnsiColor::BrightCyan];

/// How lines are shown, one after the other. On a terminal a line has the time of the day, and the day stands above the first line
/// of it; elsewhere every line has both, so that lines can be sorted and searched. Times are UTC.
#[derive(Debug)]
pub struct LogLines {
    terminal: Terminal,
    /// The day of the line before.
    day: String,
    /// The columns that the widest source took so far.
    width: usize,
}

/// A line with what wrote it.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// The part's number, which decides its colour.
    pub number: usize,
    /// The part, with its task: `web/3f2a1b9c`. Left out where only one can be meant.
    pub source: &'a str,
    /// The line.
    pub text: &'a str,
}

impl LogLines {
    /// Begins to show lines.
    pub fn new(terminal: Terminal) -> LogLines {
        LogLines { terminal, day: String::new(), width: 0 }
    }

    /// Returns a line as it is shown, with its end. On a terminal nothing of it is obeyed.
    pub fn line(&mut self, line: &LogLine<'_>) -> String {
        let at = Timestamp::from_millisecond(line.at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
        let color = Style::new().fg_color(Some(COLORS[line.number % COLORS.len()].into()));
        let time = if self.terminal.interactive { at.strftime("%H:%M:%S%.3f") } else { at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ") };
        let mut out = String::new();
        let day = at.strftime("%Y-%m-%d").to_string();
        if self.terminal.interactive && day != self.day {
            out = format!("{}\n", self.terminal.paint(QUIET, &format!("{day} UTC")));
            self.day = day;
        }
        self.width = self.width.max(line.source.chars().count());
        let source = match self.width {
            0 => String::new(),
            width => format!("{:width$} ", line.source),
        };
        let text =
            if self.terminal.interactive { clean(&line.text.replace('\t', "    ")).into_owned() } else { line.text.to_owned() };
        let time = self.terminal.paint(QUIET, &time.to_string());
        out + &format!("{time} {}{text}\n", self.terminal.paint(color, &source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: Terminal) -> String {
        let mut lines = LogLines::new(terminal);
        let day = 86_400_000;
        [(0, "web/3f2a1b9c", "GET /\t200"), (1, "api/1", "\u{1b}[2Jcleared"), (day + 5, "web/3f2a1b9c", "next day")]
            .iter()
            .map(|(at, source, text)| lines.line(&LogLine { at: *at, number: 0, source, text }))
            .collect()
    }

    #[test]
    fn files_get_whole_times_and_terminals_days() {
        let file = [
            "1970-01-01T00:00:00.000Z web/3f2a1b9c GET /\t200",
            "1970-01-01T00:00:00.001Z api/1        \u{1b}[2Jcleared",
            "1970-01-02T00:00:00.005Z web/3f2a1b9c next day",
        ];
        assert_eq!(shown(Terminal::plain(100)).lines().collect::<Vec<_>>(), file);
        let terminal = [
            "1970-01-01 UTC",
            "00:00:00.000 web/3f2a1b9c GET /    200",
            "00:00:00.001 api/1        \\u{1b}[2Jcleared",
            "1970-01-02 UTC",
            "00:00:00.005 web/3f2a1b9c next day",
        ];
        assert_eq!(shown(Terminal { interactive: true, ..Terminal::plain(60) }).lines().collect::<Vec<_>>(), terminal);
    }

    #[test]
    fn a_part_has_a_colour_and_a_file_has_none() {
        let line = LogLine { at: 0, number: 7, source: "web", text: "x" };
        let colored = LogLines::new(Terminal { color: true, ..Terminal::plain(80) }).line(&line);
        assert!(colored.contains("\u{1b}[35mweb"), "{colored:?}");
        assert!(!LogLines::new(Terminal::plain(80)).line(&line).contains('\u{1b}'));
    }
}
