//! What the standby in the second region costs: what the file desires there in the size of its mode, by the prices of that region.

use std::sync::Arc;

use serde_json::Value;

use crate::aws::bill;
use crate::aws::rds::Instance;
use crate::commands::failover::moved;
use crate::commands::price::{Pricing, hours};
use crate::commands::stack_file;
use crate::commands::stop::Result;
use crate::config::Loaded;
use crate::engine::{Graph, Resource};
use crate::ui::Standby;

/// What a replica has from its source, and does not say itself.
const FROM_SOURCE: [&str; 3] = ["storage", "iops", "throughput"];

/// Returns what the standby of a loaded file costs, if it has one.
///
/// # Errors
/// When it cannot be expanded.
pub fn standby(loaded: &Loaded) -> Result<Option<Standby>> {
    let Some(recovery) = loaded.stack.recovery.as_ref().filter(|recovery| recovery.mode.has_standby()) else { return Ok(None) };
    let home = stack_file::offline(loaded)?;
    let scope = stack_file::unasked(loaded);
    let source = |name: &str| format!("arn:{}:rds:{}:{}:db:{name}", scope.partition, scope.region, scope.account);
    let sources = loaded.stack.databases.keys().map(|name| (name.to_string(), source(name.as_str()))).collect();
    let moved = moved::standby(loaded, recovery, sources).loaded;
    let mut graph = stack_file::offline(&moved)?;
    fill(&mut graph, &home);
    let usage = Pricing::of(&moved.stack).idle().usage;
    let bill = bill::of(&graph, &recovery.region, &usage, hours(&moved.stack));
    Ok(Some(Standby { home: loaded.stack.region.clone(), mode: recovery.mode.as_str(), bill }))
}

/// Has databases say what they have from those that they follow.
fn fill(graph: &mut Graph, home: &Graph) {
    for node in graph.nodes_mut().filter(|node| node.key.kind == Instance::KIND) {
        let Some(source) = home.get(&node.key) else { continue };
        let Some(fields) = Arc::make_mut(&mut node.desired).as_object_mut() else { continue };
        for field in FROM_SOURCE {
            if fields.get(field).is_none_or(Value::is_null) {
                fields.insert(field.to_owned(), source.desired.get(field).cloned().unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::prices::Decimal;

    const FILE: &str = r#"
stack: shop
region: eu-west-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"], cpu: 1024, memory: 2048, scale: { min: 3, max: 9, cpu: 60 } }
databases: { main: { engine: postgres, version: "17", class: db.t3.micro, storage: 20GiB, multi_az: true } }
recovery: { region: us-east-1, rpo: 15m, rto: 2h }
"#;

    /// By hand, for 730 hours, with the prices of us-east-1: a task is 1 × 0.04048 + 2 × 0.004445 = 0.04937 an hour, so 36.04; a database in one
    /// zone 0.018 an hour, so 13.14, with 20 GiB of gp3 at 0.115, so 15.44; a NAT gateway 32.85; a load balancer 16.425 with two addresses for
    /// 7.30, and the gateway's for 3.65.
    #[test]
    fn a_standby_costs_what_its_mode_keeps_there() {
        let of = |mode: &str| {
            let text = FILE.replace("rpo: 15m", &format!("mode: {mode}, rpo: 15m"));
            let loaded = config::load("s.yaml", &text, None, &stack_file::stack_schema());
            let standby = standby(&loaded.unwrap_or_else(|r| panic!("{}", r.render(100, false, true)))).unwrap();
            standby.map(|standby| {
                assert_eq!((standby.mode, standby.home.as_str(), standby.bill.region.as_str()), (mode, "eu-west-1", "us-east-1"));
                assert!(standby.bill.assumed().is_empty(), "nobody uses it");
                standby.bill
            })
        };
        assert_eq!(of("backup"), None);
        let kinds = |mode: &str| {
            let bill = of(mode).unwrap();
            let sums = bill.sums(|billed| billed.object.split('/').next().unwrap_or_default().to_owned());
            let monthly = |kind: &str| sums.iter().find(|(name, _)| name == kind).map(|(_, sum)| sum.monthly.plain());
            let all = ["ecs.service", "rds.instance", "elbv2.load_balancer", "ec2.nat_gateway", "ec2.address"]
                .map(monthly)
                .map(Option::unwrap_or_default);
            let most = bill.lines.iter().filter(|line| line.billed.object == "ecs.service/web").filter_map(|line| line.most);
            (all, most.sum::<Decimal>().plain())
        };
        let told = |all: [&str; 5], most: &str| (all.map(str::to_owned), most.to_owned());
        assert_eq!(kinds("pilot_light"), told(["", "15.44", "23.72", "", ""], "0.00"));
        assert_eq!(kinds("warm_standby"), told(["36.04", "15.44", "23.72", "32.85", "3.65"], "324.36"));
        assert_eq!(kinds("active_active"), told(["108.12", "15.44", "23.72", "32.85", "3.65"], "324.36"));
        // What is transferred from region to region is known to nobody beforehand.
        let unknown: Vec<String> = of("pilot_light")
            .unwrap()
            .lines
            .into_iter()
            .filter(|line| line.monthly.is_none())
            .map(|line| line.billed.part.usage)
            .collect();
        assert_eq!(unknown.iter().filter(|usage| *usage == "transfer of changes").count(), 1, "{unknown:?}");
    }
}
