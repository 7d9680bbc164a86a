//! Amazon Web Services: the registry of kinds, the clients, and how AWS's errors become ours.
//!
//! One folder per service, one file per kind. A new kind is a file, its `mod` line, and a line in [`registry`].

pub mod acm;
pub mod allow;
pub mod autoscaling;
pub mod clients;
pub mod cloudfront;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elasticache;
pub mod elbv2;
pub mod error;
pub mod events;
pub mod existing;
pub mod fence;
pub mod history;
pub mod iam;
pub mod index;
pub mod kms;
pub mod lambda;
pub mod lease;
pub mod logs;
pub mod names;
pub mod ownership;
pub mod pace;
mod policy;
pub mod preflight;
pub mod profiles;
pub mod rds;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
pub mod servicediscovery;
pub mod spelling;
pub mod states;
pub mod store;
pub mod tags;
pub mod trail;

pub use clients::{Clients, Options};
pub use tags::Tags;

use std::collections::BTreeMap;

use crate::engine;

/// What the verbs of AWS's kinds are given.
pub type Cx = engine::Cx<Clients>;

/// The entries of the map `field` that `diff` wants written: all of them when it names the field as a whole, as it does
/// right after a create.
fn written<V: Clone>(diff: &engine::Diff, field: &str, desired: &BTreeMap<String, V>) -> BTreeMap<String, V> {
    if diff.changes.iter().any(|change| change.path == field) {
        return desired.clone();
    }
    diff.written_keys(field).into_iter().filter_map(|key| Some((key.clone(), desired.get(&key)?.clone()))).collect()
}

/// What was asked about, or nothing of it when it has gone in the meantime: somebody else's object, say, between
/// the list and the question.
fn present<T: Default>(answer: engine::Result<T>) -> engine::Result<T> {
    match answer {
        Err(e) if e.class == engine::Class::NotFound => Ok(T::default()),
        other => other,
    }
}

/// The answers about objects that may be anybody's. Whoever owns one may forbid that it is looked into (the policy of a key
/// does, whatever IAM allows us), so a refusal is no answer about that one and no failure. When all are refused by our own
/// policies, nothing is known about ours either: that stays an error.
fn answered<K, T>(answers: Vec<(K, engine::Result<T>)>) -> engine::Result<Vec<(K, T)>> {
    let any = answers.iter().any(|(_, answer)| answer.is_ok());
    let theirs = |e: &engine::Error| e.class == engine::Class::Denied && (any || e.message.contains("resource-based policy"));
    let known = answers.into_iter().filter(|(_, answer)| !answer.as_ref().is_err_and(theirs));
    known.map(|(key, answer)| answer.map(|answer| (key, answer))).collect()
}

/// What is to go may have gone already.
fn or_gone<T>(answer: engine::Result<T>) -> engine::Result<()> {
    present(answer.map(drop))
}

/// That somebody put off these changes to the maintenance window, in words: every change of ours is done at once, and AWS does
/// these along with it
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.ApplyImmediately.html>,
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html>, ApplyImmediately).
fn put_off(named: &[&str]) -> Option<String> {
    let named = (!named.is_empty()).then(|| named.join(", "))?;
    Some(format!("somebody put off a change of its {named} to its maintenance window; any other change does it at once"))
}

/// What is there already, under a name of this operation alone, was made by the call whose answer was lost.
fn begun<T>(answer: engine::Result<T>) -> engine::Result<()> {
    match answer {
        Err(e) if e.class == engine::Class::Exists => Ok(()),
        other => other.map(drop),
    }
}

/// The identifiers that resolved references stand for.
fn ids<R: engine::Resource>(references: &[engine::Ref<R>]) -> engine::Result<Vec<String>> {
    references.iter().map(|reference| reference.id().map(str::to_owned)).collect()
}

/// The same; nothing when there are none, so that AWS gives what it gives.
fn some_ids<R: engine::Resource>(references: &[engine::Ref<R>]) -> engine::Result<Option<Vec<String>>> {
    Ok(Some(ids(references)?).filter(|ids| !ids.is_empty()))
}

