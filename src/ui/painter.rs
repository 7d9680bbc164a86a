//! Lines of a terminal that are drawn over and over.

use std::io::Write;

use super::style::{Terminal, width};

/// What draws a frame over the one before. What is written goes out in one piece, and only what the terminal needs to show the
/// new lines: it is not cleared in between, so nothing flickers. The cursor is never hidden, so that nothing has to be put
/// right when the process is killed.
pub(crate) struct Painter {
    to: Box<dyn Write + Send>,
    /// The lines on the screen. The cursor is at the start of the last one.
    shown: Vec<String>,
}

/// Lines that are too long are cut by the terminal rather than broken, and the screen is shown when all is written.
const BEGIN: &str = "\x1b[?2026h\x1b[?7l";
const END: &str = "\x1b[?7h\x1b[?2026l";
const TOP: &str = "\x1b[H";
/// Clears to the end of the line, and of the screen.
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";

impl Painter {
    pub(crate) fn new(to: Box<dyn Write + Send>) -> Painter {
        Painter { to, shown: Vec::new() }
    }

    /// Writes `lasting` where the old frame was, to stay, and `frame` below it. The terminal has that many columns now.
    pub(crate) fn paint(&mut self, lasting: &[String], frame: Vec<String>, columns: usize) {
        if lasting.is_empty() && frame == self.shown {
            return;
        }
        let mut out = String::from(BEGIN);
        // A terminal that has become narrower has broken the lines above the cursor.
        let above = self.shown.split_last().map_or(&[][..], |(_, above)| above);
        let rows: usize = above.iter().map(|line| width(line).div_ceil(columns.max(1)).max(1)).sum();
        out.push('\r');
        if rows > 0 {
            out += &format!("\x1b[{rows}A");
        }
        if !lasting.is_empty() {
            // These may be longer than the terminal is wide, and are wanted whole.
            out += "\x1b[?7h";
            for line in lasting {
                out += &format!("{line}{REST_OF_LINE}\n");
            }
            out += "\x1b[?7l";
        }
        for (at, line) in frame.iter().enumerate() {
            out += &format!("{}{line}{REST_OF_LINE}", if at == 0 { "" } else { "\n" });
        }
        // At the start of the last line a `^C` that the terminal echoes breaks nothing.
        out += &format!("{REST_OF_SCREEN}\r{END}");
        self.shown = frame;
        // Progress that cannot be written must not stop the run.
        let _ = self.to.write_all(out.as_bytes());
        let _ = self.to.flush();
    }

    /// Removes the frame.
    pub(crate) fn clear(&mut self, columns: usize) {
        self.paint(&[], Vec::new(), columns);
    }
}

/// Returns what shows a text from the top of the terminal, and nothing else; lines that do not fit are only counted.
pub(crate) fn screen(text: &str, terminal: &Terminal) -> String {
    let lines: Vec<&str> = text.lines().collect();
    // The cursor's line stays free, or the terminal would scroll.
    let room = terminal.height.saturating_sub(1).max(1);
    let shown = if lines.len() <= room { lines.len() } else { room.saturating_sub(1) };
    let mut out = format!("{BEGIN}{TOP}");
    for line in lines.iter().take(shown) {
        out += &format!("{line}{REST_OF_LINE}\n");
    }
    if shown < lines.len() {
        out += &format!("{} {} more lines{REST_OF_LINE}\n", terminal.dots(), lines.len() - shown);
    }
    out + REST_OF_SCREEN + END
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a terminal without history shows.
    fn screen(bytes: &str) -> Vec<String> {
        let (mut rows, mut row, mut column) = (vec![Vec::<char>::new()], 0, 0);
        let mut chars = bytes.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => column = 0,
                '\n' => {
                    (row, column) = (row + 1, 0);
                    if row == rows.len() {
                        rows.push(Vec::new());
                    }
                }
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['));
                    let code: String = chars.by_ref().take_while_inclusive(|c| !c.is_ascii_alphabetic());
                    match code.split_at(code.len() - 1) {
                        (n, "A") => row -= n.parse::<usize>().unwrap(),
                        (_, "K") => rows[row].truncate(column),
                        (_, "J") => {
                            rows[row].truncate(column);
                            rows.truncate(row + 1);
                        }
                        (_, "h" | "l") => {}
                        other => panic!("{other:?}"),
                    }
                }
                c => {
                    let len = column.max(rows[row].len());
                    rows[row].resize(len, ' ');
                    if column < rows[row].len() {
                        rows[row][column] = c
                    } else {
                        rows[row].push(c)
                    }
                    column += 1;
                }
            }
        }
        rows.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    trait TakeWhileInclusive: Iterator<Item = char> {
        fn take_while_inclusive(&mut self, test: impl Fn(&char) -> bool) -> String {
            let mut out = String::new();
            for c in self {
                out.push(c);
                if !test(&c) {
                    break;
                }
            }
            out
        }
    }
    impl<I: Iterator<Item = char>> TakeWhileInclusive for I {}

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn frames_replace_each_other_below_lasting_lines() {
        let to = Shared::default();
        let mut painter = Painter::new(Box::new(to.clone()));
        let shown = |to: &Shared| screen(&String::from_utf8(to.0.lock().unwrap().clone()).unwrap());
        painter.paint(&[], lines("one at work\ntwo at work\n2 at work"), 40);
        assert_eq!(shown(&to), ["one at work", "two at work", "2 at work"]);
        painter.paint(&lines("one done"), lines("two\n1"), 40);
        assert_eq!(shown(&to), ["one done", "two", "1"]);
        let before = to.0.lock().unwrap().len();
        painter.paint(&[], lines("two\n1"), 40);
        assert_eq!(to.0.lock().unwrap().len(), before, "nothing new is not written");
        painter.clear(40);
        assert_eq!(shown(&to), ["one done", ""]);
    }

    #[test]
    fn lines_wrapped_by_a_narrower_terminal_are_counted() {
        let to = Shared::default();
        let mut painter = Painter::new(Box::new(to.clone()));
        painter.paint(&[], vec!["x".repeat(100), "y".repeat(30), "z".repeat(90)], 120);
        to.0.lock().unwrap().clear();
        painter.paint(&[], lines("a"), 60);
        let text = String::from_utf8(to.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("\x1b[3A"), "two rows of x and one of y: {text:?}");
    }

    #[test]
    fn a_whole_screen_is_never_higher_than_the_terminal() {
        let terminal = Terminal { height: 4, ..Terminal::plain(20) };
        assert_eq!(super::screen("a\nb", &terminal).matches('\n').count(), 2);
        let many = super::screen("a\nb\nc\nd\ne", &terminal);
        assert!(many.matches('\n').count() == 3 && many.contains("… 3 more lines"), "{many:?}");
    }
}
