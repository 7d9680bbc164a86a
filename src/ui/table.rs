//! Rows and columns.

use super::plan::finish;
use super::style::{Look, STRONG, clean, pad, width, wrap};

/// A column is not made narrower than this.
const NARROWEST: usize = 8;

/// An aligned table. On a terminal the widest columns shrink until it fits and long cells continue on the next line;
/// elsewhere every row is one line, for other programs to read.
pub fn table(look: &Look, headers: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell).into_owned()).collect::<Vec<_>>()).collect();
    let mut columns: Vec<usize> = headers.iter().map(|header| width(header)).collect();
    for row in &rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            *column = (*column).max(width(cell));
        }
    }
    if look.terminal {
        let gaps = 2 * columns.len().saturating_sub(1);
        while columns.iter().sum::<usize>() + gaps > look.width {
            match columns.iter_mut().filter(|column| **column > NARROWEST).max_by_key(|column| **column) {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
    }
    let head: Vec<String> = headers.iter().zip(&columns).map(|(header, column)| pad(header, *column)).collect();
    let mut out = vec![look.paint(STRONG, head.join("  ").trim_end())];
    for row in &rows {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&columns)
            .map(|(cell, column)| if width(cell) > *column { wrap(cell, *column) } else { vec![cell.clone()] })
            .collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let line: Vec<String> =
                cells.iter().zip(&columns).map(|(cell, column)| pad(cell.get(line).map_or("", |l| l), *column)).collect();
            out.push(line.join("  "));
        }
    }
    finish(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_shrink() {
        let rows = [
            vec!["url".to_owned(), "https://d111111abcdef8.cloudfront.net".to_owned(), "cloudfront.distribution/cdn".to_owned()],
            vec![
                "database".to_owned(),
                "webapp-staging-main.abc123.us-east-1.rds.amazonaws.com:5432".to_owned(),
                "rds.instance/main".to_owned(),
            ],
            vec!["日本".to_owned(), "\u{1b}[31m".to_owned()],
        ];
        let show = |look: Look| table(&look, &["NAME", "VALUE", "OF"], &rows);
        let narrow = show(Look { terminal: true, ..Look::plain(60) });
        assert!(narrow.lines().all(|line| width(line) <= 60));
        insta::assert_snapshot!(format!("{}\n{narrow}", show(Look::plain(60))));
    }
}
