//! What is assumed and what may be spent: from the sections `usage` and `cost`, and from `--max-monthly`.

use serde_json::Value;

use super::stack_file;
use super::stop::{Result, Stop};
use crate::aws::bill;
use crate::aws::ecs::TaskDefinition;
use crate::aws::runs::history;
use crate::config::awake::{Asleep, Awake, WEEK};
use crate::config::rest::Rest;
use crate::config::usage::{FreeTier, UsageSection};
use crate::config::{self, Loaded, Stack};
use crate::engine::tags::TAG_AWAKE;
use crate::engine::{Key, Plan, Resource};
use crate::prices::{Bill, Change, Decimal, Discounts, HOURS, Hours, Usage};

/// What a file says about prices.
#[derive(Clone, Debug, Default)]
pub struct Pricing {
    /// What is assumed of the use.
    pub usage: Usage,
    /// What it may cost in a month, and where that is said.
    limit: Option<(u32, &'static str)>,
    /// Whether it has no NAT gateways while it sleeps.
    without_nat: bool,
}

impl Pricing {
    /// Returns what a file says.
    pub fn of(stack: &Stack) -> Pricing {
        let limit = stack.cost.max_monthly.map(|max| (max, "cost.max_monthly"));
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        Pricing { usage: usage(&stack.usage, today), limit, without_nat: stack.schedule.nat == Asleep::Delete }
    }

    /// Returns the same with the limit of `--max-monthly`.
    #[must_use]
    pub fn limited(self, max: Option<u32>) -> Pricing {
        let limit = max.map(|max| (max, "--max-monthly")).or(self.limit);
        Pricing { limit, ..self }
    }

    /// Returns the same for a standby: nobody uses it, allowances are deducted where someone does, and reservations are of one region.
    #[must_use]
    pub fn idle(mut self) -> Pricing {
        let Discounts { services, functions, .. } = self.usage.discounts;
        (self.usage.idle, self.usage.free_tier, self.usage.free_until) = (true, false, None);
        self.usage.discounts = Discounts { services, functions, ..Discounts::default() };
        self
    }

