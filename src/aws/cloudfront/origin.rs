use aws_sdk_cloudfront::types::{
    self as sdk, CustomOriginConfig, OriginProtocolPolicy, OriginSslProtocols, S3OriginConfig, SslProtocol,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OriginAccessControl, built};
use crate::aws::elbv2::LoadBalancer;
use crate::aws::s3::Bucket;
use crate::engine::{Ref, Result};

/// An origin from which CloudFront gets content.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The domain name of the origin: that of a load balancer, a bucket (`NAME.s3.REGION.amazonaws.com`) or any other server.
    pub domain: String,
    /// The protocol to the origin: `http-only`, `https-only` or `match-viewer`. Left out for a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The access control with which CloudFront signs its requests to a bucket. Left out: requests are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_control: Option<Ref<OriginAccessControl>>,
    /// The path that is put before every requested path. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Returns a domain as a reference to the object that has it: by these references origins are deleted after the distributions
/// that use them.
fn linked(domain: &str) -> String {
    let amazon = domain.contains(".amazonaws.com");
    if amazon && domain.contains(".elb.") {
        Ref::<LoadBalancer>::physical(domain).attr("dns_name").to_string()
    } else if amazon && domain.contains(".s3.") {
        Ref::<Bucket>::physical(domain).attr("domain").to_string()
    } else {
        domain.to_owned()
    }
}

impl Origin {
    pub(super) fn read(from: &sdk::Origin) -> Origin {
        let some = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        Origin {
            domain: linked(from.domain_name()),
            protocol: from.custom_origin_config().map(|c| c.origin_protocol_policy().as_str().to_owned()),
            access_control: some(from.origin_access_control_id()).map(Ref::physical),
            path: some(from.origin_path()),
        }
    }

    /// Writes this origin over the one that was read, or builds a new one: what `stack` does not know stays as it is.
    pub(super) fn write(&self, id: &str, was: Option<sdk::Origin>) -> Result<sdk::Origin> {
        let mut origin = match was {
            Some(origin) => origin,
            None => built(sdk::Origin::builder().id(id).domain_name(&self.domain).build())?,
        };
        origin.domain_name.clone_from(&self.domain);
        origin.origin_path = Some(self.path.clone().unwrap_or_default());
        origin.origin_access_control_id = Some(match &self.access_control {
            Some(control) => control.id()?.to_owned(),
            None => String::new(),
        });
        match &self.protocol {
            Some(protocol) => {
                let protocol = OriginProtocolPolicy::from(protocol.as_str());
                origin.s3_origin_config = None;
                match &mut origin.custom_origin_config {
                    Some(config) => config.origin_protocol_policy = protocol,
                    none => {
                        let tls = built(OriginSslProtocols::builder().quantity(1).items(SslProtocol::TlSv12).build())?;
                        let config = CustomOriginConfig::builder().http_port(80).https_port(443).origin_ssl_protocols(tls);
                        *none = Some(built(config.origin_protocol_policy(protocol).build())?);
                    }
                }
            }
            None => {
                origin.custom_origin_config = None;
                // With an origin access control this is empty, and has to be there.
                let empty = || S3OriginConfig::builder().origin_access_identity("").build();
                origin.s3_origin_config.get_or_insert_with(empty);
            }
        }
        Ok(origin)
    }
}
