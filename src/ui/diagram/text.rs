//! A diagram in the languages of Mermaid and Graphviz, which lay it out themselves.

use std::collections::BTreeMap;

use crate::engine::Key;
use crate::ui::style::clean;

use super::Diagram;

fn numbers(diagram: &Diagram) -> BTreeMap<&Key, usize> {
    diagram.nodes.iter().enumerate().map(|(at, node)| (&node.key, at)).collect()
}

fn arrows(diagram: &Diagram, arrow: &str) -> Vec<String> {
    let numbers = numbers(diagram);
    let numbered = |(from, to): &(Key, Key)| Some((*numbers.get(from)?, *numbers.get(to)?));
    let mut edges: Vec<(usize, usize)> = diagram.edges.iter().filter_map(numbered).collect();
    edges.sort_unstable();
    edges.into_iter().map(|(from, to)| format!("  n{from} {arrow} n{to}")).collect()
}

pub(super) fn mermaid(diagram: &Diagram) -> String {
    // Mermaid writes entities with `#`.
    let escaped = |text: &str| -> String {
        clean(text)
            .chars()
            .map(|c| match c {
                '"' | '<' | '>' | '&' | '#' | '\\' | '`' => format!("#{};", u32::from(c)),
                c => c.to_string(),
            })
            .collect()
    };
    let title = serde_json::Value::from(clean(&diagram.title)).to_string();
    let mut out = vec!["---".to_owned(), format!("title: {title}"), "---".into(), "flowchart LR".into()];
    for (number, group) in diagram.groups().iter().enumerate() {
        out.push(format!("  subgraph g{number}[\"{}\"]", escaped(group)));
        for (at, node) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.group == *group) {
            out.push(format!("    n{at}[\"{}<br/>{}\"]", escaped(&node.label), escaped(&node.key.kind)));
        }
        out.push("  end".into());
    }
    out.extend(arrows(diagram, "-->"));
    out.join("\n") + "\n"
}

pub(super) fn dot(diagram: &Diagram) -> String {
    let escaped = |text: &str| clean(text).replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = vec![
        format!("digraph \"{}\" {{", escaped(&diagram.title)),
        format!("  label=\"{}\"; labelloc=t; rankdir=LR; fontname=\"sans-serif\"", escaped(&diagram.title)),
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"]".into(),
    ];
    for (number, group) in diagram.groups().iter().enumerate() {
        out.push(format!("  subgraph cluster_{number} {{"));
        out.push(format!("    label=\"{}\"; color=gray", escaped(group)));
        for (at, node) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.group == *group) {
            out.push(format!("    n{at} [label=\"{}\\n{}\"]", escaped(&node.label), escaped(&node.key.kind)));
        }
        out.push("  }".into());
    }
    out.extend(arrows(diagram, "->"));
    out.push("}".into());
    out.join("\n") + "\n"
}
