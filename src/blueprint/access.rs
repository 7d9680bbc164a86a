//! `access`: IAM groups and users.

use super::Facts;
use crate::config::Stack;
use crate::engine::{Error, Graph};

pub fn expand(_graph: &mut Graph, _stack: &Stack, _facts: &Facts<'_>) -> Result<(), Error> {
    Ok(())
}
