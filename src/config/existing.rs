//! The section `existing`: objects that are managed elsewhere, which are read and never changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Name;

/// Objects that are managed elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Existing {
    /// The network to use, instead of a new one. Default: none.
    pub network: Option<ExistingNetwork>,
    /// Route 53 hosted zones, under a name for this file: their domain, such as `example.com`, or their id. Default: none.
    pub zones: BTreeMap<Name, String>,
    /// Certificates, under a name for this file: their ARN, or the domain that they cover. Default: none.
    pub certificates: BTreeMap<Name, String>,
    /// S3 buckets, under a name for this file: their names in S3. Default: none.
    pub buckets: BTreeMap<Name, String>,
    /// RDS instances, under a name for this file: their identifiers in RDS. Services use them as `existing.databases.NAME`.
    /// Default: none.
    pub databases: BTreeMap<Name, String>,
    /// ECR repositories, under a name for this file: their names in ECR. An image is then `existing.repositories.NAME:TAG`.
    /// Default: none.
    pub repositories: BTreeMap<Name, String>,
}

/// A network that is managed elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExistingNetwork {
    /// The id of the VPC.
    #[schemars(extend("pattern" = "^vpc-[0-9a-f]+$"), example = &"vpc-0a1b2c3d4e5f67890")]
    pub vpc: String,
    /// The ids of subnets with a route to the internet, for a load balancer that is not `internal` and for services with
    /// `public: true`. Default: none.
    #[serde(default)]
    pub public: Vec<String>,
    /// The ids of subnets for containers, and for an `internal` load balancer.
    pub app: Vec<String>,
    /// The ids of subnets for databases and caches. Default: those in `app`.
    #[serde(default)]
    pub data: Vec<String>,
}
