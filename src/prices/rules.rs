//! By which attributes the rows of a table are found in AWS's public price list, and which of its files have them. There are no rules for what no
//! section of a stack file makes, nor for Fargate Spot, whose prices the list does not have because they change with supply.

use std::fmt;

/// What a row is called in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// This.
    Is(&'static str),
    /// This, an engine of databases, and what follows in the usage type, which is a class.
    Database(&'static str),
    /// This, whatever version follows in the usage type, if all of them cost the same.
    Version(&'static str),
    /// An engine of caches, and what follows in the usage type, which is a type of node.
    Node,
}

/// By what a row is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The service in the table.
    pub(super) service: &'static str,
    /// The name in the table.
    pub(super) name: Name,
    /// The unit in the table.
    pub(super) unit: &'static str,
    /// How many of AWS's units that is.
    pub(super) times: u64,
    /// The file of the list: the code of its offer.
    pub(super) offer: &'static str,
    /// Whether it is that of all regions, where what is no region's is.
    pub(super) global: bool,
    /// The usage type without its region, or in the file of all regions as it is; one with `:` at its end is what it begins with.
    pub(super) usage: &'static str,
    /// What else must be so: a column, with its value.
    pub(super) only: &'static [(&'static str, &'static str)],
}

const fn rule(service: &'static str, name: Name, unit: &'static str, offer: &'static str, usage: &'static str) -> Rule {
    Rule { service, name, unit, times: 1, offer, global: false, usage, only: &[] }
}

const fn plain(service: &'static str, name: &'static str, unit: &'static str, usage: &'static str) -> Rule {
    rule(service, Name::Is(name), unit, service, usage)
}

impl Rule {
    const fn only(self, only: &'static [(&'static str, &'static str)]) -> Rule {
        Rule { only, ..self }
    }

    const fn times(self, times: u64) -> Rule {
        Rule { times, ..self }
    }

    const fn global(self) -> Rule {
        Rule { global: true, ..self }
    }
}

const fn edge_requests(name: &'static str, usage: &'static str) -> Rule {
    plain("AmazonCloudFront", name, "requests", usage).global()
}

const fn edge_bytes(name: &'static str, usage: &'static str) -> Rule {
    plain("AmazonCloudFront", name, "GB", usage).global()
}

const BALANCER: &[(&str, &str)] = &[("productfamily", "Load Balancer-Application")];
const GATEWAY: &[(&str, &str)] = &[("productfamily", "NAT Gateway")];
const OUTBOUND: &[(&str, &str)] = &[("transfertype", "AWS Outbound")];
const SINGLE: &[(&str, &str)] = &[("deploymentoption", "Single-AZ"), ("productfamily", "Database Instance")];
const MULTI: &[(&str, &str)] = &[("deploymentoption", "Multi-AZ"), ("productfamily", "Database Instance")];
pub(super) const RDS: &str = "AmazonRDS";
pub(super) const WATCH: &str = "AmazonCloudWatch";

/// The rules. The usage types are those of AWS's bills; where they are listed is beside those that have such a page.
pub(super) const RULES: &[Rule] = &[
    // <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/usage-reports.html>
    plain("AmazonECS", "ECS-Fargate-vCPU-Hour", "vCPU-Hours", "Fargate-vCPU-Hours:perCPU"),
    plain("AmazonECS", "ECS-Fargate-GB-Hour", "GB-Hours", "Fargate-GB-Hours"),
    plain("AmazonECS", "ECS-Fargate-vCPU-Hour-ARM", "vCPU-Hours", "Fargate-ARM-vCPU-Hours:perCPU"),
    plain("AmazonECS", "ECS-Fargate-GB-Hour-ARM", "GB-Hours", "Fargate-ARM-GB-Hours"),
    plain("AWSELB", "alb", "hour", "LoadBalancerUsage").only(BALANCER),
    rule("AmazonALB", Name::Is("ALB-LCU-ProcessedBytes"), "LCU-Hours", "AWSELB", "LCUUsage").only(BALANCER),
    rule("AmazonVPC", Name::Is("nat-gateway"), "hour", "AmazonEC2", "NatGateway-Hours").only(GATEWAY),
    rule("AmazonVPC", Name::Is("nat-gateway-data"), "GB", "AmazonEC2", "NatGateway-Bytes").only(GATEWAY),
    // <https://aws.amazon.com/vpc/pricing/>
    plain("AmazonVPC", "public-ipv4", "hour", "PublicIPv4:InUseAddress"),
    plain("AWSDataTransfer", "DataTransfer-Internet-Out-GB", "GB", "DataTransfer-Out-Bytes").only(OUTBOUND),
    // <https://aws.amazon.com/ec2/pricing/on-demand/>, data transfer within a region
    plain("AWSDataTransfer", "DataTransfer-InterAZ-GB", "GB", "DataTransfer-Regional-Bytes"),
    rule(RDS, Name::Database("instance"), "hour", RDS, "InstanceUsage:").only(SINGLE),
    rule(RDS, Name::Database("multi-az"), "hour", RDS, "Multi-AZUsage:").only(MULTI),
    plain(RDS, "RDS-Storage-gp2", "GB-Mo", "RDS:GP2-Storage"),
    plain(RDS, "RDS-Storage-gp3", "GB-Mo", "RDS:GP3-Storage"),
    plain(RDS, "RDS-Storage-Multi-AZ-gp2", "GB-Mo", "RDS:Multi-AZ-GP2-Storage"),
    plain(RDS, "RDS-Storage-Multi-AZ-gp3", "GB-Mo", "RDS:Multi-AZ-GP3-Storage"),
    plain(RDS, "RDS-Storage-io1", "GB-Mo", "RDS:PIOPS-Storage"),
    plain(RDS, "RDS-Storage-io2", "GB-Mo", "RDS:PIOPS-Storage-IO2"),
    plain(RDS, "RDS-Storage-Multi-AZ-io1", "GB-Mo", "RDS:Multi-AZ-PIOPS-Storage"),
    plain(RDS, "RDS-Storage-Multi-AZ-io2", "GB-Mo", "RDS:Multi-AZ-PIOPS-Storage-IO2"),
    plain(RDS, "RDS-IOPS-gp3", "IOPS-Mo", "RDS:GP3-PIOPS"),
    plain(RDS, "RDS-IOPS-io1", "IOPS-Mo", "RDS:PIOPS"),
    plain(RDS, "RDS-IOPS-io2", "IOPS-Mo", "RDS:IO2-PIOPS"),
    plain(RDS, "RDS-IOPS-Multi-AZ-gp3", "IOPS-Mo", "RDS:Multi-AZ-GP3-PIOPS"),
    plain(RDS, "RDS-IOPS-Multi-AZ-io1", "IOPS-Mo", "RDS:Multi-AZ-PIOPS"),
    plain(RDS, "RDS-IOPS-Multi-AZ-io2", "IOPS-Mo", "RDS:Multi-AZ-IO2-PIOPS"),
    plain(RDS, "RDS-Throughput-gp3", "MBps-Mo", "RDS:GP3-Throughput"),
    plain(RDS, "RDS-Throughput-Multi-AZ-gp3", "MBps-Mo", "RDS:Multi-AZ-GP3-Throughput"),
    // <https://aws.amazon.com/rds/postgresql/pricing/>, extended support
    rule(RDS, Name::Version("RDS-ExtendedSupport-Yr1-Yr2"), "vCPU-Hours", RDS, "ExtendedSupport:Yr1-Yr2:"),
    rule(RDS, Name::Version("RDS-ExtendedSupport-Yr3"), "vCPU-Hours", RDS, "ExtendedSupport:Yr3:"),
    plain(RDS, "RDS-Backup-Storage", "GB-Mo", "RDS:ChargedBackupUsage"),
    rule("AmazonElastiCache", Name::Node, "hour", "AmazonElastiCache", "NodeUsage:"),
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html>
    plain("AmazonS3", "S3-Storage", "GB-Mo", "TimedStorage-ByteHrs"),
    plain("AmazonS3", "requests-put-list", "1000 requests", "Requests-Tier1").times(1000),
    plain("AmazonS3", "requests-get", "1000 requests", "Requests-Tier2").times(1000),
    rule("AWSKMS", Name::Is("KMS-Key-Month"), "Keys", "awskms", "KMS-Keys"),
    plain("AWSSecretsManager", "SecretsManager-Secret", "Secrets", "AWSSecretsManager-Secrets"),
    plain(WATCH, "CloudWatch-Log-Ingestion", "GB", "DataProcessing-Bytes"),
    plain(WATCH, "CloudWatch-Log-Storage", "GB-Mo", "TimedStorage-ByteHrs"),
    plain(WATCH, "CloudWatch-Metric-Month", "Metrics", "CW:MetricMonitorUsage"),
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html>
    plain(WATCH, "CloudWatch-Alarm-Month", "Alarms", "CW:AlarmMonitorUsage"),
    plain(WATCH, "CloudWatch-Alarm-HighResolution-Month", "Alarms", "CW:HighResAlarmMonitorUsage"),
    plain(WATCH, "CloudWatch-Alarm-Composite-Month", "Alarms", "CW:CompositeAlarmMonitorUsage"),
    // The same for up to 50 metrics and for more; dashboards are an account's, and no region's.
    plain(WATCH, "CloudWatch-Dashboard-Month", "Dashboards", "DashboardsUsageHour-Basic").global(),
    plain(WATCH, "CloudWatch-Dashboard-Month", "Dashboards", "DashboardsUsageHour").global(),
    plain("AmazonSNS", "SNS-Publish", "requests", "Requests-Tier1"),
    plain("AmazonSNS", "SNS-FIFO-Publish", "requests", "F-Request-Tier1"),
    // One name in some regions, the other in others.
    rule("AmazonSQS", Name::Is("SQS-Standard-Request"), "requests", "AWSQueueService", "Requests-RBP"),
    rule("AmazonSQS", Name::Is("SQS-Standard-Request"), "requests", "AWSQueueService", "Requests-Tier1"),
    rule("AmazonSQS", Name::Is("SQS-FIFO-Request"), "requests", "AWSQueueService", "Requests-FIFO-RBP"),
    rule("AmazonSQS", Name::Is("SQS-FIFO-Request"), "requests", "AWSQueueService", "Requests-FIFO-Tier1"),
    plain("AWSLambda", "Lambda-Request", "requests", "Request"),
    plain("AWSLambda", "Lambda-GB-Second", "GB-s", "Lambda-GB-Second"),
    plain("AWSLambda", "Lambda-GB-Second-ARM", "GB-s", "Lambda-GB-Second-ARM"),
    rule("AWSWAF", Name::Is("WAF-WebACL-Month"), "Months", "awswaf", "WebACLV2"),
    rule("AWSWAF", Name::Is("WAF-Rule-Month"), "Rules", "awswaf", "RuleV2"),
    rule("AWSWAF", Name::Is("WAF-Request"), "requests", "awswaf", "RequestV2-Tier1"),
    // <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/usage-charts.html>: by the area of the edge location
    edge_requests("CloudFront-HTTPS-Request", "US-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:europe", "EU-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:africa-middle-east", "ZA-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:africa-middle-east", "ME-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:south-america", "SA-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:japan", "JP-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:australia", "AU-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:asia-pacific", "AP-Requests-Tier2-HTTPS"),
    edge_requests("CloudFront-HTTPS-Request:india", "IN-Requests-Tier2-HTTPS"),
    edge_bytes("CloudFront-DataTransfer", "US-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:europe", "EU-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:africa-middle-east", "ZA-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:africa-middle-east", "ME-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:south-america", "SA-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:japan", "JP-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:australia", "AU-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:asia-pacific", "AP-DataTransfer-Out-Bytes"),
    edge_bytes("CloudFront-DataTransfer:india", "IN-DataTransfer-Out-Bytes"),
];

/// A file of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The code of the offer.
    pub code: &'static str,
    /// Whether it is that of all regions.
    pub global: bool,
}

impl Offer {
    /// Returns where it is below the address of the list.
    pub fn path(self, region: &str) -> String {
        let region = if self.global { String::new() } else { format!("{region}/") };
        format!("offers/v1.0/aws/{}/current/{region}index.csv", self.code)
    }

    pub(super) fn rules(self) -> impl Iterator<Item = &'static Rule> {
        RULES.iter().filter(move |rule| rule.offer == self.code && rule.global == self.global)
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.code, if self.global { " of all regions" } else { "" })
    }
}

/// Returns the files that are read, each once.
pub fn offers() -> Vec<Offer> {
    let mut out: Vec<Offer> = Vec::new();
    for rule in RULES {
        let offer = Offer { code: rule.offer, global: rule.global };
        if !out.contains(&offer) {
            out.push(offer);
        }
    }
    out
}
