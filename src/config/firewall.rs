//! The section `firewall`: AWS WAF before the distribution and the load balancer.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::diagnostic::short;
use super::or_off;
use super::scalar::PATTERN_MESSAGE;
use super::values::{Retention, Wrong, text_value};

/// A web ACL of AWS WAF before the CloudFront distribution, the load balancer or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Firewall {
    /// Whether requests that match a rule are blocked, or only counted. `stack firewall report` shows what was counted.
    pub mode: Mode,
    /// What the firewall stands before. Default: `cdn` if the stack has one, else `load_balancer`.
    #[schemars(length(min = 1))]
    pub before: Option<Vec<Before>>,
    /// The managed rule groups of AWS.
    pub managed: Vec<Group>,
    /// Rules of managed groups that only count, also in the mode `block`: `common.SizeRestrictions_BODY`. Default: none.
    #[schemars(with = "Vec<Counted>", example = &["common.SizeRestrictions_BODY"])]
    pub count: Vec<String>,
    /// The number of requests from one address in 5 minutes from which on they are blocked. Default: no limit.
    #[schemars(range(min = 10, max = 2_000_000_000))]
    pub rate_limit: Option<u32>,
    /// Networks whose requests always pass, in both modes. Default: none.
    #[schemars(length(max = 10_000))]
    pub allow: Vec<AnyCidr>,
    /// Networks whose requests are blocked. Default: none.
    #[schemars(length(max = 10_000))]
    pub deny: Vec<AnyCidr>,
    /// Countries from which requests pass, or are blocked. Default: all pass.
    pub countries: Option<Countries>,
    /// The log of requests, without the headers `authorization` and `cookie`.
    pub logs: FirewallLogs,
}

/// Reads and writes the section where `off` stands for none, as a file without it has.
pub(super) mod guarded {
    use super::*;

    pub fn serialize<S: Serializer>(section: &Option<Firewall>, serializer: S) -> Result<S::Ok, S::Error> {
        or_off::write(section, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Firewall>, D::Error> {
        or_off::read(deserializer, || None)
    }
}

/// A rule of a managed group; only its schema is used.
struct Counted;

impl JsonSchema for Counted {
    fn schema_name() -> Cow<'static, str> {
        "CountedRule".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": "stack-sense", "pattern": r"^[a-z_]+\.[A-Za-z0-9_]+$",
            PATTERN_MESSAGE: "write a group and its rule, like `common.SizeRestrictions_BODY`",
        })
    }
}

impl Default for Firewall {
    fn default() -> Self {
        Firewall {
            mode: Mode::Count,
            before: None,
            managed: vec![Group::Common, Group::KnownBadInputs, Group::IpReputation],
            count: Vec::new(),
            rate_limit: None,
            allow: Vec::new(),
            deny: Vec::new(),
            countries: None,
            logs: FirewallLogs::default(),
        }
    }
}

/// What is done with requests that match a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They pass and are counted.
    #[default]
    Count,
    /// They are blocked.
    Block,
}

/// What the firewall stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// The CloudFront distribution.
    Cdn,
    /// The load balancer. Behind a distribution it sees the addresses of CloudFront, not those of viewers.
    LoadBalancer,
}

