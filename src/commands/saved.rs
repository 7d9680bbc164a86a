//! Saved plans on disk: written whole, and matched with what was typed. Their contents belong to [`crate::engine::saved`].

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::price::Pricing;
use super::session;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::iam::PasswordPolicy;
use crate::aws::{self, Wants};
use crate::config::environment;
use crate::engine::saved::{self, Saved};
use crate::engine::{Plan, Resource};
use crate::ui::{self, Color, Terminal};

/// Writes a plan with its digest: as a whole or not at all, and readable for its owner only, as it says everything about the
/// stack. Anything but a regular file is not overwritten, nor is a link to one.
pub fn write(path: &Path, saved: &Saved) -> Result<()> {
    place(path, saved::text(saved)?.as_bytes())
        .map_err(|e| Stop::message(format!("`{}` cannot be written: {e}", path.display()), "choose another place with `--out`"))
}

/// Returns what a plan has that is read only for those who have it.
pub fn wants(plan: &Plan) -> Wants {
    Wants {
        identity_center: identity_center(plan).map(str::to_owned),
        password_policy: plan.items.iter().any(|item| item.key.kind == PasswordPolicy::KIND),
    }
}

/// Returns the region of IAM Identity Center, when the plan has anything in it.
fn identity_center(plan: &Plan) -> Option<&str> {
    let mut there = plan.items.iter().filter(|item| item.key.kind.starts_with("sso.")).peekable();
    there.peek()?;
    there
        .find_map(|item| {
            let fields = item.desired.as_deref().or(item.before.as_ref().map(|before| before.fields.as_ref()))?;
            fields.get("region")?.as_str()
        })
        .or(Some(&plan.scope.region))
}

/// Writes a file beside `path` and renames it into place.
fn place(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => return Err(std::io::Error::other("it exists and is not a regular file")),
        _ => {}
    }
    let name = path.file_name().ok_or_else(|| std::io::Error::other("it names no file"))?;
    let beside = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = || {
        // Left by a run that died with the same process id.
        let _ = std::fs::remove_file(&beside);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    written().inspect_err(|_| {
        // The error is what went wrong, not that a part may stay.
        let _ = std::fs::remove_file(&beside);
    })
}

/// Refuses to apply a saved plan to another environment or region than it was made for.
pub fn fits(plan: &Plan, env: Option<&str>, region: Option<&str>) -> Result<()> {
    let scope = &plan.scope;
    // The name of a branch finds the environment that was made for it.
    let env = env.filter(|env| environment::short(env) != scope.env);
    let env = ("environment", "`--env` and unset STACK_ENV", &scope.env, env);
    let region = ("region", "`--region`", &scope.region, region);
    for (what, flag, made, asked) in [env, region] {
        if let Some(asked) = asked.filter(|asked| asked != made) {
            return Err(Stop::Message(
                Exit::Usage,
                format!("nothing was changed: the saved plan is for the {what} `{made}`, not `{asked}`"),
                Some(format!("leave out {flag}, or make a plan for `{asked}`")),
            ));
        }
    }
    Ok(())
}

/// Prints a saved plan. What preflight found is not saved, so its problems are not shown.
pub fn show(saved: &Saved, file: &str, json: bool, color: Color) -> Result<()> {
    let Saved { plan, consent, source } = saved;
    let change = of_source(source.as_ref(), &plan.scope.env).change(plan);
    if json {
        let price = Some(ui::price_json(&change));
        return Ok(ui::out(&session::json(&ui::PlanJson { price, ..ui::plan_json(plan, consent, Vec::new()) })?)?);
    }
    let registry = aws::registry();
    let rules = |kind: &str| registry.rules(kind);
    let view = ui::View {
        terminal: Terminal::stdout(color),
        file,
        verbose: false,
        consent,
        via: None,
        price: Some(&change),
        rules: &rules,
    };
    Ok(ui::out(&ui::plan_text(plan, &view))?)
}

/// Returns what the file of a saved plan says about prices; the defaults, where it has none.
pub fn of_source(source: Option<&saved::Source>, env: &str) -> Pricing {
    let text = source.and_then(|source| source.text.as_deref()).unwrap_or_default();
    let load = |env| crate::config::load("the saved plan", text, env, &stack_file::stack_schema());
    load(Some(env)).or_else(|_| load(None)).map(|loaded| Pricing::of(&loaded.stack)).unwrap_or_default()
}

/// Reads a saved plan, if the file is whole and of this version.
pub fn read(file: &str, text: &str) -> Result<Saved> {
    saved::parse(text).map_err(|what| Stop::bad_file(format!("`{file}` {what}"), "make a new plan with `stack plan --out`"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_plan_is_whole_private_and_replaces_only_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("open.plan"), "old").unwrap();
        std::fs::set_permissions(at("open.plan"), std::fs::Permissions::from_mode(0o666)).unwrap();
        place(&at("open.plan"), b"new").unwrap();
        let mode = std::fs::metadata(at("open.plan")).unwrap().permissions().mode() & 0o777;
        assert_eq!((std::fs::read_to_string(at("open.plan")).unwrap(), mode), ("new".into(), 0o600));

        std::fs::write(at("victim"), "precious").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("link.plan")).unwrap();
        assert!(place(&at("link.plan"), b"new").is_err());
        assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "precious");
        assert!(place(folder.path(), b"new").is_err() && place(Path::new("/dev/null"), b"new").is_err());
        assert!(place(&at("nowhere/x.plan"), b"new").is_err());
        let mut left: Vec<String> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["link.plan", "open.plan", "victim"]);
    }
}
