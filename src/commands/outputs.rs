use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::session::{self, Session};
use super::{Aws, Exit, Result, StackFile, Stop};
use crate::engine::{Ids, Key, Plan, Snapshot};
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
                put("url".into(), text("dns_name").map(|dns| address(&dns, secure)));
                put("load_balancer.arn".into(), text("arn"));
                put("load_balancer.dns_name".into(), text("dns_name"));
            }
            "ecs.cluster" => put("cluster".into(), text("name")),
            "ecs.service" => put(format!("services.{name}.arn"), text("arn")),
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

fn address(dns: &str, secure: bool) -> String {
    format!("{}://{dns}", if secure { "https" } else { "http" })
}

/// Where the application answers, after an apply.
pub fn url(ids: &Ids, plan: &Plan) -> Option<String> {
    let balancer = plan.items.iter().find(|i| i.key.kind == "elbv2.load_balancer" && i.desired.is_some())?;
    let secure = plan.items.iter().any(|i| i.key == Key::new("elbv2.listener", "https") && i.desired.is_some());
    ids.attr(&balancer.key, "dns_name").map(|dns| address(&dns, secure))
}
