//! What docs/problems.md says of every code of a problem.

use std::collections::BTreeMap;

use crate::support::stacks::{root, sources};

/// The arguments of a call or the parameters of a function, of which `text` is what follows the opening bracket.
fn arguments(text: &str) -> Vec<&str> {
    let (mut out, mut depth, mut from, mut quoted) = (Vec::new(), 0, 0, false);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quoted => {
                chars.next();
            }
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' | '|' if depth == 0 => {
                out.push(text[from..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    out
}

/// What follows each place where a word begins with `word`, but the name of a function that is defined there.
fn after<'a>(code: &'a str, word: &str) -> Vec<&'a str> {
    let begins = |before: &str| {
        let inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        !inside && !before.ends_with("fn ")
    };
    code.match_indices(word).filter(|(at, _)| begins(&code[..*at])).map(|(at, word)| &code[at + word.len()..]).collect()
}

/// The functions of a file that take a code, each with its name and the position of the code among its arguments.
fn take_codes(code: &str) -> Vec<(&str, usize)> {
    let mut out = vec![("Diagnostic::error", 0), ("Diagnostic::warning", 0)];
    let functions = after(code, "fn ").into_iter().filter_map(|rest| rest.split_once('('));
    let closures = after(code, "let ").into_iter().filter_map(|rest| rest.split_once(" = |"));
    for (name, parameters) in functions.chain(closures) {
        let name = name.trim_start_matches("mut ").split('<').next().unwrap_or_default();
        let parameters = arguments(parameters).into_iter().filter(|parameter| !parameter.ends_with("self"));
        if name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && let Some(at) = parameters.into_iter().position(|parameter| parameter == "code: &'static str")
        {
            out.push((name, at));
        }
    }
    out
}

/// Every code of a problem in the program, with whether it is one of errors and of warnings.
fn codes() -> BTreeMap<String, (bool, bool)> {
    let mut out: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    let folders = ["src/config", "src/blueprint"].map(|folder| sources(&root().join(folder)));
    for path in folders.into_iter().flatten().filter(|path| !path.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        let mut found: Vec<(&str, bool)> = Vec::new();
        for (name, at) in take_codes(&code) {
            for call in after(&code, &format!("{name}(")) {
                let all = arguments(call);
                let word = all.get(at).unwrap_or_else(|| panic!("{}: {name}({all:?}) has no code", path.display()));
                found.push((word, name.ends_with("warning")));
            }
        }
        for problem in after(&code, "Problem {") {
            let field = arguments(problem).into_iter().find(|field| *field == "code" || field.starts_with("code: "));
            found.extend(field.map(|field| (field.trim_start_matches("code: "), false)));
        }
        // What takes the code of its caller is found there.
        for (word, warns) in found.into_iter().filter(|(word, _)| *word != "code") {
            let literal = match word.strip_prefix('"') {
                Some(literal) => literal,
                None => after(&code, &format!("{word}: &str = \""))
                    .first()
                    .copied()
                    .unwrap_or_else(|| panic!("{}: `{word}` is neither a literal nor a constant of this file", path.display())),
            };
            let (errors, warnings) = out.entry(literal.split('"').next().unwrap().to_owned()).or_default();
            *(if warns { warnings } else { errors }) = true;
        }
    }
    out
}

#[test]
fn every_code_of_a_problem_has_a_row() {
    let codes = codes();
    assert!(codes.len() > 100, "{codes:?}");
    let page = std::fs::read_to_string(root().join("docs/problems.md")).unwrap();
    let mut rows: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [code, meaning, instead] = cells[..] else { panic!("a code, its meaning and what to write: {line}") };
        assert!(!meaning.is_empty() && !instead.is_empty(), "{line}");
        let severity = (!meaning.starts_with('⚠'), meaning.starts_with('⚠') || meaning.starts_with("error or ⚠"));
        let before = rows.insert(code.trim_matches('`').to_owned(), severity);
        assert_eq!(before, None, "a code has one row: {line}");
    }
    let without_row: Vec<&String> = codes.keys().filter(|code| !rows.contains_key(*code)).collect();
    assert!(without_row.is_empty(), "docs/problems.md has no row for {without_row:?}");
    let unused: Vec<&String> = rows.keys().filter(|code| !codes.contains_key(*code)).collect();
    assert!(unused.is_empty(), "no problem has the code {unused:?} of docs/problems.md");
    for (code, severity) in codes {
        assert_eq!(rows[&code], severity, "whether `{code}` is an error, and a warning, which docs/problems.md marks with ⚠");
    }
}
