//! The arguments that several commands share.

use clap::Args;

use crate::{aws, config, local, ui};

/// What every command understands.
#[derive(Args, Debug)]
pub struct Global {
    /// When to colour: NO_COLOR and the terminal decide, unless this does
    #[arg(long, global = true, value_enum, default_value_t = ui::Color::Auto, value_name = "WHEN")]
    pub color: ui::Color,
    #[command(flatten)]
    pub logging: super::logging::Logging,
}

/// The way to AWS. What is not said comes the usual AWS ways: environment, profile, SSO, container, instance.
#[derive(Args, Debug)]
pub struct Aws {
    /// Use this profile of the AWS configuration, whatever credentials the environment has
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub profile: Option<String>,
    /// Use this region instead of the file's
    #[arg(long, value_name = "REGION", help_heading = "AWS", value_parser = config::region)]
    pub region: Option<String>,
    /// Send every request to this address, those for credentials too
    #[arg(long, value_name = "URL", help_heading = "AWS", value_parser = endpoint)]
    pub endpoint_url: Option<String>,
    /// Use the AWS on this machine; start it when it is not running
    #[arg(long, help_heading = "AWS", conflicts_with_all = ["endpoint_url", "profile"])]
    pub local: bool,
    /// The port of the AWS on this machine
    #[arg(long, help_heading = "AWS", value_name = "PORT", default_value_t = local::DEFAULT_PORT, requires = "local")]
    pub local_port: u16,
}

/// Which stack.
#[derive(Args, Debug)]
pub struct StackFile {
    /// The stack file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The environment; `default` is the file as it stands. A file that has environments needs one wherever AWS is asked
    #[arg(long, short, value_name = "NAME", env = "STACK_ENV", hide_env_values = true)]
    pub env: Option<String>,
}

impl StackFile {
    /// The environment that was chosen. A variable that is set to nothing chooses none.
    pub fn env(&self) -> Option<&str> {
        self.env.as_deref().filter(|env| !env.is_empty())
    }
}

fn endpoint(url: &str) -> Result<String, String> {
    aws::call::clients::endpoint(url).map(|()| url.to_owned())
}

/// A time of the command line.
pub fn time(text: &str) -> Result<config::Duration, String> {
    text.parse().map_err(|wrong: config::values::Wrong| wrong.to_string())
}
