//! Renders docs/commands.md from the command line, and checks that the page is fresh.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use super::Cli;

/// What the page says besides the help texts.
const HEAD: &str = "# Commands

<!-- Generated from the help texts by `INSTA_UPDATE=always cargo test --lib reference`. -->

`stack help COMMAND` prints the same. [ci.md](ci.md) lists the exit codes and describes the JSON that commands print,
[file.md](file.md) the stack file, [permissions.md](permissions.md) where credentials come from.
";

/// Returns the row of an argument: how it is written, and what it does.
fn row(arg: &Arg, usage: &str) -> String {
    let short = arg.get_short().map_or(String::new(), |short| format!("`-{short}`, "));
    let mut help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut add = |text: String| help = format!("{help}. {text}");
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        if !values.is_empty() {
            let one = |value: &clap::builder::PossibleValue| {
                let help = value.get_help().map_or(String::new(), |help| format!(" ({help})"));
                format!("`{}`{help}", value.get_name())
            };
            add(format!("Values: {}", values.iter().map(one).collect::<Vec<_>>().join(", ")));
        }
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        if !arg.is_hide_default_value_set() && !defaults.is_empty() && defaults != ["``"] {
            add(format!("Default: {}", defaults.join(", ")));
        }
        if let Some(variable) = arg.get_env() {
            add(format!("Variable: {}", variable.to_string_lossy()));
        }
    }
    // FILE before it can be left out, so to clap it is optional; the usage says what it is.
    let required = arg.get_value_names().and_then(|names| names.first()).map(|name| format!("<{name}>"));
    let shown = required.filter(|name| arg.is_positional() && usage.contains(name.as_str())).unwrap_or_else(|| arg.to_string());
    format!("| {short}`{shown}` | {} |\n", help.replace('|', "\\|").replace('\n', " "))
}

/// Returns a table of arguments.
fn table<'a>(what: &str, args: impl Iterator<Item = &'a Arg>, usage: &str) -> String {
    args.fold(format!("\n| {what} | meaning |\n| --- | --- |\n"), |table, arg| table + &row(arg, usage))
}

/// Renders a command and those below it. Groups of options that several commands share are kept for the end of the page.
fn section(page: &mut String, shared: &mut BTreeMap<String, String>, command: &mut Command, name: &str) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let more = long.strip_prefix(&about).unwrap_or_default().trim_start_matches('.').trim();
    let _ = write!(page, "\n## {name}\n\n{about}.\n");
    if !more.is_empty() {
        let _ = write!(page, "\n{more}\n");
    }
    let usage = command.render_usage().to_string().trim_start_matches("Usage: ").replace("\n       ", "\n");
    let _ = write!(page, "\n```text\n{usage}\n```\n");
    let args: Vec<&Arg> = command.get_arguments().filter(|arg| shows(arg) && !arg.is_global_set()).collect();
    let (given, options): (Vec<&Arg>, Vec<&Arg>) = args.into_iter().partition(|arg| arg.is_positional());
    let (headed, plain): (Vec<&Arg>, Vec<&Arg>) = options.into_iter().partition(|arg| arg.get_help_heading().is_some());
    for (what, args) in [("argument", given), ("option", plain)] {
        if !args.is_empty() {
            page.push_str(&table(what, args.into_iter(), &usage));
        }
    }
    let mut headings: Vec<&str> = headed.iter().filter_map(|arg| arg.get_help_heading()).collect();
    headings.dedup();
    let mut also = Vec::new();
    for heading in headings {
        let group = table("option", headed.iter().copied().filter(|arg| arg.get_help_heading() == Some(heading)), &usage);
        if *shared.entry(heading.to_owned()).or_insert_with(|| group.clone()) == group {
            also.push(format!("[{heading}](#{})", heading.to_lowercase()));
        } else {
            let _ = write!(page, "\n{heading}:\n{group}");
        }
    }
    if !also.is_empty() {
        let _ = write!(page, "\nAnd the options under {}.\n", also.join(" and "));
    }
    for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
        let name = format!("{name} {}", below.get_name());
        section(page, shared, below, &name);
    }
}

fn shows(arg: &Arg) -> bool {
    !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
}

/// Renders the page.
fn page() -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut page = HEAD.to_owned() + "\n| command | what it does |\n| --- | --- |\n";
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        let (name, about) = (command.get_name(), command.get_about().map(ToString::to_string).unwrap_or_default());
        let _ = writeln!(page, "| [`stack {name}`](#stack-{name}) | {about} |");
    }
    page.push_str("\nOptions of every command:\n");
    page.push_str(&table("option", cli.get_arguments().filter(|arg| shows(arg)), ""));
    let after = cli.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut shared = BTreeMap::new();
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let name = format!("stack {}", command.get_name());
        section(&mut page, &mut shared, command, &name);
    }
    for (heading, group) in shared {
        let _ = write!(page, "\n## {heading}\n{group}");
    }
    let (heading, text) = after.split_once(":\n").unwrap_or(("Variables", &after));
    let _ = write!(page, "\n## {heading}\n\n```text\n{text}\n```\n");
    page
}

/// `INSTA_UPDATE=always` rewrites the page, as it does snapshots.
#[test]
fn the_reference_of_commands_is_fresh() {
    let now = page();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(path, &now).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == now, "run: INSTA_UPDATE=always cargo test --lib reference");
}
