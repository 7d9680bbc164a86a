//! Lays out dependencies: columns by the longest path, rows by the mean of the neighbours.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::graph;

/// How often the order and the rows are improved.
const SWEEPS: usize = 24;

/// What stands in a column: a box, or the place where an edge passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Box(usize),
    Pass,
}

/// A place, with the middle of its row.
pub(super) struct Place {
    pub cell: Cell,
    pub column: usize,
    pub y: f64,
}

/// Where everything goes.
pub(super) struct Layout {
    pub places: Vec<Place>,
    pub columns: usize,
    /// The places that each edge runs through, from box to box.
    pub paths: Vec<Vec<usize>>,
    /// Boxes that no edge touches.
    pub alone: Vec<usize>,
}

/// Lays out `count` boxes and their edges; boxes are `height` high, passing edges `pass`, `gap` apart.
pub(super) fn layout(count: usize, edges: &[(usize, usize)], height: f64, pass: f64, gap: f64) -> Layout {
    let edges = acyclic(count, edges);
    let column = columns(count, &edges);
    let touched: BTreeSet<usize> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let alone = (0..count).filter(|node| !touched.contains(node)).collect();

    let mut places: Vec<Place> = Vec::new();
    let mut place_of: BTreeMap<usize, usize> = BTreeMap::new();
    for node in &touched {
        place_of.insert(*node, places.len());
        places.push(Place { cell: Cell::Box(*node), column: column[*node], y: 0.0 });
    }
    let mut paths = Vec::new();
    for (from, to) in &edges {
        let (Some(start), Some(end)) = (place_of.get(from), place_of.get(to)) else { continue };
        let mut path = vec![*start];
        for column in column[*from] + 1..column[*to] {
            path.push(places.len());
            places.push(Place { cell: Cell::Pass, column, y: 0.0 });
        }
        path.push(*end);
        paths.push(path);
    }

    let count = places.iter().map(|place| place.column + 1).max().unwrap_or(0);
    let mut grid: Vec<Vec<usize>> = vec![Vec::new(); count];
    places.iter().enumerate().for_each(|(at, place)| grid[place.column].push(at));
    let (mut left, mut right) = (vec![Vec::new(); places.len()], vec![Vec::new(); places.len()]);
    for pair in paths.iter().flat_map(|path| path.windows(2)) {
        if let [from, to] = pair {
            right[*from].push(*to);
            left[*to].push(*from);
        }
    }
    order(&mut grid, &left, &right);
    rows(&mut places, &grid, &left, &right, height, pass, gap);
    Layout { places, columns: count, paths, alone }
}

/// Returns the edges without those that point to the box itself or close a circle.
fn acyclic(count: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut uses: BTreeMap<usize, BTreeSet<usize>> = (0..count).map(|node| (node, BTreeSet::new())).collect();
    let mut kept = Vec::new();
    for (from, to) in edges.iter().filter(|(from, to)| from != to && *from < count && *to < count) {
        uses.entry(*from).or_default().insert(*to);
        if graph::order(uses.clone()).is_ok() {
            kept.push((*from, *to));
        } else if let Some(to_of) = uses.get_mut(from) {
            to_of.remove(to);
        }
    }
    kept
}

/// Returns the column of each box: as far right of those that use it as it must be; what nothing uses is next to what it uses.
fn columns(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut column = vec![0_usize; count];
    for _ in 0..count {
        for (from, to) in edges {
            column[*to] = column[*to].max(column[*from] + 1);
        }
    }
    for node in 0..count {
        if edges.iter().all(|(_, to)| *to != node)
            && let Some(nearest) = edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| column[*to]).min()
        {
            column[node] = nearest.saturating_sub(1);
        }
    }
    column
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

/// Sorts each column by the mean position of its neighbours, to and fro, and keeps the order with the fewest crossings.
fn order(grid: &mut [Vec<usize>], left: &[Vec<usize>], right: &[Vec<usize>]) {
    let mut best = (crossings(grid, right), grid.to_vec());
    for sweep in 0..SWEEPS {
        let forwards = sweep % 2 == 0;
        let columns: Vec<usize> = if forwards { (0..grid.len()).collect() } else { (0..grid.len()).rev().collect() };
        let beside = if forwards { left } else { right };
        for column in columns {
            let at = positions(grid, left.len());
            let wish = |place: usize| mean(beside[place].iter().map(|to| at[*to])).unwrap_or(at[place]);
            grid[column].sort_by(|a, b| wish(*a).total_cmp(&wish(*b)));
        }
        let now = crossings(grid, right);
        if now < best.0 {
            best = (now, grid.to_vec());
        }
    }
    grid.clone_from_slice(&best.1);
}

