//! What refers to something that somebody else owns.

use super::checks::Checks;
use crate::diagnostic::{Diagnostic, short};
use crate::suggest;

pub(super) fn existing(checks: &mut Checks<'_>) {
    network(checks);
    images(checks);
}

fn network(checks: &mut Checks<'_>) {
    let Some(network) = &checks.stack.existing.network else { return };
    if checks.file.node("network").is_some() {
        checks.at_key(
            "network",
            "one of its own",
            Diagnostic::error("two-networks", "the file has both a network of its own and one of somebody else's")
                .help("remove `network` to live in the existing one, or `existing.network` to make one"),
        );
        super::services::second_place(checks, "existing.network", "and somebody else's");
    }
    if network.app.is_empty() {
        checks.at(
            "existing.network.app",
            "no subnets",
            Diagnostic::error("no-subnets", "`existing.network.app` is empty, so containers have no place to run")
                .help("name subnets in two zones or more"),
        );
    }
    for (name, _) in checks.stack.services.iter().filter(|(_, s)| s.public && network.public.is_empty()) {
        let message = format!("`services.{name}` is to stand in public subnets, and `existing.network` names none");
        checks.at_key(
            &format!("services.{name}.public"),
            "where?",
            Diagnostic::error("no-subnets", message).help("add `public: [subnet-…]` to `existing.network`"),
        );
    }
    if !checks.stack.is_load_balanced() {
        return;
    }
    let internal = checks.stack.load_balancer.as_ref().is_some_and(|balancer| balancer.internal);
    let (key, subnets) = if internal { ("app", &network.app) } else { ("public", &network.public) };
    if subnets.len() < 2 {
        let message = format!("a load balancer needs two zones, but `existing.network.{key}` has fewer than two subnets");
        let path = format!("existing.network.{key}");
        let path = if checks.file.node(&path).is_some() { path } else { "existing.network".into() };
        checks.at(
            &path,
            "fewer than two",
            Diagnostic::error("one-zone", message).help("name one subnet in each of two zones or more"),
        );
    }
}

fn images(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, service) in &stack.services {
        let Some(rest) = service.image.strip_prefix("existing.repositories.") else { continue };
        let (repository, tag) = rest.split_at(rest.find([':', '@']).unwrap_or(rest.len()));
        let path = format!("services.{name}.image");
        if !stack.existing.repositories.contains_key(repository) {
            let message = format!("`{path}` is from `existing.repositories.{}`, which there is not", short(repository));
            let known = stack.existing.repositories.keys().map(|name| name.as_str());
            let diagnostic = Diagnostic::error("unknown-reference", message);
            let diagnostic = match suggest::help(repository, known, "there are") {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help("add `existing: { repositories: { NAME: path/in/ecr } }`"),
            };
            checks.at(&path, "not in this file", diagnostic);
        } else if tag.len() < 2 {
            checks.at(
                &path,
                "which one?",
                Diagnostic::warning("no-tag", format!("`{path}` names no tag, so it is `latest`, whatever that is on the day"))
                    .help(format!("write `{}:TAG`", service.image)),
            );
        }
    }
}
