//! What is assumed and what may be spent: from the sections `usage` and `cost`, and from `--max-monthly`.

use super::stack_file;
use super::stop::{Result, Stop};
use crate::aws::bill;
use crate::aws::runs::history;
use crate::config::usage::UsageSection;
use crate::config::{Loaded, Stack};
use crate::engine::Plan;
use crate::prices::{Bill, Change, Decimal, Usage};

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
        Pricing { usage: usage(&stack.usage), limit }
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

/// Returns what the section `usage` says.
fn usage(section: &UsageSection) -> Usage {
    let size = |size: crate::config::Size| Decimal::of(u64::from(size.as_gib()));
    let number = |number: u32| Decimal::of(u64::from(number));
    Usage {
        // A number of the file has few places, and no exponent when it is written out.
        requests: format!("{:.6}", section.requests).parse().unwrap_or_default(),
        transfer: size(section.transfer),
        nat: size(section.nat),
        logs: size(section.logs),
        files: size(section.files),
        reads: number(section.reads),
        messages: number(section.messages),
        calls: number(section.calls),
        free_tier: section.free_tier,
    }
}

/// Returns what a loaded file costs.
///
/// # Errors
/// When it cannot be expanded.
pub fn billed(loaded: &Loaded) -> Result<(Bill, Pricing)> {
    let pricing = Pricing::of(&loaded.stack);
    Ok((bill::of(&stack_file::offline(loaded)?, &loaded.stack.region, &pricing.usage), pricing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_nothing_has_the_defaults() {
        assert_eq!(usage(&UsageSection::default()), Usage::default());
        let fraction = UsageSection { requests: 2.5, ..UsageSection::default() };
        assert_eq!(usage(&fraction).requests.to_string(), "2.5");
    }
}
