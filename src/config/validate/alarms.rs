//! Checks of the section `alarms`.

use super::super::alarms::Alarms;
use super::super::diagnostic::Diagnostic;
use super::super::values::arn;
use super::Checks;
use super::cdn::REGION as CLOUDFRONT;
use crate::suggest;

const DAY: f64 = 86_400.0;

/// Checks that topics are where alarms can reach them, and warns of alarms in us-east-1 without one there.
fn topics(checks: &mut Checks<'_>, alarms: &Alarms) {
    let is_checked = checks.stack.recovery.as_ref().is_some_and(|recovery| recovery.health_check.is_some());
    let has_two = (checks.stack.cdn.is_some() || is_checked) && checks.stack.region != CLOUDFRONT;
    let is_good = |region: &str| region == checks.stack.region || has_two && region == CLOUDFRONT;
    let regions: Vec<Option<&str>> = alarms.topics.iter().map(|topic| arn(topic).map(|parts| parts[3])).collect();
    let wrong: Vec<(usize, &str)> =
        regions.iter().enumerate().filter_map(|(at, region)| Some((at, (*region).filter(|region| !is_good(region))?))).collect();
    for (at, region) in wrong {
        let message = format!("the topic is in `{region}`, and alarms can notify only topics in `{}`", checks.stack.region);
        let diagnostic = Diagnostic::error("wrong-region", message).help("name a topic in the stack's region, or use `email`");
        checks.at(&format!("alarms.topics[{at}]"), "another region", diagnostic);
    }
    let none_there = !regions.contains(&Some(CLOUDFRONT)) && !alarms.has_subscribers();
    if has_two && !regions.is_empty() && none_there {
        let of = if checks.stack.cdn.is_some() { "cdn" } else { "recovery.health_check" };
        let message = format!("the alarms of `{of}` are in `{CLOUDFRONT}`, and notify no one");
        let help = format!("name a topic in `{CLOUDFRONT}`, too, or an address in `alarms.email`");
        checks.at("alarms.topics", "none there", Diagnostic::warning("no-recipient", message).help(help));
    }
}

/// Checks that topics are where alarms can reach them, and that a certificate's time is in days, as CloudWatch has it; warns of
/// a production environment whose alarms notify no one.
pub(super) fn alarms(checks: &mut Checks<'_>) {
    let Some(alarms) = &checks.stack.alarms else { return };
    topics(checks, alarms);
    for (name, log) in &alarms.logs {
        if !checks.stack.services.contains_key(&log.service) {
            let message = format!("`alarms.logs.{name}` is about the service `{}`, which does not exist", log.service);
            let near = suggest::nearest(log.service.as_str(), checks.stack.services.keys().map(|name| name.as_str()));
            let help = near.map_or_else(|| "name a service of this file".to_owned(), |near| format!("did you mean `{near}`?"));
            let diagnostic = Diagnostic::error("unknown-reference", message).help(help);
            checks.at(&format!("alarms.logs.{name}.service"), "no such service", diagnostic);
        }
        let seconds = log.period.as_secs();
        if seconds == 0 || seconds % 60 != 0 || seconds > DAY as u64 {
            let message = format!("`alarms.logs.{name}.period` must be in whole minutes, and at most a day");
            let diagnostic = Diagnostic::error("out-of-range", message).help("write a time like `5m`");
            checks.at(&format!("alarms.logs.{name}.period"), "whole minutes", diagnostic);
        }
    }
    if checks.stack.production && !alarms.tells() {
        let message = "alarms of a production environment notify no one";
        let help = "name an address in `alarms.email`, or write `alarms: off`";
        checks.at("alarms", "no recipient", Diagnostic::warning("no-recipient", message).help(help));
    }
    if alarms.before_expiry().is_some_and(|seconds| seconds < 60) {
        let diagnostic = Diagnostic::error("out-of-range", "`alarms.expiry` must be at least a minute");
        checks.at("alarms.expiry", "too short", diagnostic.help("write a time like `1d`, or `off`"));
    }
    let expiry = alarms.threshold("certificates.expiry").filter(|seconds| *seconds < DAY || seconds % DAY > 0.0);
    if expiry.is_some() {
        let diagnostic = Diagnostic::error("out-of-range", "`alarms.certificates.expiry` must be in whole days");
        checks.at("alarms.certificates.expiry", "whole days", diagnostic.help("write a time like `30d`"));
    }
}
