//! Pictures of what a file describes: Mermaid, DOT, SVG.
//!
//! | view | shows |
//! | --- | --- |
//! | [`Architecture`] | where requests go: users, delivery, load balancer, services, data, in their subnets |
//! | [`Dependencies`] | every object, and what it refers to |

mod architecture;
mod dependencies;
pub(in crate::ui) mod drawing;
mod lanes;
mod layout;
mod svg;
mod text;

pub use architecture::{Architecture, Role};
pub use dependencies::Dependencies;

use crate::engine::Graph;

/// A picture, before it is written in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diagram {
    /// The way of the requests.
    Architecture(Architecture),
    /// Every object.
    Dependencies(Dependencies),
}

impl Diagram {
    /// Returns the picture of what is desired: the architecture, or with `all` every object and its dependencies.
    pub fn of(graph: &Graph, title: impl Into<String>, all: bool) -> Diagram {
        if all {
            Diagram::Dependencies(Dependencies::of(graph, title.into()))
        } else {
            Diagram::Architecture(Architecture::of(graph, title.into()))
        }
    }

    /// Writes it as a Mermaid flow chart.
    pub fn mermaid(&self) -> String {
        match self {
            Diagram::Architecture(it) => text::architecture_mermaid(it),
            Diagram::Dependencies(it) => text::mermaid(it),
        }
    }

    /// Writes it as a DOT graph.
    pub fn dot(&self) -> String {
        match self {
            Diagram::Architecture(it) => text::architecture_dot(it),
            Diagram::Dependencies(it) => text::dot(it),
        }
    }

    /// Writes it as an SVG image that needs nothing else and follows the reader's light or dark mode.
    pub fn svg(&self) -> String {
        match self {
            Diagram::Architecture(it) => lanes::svg(it),
            Diagram::Dependencies(it) => svg::svg(it),
        }
    }
}

#[cfg(test)]
mod tests;
