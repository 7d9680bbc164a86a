//! Runs: where their documents are kept, who may change something now, and what was done.

pub mod history;
pub mod lease;
pub mod store;
