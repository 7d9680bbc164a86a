use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::arguments::StackFile;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::config::Loaded;
use crate::ui::{self, Color, Diagram};

/// Draw the architecture as Mermaid, DOT or SVG
///
/// Draws how requests reach services and data: users, the CDN, the load balancer, services, databases, caches, buckets and queues, by
/// subnets, and beside them keys, secrets, groups of people and backup vaults. Nothing is asked of AWS.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// Draw every object and its dependencies instead of the traffic
    #[arg(long, short)]
    all: bool,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Svg,
}

pub fn run(arguments: Arguments) -> Result {
    let loaded = stack_file::load(&arguments.file, Color::Auto)?;
    let diagram = diagram(&loaded, arguments.all)?;
    let text = match arguments.format {
        Format::Mermaid => diagram.mermaid(),
        Format::Dot => diagram.dot(),
        Format::Svg => diagram.svg(),
    };
    match &arguments.out {
        None => ui::out(&text)?,
        Some(path) => std::fs::write(path, text).map_err(|e| {
            Stop::message(format!("`{}` cannot be written: {e}", path.display()), "choose another file with `--out`")
        })?,
    }
    Ok(Exit::Ok)
}

/// Draws what a loaded file describes.
fn diagram(loaded: &Loaded, all: bool) -> Result<Diagram> {
    let title = format!("{} · environment {} · {}", loaded.stack.stack.as_str(), loaded.env, loaded.stack.region);
    Ok(Diagram::of(&stack_file::offline(loaded)?, title, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// What protects requests and data is in the picture, and what only keeps logs is not.
    #[test]
    fn what_protects_is_drawn() {
        let text = std::fs::read_to_string(format!("{}/stacks/production.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let text = format!("{text}recovery: {{ region: us-west-2, rpo: 15m, rto: 2h }}\n");
        let loaded = config::load("s.yaml", &text, Some("production"), &stack_file::stack_schema()).unwrap();
        let drawn = diagram(&loaded, false).unwrap().mermaid();
        for part in ["AWS WAF counts", "AWS Backup vault", "SQS queue", "backups in us-west-2"] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        assert!(!drawn.contains("alb-logs") && !drawn.contains("cdn-logs"), "{drawn}");
    }

    /// The README shows it. `INSTA_UPDATE=always` writes it, as it does snapshots.
    #[test]
    fn the_picture_that_is_checked_in_is_fresh() {
        let root = env!("CARGO_MANIFEST_DIR");
        let text = std::fs::read_to_string(format!("{root}/stacks/webapp.yaml")).unwrap();
        let loaded = config::load("stacks/webapp.yaml", &text, None, &stack_file::stack_schema()).unwrap();
        let now = diagram(&loaded, false).unwrap().svg();
        let path = format!("{root}/docs/webapp.svg");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(&path, &now).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == now, "run: INSTA_UPDATE=always cargo test --lib picture");
    }
}
