use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::arguments::{Aws, Format, StackFile};
use super::edited::{self, Edit, placed};
use super::price::billed;
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::measured::{self, Key, Use};
use crate::config::usage::UsageSection;
use crate::config::{Loaded, Size};
use crate::engine::Snapshot;
use crate::prices::Sum;
use crate::ui::usage::{Figure, Used};
use crate::ui::{self, Color, Terminal};

/// Compare the `usage` assumptions with CloudWatch's metrics
///
/// Of the environment's own load balancer, distribution, NAT gateways, log groups, buckets, queues, topics and functions: what they have
/// used in the last 30 days, as a month of 730 hours, beside what the file has, and the monthly price with either. What no metric measures is
/// named and stays as it is.
///
/// CloudWatch charges each question by the number of metrics, about a cent for a thousand of them.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Look at this many days; CloudWatch keeps the figures of 455
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=455))]
    days: u32,
    /// Write what was measured into the file, after showing it and asking
    #[arg(long, conflicts_with = "format")]
    write: bool,
    /// Write it without confirmation
    #[arg(long, requires = "write")]
    yes: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, aws, days, write, yes, format } = arguments;
    if write && file.like.is_some() {
        return Err(Stop::Message(
            Exit::Usage,
            "`--write` edits the file, which does not have the environment of `--like`".into(),
            Some("name an environment of the file".into()),
        ));
    }
    let loaded = stack_file::load(&file, color)?;
    let session = Session::of(&loaded, &aws, color).await?;
    let snapshot = session.hear(Snapshot::read_by_index(&session.registry, &session.cx)).await?;
    let now = Timestamp::now();
    let found = session.hear(measured::of(&session.cx, &snapshot.seen, days, now.as_second())).await?;
    if found.metrics == 0 {
        return Err(Stop::refused(
            "this environment has nothing of its own whose use is measured",
            "`stack apply` creates what the file has; `stack show` lists what exists",
        ));
    }
    let changed = changed(&loaded.stack.usage, &found);
    let used = used(&loaded, &found, &changed)?;
    ui::out(&match format {
        Format::Text => ui::usage::usage_text(&used, &Terminal::stdout(color)),
        Format::Markdown => ui::usage::usage_markdown(&used),
        Format::Json => session::json(&used)?,
    })?;
    if write {
        let edits = edits(&loaded, &found, &changed);
        if edits.is_empty() {
            ui::err(&ui::note("The file has what was measured.", &Terminal::stderr(color)))?;
        } else {
            edited::propose(&file, &edits, yes, color)?;
        }
    }
    Ok(Exit::Ok)
}

/// Returns the section with what was measured.
fn changed(section: &UsageSection, found: &Use) -> UsageSection {
    let mut section = section.clone();
    for one in &found.measured {
        let Some(amount) = one.amount else { continue };
        // Whole gibibytes and numbers, so that a month is not assumed too small.
        let whole = amount.ceil().clamp(0.0, f64::from(u32::MAX)) as u32;
        let size = Size::gib(whole.min(MOST));
        match one.key {
            Key::Requests => section.requests = three_digits(amount).min(1_000_000.0),
            Key::Transfer => section.transfer = size,
            Key::Nat => section.nat = size,
            Key::Logs => section.logs = size,
            Key::Files => section.files = size,
            Key::Reads => section.reads = whole,
            Key::Messages => section.messages = whole,
            Key::Calls => section.calls = whole,
        }
    }
    section
}

/// The gibibytes that a file can have.
const MOST: u32 = 1 << 20;

/// Returns a number with three digits that matter: a file is read by people.
fn three_digits(number: f64) -> f64 {
    if number <= 0.0 {
        return 0.0;
    }
    let digits = 2 - number.log10().floor() as i32;
    let text = format!("{number:.*}", usize::try_from(digits.clamp(0, 6)).unwrap_or(0));
    text.parse().unwrap_or(number)
}

/// Returns the value of a key as the file has it, and how people read it.
fn value(section: &UsageSection, key: Key) -> (Value, String) {
    let size = |size: Size| (json!(size), size.to_string());
    let number = |number: u32| (json!(number), number.to_string());
    match key {
        Key::Requests if section.requests.fract() == 0.0 => {
            let whole = section.requests.clamp(0.0, 1_000_000.0) as u32;
            (json!(whole), format!("{whole}/s"))
        }
        Key::Requests => (json!(section.requests), format!("{}/s", section.requests)),
        Key::Transfer => size(section.transfer),
        Key::Nat => size(section.nat),
        Key::Logs => size(section.logs),
        Key::Files => size(section.files),
        Key::Reads => number(section.reads),
        Key::Messages => number(section.messages),
        Key::Calls => number(section.calls),
    }
}

