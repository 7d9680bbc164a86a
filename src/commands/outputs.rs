use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::Value;

use super::arguments::{Aws, FileOrStack};
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws;
use crate::blueprint::objects::{ASSETS, AUDITOR, BREAK_GLASS, DISTRIBUTION, PIPELINE};
use crate::engine::token;
use crate::engine::{Ids, Key, Plan, Seen, Snapshot};
use crate::ui::{self, Color, Terminal};

/// Print the URL, endpoints and identifiers of what is running
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// Print only the value of this output
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print the outputs as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    // With `--stack` the only word is the output's name.
    let (file, name) = arguments.file.maybe(arguments.name)?;
    let session = Session::given(&file, &arguments.aws, color).await?;
    let outputs = of(&session.snapshot().await?);
    if let Some(name) = &name {
        let value = outputs.get(name).ok_or_else(|| {
            let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
            let help = match names.is_empty() {
                true => "nothing is running; `stack apply` creates it".to_owned(),
                false => format!("outputs are: {}", names.join(", ")),
            };
            Stop::message(format!("output `{name}` does not exist"), help)
        })?;
        ui::out(&if arguments.json { session::json(value)? } else { format!("{value}\n") })?;
    } else if arguments.json {
        ui::out(&session::json(&outputs)?)?;
    } else {
        let rows: Vec<Vec<String>> = outputs.into_iter().map(|(k, v)| vec![k, v]).collect();
        if rows.is_empty() {
            ui::err(&ui::note("Nothing is running; `stack apply` creates it.", &Terminal::stderr(color)))?;
        } else {
            ui::out(&ui::table(&Terminal::stdout(color), &["NAME", "VALUE"], &rows))?;
        }
    }
    Ok(Exit::Ok)
}

/// Returns the outputs by name.
pub fn of(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Reached { url, missing } = reached(Ways::of(snapshot));
    out.extend(url.clone().map(|url| ("url".to_owned(), url)));
    out.extend(
        missing
            .into_iter()
            .filter(|(name, _)| name != A_NAME)
            .map(|(name, target)| (format!("dns.{name}"), format!("CNAME {target}"))),
    );
    let is_service = |name: &str| snapshot.seen.iter().any(|seen| seen.key() == Some(Key::new("ecs.service", name)));
    for seen in &snapshot.seen {
        let Some(Key { kind, name }) = seen.key() else { continue };
        let text = |field: &str| seen.live.get(field).and_then(Value::as_str).map(str::to_owned);
        let mut put = |what: String, value: Option<String>| {
            if let Some(value) = value {
                out.insert(what, value);
            }
        };
        for (output, field) in aws::kind(&kind).map(|row| row.outputs).unwrap_or_default() {
            put(output.replace("{name}", &name), text(field));
        }
        match kind.as_str() {
            "cloudfront.distribution" if name == DISTRIBUTION => {
                put("cdn.url".into(), url.clone());
                put("cdn.domain".into(), text("domain"));
                put("cdn.zone_id".into(), text("zone_id"));
                put("cdn.distribution_id".into(), text("id"));
            }
            "s3.bucket" if name == ASSETS => put("cdn.bucket".into(), text("name")),
            "s3.bucket" if seen.section().is_some_and(|section| section.starts_with("buckets.")) => {
                put(format!("buckets.{name}.name"), text("name"));
            }
            // By the user name, which need not be the object's name.
            "iam.user" => put(format!("access.users.{}", text("id").unwrap_or(name)), text("arn")),
            "iam.role" if name == AUDITOR => put("access.auditor".into(), text("arn")),
            "iam.role" if name == BREAK_GLASS => put("access.break_glass".into(), text("arn")),
            "iam.role" => put(
                format!("access.pipelines.{}", name.strip_suffix(PIPELINE).unwrap_or(&name)),
                text("arn").filter(|_| name.ends_with(PIPELINE)),
            ),
            "logs.log_group" if is_service(&name) => put(format!("services.{name}.logs"), text("name")),
            _ => {}
        }
    }
    out
}

/// Stands for a name in a certificate that is not the stack's, whose names are not known here.
const A_NAME: &str = "NAME-IN-THE-CERTIFICATE";

/// Where the application can be reached, and which DNS records are missing for that.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The address that answers now.
    pub url: Option<String>,
    /// Records that the stack does not write and that are needed first: name and target.
    pub missing: Vec<(String, String)>,
}

/// What [`reached`] needs to know, from a plan or from AWS.
#[derive(Default)]
struct Ways {
    /// The distribution: its aliases and its own name.
    cdn: Option<(Vec<String>, String)>,
    /// The load balancer's name, and with HTTPS the names in its certificate, as far as they are known.
    balancer: Option<(String, Option<Vec<String>>)>,
    /// The host name of a rule at another environment's load balancer, and whether that serves HTTPS.
    shared: Option<(String, bool)>,
    /// The names that the stack has a record for.
    written: BTreeSet<String>,
}

