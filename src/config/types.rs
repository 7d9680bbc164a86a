//! The stack file as types. The JSON Schema, the checks of shape and the defaults all come from here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::access::Access;
use super::cache::Cache;
use super::cdn::Cdn;
use super::database::Database;
use super::encryption::{CertificateSection, KeySection};
use super::existing::Existing;
use super::regions;
use super::scalar::Scalar;
use super::service::Service;
use super::values::{Account, Cidr, Duration, Name};

/// A web application's whole AWS architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stack file")]
pub struct Stack {
    /// What the stack is called. The names of its objects in AWS begin with it.
    #[schemars(example = &"webapp")]
    pub stack: Name,
    /// The AWS region that everything lives in.
    #[schemars(extend("format" = "stack-region", "pattern" = regions::PATTERN, "examples" = regions::names().collect::<Vec<_>>()))]
    pub region: String,
    /// The number of the AWS account that this is for. With credentials of any other nothing is done: said once per environment,
    /// no profile is ever the wrong one.
    #[serde(default)]
    pub account: Option<Account>,
    /// The bucket that keeps leases and history, instead of `stack-history-ACCOUNT-REGION`. One that is not there is made.
    #[serde(default)]
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[a-z0-9](\.?[a-z0-9-])*\.?[a-z0-9]$"))]
    #[schemars(extend("format" = "stack-bucket"), example = &"example-stack-history")]
    pub history_bucket: Option<String>,
    /// Tags that every object gets, beside those that `stack` needs itself.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Scalar>")]
    pub tags: BTreeMap<String, String>,
    /// Keys of `tags` that others may write over, `*` for any characters: such a tag is written when an object is created and
    /// never after. Tags under keys that the file does not have always stay.
    #[serde(default)]
    #[schemars(example = &["cost-*"])]
    pub ignore_tags: Vec<String>,
    /// The network that everything runs in.
    #[serde(default)]
    pub network: Network,
    /// The load balancer in front of the services that have routes. It exists as soon as one has; this says how it is.
    #[serde(default)]
    pub load_balancer: Option<LoadBalancer>,
    /// What runs: containers on Fargate, by name.
    #[serde(default)]
    pub services: BTreeMap<Name, Service>,
    /// Databases on RDS, by name.
    #[serde(default)]
    pub databases: BTreeMap<Name, Database>,
    /// Caches on ElastiCache, by name.
    #[serde(default)]
    pub caches: BTreeMap<Name, Cache>,
    /// CloudFront, in front of the load balancer and of static files.
    #[serde(default)]
    pub cdn: Option<Cdn>,
    /// Who may do what with this stack: IAM groups and users.
    #[serde(default)]
    pub access: Access,
    /// KMS keys, by name. The one called `main` encrypts databases, Valkey and Redis caches, passwords and log
    /// groups that name no other.
    #[serde(default)]
    pub keys: BTreeMap<Name, KeySection>,
    /// Certificates of ACM, by name: `certificates.NAME` in `load_balancer` and `cdn`.
    #[serde(default)]
    pub certificates: BTreeMap<Name, CertificateSection>,
    /// What somebody else owns: referred to, read, and never changed.
    #[serde(default)]
    pub existing: Existing,
    /// What goes or is replaced only when it is named with `--allow-delete` or `--allow-replace`, as databases, caches, buckets,
    /// keys, log groups and distributions always are: sections or parts of them, `services.web`, `load_balancer`.
    #[serde(default)]
    #[schemars(example = &["services.web"])]
    pub protect: Vec<String>,
    /// What was called otherwise: from the old place in the file to the new one. What it is made of stays, with the names that
    /// AWS gave it then: only tags are written anew. An entry stays in the file as long as the section does: without it, names that
    /// AWS cannot change differ from what the file says, and what has them is replaced.
    #[serde(default)]
    #[schemars(example = &BTreeMap::from([("services.api", "services.backend")]))]
    pub moved: BTreeMap<String, String>,
    /// Objects of any kind that `stack` knows, as they are in AWS: by kind, then by name.
    #[serde(default)]
    pub resources: BTreeMap<String, BTreeMap<Name, Value>>,
    /// What differs in each environment, laid over the rest of the file: maps are merged, everything else is replaced, `null` removes.
    #[serde(default)]
    pub environments: BTreeMap<Name, Value>,
}

