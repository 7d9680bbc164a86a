//! The architecture as an SVG image: a column for each step of a request, subnets as lanes, the network around them.

use std::collections::BTreeMap;

use super::architecture::{Architecture, Edge, NOTHING, Node, Role, SECURITY, Stage};
use super::drawing::{LABEL, SMALL, cut, escaped, image, wide};
use crate::ui::style::capital;

const MARGIN: f64 = 28.0;
/// Between boxes that stand below each other.
const GAP: f64 = 18.0;
/// Between a lane and what is in it.
const PAD: f64 = 14.0;
/// The title of a lane, or of the network.
const HEAD: f64 = 26.0;
/// Between two columns at least: the edges bend there.
const BETWEEN: f64 = 64.0;
/// A line of a box's details.
const LINE: f64 = 15.0;
/// What an edge takes that goes from a box to another below or above it.
const AROUND: f64 = 38.0;
/// What the head of an arrow takes.
const ARROW: f64 = 7.0;

const STYLE: &str = "
  text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 18px; font-weight: 600 } .label { font-size: 13px; font-weight: 600 } .small { font-size: 11px; fill: #59636e }
  .way { font-size: 11px; fill: #59636e; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
  .paper { fill: #ffffff } .box { fill: #ffffff; stroke: #c8d0d9 } .lane { fill: #f3f5f8; stroke: none }
  .vpc { fill: none; stroke: #8c4fff; stroke-width: 1.5; stroke-dasharray: 6 4 } .vpc-title { font-size: 12px; font-weight: 600; fill: #8c4fff }
  .strip { fill: none; stroke: #c8d0d9 } .edge { fill: none; stroke: #7d8894; stroke-width: 1.4 } .head { fill: #7d8894 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9aa5b1 } .way { fill: #9aa5b1; stroke: #0d1117 } .paper { fill: #0d1117 }
    .box { fill: #161b22; stroke: #3b4550 } .lane { fill: #1a212a } .vpc-title { fill: #b18bff } .vpc { stroke: #b18bff }
    .strip { stroke: #3b4550 } .edge { stroke: #8b97a3 } .head { fill: #8b97a3 }
  }
";

/// The colour of a role: the same in every stack, to be told apart on white and on black.
pub(super) fn color(role: Role) -> &'static str {
    match role {
        Role::Edge => "#2f7de1",
        Role::Network => "#8c4fff",
        Role::Compute => "#ed7100",
        Role::Data => "#2fa36b",
        Role::Security => "#dd344c",
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Rect {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Rect {
    fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// A lane in one column, with the numbers of its boxes.
struct Block {
    lane: Option<usize>,
    boxes: Vec<usize>,
    at: Rect,
}

struct Column {
    stage: Stage,
    blocks: Vec<Block>,
    x: f64,
    width: f64,
    /// What edges within the column take at its right.
    around: f64,
}

/// Where everything stands.
struct Places<'a> {
    it: &'a Architecture,
    columns: Vec<Column>,
    boxes: BTreeMap<usize, Rect>,
    /// The rectangle around all lanes.
    network: Option<Rect>,
    right: f64,
    bottom: f64,
}

fn size(it: &Node) -> (f64, f64) {
    let widest = it.details.iter().map(|line| wide(&cut(line), SMALL)).fold(wide(&cut(&it.label), LABEL), f64::max);
    (widest.max(70.0) + 30.0, 30.0 + LINE * it.details.len() as f64)
}

fn stacked(it: &Architecture, boxes: &[usize]) -> f64 {
    let heights = boxes.iter().filter_map(|at| it.nodes.get(*at)).map(|it| size(it).1);
    heights.sum::<f64>() + GAP * boxes.len().saturating_sub(1) as f64
}

/// The least height of a block.
fn least(it: &Architecture, block: &Block) -> f64 {
    stacked(it, &block.boxes) + if block.lane.is_some() { HEAD + PAD } else { 0.0 }
}

/// Whether a box outside of the network stands below it, rather than in front of it.
fn is_below(it: &Architecture, one: &Node) -> bool {
    one.lane.is_none() && one.stage >= Stage::Entry && !it.lanes.is_empty()
}

impl<'a> Places<'a> {
    fn of(it: &'a Architecture, top: f64) -> Places<'a> {
        let mut out = Places { it, columns: Vec::new(), boxes: BTreeMap::new(), network: None, right: 0.0, bottom: top };
        out.fill();
        out.across();
        out.down(top);
        out.below();
        out
    }

    /// Puts the boxes into columns and blocks, those that have the same users next to each other.
    fn fill(&mut self) {
        for stage in [Stage::Users, Stage::Delivery, Stage::Entry, Stage::Compute, Stage::Data] {
            let lanes = (0..self.it.lanes.len()).map(Some);
            let mut blocks = Vec::new();
            for lane in lanes.chain([None]) {
                let mut boxes: Vec<(f64, usize)> = self
                    .it
                    .within(lane)
                    .filter(|(_, one)| one.stage == stage && !is_below(self.it, one))
                    .map(|(at, _)| (self.users_of(at), at))
                    .collect();
                boxes.sort_by(|a, b| a.0.total_cmp(&b.0));
                let boxes: Vec<usize> = boxes.into_iter().map(|(_, at)| at).collect();
                if !boxes.is_empty() {
                    blocks.push(Block { lane, boxes, at: Rect::default() });
                }
            }
            let below = self.it.within(None).any(|(_, one)| one.stage == stage && is_below(self.it, one));
            if !blocks.is_empty() || below {
                let around = if self.it.edges.iter().any(|edge| self.is_around(edge, stage)) { AROUND } else { 0.0 };
                self.columns.push(Column { stage, blocks, x: 0.0, width: 0.0, around });
            }
        }
    }

    /// Checks whether an edge stays within the column of a step.
    fn is_around(&self, edge: &Edge, stage: Stage) -> bool {
        let ends = [edge.from, edge.to].map(|at| self.it.nodes.get(at));
        ends.iter().flatten().all(|one| one.stage == stage && !is_below(self.it, one))
    }

    /// Where in its column those stand who send requests to a box, in the mean. What gets none comes last.
    fn users_of(&self, at: usize) -> f64 {
        let order: Vec<usize> =
            self.columns.iter().flat_map(|column| column.blocks.iter().flat_map(|block| block.boxes.clone())).collect();
        let users =
            self.it.edges.iter().filter(|edge| edge.to == at).filter_map(|edge| order.iter().position(|it| *it == edge.from));
        let (sum, count) = users.fold((0.0, 0.0), |(sum, count), at| (sum + at as f64, count + 1.0));
        if count > 0.0 { sum / count } else { f64::INFINITY }
    }

    /// Where the columns begin and how wide they are.
    fn across(&mut self) {
        let mut x = MARGIN;
        let mut before = false;
        for at in 0..self.columns.len() {
            let Some(column) = self.columns.get(at) else { continue };
            let stage = column.stage;
            let in_lane = column.blocks.iter().any(|block| block.lane.is_some());
            let width_of = |one: &Node| size(one).0 + if one.lane.is_some() { 2.0 * PAD } else { 0.0 };
            let boxes = self.it.nodes.iter().filter(|one| one.stage == stage && one.role != Role::Security);
            let heads = column
                .blocks
                .iter()
                .filter_map(|block| self.it.lanes.get(block.lane?))
                .map(|title| wide(title, SMALL) + 2.0 * PAD);
            let width = boxes.map(width_of).chain(heads).fold(0.0, f64::max);
            let label = self.it.edges.iter().filter(|edge| self.it.nodes.get(edge.to).is_some_and(|to| to.stage == stage));
            let label = label.map(|edge| wide(&cut(&edge.label), SMALL)).fold(0.0, f64::max);
            if at > 0 {
                // The labels stand before the arrows' heads, and the edge of the network takes its part.
                let edge = if in_lane != before { PAD } else { 0.0 };
                x += BETWEEN.max(label + 48.0) + edge;
            }
            before = in_lane;
            if let Some(column) = self.columns.get_mut(at) {
                (column.x, column.width) = (x, width + column.around);
                x += column.width;
            }
        }
        self.right = x;
    }

    /// How high the blocks and boxes stand: lanes are as high as the highest column, boxes in the middle of them.
    fn down(&mut self, top: f64) {
        let it = self.it;
        let needs = |column: &Column| {
            let blocks = column.blocks.iter().map(|block| least(it, block)).sum::<f64>();
            blocks + GAP * column.blocks.len().saturating_sub(1) as f64
        };
        let height = self.columns.iter().map(needs).fold(0.0, f64::max);
        let has_lanes = !it.lanes.is_empty();
        let top = if has_lanes { top + HEAD + PAD } else { top };
        for column in &mut self.columns {
            let spare = (height - needs(column)) / column.blocks.len().max(1) as f64;
            let mut y = top;
            for block in &mut column.blocks {
                let full = least(it, block) + spare;
                block.at = Rect { x: column.x, y, width: column.width, height: full };
                let head = if block.lane.is_some() { HEAD } else { 0.0 };
                let foot = if block.lane.is_some() { PAD } else { 0.0 };
                let mut at = y + head + (full - head - foot - stacked(it, &block.boxes)) / 2.0;
                for number in &block.boxes {
                    let Some(one) = it.nodes.get(*number) else { continue };
                    let high = size(one).1;
                    let pad = if block.lane.is_some() { PAD } else { 0.0 };
                    let rect = Rect { x: column.x + pad, y: at, width: column.width - 2.0 * pad - column.around, height: high };
                    self.boxes.insert(*number, rect);
                    at += high + GAP;
                }
                y += full + GAP;
            }
        }
        // What stands alone in front stands where its requests go.
        for at in (0..self.columns.len()).rev() {
            let Some([block]) = self.columns.get(at).map(|column| column.blocks.as_slice()) else { continue };
            if let (None, [number]) = (block.lane, block.boxes.as_slice()) {
                let to: Vec<f64> = it
                    .edges
                    .iter()
                    .filter(|edge| edge.from == *number)
                    .filter_map(|edge| self.boxes.get(&edge.to))
                    .map(Rect::middle)
                    .collect();
                if let (false, Some(rect)) = (to.is_empty(), self.boxes.get_mut(number)) {
                    rect.y = to.iter().sum::<f64>() / to.len() as f64 - rect.height / 2.0;
                }
            }
        }
        self.bottom = top + height;
        if has_lanes {
            let lanes = self.columns.iter().filter(|column| column.blocks.iter().any(|block| block.lane.is_some()));
            let (left, right) = lanes
                .fold((f64::INFINITY, 0.0), |(left, right), column| (column.x.min(left), (column.x + column.width).max(right)));
            let rect =
                Rect { x: left - PAD, y: top - HEAD - PAD, width: right - left + 2.0 * PAD, height: height + HEAD + 2.0 * PAD };
            (self.right, self.bottom) = (self.right.max(rect.x + rect.width), rect.y + rect.height);
            self.network = Some(rect);
        }
    }

    /// What is outside of the network and behind its front: in a row below it, each in the column of its step.
    fn below(&mut self) {
        let (mut x, y) = (0.0_f64, self.bottom + 2.0 * GAP);
        let mut bottom = self.bottom;
        let mut all: Vec<(Stage, usize)> =
            self.it.within(None).filter(|(_, one)| is_below(self.it, one)).map(|(at, one)| (one.stage, at)).collect();
        all.sort_unstable();
        for (stage, at) in all {
            let (Some(one), Some(column)) = (self.it.nodes.get(at), self.columns.iter().find(|column| column.stage == stage))
            else {
                continue;
            };
            let (width, height) = size(one);
            x = x.max(column.x);
            self.boxes.insert(at, Rect { x, y, width, height });
            x += width + GAP;
            (self.right, bottom) = (self.right.max(x - GAP), bottom.max(y + height));
        }
        self.bottom = bottom;
    }
}

pub(super) fn svg(it: &Architecture) -> String {
    let mut out = vec![format!("<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 16.0, escaped(&it.title))];
    let top = legend(it, &mut out);
    let places = Places::of(it, top);
    let right = places.right.max(MARGIN + wide(&it.title, 11.5)).max(420.0);
    if let Some(at) = places.network {
        out.push(rect("vpc", at, 10.0));
        out.push(format!(
            "<text class=\"vpc-title\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at.x + PAD,
            at.y + 20.0,
            escaped(&it.boundary)
        ));
    }
    for block in places.columns.iter().flat_map(|column| &column.blocks) {
        if let Some(title) = block.lane.and_then(|lane| it.lanes.get(lane)) {
            out.push(rect("lane", block.at, 8.0));
            let (x, y) = (block.at.x + PAD, block.at.y + 18.0);
            out.push(format!("<text class=\"small\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(&capital(title))));
        }
    }
    if it.nodes.is_empty() {
        out.push(format!("<text class=\"small\" x=\"{MARGIN}\" y=\"{top}\">{NOTHING}</text>"));
    }
    let (lines, labels) = edges(&places);
    out.extend(lines);
    out.extend(places.boxes.iter().filter_map(|(number, at)| Some(draw(it.nodes.get(*number)?, *at))));
    out.extend(labels);
    let bottom = strip(it, places.bottom, right, &mut out);
    image(&it.title, STYLE, (right + MARGIN, bottom + MARGIN), &out)
}

/// Writes which colour means what, and returns where the picture begins.
fn legend(it: &Architecture, out: &mut Vec<String>) -> f64 {
    let (mut x, y) = (MARGIN, MARGIN + 44.0);
    for role in Role::ALL.into_iter().filter(|role| it.nodes.iter().any(|one| one.role == *role)) {
        out.push(format!(
            "<rect x=\"{x:.0}\" y=\"{:.0}\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{}\"/>",
            y - 9.0,
            color(role)
        ));
        out.push(format!("<text class=\"small\" x=\"{:.0}\" y=\"{y:.0}\">{}</text>", x + 16.0, role.name()));
        x += wide(role.name(), SMALL) + 36.0;
    }
    y + 22.0
}

/// Writes what encrypts and who may do what in a strip of its own, and returns where that ends.
fn strip(it: &Architecture, from: f64, right: f64, out: &mut Vec<String>) -> f64 {
    let boxes: Vec<&Node> = it.security().map(|(_, one)| one).collect();
    if boxes.is_empty() {
        return from;
    }
    let top = from + 1.5 * GAP;
    let (mut x, mut y, mut drawn) = (MARGIN + PAD, top + HEAD, Vec::new());
    let highest = boxes.iter().map(|one| size(one).1).fold(0.0, f64::max);
    for one in boxes {
        let (width, _) = size(one);
        if x + width > right - PAD && x > MARGIN + PAD {
            (x, y) = (MARGIN + PAD, y + highest + PAD);
        }
        drawn.push(draw(one, Rect { x, y, width, height: highest }));
        x += width + PAD;
    }
    let bottom = y + highest + PAD;
    out.push(rect("strip", Rect { x: MARGIN, y: top, width: right - MARGIN, height: bottom - top }, 8.0));
    let (x, y) = (MARGIN + PAD, top + 18.0);
    out.push(format!("<text class=\"small\" x=\"{x:.1}\" y=\"{y:.1}\">{SECURITY}</text>"));
    out.extend(drawn);
    bottom
}

fn rect(class: &str, at: Rect, round: f64) -> String {
    let Rect { x, y, width, height } = at;
    format!("<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round}\"/>")
}

fn draw(it: &Node, at: Rect) -> String {
    let color = color(it.role);
    let mut text = format!("<g><title>{}</title>{}", escaped(&it.key), rect("box", at, 6.0));
    text += &format!(
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"5\" height=\"{:.1}\" rx=\"2.5\" fill=\"{color}\"/>",
        at.x,
        at.y + 5.0,
        at.height - 10.0
    );
    text +=
        &format!("<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", at.x + 15.0, at.y + 20.0, escaped(&cut(&it.label)));
    for (line, detail) in it.details.iter().enumerate() {
        let y = at.y + 20.0 + LINE * (line + 1) as f64;
        text += &format!("<text class=\"small\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>", at.x + 15.0, escaped(&cut(detail)));
    }
    text + "</g>"
}

/// The edges as lines and their labels.
fn edges(places: &Places<'_>) -> (Vec<String>, Vec<String>) {
    let it = places.it;
    let at = |number: usize| places.boxes.get(&number).copied().unwrap_or_default();
    // Between boxes of one column an edge goes around on the right.
    let around = |from: usize, to: usize| (at(from).x - at(to).x).abs() < 1.0 || at(from).x > at(to).x;
    let on_right = |number: usize| -> Vec<(f64, usize)> {
        let ends = it.edges.iter().enumerate().filter_map(|(edge, e)| {
            let other = if e.from == number { e.to } else { e.from };
            let here = e.from == number || e.to == number && around(e.from, e.to);
            here.then(|| (at(other).middle(), edge))
        });
        sorted(ends.collect())
    };
    let on_left = |number: usize| -> Vec<(f64, usize)> {
        let ends = it.edges.iter().enumerate().filter(|(_, e)| e.to == number && !around(e.from, e.to));
        sorted(ends.map(|(edge, e)| (at(e.from).middle(), edge)).collect())
    };
    let port = |ends: &[(f64, usize)], edge: usize, rect: Rect| {
        let place = ends.iter().position(|(_, it)| *it == edge).unwrap_or(0);
        rect.y + rect.height * (place + 1) as f64 / (ends.len() + 1) as f64
    };
    let (mut lines, mut labels) = (Vec::new(), Vec::new());
    for (number, edge) in it.edges.iter().enumerate() {
        let (from, to) = (at(edge.from), at(edge.to));
        let (x1, y1) = (from.x + from.width, port(&on_right(edge.from), number, from));
        let label = escaped(&cut(&edge.label));
        if around(edge.from, edge.to) {
            let (x2, y2) = (to.x + to.width + ARROW, port(&on_right(edge.to), number, to));
            let out = x1.max(x2) + AROUND - 6.0;
            lines.push(format!(
                "<path class=\"edge\" d=\"M{x1:.1} {y1:.1}C{out:.1} {y1:.1} {out:.1} {y2:.1} {x2:.1} {y2:.1}\" marker-end=\"url(#head)\"/>"
            ));
            if !label.is_empty() {
                labels.push(format!("<text class=\"way\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>", x2 + 6.0, y2 - 6.0));
            }
            continue;
        }
        let ends = on_left(edge.to);
        let (x2, y2) = (to.x - ARROW, port(&ends, number, to));
        let middle = (x1 + x2) / 2.0;
        lines.push(format!(
            "<path class=\"edge\" d=\"M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}\" marker-end=\"url(#head)\"/>"
        ));
        // Where all say the same, once is enough.
        let same = ends.iter().all(|(_, other)| it.edges.get(*other).is_some_and(|other| other.label == edge.label));
        if !label.is_empty() && (!same || ends.first().is_some_and(|(_, first)| *first == number)) {
            labels.push(format!(
                "<text class=\"way\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                x2 - 3.0,
                y2 - 5.0
            ));
        }
    }
    (lines, labels)
}

fn sorted(mut ends: Vec<(f64, usize)>) -> Vec<(f64, usize)> {
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    ends
}
