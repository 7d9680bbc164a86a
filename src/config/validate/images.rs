//! The checks of images and variables: what ECS would refuse, and placeholders that nothing substitutes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::checks::Checks;
use crate::diagnostic::{Diagnostic, short};
use crate::limits::{IMAGE, TASK_DEFINITION};
use stack_engine::token;

/// Programs that read a command and substitute variables.
const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "ksh", "zsh"];
/// The bytes that a variable needs in a task definition beside its name and value.
const AROUND: usize = 24;

pub(super) fn images(checks: &mut Checks<'_>) {
    let stack = checks.stack;
    for (name, service) in &stack.services {
        let path = format!("services.{name}");
        image(checks, &format!("{path}.image"), &service.image);
        let texts = Texts {
            environment: service.environment.clone(),
            secrets: service.secrets.clone(),
            command: service.command.clone().unwrap_or_default(),
            entrypoint: service.entrypoint.clone().unwrap_or_default(),
        };
        filled_in(checks, &path, &texts);
        size(checks, &path, texts.bytes());
    }
    for (name, job) in stack.archive.iter().flat_map(|archive| &archive.jobs) {
        let path = format!("archive.jobs.{name}");
        if let Some(own) = &job.image {
            image(checks, &format!("{path}.image"), own);
        }
        // What it has of its service is reported there.
        let entrypoint = stack.services.get(&job.service).and_then(|service| job.like(service).entrypoint);
        let command = job.command.clone();
        filled_in(checks, &path, &Texts { command, entrypoint: entrypoint.unwrap_or_default(), ..Texts::default() });
    }
    for (name, definition) in stack.resources.get("ecs.task_definition").into_iter().flatten() {
        let path = format!("resources.ecs.task_definition.{name}");
        let containers = definition.get("containers").and_then(|c| c.as_array());
        let mut bytes = 0;
        for (at, container) in containers.into_iter().flatten().enumerate() {
            let path = format!("{path}.containers[{at}]");
            if let Some(text) = container.get("image").and_then(|image| image.as_str()) {
                image(checks, &format!("{path}.image"), text);
            }
            // Another shape is reported where the object is created from it.
            let texts = Texts::deserialize(container).unwrap_or_default();
            filled_in(checks, &path, &texts);
            bytes += texts.bytes();
        }
        size(checks, &path, bytes);
    }
}

/// The texts of a container.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Texts {
    environment: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    command: Vec<String>,
    entrypoint: Vec<String>,
}

impl Texts {
    fn bytes(&self) -> usize {
        let texts = self.command.iter().chain(&self.entrypoint).map(|text| text.len() + 3).sum::<usize>();
        texts + self.environment.iter().chain(&self.secrets).map(|(k, v)| k.len() + v.len() + AROUND).sum::<usize>()
    }

    /// Checks whether a shell reads the command, and substitutes variables.
    fn is_for_a_shell(&self) -> bool {
        let name = |text: &String| text.rsplit('/').next().is_some_and(|name| SHELLS.contains(&name));
        self.entrypoint.iter().chain(&self.command).any(name)
    }
}

fn size(checks: &mut Checks<'_>, path: &str, bytes: usize) {
    if bytes > TASK_DEFINITION.most {
        let message =
            format!("`{path}` has {bytes} bytes of variables and command, but ECS accepts {} in total", TASK_DEFINITION.most);
        let help = "move large values into a file in the image, a bucket or a parameter";
        checks.at(path, "too large", Diagnostic::error("too-large", message).help(help));
    }
}

