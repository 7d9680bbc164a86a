//! The stack file as types, from which the JSON Schema, the check of shape and the defaults come.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::access::Access;
use super::alarms::{Alarms, watched};
use super::archive::Archive;
use super::awake::Schedule;
use super::backup::Backup;
use super::buckets::BucketSection;
use super::budget::Budget;
use super::cache::Cache;
use super::capacity::Capacity;
use super::cdn::Cdn;
use super::clone::CloneSection;
use super::database::Database;
use super::encryption::{CertificateSection, KeySection};
use super::exceptions::CheckSection;
use super::existing::Existing;
use super::firewall::{Firewall, guarded};
use super::logs::LogSection;
use super::or_off::OrOff;
use super::recovery::{Recovery, Second};
use super::regions;
use super::scalar::Scalar;
use super::service::Service;
use super::share::Share;
use super::usage::{CostSection, UsageSection};
use super::values::{self, Account, Cidr, Duration, Name};

/// A web application's AWS architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stack file")]
pub struct Stack {
    /// The name of the stack. The names of its objects in AWS start with it.
    #[schemars(example = &"webapp")]
    pub stack: Name,
    /// The AWS region of the stack's objects.
    #[schemars(extend("format" = "stack-region", "pattern" = regions::PATTERN, "examples" = regions::examples(), "patternErrorMessage" = "write the code of a region, like `us-east-1` or `eu-central-1`"))]
    pub region: String,
    /// The number of the AWS account that the stack belongs to, in the file or in each environment. With credentials of another
    /// account nothing is read or changed. Default: any account.
    #[serde(default)]
    pub account: Option<Account>,
    /// The S3 bucket for leases and history. It is created if it does not exist. Default: `stack-history-ACCOUNT-REGION`.
    #[serde(default)]
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[a-z0-9](\.?[a-z0-9-])*\.?[a-z0-9]$"))]
    #[schemars(extend("format" = "stack-bucket", "patternErrorMessage" = "a bucket name has 3 to 63 lower-case letters, digits, hyphens and dots"), example = &"example-stack-history")]
    pub history_bucket: Option<String>,
    /// Whether the environment serves users who depend on it. Defaults that cost more are then chosen: a standby for databases
    /// (`multi_az`), a replica for Valkey and Redis caches, and protection from deletion for the load balancer, databases and their
    /// replicas. What the file says itself counts all the same.
    #[serde(default)]
    pub production: bool,
    /// How long the environment is wanted, from its first apply on: `stack reap` destroys it afterwards, with its data and without
    /// asking. Mostly for an environment. Default: always.
    #[serde(default)]
    #[schemars(example = &"72h")]
    pub ttl: Option<Duration>,
    /// When the environment runs. Mostly for an environment. Default: always.
    #[serde(default)]
    pub schedule: Schedule,
    /// Tags for every object, in addition to those that `stack` sets for itself. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>")]
    pub tags: BTreeMap<String, String>,
    /// Keys of `tags` whose values others may overwrite, with `*` for any characters. Such a tag is written when an object is
    /// created, and not afterwards. Tags under keys that are not in the file are never changed. Default: none.
    #[serde(default)]
    #[schemars(example = &["cost-*"])]
    pub ignore_tags: Vec<String>,
    /// The network of the stack. Default: three zones with a NAT gateway each.
    #[serde(default)]
    pub network: Network,
    /// Settings of the load balancer, which exists as soon as a service has `routes`. Default: an internet-facing load balancer
    /// that serves HTTP only.
    #[serde(default)]
    pub load_balancer: Option<LoadBalancer>,
    /// Services, by name: containers on ECS with Fargate. Default: none.
    #[serde(default)]
    pub services: BTreeMap<Name, Service>,
    /// Databases on RDS, by name. Default: none.
    #[serde(default)]
    pub databases: BTreeMap<Name, Database>,
    /// Caches on ElastiCache, by name. Default: none.
    #[serde(default)]
    pub caches: BTreeMap<Name, Cache>,
    /// Buckets of S3 for objects of the application, by name: uploads, invoices and the like. Default: none.
    #[serde(default)]
    pub buckets: BTreeMap<Name, BucketSection>,
    /// A CloudFront distribution in front of the load balancer and of static files. Default: none.
    #[serde(default)]
    pub cdn: Option<Cdn>,
    /// How long logs are kept that belong to no single service: what the network and databases log, and the requests that the load
    /// balancer and the CDN log. Default: those of its keys.
    #[serde(default)]
    pub logs: LogSection,
    /// CloudWatch alarms for what the stack consists of, and who is notified; `alarms: off` has none. Default: every part is watched, and
    /// no notifications are sent.
    #[serde(default = "watched::default", with = "watched")]
    #[schemars(with = "OrOff<Alarms>")]
    pub alarms: Option<Alarms>,
    /// Whether the environment has a CloudWatch dashboard with the figures of all of its parts. `stack show --web` opens it. Default: it
    /// has none.
    #[serde(default)]
    pub dashboard: bool,
    /// AWS WAF before the distribution and the load balancer. `firewall: {}` counts what it would block, and blocks nothing;
    /// `firewall: off` has none. Default: `{}` with `production: true` and a load balancer or `cdn`, else none.
    #[serde(default, with = "guarded")]
    #[schemars(with = "Option<OrOff<Firewall>>")]
    pub firewall: Option<Firewall>,
    /// Backups of databases and buckets by AWS Backup, besides the automated backups of databases. `backup: {}` makes one every day and
    /// keeps it for 35 days. Default: none.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// A second region, in which the stack is brought up when its own fails. Default: none.
    #[serde(default)]
    pub recovery: Option<Recovery>,
    /// That it is in its second region.
    #[serde(skip)]
    pub second: Option<Second>,
    /// Data that must be kept and is no longer used: exports of databases, and objects of buckets, in archives of S3. Default: none.
    #[serde(default)]
    pub archive: Option<Archive>,
    /// What the environment may cost in a month, and who is notified when it costs more, or will: by AWS Budgets, after the fact.
    /// Default: none.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// What is assumed of the use of the stack when its monthly price is estimated. Nothing in AWS depends on it. Default: those of its
    /// keys.
    #[serde(default)]
    pub usage: UsageSection,
    /// How much the stack may cost. Default: any price is accepted.
    #[serde(default)]
    pub cost: CostSection,
    /// What a task carries, by the name of its service, for `stack capacity`. Nothing in AWS depends on it. Default: not measured.
    #[serde(default)]
    pub capacity: BTreeMap<Name, Capacity>,
    /// IAM groups and users, and what they may do with this stack. Default: none.
    #[serde(default)]
    pub access: Access,
    /// KMS keys, by name. The key called `main` encrypts databases, Valkey and Redis caches, passwords and log groups that name
    /// no other key, the buckets of `buckets`, `cdn` and `archive`, and the topic of `alarms`. Default: none, and AWS's own keys encrypt them.
    #[serde(default)]
    pub keys: BTreeMap<Name, KeySection>,
    /// ACM certificates, by name. `load_balancer` and `cdn` refer to them as `certificates.NAME`. Default: none.
    #[serde(default)]
    pub certificates: BTreeMap<Name, CertificateSection>,
    /// Objects that are managed elsewhere. They are read and referred to, and never changed. Default: none.
    #[serde(default)]
    pub existing: Existing,
    /// What this environment uses of another one of the stack instead of having it itself. The other one's objects are read and
    /// never changed, and it cannot be destroyed meanwhile. Mostly for an environment. Default: nothing.
    #[serde(default)]
    pub share: Share,
    /// Sections or entries of sections, such as `services.web` or `load_balancer`, whose objects are deleted or replaced only
    /// with `--allow-delete` or `--allow-replace`. Databases, caches, buckets, keys, log groups and distributions need them
    /// anyway, unless they are empty. Default: nothing else.
    #[serde(default)]
    #[schemars(example = &["services.web"])]
    pub protect: Vec<String>,
    /// What `stack check` accepts of what it finds. Default: nothing.
    #[serde(default)]
    pub check: CheckSection,
    /// What `stack clone` does with a copy of the environment. Default: services start with the data as it is, and nothing is shared.
    #[serde(default)]
    pub clone: CloneSection,
    /// Renamed sections: the old path in the file and the new one. Their objects stay and keep the names that AWS has for them;
    /// only tags are rewritten. Keep an entry as long as the section exists: without it, objects whose names AWS cannot change
    /// are replaced. Default: none.
    #[serde(default)]
    #[schemars(example = &BTreeMap::from([("services.api", "services.backend")]))]
    pub moved: BTreeMap<String, String>,
    /// Objects of any kind, as they are in AWS: by kind, then by name. Default: none.
    #[serde(default)]
    pub resources: BTreeMap<String, BTreeMap<Name, Value>>,
    /// Environments, by name, with what differs in them from the rest of the file: maps are merged, everything else is replaced,
    /// `null` removes a key. `--env` or STACK_ENV chooses one. Default: none.
    #[serde(default)]
    pub environments: BTreeMap<Name, Value>,
}

