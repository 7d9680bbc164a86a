//! What a service gets when it `uses` something.

use std::collections::BTreeMap;

use super::facts::{Facts, Problem};
use crate::aws::ec2::SecurityGroup;
use crate::aws::existing::Database;
use crate::config::Stack;
use crate::engine::Ref;

/// By how it is written in `uses`: `databases.main`.
pub type Offers = BTreeMap<String, Offer>;

/// What one database or cache has for those who use it.
pub struct Offer {
    /// The group that guards it: a rule in it lets the service in. None when someone else owns it, who opens it.
    pub security_group: Option<Ref<SecurityGroup>>,
    /// The port that is opened.
    pub port: u16,
    /// Environment variables: where it is and how to speak to it. Nothing secret.
    pub environment: BTreeMap<String, String>,
    /// Environment variables that ECS fills from secrets: ARNs in the form that task definitions want.
    pub secrets: BTreeMap<String, String>,
    /// The ARNs of the secrets that the execution role must read for that.
    pub secret_arns: Vec<String>,
}

/// Returns the name of an environment variable: `DATABASE_MAIN_HOST`.
pub fn variable(what: &str, name: &str, field: &str) -> String {
    format!("{what}_{name}_{field}").to_ascii_uppercase().replace('-', "_")
}

/// Reports services that would get one variable from two objects that they use, and do not set it themselves.
pub fn ambiguous(stack: &Stack, offers: &Offers) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, service) in &stack.services {
        let mut by: BTreeMap<&str, &str> = BTreeMap::new();
        let said = |variable: &str| service.environment.contains_key(variable) || service.secrets.contains_key(variable);
        for (at, used) in service.uses.iter().enumerate() {
            let Some(offer) = offers.get(used) else { continue };
            let variables = offer.environment.keys().chain(offer.secrets.keys()).map(String::as_str);
            let twice = variables.filter(|variable| !said(variable));
            let twice = twice.filter_map(|variable| Some((variable, by.insert(variable, used)?)));
            // Of all that they share one is enough to say.
            let twice: Vec<(&str, &str)> = twice.filter(|(_, other)| other != used).collect();
            if let Some((variable, other)) = twice.first() {
                problems.push(Problem {
                    at: format!("services.{name}.uses[{at}]"),
                    code: "duplicate-variable",
                    message: format!("`services.{name}` gets the variable `{variable}` twice: from `{other}` and from `{used}`"),
                    help: "rename one of the two, or use only one of them".into(),
                });
            }
        }
    }
    problems
}

/// Returns what databases of other owners have to offer. Their owner lets the service in.
pub fn existing(facts: &Facts<'_>) -> Offers {
    let one = |(name, database): (&String, &Database)| {
        let variable = |field: &str| variable("database", name, field);
        let mut environment = BTreeMap::from([
            (variable("host"), database.host.clone()),
            (variable("port"), database.port.to_string()),
            (variable("user"), database.user.clone()),
        ]);
        environment.extend(database.database.clone().map(|it| (variable("name"), it)));
        let secrets = database.secret_arn.iter().map(|arn| (variable("password"), format!("{arn}:password::"))).collect();
        let secret_arns = database.secret_arn.iter().cloned().collect();
        let offer = Offer { security_group: None, port: database.port, environment, secrets, secret_arns };
        (format!("existing.databases.{name}"), offer)
    };
    facts.existing.databases.iter().map(one).collect()
}