/// Returns where each place stands in its column, from 0 to 1.
fn positions(grid: &[Vec<usize>], count: usize) -> Vec<f64> {
    let mut at = vec![0.0; count];
    for column in grid {
        for (row, place) in column.iter().enumerate() {
            at[*place] = (row as f64 + 0.5) / column.len() as f64;
        }
    }
    at
}

fn crossings(grid: &[Vec<usize>], right: &[Vec<usize>]) -> usize {
    let at = positions(grid, right.len());
    let mut count = 0;
    for column in grid {
        let edges: Vec<(f64, f64)> = column.iter().flat_map(|from| right[*from].iter().map(|to| (at[*from], at[*to]))).collect();
        for (n, a) in edges.iter().enumerate() {
            count += edges[n + 1..].iter().filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0).count();
        }
    }
    count
}

/// Moves every place towards its neighbours as far as the order and the distances permit.
fn rows(places: &mut [Place], grid: &[Vec<usize>], left: &[Vec<usize>], right: &[Vec<usize>], height: f64, pass: f64, gap: f64) {
    let size: Vec<f64> = places.iter().map(|place| if place.cell == Cell::Pass { pass } else { height }).collect();
    let apart = |a: usize, b: usize| (size[a] + size[b]) / 2.0 + gap;
    for column in grid {
        let mut y = 0.0;
        for (row, place) in column.iter().enumerate() {
            y += if row == 0 { size[*place] / 2.0 } else { apart(column[row - 1], *place) };
            places[*place].y = y;
        }
    }
    for sweep in 0..SWEEPS {
        let columns: Vec<usize> = if sweep % 2 == 0 { (0..grid.len()).collect() } else { (0..grid.len()).rev().collect() };
        for column in columns {
            let column = &grid[column];
            let wishes: Vec<f64> = column
                .iter()
                .map(|at| mean(left[*at].iter().chain(&right[*at]).map(|to| places[*to].y)).unwrap_or(places[*at].y))
                .collect();
            let gaps: Vec<f64> = column.windows(2).map(|pair| apart(pair[0], pair[1])).collect();
            for (at, y) in column.iter().zip(spread(&wishes, &gaps)) {
                places[*at].y = y;
            }
        }
    }
    let top = places.iter().zip(&size).map(|(place, size)| place.y - size / 2.0).fold(f64::INFINITY, f64::min);
    places.iter_mut().for_each(|place| place.y -= top);
}

/// Returns the places nearest to `wishes` that are in order and at least `gaps` apart: neighbours that would overlap move as one.
fn spread(wishes: &[f64], gaps: &[f64]) -> Vec<f64> {
    let mut offset = vec![0.0; wishes.len()];
    for at in 1..wishes.len() {
        offset[at] = offset[at - 1] + gaps[at - 1];
    }
    let mut blocks: Vec<(f64, usize)> = Vec::new(); // mean and size
    for (wish, offset) in wishes.iter().zip(&offset) {
        let mut block = (wish - offset, 1);
        while let Some((mean, size)) = blocks.last().copied().filter(|(mean, _)| *mean > block.0) {
            blocks.pop();
            block = ((mean * size as f64 + block.0 * block.1 as f64) / (size + block.1) as f64, size + block.1);
        }
        blocks.push(block);
    }
    let means = blocks.into_iter().flat_map(|(mean, size)| std::iter::repeat_n(mean, size));
    means.zip(offset).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_that_would_overlap_move_as_one() {
        assert_eq!(spread(&[10.0, 10.0, 50.0], &[10.0, 10.0]), [5.0, 15.0, 50.0]);
    }

    proptest! {
        #[test]
        fn boxes_never_overlap_and_edges_go_right(edges in proptest::collection::vec((0_usize..15, 0_usize..15), 0..40)) {
            let layout = layout(15, &edges, 44.0, 8.0, 16.0);
            for (n, a) in layout.places.iter().enumerate() {
                for b in &layout.places[n + 1..] {
                    let both = if a.cell == Cell::Pass && b.cell == Cell::Pass { 8.0 } else { 26.0 };
                    prop_assert!(a.column != b.column || (a.y - b.y).abs() + 0.001 >= both + 16.0);
                }
            }
            for pair in layout.paths.iter().flat_map(|path| path.windows(2)) {
                prop_assert_eq!(layout.places[pair[0]].column + 1, layout.places[pair[1]].column);
            }
        }
    }
}