impl Stack {
    /// Returns everything that a service can name in `uses`.
    pub fn usable(&self) -> Vec<String> {
        let names = |section: &str, names: Vec<&Name>| names.into_iter().map(|n| format!("{section}.{n}")).collect::<Vec<_>>();
        let mut out = names("services", self.services.keys().collect());
        out.extend(names("databases", self.databases.keys().collect()));
        out.extend(names("caches", self.caches.keys().collect()));
        out.extend(names("existing.databases", self.existing.databases.keys().collect()));
        out
    }

    /// Returns the first name of a service, before all renames in `moved`. Its container has that name, which AWS cannot change
    /// without another service.
    pub fn first_name<'a>(&'a self, service: &'a str) -> &'a str {
        self.first_name_in("services.", service)
    }

    /// Returns the first name of what is in a section, `services.`, before all renames in `moved`.
    pub fn first_name_in<'a>(&'a self, section: &str, named: &'a str) -> &'a str {
        let mut name = named;
        for _ in &self.moved {
            let before = self.moved.iter().find(|(_, to)| to.strip_prefix(section) == Some(name));
            match before.and_then(|(from, _)| from.strip_prefix(section)) {
                Some(from) => name = from,
                None => break,
            }
        }
        name
    }

    /// Returns the region of IAM Identity Center, when the stack has anything in it; `region` is the stack's own.
    pub fn identity_center<'a>(&'a self, region: &'a str) -> Option<&'a str> {
        match &self.access.identity_center {
            Some(section) => Some(section.region.as_deref().unwrap_or(region)),
            None => self.resources.keys().any(|kind| kind.starts_with("sso.")).then_some(region),
        }
    }