/// Checks everything in a container for placeholders.
fn filled_in(checks: &mut Checks<'_>, path: &str, texts: &Texts) {
    variables(checks, path, &texts.environment);
    for (name, arn) in &texts.secrets {
        if let Some(open) = unresolved(arn) {
            let message = format!("the secret `{}` contains `{}`, which is not substituted", short(name), short(&open));
            let help = "write the ARN, or refer to one: `${KIND/NAME.ATTRIBUTE}`";
            let at = format!("{path}.secrets.{name}");
            checks.at(&at, "not substituted", Diagnostic::error("unresolved", message).help(help));
        }
    }
    if texts.is_for_a_shell() {
        return;
    }
    for (field, parts) in [("command", &texts.command), ("entrypoint", &texts.entrypoint)] {
        for (at, part) in parts.iter().enumerate() {
            let Some(open) = unresolved(part) else { continue };
            let at = format!("{path}.{field}[{at}]");
            let message = format!("`{at}` contains `{}`, which is not substituted", short(&open));
            let help = format!(
                "write the value, or run the command in a shell, `[\"sh\", \"-c\", …]`; to pass `{}` to the program, write `${}`",
                short(&open),
                short(&open)
            );
            checks.at(&at, "not substituted", Diagnostic::error("unresolved", message).help(help));
        }
    }
}

fn image(checks: &mut Checks<'_>, path: &str, text: &str) {
    let mut refuse = |label: &str, code: &'static str, message: String, help: String| {
        checks.at(path, label, Diagnostic::error(code, message).help(help));
    };
    if let Some(open) = unresolved(text).or_else(|| between(text, "{{", "}}")) {
        let message = format!("`{path}` contains `{}`, which is not substituted", short(&open));
        let help = "write the tag or digest; a pipeline can edit the file before `stack apply`, or pipe it in";
        return refuse("not substituted", "unresolved", message, help.into());
    }
    if text.len() > IMAGE.most {
        let message = format!("the image has {} characters, {} too many", text.len(), text.len() - IMAGE.most);
        return refuse("too long", "invalid-value", message, format!("ECS accepts at most {}", IMAGE.most));
    }
    // The value of a reference comes from AWS.
    let plain = token::literals(text).join("x");
    if let Some(help) = misshapen(&plain) {
        let message = format!("`{}` is not an image", short(text));
        refuse("not an image", "invalid-value", message, help);
    }
}

/// Returns what is wrong with the syntax of `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`
/// (<https://github.com/distribution/reference/blob/main/reference.go>).
fn misshapen(image: &str) -> Option<String> {
    if let Some(scheme) = image.find("://") {
        return Some(format!("write it without the scheme: `{}`", &image[scheme + 3..]));
    }
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    if let Some(digest) = digest {
        let hex = |hex: &str| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let known = [("sha256:", 64), ("sha512:", 128)];
        let sound = known.iter().any(|(name, length)| digest.strip_prefix(name).is_some_and(|d| hex(d) && d.len() == *length));
        if !sound {
            return Some("a digest is `sha256:` followed by 64 hexadecimal digits".into());
        }
    }
    // A colon after the last slash is the tag's; one before is the port's.
    let from = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = rest[from..].split_once(':').map_or((rest, None), |(last, tag)| (&rest[..from + last.len()], Some(tag)));
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let tagged = |tag: &str| tag.starts_with(word) && tag.len() <= 128 && tag.chars().all(|c| word(c) || c == '.' || c == '-');
    if tag.is_some_and(|tag| !tagged(tag)) {
        return Some("a tag consists of up to 128 letters, digits, `_`, `.` and `-`".into());
    }
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, name),
    };
    if let Some(host) = host {
        let (host, port) = host.split_once(':').map_or((host, "0"), |(host, port)| (host, port));
        let labels = host.split('.').all(|l| {
            !l.is_empty() && !l.starts_with('-') && !l.ends_with('-') && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
        if !labels || port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
            return Some("the registry before the first slash is a host name, with or without a port: `public.ecr.aws`".into());
        }
    }
    let part = |part: &str| {
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(ends) && part.ends_with(ends) && part.chars().all(|c| ends(c) || "._-".contains(c))
    };
    if path.split('/').all(part) {
        return None;
    }
    let lower = path.to_ascii_lowercase();
    if lower != path && lower.split('/').all(part) {
        return Some(format!("repository names are in lower case: `{}`", image.replacen(path, &lower, 1)));
    }
    Some("write it like `public.ecr.aws/nginx/nginx:1.27`: a registry, a repository and a tag, without spaces".into())
}

