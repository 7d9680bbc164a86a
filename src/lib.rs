//! stack
#![allow(missing_docs)]
pub mod engine;
pub mod local;
