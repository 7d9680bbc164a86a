//! The checks of sense: whether the values fit together, which a schema cannot say. They ask AWS nothing.

mod access;
mod alarms;
mod archive;
mod backup;
mod buckets;
mod budget;
mod caches;
mod capacity;
mod cdn;
mod checks;
mod clone;
mod databases;
mod encryption;
mod existing;
mod firewall;
mod images;
mod limits;
mod open;
mod recovery;
mod services;
mod share;
pub mod tags;
#[cfg(test)]
mod tests;

pub use super::secrets::in_command as has_secret;
pub use limits::pair as fargate_pair;
pub(super) use limits::{fargate, reserved_environment};

use checks::Checks;

use super::diagnostic::{Diagnostic, short};
use super::environment;
use super::recovery::Mode;
use super::regions;
use super::suggest;
use super::types::{Nat, Stack, Zones};
use super::values::arn;
use super::yaml::Node;

/// Checks the stack of one environment. `file` is the tree that it was read from, for the places.
pub fn validate(stack: &Stack, file: &Node, env: &str) -> Vec<Diagnostic> {
    let mut checks = Checks { stack, file, prefix: prefix(stack, env), found: Vec::new(), left_out: false };
    checks.region();
    tags::tags(&mut checks);
    share::share(&mut checks, env);
    if stack.share.network.is_none() {
        checks.network();
    }
    if stack.share.load_balancer.is_none() {
        checks.load_balancer();
    }
    existing::existing(&mut checks);
    limits::names(&mut checks);
    services::services(&mut checks);
    images::images(&mut checks);
    services::routes(&mut checks);
    cdn::cdn(&mut checks);
    encryption::encryption(&mut checks);
    access::access(&mut checks);
    alarms::alarms(&mut checks);
    firewall::firewall(&mut checks);
    backup::backup(&mut checks);
    recovery::recovery(&mut checks);
    archive::archive(&mut checks);
    buckets::buckets(&mut checks);
    budget::budget(&mut checks);
    databases::databases(&mut checks);
    caches::caches(&mut checks);
    capacity::capacity(&mut checks);
    clone::clone(&mut checks);
    open::open(&mut checks);
    checks.found
}

/// Returns what the names of the stack's objects in AWS start with.
pub fn prefix(stack: &Stack, env: &str) -> String {
    if env == environment::DEFAULT { stack.stack.to_string() } else { format!("{}-{env}", stack.stack) }
}

