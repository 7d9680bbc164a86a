//! What Route 53's checkers report of the regions that serve. Health checks have no region, so this asks neither of them.

use serde::Serialize;

use crate::aws::route53::{self, Health};
use crate::commands::session::Session;
use crate::config::Loaded;
use crate::engine::{Result, Scope};
use crate::ui::{self, Terminal, Tone};

/// A region that serves.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Region {
    /// Its name.
    pub region: String,
    /// What the checkers report; nothing where that is not known.
    pub health: Option<Health>,
    /// Why it is not known.
    pub why: Option<String>,
}

/// Returns the regions that the file has checked, with what is reported of them. That Route 53 does not answer is no failure: its control plane is
/// in us-east-1, which may be the region that failed.
pub(super) async fn of(loaded: &Loaded, there: &Session) -> Vec<Region> {
    let Some(recovery) = loaded.stack.recovery.as_ref().filter(|recovery| recovery.health_check.is_some()) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for region in [&loaded.stack.region, &recovery.region] {
        let (health, why) = match look(there, region).await {
            Ok(Some(health)) => (Some(health), None),
            Ok(None) => (None, Some("it has no health check yet".to_owned())),
            Err(e) => (None, Some(format!("Route 53 cannot be asked: {}", e.message))),
        };
        out.push(Region { region: region.clone(), health, why });
    }
    out
}

async fn look(there: &Session, region: &str) -> Result<Option<Health>> {
    let scope = Scope { region: region.to_owned(), ..Scope::clone(&there.cx.scope) };
    let found = route53::health_checks_of(&there.cx, &scope).await?;
    let Some(id) = found.first() else { return Ok(None) };
    route53::health(&there.cx, id).await.map(Some)
}

fn said(region: &Region) -> (String, String) {
    let Some(health) = &region.health else { return ("unknown".into(), region.why.clone().unwrap_or_default()) };
    let count = format!("{} of {} checkers report it as healthy", health.succeeding, health.checkers);
    match (health.healthy, &health.failure) {
        (None, _) => ("unknown".into(), "no checker reports anything".into()),
        (Some(true), None) => ("healthy".into(), count),
        (Some(healthy), failure) => {
            let why = failure.as_ref().map_or_else(String::new, |failure| format!("; one: {failure}"));
            (if healthy { "healthy" } else { "unhealthy" }.into(), count + &why)
        }
    }
}

/// Returns the table for people; nothing where no region is checked.
pub(super) fn text(regions: &[Region], terminal: &Terminal) -> String {
    if regions.is_empty() {
        return String::new();
    }
    let row = |region: &Region| {
        let (state, why) = said(region);
        vec![region.region.clone(), state, why]
    };
    let tone = |header: &str, cell: &str| match (header, cell) {
        ("STATE", "healthy") => Tone::Good,
        ("STATE", "unhealthy") => Tone::Bad,
        _ => Tone::Plain,
    };
    let rows: Vec<Vec<String>> = regions.iter().map(row).collect();
    format!("\nFrom outside:\n{}", ui::toned_table(terminal, &["REGION", "STATE", "HEALTH CHECK"], &rows, &tone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_healthy_by_its_checkers() {
        let of = |healthy: Option<bool>, failure: Option<&str>| {
            let health = Health { healthy, checkers: 16, succeeding: 3, failure: failure.map(str::to_owned) };
            said(&Region { region: "eu-west-1".into(), health: Some(health), why: None }).0
        };
        assert_eq!(
            [of(Some(true), Some("Failure: 503")), of(Some(false), Some("x")), of(None, None)],
            ["healthy", "unhealthy", "unknown"]
        );
        let without = Region { region: "a".into(), health: None, why: Some("it has no health check yet".into()) };
        assert_eq!(said(&without).1, "it has no health check yet");
    }
}
