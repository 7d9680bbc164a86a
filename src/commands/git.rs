//! Which commit a file is from, for the record of a run and the footer of a plan.

/// Returns the commit that a file is from, with `-dirty` if the file differs from it. `None` outside of a repository or without
/// git.
pub fn commit(file: &str) -> Option<String> {
    let path = std::path::Path::new(file).canonicalize().ok()?;
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let git = |arguments: &[&str]| {
        let output = git(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--verify", "HEAD"])?;
    // Not `git status`: that runs the filters that the repository names.
    let committed = git(&["rev-parse", "--verify", &format!("HEAD:./{name}")]);
    let there = git(&["hash-object", "--no-filters", "--", name]);
    Some(if committed.is_some() && committed == there { commit } else { format!("{commit}-dirty") })
}

/// Prepares git for a folder that may come from anywhere: nothing that its configuration names is run, nothing is fetched or
/// written, and whatever is run all the same sees no credentials.
fn git(folder: &std::path::Path) -> std::process::Command {
    let mut command = std::process::Command::new("git");
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.sshCommand=false", "protocol.allow=never"] {
        command.args(["-c", setting]);
    }
    command.args(["--no-optional-locks", "--no-pager", "-C"]).arg(folder).env("GIT_NO_LAZY_FETCH", "1");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.stdin(std::process::Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that came with a `.git` of unknown origin.
    #[test]
    fn git_reports_the_commit_and_runs_no_foreign_code() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let setup = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-C"]).arg(folder.path()).args(arguments);
            assert!(command.env("HOME", folder.path()).output().unwrap().status.success(), "{arguments:?}");
        };
        let evil = at("evil.sh");
        std::fs::write(&evil, format!("#!/bin/sh\nenv > {}\ncat\n", at("ran").display())).unwrap();
        let mut executable = std::fs::metadata(&evil).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut executable, 0o755);
        std::fs::set_permissions(&evil, executable).unwrap();
        std::fs::write(at("s.yaml"), "stack: a\n").unwrap();
        setup(&["init", "-q"]);
        setup(&["add", "s.yaml"]);
        setup(&["commit", "-q", "-m", "x"]);
        for key in ["core.fsmonitor", "core.hooksPath", "filter.evil.clean", "diff.external"] {
            setup(&["config", key, &evil.display().to_string()]);
        }
        std::fs::write(at(".gitattributes"), "* filter=evil\n").unwrap();
        let file = at("s.yaml").display().to_string();
        let clean = commit(&file).unwrap();
        assert!(clean.len() == 40 && clean.chars().all(|c| c.is_ascii_hexdigit()), "{clean}");
        std::fs::write(at("s.yaml"), "stack: b\n").unwrap();
        assert_eq!(commit(&file), Some(format!("{clean}-dirty")));
        std::fs::write(at("new.yaml"), "").unwrap();
        assert_eq!(commit(&at("new.yaml").display().to_string()), Some(format!("{clean}-dirty")));
        assert!(!at("ran").exists(), "the folder had something run");
    }
}