fn variables(checks: &mut Checks<'_>, path: &str, environment: &BTreeMap<String, String>) {
    for (name, value) in environment {
        let at = format!("{path}.environment.{name}");
        if name.is_empty() || name.contains(['=', '\0']) || name.chars().any(char::is_whitespace) {
            let message = format!("`{}` is not a valid variable name", short(name));
            let help = "a variable name has no spaces and no `=`";
            checks.at_key(&at, "not a name", Diagnostic::error("invalid-name", message).help(help));
        }
        if value.contains('\0') {
            let message =
                format!("the variable `{}` contains a NUL character, which an environment variable cannot hold", short(name));
            checks.at(&at, "a NUL character", Diagnostic::error("invalid-value", message).help("remove it"));
        }
        if let Some(open) = unresolved(value) {
            let message = format!("the variable `{}` contains `{}`, which is not substituted", short(name), short(&open));
            let help = format!("write the value; to pass `{}` to the program, write `${}`", short(&open), short(&open));
            checks.at(&at, "not substituted", Diagnostic::error("unresolved", message).help(help));
        } else if let Some(open) = between(value, "{{", "}}") {
            let message = format!("the variable `{}` contains `{}`, which is not substituted", short(name), short(&open));
            let help = "ignore this if the program substitutes it; otherwise write the value";
            checks.at(&at, "not substituted", Diagnostic::warning("unresolved", message).help(help));
        }
    }
}

/// Returns the first `${…}` that is no reference. `$${…}` stands for the text itself.
fn unresolved(text: &str) -> Option<String> {
    token::literals(text).into_iter().find_map(|literal| between(&literal.replace("$${", ""), "${", "}"))
}

fn between(text: &str, open: &str, close: &str) -> Option<String> {
    let from = text.find(open)?;
    let to = text[from..].find(close)?;
    Some(text[from..from + to + close.len()].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_a_shape() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for sound in [
            "nginx",
            "nginx:1.27",
            "library/nginx:1.27-alpine",
            "public.ecr.aws/nginx/nginx:1.27",
            "localhost:5000/a/b_c--d.e:x",
            "i",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/web:2026-11-25_abc",
            "existing.repositories.web:1",
            "ghcr.io/a/b",
            "registry.example.com:5000/web",
            &format!("nginx@{digest}"),
            &format!("a.io/nginx:1@{digest}"),
        ] {
            assert_eq!(misshapen(sound), None, "{sound}");
        }
        for wrong in [
            "",
            "ng inx",
            "nginx:",
            "nginx:a b",
            "nginx:-x",
            "Nginx",
            "https://nginx",
            "nginx@sha256:1",
            "nginx@",
            "-nginx",
            "nginx\0",
            "a//b",
            "nginx/",
            "/nginx",
            "registry.example.com:port/web",
            "nginx:1:2",
            &format!("nginx:{}", "x".repeat(129)),
            "$TAG",
            "nginx:$TAG",
        ] {
            assert!(misshapen(wrong).is_some(), "{wrong:?}");
        }
        assert!(misshapen("team/Web:1").unwrap().contains("`team/web:1`"));
    }

    #[test]
    fn what_is_to_be_filled_in_is_found() {
        for (text, open) in [
            ("nginx:${TAG}", Some("${TAG}")),
            ("${ec2.vpc/main}", None),
            ("a $${HOME} b", None),
            ("${ec2.vpc/main} ${X}", Some("${X}")),
            ("$HOME", None),
            ("${unclosed", None),
            ("$${A} ${B}", Some("${B}")),
        ] {
            assert_eq!(unresolved(text).as_deref(), open, "{text}");
        }
    }
}
