//! Every command of docs/walkthroughs.md, in its order.

use crate::support::run::Place;
use crate::support::stacks::root;
use crate::support::subject::Subject;

/// A command of the page, and how it ends.
struct Command {
    words: Vec<String>,
    code: i32,
}

/// Splits a line as a shell does, as far as the page needs that.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

impl Command {
    fn of(line: &str) -> Command {
        let (line, comment) = line.split_once(" # ").unwrap_or((line, ""));
        let code = comment.trim().strip_prefix("exits with ").map_or(0, |code| code.parse().unwrap());
        let mut words = words(line);
        assert_eq!(words.remove(0), "stack", "{line}");
        Command { words, code }
    }

    fn run(&self, place: &Place) -> String {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let output = place.stack(&words).exits(self.code);
        output.stdout.clone() + &output.words()
    }
}

/// The blocks of a section in one language.
fn blocks<'a>(section: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    section.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Runs what a section of the page says; the commands with what they printed.
fn walk(title: &str) -> (Subject, Vec<(String, String)>) {
    let page = std::fs::read_to_string(root().join("docs/walkthroughs.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(title)).unwrap_or_else(|| panic!("{title}"));
    let [file] = blocks(section, "yaml")[..] else { panic!("{title}: one file") };
    let s = Subject::new(file);
    s.place.file("stack.yaml", file);
    let lines: Vec<&str> = blocks(section, "sh").into_iter().flat_map(str::lines).collect();
    assert!(lines.len() > 4, "{title}: {lines:?}");
    let said = lines.into_iter().map(|line| (line.to_owned(), Command::of(line).run(&s.place))).collect();
    (s, said)
}

/// What the first command that begins so printed.
fn said<'a>(all: &'a [(String, String)], begin: &str) -> &'a str {
    &all.iter().find(|(line, _)| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}")).1
}

#[test]
fn bug_1234_is_reproduced_from_production() {
    let (s, all) = walk("Reproduce bug 1234");
    let cloned = said(&all, "stack clone stack.yaml --from production --to bug-1234 --size small --ttl 72h --yes");
    assert!(cloned.contains("names are made up") && cloned.contains("and none was found."), "{cloned}");
    let compared = said(&all, "stack compare");
    assert!(!compared.contains("suspicious") && !compared.contains("sized"), "{compared}");
    assert!(said(&all, "stack run").contains("found it"));
    assert_eq!(s.account.inventory("shop", "bug-1234"), serde_json::json!({}));
}

#[test]
fn every_pull_request_has_a_preview() {
    let (s, all) = walk("A preview for every pull request");
    let listed = said(&all, "stack list");
    assert!(listed.contains("pr-12") && listed.contains("feature-") && listed.contains("staging"), "{listed}");
    let refused = said(&all, "stack destroy stack.yaml --env staging");
    assert!(refused.contains("pr-12"), "{refused}");
    assert!(said(&all, "stack reap").contains("Nothing has expired."));
    assert_eq!(s.account.inventory("shop", "pr-12"), serde_json::json!({}));
    assert_ne!(s.account.inventory("shop", "staging"), serde_json::json!({}));
}

#[test]
fn staging_sleeps_at_night() {
    let (s, all) = walk("Staging sleeps at night");
    assert!(said(&all, "stack plan").contains("No changes"));
    assert!(said(&all, "stack list").contains("staging"));
    let script = r#"
service = client("ecs").describe_services(cluster="shop-staging", services=["shop-staging-web"])["services"][0]
database = client("rds").describe_db_instances(DBInstanceIdentifier="shop-staging")["DBInstances"][0]
result = [service["desiredCount"], service["runningCount"], database["DBInstanceStatus"]]
"#;
    assert_eq!(s.account.boto3(script, &serde_json::Value::Null), serde_json::json!([1, 1, "available"]));
}
