//! How a name that several regions answer to leads to one of them
//! (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html>).

use aws_sdk_route53::types::builders::ResourceRecordSetBuilder;
use aws_sdk_route53::types::{ResourceRecordSet, ResourceRecordSetFailover, ResourceRecordSetRegion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a record leads to its target where another region has a record of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Always: it is the only record of its name.
    #[default]
    Simple,
    /// As long as the target has healthy targets of its own.
    Primary,
    /// While the primary one has none.
    Secondary,
    /// Those who are nearer to its region than to the other one, as long as it has healthy targets.
    Latency,
}

impl Routing {
    /// Returns the routing of a record.
    pub(super) fn of(record: &ResourceRecordSet) -> Routing {
        match (record.failover(), record.region()) {
            (Some(ResourceRecordSetFailover::Primary), _) => Routing::Primary,
            (Some(_), _) => Routing::Secondary,
            (None, Some(_)) => Routing::Latency,
            (None, None) => Routing::Simple,
        }
    }

    /// Writes it into a record of a region, by whose name the records are told apart.
    pub(super) fn write(self, record: ResourceRecordSetBuilder, region: &str) -> ResourceRecordSetBuilder {
        match self {
            Routing::Simple => record,
            Routing::Primary => record.set_identifier(region).failover(ResourceRecordSetFailover::Primary),
            Routing::Secondary => record.set_identifier(region).failover(ResourceRecordSetFailover::Secondary),
            Routing::Latency => record.set_identifier(region).region(ResourceRecordSetRegion::from(region)),
        }
    }

    /// Checks whether a record of the same name and type is in the way of one with this routing: records of one name have one policy, and
    /// there is one primary and one secondary
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>).
    pub(super) fn collides(self, other: &ResourceRecordSet) -> bool {
        let beside = [
            (Routing::Primary, Routing::Secondary),
            (Routing::Secondary, Routing::Primary),
            (Routing::Latency, Routing::Latency),
        ];
        !beside.contains(&(self, Routing::of(other)))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::RrType;

    use super::*;

    #[test]
    fn records_of_a_name_have_one_policy() {
        let record = |routing: Routing| {
            let record = ResourceRecordSet::builder().name("a.example").r#type(RrType::A);
            routing.write(record, "eu-west-1").build().unwrap()
        };
        let all = [Routing::Simple, Routing::Primary, Routing::Secondary, Routing::Latency];
        for routing in all {
            assert_eq!(Routing::of(&record(routing)), routing);
        }
        let beside = |one: Routing| all.into_iter().filter(|other| !one.collides(&record(*other))).collect::<Vec<_>>();
        assert_eq!(beside(Routing::Simple), []);
        assert_eq!(beside(Routing::Primary), [Routing::Secondary]);
        assert_eq!(beside(Routing::Secondary), [Routing::Primary]);
        assert_eq!(beside(Routing::Latency), [Routing::Latency]);
    }
}
