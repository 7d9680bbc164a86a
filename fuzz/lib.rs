//! The two modules that are fuzzed, by their files: they import nothing else of the crate, and depending on it would
//! mean to build the AWS SDKs with instrumentation, for hours.

#[path = "../src/config/mod.rs"]
pub mod config;
#[path = "../src/engine/mod.rs"]
pub mod engine;
