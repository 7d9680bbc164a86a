//! Every object, and what it refers to.

use crate::engine::token::named;
use crate::engine::{Graph, Key};

use super::super::kinds;

/// Every object of a graph, in groups by what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependencies {
    /// What it shows.
    pub title: String,
    /// The boxes, in reading order.
    pub nodes: Vec<Node>,
    /// Who refers to whom.
    pub edges: Vec<(Key, Key)>,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The object.
    pub key: Key,
    /// What it is for: `network`, `databases`.
    pub group: String,
}

impl Dependencies {
    /// Returns the objects of a graph and their references.
    pub fn of(graph: &Graph, title: String) -> Dependencies {
        let mut nodes: Vec<Node> =
            graph.nodes().map(|node| Node { group: kinds::area(&node.key.kind).to_owned(), key: node.key.clone() }).collect();
        nodes.sort_by_key(|node| (kinds::rank(&node.key.kind), node.group.clone(), node.key.clone()));
        let mut edges: Vec<(Key, Key)> = Vec::new();
        for node in graph.nodes() {
            let uses = named(&node.desired).into_keys().filter(|to| *to != node.key && graph.get(to).is_some());
            edges.extend(uses.map(|to| (node.key.clone(), to)));
        }
        edges.sort();
        Dependencies { title, nodes, edges }
    }

    /// The groups in reading order.
    pub(super) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.nodes.iter().map(|node| node.group.as_str()).collect();
        groups.dedup();
        groups
    }
}
