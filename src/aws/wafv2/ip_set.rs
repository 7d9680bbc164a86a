use aws_sdk_wafv2::types::{self as sdk, IpAddressVersion};
use futures::future::try_join_all;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Called, Candidate, SCOPES, candidates, claim, client, name, new_tags, retag};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::Tags;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wafv2::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Diff, Observed, Readiness, Resource, Result, Rule, Usual};

/// What IP sets are called in ARNs.
pub(super) const SORT: &str = "ipset";
/// The maximum number of addresses (<https://docs.aws.amazon.com/waf/latest/developerguide/limits.html>).
const ADDRESSES: usize = 10_000;
pub(super) const V4: &str = "IPV4";
const VERSIONS: &[&str] = &[V4, "IPV6"];

/// An IP set: networks that rules of web ACLs name together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IpSet {
    /// Where it is used: `REGIONAL` for load balancers, `CLOUDFRONT` for distributions. It cannot be changed.
    pub scope: String,
    /// The sort of addresses: `IPV4` or `IPV6`. It cannot be changed.
    pub version: String,
    /// The networks in CIDR notation, at most 10,000. `0.0.0.0/0` and `::/0` are not possible.
    pub addresses: Vec<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

impl Live {
    fn of(arn: &str) -> Live {
        Live { id: arn.to_owned(), arn: arn.to_owned() }
    }
}

/// Returns a network in its usual spelling: WAF keeps IPv6 addresses as they were written.
fn spelled(address: &str) -> String {
    address.parse::<IpNet>().map_or_else(|_| address.to_owned(), |net| net.trunc().to_string())
}

/// Reads an IP set, and the token that a change of it must name.
async fn read(cx: &Cx, called: &Called) -> Result<(sdk::IpSet, String)> {
    const OP: &str = "wafv2:GetIPSet";
    let call = called.client(cx).get_ip_set().scope(called.sdk()).name(&called.name).id(&called.id);
    let answer = call.send().await.map_err(failed(OP))?;
    let set = answer.ip_set.ok_or_else(|| incomplete(OP, "the IP set"))?;
    Ok((set, answer.lock_token.ok_or_else(|| incomplete(OP, "a lock token"))?))
}

async fn observed(cx: &Cx, Candidate { called, tags }: Candidate) -> Result<Option<Observed<IpSet>>> {
    let Some((set, _)) = present(read(cx, &called).await.map(Some))? else { return Ok(None) };
    Ok(Some(Observed {
        claim: claim(cx, IpSet::KIND, called.scope, &tags, &called.name),
        live: Live::of(&called.arn),
        fields: IpSet {
            scope: called.scope.to_owned(),
            version: set.ip_address_version().as_str().to_owned(),
            addresses: set.addresses().iter().map(|address| spelled(address)).collect(),
            tags,
        },
        state: Readiness::Ready,
    }))
}

impl Resource for IpSet {
    const KIND: &'static str = "wafv2.ip_set";
    const RULES: &'static [Rule] =
        &[Rule::immutable("scope"), Rule::immutable("version"), Rule::set("addresses"), Rule::owned("tags")];
    const USUAL: Usual = Usual::secs(2, 2);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.addresses.len() > ADDRESSES {
            return Some(("addresses", format!("there are {}, and WAF accepts at most {ADDRESSES}", self.addresses.len())));
        }
        let mut nets = self.addresses.iter().filter_map(|text| Some((text, text.parse::<IpNet>().ok()?)));
        nets.find_map(|(text, net)| {
            // <https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html>
            let why = match net {
                _ if net.prefix_len() == 0 => "WAF accepts no network of all addresses",
                IpNet::V4(_) if self.version != V4 => "it is of IPv4",
                IpNet::V6(_) if self.version == V4 => "it is of IPv6",
                _ => return None,
            };
            Some(("addresses", format!("`{text}`: {why}")))
        })
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = try_join_all(candidates(cx, SORT).await?.into_iter().map(|one| observed(cx, one))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "wafv2:CreateIPSet";
        let call = client(cx, &self.scope).create_ip_set().name(name(cx, &self.scope));
        let call = call.scope(sdk::Scope::from(self.scope.as_str()));
        let call = call.ip_address_version(IpAddressVersion::from(self.version.as_str()));
        let call = call.set_addresses(Some(self.addresses.clone())).set_tags(Some(new_tags(cx, &self.scope, &self.tags)?));
        let answer = call.send().await.map_err(failed(OP))?;
        let arn = answer.summary.and_then(|made| made.arn).ok_or_else(|| incomplete(OP, "the IP set's ARN"))?;
        Ok(Live::of(&arn))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let called = Called::known(&live.arn, SORT)?;
        if diff.touches("addresses") {
            let (set, token) = read(cx, &called).await?;
            let call = called.client(cx).update_ip_set().scope(called.sdk()).name(&called.name).id(&called.id);
            // What is left out is removed.
            let call = call.set_description(set.description.filter(|text| !text.is_empty()));
            let call = call.set_addresses(Some(self.addresses.clone())).lock_token(token);
            call.send().await.map_err(failed("wafv2:UpdateIPSet"))?;
        }
        retag(cx, &called, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let called = Called::known(&live.arn, SORT)?;
        let (_, token) = read(cx, &called).await?;
        let call = called.client(cx).delete_ip_set().scope(called.sdk()).name(&called.name).id(&called.id);
        call.lock_token(token).send().await.map_err(failed("wafv2:DeleteIPSet"))?;
        Ok(())
    }
}

impl AwsKind for IpSet {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["wafv2:CreateIPSet", "wafv2:TagResource"],
        update: &["wafv2:UpdateIPSet", "wafv2:TagResource", "wafv2:UntagResource"],
        delete: &["wafv2:DeleteIPSet"],
    };
    const SPELLING: &'static [Spelling] =
        &[("scope", How::Word(SCOPES)), ("version", How::Word(VERSIONS)), ("addresses.*", How::Network)];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::wafv2::CLOUDFRONT;

    #[test]
    fn what_waf_refuses_is_refused() {
        let refused = |version: &str, addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
            IpSet { scope: CLOUDFRONT.into(), version: version.into(), addresses, tags: Tags::new() }.refused().is_some()
        };
        assert!(!refused(V4, &["192.0.2.0/24", "198.51.100.7/32"]) && !refused("IPV6", &["2001:db8::/32"]) && !refused(V4, &[]));
        assert!(refused(V4, &["0.0.0.0/0"]) && refused("IPV6", &["::/0"]));
        assert!(refused(V4, &["2001:db8::/32"]) && refused("IPV6", &["192.0.2.0/24"]));
        assert!(refused(V4, &["192.0.2.0/24"; ADDRESSES + 1]));
    }

    #[test]
    fn addresses_are_compared_in_one_spelling() {
        assert_eq!(spelled("2001:0DB8:0000:0000:0000:0000:0000:0001/128"), "2001:db8::1/128");
        assert_eq!(spelled("192.0.2.0/24"), "192.0.2.0/24");
    }
}