fn used(loaded: &Loaded, found: &Use, changed: &UsageSection) -> Result<Used> {
    let figure = |one: &measured::Measured| {
        let (file, shown) = value(&loaded.stack.usage, one.key);
        let now = one.amount.map(|_| value(changed, one.key));
        Figure {
            key: one.key.name(),
            is_default: loaded.at(&format!("usage.{}", one.key.name())).is_none(),
            file,
            file_shown: shown,
            measured: now.as_ref().map(|(value, _)| value.clone()),
            measured_shown: now.map(|(_, shown)| shown),
            by: one.by.clone(),
        }
    };
    let with = |usage: &UsageSection| -> Result<(Sum, bool)> {
        let mut loaded = loaded.clone();
        loaded.stack.usage = usage.clone();
        let (bill, _) = billed(&loaded)?;
        Ok((bill.sum(), bill.has_table))
    };
    let ((before, has_table), (after, _)) = (with(&loaded.stack.usage)?, with(changed)?);
    Ok(Used {
        stack: loaded.stack.stack.to_string(),
        env: loaded.env.clone(),
        region: loaded.stack.region.clone(),
        days: found.asked / 24,
        hours: found.hours,
        figures: found.measured.iter().map(figure).collect(),
        prices: has_table.then_some((before, after)),
    })
}

/// Returns what is written into the file: what was measured and is not there.
fn edits(loaded: &Loaded, found: &Use, changed: &UsageSection) -> Vec<Edit> {
    let is_new = |key: &Key| value(&loaded.stack.usage, *key) != value(changed, *key);
    let keys = found.measured.iter().filter(|one| one.amount.is_some()).map(|one| one.key).filter(is_new);
    keys.map(|key| {
        let path = placed(loaded, &["usage".to_owned(), key.name().to_owned()]);
        (path, value(changed, key).0)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::measured::Measured;
    use crate::config;

    const FILE: &str = "
stack: shop
region: us-east-1
network: { nat: single }
services: { web: { image: \"nginx:1.27\", port: 80, routes: [/*] } }
usage: { nat: 200GiB }
environments:
  staging: {}
";

    fn loaded(env: Option<&str>) -> Loaded {
        config::load("s.yaml", FILE, env, &stack_file::stack_schema())
            .unwrap_or_else(|r| panic!("{}", r.render(100, false, true)))
    }

    fn found() -> Use {
        let one = |key: Key, amount: Option<f64>, by: &str| Measured { key, amount, by: by.into() };
        Use {
            measured: vec![
                one(Key::Requests, Some(12.3456), "AWS/ApplicationELB RequestCount"),
                one(Key::Transfer, Some(730.2), "AWS/ApplicationELB ProcessedBytes, which counts both directions"),
                one(Key::Nat, Some(199.2), "AWS/NATGateway BytesOutToDestination and AWS/NATGateway BytesOutToSource"),
                one(Key::Reads, None, "no bucket of its own"),
            ],
            hours: 240,
            asked: 720,
            metrics: 4,
        }
    }

    #[test]
    fn measured_usage_is_written_to_its_environment() {
        let written = |env: Option<&str>| -> Vec<String> {
            let loaded = loaded(env);
            let changed = changed(&loaded.stack.usage, &found());
            edits(&loaded, &found(), &changed).iter().map(|(path, value)| config::edit::shown(path, value)).collect()
        };
        assert_eq!(written(None), ["usage.requests: 12.3", "usage.transfer: 731GiB"]);
        assert_eq!(
            written(Some("staging")),
            ["environments.staging.usage.requests: 12.3", "environments.staging.usage.transfer: 731GiB"]
        );
    }

    #[test]
    fn what_is_shown() {
        let loaded = loaded(None);
        let changed = changed(&loaded.stack.usage, &found());
        let used = used(&loaded, &found(), &changed).unwrap();
        insta::assert_snapshot!(ui::usage::usage_text(&used, &Terminal::plain(120)), @"
        KEY       FILE              MEASURED  OVER     FROM
        requests  1/s (default)     12.3/s    10 days  AWS/ApplicationELB RequestCount
        transfer  100GiB (default)  731GiB    10 days  AWS/ApplicationELB ProcessedBytes, which counts both directions
        nat       200GiB            200GiB    10 days  AWS/NATGateway BytesOutToDestination and AWS/NATGateway BytesOutToSource
        reads     100000 (default)  –                  no bucket of its own

        $159.90 a month with what was measured, $98.07 with what the file has (+$61.83), without the parts whose price is not
        known.
        The first figure is 10 days old, of 30 days that were asked for: a month is made of that alone.
        What was not measured stays as the file has it.
        A part that was added meanwhile counts as if it had been there from the first figure on; `--days` looks at fewer.
        ");
        insta::assert_snapshot!("usage-markdown", ui::usage::usage_markdown(&used));
        insta::assert_json_snapshot!("usage-json", used);
    }

    #[test]
    fn numbers_are_those_that_people_write() {
        let all = [(12.3456, 12.3), (0.012345, 0.0123), (1234.5, 1234.0), (2.0, 2.0), (0.0, 0.0), (0.000_000_01, 0.0)];
        for (number, expected) in all {
            assert!((three_digits(number) - expected).abs() < 1e-9, "{number} {}", three_digits(number));
        }
    }
}
