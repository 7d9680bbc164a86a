//! `stack cost --actual`: what AWS has charged for an environment, beside what its file should cost in the same time.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::arguments::Aws;
use super::consent;
use super::price::billed;
use super::recovery;
use super::session::Session;
use super::stop::{Exit, Result, Stop};
use crate::aws::ce::spend::{self, Spend};
use crate::config::Loaded;
use crate::prices::{Bill, Decimal, HOURS};
use crate::ui::Color;
use crate::ui::spent::{Row, Spent};

/// The sorts of charges that are use; all others are told by themselves. What a savings plan covers has the price on demand, which the last one
/// takes away again (<https://docs.aws.amazon.com/cur/latest/userguide/cur-sp.html>).
const USE: [&str; 4] = ["Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation"];

/// The time that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many whole days before today.
    Days(u32),
    /// A month: its year and number.
    Month(i16, i8),
}

/// Reads a month: `2026-10`.
pub fn month(text: &str) -> Result<(i16, i8), String> {
    let parsed = text.split_once('-').and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)));
    let parsed = parsed.filter(|(year, month)| text.len() == 7 && Date::new(*year, *month, 1).is_ok());
    parsed.ok_or_else(|| "write a year and a month, such as `2026-10`".to_owned())
}

/// Returns the first day and the day after the last one. Today is not over, so it is in no figure.
fn days(when: When, today: Date) -> Result<(Date, Date)> {
    let usage = |why: String, help: &str| Stop::Message(Exit::Usage, why, Some(help.to_owned()));
    let (start, end) = match when {
        When::Days(days) => (today.saturating_sub(i64::from(days).days()), today),
        When::Month(year, month) => {
            let start = Date::new(year, month, 1).map_err(|e| usage(format!("`--month`: {e}"), "name a month"))?;
            (start, start.saturating_add(1.month()).min(today))
        }
    };
    if start >= end {
        return Err(usage("no day of that time is over yet".to_owned(), "name an earlier month, or `--days`"));
    }
    Ok((start, end))
}

/// Asks Cost Explorer, on consent; nothing where that was not given.
///
/// # Errors
/// Without consent, and when Cost Explorer cannot be asked.
pub async fn of(loaded: &Loaded, aws: &Aws, when: When, yes: bool, color: Color) -> Result<Option<Spent>> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (start, end) = days(when, today)?;
    let question = format!(
        "Ask Cost Explorer? AWS charges $0.01 for each request: {} of them, more for an answer of several pages.",
        spend::REQUESTS
    );
    if !yes && !consent::confirmed(&question, "ask Cost Explorer")? {
        return Ok(None);
    }
    let session = Session::of(loaded, aws, color).await?;
    let spend = session.hear(spend::of(&session.cx, start, end)).await?;
    let (mut bill, pricing) = billed(loaded)?;
    // By tags both regions are counted.
    bill.lines.extend(recovery::cost::standby(loaded)?.into_iter().flat_map(|standby| standby.bill.lines));
    let cx = &session.cx.scope;
    let mut spent = spent(&spend, &bill, start, end);
    spent.stack.clone_from(&cx.stack);
    spent.env.clone_from(&cx.env);
    spent.why = why(&spend, &spent, &bill, pricing.usage.free_tier, today);
    Ok(Some(spent))
}

/// Puts what was charged beside what the file costs in the same time.
fn spent(spend: &Spend, bill: &Bill, start: Date, end: Date) -> Spent {
    let days = start.until(end).map_or(0, |span| span.get_days());
    let share = (Decimal::from_i32(days) * Decimal::of(24)).over(HOURS);
    let mut rows: BTreeMap<String, (Option<Decimal>, Option<Decimal>)> = BTreeMap::new();
    let mut beside: BTreeMap<String, Decimal> = BTreeMap::new();
    for charge in &spend.charges {
        if USE.contains(&charge.sort.as_str()) {
            let actual = &mut rows.entry(charge.service.clone()).or_default().0;
            *actual = Some(actual.unwrap_or_default() + charge.usd);
        } else {
            let sum = beside.entry(charge.sort.clone()).or_default();
            *sum = *sum + charge.usd;
        }
    }
    for line in &bill.lines {
        let name = spend::service(line.billed.part.service, &line.billed.part.usage);
        let estimate = &mut rows.entry(name.to_owned()).or_default().1;
        if let Some(monthly) = line.monthly {
            *estimate = Some(estimate.unwrap_or_default() + monthly * share);
        }
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|(service, (actual, estimate))| Row { service, actual, estimate }).collect();
    let size = |row: &Row| row.actual.unwrap_or_default().max(row.estimate.unwrap_or_default());
    rows.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.service.cmp(&b.service)));
    Spent {
        stack: String::new(),
        env: String::new(),
        region: bill.region.clone(),
        metric: spend::METRIC,
        start: start.to_string(),
        end: end.to_string(),
        days,
        rows,
        beside: beside.into_iter().collect(),
        estimated: spend.estimated,
        requests: spend.requests,
        has_table: bill.has_table,
        why: Vec::new(),
    }
}

