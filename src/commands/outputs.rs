use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::session::{self, Session};
use super::{Aws, Exit, Result, StackFile, Stop};
use crate::engine::{Ids, Key, Plan, Seen, Snapshot};
use crate::ui::{self, Color, Look};

/// Print the address, endpoints and identifiers of what is running.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Only this one, bare
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let loaded = session::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let outputs = of(&session.snapshot().await?);
    if let Some(name) = &arguments.name {
        let value = outputs.get(name).ok_or_else(|| {
            let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
            Stop::message(format!("there is no output `{name}`"), format!("there are: {}", names.join(", ")))
        })?;
        ui::out(&if arguments.json { super::json(value)? } else { format!("{value}\n") })?;
    } else if arguments.json {
        ui::out(&super::json(&outputs)?)?;
    } else {
        let rows: Vec<Vec<String>> = outputs.into_iter().map(|(k, v)| vec![k, v]).collect();
        if rows.is_empty() {
            ui::err(&ui::note("Nothing is running: `stack apply` brings it up.", &Look::stderr(color)))?;
        } else {
            ui::out(&ui::table(&Look::stdout(color), &["NAME", "VALUE"], &rows))?;
        }
    }
    Ok(Exit::Ok)
}

/// What people and scripts ask for, by name.
pub fn of(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for seen in &snapshot.seen {
        let Some(Key { kind, name }) = seen.key() else { continue };
        let text = |field: &str| seen.live.get(field).and_then(Value::as_str).map(str::to_owned);
        let mut put = |what: String, value: Option<String>| {
            if let Some(value) = value {
                out.insert(what, value);
            }
        };
        match kind.as_str() {
            "elbv2.load_balancer" => {
                let secure =
                    snapshot.seen.iter().any(|s| s.kind == "elbv2.listener" && s.fields.get("port") == Some(&443.into()));
                if !snapshot.seen.iter().any(is_distribution) {
                    put("url".into(), text("dns_name").map(|dns| address(&dns, secure)));
                }
                put("load_balancer.arn".into(), text("arn"));
                put("load_balancer.dns_name".into(), text("dns_name"));
            }
            "cloudfront.distribution" if name == CDN => {
                let url = text("domain").map(|domain| delivered(alias(&seen.fields), &domain));
                put("url".into(), url.clone());
                put("cdn.url".into(), url);
                put("cdn.domain".into(), text("domain"));
                put("cdn.distribution_id".into(), text("id"));
            }
            "s3.bucket" if name == "assets" => put("cdn.bucket".into(), text("name")),
            "kms.key" => put(format!("keys.{name}.arn"), text("arn")),
            "kms.alias" => put(format!("keys.{name}.alias"), text("id")),
            "acm.certificate" => put(format!("certificates.{name}.arn"), text("arn")),
            "iam.group" => put(format!("access.groups.{name}"), text("arn")),
            // By what they are called, which the object's own name need not be.
            "iam.user" => put(format!("access.users.{}", text("id").unwrap_or(name)), text("arn")),
            "ecs.cluster" => put("cluster".into(), text("name")),
            "ecs.service" => put(format!("services.{name}.arn"), text("arn")),
            "rds.instance" => {
                put(format!("databases.{name}.endpoint"), text("host"));
                put(format!("databases.{name}.port"), text("port"));
                put(format!("databases.{name}.secret_arn"), text("secret_arn"));
            }
            "logs.log_group" => put(format!("services.{name}.logs"), text("name")),
            "elasticache.replication_group" | "elasticache.cluster" => {
                put(format!("caches.{name}.endpoint"), text("endpoint"));
                put(format!("caches.{name}.reader"), text("reader"));
                put(format!("caches.{name}.port"), text("port"));
            }
            "ec2.vpc" => put("network.vpc".into(), text("id")),
            "ec2.subnet" => put(format!("network.subnets.{name}"), text("id")),
            "ec2.address" => put(format!("network.addresses.{name}"), text("public_ip")),
            "ec2.security_group" => put(format!("network.security_groups.{name}"), text("id")),
            _ => {}
        }
    }
    out
}

/// What the distribution of the section `cdn` is called.
const CDN: &str = "main";

fn is_distribution(seen: &Seen) -> bool {
    seen.key() == Some(Key::new("cloudfront.distribution", CDN))
}

/// The first name under which a distribution answers that is not a pattern.
fn alias(distribution: &Value) -> Option<&str> {
    let aliases = distribution.get("aliases")?.as_array()?;
    aliases.iter().filter_map(Value::as_str).find(|alias| !alias.starts_with('*'))
}

fn delivered(alias: Option<&str>, domain: &str) -> String {
    address(alias.unwrap_or(domain), true)
}

fn address(dns: &str, secure: bool) -> String {
    format!("{}://{dns}", if secure { "https" } else { "http" })
}

/// Where the application answers, after an apply: under an alias, else at CloudFront's name, else at the load balancer's.
pub fn url(ids: &Ids, plan: &Plan) -> Option<String> {
    let cdn = Key::new("cloudfront.distribution", CDN);
    let desired = plan.items.iter().filter(|i| i.key == cdn).find_map(|i| i.desired.as_ref());
    if let (Some(desired), Some(domain)) = (desired, ids.attr(&cdn, "domain")) {
        return Some(delivered(alias(desired), &domain));
    }
    let balancer = plan.items.iter().find(|i| i.key.kind == "elbv2.load_balancer" && i.desired.is_some())?;
    let secure = plan.items.iter().any(|i| i.key == Key::new("elbv2.listener", "https") && i.desired.is_some());
    ids.attr(&balancer.key, "dns_name").map(|dns| address(&dns, secure))
}
