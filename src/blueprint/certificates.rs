//! `certificates`: what encrypts on the way.

use std::collections::BTreeMap;

use super::Facts;
use crate::config::Stack;
use crate::engine::{Error, Graph};

/// The certificates of the stack and those of others that it refers to.
#[derive(Default)]
pub struct Certificates {
    /// In the stack's region, for the load balancer: references to ARNs, by how they are written in the file.
    regional: BTreeMap<String, String>,
    /// In us-east-1, for CloudFront: the same.
    global: BTreeMap<String, String>,
}

impl Certificates {
    /// The certificate for a load balancer: `certificates.NAME` becomes a reference to its ARN, an ARN stays.
    pub fn regional(&self, text: &str) -> String {
        self.regional.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }

    /// The same for CloudFront.
    pub fn global(&self, text: &str) -> String {
        self.global.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }
}

pub fn expand(_graph: &mut Graph, _stack: &Stack, _facts: &Facts<'_>) -> Result<Certificates, Error> {
    Ok(Certificates::default())
}
