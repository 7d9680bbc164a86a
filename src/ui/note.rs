//! Single messages: a note beside the result, and a problem that ends the command.

use super::style::{Terminal, clean, wrap};

/// Renders a note: something worth knowing beside the result.
pub fn note(text: &str, terminal: &Terminal) -> String {
    lines("", text, terminal)
}

/// Renders a problem with its help.
pub fn problem(text: &str, help: Option<&str>, terminal: &Terminal) -> String {
    let mut out = lines("error: ", text, terminal);
    if let Some(help) = help {
        out += &lines("  help: ", help, terminal);
    }
    out
}

/// Renders where the application answers, and the DNS records (name and target) that other names still need. Nothing is wrapped,
/// so that it can be copied.
pub fn address(url: Option<&str>, missing: &[(String, String)]) -> String {
    let mut out: Vec<String> = url.map(str::to_owned).into_iter().collect();
    out.extend(
        missing.iter().map(|(name, target)| format!("https://{name} answers once DNS has the record: {name} CNAME {target}")),
    );
    let out: Vec<_> = out.iter().map(|line| clean(line)).collect();
    if out.is_empty() { String::new() } else { format!("\n{}\n", out.join("\n")) }
}

fn lines(lead: &str, text: &str, terminal: &Terminal) -> String {
    let text = clean(text);
    let room = terminal.width.saturating_sub(lead.len()).max(20);
    let mut out = String::new();
    for (n, line) in wrap(&text, room).into_iter().enumerate() {
        let lead = if n == 0 { lead.to_owned() } else { " ".repeat(lead.len()) };
        out += &format!("{lead}{line}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn what_answers_comes_before_what_is_missing() {
        let missing = [("www.example.com".to_owned(), "d1.cloudfront.net".to_owned())];
        assert_eq!(
            address(Some("https://d1.cloudfront.net"), &missing),
            "\nhttps://d1.cloudfront.net\nhttps://www.example.com answers once DNS has the record: www.example.com CNAME d1.cloudfront.net\n"
        );
        assert_eq!(address(None, &[]), "");
    }
}
