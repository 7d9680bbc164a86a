//! stack
#![allow(missing_docs)]
pub mod aws;
pub mod blueprint;
pub mod commands;
pub mod config;
pub mod engine;
pub mod local;
pub mod ui;
