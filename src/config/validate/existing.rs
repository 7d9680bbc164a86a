//! The checks of `existing`, and of references to it.

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
            "a new network",
            Diagnostic::error("two-networks", "the file has both `network` and `existing.network`")
                .help("remove `network` to use the existing one, or `existing.network` to create one"),
        );
        super::services::second_place(checks, "existing.network", "and an existing one");
    }
    if network.app.is_empty() {
        checks.at(
            "existing.network.app",
            "no subnets",
            Diagnostic::error("no-subnets", "`existing.network.app` is empty, so containers have nowhere to run")
                .help("list subnets in at least two zones"),
        );
    }
    for (name, _) in checks.stack.services.iter().filter(|(_, s)| s.public && network.public.is_empty()) {
        let message = format!("`services.{name}` needs public subnets, but `existing.network` has none");
        checks.at_key(
            &format!("services.{name}.public"),
            "no public subnets",
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
            Diagnostic::error("one-zone", message).help("list one subnet in each of at least two zones"),
        );
    }
}

fn images(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    let services = stack.services.iter().map(|(name, service)| (format!("services.{name}.image"), &service.image));
    let jobs = stack.archive.iter().flat_map(|archive| &archive.jobs);
    let jobs = jobs.filter_map(|(name, job)| Some((format!("archive.jobs.{name}.image"), job.image.as_ref()?)));
    for (path, image) in services.chain(jobs) {
        let Some(rest) = image.strip_prefix("existing.repositories.") else { continue };
        let (repository, tag) = rest.split_at(rest.find([':', '@']).unwrap_or(rest.len()));
        if !stack.existing.repositories.contains_key(repository) {
            let message = format!("`{path}` is from `existing.repositories.{}`, which does not exist", short(repository));
            let known = stack.existing.repositories.keys().map(|name| name.as_str());
            let diagnostic = Diagnostic::error("unknown-reference", message);
            let diagnostic = match suggest::help(repository, known, "the repositories are") {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help("add `existing: { repositories: { NAME: path/in/ecr } }`"),
            };
            checks.at(&path, "not in this file", diagnostic);
        } else if tag.len() < 2 {
            checks.at(
                &path,
                "no tag",
                Diagnostic::warning("no-tag", format!("`{path}` has no tag, so it means `latest`, which can change at any time"))
                    .help(format!("write `{image}:TAG`")),
            );
        }
    }
}
