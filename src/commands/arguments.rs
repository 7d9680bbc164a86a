//! The arguments that several commands share, and how their values are read.

use std::path::Path;

use clap::Args;

use super::stop::{Exit, Result, Stop};
use crate::{aws, config, local, ui};

/// The stack file of a command that is given none.
pub const STACK_FILE: &str = "stack.yaml";

/// The options of every command.
#[derive(Args, Debug)]
pub struct Global {
    /// When to use colour [default: on terminals, unless NO_COLOR is set]
    #[arg(long, global = true, value_enum, default_value_t = ui::Color::Auto, hide_default_value = true, value_name = "WHEN")]
    color: ui::Color,
    // What other tools call it.
    #[arg(long, global = true, hide = true, conflicts_with = "color")]
    no_color: bool,
    #[command(flatten)]
    pub logging: super::logging::Logging,
}

impl Global {
    /// Returns when to use colour.
    pub fn color(&self) -> ui::Color {
        if self.no_color { ui::Color::Never } else { self.color }
    }
}

/// The connection to AWS. What is left out comes from where the AWS CLI takes it: environment, profile, SSO, container, instance.
#[derive(Args, Debug)]
pub struct Aws {
    /// Use this profile of the AWS configuration, even if the environment has credentials
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub profile: Option<String>,
    /// Use this region instead of the file's
    #[arg(long, value_name = "REGION", help_heading = "AWS", value_parser = config::region)]
    pub region: Option<String>,
    /// Send every request to this URL, including those for credentials
    #[arg(long, value_name = "URL", help_heading = "AWS", value_parser = endpoint)]
    pub endpoint_url: Option<String>,
    /// Use the local AWS on this machine; start it if it is not running
    #[arg(long, help_heading = "AWS", conflicts_with_all = ["endpoint_url", "profile"])]
    pub local: bool,
    /// The port of the local AWS
    #[arg(long, help_heading = "AWS", value_name = "PORT", default_value_t = local::DEFAULT_PORT, requires = "local")]
    pub local_port: u16,
}

/// The stack file and the environment in it.
#[derive(Args, Debug)]
pub struct StackFile {
    /// The stack file; `-` reads standard input
    #[arg(value_name = "FILE", default_value = STACK_FILE)]
    pub file: String,
    /// The environment; `default` is the file as it stands. Required where AWS is asked, if the file has `environments`
    #[arg(long, short, value_name = "NAME", env = "STACK_ENV", hide_env_values = true)]
    pub env: Option<String>,
}

impl StackFile {
    /// Returns the environment that was chosen. An empty variable chooses none.
    pub fn env(&self) -> Option<&str> {
        self.env.as_deref().filter(|env| !env.is_empty())
    }

    /// Returns the file and the argument that must follow it, which is called `name`: FILE can be left out, so a single word is that
    /// argument. With clap's `allow_missing_positional` no option could stand between the two.
    ///
    /// # Errors
    /// When there is only a file.
    pub fn and(self, argument: Option<String>, name: &str) -> Result<(StackFile, String)> {
        match argument {
            Some(argument) => Ok((self, argument)),
            // The default of FILE, or the file by its name.
            None if self.file == STACK_FILE || self.file == "-" || Path::new(&self.file).is_file() => Err(Stop::Message(
                Exit::Usage,
                format!("{name} is missing"),
                Some(format!("write it after FILE, or alone for the file `{STACK_FILE}`")),
            )),
            None => Ok((StackFile { file: STACK_FILE.to_owned(), env: self.env }, self.file)),
        }
    }
}

/// Checks the URL of `--endpoint-url`.
fn endpoint(url: &str) -> Result<String, String> {
    aws::call::clients::endpoint(url).map(|()| url.to_owned())
}

/// Reads a time, such as `30m`.
pub fn time(text: &str) -> Result<config::Duration, String> {
    text.parse().map_err(|wrong: config::values::Wrong| wrong.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_optional_before_a_required_argument() {
        let file = |file: &str| StackFile { file: file.to_owned(), env: Some("prod".to_owned()) };
        let (both, number) = file("s.yaml").and(Some("3".to_owned()), "N").unwrap();
        assert_eq!((both.file.as_str(), both.env(), number.as_str()), ("s.yaml", Some("prod"), "3"));
        let (alone, number) = file("3").and(None, "N").unwrap();
        assert_eq!((alone.file.as_str(), alone.env(), number.as_str()), (STACK_FILE, Some("prod"), "3"));
        for only in [STACK_FILE, "-", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let Err(Stop::Message(exit, text, _)) = file(only).and(None, "N") else { panic!("{only}") };
            assert_eq!((exit, text.as_str()), (Exit::Usage, "N is missing"));
        }
    }
}
