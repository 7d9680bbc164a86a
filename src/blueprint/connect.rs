//! How services find each other: by the names of ECS Service Connect.

use std::collections::{BTreeMap, BTreeSet};

use super::load_balancer::IDLE_SECONDS;
use crate::aws::Tags;
use crate::aws::ecs::{Connect, ConnectOffer};
use crate::aws::logs::LogGroup;
use crate::aws::servicediscovery::Namespace;
use crate::config::Stack;
use crate::config::service::Service as Section;
use crate::engine::{Error, Graph, Ref, Scope};

/// Returns the service that `uses` names, when it has a port.
pub fn server<'a>(stack: &'a Stack, used: &str) -> Option<(&'a str, u16)> {
    let (name, section) = stack.services.get_key_value(used.strip_prefix("services.")?)?;
    Some((name.as_str(), section.port?))
}

/// The namespace of this stack, and who is in it. Those that neither use nor are used have no part in it.
pub struct Links<'a> {
    namespace: Option<Ref<Namespace>>,
    used: BTreeSet<&'a str>,
    idle: i32,
}

impl<'a> Links<'a> {
    /// Creates the namespace, when a service uses another.
    pub fn expand(graph: &mut Graph, stack: &'a Stack, scope: &Scope) -> Result<Links<'a>, Error> {
        let used: BTreeSet<&str> =
            stack.services.values().flat_map(|s| &s.uses).filter_map(|used| Some(server(stack, used)?.0)).collect();
        let namespace = if used.is_empty() {
            None
        } else {
            let description = Some(format!("Names of the services of {}", scope.prefix()));
            Some(graph.add("main", "services", &Namespace { description, tags: Tags::new() })?)
        };
        let idle = stack.load_balancer.as_ref().and_then(|b| b.idle_timeout).map_or(IDLE_SECONDS, |d| d.as_secs());
        Ok(Links { namespace, used, idle: i32::try_from(idle).unwrap_or(i32::MAX) })
    }

    /// Returns the port under a name, when others use the service.
    pub fn port_names(&self, name: &str, section: &Section) -> BTreeMap<String, i32> {
        let port = section.port.filter(|_| self.used.contains(name));
        port.map(|port| (name.to_owned(), i32::from(port))).into_iter().collect()
    }

    /// Returns what the service offers and whether it looks for others. Off is written explicitly: AWS keeps what a request
    /// leaves out.
    pub fn connect(&self, name: &str, section: &Section, logs: &Ref<LogGroup>, scope: &Scope) -> Connect {
        let uses = section.uses.iter().any(|used| used.starts_with("services."));
        let Some(namespace) = self.namespace.as_ref().filter(|_| uses || self.used.contains(name)) else {
            return Connect::default();
        };
        let offer = |(port_name, port): (String, i32)| ConnectOffer {
            dns_name: port_name.clone(),
            port_name,
            port,
            // A load balancer lets an answer take as long as something of it comes.
            request_timeout: Some(0),
            idle_timeout: Some(self.idle),
        };
        Connect {
            enabled: true,
            namespace: Some(namespace.clone().attr("arn")),
            offers: self.port_names(name, section).into_iter().map(offer).collect(),
            log_group: Some(logs.clone()),
            log_prefix: Some("connect".into()),
            log_region: Some(scope.region.clone()),
        }
    }
}
