//! What services are billed for: the tasks that they run on Fargate.

use super::{Cluster, Service, TaskDefinition};
use crate::aws::autoscaling::ScalableTarget;
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{Decimal, HOURS, Part};

/// The capacity provider of spare capacity.
const SPOT: &str = "FARGATE_SPOT";
const SPOT_PRICE: &str = "the price of Fargate Spot changes with supply; it is below the one of Fargate";
const INSIGHTS: &str = "Container Insights is billed by metric, and their number depends on what runs";

/// <https://aws.amazon.com/fargate/pricing/>: vCPU and memory by the second, with a price for each architecture. Service Connect and its
/// namespace are free (<https://aws.amazon.com/ecs/faqs/>).
pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    if let Some(cluster) = object.of::<Cluster>() {
        let metrics = Part::new("AmazonCloudWatch", "ContainerInsights-Metrics", Decimal::ONE, "Container Insights metrics");
        return cluster.container_insights.unwrap_or(false).then(|| metrics.noting(INSIGHTS)).into_iter().collect();
    }
    let Some(service) = object.of::<Service>() else { return Vec::new() };
    let (least, most) = tasks(object, &service, whole);
    if most == Decimal::ZERO {
        return Vec::new();
    }
    let shown = shown(least, most);
    let mut parts = Vec::new();
    let Some(task) = whole.follow(&service.task_definition).and_then(Object::of::<TaskDefinition>) else {
        return vec![Part::new("AmazonECS", "task of another stack", least, shown)];
    };
    let arm = if task.architecture.as_deref() == Some("ARM64") { "-ARM" } else { "" };
    let cpus = whole_number(&task.cpu).over(Decimal::of(1024));
    let memory = whole_number(&task.memory).over(Decimal::of(1024));
    for (spot, share) in shares(&service, least) {
        let (start, note) = if spot { ("SpotUsage-Fargate", Some(SPOT_PRICE)) } else { ("ECS-Fargate", None) };
        let kind = if spot { " of Fargate Spot" } else { "" };
        for (name, size, unit) in [("vCPU-Hour", cpus, "vCPU"), ("GB-Hour", memory, "GB")] {
            let what = format!("{shown} with {} {unit}{kind}", size.quantity());
            let of = |tasks: Decimal| tasks * share * size * HOURS;
            let part = Part::new("AmazonECS", format!("{start}-{name}{arm}"), of(least), what).up_to(of(most));
            parts.push(Part { note, ..part });
        }
    }
    if service.assign_public_ip {
        let addresses = Part::new("AmazonVPC", "public-ipv4", least * HOURS, format!("a public IPv4 address for {shown}"));
        parts.push(addresses.up_to(most * HOURS));
    }
    parts
}

/// Returns how many tasks run at least and at most. At rest there are none, whatever scaling may do later.
fn tasks(object: &Object, service: &Service, whole: &Whole) -> (Decimal, Decimal) {
    let is_mine = |target: &&Object| target.field("service").is_some_and(|service| object.is_meant_by(service));
    let target = whole.objects.users(object, ScalableTarget::KIND).find(is_mine).and_then(Object::of::<ScalableTarget>);
    let count = service.desired_count.or(service.initial_count);
    match target {
        _ if service.desired_count == Some(0) => (Decimal::ZERO, Decimal::ZERO),
        Some(target) if target.suspended => {
            let count = Decimal::from_i32(count.unwrap_or(target.min));
            (count, count)
        }
        Some(target) => (Decimal::from_i32(target.min), Decimal::from_i32(target.max)),
        None => {
            let count = Decimal::from_i32(count.unwrap_or(1));
            (count, count)
        }
    }
}

/// Returns the shares of tasks on demand and on spare capacity: first the bases, then by weight
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>).
fn shares(service: &Service, tasks: Decimal) -> Vec<(bool, Decimal)> {
    let Some(launch) = service.launch.as_ref().filter(|launch| !launch.is_empty()) else { return vec![(false, Decimal::ONE)] };
    let weights: Decimal = launch.iter().map(|capacity| Decimal::from_i32(capacity.weight)).sum();
    let bases = launch.iter().map(|capacity| Decimal::from_i32(capacity.base)).sum::<Decimal>().min(tasks);
    let mut spot = Decimal::ZERO;
    for capacity in launch.iter().filter(|capacity| capacity.provider == SPOT) {
        let base = Decimal::from_i32(capacity.base).min(tasks);
        spot = spot + base + (tasks - bases) * Decimal::from_i32(capacity.weight).over(weights);
    }
    let spot = if tasks == Decimal::ZERO {
        if launch.iter().all(|capacity| capacity.provider == SPOT) { Decimal::ONE } else { Decimal::ZERO }
    } else {
        spot.over(tasks).min(Decimal::ONE)
    };
    let both = [(false, Decimal::ONE - spot), (true, spot)];
    both.into_iter().filter(|(_, share)| *share > Decimal::ZERO).collect()
}

fn shown(least: Decimal, most: Decimal) -> String {
    match (least.quantity(), most.quantity()) {
        (least, most) if least != most => format!("{least} to {most} tasks"),
        (one, _) if one == "1" => "1 task".to_owned(),
        (least, _) => format!("{least} tasks"),
    }
}

/// Reads a number that AWS has as text.
fn whole_number(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}
