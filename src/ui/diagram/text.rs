//! Pictures in the languages of Mermaid and Graphviz, which lay them out themselves.

use std::collections::BTreeMap;

use crate::engine::Key;
use crate::ui::style::clean;

use super::architecture::{Architecture, NOTHING, Node, Role, SECURITY};
use super::dependencies::Dependencies;
use super::lanes::color;

fn arrows(diagram: &Dependencies, arrow: &str) -> Vec<String> {
    let numbers: BTreeMap<&Key, usize> = diagram.nodes.iter().enumerate().map(|(at, node)| (&node.key, at)).collect();
    let numbered = |(from, to): &(Key, Key)| Some((*numbers.get(from)?, *numbers.get(to)?));
    let mut edges: Vec<(usize, usize)> = diagram.edges.iter().filter_map(numbered).collect();
    edges.sort_unstable();
    edges.into_iter().map(|(from, to)| format!("  n{from} {arrow} n{to}")).collect()
}

/// Text inside of quotes of Mermaid, which writes entities with `#`.
fn mermaid_text(text: &str) -> String {
    clean(text)
        .chars()
        .map(|c| match c {
            '"' | '<' | '>' | '&' | '#' | '\\' | '`' => format!("#{};", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

fn mermaid_head(title: &str) -> Vec<String> {
    let title = serde_json::Value::from(clean(title)).to_string();
    vec!["---".to_owned(), format!("title: {title}"), "---".into(), "flowchart LR".into()]
}

/// Text inside of quotes of DOT.
fn dot_text(text: &str) -> String {
    clean(text).replace('\\', "\\\\").replace('"', "\\\"")
}

fn dot_head(title: &str) -> Vec<String> {
    vec![
        format!("digraph \"{}\" {{", dot_text(title)),
        format!("  label=\"{}\"; labelloc=t; rankdir=LR; fontname=\"sans-serif\"", dot_text(title)),
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"]".into(),
    ]
}

pub(super) fn mermaid(diagram: &Dependencies) -> String {
    let mut out = mermaid_head(&diagram.title);
    for (number, group) in diagram.groups().iter().enumerate() {
        out.push(format!("  subgraph g{number}[\"{}\"]", mermaid_text(group)));
        for (at, node) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.group == *group) {
            out.push(format!("    n{at}[\"{}<br/>{}\"]", mermaid_text(&node.key.name), mermaid_text(&node.key.kind)));
        }
        out.push("  end".into());
    }
    out.extend(arrows(diagram, "-->"));
    out.join("\n") + "\n"
}

pub(super) fn dot(diagram: &Dependencies) -> String {
    let mut out = dot_head(&diagram.title);
    for (number, group) in diagram.groups().iter().enumerate() {
        out.push(format!("  subgraph cluster_{number} {{"));
        out.push(format!("    label=\"{}\"; color=gray", dot_text(group)));
        for (at, node) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.group == *group) {
            out.push(format!("    n{at} [label=\"{}\\n{}\"]", dot_text(&node.key.name), dot_text(&node.key.kind)));
        }
        out.push("  }".into());
    }
    out.extend(arrows(diagram, "->"));
    out.push("}".into());
    out.join("\n") + "\n"
}

/// The lines of a box.
fn lines<'a>(it: &'a Node, escaped: &'a dyn Fn(&str) -> String) -> impl Iterator<Item = String> + 'a {
    std::iter::once(&it.label).chain(&it.details).map(move |line| escaped(line))
}

pub(super) fn architecture_mermaid(it: &Architecture) -> String {
    let mut out = mermaid_head(&it.title);
    let node = |(at, one): (usize, &Node)| {
        let text = lines(one, &mermaid_text).collect::<Vec<_>>().join("<br/>");
        let (open, close) = if one.role == Role::Data { ("[(", ")]") } else { ("[", "]") };
        format!("n{at}{open}\"{text}\"{close}:::{}", one.role.name())
    };
    if it.nodes.is_empty() {
        out.push(format!("  nothing[\"{NOTHING}\"]"));
    }
    out.extend(it.within(None).map(|one| format!("  {}", node(one))));
    if !it.lanes.is_empty() {
        out.push(format!("  subgraph vpc[\"{}\"]", mermaid_text(&it.boundary)));
        for (number, lane) in it.lanes.iter().enumerate() {
            out.push(format!("    subgraph lane{number}[\"{}\"]", mermaid_text(lane)));
            out.extend(it.within(Some(number)).map(|one| format!("      {}", node(one))));
            out.push("    end".into());
        }
        out.push("  end".into());
    }
    if it.security().next().is_some() {
        out.push(format!("  subgraph security[\"{SECURITY}\"]"));
        out.extend(it.security().map(|one| format!("    {}", node(one))));
        out.push("  end".into());
    }
    out.extend(it.edges.iter().map(|edge| {
        let label = if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", mermaid_text(&edge.label)) };
        format!("  n{} -->{label} n{}", edge.from, edge.to)
    }));
    for role in Role::ALL {
        let (name, color) = (role.name(), color(role));
        out.push(format!("  classDef {name} stroke:{color},stroke-width:2px"));
    }
    out.join("\n") + "\n"
}

pub(super) fn architecture_dot(it: &Architecture) -> String {
    let mut out = dot_head(&it.title);
    let node = |(at, one): (usize, &Node)| {
        let text = lines(one, &dot_text).collect::<Vec<_>>().join("\\n");
        let shape = if one.role == Role::Data { ", shape=cylinder, style=\"\"" } else { "" };
        format!("n{at} [label=\"{text}\", color=\"{}\", penwidth=2{shape}]", color(one.role))
    };
    if it.nodes.is_empty() {
        out.push(format!("  nothing [label=\"{NOTHING}\"]"));
    }
    out.extend(it.within(None).map(|one| format!("  {}", node(one))));
    if !it.lanes.is_empty() {
        out.push("  subgraph cluster_vpc {".into());
        out.push(format!("    label=\"{}\"; style=dashed; color=\"{}\"", dot_text(&it.boundary), color(Role::Network)));
        for (number, lane) in it.lanes.iter().enumerate() {
            out.push(format!("    subgraph cluster_{number} {{"));
            out.push(format!("      label=\"{}\"; style=filled; color=\"#f3f5f8\"", dot_text(lane)));
            out.extend(it.within(Some(number)).map(|one| format!("      {}", node(one))));
            out.push("    }".into());
        }
        out.push("  }".into());
    }
    if it.security().next().is_some() {
        out.push(format!("  subgraph cluster_security {{\n    label=\"{SECURITY}\"; style=rounded; color=gray"));
        out.extend(it.security().map(|one| format!("    {}", node(one))));
        out.push("  }".into());
    }
    out.extend(it.edges.iter().map(|edge| {
        let label = if edge.label.is_empty() { String::new() } else { format!(" [label=\"{}\"]", dot_text(&edge.label)) };
        format!("  n{} -> n{}{label}", edge.from, edge.to)
    }));
    out.push("}".into());
    out.join("\n") + "\n"
}