    /// Checks whether the stack has anything to say about the account's password policy.
    pub fn wants_password_policy(&self) -> bool {
        self.access.password_policy.is_some() || self.resources.contains_key("iam.password_policy")
    }

    /// Checks whether anything in the stack needs a network.
    pub fn needs_network(&self) -> bool {
        !(self.services.is_empty() && self.databases.is_empty() && self.caches.is_empty())
    }

    /// Checks whether there is a load balancer, which is when any service has routes.
    pub fn is_load_balanced(&self) -> bool {
        self.services.values().any(|service| !service.routes.is_empty())
    }
}

/// The network: a VPC with public, application and data subnets in every zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The IPv4 addresses of the VPC, from a /16 to a /23. All subnets are parts of it.
    pub cidr: Cidr,
    /// The number of availability zones, 1 to 6, or a list of their names. A load balancer and databases need at least 2.
    pub zones: Zones,
    /// How private subnets reach the internet.
    pub nat: Nat,
    /// The traffic of the network that is logged to CloudWatch Logs, for the time in `logs.retention`.
    pub flow_logs: FlowLogs,
    /// Whether the network ACL refuses SSH and Remote Desktop (ports 22 and 3389) from outside of the network, in addition to security
    /// groups. Connections that a NAT gateway opens from port 3389, one in about 64000, then get no answer.
    pub block_admin_ports: bool,
}

impl Default for Network {
    fn default() -> Self {
        Network {
            cidr: Cidr(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 0, 0, 0), 16)),
            zones: Zones::Count(3),
            nat: Nat::PerZone,
            flow_logs: FlowLogs::Reject,
            block_admin_ports: false,
        }
    }
}

