//! What a terminal can show, what is unsafe to write to it, and how texts, times and widths are written.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On terminals, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The terminal or file that is written to, and what it can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns.
    pub width: usize,
    /// Rows, for what moves.
    pub height: usize,
    /// Colours may be used.
    pub color: bool,
    /// More than ASCII may be used.
    pub unicode: bool,
    /// A person is looking, and lines may be rewritten.
    pub interactive: bool,
}

/// Whether a log is written to standard error.
static LOGGED: AtomicBool = AtomicBool::new(false);

/// Says that a log is written to standard error: nothing is drawn over there from now on.
pub fn logs_to_stderr() {
    LOGGED.store(true, Ordering::Relaxed);
}

impl Terminal {
    /// Returns the terminal of standard output.
    pub fn stdout(color: Color) -> Terminal {
        let stdout = std::io::stdout();
        Terminal::of(&env, color, stdout.is_terminal(), size(&stdout))
    }

    /// Returns the terminal of standard error.
    pub fn stderr(color: Color) -> Terminal {
        let stderr = std::io::stderr();
        let interactive = stderr.is_terminal() && !LOGGED.load(Ordering::Relaxed);
        Terminal::of(&env, color, interactive, size(&stderr))
    }

    /// Returns one without colours and rewriting: for files and tests.
    pub fn plain(width: usize) -> Terminal {
        Terminal { width, height: 24, color: false, unicode: true, interactive: false }
    }

    /// Returns the same terminal with the size that it has now.
    pub fn resized(self) -> Terminal {
        let now = Terminal::of(&env, Color::Never, true, size(&std::io::stderr()));
        Terminal { width: now.width, height: now.height, ..self }
    }

    fn of(env: &dyn Fn(&str) -> Option<String>, color: Color, interactive: bool, size: Option<(usize, usize)>) -> Terminal {
        let set = |name: &str| env(name).filter(|v| !v.is_empty());
        let number = |name: &str| set(name).and_then(|v| v.parse::<usize>().ok()).filter(|n| *n > 0);
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR").is_some() => false,
            Color::Auto if set("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
            Color::Auto => interactive && !dumb && set("CLICOLOR").is_none_or(|v| v != "0"),
        };
        // Most containers set no locale and show everything; only one that says otherwise is believed.
        let unicode = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).is_none_or(|locale| {
            let locale = locale.to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let width = number("COLUMNS").or(size.map(|(width, _)| width)).unwrap_or(100).clamp(40, 200);
        let height = number("LINES").or(size.map(|(_, height)| height)).unwrap_or(24).max(2);
        Terminal { width, height, color, unicode, interactive: interactive && !dumb }
    }

    /// Returns `text` in that style, when colours may be used.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(crate) fn arrow(&self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    pub(crate) fn dots(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    pub(crate) fn dot(&self) -> &'static str {
        if self.unicode { "·" } else { "-" }
    }

    pub(crate) fn bullet(&self) -> &'static str {
        if self.unicode { "•" } else { "*" }
    }

    pub(crate) fn rule(&self) -> &'static str {
        if self.unicode { "│" } else { "|" }
    }

    pub(crate) fn check(&self) -> &'static str {
        if self.unicode { "✓" } else { "ok" }
    }

    pub(crate) fn cross(&self) -> &'static str {
        if self.unicode { "✗" } else { "x" }
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(unix)]
fn size(to: &impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(to).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(not(unix))]
fn size<T>(_: &T) -> Option<(usize, usize)> {
    None
}

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const LOST: Style = AnsiColor::Magenta.on_default();
pub(crate) const QUIET: Style = Style::new().dimmed();
pub(crate) const STRONG: Style = Style::new().bold();

/// Checks whether a character moves a terminal's cursor, changes its state or reorders its text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns a text on one line, with everything that a terminal would obey written out: `\n`, `\u{1b}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Returns the same of a text of many lines, which stay lines.
pub fn lines_of(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => format!("{}\n", clean(line)),
            None => clean(line).into_owned(),
        })
        .collect()
}

/// Returns JSON with everything that a terminal would obey, and all that reorders text, written as `\u`: such characters occur only
/// inside of its strings, where that means the same.
pub fn safe_json(json: &str) -> Cow<'_, str> {
    let stays = |c: char| c == '\n' || !is_unsafe(c);
    if json.chars().all(stays) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        if stays(c) {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    Cow::Owned(out)
}

/// Returns how many columns `text` takes; colours take none.
pub(crate) fn width(text: &str) -> usize {
    if text.contains('\u{1b}') { textwrap::core::display_width(text) } else { text.width() }
}

