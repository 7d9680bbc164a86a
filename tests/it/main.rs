//! Integration tests: the real binary, real HTTP, a local AWS, and another client to read it back.
//!
//! One binary, because each further one links the AWS SDKs again.

mod architecture;
mod calls;
mod cli;
mod drift;
mod lifecycle;
mod local;
mod plugin;
mod saved;
mod support;
