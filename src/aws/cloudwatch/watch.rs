//! Alarms with their states, for `stack show`.

use serde::Serialize;
use serde_json::Value;

use super::alarm::Alarm;
use super::composite::CompositeAlarm;
use super::state::AlarmState;
use crate::engine::{Readiness, Resource};

/// An alarm of a stack, and its state.
#[derive(Clone, Debug, Serialize)]
pub struct Watch {
    /// Its name in the stack.
    pub name: String,
    /// Its state.
    #[serde(flatten)]
    pub state: AlarmState,
}

impl Watch {
    /// Returns the alarm that an object is, if it is one.
    pub fn of(kind: &str, name: &str, _: &Value, live: &Value, _: &Readiness) -> Option<Watch> {
        let state = || serde_json::from_value(live.clone()).ok();
        (kind == Alarm::KIND || kind == CompositeAlarm::KIND).then(state)?.map(|state| Watch { name: name.to_owned(), state })
    }
}