/// Declares the managed groups: for each its name, AWS's name, and the capacity units that it needs.
macro_rules! groups {
    ($($(#[$doc:meta])* $group:ident = $name:literal, $capacity:literal;)*) => {
        /// A managed rule group of AWS.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Group {
            $($(#[$doc])* $group,)*
        }

        impl Group {
            /// Every group, in the order in which they are asked.
            pub const ALL: &[Group] = &[$(Group::$group,)*];

            /// Returns AWS's name of the group.
            pub fn aws(self) -> &'static str {
                match self { $(Group::$group => $name,)* }
            }

            /// Returns the capacity units that the group needs.
            pub fn capacity(self) -> u32 {
                match self { $(Group::$group => $capacity,)* }
            }
        }
    };
}

// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html>. Those that are charged for by themselves
// (bots, account takeover, account creation fraud, DDoS) are left out.
groups! {
    /// Addresses that Amazon knows for attacks.
    IpReputation = "AWSManagedRulesAmazonIpReputationList", 25;
    /// Anonymous proxies, Tor, and addresses of hosting providers.
    AnonymousIp = "AWSManagedRulesAnonymousIpList", 50;
    /// Requests that are known to be invalid or to exploit vulnerabilities, such as Log4j.
    KnownBadInputs = "AWSManagedRulesKnownBadInputsRuleSet", 200;
    /// The usual attacks on web applications, such as cross-site scripting; also bodies of more than 8 KB.
    Common = "AWSManagedRulesCommonRuleSet", 700;
    /// Requests to pages for administrators.
    AdminProtection = "AWSManagedRulesAdminProtectionRuleSet", 100;
    /// SQL injection.
    SqlInjection = "AWSManagedRulesSQLiRuleSet", 200;
    /// Attacks that are specific to Linux, such as local file inclusion.
    Linux = "AWSManagedRulesLinuxRuleSet", 200;
    /// Attacks that are specific to POSIX systems.
    Unix = "AWSManagedRulesUnixRuleSet", 100;
    /// Attacks that are specific to Windows, such as PowerShell commands.
    Windows = "AWSManagedRulesWindowsRuleSet", 200;
    /// Attacks that are specific to PHP.
    Php = "AWSManagedRulesPHPRuleSet", 100;
    /// Attacks that are specific to WordPress.
    Wordpress = "AWSManagedRulesWordPressRuleSet", 100;
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Serialize::serialize(self, f)
    }
}

/// Countries from which requests pass, or are blocked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Countries {
    /// The countries from which requests pass, at most 50; from all others they are blocked. Default: all.
    #[schemars(length(max = 50))]
    pub allow: Vec<Country>,
    /// The countries from which requests are blocked, at most 50. Default: none.
    #[schemars(length(max = 50))]
    pub deny: Vec<Country>,
}

/// The log of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FirewallLogs {
    /// Which requests are logged.
    pub keep: Kept,
    /// How long CloudWatch Logs keeps log events.
    pub retention: Retention,
}

impl Default for FirewallLogs {
    fn default() -> Self {
        FirewallLogs { keep: Kept::Matched, retention: Retention::MONTH }
    }
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Those that a rule blocks or counts.
    #[default]
    Matched,
    /// All requests. CloudWatch Logs charges for each.
    All,
    /// No requests: there is no log.
    None,
}

/// A network of IPv4 or IPv6, with no bit set beyond its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnyCidr(pub IpNet);

impl fmt::Display for AnyCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for AnyCidr {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let said = short(text);
        let net: IpNet = text.parse().map_err(|_| {
            let help = match text.parse::<std::net::IpAddr>() {
                Ok(address) => format!("for this address alone write `{text}/{}`", if address.is_ipv4() { 32 } else { 128 }),
                Err(_) => "write an address, a slash and a prefix length: `192.0.2.0/24` or `2001:db8::/32`".to_owned(),
            };
            Wrong::new(format!("`{said}` is not a network"), help)
        })?;
        if net.prefix_len() == 0 {
            // <https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html>
            return Err(Wrong::new(format!("`{said}` is all addresses, which WAF does not accept"), "name the networks"));
        }
        if net.trunc() != net {
            let help = format!("the network is `{}`", net.trunc());
            return Err(Wrong::new(format!("`{said}` is an address inside a network, not a network"), help));
        }
        Ok(AnyCidr(net))
    }
}

text_value!(
    AnyCidr,
    "AnyCidr",
    json_schema!({
        "type": "string", "format": "stack-any-cidr", "pattern": r"^[0-9a-fA-F:.]+/[0-9]{1,3}$",
        PATTERN_MESSAGE: "write a network in CIDR notation, like `192.0.2.0/24` or `2001:db8::/32`",
        "description": "An IPv4 or IPv6 network in CIDR notation: `192.0.2.0/24`, `2001:db8::/32`.",
        "examples": ["192.0.2.0/24", "2001:db8::/32"],
    })
);

/// The countries that WAF knows (<https://docs.aws.amazon.com/waf/latest/APIReference/API_GeoMatchStatement.html>).
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW \
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB \
    GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM \
    KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC \
    NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL \
    SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK \
    YE YT ZA ZM ZW";

