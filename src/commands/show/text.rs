//! What `stack show` prints for people.

use super::parts::Part;
use super::shown::{Distribution, LastRun, Object, Service, Shown};
use crate::aws::cloudwatch::Watch;
use crate::aws::elasticache::Cache;
use crate::aws::rds::Database;
use crate::ui::{self, Terminal, Tone};

/// Returns what is running, as tables. `all`: every object, and the whole address of each image.
pub fn text(head: &str, shown: &Shown, all: bool, terminal: &Terminal) -> String {
    let mut out = ui::note(head, terminal);
    if shown.objects.is_empty() {
        out += "\nNothing is running; `stack apply` creates it.\n";
        return out;
    }
    out += &services(&shown.services, all, terminal);
    out += &table(&["DISTRIBUTION", "STATUS", "ALIASES", "ID", "DOMAIN"], &shown.distributions, distribution, terminal);
    let headers = ["DATABASE", "STATUS", "ENGINE", "CLASS", "MULTI-AZ", "PENDING", "ENDPOINT"];
    out += &table(&headers, &shown.databases, database, terminal);
    out += &table(&["CACHE", "STATUS", "ENGINE", "NODE", "NODES", "ENDPOINT"], &shown.caches, cache, terminal);
    out += &table(&["PROTECTION", "NOW", "DETAILS"], &shown.protection, Part::cells, terminal);
    out += &alarms(&shown.alarms, terminal);
    let worrying: Vec<&Object> = shown.objects.iter().filter(|o| all || o.state != "ready").collect();
    out += &table(&["OBJECT", "STATE", "ID"], &worrying, |o| vec![o.key.clone(), o.state.clone(), o.id.clone()], terminal);
    out += &format!("\n{}", ui::count(shown.objects.len(), "object"));
    if let Some(url) = shown.outputs.get("url") {
        out += &format!(", {url}");
    }
    out += "\n";
    if let Some(run) = &shown.last_run {
        out += &ui::note(&last_run(run), terminal);
    }
    out
}

/// Returns a table with an empty line before it; nothing without rows.
fn table<T>(headers: &[&str], all: &[T], row: impl Fn(&T) -> Vec<String>, terminal: &Terminal) -> String {
    if all.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    format!("\n{}", ui::toned_table(terminal, headers, &rows, &tone))
}

fn services(services: &[Service], all: bool, terminal: &Terminal) -> String {
    let row = |s: &Service| {
        let r = &s.running;
        let deployed = s.deployed.as_deref().map_or_else(String::new, ago);
        let (image, url) = (s.image.clone().unwrap_or_default(), s.url.clone().unwrap_or_default());
        // The registry is left out where there is little room; with `--all` nothing is.
        let image = if all { image } else { image.rsplit('/').next().unwrap_or_default().to_owned() };
        let tasks = format!("{}/{}", r.running, r.desired);
        vec![r.name.clone(), s.state.to_owned(), tasks, image, r.task_definition.clone(), deployed, url]
    };
    let mut out = table(&["SERVICE", "STATE", "TASKS", "IMAGE", "REVISION", "DEPLOYED", "URL"], services, row, terminal);
    for (name, why) in services.iter().filter_map(|s| Some((&s.running.name, why(s)?))) {
        out += &ui::note(&format!("{name}: {why}"), terminal);
    }
    out
}

fn distribution(d: &Distribution) -> Vec<String> {
    vec![d.name.clone(), d.status.clone(), d.aliases.join(", "), d.id.clone(), d.domain.clone()]
}

fn database(d: &Database) -> Vec<String> {
    let zones = if d.multi_az { "yes" } else { "no" };
    let endpoint = d.endpoint.clone().unwrap_or_default();
    let pending = d.pending.clone().unwrap_or_default();
    vec![d.name.clone(), d.status.clone(), d.engine.clone(), d.class.clone(), zones.to_owned(), pending, endpoint]
}

fn cache(c: &Cache) -> Vec<String> {
    let endpoint = c.endpoint.clone().unwrap_or_default();
    vec![c.name.clone(), c.status.clone(), c.engine.clone(), c.node.clone(), c.nodes.to_string(), endpoint]
}

/// `Last run: 3, 2h ago by alice: stack apply s.yaml (complete)`
fn last_run(run: &LastRun) -> String {
    let began = ago(&run.began);
    let who = run.who.rsplit([':', '/']).next().unwrap_or_default();
    format!("Last run: {}, {began} by {who}: {} ({})", run.number, run.command, run.ending)
}

/// Returns how many alarms have gone off, and which.
fn alarms(all: &[Watch], terminal: &Terminal) -> String {
    let on: Vec<&Watch> = all.iter().filter(|alarm| alarm.state.is_alarm()).collect();
    let unknown = all.iter().filter(|alarm| alarm.state.is_unknown()).count();
    if all.is_empty() {
        return String::new();
    }
    let row = |alarm: &&Watch| {
        let since = alarm.state.since.as_deref().map_or_else(String::new, ago);
        vec![alarm.name.clone(), "in alarm".to_owned(), since, alarm.state.why.clone().unwrap_or_default()]
    };
    let out = table(&["ALARM", "STATE", "SINCE", "WHY"], &on, row, terminal);
    let without_data = if unknown > 0 { format!(", {unknown} without data") } else { String::new() };
    let in_alarm = if on.is_empty() { "none".to_owned() } else { on.len().to_string() };
    out + &format!("\n{}, {in_alarm} in alarm{without_data}\n", ui::count(all.len(), "alarm"))
}

/// How long ago a time is; the time itself when it is none.
fn ago(time: &str) -> String {
    time.parse().map_or_else(|_| time.to_owned(), ui::ago)
}

/// Why a service is not healthy, in a sentence.
fn why(service: &Service) -> Option<String> {
    match service.state {
        "healthy" | "stopped" => None,
        "old revision" => Some(format!("it runs {}, and a newer revision exists", service.running.task_definition)),
        _ => {
            let message = service.running.message.as_str();
            let message = message.split_once(") ").filter(|_| message.starts_with("(service ")).map_or(message, |(_, said)| said);
            (!message.is_empty() && !message.contains("steady state")).then(|| message.to_owned())
        }
    }
}

/// How a state is to be read: by words of ECS, RDS, ElastiCache and CloudFront.
fn tone(header: &str, cell: &str) -> Tone {
    const GOOD: &[&str] = &["healthy", "available", "deployed", "ready"];
    const BAD: &[&str] =
        &["fail", "degraded", "old revision", "incompatible", "inaccessible", "insufficient", "full", "error", "in alarm"];
    match cell {
        // Most of what protects has no state, and what has one says when it is bad.
        cell if header == "NOW" => {
            if cell.contains("fail") || cell.starts_with("over budget") {
                Tone::Bad
            } else {
                Tone::Plain
            }
        }
        _ if !["STATE", "STATUS"].contains(&header) => Tone::Plain,
        cell if GOOD.contains(&cell) => Tone::Good,
        cell if BAD.iter().any(|word| cell.contains(word)) => Tone::Bad,
        _ => Tone::Busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_coloured_and_names_are_not() {
        assert_eq!(tone("STATE", "healthy"), Tone::Good);
        assert_eq!(tone("STATUS", "incompatible-network"), Tone::Bad);
        assert_eq!(tone("STATUS", "modifying"), Tone::Busy);
        assert_eq!(tone("SERVICE", "failed"), Tone::Plain);
    }
}
