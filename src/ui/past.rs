//! Runs of the past, from the JSON that the history keeps: shown as plans and outcomes are.

use anstyle::Style;
use serde_json::Value;

use crate::engine::action::Verb;
use crate::engine::{Change, Class, Error, Key, Rule};

use super::outcome::{block, not_done};
use super::plan::{finish, gutter};
use super::style::{BAD, CHANGED, GOOD, LOST, QUIET, Terminal, clean};
use super::{units, value};

/// Renders what a run planned: every object with its changed fields.
pub fn past_changes(plan: &Value, rules: &dyn Fn(&str) -> &'static [Rule], terminal: &Terminal) -> String {
    let mut out = Vec::new();
    for item in list(plan, "changes") {
        let action = text(item, "action");
        let (mark, style) = mark(action);
        out.push(format!("{} {}", terminal.paint(style, &format!("{mark} {}", clean(action))), clean(text(item, "key"))));
        let kind = text(item, "kind");
        let changes: Vec<Change> =
            list(item, "changes").iter().filter_map(|change| serde_json::from_value(change.clone()).ok()).collect();
        // The values of a secret are not kept: that it changed is all there is to say.
        let hidden = |change: &Change| Change { before: Some(Value::Null), after: Some(Value::Null), ..change.clone() };
        let shown = |change: &Change| if change.secret { hidden(change) } else { units::with_unit(rules(kind), change) };
        let changes: Vec<Change> = changes.iter().map(shown).collect();
        let rows = value::changes(terminal, &changes.iter().collect::<Vec<_>>(), terminal.width.saturating_sub(10), true);
        out.extend(
            rows.into_iter()
                .map(|row| format!("{}{}{}", if row.nested { "      " } else { "  " }, gutter(terminal, row.sign), row.text)),
        );
    }
    finish(out)
}

/// Renders what failed in a run, as it was shown when the run ended.
pub fn past_failures(outcome: &Value, terminal: &Terminal) -> String {
    let mut out = Vec::new();
    for failure in list(outcome, "failed") {
        let Ok(key) = text(failure, "key").parse::<Key>() else { continue };
        let known = failure.get("error").unwrap_or(&Value::Null);
        let fact = |field: &str| known.get(field).and_then(Value::as_str).map(str::to_owned);
        let hints = list(known, "hints").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let error = Error {
            operation: fact("operation"),
            code: fact("code"),
            request_id: fact("request_id"),
            hints,
            ..Error::new(Class::Other, text(known, "message"))
        };
        out.extend(block(&not_done(&key, verb(text(failure, "verb"))), &error, terminal));
    }
    finish(out)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn mark(action: &str) -> (&'static str, Style) {
    match action {
        "create" => ("+", GOOD),
        "update" => ("~", CHANGED),
        "replace" => ("-/+", LOST),
        "delete" => ("-", BAD),
        "refuse" => ("!", BAD),
        _ => ("*", QUIET),
    }
}

/// Returns a verb by its name in JSON; one that this version does not know counts as an update.
fn verb(name: &str) -> Verb {
    let all = [Verb::Create, Verb::Prepare, Verb::Wait, Verb::Delete];
    all.into_iter().find(|verb| serde_json::to_value(verb).is_ok_and(|it| it == name)).unwrap_or(Verb::Update)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: &[Rule] = &[Rule::unit("storage", "GiB")];

    #[test]
    fn a_run_of_the_past_reads_like_one_of_today() {
        let plan = json!({"changes": [
            {"action": "create", "key": "ec2.vpc/main", "kind": "ec2.vpc", "changes": []},
            {"action": "update", "key": "rds.instance/main", "kind": "rds.instance", "changes": [
                {"path": "storage", "before": 50, "after": 60, "forces_replacement": false, "secret": false},
                {"path": "password", "before": null, "after": null, "forces_replacement": false, "secret": true}]},
            {"action": "update", "key": "ecs.service/web", "kind": "ecs.service", "changes": [
                {"path": "task_definition", "before": "ecs.task_definition/web", "after": "ecs.task_definition/web",
                 "unknown": "ecs.task_definition/web", "forces_replacement": false, "secret": false}]},
        ]});
        let outcome = json!({"failed": [{"key": "ecs.service/web", "verb": "update", "error": {
            "class": "failed", "message": "`web` exited with 1\nlast log lines of `web`:\n  | fatal"}}]});
        let terminal = Terminal::plain(80);
        let told = past_changes(&plan, &|_| RULES, &terminal) + "\n" + &past_failures(&outcome, &terminal);
        insta::assert_snapshot!(told, @"
        + create ec2.vpc/main
        ~ update rds.instance/main
            storage    50 GiB → 60 GiB
            password   (secret) → (secret)
        ~ update ecs.service/web
            task_definition   ecs.task_definition/web → the new one

        ✗ ecs.service/web could not be updated
            `web` exited with 1
            last log lines of `web`:
            │ fatal
        ");
    }
}