    /// Returns what a plan makes of the monthly price.
    pub fn change(&self, plan: &Plan) -> Change {
        let expires = history::expires(plan).and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let seconds = expires.map(|at| at.as_second() - jiff::Timestamp::now().as_second());
        let hours = seconds.map(|seconds| Decimal::of(u64::try_from(seconds).unwrap_or(0)).over(Decimal::of(3600)));
        // What runs says itself in which hours it does.
        let before = plan.items.iter().filter_map(|item| Some((&item.key, item.before.as_ref()?.fields.as_ref())));
        let after = plan.items.iter().filter_map(|item| Some((&item.key, item.desired.as_deref()?)));
        let (before, after) = (tagged(before, self.without_nat), tagged(after, self.without_nat));
        Change { hours, ..bill::change(plan, &self.usage, before, after) }
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
        edge: section.edge.elsewhere(),
        nat: size(section.nat),
        cross_zone: size(section.cross_zone),
        logs: size(section.logs),
        files: size(section.files),
        reads: number(section.reads),
        messages: number(section.messages),
        calls: number(section.calls),
        idle: false,
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
    Some(counted(stack.schedule.awake.as_ref()?, stack.schedule.nat == Asleep::Delete))
}

fn counted(awake: &Awake, without_nat: bool) -> Hours {
    let monthly = (HOURS * Decimal::of(awake.minutes().into())).over(Decimal::of(WEEK.into()));
    Hours { awake: awake.to_string(), monthly, without_nat }
}

/// Returns the hours that objects have in their tags, which are all the same; revisions of before keep theirs.
fn tagged<'a>(objects: impl Iterator<Item = (&'a Key, &'a Value)>, without_nat: bool) -> Option<Hours> {
    let current = objects.filter(|(key, _)| key.kind != TaskDefinition::KIND);
    let text = current.filter_map(|(_, fields)| fields.get("tags")?.get(TAG_AWAKE)?.as_str()).next()?;
    Some(counted(&text.parse::<Rest>().ok()?.awake?, without_nat))
}

/// Returns what a loaded file costs.
///
/// # Errors
/// When it cannot be expanded.
pub fn billed(loaded: &Loaded) -> Result<(Bill, Pricing)> {
    let pricing = Pricing::of(&loaded.stack);
    let (graph, region) = (stack_file::offline(loaded)?, &loaded.stack.region);
    Ok((bill::of(&graph, region, &pricing.usage, hours(&loaded.stack)), pricing))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::aws;
    use crate::engine::token::{self, Token};
    use crate::engine::{Claim, Graph, Pause, Readiness, Seen, Snapshot};

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

    /// A graph as AWS has it: references are identifiers.
    fn seen(graph: &Graph) -> Snapshot {
        let value = |key: &Key, attr: &str| format!("{attr}-{}", key.name);
        fn physical(fields: &mut Value, value: &dyn Fn(&Key, &str) -> String) {
            match fields {
                Value::String(text) => {
                    let mut pairs = Vec::new();
                    token::visit(&Value::String(text.clone()), &mut |token| {
                        if let Token::Named { key, attr, .. } = &token {
                            let id = value(key, attr);
                            pairs.push((token.to_string(), Token::Physical { kind: &key.kind, attr, value: &id }.to_string()));
                        }
                    });
                    pairs.iter().for_each(|(named, id)| *text = text.replace(named, id));
                }
                Value::Array(items) => items.iter_mut().for_each(|item| physical(item, value)),
                Value::Object(fields) => fields.values_mut().for_each(|field| physical(field, value)),
                _ => {}
            }
        }
        let seen = graph.nodes().filter(|node| !graph.is_absent(&node.key)).map(|node| {
            let mut fields = node.desired.as_ref().clone();
            physical(&mut fields, &value);
            let live: serde_json::Map<String, Value> =
                ["id", "arn"].into_iter().map(|attr| (attr.to_owned(), value(&node.key, attr).into())).collect();
            Seen {
                kind: node.key.kind.clone(),
                claim: Claim::Ours(node.key.name.clone()),
                live: Arc::new(live.into()),
                fields: Arc::new(fields),
                state: Readiness::Ready,
            }
        });
        Snapshot { seen: seen.collect(), ..Snapshot::default() }
    }

    #[test]
    fn a_plan_counts_the_hours_that_the_file_has() {
        let registry = aws::registry();
        let load = |more: &str| {
            let replica = SLEEPS.replace("storage: 20GiB }", "storage: 20GiB, backups: 7d, replicas: { read: {} } }, other: { engine: mysql, version: \"8.4\", class: db.t3.micro, storage: 20GiB }");
            config::load("s.yaml", &format!("{replica}{more}"), None, &stack_file::stack_schema())
                .unwrap_or_else(|r| panic!("{}", r.render(100, false, true)))
        };
        let always = load("");
        let plain = stack_file::offline(&always).unwrap();
        let all = billed(&always).unwrap().0.sum().monthly.cents();
        for more in [HALF.to_owned(), HALF.replace(" }", ", nat: delete }")] {
            let loaded = load(&more);
            let (bill, pricing) = billed(&loaded).unwrap();
            let expected = bill.sum().monthly.cents();
            let graph = stack_file::offline(&loaded).unwrap();
            let at_rest = |why: Option<Pause>| {
                let mut graph = graph.clone();
                why.into_iter().for_each(|why| drop(graph.pause(&registry, why).unwrap()));
                graph
            };
            let change = |from: Option<&Graph>, to: Option<&Graph>| {
                let snapshot = from.map(seen).unwrap_or_default();
                pricing.change(&Plan::make(&registry, &stack_file::unasked(&loaded), to, &snapshot).unwrap())
            };
            // Whether it runs or is paused before and afterwards, it costs the same.
            let states = [None, Some(Pause::Asked), Some(Pause::Bare)];
            for (from, to) in states.into_iter().flat_map(|from| states.into_iter().map(move |to| (from, to))) {
                let change = change(Some(&at_rest(from)), Some(&at_rest(to)));
                let cents = [&change.before, &change.after].map(|bill| bill.sum().monthly.cents());
                assert_eq!(cents, [expected; 2], "from {from:?} to {to:?} {more}");
                assert_eq!(change.after.hours.unwrap().monthly.to_string(), "365");
                let most = change.after.lines.iter().find(|line| line.billed.object == "rds.instance/main").unwrap();
                assert_eq!(most.billed.part.quantity, HOURS, "a database with a replica runs all the time");
            }
            let new = change(None, Some(&at_rest(Some(Pause::Bare))));
            assert_eq!((new.before.sum().parts, new.after.sum().monthly.cents()), (0, expected));
            let gone = change(Some(&graph), None);
            assert_eq!((gone.before.sum().monthly.cents(), gone.after.sum().parts), (expected, 0));
            // What has no schedule yet is counted all the time; a limit looks at what the hours make of it.
            let begins = change(Some(&plain), Some(&graph));
            assert_eq!([&begins.before, &begins.after].map(|bill| bill.sum().monthly.cents()), [all, expected]);
            assert!(begins.before.hours.is_none() && pricing.clone().limited(Some(1)).refusal(&begins).is_none());
            let dollars = u32::try_from(expected / 100).unwrap();
            let refused = |max| pricing.clone().limited(Some(max)).refusal(&new).is_some();
            assert!(refused(dollars) && !refused(dollars + 1) && i128::from(dollars + 1) * 100 < all);
        }
    }
}
