//! Whole outputs: every command's help, every stack file's plan, every way in which the command line can be wrong.

use insta::assert_snapshot;

use crate::support::aws::LocalAws;
use crate::support::run::Place;
use crate::support::stacks::{FILES, published};

#[test]
fn every_stack_file_is_in_the_tests() {
    for folder in ["stacks", "examples"] {
        for entry in std::fs::read_dir(published(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(!name.ends_with(".yaml") || FILES.iter().any(|(file, _)| *file == name), "{name}");
        }
    }
}

#[test]
fn help() {
    let place = Place::new();
    for command in [
        "",
        "validate",
        "plan",
        "apply",
        "destroy",
        "history",
        "rollback",
        "unlock",
        "show",
        "outputs",
        "run",
        "graph",
        "schema",
        "init",
        "local",
        "completions",
    ] {
        let arguments: Vec<&str> = if command.is_empty() { vec!["--help"] } else { vec![command, "--help"] };
        let name = if command.is_empty() { "help".to_owned() } else { format!("help_{command}") };
        assert_snapshot!(name, place.stack(&arguments).ok().stdout);
    }
}

#[test]
fn every_published_file_is_valid() {
    let place = Place::new();
    for (file, _) in FILES {
        let output = place.stack(&["validate", &published(file)]).ok();
        assert!(output.stdout.contains("is valid"), "{}", output.stdout);
        // A load balancer without a certificate is reported on stderr: no problem, and beside what was asked for.
        let (standby, rest): (Vec<&str>, Vec<&str>) =
            output.stderr.lines().partition(|line| line.contains("`stack recovery apply`"));
        assert_eq!(standby.len(), usize::from(*file == "stacks/regions.yaml"), "{file}: {}", output.stderr);
        let told = output.stderr.starts_with("The load balancer serves HTTP only");
        assert!(rest.is_empty() || told && rest.len() <= 2, "{file}: {}", output.stderr);
    }
}

#[test]
fn the_plan_of_every_published_file() {
    let account = LocalAws::shared().account();
    let place = Place::with(&account);
    for (file, envs) in FILES {
        for env in *envs {
            let name = format!("plan_{}_{env}", file.replace(['/', '.'], "_"));
            place.file("s.yaml", &std::fs::read_to_string(published(file)).unwrap());
            let mut arguments = vec!["plan", "s.yaml"];
            if !env.is_empty() {
                arguments.extend(["--env", env]);
            }
            let plan = place.stack(&arguments).ok().stdout.replace(&account.id, "ACCOUNT");
            assert_snapshot!(name, plan);
        }
    }
}

/// The text without the account's number, also where a narrow terminal breaks that.
fn nameless(text: &str, account: &str) -> String {
    let whole = text.replace(account, "ACCOUNT");
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    for n in 1..lines.len() {
        for (begin, end) in (1..account.len()).map(|at| account.split_at(at)) {
            let above = lines[n - 1].trim_end_matches("\u{1b}[0m");
            let colour = lines[n].len() - lines[n].trim_start().trim_start_matches("\u{1b}[2m").trim_start().len();
            if above.ends_with(begin) && lines[n][colour..].starts_with(end) {
                lines[n - 1] = lines[n - 1].replace(begin, "ACC");
                lines[n].replace_range(colour..colour + end.len(), "OUNT");
                break;
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_plan_narrow_wide_and_in_colour() {
    let account = LocalAws::shared().account();
    for width in ["60", "160"] {
        for color in ["never", "always"] {
            let mut place = Place::with(&account);
            place.set("COLUMNS", width);
            place.file("s.yaml", &std::fs::read_to_string(published("examples/smallest.yaml")).unwrap());
            let plan = nameless(&place.stack(&["plan", "s.yaml", "--verbose", "--color", color]).ok().stdout, &account.id);
            if color == "never" {
                assert!(!plan.contains('\u{1b}'));
                // One word may be longer than the terminal is wide: an attribute's name is never broken.
                let wide = |l: &&str| l.chars().count() > width.parse::<usize>().unwrap() && l.split_whitespace().count() > 1;
                assert_eq!(plan.lines().find(wide), None);
            } else {
                assert!(plan.contains('\u{1b}'));
            }
            assert_snapshot!(format!("plan_small_{width}_{color}"), plan);
        }
    }
}

#[test]
fn file_with_many_problems_reports_all_of_them() {
    let place = Place::new(); // no AWS to be asked
    place.file(
        "bad.yaml",
        "stack: shop\nregion: us-east-1\nnetwrok: {}\nnetwork: { cidr: 10.0.0.1/16, zones: 9 }\nservices:\n  web:\n    image: nginx\n    cpu: 300\n    port: eighty\n    routes: [api]\n",
    );
    let output = place.stack(&["plan", "bad.yaml"]).exits(65);
    assert_eq!(output.stdout, "");
    assert_snapshot!("diagnostics", output.stderr);
    let json = place.stack(&["validate", "bad.yaml", "--json"]).exits(65).json();
    assert!(json["diagnostics"].as_array().is_some_and(|list| list.len() >= 5), "{json:#}");
}

#[test]
fn problems_between_sections_have_a_line() {
    let place = Place::new();
    place.file(
        "circle.yaml",
        "stack: shop\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\nresources:\n  ec2.security_group:\n    a: { vpc: ec2.vpc/mian, description: x }\n    main2: { vpc: ec2.vpc/main, description: y }\n",
    );
    let output = place.stack(&["validate", "circle.yaml"]).exits(65);
    assert_snapshot!("unknown_reference", output.stderr);
}

#[test]
fn the_command_line_is_refused_with_its_own_code() {
    let place = Place::new();
    let output = place.stack(&["plan"]).exits(65);
    assert!(
        output.words().contains("`stack.yaml` does not exist") && output.words().contains("`stack init`"),
        "{}",
        output.stderr
    );
    place.stack(&["rollback", "s.yaml", "first"]).exits(64);
    place.stack(&["paln", "x"]).exits(64);
    let output = place.stack(&["plan", "no-such.yaml"]).exits(65);
    assert_snapshot!(output.stderr, @"
    error: `no-such.yaml` cannot be read: No such file or directory (os error 2)
      help: check the path (FILE comes first), or write a new file with `stack init`
    ");
    let output = place.stack(&["--version"]).ok();
    assert_eq!(output.stdout, format!("stack {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn init_writes_a_valid_file_and_overwrites_none() {
    let place = Place::new();
    place.stack(&["init", "--name", "shop"]).ok();
    let text = std::fs::read_to_string(place.path().join("stack.yaml")).unwrap();
    assert!(text.contains("stack: shop"));
    place.stack(&["validate", "stack.yaml"]).ok();
    let output = place.stack(&["init"]).exits(1);
    assert!(output.stderr.contains("--force"), "{}", output.stderr);
    assert_eq!(std::fs::read_to_string(place.path().join("stack.yaml")).unwrap(), text);
}

#[test]
fn without_aws_the_error_says_what_to_check() {
    let mut place = Place::new();
    for (name, value) in [("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")]
    {
        place.set(name, value);
    }
    place.file("s.yaml", &std::fs::read_to_string(published("examples/smallest.yaml")).unwrap());
    let output = place.stack(&["plan", "s.yaml"]).exits(1);
    let said = output.words();
    assert!(said.contains("AWS cannot be reached at http://127.0.0.1:9") && said.contains("--endpoint-url"), "{said}");
}

#[test]
fn drawings() {
    let place = Place::new();
    let file = published("stacks/webapp.yaml");
    assert_snapshot!("graph_mermaid", place.stack(&["graph", &file]).ok().stdout);
    assert_snapshot!("graph_dot", place.stack(&["graph", &file, "--format", "dot"]).ok().stdout);
    let svg = place.stack(&["graph", &file, "--format", "svg"]).ok().stdout;
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..80]);
    for name in ["web", "api", "worker"] {
        assert!(svg.contains(name), "{name}");
    }
    // Every object, and into a file.
    let all = ["graph", file.as_str(), "--all", "--format", "svg"];
    let every = place.stack(&all).ok().stdout;
    assert!(every.contains("ec2.route_table") && !svg.contains("ec2.route_table"));
    let written = place.stack(&[&all[..], &["--out", "all.svg"]].concat()).ok();
    assert_eq!(std::fs::read_to_string(place.path().join("all.svg")).unwrap(), every);
    assert_eq!(written.stdout, "");
    let refused = place.stack(&["graph", &file, "--out", "nowhere/all.svg"]).exits(1);
    assert!(refused.words().contains("`nowhere/all.svg` cannot be written"), "{}", refused.stderr);
}

#[test]
fn completions_are_there_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.stack(&["completions", shell]).ok().stdout.contains("destroy"), "{shell}");
    }
}
