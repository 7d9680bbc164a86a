//! Where what people read is written, and in which words: a new place is reviewed against docs/style.md.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::stacks::{root, sources};

/// What marks a file that has texts of a sort.
const SORTS: [(&str, &[&str]); 7] = [
    ("help of commands", &["clap::Args", "clap::{Args", "clap::Subcommand", "Parser)]"]),
    ("errors", &["Error::new(", ".hint(", "Stop::message(", "Stop::refused(", "Stop::bad_file(", "Stop::Message("]),
    ("problems of files", &["Diagnostic::error(", "Diagnostic::warning(", "Wrong::new("]),
    ("the schema", &["JsonSchema)]", "json_schema!("]),
    ("findings before a run", &["Finding::", "Finding {"]),
    ("states", &["Means::", "Readiness::waiting(", "Readiness::Failed(", "Impairment {"]),
    ("notes and output", &["ui::note(", "ui::err(", "ui::out(", "ui::problem(", "ui::table(", "ui::toned_table("]),
];

/// The sort of a file without any of these marks that has a sentence all the same.
const OTHER: &str = "other texts";
/// The fewest words of a sentence.
const SENTENCE: usize = 5;

/// Words that docs/style.md replaces by others.
const BANNED: [&str; 12] =
    ["told", "tells", "goes", "nobody", "somebody", "whoever", "ours", "mend", "mends", "mended", "anew", "which there is not"];

/// Where one of them is right.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("goes off", "an alarm, as a clock does; CloudWatch's own word is a state, `ALARM`"),
    ("tells of each", "the description of a rule in AWS: another would be a change of every stack that has it"),
    ("tells of deployments that failed", "the same"),
    ("tells when the emergency role is assumed", "the same"),
];

/// The Rust files below a folder that are compiled only for tests.
fn test_files(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut out = BTreeSet::new();
    for path in files {
        let folder = match path.file_stem().unwrap().to_str().unwrap() {
            "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
            _ => path.with_extension(""),
        };
        let text = std::fs::read_to_string(path).unwrap();
        for after in text.split("#[cfg(test)]\n").skip(1) {
            let line = after.lines().next().unwrap_or_default();
            if let Some(name) = line.split("mod ").nth(1).and_then(|rest| rest.strip_suffix(';')) {
                out.insert(folder.join(name).with_extension("rs"));
                out.extend(files.iter().filter(|file| file.starts_with(folder.join(name))).cloned());
            }
        }
    }
    out
}

/// A Rust file without its inline module of tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let is_module = |after: &str| after.lines().next().is_some_and(|line| line.contains("mod tests"));
    let tests = text.match_indices("#[cfg(test)]\n").find(|(at, mark)| is_module(&text[at + mark.len()..]));
    text[..tests.map_or(text.len(), |(at, _)| at)].to_owned()
}

/// The string literals of Rust code outside of comments, as they are written, without those of `expect` and of reasons in attributes.
fn literals(code: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(next) = code[at..].chars().next() {
        let rest = &code[at..];
        let before = &code[..at];
        let hashes = rest.strip_prefix('r').map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
        let in_word = before.trim_end_matches('b').ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (begins, ends) = if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if let Some(rest) = rest.strip_prefix("/*") {
            at += 2 + rest.find("*/").map_or(rest.len(), |end| end + 2);
            continue;
        } else if next == 'r' && !in_word && rest[1 + hashes..].starts_with('"') {
            let begins = hashes + 2;
            (begins, begins + rest[begins..].find(&format!("\"{}", "#".repeat(hashes))).expect("a raw literal ends"))
        } else if next == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let quote = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                quote
            });
            (1, 1 + end.expect("a literal ends"))
        } else if next == '\'' {
            // A character, else a lifetime.
            let chars: Vec<char> = rest.chars().skip(1).take(2).collect();
            at += match chars[..] {
                ['\\', escaped] => {
                    let skipped = 2 + escaped.len_utf8();
                    skipped + rest[skipped..].find('\'').map_or(0, |end| end + 1)
                }
                [one, '\''] => 2 + one.len_utf8(),
                _ => 1,
            };
            continue;
        } else {
            at += next.len_utf8();
            continue;
        };
        let before = before.trim_end();
        let in_attribute = before.strip_suffix("reason =").is_some_and(|before| before.trim_end().ends_with([',', '(']));
        let aside = in_attribute || before.ends_with("expect(") || before.ends_with("expect_err(");
        if !aside {
            out.push(rest[begins..ends].to_owned());
        }
        at += ends + 1 + hashes;
    }
    out
}