/// Chooses the address: a name with a record, or the target's own name.
fn reached(ways: Ways) -> Reached {
    let Ways { cdn, balancer, shared, written } = ways;
    let (names, target, bare) = match (cdn, balancer) {
        (Some((aliases, domain)), _) => (aliases, domain.clone(), Some(address(&domain, true))),
        // There is no certificate for a load balancer's own name.
        (None, Some((dns, Some(names)))) => (names, dns, None),
        (None, Some((dns, None))) => return Reached { url: Some(address(&dns, false)), missing: Vec::new() },
        (None, None) => {
            let url = shared.map(|(host, secure)| address(&host, secure));
            return Reached { url, missing: Vec::new() };
        }
    };
    if names.is_empty() && bare.is_none() {
        return Reached { url: None, missing: vec![(A_NAME.into(), target)] };
    }
    let names = names.into_iter().filter(|name| !name.starts_with('*'));
    let (here, missing): (Vec<String>, Vec<String>) = names.partition(|name| written.contains(&name.to_ascii_lowercase()));
    Reached {
        url: here.first().map(|name| address(name, true)).or(bare),
        missing: missing.into_iter().map(|name| (name, target.clone())).collect(),
    }
}

/// Returns the texts of a field that is a list or one text.
fn texts(fields: &Value, field: &str) -> Vec<String> {
    match fields.get(field) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Returns the names that a certificate is for.
fn names(certificate: &Value) -> Vec<String> {
    [texts(certificate, "domain"), texts(certificate, "names")].concat()
}

impl Ways {
    /// Returns the name of a DNS record.
    fn is_record(kind: &str, fields: &Value) -> Option<String> {
        (kind == "route53.record").then(|| texts(fields, "name").pop())?.map(|name| name.to_ascii_lowercase())
    }

    /// Reads them from AWS's objects.
    fn of(snapshot: &Snapshot) -> Ways {
        let mut ways = Ways::default();
        let text = |seen: &Seen, field: &str| seen.live.get(field).and_then(Value::as_str).map(str::to_owned);
        for seen in snapshot.seen.iter().filter(|seen| seen.key().is_some()) {
            ways.written.extend(Ways::is_record(&seen.kind, &seen.fields));
            match seen.kind.as_str() {
                "cloudfront.distribution" if is_distribution(seen) => {
                    ways.cdn = text(seen, "domain").map(|domain| (texts(&seen.fields, "aliases"), domain));
                }
                "elbv2.load_balancer" => ways.balancer = text(seen, "dns_name").map(|dns| (dns, None)),
                _ => {}
            }
        }
        let https = snapshot.seen.iter().find(|s| s.kind == "elbv2.listener" && s.fields.get("port") == Some(&443.into()));
        if let (Some(https), Some((_, certificate))) = (https, &mut ways.balancer) {
            let used = texts(&https.fields, "certificate").concat();
            let own = snapshot
                .seen
                .iter()
                .find(|s| s.kind == "acm.certificate" && text(s, "arn").is_some_and(|arn| used.contains(&arn)));
            *certificate = Some(own.map(|own| names(&own.fields)).unwrap_or_default());
        }
        if ways.balancer.is_none() {
            ways.shared = shared(snapshot);
        }
        ways
    }

    /// Reads them from a plan and the ids of what was created.
    fn made(ids: &Ids, plan: &Plan) -> Ways {
        let mut ways = Ways::default();
        let desired = |key: &Key| plan.items.iter().filter(|i| i.key == *key).find_map(|i| i.desired.as_ref());
        for item in &plan.items {
            let Some(fields) = &item.desired else { continue };
            ways.written.extend(Ways::is_record(&item.key.kind, fields));
            if item.key == Key::new("cloudfront.distribution", DISTRIBUTION) {
                ways.cdn = ids.attr(&item.key, "domain").map(|domain| (texts(fields, "aliases"), domain));
            } else if item.key.kind == "elbv2.load_balancer" {
                ways.balancer = ids.attr(&item.key, "dns_name").map(|dns| (dns, None));
            }
        }
        if let (Some(https), Some((_, certificate))) = (desired(&Key::new("elbv2.listener", "https")), &mut ways.balancer) {
            let own = https.get("certificate").and_then(|text| token::named(text).into_keys().next());
            *certificate = Some(own.and_then(|key| desired(&key)).map(|certificate| names(certificate)).unwrap_or_default());
        }
        ways
    }
}

/// Returns where a guest answers: the host name of its broadest rule, and whether the listener of that serves HTTPS.
fn shared(snapshot: &Snapshot) -> Option<(String, bool)> {
    let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind);
    let rules = of_kind("elbv2.rule").filter(|seen| seen.key().is_some());
    let named = rules.filter_map(|rule| Some((rule, texts(&rule.fields, "hosts").into_iter().find(|host| !host.contains('*'))?)));
    let (rule, host) = named.min_by_key(|(rule, _)| texts(&rule.fields, "paths").concat().len())?;
    let of_rule = Ids::default().text(rule.fields.get("listener")?.as_str()?).ok()?;
    let listener = of_kind("elbv2.listener").find(|listener| listener.id() == of_rule)?;
    Some((host, listener.fields.get("protocol") == Some(&"HTTPS".into())))
}

