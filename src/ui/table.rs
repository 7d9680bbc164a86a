//! Tables, and where there is no room for columns, a card for each row.

use anstyle::Style;

use super::plan::finish;
use super::style::{BAD, CHANGED, GOOD, STRONG, Terminal, clean, pad, width, wrap_words};

/// Narrower terminals get cards instead of more than two columns.
const CARDS: usize = 80;
/// What is left for the last column at least. Addresses and identifiers are copied whole: one that is longer has a line of its own.
const LAST: usize = 16;
/// How far a cell on a line of its own is indented.
const BELOW: &str = "    ";

/// How a cell reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// As it should be.
    Good,
    /// Changing.
    Busy,
    /// Not as it should be.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => GOOD,
            Tone::Busy => CHANGED,
            Tone::Bad => BAD,
        }
    }
}

/// Returns an aligned table. On a terminal the widest columns shrink until it fits and long cells continue on the next line, but no
/// word is broken; where that is not enough every row becomes a card. Elsewhere every row is one line, for other programs to read.
pub fn table(terminal: &Terminal, headers: &[&str], rows: &[Vec<String>]) -> String {
    toned_table(terminal, headers, rows, &|_, _| Tone::Plain)
}

/// Returns the same with colours: `tone` gets the header and the text of each cell.
pub fn toned_table(terminal: &Terminal, headers: &[&str], rows: &[Vec<String>], tone: &dyn Fn(&str, &str) -> Tone) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell).into_owned()).collect::<Vec<_>>()).collect();
    let Some(columns) = columns(terminal, headers, &rows) else { return cards(terminal, headers, &rows, tone) };
    let head: Vec<String> = headers.iter().zip(&columns).map(|(header, column)| pad(header, *column)).collect();
    let mut out = vec![terminal.paint(STRONG, head.join("  ").trim_end())];
    for row in &rows {
        let below = row.last().filter(|cell| terminal.interactive && is_below(cell, &columns));
        let row = &row[..row.len() - usize::from(below.is_some())];
        let cells: Vec<(Style, Vec<String>)> = row
            .iter()
            .zip(&columns)
            .zip(headers)
            .map(|((cell, column), header)| {
                let lines = if width(cell) > *column { wrap_words(cell, *column) } else { vec![cell.clone()] };
                (tone(header, cell).style(), lines)
            })
            .collect();
        for line in 0..cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0) {
            let line: Vec<String> = cells
                .iter()
                .zip(&columns)
                .map(|((style, lines), column)| {
                    pad(&lines.get(line).map_or_else(String::new, |text| painted(terminal, *style, text)), *column)
                })
                .collect();
            out.push(line.join("  "));
        }
        if let (Some(cell), Some(header)) = (below, headers.last()) {
            let lines = wrap_words(cell, terminal.width.saturating_sub(BELOW.len()));
            out.extend(lines.iter().map(|text| format!("{BELOW}{}", painted(terminal, tone(header, cell).style(), text))));
        }
    }
    finish(out)
}

/// Checks whether the last cell of a row has a word that does not fit its column. A table of two columns is a list of names with values.
fn is_below(cell: &str, columns: &[usize]) -> bool {
    columns.len() > 2 && columns.last().is_some_and(|column| longest_word(cell) > *column)
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(width).max().unwrap_or(0)
}

fn painted(terminal: &Terminal, style: Style, text: &str) -> String {
    if style == Style::new() { text.to_owned() } else { terminal.paint(style, text) }
}

/// Returns how wide the columns are; none when they do not fit.
fn columns(terminal: &Terminal, headers: &[&str], rows: &[Vec<String>]) -> Option<Vec<usize>> {
    let widest = |of: &dyn Fn(&str) -> usize| -> Vec<usize> {
        let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at)).map(|cell| of(cell)).max().unwrap_or(0);
        headers.iter().enumerate().map(|(at, header)| width(header).max(cells(at))).collect()
    };
    let mut columns = widest(&width);
    let gaps = 2 * headers.len().saturating_sub(1);
    if !terminal.interactive || columns.iter().sum::<usize>() + gaps <= terminal.width {
        return Some(columns);
    }
    let mut least = widest(&longest_word);
    if let Some(last) = least.last_mut() {
        *last = (*last).min(LAST);
    }
    if terminal.width < CARDS && headers.len() > 2 || least.iter().sum::<usize>() + gaps > terminal.width {
        return None;
    }
    while columns.iter().sum::<usize>() + gaps > terminal.width {
        let wider = columns.iter_mut().zip(&least).filter(|(column, least)| **column > **least);
        match wider.max_by_key(|(column, _)| **column) {
            Some((widest, _)) => *widest -= 1,
            None => break,
        }
    }
    Some(columns)
}

