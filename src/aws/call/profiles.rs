//! The profiles of AWS's shared files, as far as `stack` must know them before it calls AWS: which exist, and which need an MFA
//! code. The SDK reads everything else itself.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A profile's settings.
type Settings = BTreeMap<String, String>;

/// The profiles, by name, of both files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    found: BTreeMap<String, Settings>,
    /// The files that were read.
    places: Vec<PathBuf>,
}

impl Profiles {
    /// Reads the files that this environment names. A file that does not exist has no profiles.
    pub fn read(env: &dyn Fn(&str) -> Option<String>) -> Profiles {
        let home = || env("HOME").map(PathBuf::from);
        let place = |variable: &str, name: &str| {
            let chosen = env(variable).filter(|path| !path.is_empty());
            let chosen = chosen.map(|path| match (path.strip_prefix("~/"), home()) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => PathBuf::from(path),
            });
            chosen.or_else(|| Some(home()?.join(".aws").join(name)))
        };
        let mut profiles = Profiles::default();
        for (variable, name) in [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
            let Some(path) = place(variable, name) else { continue };
            if let Ok(text) = std::fs::read_to_string(&path) {
                profiles.add(&text, name == "config");
            }
            profiles.places.push(path);
        }
        profiles
    }

    fn add(&mut self, text: &str, config: bool) {
        let mut current: Option<String> = None;
        for line in text.lines() {
            let bare = line.split(['#', ';']).next().unwrap_or_default().trim();
            if let Some(section) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                current = profile(section.trim(), config);
                if let Some(name) = &current {
                    self.found.entry(name.clone()).or_default();
                }
            } else if let (Some(name), Some((key, value)), false) =
                (&current, line.split_once('='), line.starts_with([' ', '\t', '#', ';']))
            {
                let settings = self.found.entry(name.clone()).or_default();
                settings.entry(key.trim().to_lowercase()).or_insert_with(|| value.trim().to_owned());
            }
        }
    }

    /// Checks whether a profile of this name exists.
    pub fn has(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }

    /// Checks whether it needs an MFA code, itself or through its `source_profile`.
    pub fn wants_mfa(&self, name: &str) -> bool {
        let mut next = Some(name);
        // A cycle has no more steps than there are profiles.
        for _ in 0..=self.found.len() {
            let Some(settings) = next.and_then(|name| self.found.get(name)) else { return false };
            if settings.contains_key("mfa_serial") {
                return true;
            }
            next = settings.get("source_profile").map(String::as_str);
        }
        false
    }

    /// Returns its region.
    pub fn region(&self, name: &str) -> Option<&str> {
        self.found.get(name)?.get("region").map(String::as_str)
    }

    /// Returns the role that it assumes.
    pub fn role(&self, name: &str) -> Option<&str> {
        self.found.get(name)?.get("role_arn").map(String::as_str)
    }

    /// Lists the profiles that exist, for a hint: ``profiles in `FILE`: `default`, `prod` ``.
    pub fn said(&self) -> String {
        let list = |items: Vec<String>| items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ");
        let places = list(self.places.iter().map(|path| path.display().to_string()).collect());
        match self.found.is_empty() {
            true => format!("no profile exists in {places}"),
            false => format!("profiles in {places}: {}", list(self.found.keys().cloned().collect())),
        }
    }
}

/// Returns the name of the profile that a section describes. The credentials file has only profiles.
fn profile(section: &str, config: bool) -> Option<String> {
    let named = section.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']));
    match named {
        Some(rest) if config => Some(rest.trim().trim_matches('"').to_owned()),
        _ if !config || section == "default" => Some(section.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles() -> Profiles {
        let mut profiles = Profiles { places: vec!["/home/me/.aws/config".into()], ..Profiles::default() };
        profiles.add(
            "# mine\n[default]\nregion = eu-west-1\n[profile prod] ; careful\nrole_arn = arn:aws:iam::1:role/Deploy\nsource_profile=people\n\
             [profile people]\nmfa_serial = arn:aws:iam::1:mfa/anna\n[profile \"with blank\"]\ns3 =\n  addressing_style = path\n\
             [sso-session company]\nsso_region = us-east-1\n[services local]\n[profile circle]\nsource_profile = circle\n",
            true,
        );
        profiles.add("[people]\naws_access_key_id = AKIA\n[profile odd]\n[keys]\n", false);
        profiles
    }

    #[test]
    fn profiles_of_both_files_are_found_and_nothing_else() {
        let profiles = profiles();
        for name in ["default", "prod", "people", "with blank", "keys"] {
            assert!(profiles.has(name), "{name}");
        }
        for name in ["company", "sso-session company", "local", "nope", ""] {
            assert!(!profiles.has(name), "{name}");
        }
        assert_eq!(profiles.role("prod"), Some("arn:aws:iam::1:role/Deploy"));
        let said = profiles.said();
        assert!(said.contains("`people`, `prod`") && said.starts_with("profiles in `/home/me/.aws/config`: "), "{said}");
        assert_eq!(Profiles::default().said(), "no profile exists in ");
    }

    #[test]
    fn an_mfa_code_may_be_needed_by_the_source_profile() {
        let profiles = profiles();
        assert!(profiles.wants_mfa("prod") && profiles.wants_mfa("people"));
        assert!(!profiles.wants_mfa("default") && !profiles.wants_mfa("circle") && !profiles.wants_mfa("nope"));
    }

    #[test]
    fn the_environment_names_the_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), "[profile usual]\n").unwrap();
        std::fs::write(folder.path().join("other"), "[profile other]\n").unwrap();
        let home = folder.path().display().to_string();
        let read = |config: &str| {
            Profiles::read(&|name| match name {
                "HOME" => Some(home.clone()),
                "AWS_CONFIG_FILE" => Some(config.to_owned()),
                _ => None,
            })
        };
        assert!(read("").has("usual") && read("~/other").has("other") && !read("~/other").has("usual"));
    }
}
