//! Checks of the section `budget`.

use std::collections::BTreeSet;

use super::super::alarms::Alarms;
use super::super::diagnostic::Diagnostic;
use super::Checks;

/// The notifications and addresses of a budget
/// (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html>).
const NOTIFICATIONS: usize = 5;
const ADDRESSES: usize = 10;

/// Checks that the thresholds fit into a budget, and that it has a recipient.
pub(super) fn budget(checks: &mut Checks<'_>) {
    let Some(budget) = &checks.stack.budget else { return };
    let alarms = checks.stack.alarms.as_ref();
    let all = budget.actual.len() + budget.forecast.len();
    if all > NOTIFICATIONS {
        let message = format!("`actual` and `forecast` have {all} percentages, and AWS Budgets accepts {NOTIFICATIONS}");
        let path = if budget.forecast.len() > NOTIFICATIONS { "budget.forecast" } else { "budget.actual" };
        checks.at(path, "too many", Diagnostic::error("out-of-range", message).help("leave some out"));
    }
    for (path, percentages) in [("budget.actual", &budget.actual), ("budget.forecast", &budget.forecast)] {
        let mut seen = BTreeSet::new();
        if let Some(at) = percentages.iter().position(|one| !seen.insert(one)) {
            let diagnostic =
                Diagnostic::error("duplicate", format!("`{}` is listed twice", percentages[at])).help("list it once");
            checks.at(&format!("{path}[{at}]"), "a second time", diagnostic);
        }
    }
    if budget.tells_alarms() && !alarms.is_some_and(Alarms::has_topic) {
        let message = if alarms.is_some() {
            "the section `alarms` has no topic of its own"
        } else {
            "there is no topic of `alarms`, which is off"
        };
        let help = match alarms.and_then(|alarms| alarms.topics.first()) {
            Some(theirs) => format!("write the ARN: `topic: {theirs}`"),
            None => "remove `alarms: off`, name the ARN of a topic, or use `email`".into(),
        };
        checks.at("budget.topic", "does not exist", Diagnostic::error("unknown-reference", message).help(help));
    }
    if checks.stack.production && budget.pause.is_some() {
        let diagnostic =
            Diagnostic::error("production-paused", "a production environment is not paused because of what it costs");
        checks.at("budget.pause", "in a production environment", diagnostic.help("write it in the other environments"));
    }
    let addresses = budget.addresses(alarms).len();
    if addresses > ADDRESSES {
        let message = format!("`alarms` has {addresses} addresses, and a budget notifies at most {ADDRESSES}");
        let diagnostic =
            Diagnostic::error("out-of-range", message).help("choose some of them in `budget.email`, or write `topic: alarms`");
        checks.at_key("budget", "too many addresses", diagnostic);
    }
    if addresses == 0 && budget.topic.is_none() {
        let diagnostic = Diagnostic::error("no-recipient", "this budget has no recipient");
        checks.at_key(
            "budget",
            "without `email` and `topic`",
            diagnostic.help("add `email: [ops@example.com]`, or `topic: alarms`"),
        );
    }
}