/// Returns a block for each row, a line for each of its cells that has something in it.
fn cards(terminal: &Terminal, headers: &[&str], rows: &[Vec<String>], tone: &dyn Fn(&str, &str) -> Tone) -> String {
    let mut out = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            out.push(String::new());
        }
        for (at, (header, cell)) in headers.iter().zip(row).enumerate().filter(|(_, (_, cell))| !cell.is_empty()) {
            let label = format!("{}: ", header.to_lowercase());
            let (lead, style) = if at == 0 { ("", STRONG) } else { ("  ", tone(header, cell).style()) };
            let room = terminal.width.saturating_sub(width(&label) + lead.len());
            for (line, text) in wrap_words(cell, room).into_iter().enumerate() {
                let label = if line == 0 { label.clone() } else { " ".repeat(width(&label)) };
                out.push(format!("{lead}{label}{}", painted(terminal, style, &text)));
            }
        }
    }
    finish(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let endpoint = "webapp-staging-main.abc123.us-east-1.rds.amazonaws.com:5432";
        vec![
            vec!["url".to_owned(), "https://d111111abcdef8.cloudfront.net".to_owned(), "cloudfront.distribution/cdn".to_owned()],
            vec!["database".to_owned(), endpoint.to_owned(), "rds.instance/main".to_owned()],
            vec!["日本".to_owned(), "\u{1b}[31m".to_owned(), String::new()],
        ]
    }

    #[test]
    fn columns_align_and_become_cards() {
        let show = |terminal: Terminal| table(&terminal, &["NAME", "VALUE", "OF"], &rows());
        let on = |columns| show(Terminal { interactive: true, ..Terminal::plain(columns) });
        insta::assert_snapshot!([show(Terminal::plain(60)), on(60), on(100)].join("\n"));
    }

    #[test]
    fn no_word_is_broken() {
        let words: Vec<String> = rows().concat().iter().map(|cell| clean(cell).into_owned()).collect();
        for columns in [40, 60, 80, 100, 140, 200] {
            let text =
                table(&Terminal { interactive: true, ..Terminal::plain(columns) }, &["NAME", "VALUE", "STATE NOW"], &rows());
            assert!(words.iter().all(|word| text.contains(word.as_str())), "{columns}: {text}");
        }
        let two: Vec<Vec<String>> = rows().into_iter().map(|row| row[..2].to_vec()).collect();
        let text = table(&Terminal { interactive: true, ..Terminal::plain(40) }, &["NAME", "VALUE"], &two);
        assert!(text.contains("\ndatabase  webapp-staging-main.abc123.us-east-1.rds.amazonaws.com:5432\n"), "{text}");
    }

    #[test]
    fn a_long_last_cell_has_a_line_of_its_own() {
        let url = "https://d111111abcdef8.cloudfront.net/api/";
        let row = |name: &str, url: &str| vec![name.to_owned(), "running as it should be".to_owned(), url.to_owned()];
        let rows = [row("services.web", url), row("services.worker", "")];
        let text = table(&Terminal { interactive: true, ..Terminal::plain(80) }, &["NAME", "STATE", "URL"], &rows);
        let expected = format!("\n    {url}\nservices.worker");
        assert!(text.contains(&expected) && text.lines().all(|line| width(line) <= 80), "{text}");
    }

    #[test]
    fn what_is_bad_is_red() {
        let terminal = Terminal { color: true, ..Terminal::plain(80) };
        let tone = |header: &str, cell: &str| if (header, cell) == ("STATE", "failed") { Tone::Bad } else { Tone::Plain };
        let text = toned_table(&terminal, &["NAME", "STATE"], &[vec!["failed".into(), "failed".into()]], &tone);
        assert!(text.contains("failed  \u{1b}[31mfailed"), "{text:?}");
    }
}