/// The words of a text, in lower case, with one space between them.
fn words(text: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '_';
    let text = text.replace("\\n", " ").to_lowercase();
    text.split(|c| !in_word(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Checks whether a literal is something to read: it has so many words in a row, and not names, markup or code.
fn is_sentence(literal: &str) -> bool {
    let is_word = |word: &&str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '{' && c != '}' && c != '`');
        !word.is_empty() && word.chars().all(|c| c.is_alphabetic() || c == '-' || c == '\'')
    };
    literal.replace("\\n", " ").split_whitespace().filter(is_word).count() >= SENTENCE
}

/// The banned words of a text.
fn banned(text: &str) -> Vec<&'static str> {
    let mut text = format!(" {} ", words(text));
    for (phrase, _) in EXCEPTIONS {
        text = text.replace(&format!(" {phrase} "), " ");
    }
    BANNED.into_iter().filter(|word| text.contains(&format!(" {word} "))).collect()
}

/// The paragraphs of Markdown, without code: names in it are as they are.
fn prose(markdown: &str) -> Vec<String> {
    let mut in_block = false;
    let lines = markdown.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.split("\n\n").map(|text| text.split('`').step_by(2).collect::<Vec<_>>().join(" _ ")).collect()
}

/// Every `description` of a JSON schema.
fn descriptions(schema: &Value) -> Vec<&str> {
    let here = schema.get("description").and_then(Value::as_str);
    let below: Vec<&Value> = match schema {
        Value::Object(map) => map.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    };
    here.into_iter().chain(below.into_iter().flat_map(descriptions)).collect()
}

/// The Rust files below `src` that are in the program, with their names.
fn program() -> Vec<(String, PathBuf)> {
    let src = root().join("src");
    let files = sources(&src);
    let tests = test_files(&files);
    let name = |path: &PathBuf| path.strip_prefix(&src).unwrap().display().to_string();
    files.iter().filter(|path| !tests.contains(*path)).map(|path| (name(path), path.clone())).collect()
}

/// The sorts of texts in a Rust file, without its tests.
fn sorts(name: &str, path: &Path) -> Vec<&'static str> {
    if name.starts_with("ui/") {
        return vec!["notes and output"];
    }
    let code = code(path);
    let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let has = |words: &[&str]| lines.iter().any(|line| words.iter().any(|word| line.contains(word)));
    let sorts: Vec<&str> = SORTS.iter().filter(|(_, words)| has(words)).map(|(sort, _)| *sort).collect();
    if sorts.is_empty() && literals(&code).iter().any(|literal| is_sentence(literal)) { vec![OTHER] } else { sorts }
}

#[test]
fn homes_of_texts_are_listed() {
    let mut homes: Vec<String> = Vec::new();
    for (name, path) in program() {
        let sorts = sorts(&name, &path);
        if !sorts.is_empty() {
            homes.push(format!("{name}: {}", sorts.join(", ")));
        }
    }
    homes.sort();
    assert!(homes.len() > 100, "{homes:?}");
    assert_snapshot!(homes.join("\n"));
}

#[test]
fn literals_are_found_between_comments_and_characters() {
    let code = r####"// a "comment"
let a = "one \" two"; /* "not" */ let b = br#"raw "three" four"#; let q = ('"', '\'', '\u{22}', "é");
fn f<'a>(x: &'a str) { y.expect("a reason"); format!("{x} five") } #[expect(lint, reason = "aside")]"####;
    assert_eq!(literals(code), ["one \\\" two", "raw \"three\" four", "é", "{x} five"]);
    assert!(is_sentence("this is `not` a sentence, {} or is it?") && !is_sentence("<g x=\"1\" y=\"2\" z=\"3\" w=\"4\"> no text"));
    assert_eq!(banned("Nobody\\nis Told, which there is not; an alarm goes off"), ["told", "nobody", "which there is not"]);
    assert_eq!(prose("a `nobody-is-told`\nb\n\n```\ntold\n```\n\nc"), ["a  _ \nb", "\nc"]);
}

#[test]
fn what_people_read_has_none_of_the_words_of_style() {
    let mut found = Vec::new();
    let mut check = |place: &str, text: &str| {
        for word in banned(text) {
            found.push(format!("{place}: `{word}` in {text}"));
        }
    };
    for (name, path) in program() {
        // A literal without a space is a name.
        for literal in literals(&code(&path)).iter().filter(|literal| literal.trim().contains(' ')) {
            check(&name, literal);
        }
    }
    let schema = serde_json::from_str(&std::fs::read_to_string(root().join("stack.schema.json")).unwrap()).unwrap();
    let descriptions = descriptions(&schema);
    assert!(descriptions.len() > 500, "{}", descriptions.len());
    for text in descriptions {
        prose(text).iter().for_each(|text| check("stack.schema.json", text));
    }
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<PathBuf> = docs.chain(["README.md", "CHANGELOG.md"].map(|name| root().join(name))).collect();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|e| e == "md") && !page.ends_with("docs/style.md")) {
        let name = page.strip_prefix(root()).unwrap().display().to_string();
        prose(&std::fs::read_to_string(page).unwrap()).iter().for_each(|text| check(&name, text));
    }
    assert!(found.is_empty(), "docs/style.md has other words for these:\n{}", found.join("\n"));
}