impl Checks<'_> {
    fn region(&mut self) {
        let region = &self.stack.region;
        if regions::names().any(|known| known == region) {
            return;
        }
        let message = format!("`{}` is not a region that this version knows", short(region));
        let near = suggest::nearest(region, regions::names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let diagnostic = Diagnostic::warning("unknown-region", message);
        self.at("region", "unknown", diagnostic.help(format!("{near}If AWS has opened it since, ignore this warning")));
    }

    fn network(&mut self) {
        let network = &self.stack.network;
        let bits = network.cidr.0.prefix_len();
        let address = network.cidr.0.network();
        if !(16..=23).contains(&bits) {
            let (why, use_this) = if bits < 16 {
                ("a VPC can be at most a /16".to_owned(), 16)
            } else {
                // Half of it is divided by 8, and the smallest subnet in AWS is a /28.
                ("its subnets would be smaller than a /28, the smallest that AWS allows".to_owned(), 23)
            };
            let whole = ipnet::Ipv4Net::new(address, use_this).map(|net| net.trunc().to_string()).unwrap_or_default();
            self.at(
                "network.cidr",
                "from /16 to /23",
                Diagnostic::error("network-size", format!("the network `{}` does not have a usable size: {why}", network.cidr))
                    .help(format!("write `{whole}`")),
            );
        }
        if !address.is_private() && !is_shared(address) {
            self.at(
                "network.cidr",
                "public addresses",
                Diagnostic::warning(
                    "public-network",
                    format!(
                        "`{}` are public addresses: the hosts on the internet that use them could not be reached",
                        network.cidr
                    ),
                )
                .help("private networks are in `10.0.0.0/8`, `172.16.0.0/12` and `192.168.0.0/16`"),
            );
        }
        if let Zones::Names(names) = &network.zones {
            for (i, zone) in names.iter().enumerate() {
                let path = format!("network.zones[{i}]");
                let letter = zone.strip_prefix(self.stack.region.as_str());
                if !letter.is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_lowercase())) {
                    self.at(
                        &path,
                        "not a zone of the region",
                        Diagnostic::error(
                            "unknown-zone",
                            format!("`{zone}` is not a zone of the region `{}`", self.stack.region),
                        )
                        .help(format!("its zones are `{0}a`, `{0}b` and so on", self.stack.region)),
                    );
                }
                if names[..i].contains(zone) {
                    self.at(
                        &path,
                        "again",
                        Diagnostic::error("duplicate-zone", format!("the zone `{zone}` is listed twice"))
                            .help("list each zone once"),
                    );
                }
            }
        }
        if network.zones.count() < 2 && self.stack.is_load_balanced() {
            let place = if self.file.node("network.zones").is_some() { "network.zones" } else { "network" };
            self.at(
                place,
                "one zone",
                Diagnostic::error("too-few-zones", "a load balancer needs two zones, but the network has one")
                    .help("write `zones: 2` or more, or remove the routes of all services"),
            );
        }
        if network.nat == Nat::None && self.stack.services.values().any(|service| !service.public) {
            self.at(
                "network.nat",
                "no way out",
                Diagnostic::warning(
                    "no-way-out",
                    "without a NAT gateway the services' tasks cannot pull their images or write their logs",
                )
                .help("write `nat: single`, or `public: true` in the services; interface endpoints for ECR and CloudWatch Logs would also do, but `resources` cannot create them"),
            );
        }
    }

    fn load_balancer(&mut self) {
        let Some(balancer) = &self.stack.load_balancer else { return };
        if !self.stack.is_load_balanced() {
            self.at_key(
                "load_balancer",
                "not created",
                Diagnostic::warning("unused-load-balancer", "no service has routes, so there is no load balancer")
                    .help("give a service `routes: [\"/*\"]`, or remove this section"),
            );
        }
        if let Some(certificate) = &balancer.certificate
            && let Some(region) = arn(certificate).map(|fields| fields[3]).filter(|region| *region != self.stack.region)
        {
            self.at(
                "load_balancer.certificate",
                "another region",
                Diagnostic::error(
                    "wrong-region",
                    format!("the certificate is in `{region}`, but the load balancer is in `{}`", self.stack.region),
                )
                .help(format!(
                    "request or import one in `{}`: a load balancer uses only certificates of its own region",
                    self.stack.region
                )),
            );
        }
        if balancer.certificate.is_none() && balancer.ssl_policy.is_some() {
            self.at(
                "load_balancer.ssl_policy",
                "no HTTPS",
                Diagnostic::warning(
                    "unused-ssl-policy",
                    "without a certificate there is no HTTPS, so `ssl_policy` has no effect",
                )
                .help("add `certificate: certificates.NAME`, or remove `ssl_policy`"),
            );
        }
        self.within("load_balancer.idle_timeout", balancer.idle_timeout, 1, 4000);
        let own = [("idle_timeout.timeout_seconds", "idle_timeout"), ("deletion_protection.enabled", "deletion_protection")];
        for (attribute, field) in own {
            if balancer.attributes.contains_key(attribute) {
                let message = format!("the attribute `{attribute}` has its own key");
                let path = format!("load_balancer.attributes.{attribute}");
                self.at(
                    &path,
                    "move this",
                    Diagnostic::error("own-key", message).help(format!("write `{field}` in `load_balancer` instead")),
                );
            }
        }
        if balancer.allow.is_empty() {
            self.at(
                "load_balancer.allow",
                "no networks",
                Diagnostic::warning("none-allowed", "no network may connect to the load balancer")
                    .help("leave out `allow` to allow all addresses, or list networks"),
            );
        }
    }
}

/// Checks whether the address is in the range shared by carriers, `100.64.0.0/10`, which VPCs may use as well.
fn is_shared(address: std::net::Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && (64..128).contains(&b)
}

/// The control that load balancers redirect HTTP to HTTPS.
const REDIRECTS: &str = "ELB.1";

/// Checks whether the file accepts today that a control is not met.
fn is_accepted(stack: &Stack, control: &str) -> bool {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    stack.check.exceptions.get(control).is_some_and(|exception| exception.holds(today))
}

/// Returns notes on what is probably intended and worth a line all the same. `has_network` says whether the file has that section.
pub fn notes(stack: &Stack, has_network: bool) -> Vec<String> {
    let plain = stack.load_balancer.as_ref().is_none_or(|b| b.certificate.is_none() && !b.internal);
    let mut out = Vec::new();
    let private = stack.services.values().any(|service| !service.public);
    let has_network = has_network || stack.existing.network.is_some() || stack.share.network.is_some();
    if private && !has_network {
        out.push(
            "The network has three zones with a NAT gateway each, which cost more than small services: `network: { nat: single }` \
             has one for all zones, and services with `public: true` need none."
                .to_owned(),
        );
    }
    if stack.is_load_balanced() && plain && stack.share.load_balancer.is_none() && !is_accepted(stack, REDIRECTS) {
        out.push(format!(
            "The load balancer serves HTTP only, without encryption. For HTTPS, give it a certificate: \
             `load_balancer: {{ certificate: certificates.NAME }}`. `{REDIRECTS}` in `check.exceptions` accepts it."
        ));
    }
    if let Some(recovery) = stack.recovery.as_ref().filter(|recovery| recovery.mode != Mode::Backup) {
        out.push(format!("The standby in `{}` is kept by a command of its own: `stack recovery apply`.", recovery.region));
    }
    out
}