fn is_distribution(seen: &Seen) -> bool {
    seen.key() == Some(Key::new("cloudfront.distribution", DISTRIBUTION))
}

fn address(dns: &str, secure: bool) -> String {
    format!("{}://{dns}", if secure { "https" } else { "http" })
}

/// Returns where the application answers after an apply: at a name that the stack has a record for, else at CloudFront's name,
/// else at the load balancer's; and the names whose records are missing.
pub fn after(ids: &Ids, plan: &Plan) -> Reached {
    reached(Ways::made(ids, plan))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Claim, Readiness};

    fn told(ways: Ways) -> (Option<String>, Vec<String>) {
        let Reached { url, missing } = reached(ways);
        (url, missing.into_iter().map(|(name, target)| format!("{name} {target}")).collect())
    }

    #[test]
    fn objects_of_sections_have_outputs() {
        let ours = |kind: &str, name: &str| {
            Seen {
            kind: kind.into(),
            claim: Claim::Ours(name.into()),
            live: json!({"id": format!("id-{name}"), "arn": format!("arn-{name}"), "name": format!("name-{name}"), "domain": "d1.net"})
                .into(),
            fields: json!({}).into(),
            state: Readiness::Ready,
        }
        };
        let roles = [AUDITOR, BREAK_GLASS, "shop-pipeline", "web-task"].map(|name| ours("iam.role", name));
        let cdn = [ours("cloudfront.distribution", DISTRIBUTION), ours("cloudfront.distribution", "other")];
        let buckets = [ours("s3.bucket", ASSETS), ours("s3.bucket", "uploads")];
        let seen = roles.into_iter().chain(cdn).chain(buckets).collect();
        let found = of(&Snapshot { seen, ..Snapshot::default() });
        for (output, value) in [
            ("access.auditor", "arn-auditor"),
            ("access.break_glass", "arn-break-glass"),
            ("access.pipelines.shop", "arn-shop-pipeline"),
            ("cdn.bucket", "name-assets"),
            ("cdn.distribution_id", "id-main"),
            ("cdn.url", "https://d1.net"),
        ] {
            assert_eq!(found.get(output).map(String::as_str), Some(value), "{output}: {found:?}");
        }
        assert!(!found.values().any(|value| value.ends_with("web-task") || value.ends_with("other")), "{found:?}");
    }

    #[test]
    fn only_a_name_with_a_record_is_the_address() {
        let all = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let cdn = || Some((all(&["*.example.com", "www.example.com", "example.com"]), "d1.cloudfront.net".to_owned()));
        let written = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let (url, missing) = told(Ways { cdn: cdn(), written: written(&["www.example.com"]), ..Ways::default() });
        assert_eq!(url.as_deref(), Some("https://www.example.com"));
        assert_eq!(missing, ["example.com d1.cloudfront.net"]);
        let (url, missing) = told(Ways { cdn: cdn(), ..Ways::default() });
        assert_eq!(url.as_deref(), Some("https://d1.cloudfront.net"));
        assert_eq!(missing.len(), 2);
        let plain = Some(("a.elb.amazonaws.com".to_owned(), None));
        assert_eq!(told(Ways { balancer: plain, ..Ways::default() }), (Some("http://a.elb.amazonaws.com".into()), Vec::new()));
        let balancer = || Some(("a.elb.amazonaws.com".to_owned(), Some(all(&["www.example.com"]))));
        let (url, missing) = told(Ways { balancer: balancer(), ..Ways::default() });
        assert_eq!(
            (url, missing),
            (None, all(&["www.example.com a.elb.amazonaws.com"])),
            "the certificate is not for its own name"
        );
        let (url, _) = told(Ways { balancer: balancer(), written: written(&["www.example.com"]), ..Ways::default() });
        assert_eq!(url.as_deref(), Some("https://www.example.com"));
        let theirs = Some(("a.elb.amazonaws.com".to_owned(), Some(Vec::new())));
        assert_eq!(told(Ways { balancer: theirs, ..Ways::default() }).1, ["NAME-IN-THE-CERTIFICATE a.elb.amazonaws.com"]);
        assert_eq!(reached(Ways::default()), Reached::default());
    }
}
