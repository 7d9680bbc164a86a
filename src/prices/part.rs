//! What is billed of an object, before it has a price, and what is assumed of its use.

use schemars::JsonSchema;
use serde::Serialize;

use super::decimal::Decimal;

/// The hours of a month, as AWS's calculators have them: 365 days by 24 hours, divided by 12.
pub const HOURS: Decimal = Decimal::of(730);

/// The hours of a month in which an environment runs that sleeps the rest of the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hours {
    /// As the file has them: `mon-fri 07:00-20:00 Europe/Berlin`.
    pub awake: String,
    /// How many of a month's 730.
    #[schemars(with = "String")]
    pub monthly: Decimal,
    /// Whether NAT gateways are deleted the rest of the time.
    #[serde(skip)]
    pub without_nat: bool,
}

/// Something that is billed.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The service, as the price table has it.
    pub service: &'static str,
    /// The usage, as the price table has it.
    pub usage: String,
    /// How much in a month, in the unit of the price table.
    pub quantity: Decimal,
    /// How much at most, where it scales.
    pub most: Option<Decimal>,
    /// What it is: `2 tasks × 0.5 vCPU`.
    pub what: String,
    /// The key of the file whose assumption decides how much it is.
    pub assumed: Option<&'static str>,
    /// What to know about the figure, where it is not simply the list price of what is written.
    pub note: Option<&'static str>,
    /// Where the table does not list the usage: that so many of another one are taken for it.
    pub instead: Option<(String, Decimal)>,
    /// The region whose prices count, if it is another one than the stack's.
    pub region: Option<String>,
}

impl Part {
    /// Returns a part of which everything is known.
    pub fn new(service: &'static str, usage: impl Into<String>, quantity: Decimal, what: impl Into<String>) -> Part {
        let (usage, what) = (usage.into(), what.into());
        Part { service, usage, quantity, most: None, what, assumed: None, note: None, instead: None, region: None }
    }

    /// Says which assumption decides how much it is.
    #[must_use]
    pub fn assuming(self, key: &'static str) -> Part {
        Part { assumed: Some(key), ..self }
    }

    /// Says how much it is at most.
    #[must_use]
    pub fn up_to(self, most: Decimal) -> Part {
        let most = (most > self.quantity).then_some(most);
        Part { most, ..self }
    }

    /// Says what to know about the figure.
    #[must_use]
    pub fn noting(self, note: &'static str) -> Part {
        Part { note: Some(note), ..self }
    }

    /// Says in which region it is billed.
    #[must_use]
    pub fn in_region(self, region: impl Into<String>) -> Part {
        Part { region: Some(region.into()), ..self }
    }

    /// Says what is taken for it where its own price is not known.
    #[must_use]
    pub fn or(self, usage: impl Into<String>, factor: Decimal) -> Part {
        Part { instead: Some((usage.into(), factor)), ..self }
    }
}

/// What is assumed of the use, for what is priced by it: for the whole stack, unless it says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Requests of users in a second, on average.
    pub requests: Decimal,
    /// Gigabytes to users in a month.
    pub transfer: Decimal,
    /// The area of the edge locations that answer users, by its word in the file; nothing for North America.
    pub edge: Option<&'static str>,
    /// Gigabytes through NAT gateways in a month.
    pub nat: Decimal,
    /// Gigabytes from one zone to another in a month.
    pub cross_zone: Decimal,
    /// Gigabytes written into log groups in a month.
    pub logs: Decimal,
    /// Gigabytes in each bucket.
    pub files: Decimal,
    /// Objects read from each bucket in a month; a tenth of that is written.
    pub reads: Decimal,
    /// Messages through each queue and topic in a month.
    pub messages: Decimal,
    /// Calls of each function in a month, a second each.
    pub calls: Decimal,
    /// Whether nobody uses it: a standby, of which nothing is counted that is assumed.
    pub idle: bool,
    /// Whether AWS's perpetual free allowances are deducted.
    pub free_tier: bool,
    /// The last day on which they are, or were, where the file says it.
    pub free_until: Option<jiff::civil::Date>,
    /// How much less than the list price is charged.
    pub discounts: Discounts,
}

/// The shares of list prices that are not charged, because of commitments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discounts {
    /// Of vCPU and memory on Fargate.
    pub services: Decimal,
    /// Of the duration of functions.
    pub functions: Decimal,
    /// Of instance hours of databases.
    pub databases: Decimal,
    /// Of hours of cache nodes.
    pub caches: Decimal,
}

/// What commitments cover, by the beginnings of usages as the table has them, with the key of the file. Compute Savings Plans cover vCPU and
/// memory on Fargate, and the duration of functions with a discount of its own
/// (<https://docs.aws.amazon.com/savingsplans/latest/userguide/plan-types.html>, <https://aws.amazon.com/savingsplans/compute-pricing/>);
/// reserved databases and nodes their hours
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithReservedDBInstances.html>,
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.Reserved.html>). Fargate Spot is none of it.
const COVERED: [(&str, &str, &str); 7] = [
    ("AmazonECS", "ECS-Fargate-vCPU-Hour", "usage.discounts.services"),
    ("AmazonECS", "ECS-Fargate-GB-Hour", "usage.discounts.services"),
    ("AWSLambda", "Lambda-GB-Second", "usage.discounts.functions"),
    ("AWSLambda", "Lambda-ProvisionedConcurrency-GB-Second", "usage.discounts.functions"),
    ("AmazonRDS", "instance:", "usage.discounts.databases"),
    ("AmazonRDS", "multi-az:", "usage.discounts.databases"),
    ("AmazonElastiCache", "node:", "usage.discounts.caches"),
];

