//! The checks of the length of names in AWS, and of the sizes of Fargate.

use super::checks::Checks;
use crate::diagnostic::{Diagnostic, count};

/// Checks the names of objects in AWS, built as the blueprint builds them.
pub(super) fn names(checks: &mut Checks<'_>) {
    let prefix = checks.prefix.clone();
    let env = prefix.strip_prefix(checks.stack.stack.as_str()).is_some_and(|rest| !rest.is_empty());
    let parts = if env { "the name of the stack or the environment" } else { "the name of the stack" };
    let more = if env { "the name of the service, the stack or the environment" } else { "the name of the service or the stack" };
    if checks.stack.is_load_balanced() {
        too_long(checks, "stack", "the load balancer", &prefix, 32, parts);
        if prefix.starts_with("internal-") {
            checks.at(
                "stack",
                "reserved",
                Diagnostic::error(
                    "reserved-name",
                    format!("the load balancer would be called `{prefix}`, but AWS reserves `internal-`"),
                )
                .help("choose another name for the stack"),
            );
        }
    }
    let stack = checks.stack;
    for (name, service) in &stack.services {
        let path = format!("services.{name}");
        if !service.routes.is_empty() {
            // A replacement gets a number after its name: `-NN`.
            too_long(checks, &path, "the target group", &format!("{prefix}-{name}"), 29, more);
        }
        too_long(checks, &path, "the role", &format!("{prefix}-{name}-exec"), 64, more);
    }
}

/// Returns the problem of an environment called `default`, which is the name of the file without any.
pub(in super::super) fn reserved_environment() -> Diagnostic {
    Diagnostic::error("reserved-name", "an environment cannot be called `default`: that means the file without an environment")
        .help("choose another name, or move its values to the top level of the file")
}

pub(super) fn too_long(checks: &mut Checks<'_>, path: &str, what: &str, full: &str, limit: usize, parts: &str) {
    let length = full.len();
    if length > limit {
        let over = length - limit;
        let characters = count(over, "character");
        checks.at(
            path,
            &format!("{characters} too long"),
            Diagnostic::error(
                "name-too-long",
                format!("{what} would be called `{full}`, which has {length} characters; at most {limit} are allowed"),
            )
            .help(format!("shorten {parts} by {characters}")),
        );
    }
}

/// The memory that Fargate offers for a number of CPU units: minimum, maximum and step, in MiB
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).
const FARGATE: [(u32, u32, u32, u32); 8] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
    (32_768, 61_440, 249_856, 1024),
];

/// Returns every number of CPU units that Fargate offers, with the memory sizes that go with it, in MiB.
pub(in super::super) fn fargate() -> impl Iterator<Item = (u32, Vec<u32>)> {
    FARGATE.into_iter().map(|row| (row.0, memories(row.0)))
}

/// Returns the memory sizes for `cpu`; none when there is no such `cpu`.
fn memories(cpu: u32) -> Vec<u32> {
    let Some((_, least, most, step)) = FARGATE.into_iter().find(|row| row.0 == cpu) else { return Vec::new() };
    match cpu {
        256 => vec![512, 1024, 2048],
        // 60, 120 and 244 GiB.
        32_768 => vec![61_440, 122_880, 249_856],
        _ => (least..=most).step_by(step as usize).collect(),
    }
}

/// Checks whether Fargate offers this pair.
///
/// # Errors
/// The nearest pairs, in words.
pub fn pair(cpu: u32, memory: u32) -> Result<(), String> {
    let here = memories(cpu);
    if here.contains(&memory) {
        return Ok(());
    }
    // No less memory than requested, where possible.
    let same = here.iter().copied().find(|m| *m >= memory).or(here.last().copied());
    let other = FARGATE.into_iter().map(|row| row.0).find(|c| *c != cpu && memories(*c).contains(&memory));
    let mut help: Vec<String> = Vec::new();
    if let Some(m) = same {
        help.push(format!("`cpu: {cpu}` with `memory: {m}`"));
    }
    if let Some(c) = other {
        help.push(format!("`cpu: {c}` with `memory: {memory}`"));
    }
    let range = match here.as_slice() {
        [a, b, c] => format!("; `cpu: {cpu}` allows `memory` of {a}, {b} or {c} MiB"),
        [first, second, .., last] => {
            format!("; `cpu: {cpu}` allows `memory` from {first} to {last} MiB in steps of {}", second - first)
        }
        _ => String::new(),
    };
    Err(format!("the nearest valid {} {}{range}", if help.len() > 1 { "pairs are" } else { "pair is" }, help.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fargate_has_these_pairs() {
        assert_eq!(memories(256), [512, 1024, 2048]);
        assert_eq!(memories(512), [1024, 2048, 3072, 4096]);
        assert_eq!(memories(4096).len(), 23);
        assert_eq!(memories(8192).last(), Some(&61_440));
        assert_eq!(memories(16_384), (4..=15).map(|n| n * 8192).collect::<Vec<_>>());
        assert_eq!(memories(32_768), [61_440, 122_880, 249_856]);
        assert_eq!(FARGATE.map(|row| pair(row.0, row.2)), [const { Ok(()) }; 8]);
    }

    #[test]
    fn others_are_refused_with_what_is_near() {
        let said: Vec<String> =
            [(256, 4096), (1024, 512), (512, 1500), (256, 1536), (16_384, 512)].map(|(c, m)| pair(c, m).unwrap_err()).into();
        insta::assert_snapshot!(said.join("\n"), @"
        the nearest valid pairs are `cpu: 256` with `memory: 2048` and `cpu: 512` with `memory: 4096`; `cpu: 256` allows `memory` of 512, 1024 or 2048 MiB
        the nearest valid pairs are `cpu: 1024` with `memory: 2048` and `cpu: 256` with `memory: 512`; `cpu: 1024` allows `memory` from 2048 to 8192 MiB in steps of 1024
        the nearest valid pair is `cpu: 512` with `memory: 2048`; `cpu: 512` allows `memory` from 1024 to 4096 MiB in steps of 1024
        the nearest valid pair is `cpu: 256` with `memory: 2048`; `cpu: 256` allows `memory` of 512, 1024 or 2048 MiB
        the nearest valid pairs are `cpu: 16384` with `memory: 32768` and `cpu: 256` with `memory: 512`; `cpu: 16384` allows `memory` from 32768 to 122880 MiB in steps of 8192
        ");
    }
}
