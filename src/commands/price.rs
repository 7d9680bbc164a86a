//! What is assumed and what may be spent: from the sections `usage` and `cost`, and from `--max-monthly`.

use super::stack_file;
use super::stop::{Result, Stop};
use crate::aws::ec2::NatGateway;
use crate::aws::runs::history;
use crate::aws::{self, bill};
use crate::config::awake::{Asleep, WEEK};
use crate::config::usage::{FreeTier, UsageSection};
use crate::config::{self, Loaded, Stack};
use crate::engine::{Graph, Pause, Plan, Resource};
use crate::prices::{Bill, Change, Decimal, Discounts, HOURS, Usage};
use crate::ui::Hours;

/// What a file says about prices.
#[derive(Clone, Debug, Default)]
pub struct Pricing {
    /// What is assumed of the use.
    pub usage: Usage,
    /// What it may cost in a month, and where that is said.
    limit: Option<(u32, &'static str)>,
}

impl Pricing {
    /// Returns what a file says.
    pub fn of(stack: &Stack) -> Pricing {
        let limit = stack.cost.max_monthly.map(|max| (max, "cost.max_monthly"));
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        Pricing { usage: usage(&stack.usage, today), limit }
    }

    /// Returns the same with the limit of `--max-monthly`.
    #[must_use]
    pub fn limited(self, max: Option<u32>) -> Pricing {
        let limit = max.map(|max| (max, "--max-monthly")).or(self.limit);
        Pricing { limit, ..self }
    }

    /// Returns what a plan makes of the monthly price.
    pub fn change(&self, plan: &Plan) -> Change {
        let expires = history::expires(plan).and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let seconds = expires.map(|at| at.as_second() - jiff::Timestamp::now().as_second());
        let hours = seconds.map(|seconds| Decimal::of(u64::try_from(seconds).unwrap_or(0)).over(Decimal::of(3600)));
        Change { hours, ..bill::change(plan, &self.usage) }
    }

    /// Returns why a plan must not be applied, and the next step: it raises the monthly price above the limit.
    pub fn refusal(&self, change: &Change) -> Option<(String, String)> {
        let (max, said_by) = self.limit?;
        let limit = Decimal::of(u64::from(max));
        let after = change.after.sum();
        if !change.after.has_table && after.parts > 0 && change.before.lines != change.after.lines {
            let why = format!("no price is known for {}, so `{said_by}` cannot be checked", change.after.region);
            return Some((why, "leave out the limit".to_owned()));
        }
        if after.monthly <= limit || change.by() <= Decimal::ZERO {
            return None;
        }
        let why = format!("this costs {} a month, more than the {} of `{said_by}`", after.monthly.money(), limit.money());
        Some((why, "`stack cost` shows what costs how much: change the file, or raise the limit".to_owned()))
    }

