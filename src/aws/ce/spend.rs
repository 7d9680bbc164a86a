//! What AWS has charged for an environment, by Cost Explorer: by the tags that its objects have, and only from the day on which these were
//! active as cost allocation tags. Each request costs a cent (<https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/>).

use aws_sdk_costexplorer::types::{
    CostAllocationTagStatus, DateInterval, Expression, Granularity, GroupDefinition, GroupDefinitionType, TagValues,
};
use jiff::civil::Date;

use super::errors::failed;
use crate::aws::Cx;
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{Error, Result};
use crate::prices::Decimal;

/// What is asked for: what each use cost when it happened, before anything is spread over a term
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/ce-advanced.html>).
pub const METRIC: &str = "UnblendedCost";
/// The requests of a question whose answer has one page.
pub const REQUESTS: usize = 2;

/// What was charged for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The service, as Cost Explorer names it.
    pub service: String,
    /// The sort of charge: `Usage`, `Credit`, `Tax`
    /// (<https://docs.aws.amazon.com/cost-management/latest/userguide/ce-filtering.html>).
    pub sort: String,
    /// How much, in US dollars.
    pub usd: Decimal,
}

/// A tag by which costs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTag {
    /// Its key.
    pub key: &'static str,
    /// Since which day it is active as a cost allocation tag; nothing where it is not.
    pub since: Option<String>,
}

/// What an environment has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// What was charged, by service and sort.
    pub charges: Vec<Charge>,
    /// Whether AWS may still change some of it.
    pub estimated: bool,
    /// The tags; nothing for who may not ask, which is everybody but the account that pays.
    pub tags: Option<Vec<CostTag>>,
    /// The requests that were made.
    pub requests: usize,
}

/// Returns how Cost Explorer names a service of the price table; itself where that is not known. AWS has no list of the names: they are those of
/// bills. NAT gateways are in `EC2 - Other`.
pub fn service<'a>(service: &'a str, usage: &str) -> &'a str {
    match service {
        "AmazonECS" => "Amazon Elastic Container Service",
        "AWSELB" | "AmazonALB" | "AWSDataTransfer" => "Amazon Elastic Load Balancing",
        "AmazonVPC" if usage.starts_with("nat-gateway") => "EC2 - Other",
        "AmazonVPC" => "Amazon Virtual Private Cloud",
        "AmazonRDS" => "Amazon Relational Database Service",
        "AmazonS3" => "Amazon Simple Storage Service",
        "AmazonCloudFront" => "Amazon CloudFront",
        "AWSKMS" => "AWS Key Management Service",
        "AWSSecretsManager" => "AWS Secrets Manager",
        "AWSLambda" => "AWS Lambda",
        "AmazonElastiCache" => "Amazon ElastiCache",
        "AmazonSNS" => "Amazon Simple Notification Service",
        "AmazonSQS" => "Amazon Simple Queue Service",
        "AWSWAF" => "AWS WAF",
        "AWSBackup" => "AWS Backup",
        other => other,
    }
}

fn tagged(key: &str, value: &str) -> Expression {
    Expression::builder().tags(TagValues::builder().key(key).values(value).build()).build()
}

fn by(key: &str) -> GroupDefinition {
    GroupDefinition::builder().r#type(GroupDefinitionType::Dimension).key(key).build()
}

/// Reads an amount, which can have more places than are kept, or an exponent.
fn amount(text: &str) -> Decimal {
    let short = || text.parse::<f64>().ok().and_then(|number| format!("{number:.12}").parse().ok());
    text.parse().ok().or_else(short).unwrap_or_default()
}

/// Asks what was charged for the environment's objects from a day on, up to and without another one.
///
/// # Errors
/// When Cost Explorer was never opened in the account, when it may not be asked, or refuses the time.
pub async fn of(cx: &Cx, start: Date, end: Date) -> Result<Spend> {
    const OP: &str = "ce:GetCostAndUsage";
    let internal = |error: aws_sdk_costexplorer::error::BuildError| Error::internal(error.to_string());
    let period = DateInterval::builder().start(start.to_string()).end(end.to_string()).build().map_err(internal)?;
    let scope = &cx.scope;
    let both = Expression::builder().and(tagged(TAG_STACK, &scope.stack)).and(tagged(TAG_ENV, &scope.env)).build();
    let mut spend = Spend { charges: Vec::new(), estimated: false, tags: None, requests: 0 };
    let mut next = None;
    loop {
        let call = cx.cloud.ce.get_cost_and_usage().time_period(period.clone()).granularity(Granularity::Monthly);
        let call = call.metrics(METRIC).filter(both.clone()).group_by(by("SERVICE")).group_by(by("RECORD_TYPE"));
        let page = call.set_next_page_token(next).send().await.map_err(failed(OP))?;
        spend.requests += 1;
        for result in page.results_by_time() {
            spend.estimated |= result.estimated();
            for group in result.groups() {
                let [service, sort] = group.keys() else { continue };
                let cost = group.metrics().and_then(|metrics| metrics.get(METRIC));
                let usd = amount(cost.and_then(|cost| cost.amount()).unwrap_or_default());
                match spend.charges.iter_mut().find(|known| known.service == *service && known.sort == *sort) {
                    Some(known) => known.usd = known.usd + usd,
                    None => spend.charges.push(Charge { service: service.clone(), sort: sort.clone(), usd }),
                }
            }
        }
        next = page.next_page_token;
        if next.is_none() {
            break;
        }
    }
    spend.requests += 1;
    spend.tags = tags(cx).await?;
    Ok(spend)
}

/// Asks since when the tags are active.
async fn tags(cx: &Cx) -> Result<Option<Vec<CostTag>>> {
    let call = cx.cloud.ce.list_cost_allocation_tags().tag_keys(TAG_STACK).tag_keys(TAG_ENV);
    let known = match call.send().await.map_err(failed("ce:ListCostAllocationTags")) {
        Ok(answer) => answer.cost_allocation_tags.unwrap_or_default(),
        // What was paid for is shown all the same.
        Err(_) => return Ok(None),
    };
    let since = |key: &str| {
        let tag = known.iter().find(|tag| tag.tag_key() == key && *tag.status() == CostAllocationTagStatus::Active)?;
        Some(tag.last_updated_date().unwrap_or_default().chars().take(10).collect())
    };
    Ok(Some([TAG_STACK, TAG_ENV].into_iter().map(|key| CostTag { key, since: since(key) }).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_whatever_their_places() {
        let all = [("1.25", "1.25"), ("0.00000012345678", "0.000000123457"), ("1.5E-7", "0.00000015"), ("-3", "-3"), ("", "0")];
        for (text, expected) in all {
            assert_eq!(amount(text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn parts_are_found_under_the_names_of_bills() {
        assert_eq!(service("AmazonVPC", "nat-gateway-data"), "EC2 - Other");
        assert_eq!(service("AmazonVPC", "public-ipv4"), "Amazon Virtual Private Cloud");
        assert_eq!(service("AmazonCloudWatch", "x"), "AmazonCloudWatch");
    }
}