/// Returns why both differ, a sentence each: first what is known of this environment, then what is always so.
fn why(spend: &Spend, spent: &Spent, bill: &Bill, free_tier: bool, today: Date) -> Vec<String> {
    let mut out = Vec::new();
    match &spend.tags {
        None => out.push(
            "Whether `stack:name` and `stack:env` are active as cost allocation tags is known to the account that pays, and this \
             identity may not ask; without that nothing is counted."
                .to_owned(),
        ),
        Some(tags) => {
            for tag in tags {
                match &tag.since {
                    None => out.push(format!(
                        "`{}` is no active cost allocation tag, so nothing is counted by it: activate it in the account that pays, with \
                         `aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey={},Status=Active`.",
                        tag.key, tag.key
                    )),
                    Some(since) if *since > spent.start => out.push(format!(
                        "`{}` is a cost allocation tag since {since}: what was charged before has no such tag.",
                        tag.key
                    )),
                    Some(_) => {}
                }
            }
        }
    }
    if spend.estimated {
        out.push("AWS may still change figures of the present month.".to_owned());
    }
    if spent.end == today.to_string() {
        out.push("Cost Explorer is up to 24 hours late, so the last day may not be whole.".to_owned());
    }
    let unpriced = bill.sum().unpriced;
    if unpriced > 0 && bill.has_table {
        let parts = crate::ui::count(unpriced, "part");
        out.push(format!("Not in the estimate: {parts} without a known price."));
    }
    if !free_tier {
        out.push("The estimate deducts no free allowances, and AWS does (`usage.free_tier`).".to_owned());
    }
    if spend.charges.iter().any(|charge| USE[1..].contains(&charge.sort.as_str())) {
        out.push("Savings plans or reservations cover some of it; the estimate has on-demand prices.".to_owned());
    }
    out.push(
        "The estimate is that of the file as it is now, with each service at its minimum of tasks, for the whole time; `stack usage` \
         measures what it assumes."
            .to_owned(),
    );
    out.push(
        "What has no tags is not in what was charged: taxes, support, what AWS does not tag, and objects whose tags someone removed. \
         What has the tags in other regions is."
            .to_owned(),
    );
    out
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::aws::ce::spend::{Charge, CostTag};
    use crate::commands::stack_file;
    use crate::config;
    use crate::ui::{self, Terminal};

    #[test]
    fn times_end_with_whole_days() {
        let of = |when, today| days(when, today).ok().map(|(start, end)| format!("{start} {end}"));
        let today = date(2026, 11, 28);
        assert_eq!(of(When::Days(30), today).as_deref(), Some("2026-10-29 2026-11-28"));
        assert_eq!(of(When::Month(2026, 10), today).as_deref(), Some("2026-10-01 2026-11-01"));
        assert_eq!(of(When::Month(2026, 11), today).as_deref(), Some("2026-11-01 2026-11-28"));
        // Nothing is over on the first day, and nothing of what is to come.
        assert_eq!(of(When::Month(2026, 11), date(2026, 11, 1)), None);
        assert_eq!(of(When::Month(2026, 12), today), None);
        assert_eq!(month("2026-10"), Ok((2026, 10)));
        for wrong in ["2026-13", "2026-1", "10-2026", "2026", "x"] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
    }

    fn charge(service: &str, sort: &str, usd: &str) -> Charge {
        Charge { service: service.into(), sort: sort.into(), usd: usd.parse().unwrap() }
    }

    /// A NAT gateway of 730 hours and 50 GiB is $35.10 a month; of 31 days it is 744 hours' worth.
    #[test]
    fn both_are_of_the_same_time() {
        let text = "stack: shop\nregion: us-east-1\nnetwork: { nat: single }\nservices: { web: { image: \"nginx:1.27\" } }\n";
        let loaded = config::load("s.yaml", text, None, &stack_file::stack_schema()).unwrap();
        let (bill, _) = billed(&loaded).unwrap();
        let spend = Spend {
            charges: vec![
                charge("EC2 - Other", "Usage", "40.5"),
                charge("Amazon Elastic Container Service", "Usage", "9.25"),
                charge("Amazon Elastic Container Service", "SavingsPlanCoveredUsage", "1"),
                charge("Amazon Route 53", "Usage", "0.5"),
                charge("EC2 - Other", "Credit", "-12"),
            ],
            estimated: true,
            tags: Some(vec![
                CostTag { key: "stack:name", since: Some("2026-09-01".into()) },
                CostTag { key: "stack:env", since: None },
            ]),
            requests: 2,
        };
        let (start, end) = (date(2026, 10, 1), date(2026, 11, 1));
        let mut found = spent(&spend, &bill, start, end);
        (found.stack, found.env) = ("shop".into(), "default".into());
        let nat = found.rows.iter().find(|row| row.service == "EC2 - Other").unwrap();
        assert_eq!(nat.estimate.unwrap().plain(), "35.77");
        found.why = why(&spend, &found, &bill, false, date(2026, 11, 1));
        insta::assert_snapshot!("spent-text", ui::spent::spent_text(&found, &Terminal::plain(110)));
        insta::assert_snapshot!("spent-markdown", ui::spent::spent_markdown(&found));
        insta::assert_json_snapshot!("spent-json", found);
    }
}
