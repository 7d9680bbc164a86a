use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Diff, Observed, Readiness, Resource, Result, Rule, Usual};

/// A role: what a service or a program may do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Who may take it: a policy document.
    pub trust: Value,
    /// What it may do: policy documents of its own, by name.
    #[serde(default)]
    pub policies: BTreeMap<String, Value>,
    /// What it may do: ARNs of managed policies.
    #[serde(default)]
    pub managed: Vec<String>,
    /// What it is for. Written when it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// What others refer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
}

impl Resource for Role {
    const KIND: &'static str = "iam.role";
    type Cloud = Clients;
    type Live = Live;

    async fn observe(_: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(Vec::new())
    }
    async fn create(&self, _: &Cx) -> Result<Live> {
        Err(crate::engine::Error::internal("not written yet"))
    }
    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }
    async fn delete(_: &Cx, _: &Live) -> Result<()> {
        Ok(())
    }
}
