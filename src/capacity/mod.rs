//! What an architecture must be for a number of users: tasks, classes, and which limit is met first.
//!
//! All of it is arithmetic on what was measured and on what is assumed, and every figure says which. Here are no AWS, no file and no
//! prices: a file becomes a [`Model`] in [`crate::commands`], which also asks what the answer costs.
//!
//! Not modelled, and never guessed: what queries cost, how data grows, and what the application does when one of its parts is slow.

pub mod classes;
pub mod learned;
pub mod memory;
pub mod model;
pub mod number;
pub mod quota;

pub use classes::Size;
pub use learned::{Hour, Shown};
pub use model::{Bound, Cache, Database, Model, Nat, Need, Service, Source};
pub use quota::{Counts, Demand, Quota};
