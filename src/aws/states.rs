//! AWS's words for the states of its objects, as data: what each means to a plan, and where AWS explains it.
//!
//! Each kind keeps its own table beside the code that reads it; the test below covers every word of every kind.

use crate::engine::{Impairment, Readiness};

/// What a word means.
#[derive(Clone, Copy, Debug)]
pub enum Means {
    /// It serves.
    Serves,
    /// It serves, with this advice.
    Noted(&'static str),
    /// AWS is working on it: it is waited for.
    Busy,
    /// AWS waits for a user, who must do this.
    Asks(&'static str),
    /// It exists with its contents, and AWS does not repair it. A change of one of these fields does; nothing else can be changed
    /// before. One that never served has failed: it has no contents.
    Fixed(&'static str, &'static [&'static str]),
    /// It never served, and never will.
    Failed,
    /// AWS is deleting it.
    Leaving,
    /// It no longer exists.
    Gone,
}

/// The states of a kind.
#[derive(Debug)]
pub struct States {
    /// The kind.
    pub kind: &'static str,
    /// The page on which AWS explains them.
    pub source: &'static str,
    /// Each word, in AWS's spelling.
    pub words: &'static [(&'static str, Means)],
}

impl States {
    /// Returns what `word` says of an object that has, or has never, served. An unknown word counts as AWS working on it.
    pub fn read(&self, word: &str, served: bool) -> Readiness {
        let means = self.words.iter().find(|(known, _)| *known == word).map_or(Means::Busy, |(_, means)| *means);
        let status = word.to_owned();
        match means {
            Means::Serves => Readiness::Ready,
            Means::Noted(advice) => Readiness::Impaired(Impairment { status, advice: advice.to_owned(), fixed_by: None }),
            Means::Busy => Readiness::waiting(status),
            Means::Asks(what) => Readiness::waiting(format!("{status}\n{what}")),
            Means::Fixed(..) if !served => Readiness::Failed(status),
            Means::Fixed(advice, fields) => {
                let fixed_by = Some(fields.iter().map(|&field| field.to_owned()).collect());
                Readiness::Impaired(Impairment { status, advice: advice.to_owned(), fixed_by })
            }
            Means::Failed => Readiness::Failed(status),
            Means::Leaving => Readiness::Leaving(status),
            Means::Gone => Readiness::Gone,
        }
    }
}

/// Returns a number of days in words: "1 day", "2 days".
pub(in crate::aws) fn days(count: impl Into<i128>) -> String {
    match count.into() {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

/// Returns that these changes are pending until the maintenance window, in words: `stack` applies every change at once, and AWS
/// applies these along with it
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.ApplyImmediately.html>,
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html>, ApplyImmediately).
pub(in crate::aws) fn put_off(named: &[&str]) -> Option<String> {
    let named = (!named.is_empty()).then(|| named.join(", "))?;
    Some(format!("a change of its {named} is pending until the maintenance window; any other change applies it at once"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_acm::types::CertificateStatus;
    use aws_sdk_ec2::types::{NatGatewayState, State};
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerStateEnum;
    use aws_sdk_kms::types::KeyState;
    use serde_json::{Value, json};

    use super::States;
    use crate::engine::graph::Node;
    use crate::engine::{Action, Claim, Graph, Key, Plan, Readiness, Scope, Seen, Snapshot};

    const ALL: &[&States] = &[
        &crate::aws::acm::STATES,
        &crate::aws::cloudfront::STATES,
        &crate::aws::ec2::NAT_GATEWAY_STATES,
        &crate::aws::ec2::VPC_ENDPOINT_STATES,
        &crate::aws::ecs::CLUSTER_STATES,
        &crate::aws::ecs::SERVICE_STATES,
        &crate::aws::elasticache::CLUSTERS,
        &crate::aws::elasticache::GROUPS,
        &crate::aws::elbv2::LOAD_BALANCER_STATES,
        &crate::aws::kms::STATES,
        &crate::aws::rds::STATES,
    ];

    /// Returns the plan for one object that is as desired and in this state.
    fn plan(kind: &str, state: Readiness, fields: Value, desired: Value) -> Plan {
        let scope = Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "us-east-1".into(),
            account: "000000000000".into(),
            partition: "aws".into(),
        };
        let mut graph = Graph::default();
        graph.insert(Node { key: Key::new(kind, "main"), desired: desired.into(), origin: String::new() }).unwrap();
        let live = json!({"id": "it", "arn": "it"});
        let seen = Seen { kind: kind.into(), claim: Claim::Ours("main".into()), live: live.into(), fields: fields.into(), state };
        let snapshot = Snapshot { seen: vec![seen], ..Snapshot::default() };
        Plan::make(&crate::aws::registry(), &scope, Some(&graph), &snapshot).unwrap()
    }

    fn said(plan: &Plan) -> String {
        let one = |item: &crate::engine::Item| {
            let waits = item.before.as_ref().is_some_and(|before| matches!(before.state, Readiness::Waiting { .. }));
            let word = match item.action {
                Action::Keep if waits => "wait".to_owned(),
                action => serde_json::to_value(action).unwrap().as_str().unwrap().to_owned(),
            };
            item.reason.as_ref().map_or(word.clone(), |reason| format!("{word} ({reason})"))
        };
        plan.items.iter().map(one).collect::<Vec<_>>().join(" and ")
    }

    /// The effect of every word is visible: all of them are here, with what the plan says.
    #[test]
    fn every_word_of_every_kind() {
        let mut lines = Vec::new();
        for states in ALL {
            lines.push(format!("{}: {}", states.kind, states.source));
            let fields = json!({"tags": {"stack:name": "shop"}});
            for (word, _) in states.words {
                let of = |served| said(&plan(states.kind, states.read(word, served), fields.clone(), fields.clone()));
                lines.push(format!("    {word}: {}", of(true)));
                if of(false) != of(true) {
                    lines.push(format!("        before it served: {}", of(false)));
                }
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    /// A word that AWS adds to its models is noticed here.
    #[test]
    fn the_words_of_aws_s_models_are_known() {
        let models: BTreeMap<&str, Vec<String>> = [
            ("acm.certificate", CertificateStatus::values()),
            ("ec2.nat_gateway", NatGatewayState::values()),
            ("ec2.vpc_endpoint", State::values()),
            ("elbv2.load_balancer", LoadBalancerStateEnum::values()),
            ("kms.key", KeyState::values()),
        ]
        .into_iter()
        .map(|(kind, words)| (kind, words.iter().map(|word| (*word).to_owned()).collect()))
        .collect();
        for (kind, words) in models {
            let states = ALL.iter().find(|states| states.kind == kind).unwrap();
            for word in words {
                let word = if kind == "ec2.vpc_endpoint" { word.to_ascii_lowercase() } else { word };
                assert!(states.words.iter().any(|(known, _)| *known == word), "{kind}: {word}");
            }
        }
    }

    #[test]
    fn the_words_are_in_order_and_told_once() {
        for states in ALL {
            let words: Vec<String> = states.words.iter().map(|(word, _)| word.to_ascii_lowercase().replace(' ', "-")).collect();
            assert!(words.is_sorted(), "{}: {words:?}", states.kind);
            assert!(states.source.starts_with("https://docs.aws.amazon.com/"), "{}", states.source);
        }
    }

    #[test]
    fn impaired_objects_take_only_changes_that_fix_them() {
        let rds = &crate::aws::rds::STATES;
        let said_of = |word: &str, desired: Value| {
            let fields =
                json!({"class": "db.t4g.micro", "storage": 20, "running": word != "stopped", "kms_key": "a", "tags": {}});
            let mut wanted = fields.clone();
            wanted.as_object_mut().unwrap().extend(desired.as_object().unwrap().clone());
            said(&plan("rds.instance", rds.read(word, true), fields, wanted))
        };
        assert_eq!(said_of("storage-full", json!({"storage": 40})), "update (AWS reports `storage-full`; this change fixes it)");
        assert_eq!(said_of("stopped", json!({"running": true})), "update (AWS reports `stopped`; this change fixes it)");
        let both = json!({"running": true, "class": "db.t4g.small"});
        assert_eq!(said_of("stopped", both), "update (AWS reports `stopped`; this change fixes it)");
        let other = said_of("storage-full", json!({"class": "db.t4g.small"}));
        assert!(other.starts_with("refuse (AWS cannot change it while it is `storage-full`"), "{other}");
        let tags = said_of("incompatible-parameters", json!({"tags": {"team": "a"}}));
        assert!(tags.starts_with("update (AWS reports `incompatible-parameters`: "), "{tags}");
        // What must be replaced begins with a copy, which only one that serves gives.
        let moved = said_of("stopped", json!({"running": true, "kms_key": "b"}));
        assert!(moved.starts_with("refuse (it must be replaced, and the new one starts with a copy of its data, but"), "{moved}");
    }

    #[test]
    fn a_deletion_ends_before_the_successor_is_created() {
        let leaving = || Readiness::Leaving("deleting".into());
        let fields = json!({"tags": {}});
        let plan = plan("rds.instance", leaving(), fields.clone(), fields);
        assert_eq!(
            said(&plan),
            "create (the previous object is still being deleted (`deleting`); this one is created when it is gone) and delete (it is already being deleted (`deleting`); this waits until it is gone)"
        );
        assert!(plan.items.iter().all(|item| !item.needs_consent && item.last_copy.is_none()));
        let schedule = crate::engine::schedule::Schedule::new(&plan.items, &crate::aws::registry()).unwrap();
        let edges: Vec<_> =
            schedule.edges().into_iter().map(|(op, after)| (op.1, after.into_iter().map(|o| o.1).collect::<Vec<_>>())).collect();
        use crate::engine::action::Verb;
        assert_eq!(edges, [(Verb::Create, vec![Verb::Delete]), (Verb::Delete, vec![])]);
    }
}
