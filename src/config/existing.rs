//! What somebody else owns: referred to, read, and never changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Name;

/// Objects that somebody else owns. They are only read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Existing {
    /// A network to live in, instead of one of this stack's own.
    pub network: Option<ExistingNetwork>,
    /// Hosted zones of Route 53, by a name for this file: their domain (`example.com`) or their id.
    pub zones: BTreeMap<Name, String>,
    /// Certificates, by a name for this file: their ARN, or the domain that they are for.
    pub certificates: BTreeMap<Name, String>,
    /// Buckets, by a name for this file: what S3 calls them.
    pub buckets: BTreeMap<Name, String>,
    /// Database instances, by a name for this file: what RDS calls them. Services use them as `existing.databases.NAME`.
    pub databases: BTreeMap<Name, String>,
    /// Image repositories of ECR, by a name for this file: what ECR calls them. An image is then `existing.repositories.NAME:TAG`.
    pub repositories: BTreeMap<Name, String>,
}

/// A network of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExistingNetwork {
    /// The VPC's id.
    #[schemars(extend("pattern" = "^vpc-[0-9a-f]+$"), example = &"vpc-0a1b2c3d4e5f67890")]
    pub vpc: String,
    /// Subnets that face the internet, for the load balancer.
    #[serde(default)]
    pub public: Vec<String>,
    /// Subnets for containers.
    pub app: Vec<String>,
    /// Subnets for databases and caches. Left out: those for containers.
    #[serde(default)]
    pub data: Vec<String>,
}
