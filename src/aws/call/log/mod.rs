//! A log of the calls to AWS, for whoever looks into a problem: lines to read, and a trace for Perfetto.
//!
//! `CallLog` makes one event of every attempt of a call. An event has names, codes and numbers. Parameters, headers and bodies
//! are not in it at any level, and so no secret is.
//!
//! The SDKs log through `tracing` too, whole requests among it: of their events none is recorded.

mod calls;
mod fields;
mod lines;
mod recorder;
#[cfg(test)]
mod tests;
mod trace;

pub(in crate::aws) use calls::{CallLog, Waited, credentials};
pub use recorder::{Recording, start};

/// What the events of calls to AWS are called.
const CALL: &str = "stack::call";
