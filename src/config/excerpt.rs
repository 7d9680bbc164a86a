//! Excerpts of a file that fit into a terminal: long lines are cut round what is marked in them.

use std::borrow::Cow;
use std::ops::Range;

use miette::{MietteError, MietteSpanContents, NamedSource, SourceCode, SourceSpan, SpanContents};
use textwrap::core::display_width;

/// What stands between a mark and its words: `╰── `.
const ARM: usize = 4;
/// The columns that stay visible before a mark, if there is room.
const BEFORE: usize = 12;
/// The columns of a line below which nothing could be read.
const LEAST: usize = 20;
/// The columns of a tab.
const TAB: usize = 4;

/// A mark in a text: its place, and the columns of its words.
pub(super) struct Mark {
    pub(super) span: Range<usize>,
    pub(super) words: usize,
}

/// A line that was cut.
struct Cut {
    /// Its place in the text, and the place of what is left of it.
    line: Range<usize>,
    left: Range<usize>,
    /// Where it begins in the excerpt, and how many bytes of ellipses it has there before and after what is left.
    at: usize,
    before: usize,
    after: usize,
}

/// A text of which some lines are cut.
pub(super) struct Excerpt {
    pub(super) text: String,
    cuts: Vec<Cut>,
    ellipsis: usize,
}

fn columns(text: &str) -> usize {
    text.split('\t').map(display_width).sum::<usize>() + TAB * text.matches('\t').count()
}

/// Returns how many bytes a text begins with that fill at most so many columns.
fn fitting(text: &str, room: usize) -> usize {
    let mut used = 0;
    let too_wide = text.char_indices().find(|(at, c)| {
        used += columns(&text[*at..*at + c.len_utf8()]);
        used > room
    });
    too_wide.map_or(text.len(), |(at, _)| at)
}

/// Returns what is left of a line in so many columns, with the marks that begin in it: the first of them is in sight, with its words.
fn window(line: &str, marks: &[(Range<usize>, usize)], room: usize, ellipsis: usize) -> Range<usize> {
    let start = marks.first().map_or(0, |(mark, _)| columns(&line[..mark.start]));
    let (wide, words) = marks.first().map_or((0, 0), |(mark, words)| (columns(&line[mark.clone()]), *words));
    let needed = if words == 0 { wide } else { wide.max(wide / 2 + ARM + words) };
    let whole = columns(line);
    let mut from = 0;
    let fits = whole <= room && start + needed <= room;
    if !fits && start + needed + ellipsis > room {
        // As much before it as leaves room for its words, and no more than fills the line.
        let most = room.saturating_sub(needed + 2 * ellipsis).min(start);
        let kept = most.min(BEFORE.max((room + start).saturating_sub(whole + ellipsis)));
        from = fitting(line, start - kept);
        // A character is not cut.
        if columns(&line[..from]) < start - kept {
            from += line[from..].chars().next().map_or(0, char::len_utf8);
        }
    }
    let room = if from > 0 { room - ellipsis } else { room };
    let rest = &line[from..];
    let until = if columns(rest) > room { fitting(rest, room - ellipsis) } else { rest.len() };
    from..from + until
}

impl Excerpt {
    /// Cuts the lines of a text that have marks, and those beside them; `None` when all of them fit. `room` are the columns of a line,
    /// and `ellipsis` stands for what is cut.
    pub(super) fn new(text: &str, marks: &[Mark], room: usize, ellipsis: &str) -> Option<Excerpt> {
        let room = room.max(LEAST);
        let begins = |at: usize| text[..at].rfind('\n').map_or(0, |before| before + 1);
        let ends = |at: usize| text[at..].find('\n').map_or(text.len(), |after| at + after);
        let mut lines: Vec<Range<usize>> = Vec::new();
        for Mark { span, .. } in marks {
            let first = begins(begins(span.start).saturating_sub(1));
            let last = ends((ends(span.end) + 1).min(text.len()));
            let mut at = first;
            while at <= last {
                lines.push(at..ends(at));
                at = ends(at) + 1;
            }
        }
        lines.sort_by_key(|line| line.start);
        lines.dedup();
        let mut out = Excerpt { text: String::new(), cuts: Vec::new(), ellipsis: ellipsis.len() };
        let mut done = 0;
        for line in lines {
            let inside = marks.iter().filter(|mark| line.contains(&mark.span.start) || mark.span.start == line.end);
            let inside: Vec<(Range<usize>, usize)> =
                inside.map(|mark| (mark.span.start - line.start..mark.span.end.min(line.end) - line.start, mark.words)).collect();
            let left = window(&text[line.clone()], &inside, room, display_width(ellipsis));
            if left.len() == line.len() {
                continue;
            }
            let left = line.start + left.start..line.start + left.end;
            let (before, after) = (left.start > line.start, left.end < line.end);
            out.text.push_str(&text[done..line.start]);
            let cut = Cut {
                line: line.clone(),
                left: left.clone(),
                at: out.text.len(),
                before: if before { ellipsis.len() } else { 0 },
                after: if after { ellipsis.len() } else { 0 },
            };
            out.text.push_str(if before { ellipsis } else { "" });
            out.text.push_str(&text[left]);
            out.text.push_str(if after { ellipsis } else { "" });
            done = line.end;
            out.cuts.push(cut);
        }
        out.text.push_str(&text[done..]);
        (!out.cuts.is_empty()).then_some(out)
    }