/// A country by its two letters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country(String);

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Country {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let is_known = |code: &str| COUNTRIES.split(' ').any(|known| known == code);
        if is_known(text) {
            return Ok(Country(text.to_owned()));
        }
        let upper = text.to_ascii_uppercase();
        let help = match upper.as_str() {
            "UK" => "the United Kingdom is `GB`".to_owned(),
            "EL" => "Greece is `GR`".to_owned(),
            code if is_known(code) => format!("write `{code}`"),
            _ => "write the two letters of ISO 3166, like `DE`".to_owned(),
        };
        Err(Wrong::new(format!("there is no country `{}`", short(text)), help))
    }
}

text_value!(
    Country,
    "Country",
    json_schema!({
        "type": "string", "format": "stack-country", "pattern": "^[A-Z]{2}$",
        PATTERN_MESSAGE: "write the two letters of ISO 3166, like `DE`",
        "description": "A country by its two letters of ISO 3166: `DE`.", "examples": ["DE", "US"],
    })
);

impl Firewall {
    /// Returns what it stands before: as written, or what viewers reach first.
    pub fn stands_before(&self, has_cdn: bool) -> Vec<Before> {
        let usual = if has_cdn { Before::Cdn } else { Before::LoadBalancer };
        let mut all = self.before.clone().unwrap_or_else(|| vec![usual]);
        all.sort();
        all.dedup();
        all
    }

    /// Returns the managed groups in the order in which they are asked.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        Group::ALL.iter().copied().filter(|group| self.managed.contains(group))
    }

    /// Returns the rules of a group that only count.
    pub fn counted(&self, group: Group) -> Vec<String> {
        let name = group.to_string();
        let of_group = |counted: &String| Some(counted.strip_prefix(&name)?.strip_prefix('.')?.to_owned());
        self.count.iter().filter_map(of_group).collect()
    }

    /// Returns the capacity units that its rules need: one for each IP set and list of countries, two for the rate
    /// (<https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html>).
    pub fn capacity(&self) -> u32 {
        let sets = |nets: &[AnyCidr]| {
            u32::from(nets.iter().any(|net| net.0.addr().is_ipv4())) + u32::from(nets.iter().any(|net| net.0.addr().is_ipv6()))
        };
        let own = sets(&self.allow) + sets(&self.deny) + u32::from(self.countries.is_some());
        self.groups().map(Group::capacity).sum::<u32>() + own + self.rate_limit.map_or(0, |_| 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_both_sorts_are_read() {
        let read = |text: &str| text.parse::<AnyCidr>().map(|net| net.to_string()).map_err(|wrong| wrong.help);
        assert_eq!(read("192.0.2.0/24"), Ok("192.0.2.0/24".into()));
        assert_eq!(read("2001:DB8:0::/32"), Ok("2001:db8::/32".into()));
        assert_eq!(read("192.0.2.7"), Err("for this address alone write `192.0.2.7/32`".into()));
        assert_eq!(read("2001:db8::7"), Err("for this address alone write `2001:db8::7/128`".into()));
        assert_eq!(read("192.0.2.7/24"), Err("the network is `192.0.2.0/24`".into()));
        assert_eq!(read("::/0"), Err("name the networks".into()));
    }

    #[test]
    fn countries_have_two_letters() {
        let read = |text: &str| text.parse::<Country>().map(|country| country.to_string()).map_err(|wrong| wrong.help);
        assert_eq!(COUNTRIES.split(' ').count(), 250);
        assert_eq!(read("DE"), Ok("DE".into()));
        assert_eq!(read("de"), Err("write `DE`".into()));
        assert_eq!(read("UK"), Err("the United Kingdom is `GB`".into()));
        assert!(read("ZZ").is_err());
    }

    #[test]
    fn groups_are_asked_in_their_order_and_counted() {
        let firewall = Firewall::default();
        let names: Vec<String> = firewall.groups().map(|group| group.to_string()).collect();
        assert_eq!(names, ["ip_reputation", "known_bad_inputs", "common"]);
        assert_eq!(firewall.capacity(), 925);
        let more = Firewall {
            rate_limit: Some(2000),
            deny: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            count: vec!["common.SizeRestrictions_BODY".into()],
            ..Firewall::default()
        };
        assert_eq!(more.capacity(), 929);
        assert_eq!(more.counted(Group::Common), ["SizeRestrictions_BODY"]);
        assert_eq!(more.counted(Group::KnownBadInputs), Vec::<String>::new());
    }
}
