//! What `stack capacity` assumes, in a sentence each.

use super::Arguments;
use crate::capacity::{Model, Service, Source};
use crate::commands::account::{Told, nat_assumption};
use crate::config::Loaded;
use crate::config::capacity::{Basis, Capacity};

/// Returns how the file knows what a task carries.
fn by(capacity: &Capacity) -> String {
    let how = match capacity.basis {
        None | Some(Basis::Load) => "measured",
        Some(Basis::Production) => "the busiest hour of production",
        Some(Basis::Extrapolated) => "extrapolated from production",
    };
    match &capacity.measured {
        Some(day) => format!("{how} on {day}"),
        None => format!("{how}, the file does not say when"),
    }
}

/// Returns every assumption, in a sentence each.
pub fn all(loaded: &Loaded, model: &Model, arguments: &Arguments, told: &Told) -> Vec<String> {
    let stack = &loaded.stack;
    let mut out = Vec::new();
    for service in &model.services {
        let name = &service.name;
        let measured = stack.capacity.iter().find(|(known, _)| known.as_str() == name).map(|(_, measured)| measured);
        let Some((carries, source)) = service.carries else {
            out.push(format!("`services.{name}`: what a task carries is not known, so its tasks stay as they are in the file."));
            continue;
        };
        let from = match source {
            Source::Given => "given by `--assume`".to_owned(),
            Source::Learned if arguments.extrapolate => "extrapolated from production".to_owned(),
            Source::Learned => "the busiest hour of production".to_owned(),
            Source::Measured => measured.map_or_else(String::new, by),
        };
        let users = carries / service.per_user;
        out.push(format!(
            "`services.{name}`: a task carries {carries} requests/s ({from}), a user sends {} requests/s, so {users:.0} users for each task. \
             A task of the same size, at a database that is not slower.",
            service.per_user
        ));
    }
    if !model.databases.is_empty() || !model.caches.is_empty() {
        let held: Vec<String> = model
            .services
            .iter()
            .filter(|service| !service.databases.is_empty() || !service.caches.is_empty())
            .map(|service| format!("{} in each task of `services.{}`", service.connections, service.name))
            .collect();
        let held = if held.is_empty() { "none".to_owned() } else { held.join(", ") };
        out.push(format!(
            "Connections to each database and cache: {held} (`connections_per_task`). At most 80 % are planned for."
        ));
    }
    for database in model.databases.iter().filter(|database| database.accepts.is_empty()) {
        let (name, class) = (&database.name, &database.class);
        out.push(format!("`databases.{name}`: how many connections {class} accepts is not known, so it stays as it is."));
    }
    let keeps = |service: &&Service| !service.caches.is_empty();
    let kept: Vec<String> = model
        .services
        .iter()
        .filter(keeps)
        .filter_map(|service| Some(format!("{:.0} KiB by `services.{}`", service.cached? / 1024.0, service.name)))
        .collect();
    if !kept.is_empty() {
        out.push(format!(
            "Data in each cache for each user: {} (`cache_kib_per_user`). At most 80 % of what is left are planned for when 25 % of a node's memory \
             are kept for backups and failovers, 30 % of a small node's and 50 % of a micro one's.",
            kept.join(", ")
        ));
    } else if !model.caches.is_empty() {
        out.push(
            "The memory of caches is not compared with: no service says how much a user takes up (`cache_kib_per_user`)."
                .to_owned(),
        );
    }
    out.push(
        "Not modelled: what queries cost, the processors and disks of databases and caches, how data grows, and how the load balancer keeps up when requests more than double within minutes."
            .to_owned(),
    );
    if model.nat.gateways > 0 {
        out.push(nat_assumption(model));
    }
    out.push(
        "The price is as if all of these users were active all month: an upper bound where tasks are scaled. `usage.transfer`, `usage.nat`, \
         `usage.cross_zone` and `usage.logs` of the file grow with the requests."
            .to_owned(),
    );
    out.extend(told.assumption(arguments.fargate_vcpus).map(str::to_owned));
    out
}
