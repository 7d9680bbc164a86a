//! The section `share`: an environment in another one's network, behind its load balancer, with its databases and caches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Name;

/// What stands for the name of the environment in a host name.
pub const ENV: &str = "{env}";

/// What an environment uses of another one of the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    /// The environment in whose network this one runs. `network` of this one then has no effect. Default: none, and this one has
    /// a network of its own.
    #[schemars(example = &"staging")]
    pub network: Option<Name>,
    /// The environment whose load balancer sends requests to this one, by host name: the same as in `network`. `load_balancer`,
    /// `certificates`, `cdn` and `firewall` then have no effect. Default: none, and this one has a load balancer of its own.
    #[schemars(example = &"staging")]
    pub load_balancer: Option<Name>,
    /// The environment whose databases this one uses: the same as in `network`. `databases` then has no effect. Default: none,
    /// and this one has databases of its own.
    #[schemars(example = &"staging")]
    pub databases: Option<Name>,
    /// The environment whose caches this one uses: the same as in `network`. `caches` then has no effect. Default: none, and
    /// this one has caches of its own.
    #[schemars(example = &"staging")]
    pub caches: Option<Name>,
    /// The host name of routes that have none, with `{env}` for the name of this environment. Only with `load_balancer`.
    /// Default: none, and every route needs a host name.
    #[schemars(example = &"{env}.preview.example.com")]
    pub host: Option<String>,
}

impl Share {
    /// Returns the environment that is shared, if any.
    pub fn env(&self) -> Option<&Name> {
        self.network.as_ref()
    }

    /// Returns the host name of the routes of `env` that have none.
    pub fn host_of(&self, env: &str) -> Option<String> {
        self.host.as_ref().map(|host| host.replace(ENV, env))
    }

    /// Returns the sections of the file that have no effect.
    pub(super) fn left_out(&self) -> Vec<&'static str> {
        let mut out = Vec::new();
        if self.network.is_some() {
            out.extend(["network", "access"]);
        }
        if self.load_balancer.is_some() {
            out.extend(["load_balancer", "cdn", "certificates", "firewall"]);
        }
        if self.databases.is_some() {
            out.push("databases");
        }
        if self.caches.is_some() {
            out.push("caches");
        }
        out
    }
}
