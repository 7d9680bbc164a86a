//! stack
#![allow(missing_docs)]
pub mod aws;
pub mod engine;
