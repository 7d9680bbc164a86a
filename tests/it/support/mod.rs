//! What every integration test stands on: a local AWS, a proxy that counts, another client, and the real binary.
//!
//! Each test takes an account of its own with [`aws::LocalAws::account`], so that all can run at once against few servers.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

pub mod aws;
pub mod client;
pub mod console;
pub mod faults;
pub mod helper;
mod http;
pub mod kinds;
pub mod proxy;
pub mod record;
pub mod run;
pub mod stacks;
pub mod subject;

/// Runs async code from anywhere, a test inside a runtime included.
pub fn block_on<T: Send>(make: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(make())
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
