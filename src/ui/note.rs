//! Single messages: a note beside the work, a problem that ends it.

use super::style::{Look, clean, wrap};

/// A line for people beside what was asked for.
pub fn note(text: &str, look: &Look) -> String {
    lines("", text, look)
}

/// A problem that is nobody's fault but has to be told, with what was seen and what to do.
pub fn problem(text: &str, help: Option<&str>, look: &Look) -> String {
    let mut out = lines("error: ", text, look);
    if let Some(help) = help {
        out += &lines("  help: ", help, look);
    }
    out
}

fn lines(lead: &str, text: &str, look: &Look) -> String {
    let text = clean(text);
    let room = look.width.saturating_sub(lead.len()).max(20);
    let mut out = String::new();
    for (n, line) in wrap(&text, room).into_iter().enumerate() {
        let lead = if n == 0 { lead.to_owned() } else { " ".repeat(lead.len()) };
        out += &format!("{lead}{line}\n");
    }
    out
}
