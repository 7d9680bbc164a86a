//! The problems of a stack file, each at its place, as text and as JSON.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters, ThemeStyles};
use serde::Serialize;
use serde_json::{Value, json};
use textwrap::core::display_width;

use super::excerpt::{Excerpt, Mark, Source};
use super::joined;

/// The maximum number of problems that are reported. Each costs a search through the whole text.
pub const MOST: usize = 200;

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but may not say what is meant.
    Warning,
}

/// One problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The sort of problem, for programs: stable, such as `unknown-key`.
    pub code: &'static str,
    /// The problem, in one sentence without a full stop.
    pub message: String,
    /// The places (byte offsets into the text), with a few words each. The first is the place to fix.
    pub labels: Vec<(Range<usize>, String)>,
    /// How to fix it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Returns an error without a place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, code, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Returns a warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// Adds a place.
    pub fn label(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    /// Adds how to fix it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the place to fix.
    pub fn span(&self) -> Range<usize> {
        self.labels.first().map(|(span, _)| span.clone()).unwrap_or(0..0)
    }
}

/// The problems of one file, with its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The name of the file, as it is shown.
    pub file: String,
    /// The text that the labels point into.
    pub text: String,
    /// The problems.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Returns a report without problems.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Report { file: file.into(), text: text.into(), diagnostics: Vec::new() }
    }

    /// Checks whether there is any error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// Checks whether there is no problem.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Sorts errors and warnings in the order of the file, and removes those that occur twice.
    pub fn sort(&mut self) {
        self.diagnostics.sort_by_key(|d| (d.span().start, d.severity, d.span().end));
        self.diagnostics.dedup();
    }

    /// Returns the number of problems: `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let of = |severity| self.diagnostics.iter().filter(|d| d.severity == severity).count();
        match (of(Severity::Error), of(Severity::Warning)) {
            (0, 0) => "no problems".into(),
            (errors, 0) => count(errors, "error"),
            (0, warnings) => count(warnings, "warning"),
            (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        }
    }

    /// Returns the report for people: each problem with its line, up to [`MOST`], and their number.
    pub fn render(&self, width: usize, color: bool, unicode: bool) -> String {
        let theme = GraphicalTheme {
            characters: if unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
            styles: if color { ThemeStyles::ansi() } else { ThemeStyles::none() },
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            .with_links(false)
            .with_context_lines(1)
            // Text in backticks is copied by users: no line ends inside a word.
            .with_word_separator(textwrap::WordSeparator::AsciiSpace)
            .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
            .with_break_words(false)
            .without_syntax_highlighting();
        let mut out = String::new();
        let sources: Vec<_> = self.files().map(|(range, file)| (range.clone(), self.source(range, file))).collect();
        for diagnostic in self.reported() {
            let start = diagnostic.span().start;
            // The last of them has what lies outside of the text, too.
            let Some((range, source)) = sources.iter().find(|(range, _)| start < range.end).or(sources.last()) else { continue };
            let shown = self.excerpt(diagnostic, source, range, width, if unicode { "…" } else { "..." });
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&printable(&diagnostic.message));
            }
            out.push('\n');
        }
        if self.diagnostics.len() > MOST {
            out += &format!("{} more are not shown.\n\n", self.diagnostics.len() - MOST);
        }
        out.push_str(&self.summary());
        out.push('\n');
        out
    }

    /// Returns a problem with its excerpt of the file, which is a part of the text, in so many columns.
    fn excerpt<'a>(
        &'a self,
        diagnostic: &'a Diagnostic,
        source: &'a NamedSource<String>,
        range: &Range<usize>,
        width: usize,
        ellipsis: &str,
    ) -> Shown<'a> {
        let whole = Source { source: Cow::Borrowed(source), positions: Vec::new() };
        if let Some(place) = self.instead_of_excerpt(diagnostic) {
            return Shown { diagnostic, source: whole, labels: Vec::new(), instead: Some(place) };
        }
        let text = source.inner();
        let inside = |at: usize| text.floor_char_boundary(at.saturating_sub(range.start));
        // What lies in the other file is not in the excerpt.
        let here = diagnostic.labels.iter().enumerate().filter(|(i, (span, _))| *i == 0 || range.contains(&span.start));
        let marked = here.map(|(_, (span, words))| {
            let span = self.shown(span);
            (inside(span.start)..inside(span.end), (!words.is_empty()).then(|| printable(words)))
        });
        let mut labels: Vec<(Range<usize>, Option<String>)> = marked.collect();
        let mark = |(span, words): &(Range<usize>, Option<String>)| Mark {
            span: span.clone(),
            words: words.as_deref().map_or(0, display_width),
        };
        let marks: Vec<Mark> = labels.iter().map(mark).collect();
        let position = |at: usize| self.position(range.start + at);
        let places: Vec<(usize, usize)> = marks.iter().map(|mark| position(mark.span.start)).collect();
        let across = marks.iter().filter(|mark| text[mark.span.clone()].contains('\n')).count();
        let last = marks.iter().map(|mark| position(mark.span.end).0 + 1).max().unwrap_or_default();
        // ` 12 │ `, and the arrows of what is marked across lines.
        let room = width.saturating_sub(last.to_string().len() + 4 + if across > 0 { across + 3 } else { 0 });
        let Some(excerpt) = Excerpt::new(text, &marks, room, ellipsis) else {
            return Shown { diagnostic, source: whole, labels, instead: None };
        };
        for (span, _) in &mut labels {
            *span = excerpt.place(span);
        }
        let positions = labels.iter().map(|(span, _)| span.start).zip(places).collect();
        let source = Source { source: Cow::Owned(NamedSource::new(source.name(), excerpt.text)), positions };
        Shown { diagnostic, source, labels, instead: None }
    }

    /// Returns the files that the text was joined from: their places in it, and their names.
    fn files(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        let (own, part) = joined::split(&self.text);
        let more = part.map(|part| (part.begins()..self.text.len(), part.file));
        std::iter::once((0..own.len(), self.file.as_str())).chain(more)
    }

    /// Returns a part of the text as an excerpt is taken from it.
    fn source(&self, range: Range<usize>, file: &str) -> NamedSource<String> {
        NamedSource::new(printable(file), harmless(self.text.get(range).unwrap_or_default()))
    }

    /// Returns where the file begins that a byte offset lies in.
    fn begins(&self, offset: usize) -> usize {
        self.files().map(|(range, _)| range.start).filter(|start| *start <= offset).last().unwrap_or_default()
    }

    /// Returns the name of the file that a byte offset lies in.
    pub fn file_at(&self, offset: usize) -> &str {
        self.files().find(|(range, _)| offset < range.end).or_else(|| self.files().last()).map_or(&self.file, |(_, file)| file)
    }

    /// Returns what is marked of a place: only the first of very many lines.
    fn shown(&self, span: &Range<usize>) -> Range<usize> {
        const LINES: usize = 12;
        // A span outside the text would cost the whole excerpt.
        let start = span.start.min(self.text.len());
        let end = span.end.clamp(start, self.text.len());
        match self.text.get(start..end).map(|covered| covered.match_indices('\n')) {
            Some(mut ends) => match (ends.next(), ends.nth(LINES)) {
                (Some((first, _)), Some(_)) => start..start + first,
                _ => start..end,
            },
            None => start..start,
        }
    }

    /// Returns the problems to report: of very many, errors before warnings.
    fn reported(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        if all.len() > MOST {
            all.sort_by_key(|d| d.severity);
            all.truncate(MOST);
        }
        all
    }

    /// Returns the place in words if an excerpt would show a line that is too long to read, such as a whole file on one line.
    fn instead_of_excerpt(&self, diagnostic: &Diagnostic) -> Option<String> {
        const LONGEST: usize = 500;
        let long = |offset: usize| {
            let (before, after) = self.text.split_at_checked(offset.min(self.text.len())).unwrap_or(("", ""));
            // The lines around it are shown too.
            let here = before.rsplit('\n').next().map_or(0, str::len) + after.split('\n').next().map_or(0, str::len);
            let above = before.rsplit('\n').nth(1).map_or(0, str::len);
            let below = after.split('\n').nth(1).map_or(0, str::len);
            here.max(above).max(below) > LONGEST
        };
        let (line, column) = self.position(diagnostic.span().start);
        let any = diagnostic.labels.iter().any(|(span, _)| long(span.start) || long(self.shown(span).end));
        any.then(|| format!("{}:{line}:{column}", printable(self.file_at(diagnostic.span().start))))
    }

    /// Returns the report for programs, with up to [`MOST`] problems. Lines and columns count from 1, columns in characters.
    pub fn to_json(&self) -> Value {
        let diagnostics: Vec<Value> = self
            .reported()
            .into_iter()
            .map(|d| {
                let labels: Vec<Value> = d
                    .labels
                    .iter()
                    .map(|(span, text)| {
                        let begins = self.begins(span.start);
                        let (line, column) = self.position(span.start);
                        let (end_line, end_column) = self.position(span.end);
                        json!({"line": line, "column": column, "end_line": end_line, "end_column": end_column,
                               "start": span.start - begins, "end": span.end.saturating_sub(begins), "text": text})
                    })
                    .collect();
                let (line, column) = self.position(d.span().start);
                json!({"severity": d.severity, "code": d.code, "message": d.message, "help": d.help,
                       "file": self.file_at(d.span().start), "line": line, "column": column, "labels": labels})
            })
            .collect();
        json!({"file": self.file, "summary": self.summary(), "diagnostics": diagnostics})
    }

    /// Returns line and column of a byte offset in its file, both from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let begins = self.begins(offset);
        let before = self.text.get(begins..offset.clamp(begins, self.text.len())).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        (line, column)
    }
}

