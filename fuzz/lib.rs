//! The two crates that are fuzzed, under the names that they have in `stack`.

pub use stack_config as config;
pub use stack_engine as engine;
