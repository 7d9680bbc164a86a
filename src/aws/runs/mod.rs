//! Runs: where their documents are kept, who may change something now, what was done, and which objects that vouches for.

pub mod doubt;
pub mod history;
pub mod lease;
pub mod store;
