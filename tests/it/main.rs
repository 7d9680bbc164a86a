//! Integration tests: the real binary, real HTTP, a local AWS, and another client to read it back.
//!
//! One binary, because each further one links the AWS SDKs again.

// In a test a panic is the message, and what is printed is for the developer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod access;
mod alarms;
mod answers;
mod architecture;
mod archive;
mod backup;
mod begin;
mod budget;
mod caches;
mod calls;
mod cdn;
mod chain;
mod check;
mod cli;
mod clone;
mod compare;
mod connect;
mod consent;
mod cost;
mod dashboard;
mod databases;
mod defaults;
mod drift;
mod edits;
mod elsewhere;
mod emergency;
mod encryption;
mod environments;
mod existing;
mod failing;
mod faults;
mod firewall;
mod freeze;
mod hostile;
mod hosts;
mod imports;
mod kills;
mod kinds;
mod leases;
mod lifecycle;
mod lines;
mod load;
mod local;
mod logs;
mod matrix;
mod models;
mod moved;
mod names;
mod order;
mod ownership;
mod pages;
mod passwords;
mod pause;
mod plugin;
mod preflight;
mod recovery;
mod restore;
mod rights;
mod saved;
mod schedule;
mod secrets;
mod sharing;
mod spelling;
mod support;
mod tasks;
mod terminal;
mod texts;
mod trouble;
mod usage;
mod walkthroughs;
mod ways;