/// Returns `text` with blanks up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Returns as much of `text`, which has no colours, as fits into `columns`.
pub(crate) fn fit(terminal: &Terminal, text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let dots = terminal.dots();
    let room = columns.saturating_sub(dots.width());
    let mut used = 0;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    out.truncate(out.trim_end().len());
    if columns >= dots.width() { out + dots } else { out }
}

/// Returns as much of the end of `text`, which has no colours, as fits into `columns`: of a key the name rather than the kind.
pub(crate) fn fit_end(terminal: &Terminal, text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let dots = terminal.dots();
    let room = columns.saturating_sub(dots.width());
    let mut used = 0;
    let kept = text.char_indices().rev().take_while(|(_, c)| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    let from = kept.last().map_or(text.len(), |(at, _)| at);
    if columns >= dots.width() { format!("{dots}{}", &text[from..]) } else { text[from..].to_owned() }
}

/// Returns `text` in lines of at most `columns`. A word that is longer, such as an ARN, is broken behind one of its own separators.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    wrap_words(text, columns).into_iter().flat_map(|line| broken(&line, columns)).collect()
}

/// Returns a line in pieces of at most `columns`: broken behind a separator in their second half, or else where there is no more room.
fn broken(line: &str, columns: usize) -> Vec<String> {
    let (mut out, mut rest) = (Vec::new(), line);
    while width(rest) > columns {
        let fitting: Vec<usize> =
            rest.char_indices().skip(1).map(|(at, _)| at).take_while(|at| width(&rest[..*at]) <= columns).collect();
        let behind = |at: &&usize| rest[..**at].ends_with(['/', ':', ',', '&', '?']) && width(&rest[..**at]) > columns / 2;
        let Some(at) = fitting.iter().rev().find(behind).or(fitting.last()) else { break };
        out.push(rest[..*at].to_owned());
        rest = &rest[*at..];
    }
    out.push(rest.to_owned());
    out
}

