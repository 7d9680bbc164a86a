//! `cdn`: CloudFront in front of the load balancer and of a bucket for static files.

use super::Facts;
use super::certificates::Certificates;
use super::keys::Keys;
use super::load_balancer::Balancer;
use crate::config::Stack;
use crate::engine::{Error, Graph};

pub fn expand(
    _graph: &mut Graph,
    _stack: &Stack,
    _balancer: Option<&Balancer>,
    _certificates: &Certificates,
    _keys: &Keys,
    _facts: &Facts<'_>,
) -> Result<(), Error> {
    Ok(())
}
