//! Compares two texts line by line.

/// The most cells that are compared; beyond, the whole old text is removed and the whole new one added.
const LIMIT: usize = 4_000_000;

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// In both.
    Same(String),
    /// Only in the new text.
    Added(String),
    /// Only in the old text.
    Removed(String),
    /// That many lines in both are not shown.
    Gap(usize),
}

/// Returns the lines of both texts in order, with at most `context` unchanged lines around each change.
pub(crate) fn compare(old: &[String], new: &[String], context: usize) -> Vec<Line> {
    let all = align(old, new);
    let mut near = vec![false; all.len()];
    for (at, line) in all.iter().enumerate() {
        if !matches!(line, Line::Same(_)) {
            let to = (at + context + 1).min(all.len());
            near[at.saturating_sub(context)..to].fill(true);
        }
    }
    let mut out = Vec::new();
    for (line, near) in all.into_iter().zip(near) {
        match out.last_mut() {
            _ if near => out.push(line),
            Some(Line::Gap(n)) => *n += 1,
            _ => out.push(Line::Gap(1)),
        }
    }
    out
}

/// Aligns two texts by their longest common subsequence.
fn align(old: &[String], new: &[String]) -> Vec<Line> {
    let removed = |lines: &[String]| lines.iter().cloned().map(Line::Removed).collect::<Vec<_>>();
    let added = |lines: &[String]| lines.iter().cloned().map(Line::Added).collect::<Vec<_>>();
    if old.len().saturating_mul(new.len()) > LIMIT {
        return [removed(old), added(new)].concat();
    }
    let columns = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * columns];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * columns + j] = if old[i] == new[j] {
                common[(i + 1) * columns + j + 1] + 1
            } else {
                common[(i + 1) * columns + j].max(common[i * columns + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            out.push(Line::Same(old[i].clone()));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * columns + j] >= common[i * columns + j + 1] {
            out.push(Line::Removed(old[i].clone()));
            i += 1;
        } else {
            out.push(Line::Added(new[j].clone()));
            j += 1;
        }
    }
    out.extend(removed(&old[i..]));
    out.extend(added(&new[j..]));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str, context: usize) -> String {
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        compare(&lines(old), &lines(new), context)
            .into_iter()
            .map(|line| match line {
                Line::Same(text) => format!(" {text}"),
                Line::Added(text) => format!("+{text}"),
                Line::Removed(text) => format!("-{text}"),
                Line::Gap(n) => format!("…{n}"),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn only_what_differs_and_its_neighbours_are_shown() {
        assert_eq!(shown("a b c d e f", "a b c X e f", 1), "…2  c -d +X  e …1");
        assert_eq!(shown("", "a b", 1), "+a +b");
        assert_eq!(shown("a b", "", 1), "-a -b");
        assert_eq!(shown("a b", "a b", 0), "…2");
    }
}