    /// Returns where a place of the text is in the excerpt. What was cut is where the ellipsis is.
    pub(super) fn place(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.offset(span.start, false);
        start..self.offset(span.end, true).max(start)
    }

    fn offset(&self, at: usize, is_end: bool) -> usize {
        let Some(cut) = self.cuts.iter().rfind(|cut| cut.line.start <= at) else { return at };
        let (begins, ends) = (cut.at + cut.before, cut.at + cut.before + cut.left.len());
        if at > cut.line.end {
            return ends + cut.after + (at - cut.line.end);
        }
        let is_after = at > cut.left.end || at == cut.left.end && !is_end;
        match at {
            _ if at < cut.left.start || at == cut.left.start && is_end => cut.at + if is_end { cut.before } else { 0 },
            _ if is_after && cut.after > 0 => ends + if is_end { self.ellipsis } else { 0 },
            _ => begins + (at.min(cut.left.end) - cut.left.start),
        }
    }
}

/// A file as excerpts are taken from it, with the columns that marks have in the whole file.
pub(super) struct Source<'a> {
    pub(super) source: Cow<'a, NamedSource<String>>,
    /// Where marks begin in the source, and in which line and column of the file, from 1.
    pub(super) positions: Vec<(usize, (usize, usize))>,
}

impl SourceCode for Source<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.source.read_span(span, before, after)?;
        // Without lines around it, this is the question where the mark is.
        let found = self.positions.iter().find(|(at, _)| *at == span.offset() && before == 0 && after == 0);
        Ok(match found {
            None => contents,
            Some((_, (line, column))) => Box::new(MietteSpanContents::new_named(
                self.source.name().to_owned(),
                contents.data(),
                *contents.span(),
                line - 1,
                column - 1,
                contents.line_count(),
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, span: Range<usize>, room: usize) -> (String, String) {
        let excerpt = Excerpt::new(text, &[Mark { span: span.clone(), words: 10 }], room, "…").unwrap();
        let place = excerpt.place(&span);
        (excerpt.text[place].to_owned(), excerpt.text)
    }

    #[test]
    fn what_is_marked_stays_in_sight_with_its_words() {
        let line = "services: {web: {image: nginx, cpu: 300, port: 80, routes: [/*], uses: [databases.main]}}";
        for (marked, room) in [("300", 30), ("services", 30), ("databases.main", 30), ("}}", 40), ("nginx", 25)] {
            let at = line.find(marked).unwrap();
            let text = format!("stack: a\n{line}\nregion: x\n");
            let (found, excerpt) = cut(&text, 9 + at..9 + at + marked.len(), room);
            assert_eq!(found, marked);
            let shown = excerpt.lines().nth(1).unwrap();
            let arm = shown.find(marked).map(|at| columns(&shown[..at])).unwrap() + marked.len() / 2 + ARM + 10;
            assert!(columns(shown) <= room && arm <= room, "{shown}");
            assert_eq!(shown.starts_with('…'), !line.starts_with(shown.trim_end_matches('…')), "{shown}");
            assert_eq!(shown.ends_with('…'), !line.ends_with(shown.trim_start_matches('…')), "{shown}");
            assert!(excerpt.starts_with("stack: a\n") && excerpt.ends_with("\nregion: x\n"), "{excerpt}");
        }
    }

    #[test]
    fn what_is_wider_than_the_line_is_marked_to_its_end() {
        let (found, excerpt) = cut(&format!("a: {}", "é".repeat(80)), 3..163, 30);
        assert!(found.ends_with("é…") && columns(&excerpt) == 30, "{excerpt}");
    }

    #[test]
    fn lines_that_fit_stay_and_longer_ones_are_cut() {
        let text = format!("{}\nb: 1\n{}\n", "x".repeat(60), "日".repeat(40));
        let mark = |span| [Mark { span, words: 0 }];
        let excerpt = Excerpt::new(&text, &mark(61..62), 30, "…").unwrap();
        assert_eq!(excerpt.text, format!("{}…\nb: 1\n{}…\n", "x".repeat(29), "日".repeat(14)));
        assert_eq!(&excerpt.text[excerpt.place(&(61..62))], "b");
        assert!(Excerpt::new("a: 1\nb: 2\n", &mark(5..6), 30, "…").is_none());
    }
}