impl Default for Usage {
    fn default() -> Usage {
        Usage {
            requests: Decimal::ONE,
            transfer: Decimal::of(100),
            edge: None,
            nat: Decimal::of(50),
            cross_zone: Decimal::ZERO,
            logs: Decimal::of(10),
            files: Decimal::of(10),
            reads: Decimal::of(100_000),
            messages: Decimal::of(100_000),
            calls: Decimal::of(10_000),
            idle: false,
            free_tier: false,
            free_until: None,
            discounts: Discounts::default(),
        }
    }
}

impl Usage {
    /// Returns the share of the list price of a usage that is not charged, and the key of the file that says so.
    pub fn discount(&self, service: &str, usage: &str) -> Option<(&'static str, Decimal)> {
        let (.., key) = COVERED.into_iter().find(|(of, start, _)| *of == service && usage.starts_with(start))?;
        let Discounts { services, functions, databases, caches } = self.discounts;
        let share = match key {
            "usage.discounts.services" => services,
            "usage.discounts.functions" => functions,
            "usage.discounts.databases" => databases,
            _ => caches,
        };
        (share > Decimal::ZERO).then_some((key, share))
    }

    /// Returns what is assumed under a key of the file, in words.
    pub fn assumed(&self, key: &str) -> Option<String> {
        let month = |what: &str, quantity: Decimal| format!("{} {what}", quantity.quantity());
        Some(match key {
            "usage.requests" if self.requests == Decimal::ONE => "1 request a second".to_owned(),
            "usage.requests" => month("requests a second", self.requests),
            "usage.transfer" => month("GiB to users a month", self.transfer),
            "usage.edge" => format!("edge locations in {}", self.edge.unwrap_or("north-america")),
            "usage.nat" => month("GiB through NAT gateways a month", self.nat),
            "usage.cross_zone" => month("GiB between zones a month", self.cross_zone),
            "usage.logs" => month("GiB of logs a month", self.logs),
            "usage.files" => month("GiB in each bucket", self.files),
            "usage.reads" => month("objects read from each bucket a month", self.reads),
            "usage.messages" => month("messages through each queue and topic a month", self.messages),
            "usage.calls" => month("calls of each function a month", self.calls),
            _ => return None,
        })
    }
}

/// Returns the LCUs of an Application Load Balancer in an hour: the largest of four measures, not their sum
/// (<https://aws.amazon.com/elasticloadbalancing/pricing/>): 25 new connections a second, 3,000 active ones, 1 GB an hour, and 1,000
/// evaluations a second of rules beyond the first ten.
pub fn lcus(new: Decimal, active: Decimal, gigabytes: Decimal, requests: Decimal, rules: usize) -> Decimal {
    let beyond = Decimal::of(rules.saturating_sub(10) as u64) * requests;
    let measures = [new.over(Decimal::of(25)), active.over(Decimal::of(3000)), gigabytes, beyond.over(Decimal::of(1000))];
    measures.into_iter().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commitments_cover_hours_and_nothing_else() {
        let share = |text: &str| -> Decimal { text.parse().unwrap() };
        let discounts =
            Discounts { services: share("0.2"), functions: share("0.12"), databases: share("0.35"), caches: share("0.3") };
        let usage = Usage { discounts, ..Usage::default() };
        let of = |service: &str, name: &str| usage.discount(service, name).map(|(_, share)| share.to_string());
        for (service, name, expected) in [
            ("AmazonECS", "ECS-Fargate-vCPU-Hour-ARM", Some("0.2")),
            ("AmazonECS", "ECS-Fargate-GB-Hour", Some("0.2")),
            ("AmazonECS", "SpotUsage-Fargate-vCPU-Hour", None),
            ("AmazonECS", "ECS-Fargate-Ephemeral-Storage", None),
            ("AWSLambda", "Lambda-GB-Second-ARM", Some("0.12")),
            ("AWSLambda", "Lambda-Request", None),
            ("AmazonRDS", "multi-az:postgres:db.t4g.small", Some("0.35")),
            ("AmazonRDS", "RDS-Storage-gp3", None),
            ("AmazonRDS", "RDS-ExtendedSupport-Yr1-Yr2", None),
            ("AmazonElastiCache", "node:valkey:cache.t4g.small", Some("0.3")),
            ("AmazonVPC", "nat-gateway", None),
        ] {
            assert_eq!(of(service, name).as_deref(), expected, "{name}");
        }
        assert_eq!(Usage::default().discount("AmazonRDS", "instance:mysql:db.t3.micro"), None);
    }
}