/// The traffic of the network that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogs {
    /// None.
    Off,
    /// What security groups and network ACLs refuse.
    Reject,
    /// All. CloudWatch Logs charges by the amount of data.
    All,
}

/// How private subnets reach the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// A NAT gateway in every zone, so that no zone depends on another.
    PerZone,
    /// One NAT gateway for all zones. It costs less, and all zones lose it with its zone.
    Single,
    /// No NAT gateway. Private subnets reach only the network itself.
    None,
}

/// The number of availability zones, or their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zones {
    /// This many zones, in AWS's order.
    Count(u8),
    /// The zones with these names.
    Names(Vec<String>),
}

impl Zones {
    /// Returns the number of zones.
    pub fn count(&self) -> usize {
        match self {
            Zones::Count(n) => usize::from(*n),
            Zones::Names(names) => names.len(),
        }
    }
}

impl Serialize for Zones {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Zones::Count(n) => serializer.serialize_u8(*n),
            Zones::Names(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Zones {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountOrNames;

        impl<'de> Visitor<'de> for CountOrNames {
            type Value = Zones;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of zones or a list of their names")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Zones, E> {
                u8::try_from(n).map(Zones::Count).map_err(|_| E::custom("there are at most 6 zones"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Zones, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Zones::Names)
            }
        }

        deserializer.deserialize_any(CountOrNames)
    }
}

impl JsonSchema for Zones {
    fn schema_name() -> Cow<'static, str> {
        "Zones".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The number of availability zones, 1 to 6, or a list of their names.",
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 6},
                {"type": "array", "minItems": 1, "maxItems": 6, "items": {"type": "string"}, "examples": [["us-east-1a", "us-east-1b"]]},
            ],
        })
    }
}

/// Settings of the load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadBalancer {
    /// The certificate for HTTPS, in the stack's region: `certificates.NAME`, `existing.certificates.NAME`, or the ARN of an ACM
    /// certificate. With it, HTTP is redirected to HTTPS. Default: none, and the load balancer serves HTTP only.
    #[schemars(extend("format" = "stack-certificate", "pattern" = values::CERTIFICATE, "patternErrorMessage" = values::CERTIFICATE_MESSAGE, "examples" = values::CERTIFICATE_EXAMPLES))]
    pub certificate: Option<String>,
    /// Whether DNS records point the names of the certificate to the load balancer. Needs a certificate `certificates.NAME` with
    /// a `zone`, and no `cdn`. Records that others created are not changed.
    pub dns: bool,
    /// Whether the load balancer is reachable only from inside the network.
    pub internal: bool,
    /// The time after which an idle connection is closed, from `1s` to `4000s`. Default: `60s`.
    pub idle_timeout: Option<Duration>,
    /// Whether AWS refuses to delete the load balancer. Default: on with `production: true`, else as it is in AWS, which is off for a
    /// new one.
    pub deletion_protection: Option<bool>,
    /// Whether requests are logged to a bucket of the stack, for the time in `logs.access`.
    pub access_logs: bool,
    /// The IPv4 networks that may connect.
    pub allow: Vec<Cidr>,
    /// The security policy of the HTTPS listener, by AWS's name. Default: `ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`.
    #[schemars(example = &"ELBSecurityPolicy-TLS13-1-2-Res-2021-06")]
    pub ssl_policy: Option<String>,
    /// Further attributes of the load balancer, by AWS's names. Default: AWS's, but
    /// `routing.http.drop_invalid_header_fields.enabled` is `true`.
    #[schemars(with = "BTreeMap<String, Scalar>", example = &BTreeMap::from([("routing.http.drop_invalid_header_fields.enabled", "false")]))]
    pub attributes: BTreeMap<String, String>,
}

impl Default for LoadBalancer {
    fn default() -> Self {
        LoadBalancer {
            certificate: None,
            dns: true,
            internal: false,
            idle_timeout: None,
            deletion_protection: None,
            access_logs: true,
            allow: vec![Cidr(ipnet::Ipv4Net::default())],
            ssl_policy: None,
            attributes: BTreeMap::new(),
        }
    }
}