impl Stack {
    /// Everything that a service can name in `uses`.
    pub fn usable(&self) -> Vec<String> {
        let names = |section: &str, names: Vec<&Name>| names.into_iter().map(|n| format!("{section}.{n}")).collect::<Vec<_>>();
        let mut out = names("services", self.services.keys().collect());
        out.extend(names("databases", self.databases.keys().collect()));
        out.extend(names("caches", self.caches.keys().collect()));
        out.extend(names("existing.databases", self.existing.databases.keys().collect()));
        out
    }

    /// What a service was called at first, by `moved`: the name of its container, which AWS cannot change without another service.
    pub fn first_name<'a>(&'a self, service: &'a str) -> &'a str {
        let mut name = service;
        for _ in &self.moved {
            let before = self.moved.iter().find(|(_, to)| to.strip_prefix("services.") == Some(name));
            match before.and_then(|(from, _)| from.strip_prefix("services.")) {
                Some(from) => name = from,
                None => break,
            }
        }
        name
    }

    /// Whether anything in it needs a network.
    pub fn needs_network(&self) -> bool {
        !(self.services.is_empty() && self.databases.is_empty() && self.caches.is_empty())
    }

    /// Whether there is a load balancer: whether any service has routes.
    pub fn is_load_balanced(&self) -> bool {
        self.services.values().any(|service| !service.routes.is_empty())
    }
}

/// The network: one VPC with public, application and data subnets in every zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The VPC's addresses, from a /16 to a /23. The subnets are carved from it.
    pub cidr: Cidr,
    /// How many availability zones, or which.
    pub zones: Zones,
    /// How private subnets reach the internet.
    pub nat: Nat,
}

impl Default for Network {
    fn default() -> Self {
        Network {
            cidr: Cidr(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 0, 0, 0), 16)),
            zones: Zones::Count(3),
            nat: Nat::PerZone,
        }
    }
}

/// How private subnets reach the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// A NAT gateway in every zone: no zone depends on another.
    PerZone,
    /// One NAT gateway for all zones: cheaper, and lost with its zone.
    Single,
    /// No NAT gateway: what runs in private subnets reaches only the network itself.
    None,
}

/// How many availability zones, or which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zones {
    /// So many, chosen by AWS's order.
    Count(u8),
    /// These, by name.
    Names(Vec<String>),
}

impl Zones {
    /// How many.
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
            "description": "How many availability zones (1 to 6), or a list of their names.",
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 6},
                {"type": "array", "minItems": 1, "maxItems": 6, "items": {"type": "string"}, "examples": [["us-east-1a", "us-east-1b"]]},
            ],
        })
    }
}

/// The load balancer in front of the services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadBalancer {
    /// The certificate, in the stack's region: `certificates.NAME`, `existing.certificates.NAME`, or an ARN of ACM. With it:
    /// HTTPS, and HTTP redirects there. Without: HTTP only.
    #[schemars(extend("format" = "stack-certificate"))]
    pub certificate: Option<String>,
    /// Whether the names of its certificate lead here by records in the zone of that, when it is `certificates.NAME` with a
    /// `zone` and there is no `cdn`. Records of somebody else's are not touched.
    pub dns: bool,
    /// Whether it is reachable only from inside the network.
    pub internal: bool,
    /// After how long an idle connection is closed, 1 second to 4000 seconds.
    pub idle_timeout: Option<Duration>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: Option<bool>,
    /// The networks that may connect.
    pub allow: Vec<Cidr>,
    /// The security policy of the HTTPS listener, e.g. `ELBSecurityPolicy-TLS13-1-2-2021-06`.
    pub ssl_policy: Option<String>,
    /// Further attributes by AWS's own names, e.g. `routing.http.drop_invalid_header_fields.enabled`.
    #[schemars(with = "BTreeMap<String, Scalar>")]
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
            allow: vec![Cidr(ipnet::Ipv4Net::default())],
            ssl_policy: None,
            attributes: BTreeMap::new(),
        }
    }
}
