//! `recovery`: the automated backups of the databases, in a second region.

use super::facts::Facts;
use crate::aws::Tags;
use crate::aws::rds::{BackupReplication, Instance};
use crate::config::Stack;
use crate::engine::{Error, Graph, Ref};

const ORIGIN: &str = "recovery";

/// Adds the replication of what the section `databases` has. In the second region itself nothing is replicated.
pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<(), Error> {
    let Some(recovery) = stack.recovery.as_ref().filter(|recovery| recovery.region != facts.scope.region) else { return Ok(()) };
    for name in stack.databases.keys() {
        let replication = BackupReplication {
            source: Ref::<Instance>::to(name.as_str()).ready(),
            region: recovery.region.clone(),
            days: recovery.days(),
            kms_key: recovery.key.clone(),
            tags: Tags::new(),
        };
        graph.add(format!("{name}-{}", recovery.region), ORIGIN, &replication)?;
    }
    Ok(())
}