    /// Refuses a plan that raises the monthly price above the limit.
    pub fn check(&self, change: &Change) -> Result<()> {
        self.refusal(change).map_or(Ok(()), |(why, help)| Err(Stop::refused(format!("nothing was changed: {why}"), help)))
    }
}

/// Returns what the section `usage` says on a day.
fn usage(section: &UsageSection, today: jiff::civil::Date) -> Usage {
    let size = |size: crate::config::Size| Decimal::of(u64::from(size.as_gib()));
    let number = |number: u32| Decimal::of(u64::from(number));
    Usage {
        // A number of the file has few places, and no exponent when it is written out.
        requests: format!("{:.6}", section.requests).parse().unwrap_or_default(),
        transfer: size(section.transfer),
        nat: size(section.nat),
        cross_zone: size(section.cross_zone),
        logs: size(section.logs),
        files: size(section.files),
        reads: number(section.reads),
        messages: number(section.messages),
        calls: number(section.calls),
        free_tier: section.free_tier.holds_on(today),
        free_until: match section.free_tier {
            FreeTier::Until(day) => Some(day),
            FreeTier::Yes | FreeTier::No => None,
        },
        discounts: discounts(&section.discounts),
    }
}

fn discounts(section: &config::usage::Discounts) -> Discounts {
    let share = |percent: Option<config::usage::Percent>| {
        percent.map_or(Decimal::ZERO, |percent| Decimal::of(percent.hundredths().into()).over(Decimal::of(10_000)))
    };
    Discounts {
        services: share(section.services),
        functions: share(section.functions),
        databases: share(section.databases),
        caches: share(section.caches),
    }
}

/// Returns the hours of a month in which an environment runs, where its file has them.
pub fn hours(stack: &Stack) -> Option<Hours> {
    let awake = stack.schedule.awake.as_ref()?;
    let monthly = (HOURS * Decimal::of(awake.minutes().into())).over(Decimal::of(WEEK.into()));
    Some(Hours { awake: awake.to_string(), monthly, without_nat: stack.schedule.nat == Asleep::Delete })
}

/// Returns what a loaded file costs.
///
/// # Errors
/// When it cannot be expanded.
pub fn billed(loaded: &Loaded) -> Result<(Bill, Pricing)> {
    let pricing = Pricing::of(&loaded.stack);
    let (graph, region) = (stack_file::offline(loaded)?, &loaded.stack.region);
    let bill = match hours(&loaded.stack) {
        None => bill::of(&graph, region, &pricing.usage),
        Some(hours) => {
            let asleep = asleep(&graph, &hours)?;
            bill::by_hours(&graph, &asleep, hours.monthly.over(HOURS), region, &pricing.usage)
        }
    };
    Ok((bill, pricing))
}

/// Returns what is desired while an environment sleeps.
fn asleep(graph: &Graph, hours: &Hours) -> Result<Graph> {
    let registry = aws::registry();
    let has_nat = graph.nodes().any(|node| node.key.kind == NatGateway::KIND);
    let why = if hours.without_nat && has_nat { Pause::Bare } else { Pause::Asked };
    let mut asleep = graph.clone();
    asleep.pause(&registry, why)?;
    Ok(asleep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_nothing_has_the_defaults() {
        let today = jiff::civil::date(2027, 3, 2);
        assert_eq!(usage(&UsageSection::default(), today), Usage::default());
        let fraction = UsageSection { requests: 2.5, ..UsageSection::default() };
        assert_eq!(usage(&fraction, today).requests.to_string(), "2.5");
        let ended: UsageSection =
            serde_json::from_str(r#"{"free_tier": "until 2027-03-01", "discounts": {"caches": "12.5%"}}"#).unwrap();
        let said = usage(&ended, today);
        assert_eq!((said.free_tier, said.free_until.unwrap().to_string()), (false, "2027-03-01".into()));
        assert!(usage(&ended, jiff::civil::date(2027, 3, 1)).free_tier);
        assert_eq!((said.discounts.caches.to_string(), said.discounts.services), ("0.125".into(), Decimal::ZERO));
    }

    const SLEEPS: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services: { web: { image: "nginx:1.27", count: 2, cpu: 1024, memory: 2048, uses: [databases.main] } }
databases: { main: { engine: postgres, version: "17", class: db.t3.micro, storage: 20GiB } }
"#;

    /// What a file costs, by object.
    fn costs(more: &str) -> std::collections::BTreeMap<String, String> {
        let text = format!("{SLEEPS}{more}");
        let loaded = config::load("s.yaml", &text, None, &stack_file::stack_schema());
        let loaded = loaded.unwrap_or_else(|r| panic!("{}", r.render(100, false, true)));
        let (bill, _) = billed(&loaded).unwrap();
        let sums = bill.sums(|billed| billed.object.split('/').next().unwrap_or_default().to_owned());
        sums.into_iter().map(|(name, sum)| (name, sum.monthly.plain())).collect()
    }

    /// 84 of 168 hours.
    const HALF: &str = "schedule: { awake: \"mon-sun 08:00-20:00 UTC\" }\n";

    #[test]
    fn what_sleeps_is_paid_for_while_it_is_awake() {
        let (always, half) = (costs(""), costs(HALF));
        // 2 × (1 × 0.04048 + 2 × 0.004445) × 730 = 72.0802.
        assert_eq!((always["ecs.service"].as_str(), half["ecs.service"].as_str()), ("72.08", "36.04"));
        // 730 × 0.018 = 13.14 and half of it; its storage stays: 20 × 0.115 = 2.30. A secret is 0.40.
        let storage = |all: &str| all.parse::<Decimal>().unwrap();
        assert_eq!(storage(&always["rds.instance"]) - storage(&half["rds.instance"]), storage("6.57"));
        for stays in ["ec2.nat_gateway", "ec2.address", "logs.log_group"] {
            assert_eq!(always[stays], half[stays], "{stays}");
        }
    }

    #[test]
    fn gateways_that_are_deleted_by_night_cost_half() {
        let (always, half) = (costs(""), costs(&HALF.replace(" }", ", nat: delete }")));
        // 730 × 0.045 = 32.85 and half of it 16.425; 50 GiB through it are a month's: 2.25. Its address is paid for all the time.
        assert_eq!((always["ec2.nat_gateway"].as_str(), half["ec2.nat_gateway"].as_str()), ("35.10", "18.68"));
        assert_eq!(always["ec2.address"], half["ec2.address"]);
    }
}
