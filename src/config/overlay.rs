//! An environment in a file of its own, beside the stack file, as one of the file's environments.
//!
//! It has what an entry of `environments` has, and may say with `like` which of the file's environments it begins as.

use super::diagnostic::Diagnostic;
use super::environment;
use super::joined::{Part, split};
use super::yaml::{self, MapKey, Node, NodeValue};

/// The key that names the environment which it begins as.
const LIKE: &str = "like";

/// Reads a stack file's text, with the environment that is joined to it as one of its `environments`.
///
/// # Errors
/// As [`yaml::parse`]; and when the environment is in the stack file too, or begins as one that is not.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Diagnostic>> {
    let (own, Some(part)) = split(text) else { return yaml::parse(text) };
    let mut file = yaml::parse(own)?;
    // Blank lines in place of what is before it, so that its places are those in the whole text.
    let blank: String = text[..part.begins()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    let overlay = yaml::parse(&(blank + part.text))?;
    graft(&mut file, overlay, &part).map_err(|problem| vec![problem])?;
    Ok(file)
}

/// Adds the environment to those of the file.
fn graft(file: &mut Node, mut overlay: Node, part: &Part<'_>) -> Result<(), Diagnostic> {
    // All of it may be comments.
    if overlay.value == NodeValue::Null {
        overlay.value = NodeValue::Map(Vec::new());
    }
    let like = overlay.get(LIKE).cloned();
    if let NodeValue::Map(entries) = &mut overlay.value {
        entries.retain(|(key, _)| key.text != LIKE);
    }
    let key = |text: &str| MapKey { text: text.to_owned(), span: part.mark.clone() };
    let NodeValue::Map(sections) = &mut file.value else { return Ok(()) };
    if !sections.iter().any(|(section, _)| section.text == "environments") {
        let none = Node { span: part.mark.clone(), value: NodeValue::Map(Vec::new()) };
        sections.push((key("environments"), none));
    }
    let Some((_, environments)) = sections.iter_mut().find(|(section, _)| section.text == "environments") else { return Ok(()) };
    if environments.value == NodeValue::Null {
        environments.value = NodeValue::Map(Vec::new());
    }
    if let Some((known, _)) = environments.entries().iter().find(|(known, _)| known.text == part.env) {
        return Err(Diagnostic::error(
            "environment-twice",
            format!("the environment `{}` is here and in `{}`", part.env, part.file),
        )
        .label(known.span.clone(), "here")
        .help("leave one of the two"));
    }
    let entry = match &like {
        Some(like) => begun_as(environments, like, &overlay)?,
        None => overlay,
    };
    if let NodeValue::Map(entries) = &mut environments.value {
        entries.push((key(part.env), entry));
    }
    Ok(())
}

/// Returns an environment that begins as one of the file.
fn begun_as(environments: &Node, like: &Node, overlay: &Node) -> Result<Node, Diagnostic> {
    let wrong = |message: String, help: String| {
        Err(Diagnostic::error("unknown-environment", message).label(like.span.clone(), "here").help(help))
    };
    let NodeValue::Text(name) = &like.value else {
        return wrong("`like` must name an environment".into(), "write its name, such as `production`".into());
    };
    if name == environment::DEFAULT {
        return Ok(overlay.clone());
    }
    let Some(begin) = environments.get(name) else {
        let all: Vec<String> = environments.entries().iter().map(|(key, _)| format!("`{}`", key.text)).collect();
        let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        return wrong(format!("the environment `{name}` does not exist"), format!("the file has: {all}"));
    };
    let mut out = begin.clone();
    if out.value == NodeValue::Null {
        out.value = NodeValue::Map(Vec::new());
    }
    lay_over(&mut out, overlay);
    out.span = overlay.span.clone();
    Ok(out)
}

/// Lays one environment over another. A `null` stays: it removes a key of the stack file.
fn lay_over(base: &mut Node, overlay: &Node) {
    let (NodeValue::Map(entries), NodeValue::Map(changes)) = (&mut base.value, &overlay.value) else {
        *base = overlay.clone();
        return;
    };
    for (key, change) in changes {
        match entries.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((known, value)) => {
                *known = key.clone();
                lay_over(value, change);
            }
            None => entries.push((key.clone(), change.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::joined::joined;
    use super::*;

    const FILE: &str = "stack: web\nservices: { api: { image: a, count: 2 }, old: { image: o } }\nenvironments:\n  production:\n    services: { api: { count: 9, environment: { A: '1' } } }\n";

    fn whole(overlay: &str) -> String {
        joined(FILE, "bug", "stack.bug.yaml", overlay)
    }

    #[test]
    fn a_file_beside_the_stack_file_is_an_environment() {
        let text = whole("like: production\nttl: 72h\nservices: { api: { environment: { A: ~, B: '2' } }, old: ~ }\n");
        let file = parse(&text).unwrap();
        assert_eq!(environment::names(&file), ["production", "bug"]);
        let bug = environment::overlaid(&file, Some("bug")).unwrap();
        let api = json!({"image": "a", "count": 9, "environment": {"B": "2"}});
        assert_eq!(bug.to_json(), json!({"stack": "web", "ttl": "72h", "services": {"api": api}}));
        let production = environment::overlaid(&file, Some("production")).unwrap();
        assert_eq!(production.to_json()["services"]["api"]["environment"], json!({"A": "1"}));
        let ttl = bug.find("ttl").span.unwrap();
        assert_eq!(&text[ttl], "72h", "places are those in the whole text");
    }

    #[test]
    fn a_file_of_comments_differs_in_nothing() {
        let file = parse(&joined("stack: web", "bug", "s.bug.yaml", "# nothing\n")).unwrap();
        assert_eq!(environment::overlaid(&file, Some("bug")).unwrap().to_json(), json!({"stack": "web"}));
    }

    #[test]
    fn what_does_not_fit_is_told_at_its_place() {
        let problem = |text: &str| {
            let problems = parse(text).unwrap_err();
            (problems[0].code, text[problems[0].span()].to_owned(), problems[0].help.clone().unwrap_or_default())
        };
        let (code, place, help) = problem(&whole("like: staging\n"));
        assert_eq!((code, place.as_str(), help.as_str()), ("unknown-environment", "staging", "the file has: `production`"));
        assert_eq!(problem(&whole("like: [a]\n")).0, "unknown-environment");
        let twice = joined(FILE, "production", "stack.production.yaml", "ttl: 1h\n");
        assert_eq!(problem(&twice).1, "production");
        let (_, place, _) = problem(&whole("ttl: 1h\nttl: 2h\n"));
        assert_eq!(place, "ttl");
    }
}
