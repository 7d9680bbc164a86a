//! ECS Service Connect: the names by which services find each other
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html>).

use aws_sdk_ecs::types as sdk;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid;
use crate::aws::logs::LogGroup;
use crate::aws::servicediscovery::{Namespace, Seen};
use crate::engine::{Ref, Result};

/// The names by which services find each other, through a proxy in each task (ECS Service Connect).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// Whether its tasks can find other services.
    pub enabled: bool,
    /// The namespace of the names: its ARN. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Ref<Namespace>>,
    /// The ports that other services can find. Left out: none.
    #[serde(default)]
    pub offers: Vec<ConnectOffer>,
    /// The log group for the proxy's own output. Left out: it is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Ref<LogGroup>>,
    /// What the names of the proxy's log streams start with. Left out: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_prefix: Option<String>,
    /// The region of the log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_region: Option<String>,
}

/// A port of the service, under a name for other services.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectOffer {
    /// The name of the port in the task definition, which is also the service's name in the namespace.
    pub port_name: String,
    /// The host name that other services use.
    pub dns_name: String,
    /// The port that other services use.
    pub port: i32,
    /// Seconds until an answer must be complete; 0 for no limit. Left out: AWS's default, 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<i32>,
    /// Seconds that a connection may be idle; 0 for no limit. Left out: AWS's default, 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<i32>,
}

const LOG_GROUP: &str = "awslogs-group";
const LOG_PREFIX: &str = "awslogs-stream-prefix";
const LOG_REGION: &str = "awslogs-region";

impl Connect {
    pub(super) fn to_sdk(&self) -> Result<sdk::ServiceConnectConfiguration> {
        let out = sdk::ServiceConnectConfiguration::builder().enabled(self.enabled);
        if !self.enabled {
            return Ok(out.build());
        }
        let offers = self.offers.iter().map(|offer| {
            let alias = sdk::ServiceConnectClientAlias::builder().port(offer.port).dns_name(&offer.dns_name).build();
            let timeout = sdk::TimeoutConfiguration::builder()
                .set_per_request_timeout_seconds(offer.request_timeout)
                .set_idle_timeout_seconds(offer.idle_timeout);
            let service = sdk::ServiceConnectService::builder().port_name(&offer.port_name).discovery_name(&offer.port_name);
            service.client_aliases(alias.map_err(invalid)?).timeout(timeout.build()).build().map_err(invalid)
        });
        let offers = offers.collect::<Result<Vec<_>>>()?;
        let logs = match &self.log_group {
            None => None,
            Some(group) => {
                let options = [
                    (LOG_GROUP, Some(group.id()?.to_owned())),
                    (LOG_PREFIX, self.log_prefix.clone()),
                    (LOG_REGION, self.log_region.clone()),
                ];
                let options = options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
                let logs = sdk::LogConfiguration::builder().log_driver(sdk::LogDriver::Awslogs).set_options(Some(options));
                Some(logs.build().map_err(invalid)?)
            }
        };
        let namespace = self.namespace.as_ref().map(|namespace| namespace.id().map(str::to_owned)).transpose()?;
        Ok(out.set_namespace(namespace).set_services(Some(offers)).set_log_configuration(logs).build())
    }

    /// Reads the configuration of Service Connect. AWS reports the namespace as it was given, by name or by ARN.
    pub(super) fn from_sdk(known: Option<&sdk::ServiceConnectConfiguration>, namespaces: &[Seen]) -> Connect {
        let Some(known) = known.filter(|known| known.enabled()) else { return Connect::default() };
        let arn = |text: &str| namespaces.iter().find(|n| n.name == text).map_or(text, |n| n.arn.as_str()).to_owned();
        let option = |name: &str| known.log_configuration().and_then(|l| l.options()).and_then(|o| o.get(name)).cloned();
        let offer = |service: &sdk::ServiceConnectService| {
            let alias = service.client_aliases().first();
            ConnectOffer {
                port_name: service.port_name().to_owned(),
                dns_name: alias.and_then(|a| a.dns_name()).unwrap_or_default().to_owned(),
                port: alias.map(|a| a.port()).unwrap_or_default(),
                request_timeout: service.timeout().and_then(|t| t.per_request_timeout_seconds()),
                idle_timeout: service.timeout().and_then(|t| t.idle_timeout_seconds()),
            }
        };
        Connect {
            enabled: true,
            namespace: known.namespace().map(|text| Ref::physical(arn(text)).attr("arn")),
            offers: known.services().iter().map(offer).collect(),
            log_group: option(LOG_GROUP).map(Ref::physical),
            log_prefix: option(LOG_PREFIX),
            log_region: option(LOG_REGION),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect() -> Connect {
        let offer = ConnectOffer {
            port_name: "api".into(),
            dns_name: "api".into(),
            port: 8080,
            request_timeout: Some(0),
            idle_timeout: Some(60),
        };
        Connect {
            enabled: true,
            namespace: Some(Ref::physical("arn:aws:servicediscovery:us-east-1:1:namespace/ns-1").attr("arn")),
            offers: vec![offer],
            log_group: Some(Ref::physical("/stack/webapp/default/api")),
            log_prefix: Some("connect".into()),
            log_region: Some("us-east-1".into()),
        }
    }

    #[test]
    fn connections_read_back_as_they_were_written() {
        let back = Connect::from_sdk(Some(&connect().to_sdk().unwrap()), &[]);
        assert_eq!(serde_json::to_value(back).unwrap(), serde_json::to_value(connect()).unwrap());
    }

    #[test]
    fn off_is_sent_without_details_and_none_reads_as_off() {
        let off = Connect { enabled: false, ..connect() }.to_sdk().unwrap();
        assert!(off.namespace().is_none() && off.services().is_empty() && !off.enabled());
        for known in [None, Some(&off)] {
            let back = serde_json::to_value(Connect::from_sdk(known, &[])).unwrap();
            assert_eq!(back, serde_json::json!({"enabled": false, "offers": []}));
        }
    }
}
