//! Dependencies as an SVG image.

use std::collections::BTreeMap;

use crate::engine::Key;
use crate::ui::kinds;
use crate::ui::style::clean;

use super::dependencies::Dependencies;
use super::drawing::{LABEL, SMALL, cut, escaped, image, wide};
use super::layout::{Cell, layout};

const HEIGHT: f64 = 46.0;
const PASS: f64 = 6.0;
const GAP: f64 = 14.0;
/// Between two columns, where the edges bend.
const BETWEEN: f64 = 76.0;
const MARGIN: f64 = 28.0;

/// A colour for each area, the same in every stack, to be told apart on white and on black.
const COLORS: &[&str] = &[
    "#4c8bf5", "#d9822b", "#8e63ce", "#2fa36b", "#d64f6c", "#1f9bb3", "#b08a00", "#7a8794", "#c25fb0", "#6f9a2e", "#a0674b",
    "#5d6ad6", "#3d8f8a", "#cf5a2f",
];

const STYLE: &str = "
  text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 18px; font-weight: 600 } .label { font-size: 13px; font-weight: 600 } .small { font-size: 11px; fill: #59636e }
  .paper { fill: #ffffff } .box { fill: #f6f8fa; stroke: #c8d0d9 } .edge { fill: none; stroke: #98a2ad; stroke-width: 1.3 }
  .head { fill: #98a2ad }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9aa5b1 } .paper { fill: #0d1117 } .box { fill: #1a212a; stroke: #3b4550 }
    .edge { stroke: #667280 } .head { fill: #667280 }
  }
";

fn color(kind: &str) -> &'static str {
    COLORS.get(kinds::rank(kind)).copied().unwrap_or("#7a8794")
}

pub(super) fn svg(diagram: &Dependencies) -> String {
    let number: BTreeMap<&Key, usize> = diagram.nodes.iter().enumerate().map(|(at, node)| (&node.key, at)).collect();
    let edges: Vec<(usize, usize)> =
        diagram.edges.iter().filter_map(|(from, to)| Some((*number.get(from)?, *number.get(to)?))).collect();
    let layout = layout(diagram.nodes.len(), &edges, HEIGHT, PASS, GAP);

    let texts: Vec<(String, String)> = diagram.nodes.iter().map(|node| (cut(&node.key.name), cut(&node.key.kind))).collect();
    let box_width = |(label, kind): &(String, String)| wide(label, LABEL).max(wide(kind, SMALL)) + 30.0;
    // A column is as wide as its widest box, and all its boxes are that wide.
    let mut widths = vec![0.0_f64; layout.columns];
    for place in &layout.places {
        if let (Cell::Box(node), Some(column)) = (place.cell, widths.get_mut(place.column)) {
            *column = column.max(texts.get(node).map_or(0.0, box_width));
        }
    }
    let mut lefts = Vec::new();
    let mut x = MARGIN;
    for width in &widths {
        lefts.push(x);
        x += width + BETWEEN;
    }
    let drawn = if widths.is_empty() { 0.0 } else { x - BETWEEN - MARGIN };

    let groups = diagram.groups();
    let title_width = wide(&clean(&diagram.title), 11.5);
    let widest_legend = groups.iter().map(|group| wide(&clean(group), SMALL) + 40.0).fold(0.0, f64::max);
    let inner = drawn.max(title_width).max(widest_legend).max(640.0);
    let mut out = Vec::new();

    out.push(format!("<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 16.0, escaped(&diagram.title)));
    let (mut x, mut y) = (MARGIN, MARGIN + 44.0);
    for group in groups {
        let kind = diagram.nodes.iter().find(|node| node.group == group).map_or("", |node| node.key.kind.as_str());
        let width = wide(&clean(group), SMALL) + 36.0;
        if x + width > MARGIN + inner && x > MARGIN {
            (x, y) = (MARGIN, y + 20.0);
        }
        out.push(format!(
            "<rect x=\"{x:.0}\" y=\"{:.0}\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{}\"/>",
            y - 9.0,
            color(kind)
        ));
        out.push(format!("<text class=\"small\" x=\"{:.0}\" y=\"{y:.0}\">{}</text>", x + 16.0, escaped(group)));
        x += width;
    }
    let top = y + 26.0;

    for path in &layout.paths {
        let mut line = String::new();
        for (at, pair) in path.windows(2).enumerate() {
            let [Some(from), Some(to)] = [pair.first(), pair.last()].map(|p| p.and_then(|p| layout.places.get(*p))) else {
                continue;
            };
            let of = |list: &[f64], column: usize| list.get(column).copied().unwrap_or_default();
            let start = of(&lefts, from.column) + of(&widths, from.column);
            // The head of the arrow takes the last bit.
            let end = of(&lefts, to.column) - if to.cell == Cell::Pass { 0.0 } else { 7.0 };
            let (a, b, middle) = (top + from.y, top + to.y, (start + end) / 2.0);
            let begin = if at == 0 { format!("M{start:.1} {a:.1}") } else { format!("L{start:.1} {a:.1}") };
            line += &format!("{begin}C{middle:.1} {a:.1} {middle:.1} {b:.1} {end:.1} {b:.1}");
        }
        out.push(format!("<path class=\"edge\" d=\"{line}\" marker-end=\"url(#head)\"/>"));
    }
    let draw = |node: usize, x: f64, y: f64, width: f64| {
        let (Some(what), Some((label, kind))) = (diagram.nodes.get(node), texts.get(node)) else { return String::new() };
        format!(
            "<g><title>{}</title><rect class=\"box\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"6\"/>\
             <rect x=\"{x:.1}\" y=\"{:.1}\" width=\"4\" height=\"{}\" rx=\"2\" fill=\"{}\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(&what.key.to_string()),
            y + 6.0,
            HEIGHT - 12.0,
            color(&what.key.kind),
            x + 14.0,
            y + 20.0,
            escaped(label),
            x + 14.0,
            y + 36.0,
            escaped(kind),
        )
    };
    let mut bottom = top;
    for place in &layout.places {
        let column = (lefts.get(place.column), widths.get(place.column));
        if let (Cell::Box(node), (Some(left), Some(width))) = (place.cell, column) {
            out.push(draw(node, *left, top + place.y - HEIGHT / 2.0, *width));
        }
        bottom = bottom.max(top + place.y + HEIGHT / 2.0 + GAP);
    }
    // What stands alone stands below, in rows.
    let (mut x, mut y) = (MARGIN, bottom + GAP);
    for (at, node) in layout.alone.iter().enumerate() {
        let width = texts.get(*node).map_or(0.0, box_width);
        if at > 0 && x + width > MARGIN + inner {
            (x, y) = (MARGIN, y + HEIGHT + GAP);
        }
        out.push(draw(*node, x, y, width));
        x += width + GAP;
        bottom = y + HEIGHT + GAP;
    }

    image(&diagram.title, STYLE, (inner + 2.0 * MARGIN, bottom - GAP + MARGIN), &out)
}
