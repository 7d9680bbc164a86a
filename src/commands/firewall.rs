use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::{Aws, StackFile, time};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::wafv2::sampled::{self, Acl, LONGEST, Request};
use crate::config;
use crate::ui::{self, Color, Terminal};

/// The number of addresses, paths and inner rules that are shown of each rule.
const SHOWN: usize = 3;

/// What the firewall does with requests.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which requests the firewall counted or blocked, by its rules
    ///
    /// In the mode `count` these are the requests that it would block. WAF keeps samples of requests for 3 hours, so the numbers are estimates.
    Report(Report),
}

/// Shows what rules matched.
#[derive(Args, Debug)]
#[command(override_usage = "stack firewall report [OPTIONS] [FILE]")]
pub struct Report {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// How far back to look: up to 3h
    #[arg(long, value_name = "TIME", default_value = "3h", value_parser = time)]
    since: config::Duration,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// What the rules of a web ACL matched.
#[derive(Debug, Serialize)]
struct Reported {
    web_acl: String,
    rules: Vec<Matched>,
}

/// What a rule matched.
#[derive(Debug, PartialEq, Serialize)]
struct Matched {
    rule: String,
    /// What is done with requests now: `count`, `block`, `group`.
    action: String,
    /// How many requests there were, about.
    requests: i64,
    /// The rules of a managed group that matched.
    inner: Vec<Top>,
    /// Where they came from.
    addresses: Vec<Top>,
    /// What they asked for.
    paths: Vec<Top>,
}

/// What many requests have in common.
#[derive(Debug, PartialEq, Serialize)]
struct Top {
    what: String,
    requests: i64,
}

pub async fn run(command: Command, color: Color) -> Result {
    let Command::Report(arguments) = command;
    let since = Duration::from_secs(arguments.since.as_secs());
    if since > LONGEST || since.is_zero() {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`--since {}` is not possible: WAF keeps samples of requests for 3 hours", arguments.since),
            Some("the log group of the firewall has older requests".into()),
        ));
    }
    let loaded = stack_file::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let acls = session.hear(sampled::acls(&session.cx)).await?;
    if acls.is_empty() {
        return Err(Stop::message("the stack has no firewall", "add the section `firewall` to its file and run `stack apply`"));
    }
    let mut all = Vec::new();
    for acl in &acls {
        let mut rules = Vec::new();
        // What always passes is not asked about.
        for rule in acl.rules.iter().filter(|rule| rule.action != "allow" && rule.metrics) {
            let found = session.hear(sampled::requests(&session.cx, acl, &rule.name, since)).await?;
            rules.push(matched(&rule.name, &rule.action, &found));
        }
        all.push(Reported { web_acl: acl.name.clone(), rules });
    }
    let text = if arguments.json {
        session::json(&all)?
    } else {
        let terminal = Terminal::stdout(color);
        acls.iter().zip(&all).map(|(acl, reported)| written(acl, reported, &terminal)).collect()
    };
    ui::out(&text)?;
    Ok(Exit::Ok)
}

/// Adds up the requests that a rule matched.
fn matched(rule: &str, action: &str, found: &[Request]) -> Matched {
    let top = |of: &dyn Fn(&Request) -> Option<String>| {
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for request in found {
            if let Some(what) = of(request).filter(|what| !what.is_empty()) {
                *sums.entry(what).or_default() += request.weight;
            }
        }
        let mut sums: Vec<Top> = sums.into_iter().map(|(what, requests)| Top { what, requests }).collect();
        sums.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.what.cmp(&b.what)));
        sums.truncate(SHOWN);
        sums
    };
    let address = |request: &Request| match request.country.as_str() {
        "" | "-" => request.address.clone(),
        country => format!("{} ({country})", request.address),
    };
    Matched {
        rule: rule.to_owned(),
        action: action.to_owned(),
        requests: found.iter().map(|request| request.weight).sum(),
        inner: top(&|request| request.inner.clone()),
        addresses: top(&|request| Some(address(request))),
        paths: top(&|request| Some(format!("{} {}", request.method, request.path))),
    }
}

/// Returns what is done with requests that a rule matches, in words.
fn done(action: &str) -> &str {
    match action {
        "count" => "counted",
        _ => "blocked",
    }
}

fn written(acl: &Acl, reported: &Reported, terminal: &Terminal) -> String {
    let place = if acl.is_global { "before CloudFront" } else { "before the load balancer" };
    let head = format!("{} ({place})\n", acl.name);
    let row = |rule: &Matched| {
        let listed =
            |all: &[Top]| all.iter().map(|top| format!("{} × {}", top.requests, top.what)).collect::<Vec<_>>().join(", ");
        let about = if rule.requests > 0 { format!("about {}", rule.requests) } else { "none".into() };
        vec![
            rule.rule.clone(),
            done(&rule.action).into(),
            about,
            listed(&rule.inner),
            listed(&rule.addresses),
            listed(&rule.paths),
        ]
    };
    let rows: Vec<Vec<String>> = reported.rules.iter().map(row).collect();
    format!("{head}{}\n", ui::table(terminal, &["RULE", "IS", "REQUESTS", "BY", "FROM", "FOR"], &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(address: &str, path: &str, inner: Option<&str>, weight: i64) -> Request {
        let text = |text: &str| text.to_owned();
        Request {
            address: text(address),
            country: text("DE"),
            method: text("GET"),
            path: text(path),
            inner: inner.map(text),
            action: text("COUNT"),
            weight,
        }
    }

    #[test]
    fn requests_are_added_up_by_their_weight() {
        let body = Some("SizeRestrictions_BODY");
        let found =
            [request("192.0.2.1", "/a", body, 2), request("192.0.2.2", "/b", body, 3), request("192.0.2.1", "/b", None, 4)];
        let sums = matched("common", "count", &found);
        let top = |what: &str, requests: i64| Top { what: what.into(), requests };
        assert_eq!(sums.requests, 9);
        assert_eq!(sums.inner, [top("SizeRestrictions_BODY", 5)]);
        assert_eq!(sums.addresses, [top("192.0.2.1 (DE)", 6), top("192.0.2.2 (DE)", 3)]);
        assert_eq!(sums.paths, [top("GET /b", 7), top("GET /a", 2)]);
        assert_eq!(matched("common", "count", &[]).requests, 0);
    }
}
