//! `services.together`: one alarm for all alarms of a service, which tells in their place.
//!
//! What breaks a service sets off several of them within minutes: slow answers, errors, tasks that end. Whoever is called by one message
//! looks at the others in any case.

use super::{Found, attribute_of};
use crate::aws::Tags;
use crate::aws::cloudwatch::{Alarm, CompositeAlarm};
use crate::config::alarms::Alarms;
use crate::engine::lies_in;

/// Where it is turned off for all.
const WATCH: &str = "services.together";
/// What such alarms are of.
const GROUP: &str = "service";
/// How many there are before one speaks for them.
const SEVERAL: usize = 2;

/// The alarms of a part that tell together.
pub struct Together {
    /// The part in the file: `services.web`.
    pub of: String,
    /// What the part is called in names: `web`.
    name: String,
    /// The names of the alarms.
    alarms: Vec<String>,
}

fn path(of: &str) -> String {
    format!("{of}.together")
}

/// Returns where they are turned off: `services.web.together`.
pub fn paths(found: &[Found]) -> impl Iterator<Item = String> {
    found.iter().filter(|one| one.watch.group() == GROUP).map(|one| path(&one.of))
}

/// Returns those of each service that has several.
pub fn of(wanted: &[(f64, Found)], section: &Alarms) -> Vec<Together> {
    let mut all: Vec<Together> = Vec::new();
    // One that tells nobody is no better than those that it is of, and costs more.
    if section.threshold(WATCH).is_none() || !section.tells() {
        return all;
    }
    let is_off = |of: &str| section.off.iter().any(|off| lies_in(&path(of), off));
    for (_, one) in wanted.iter().filter(|(_, one)| one.watch.group() == GROUP && !is_off(&one.of)) {
        match all.iter_mut().find(|several| several.of == one.of) {
            Some(several) => several.alarms.push(one.key()),
            None => all.push(Together { of: one.of.clone(), name: one.name.clone(), alarms: vec![one.key()] }),
        }
    }
    all.retain(|several| several.alarms.len() >= SEVERAL);
    all
}

impl Together {
    /// Returns the alarm's name in the stack: `service-web-together`. Alarms of metrics have the same name space, and end in other words.
    pub fn key(&self) -> String {
        format!("{GROUP}-{}-together", self.name)
    }

    /// Returns the alarm, which goes off when any of them does.
    pub fn alarm(&self, actions: &[String]) -> CompositeAlarm {
        let any = self.alarms.iter().map(|name| format!("ALARM(\"{}\")", attribute_of::<Alarm>(name, "id")));
        CompositeAlarm {
            rule: any.collect::<Vec<_>>().join(" OR "),
            actions: actions.to_vec(),
            ok_actions: actions.to_vec(),
            insufficient_data_actions: Vec::new(),
            suppressor: String::new(),
            suppressor_wait: 0,
            suppressor_extension: 0,
            enabled: Some(true),
            description: format!("{}: one of its {} alarms.", self.of, self.alarms.len()),
            tags: Tags::new(),
        }
    }
}