/// Returns `text` in lines of at most `columns`, but for words that are longer: no word is broken.
pub(crate) fn wrap_words(text: &str, columns: usize) -> Vec<String> {
    let options = textwrap::Options::new(columns.max(8))
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Returns a duration as people say it: `0.4s`, `12s`, `3m10s`, `1h05m`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", (duration.as_secs_f64() * 10.0).floor() / 10.0),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns how long ago a time is, in its largest unit: `20s ago`, `3h ago`, `12d ago`.
pub fn ago(time: jiff::Timestamp) -> String {
    let seconds = jiff::Timestamp::now().as_second().saturating_sub(time.as_second()).max(0);
    match seconds {
        0..90 => format!("{seconds}s ago"),
        90..5400 => format!("{}m ago", seconds / 60),
        5400..172_800 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// Returns how long it is until a time: `20m`, `3h`, `2d`.
pub fn until(time: jiff::Timestamp) -> String {
    let seconds = time.as_second().saturating_sub(jiff::Timestamp::now().as_second()).max(0);
    match seconds {
        0..90 => format!("{seconds}s"),
        90..5400 => format!("{}m", seconds / 60),
        5400..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Returns a duration that is known only roughly: `20s`, `8m`, `1h30m`.
pub fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..90 => format!("{}s", seconds.max(1)),
        90..3600 => format!("{}m", (seconds + 30) / 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns the time now as RFC 3339, in milliseconds.
pub(crate) fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Returns a key, as [`clean`] writes it.
pub fn clean_key(key: &crate::engine::Key) -> String {
    clean(&key.to_string()).into_owned()
}

/// Returns a number with its noun: `1 object`, `2 objects`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

pub(super) fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(vars: &[(&str, &str)], color: Color, interactive: bool) -> Terminal {
        let get = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
        Terminal::of(&get, color, interactive, interactive.then_some((120, 50)))
    }

    #[test]
    fn a_long_word_is_broken_behind_its_separators() {
        let arn = "arn:aws:iam::123456789012:role/stack/webapp";
        assert_eq!(wrap(&format!("of {arn}"), 34), ["of", "arn:aws:iam::123456789012:role/", "stack/webapp"]);
        assert_eq!(wrap(&"x".repeat(25), 10), ["xxxxxxxxxx", "xxxxxxxxxx", "xxxxx"]);
        assert_eq!(wrap("日本日本日本日本", 9), ["日本日本", "日本日本"]);
    }

    #[test]
    fn colours_follow_terminal_environment_and_flag() {
        assert!(terminal(&[], Color::Auto, true).color);
        assert!(!terminal(&[], Color::Auto, false).color);
        assert!(!terminal(&[("NO_COLOR", "1")], Color::Auto, true).color);
        assert!(terminal(&[("NO_COLOR", "")], Color::Auto, true).color);
        assert!(terminal(&[("NO_COLOR", "1")], Color::Always, false).color);
        assert!(!terminal(&[("TERM", "dumb")], Color::Auto, true).color);
        assert!(!terminal(&[("TERM", "dumb")], Color::Auto, true).interactive);
        assert!(!terminal(&[("CLICOLOR", "0")], Color::Auto, true).color);
        assert!(terminal(&[("CLICOLOR_FORCE", "1")], Color::Auto, false).color);
        assert!(!terminal(&[("CLICOLOR_FORCE", "1")], Color::Never, true).color);
    }

    #[test]
    fn the_width_is_the_users_or_the_terminals() {
        assert_eq!(terminal(&[("COLUMNS", "72")], Color::Auto, true).width, 72);
        assert_eq!(terminal(&[("COLUMNS", "0")], Color::Auto, true).width, 120);
        assert_eq!(terminal(&[], Color::Auto, false).width, 100);
        assert_eq!(terminal(&[("COLUMNS", "9000")], Color::Auto, true).width, 200);
    }

    #[test]
    fn symbols_are_used_unless_the_locale_cannot() {
        assert!(terminal(&[], Color::Auto, true).unicode);
        assert!(terminal(&[("LANG", "de_DE.UTF-8")], Color::Auto, true).unicode);
        assert!(!terminal(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], Color::Auto, true).unicode);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(clean("plain ✓ Ünï"), "plain ✓ Ünï");
        assert_eq!(clean("a\u{1b}[31mred\u{7}\r\nb\tc"), "a\\u{1b}[31mred\\u{7}\\r\\nb\\tc");
        assert_eq!(clean("abc\u{202e}def\u{2066}\u{9b}2J"), "abc\\u{202e}def\\u{2066}\\u{9b}2J");
    }

    #[test]
    fn a_text_of_many_lines_stays_one_and_obeys_nothing() {
        let text = "stack: a\n# \u{1b}]0;owned\u{7}\u{1b}[2J\n# \u{202e}lmay\u{2066}.kcats\nlast\u{e0041}";
        let shown = lines_of(text);
        assert_eq!(shown, "stack: a\n# \\u{1b}]0;owned\\u{7}\\u{1b}[2J\n# \\u{202e}lmay\\u{2066}.kcats\nlast\\u{e0041}");
        assert!(shown.chars().all(|c| c == '\n' || !is_unsafe(c)));
        assert_eq!(lines_of("a\r\nb\tc\n"), "a\\r\nb\\tc\n");
    }

    #[test]
    fn json_obeys_nothing_and_means_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["\u{1b}[2J\u{7f}\u{9b}", "x\u{2066}\u{feff}\u{e0041}", "Ünï ✓"]});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let safe = safe_json(&text);
            assert!(safe.chars().all(|c| c == '\n' || !is_unsafe(c)), "{safe}");
            assert!(safe.contains("\\u202e") && safe.contains("Ünï ✓"), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }

    #[test]
    fn text_is_cut_by_what_it_takes_on_the_screen() {
        let terminal = Terminal::plain(80);
        assert_eq!(fit(&terminal, "日本語テキスト", 7), "日本語…");
        assert_eq!(fit(&terminal, "short", 7), "short");
        assert_eq!(fit_end(&terminal, "ec2.internet_gateway/main", 12), "…ateway/main");
        assert_eq!(fit_end(&terminal, "日本語テキスト", 7), "…キスト");
        assert_eq!(fit_end(&terminal, "short", 0), "");
        assert_eq!(fit(&Terminal { unicode: false, ..terminal }, "a longer text", 8), "a lon...");
        assert_eq!(wrap("app-a app-b", 8), ["app-a", "app-b"]);
    }

    #[test]
    fn durations_read_well() {
        let of = |ms| duration(Duration::from_millis(ms));
        assert_eq!(
            [of(0), of(1240), of(9990), of(59_900), of(190_000), of(3_900_000)],
            ["0.0s", "1.2s", "9.9s", "59s", "3m10s", "1h05m"]
        );
        assert_eq!([480, 80, 5400].map(|s| roughly(Duration::from_secs(s))), ["8m", "80s", "1h30m"]);
    }
}