/// One problem, as miette takes it.
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    source: Source<'a>,
    /// What is marked in the source, with a few words each. The first is the place to fix.
    labels: Vec<(Range<usize>, Option<String>)>,
    instead: Option<String>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.diagnostic, f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.diagnostic.message))?;
        self.instead.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_deref().map(|help| Box::new(printable(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        (!self.labels.is_empty()).then_some(&self.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.instead.is_some() {
            return None;
        }
        Some(Box::new(self.labels.iter().enumerate().map(|(i, (span, words))| {
            let place = (span.start, span.len());
            if i == 0 {
                LabeledSpan::new_primary_with_span(words.clone(), place)
            } else {
                LabeledSpan::new_with_span(words.clone(), place)
            }
        })))
    }
}

/// Checks whether a terminal would act on a character instead of showing it.
fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Returns the text with what a terminal would act on replaced by as many bytes, so that places stay the same.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\r' => ' ',
            c if acts(c) => match c.len_utf8() {
                1 => '?',
                2 => '¿',
                _ => '\u{fffd}',
            },
            c => c,
        })
        .collect()
}

/// Returns the text with what a terminal would act on written out, cut after 1000 characters.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == 1000 {
            out.push('…');
            break;
        }
        match c {
            '\n' => out.push('\n'),
            c if acts(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Returns a number with its noun, which gets an `s` unless there is one: `1 error`, `2 errors`.
pub(crate) fn count<N: fmt::Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Returns a value of the file as messages quote it: its first line, cut after 60 characters.
pub(crate) fn short(text: &str) -> String {
    let line = text.split('\n').next().unwrap_or(text);
    if line.chars().count() > 60 || line.len() < text.len() {
        format!("{}…", line.chars().take(59).collect::<String>())
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("stack.yaml", "stack: web\nservcies:\n  api: 1\n");
        report.diagnostics = vec![
            Diagnostic::error("unknown-key", "`servcies` is not a key here")
                .label(11..19, "unknown")
                .help("did you mean `services`?"),
            Diagnostic::warning("odd", "this is odd").label(29..30, "").label(7..10, "because of this"),
        ];
        report
    }

    #[test]
    fn reports_are_shown_with_their_lines() {
        insta::assert_snapshot!(report().render(80, false, true));
    }

    #[test]
    fn reports_need_neither_colour_nor_unicode() {
        let text = report().render(60, false, false);
        assert!(text.is_ascii(), "{text}");
        assert!(report().render(60, true, true).contains('\u{1b}'));
    }

    /// Every line of a report fits into the terminal, and what is marked stands above its words.
    #[test]
    fn long_lines_are_cut_round_what_is_marked() {
        let line = "services: {web: {image: \"public.ecr.aws/nginx/nginx:1.27\", cpu: 300, port: 80, routes: [/*], uses: [databases.nope, services.worker]}}";
        let mut report =
            Report::new("stack.yaml", format!("stack: web\nregion: us-east-1\n{line}\ntags: {{a: \"{}\"}}\n", "x".repeat(90)));
        let span = |marked: &str| report.text.find(marked).map(|at| at..at + marked.len()).unwrap();
        let found = vec![
            Diagnostic::error("not-a-choice", "`cpu` is wrong").label(span("300"), "not a size of Fargate"),
            Diagnostic::error("unknown-reference", "`databases.nope` does not exist")
                .label(span("databases.nope"), "not in this file"),
            Diagnostic::error("needs-port", "it has no port")
                .label(span("services.worker"), "a worker")
                .label(span("web: {image"), "used here"),
        ];
        report.diagnostics = found;
        let shown = [60, 100].map(|width| {
            let shown = report.render(width, false, true);
            assert!(shown.lines().all(|line| display_width(line) <= width), "{width}: {shown}");
            let place = |marked: &str| format!("[stack.yaml:3:{}]", line.find(marked).unwrap() + 1);
            assert!(["300", "databases.nope", "services.worker"].iter().all(|marked| shown.contains(&place(marked))), "{shown}");
            shown
        });
        insta::assert_snapshot!(shown.join("\n"));
        assert!(report.render(60, false, false).is_ascii());
    }

    #[test]
    fn control_characters_stay_in_the_file() {
        let text = "stack: \"a\u{1b}[31mb\u{9b}c\u{202e}d\"\r\nx: 1\n";
        let mut report = Report::new("a\u{7}b.yaml", text);
        report.diagnostics.push(Diagnostic::error("x", "bad \u{1b}[2J").label(7..10, "\u{8}").help("\u{202e}"));
        let shown = report.render(80, false, true);
        assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown:?}");
        assert!(shown.contains("\\u{1b}[2J"), "{shown}");
    }

    #[test]
    fn programs_get_the_same() {
        insta::assert_json_snapshot!(report().to_json());
    }

    #[test]
    fn a_line_without_an_end_is_not_shown() {
        let mut report = Report::new("f.json", format!("{{\"a\": \"{}\"}}", "x".repeat(9000)));
        report.diagnostics.push(Diagnostic::error("x", "message").label(1..4, "here"));
        insta::assert_snapshot!(report.render(80, false, true), @"
        x

          × message (f.json:1:2)

        1 error
        ");
    }

    #[test]
    fn long_neighbours_and_very_many_lines_are_not_shown() {
        let mut report = Report::new("f", format!("{}\nx: 1\n", "y".repeat(9000)));
        report.diagnostics.push(Diagnostic::error("x", "message").label(9001..9002, "here"));
        report.diagnostics.push(Diagnostic::error("x", "at the end").label(0..9005, "all of it"));
        let shown = report.render(80, false, true);
        assert!(shown.contains("message (f:2:1)") && shown.len() < 300, "{shown}");

        let mut report = Report::new("f", "a: 1\n".repeat(9000));
        report.diagnostics.push(Diagnostic::error("x", "message").label(0..45_000, "here"));
        let shown = report.render(80, false, true);
        assert!(shown.contains("here") && shown.len() < 300, "{shown}");
    }

    #[test]
    fn of_very_many_problems_the_errors_are_told() {
        let mut report = Report::new("f", "a: 1\n");
        report.diagnostics = (0..2 * MOST).map(|n| Diagnostic::warning("x", format!("odd {n}")).label(0..1, "")).collect();
        report.diagnostics.push(Diagnostic::error("x", "wrong").label(3..4, ""));
        let shown = report.render(80, false, true);
        assert!(shown.contains("wrong") && shown.contains("201 more are not shown"), "{shown}");
        assert_eq!(report.to_json()["diagnostics"].as_array().unwrap().len(), MOST);
    }

    #[test]
    fn a_span_outside_the_text_still_shows_the_message() {
        let mut report = Report::new("f", "a: 1");
        report.diagnostics.push(Diagnostic::error("x", "message").label(90..99, "here"));
        report.diagnostics.push(Diagnostic::error("x", "no place"));
        let shown = report.render(80, false, true);
        assert!(shown.contains("message") && shown.contains("no place") && shown.ends_with("2 errors\n"), "{shown}");
    }
}
