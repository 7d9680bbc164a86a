//! The arguments that several commands share, and how their values are read.

use std::path::Path;

use clap::{Args, ValueEnum};

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
#[derive(Args, Clone, Debug)]
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
    /// A role that is assumed with these credentials, by commands that work in two accounts.
    #[arg(skip)]
    pub role: Option<aws::Role>,
}

impl Aws {
    /// Returns the first of its options that was given on the command line.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            ("--profile", self.profile.is_some()),
            ("--region", self.region.is_some()),
            ("--endpoint-url", self.endpoint_url.is_some()),
            ("--local", self.local),
        ];
        options.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    /// Returns the same connection in the region of the file that is read.
    pub fn in_its_region(&self) -> Aws {
        Aws { region: None, ..self.clone() }
    }
}

/// The stack file and the environment in it.
#[derive(Args, Clone, Debug)]
pub struct StackFile {
    /// The stack file; `-` reads standard input
    #[arg(value_name = "FILE", default_value = STACK_FILE)]
    pub file: String,
    /// The environment; `default` is the file as it stands. Required where AWS is asked, if the file has `environments`
    #[arg(long, short, value_name = "NAME", env = "STACK_ENV", hide_env_values = true)]
    pub env: Option<String>,
    /// Make the environment of `--env`, which the file does not list, like this one of the file: it differs only by its name. Long
    /// names, and names of branches, are shortened
    #[arg(long, value_name = "NAME")]
    pub like: Option<String>,
    /// The name of the stack, where there is no file.
    #[arg(skip)]
    pub stack: Option<String>,
}

/// A stack by its file, or by its name.
#[derive(Args, Debug)]
pub struct FileOrStack {
    #[command(flatten)]
    file: StackFile,
    /// The name of the stack, in place of FILE: AWS and the history know what runs. The region is `--region`, AWS_REGION or the
    /// profile's
    #[arg(long, value_name = "STACK", conflicts_with = "like")]
    stack: Option<String>,
}

impl FileOrStack {
    /// Returns the file, or the stack's name in its place.
    ///
    /// # Errors
    /// When both are given.
    pub fn given(self) -> Result<StackFile> {
        let file = StackFile { stack: self.stack, ..self.file };
        if file.stack.is_some() && file.file != STACK_FILE {
            return Err(Stop::Message(
                Exit::Usage,
                format!("both `{}` and `--stack` are given", file.file),
                Some("leave out one of them".into()),
            ));
        }
        Ok(file)
    }

    /// Returns the same, and the argument that may follow FILE.
    ///
    /// # Errors
    /// When too much is given.
    pub fn maybe(self, argument: Option<String>) -> Result<(StackFile, Option<String>)> {
        match (&self.stack, argument) {
            (Some(_), None) if self.file.file != STACK_FILE => {
                let argument = self.file.file.clone();
                let file = StackFile { file: STACK_FILE.to_owned(), ..self.file };
                Ok((FileOrStack { file, ..self }.given()?, Some(argument)))
            }
            (_, argument) => Ok((self.given()?, argument)),
        }
    }

    /// Returns the same, and the argument that must follow FILE: see [`StackFile::and`].
    ///
    /// # Errors
    /// When the argument is missing, or too much is given.
    pub fn and(self, argument: Option<String>, name: &str) -> Result<(StackFile, String)> {
        let Some(stack) = self.stack else { return self.file.and(argument, name) };
        let (file, argument) = self.file.and(argument, name)?;
        let file = FileOrStack { file, stack: Some(stack) }.given()?;
        Ok((file, argument))
    }
}

impl FileOrStack {
    /// Returns the same, and the words that may follow FILE. FILE can be left out: a first word that is no file is one of them.
    ///
    /// # Errors
    /// When both a file and a stack's name are given.
    pub fn before(self, words: Vec<String>) -> Result<(StackFile, Vec<String>)> {
        let name = &self.file.file;
        let is_file = ["-", STACK_FILE].contains(&name.as_str())
            || Path::new(name).is_file()
            || [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        if is_file {
            return Ok((self.given()?, words));
        }
        let words = std::iter::once(name.clone()).chain(words).collect();
        let file = StackFile { file: STACK_FILE.to_owned(), ..self.file };
        Ok((FileOrStack { file, ..self }.given()?, words))
    }
}

impl StackFile {
    /// Returns the environment that was chosen, as it was typed. An empty variable chooses none.
    pub fn env(&self) -> Option<&str> {
        self.env.as_deref().filter(|env| !env.is_empty())
    }

    /// Returns the arguments as they were typed.
    pub fn typed(&self) -> String {
        let named = self.stack.as_ref().map(|stack| format!("--stack {stack}"));
        let option = |name: &str, value: Option<&str>| value.map(|value| format!(" --{name} {value}")).unwrap_or_default();
        let env = self.env().filter(|env| *env != config::environment::DEFAULT);
        named.unwrap_or_else(|| self.file.clone()) + &option("env", env) + &option("like", self.like.as_deref())
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
            None => {
                let argument = self.file.clone();
                Ok((StackFile { file: STACK_FILE.to_owned(), ..self }, argument))
            }
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

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a document or a review
    Markdown,
}

/// Reads a moment with its zone, as of RFC 3339, to the second.
pub fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let read = text.parse::<jiff::Timestamp>().ok().and_then(|at| jiff::Timestamp::from_second(at.as_second()).ok());
    read.ok_or_else(|| "write a time with its zone, such as `2026-11-27T10:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_optional_before_a_required_argument() {
        let file = |file: &str| StackFile { file: file.to_owned(), env: Some("prod".to_owned()), like: None, stack: None };
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