/// Every kind that there is.
pub fn registry() -> engine::Registry<Clients> {
    engine::Registry::default()
        .with::<ec2::Vpc>()
        .with::<ec2::Subnet>()
        .with::<ec2::InternetGateway>()
        .with::<ec2::Address>()
        .with::<ec2::NatGateway>()
        .with::<ec2::RouteTable>()
        .with::<ec2::Route>()
        .with::<ec2::RouteTableAssociation>()
        .with::<ec2::VpcEndpoint>()
        .with::<ec2::DefaultSecurityGroup>()
        .with::<ec2::SecurityGroup>()
        .with::<ec2::SecurityGroupRule>()
        .with::<elbv2::LoadBalancer>()
        .with::<elbv2::TargetGroup>()
        .with::<elbv2::Listener>()
        .with::<elbv2::ListenerRule>()
        .with::<iam::Role>()
        .with::<iam::Group>()
        .with::<iam::User>()
        .with::<kms::Key>()
        .with::<kms::Alias>()
        .with::<acm::Certificate>()
        .with::<acm::Validation>()
        .with::<logs::LogGroup>()
        .with::<ecs::Cluster>()
        .with::<ecs::TaskDefinition>()
        .with::<ecs::Service>()
        .with::<autoscaling::ScalableTarget>()
        .with::<autoscaling::ScalingPolicy>()
        .with::<route53::Record>()
        .with::<s3::Bucket>()
        .with::<s3::BucketPolicy>()
        .with::<servicediscovery::Namespace>()
        .with::<cloudfront::OriginAccessControl>()
        .with::<cloudfront::Distribution>()
        .with::<rds::SubnetGroup>()
        .with::<rds::ParameterGroup>()
        .with::<rds::Instance>()
        .with::<secretsmanager::Secret>()
        .with::<secretsmanager::Rotation>()
        .with::<lambda::Function>()
        .with::<lambda::Permission>()
        .with::<events::EventRule>()
        .with::<elasticache::SubnetGroup>()
        .with::<elasticache::ParameterGroup>()
        .with::<elasticache::ReplicationGroup>()
        .with::<elasticache::Cluster>()
}

#[cfg(test)]
mod tests {
    use super::answered;
    use crate::engine::{Class, Error};

    #[test]
    fn what_nobody_lets_us_ask_about_is_left_out_unless_that_is_everything() {
        let denied =
            |by: &str| Err(Error::new(Class::Denied, format!("not authorized, because no {by} policy allows the action")));
        let some = answered(vec![("ours", Ok(1)), ("theirs", denied("identity-based"))]).unwrap();
        assert_eq!(some, [("ours", 1)]);
        assert_eq!(answered::<_, u8>(vec![("theirs", denied("resource-based"))]).unwrap(), []);
        let none = answered::<_, u8>(vec![("a", denied("identity-based")), ("b", denied("identity-based"))]);
        assert_eq!(none.unwrap_err().class, Class::Denied);
        let broken = answered(vec![("a", Ok(1)), ("b", Err(Error::new(Class::Ambiguous, "no answer")))]);
        assert_eq!(broken.unwrap_err().class, Class::Ambiguous);
    }

    /// The longest waits that are not the usual half hour stand in docs/file.md, and no others.
    #[test]
    fn the_longest_waits_are_written_down() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/file.md")).unwrap();
        let table = text.split("## Waits").nth(1).unwrap();
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let hours = cells.get(3)?.split(' ').next()?.parse::<u64>().ok()?;
            Some((cells[1].trim_matches('`').to_owned(), hours))
        };
        let written: Vec<(String, u64)> =
            table.lines().filter(|line| line.starts_with("| `")).map(|line| row(line).unwrap()).collect();
        let mut known: Vec<(String, u64)> = super::registry()
            .kinds()
            .map(|kind| (kind.name().to_owned(), kind.usual().longest.as_secs()))
            .filter(|(_, longest)| *longest > 1800)
            .map(|(name, longest)| (name, longest / 3600))
            .collect();
        known.sort();
        assert_eq!(written, known);
    }
}
