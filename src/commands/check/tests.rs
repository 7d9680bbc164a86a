//! What is found in the published files, with which edits; exceptions; and the page in the documents.

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;
use insta::assert_snapshot;
use jiff::civil::date;

use super::super::arguments::StackFile;
use super::super::stack_file;
use super::super::stack_file::stack_schema;
use super::super::stop::Stop;
use super::findings::{Checking, Wanted};
use crate::config;
use crate::ui::check::{self, Checked, Found, Severity};

const TODAY: jiff::civil::Date = date(2026, 11, 27);

fn wanted() -> Wanted {
    Wanted { severity: Severity::Low, production: false, all: false, live: false, account: false, today: TODAY }
}

fn checked(text: &str, env: Option<&str>, wanted: Wanted) -> Checked {
    let file = StackFile { file: "s.yaml".into(), env: env.map(str::to_owned), like: None, stack: None };
    let schema = stack_schema();
    let loaded =
        config::load("s.yaml", text, env, &schema).unwrap_or_else(|report| panic!("{}", report.render(100, false, true)));
    Checking { file: &file, text, schema: &schema, wanted, live: None, unasked: &[], verdicts: &[] }.check(&loaded).unwrap()
}

fn told(checked: &Checked) -> String {
    let line = |finding: &check::Finding| {
        let edit = finding.edit.as_ref().map_or_else(String::new, |edit| format!(" | {}", edit.yaml));
        format!(
            "{:8} {} {} :{} {}{edit}\n",
            finding.rule.severity.as_str(),
            finding.rule.id,
            finding.object,
            finding.place.line,
            finding.what
        )
    };
    checked.findings.iter().map(line).collect()
}

fn ids(checked: &Checked) -> Vec<&str> {
    checked.findings.iter().map(|finding| &*finding.rule.id).collect()
}

#[test]
fn the_findings_of_published_stacks() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut out = String::new();
    for (file, env) in [
        ("examples/smallest.yaml", None),
        ("stacks/small.yaml", None),
        ("stacks/small.yaml", Some("production")),
        ("stacks/webapp.yaml", None),
        ("stacks/shop.yaml", None),
    ] {
        let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        let production = Wanted { production: true, ..wanted() };
        out += &format!("{file} {}\n{}\n", env.unwrap_or("default"), told(&checked(&text, env, production)));
    }
    assert_snapshot!(out);
}

/// A file with everything that meets controls: a certificate, a key, backups, passwords that are rotated.
const FULL: &str = r#"
stack: shop
region: us-east-1
production: true
certificates: { site: { domain: www.example.com, zone: Z0123456789ABCDEFGHIJ } }
keys: { main: {} }
load_balancer: { certificate: certificates.site }
services:
  web:
    image: "nginx:1.27"
    port: 80
    count: 2
    routes: ["/*"]
    uses: [databases.main, caches.sessions]
    readonly_root: true
    writable: [/tmp, /var/cache/nginx, /run]
databases:
  main: { engine: postgres, version: "17", class: db.m6g.large, storage: 20GiB, password: { rotate: 30d } }
caches:
  sessions: { engine: valkey }
cdn: { aliases: [www.example.com], certificate: certificates.site, static: { paths: ["/static/*"] } }
backup: {}
alarms: { email: [ops@example.com] }
"#;

/// The published files with a CDN, and those without one. None has a domain.
const WITH_CDN: &[&str] = &["webapp", "shop", "shop production", "production production", "3-ten-thousand", "6-ten-million"];
const WITHOUT_CDN: &[&str] = &["smallest", "small", "small production", "1-hundred"];

/// What is found for production in these files, why that is so, and in which of them.
const UNMET: &[(&str, &str, &[&[&str]])] = &[
    (
        "CloudFront.1",
        "the application answers `/` itself: with a root object CloudFront would not ask it",
        &[WITH_CDN, &["full"]],
    ),
    ("CloudFront.7", "there is no domain in the file, so no certificate", &[WITH_CDN]),
    ("CloudFront.9", "without a certificate the load balancer serves HTTP only", &[WITH_CDN]),
    ("ECS.2", "without a NAT gateway tasks pull their images through addresses of their own", &[&["small", "1-hundred"]]),
    (
        "ECS.5",
        "the images write to their root file system; `readonly_root` and `writable` need directories of the application",
        &[WITH_CDN, WITHOUT_CDN],
    ),
    ("ELB.1", "there is no domain in the file, so no certificate", &[WITH_CDN, WITHOUT_CDN]),
    (
        "ELB.6",
        "without `production: true` a load balancer is easy to delete",
        &[WITHOUT_CDN, &["webapp", "shop", "shop production"]],
    ),
    (
        "RDS.5",
        "a standby costs as much as the instance, and a replica has its source",
        &[&["small", "shop", "shop production", "production production", "1-hundred", "6-ten-million"]],
    ),
    ("RDS.8", "a database for trials, and a replica, whose source has the data", &[&["small", "shop", "shop production"]]),
    ("RDS.9", "`general` logs every statement with the data in it, and `audit` needs a plug-in", &[&["shop", "shop production"]]),
    ("RDS.11", "a database for trials: backups of a day suffice", &[&["small"]]),
    ("S3.12", "CloudFront writes its standard logs by access lists only", &[WITH_CDN, &["full"]]),
    (
        "SecretsManager.1",
        "rotation restarts what uses the password, and a database with replicas cannot have it",
        &[WITH_CDN, &["small", "small production", "1-hundred"]],
    ),
];

/// What is found by itself for production has a reason, in each file; and no reason is left without a finding.
#[test]
fn what_published_stacks_do_not_meet_has_a_reason() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |file: &str| std::fs::read_to_string(format!("{root}/{file}")).unwrap();
    let mut files: Vec<(String, String, Option<&str>)> = [
        ("examples/smallest.yaml", None),
        ("stacks/small.yaml", None),
        ("stacks/small.yaml", Some("production")),
        ("stacks/webapp.yaml", None),
        ("stacks/shop.yaml", None),
        ("stacks/shop.yaml", Some("production")),
        ("stacks/production.yaml", Some("production")),
        ("stacks/stages/1-hundred.yaml", None),
        ("stacks/stages/3-ten-thousand.yaml", None),
        ("stacks/stages/6-ten-million.yaml", None),
    ]
    .map(|(file, env)| (file.to_owned(), read(file), env))
    .into();
    files.push(("full".into(), FULL.into(), None));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text, env) in &files {
        let all = checked(text, *env, Wanted { production: true, ..wanted() });
        let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".yaml");
        let name = env.map_or_else(|| name.to_owned(), |env| format!("{name} {env}"));
        for id in ids(&all) {
            found.entry(id.to_owned()).or_default().insert(name.clone());
        }
    }
    let known: BTreeMap<String, BTreeSet<String>> = UNMET
        .iter()
        .map(|(id, _, files)| ((*id).to_owned(), files.concat().iter().map(|file| (*file).to_owned()).collect()))
        .collect();
    assert_eq!(found, known);
}

const FILE: &str = "\
stack: a
region: us-east-1
network: { zones: 2, nat: single }
services:
  web: { image: i, port: 80, routes: [/*] } # the site
databases:
  main:
    engine: postgres
    version: \"16\"
    backups: 1d # cheap
environments:
  prod: { databases: { main: { backups: 2d } } }
  test:
";

#[test]
fn a_finding_has_its_line_and_its_edit() {
    let all = checked(FILE, None, wanted());
    let backups = all.findings.iter().find(|finding| finding.rule.id == "RDS.11").unwrap();
    let place = (backups.place.line, backups.place.column);
    assert_eq!((backups.object.as_str(), place, backups.found), ("rds.instance/main", (10, 14), Found::File));
    assert_eq!(backups.edit.as_ref().unwrap().yaml, "databases.main.backups: 7d");
    // What is not in the file is at its section.
    let readonly = all.findings.iter().find(|finding| finding.rule.id == "ELB.1").unwrap();
    assert_eq!((readonly.section.as_deref(), readonly.place.line), (Some("load_balancer"), 1));
}

#[test]
fn an_edit_stays_in_its_environment() {
    let edit = |env: &str| {
        let all = checked(FILE, Some(env), wanted());
        let found = all.findings.iter().find(|finding| finding.rule.id == "RDS.11").unwrap();
        (found.place.line, found.edit.as_ref().unwrap().yaml.clone())
    };
    assert_eq!(edit("prod"), (12, "environments.prod.databases.main.backups: 7d".to_owned()));
    assert_eq!(edit("test"), (10, "environments.test.databases.main.backups: 7d".to_owned()));
    assert_eq!(edit("default"), (10, "databases.main.backups: 7d".to_owned()));
}

/// An edit with which the file says something that has no effect, or breaks something, is no edit.
#[test]
fn only_edits_that_work_are_offered() {
    // Without a NAT gateway the tasks could not pull their images.
    let text = FILE.replace("nat: single", "nat: none").replace("port: 80,", "port: 80, public: true,");
    let all = checked(&text, None, wanted());
    let public = all.findings.iter().find(|finding| finding.rule.id == "ECS.2").unwrap();
    assert_eq!(public.edit, None);
    let with_nat = checked(&text.replace("nat: none", "nat: single"), None, wanted());
    let public = with_nat.findings.iter().find(|finding| finding.rule.id == "ECS.2").unwrap();
    assert_eq!(public.edit.as_ref().unwrap().yaml, "services.web.public: false");
}

#[test]
fn severity_and_levels_choose() {
    let count = |wanted: Wanted| checked(FILE, None, wanted).checked;
    let (basic, production) = (count(wanted()), count(Wanted { production: true, ..wanted() }));
    let all = count(Wanted { all: true, ..wanted() });
    assert!(basic < production && production < all, "{basic} {production} {all}");
    let high = checked(FILE, None, Wanted { severity: Severity::High, ..wanted() });
    assert!(high.findings.iter().all(|finding| finding.rule.severity >= Severity::High) && high.below > 0);
    let found = ids(&checked(FILE, None, Wanted { production: true, ..wanted() })).join(" ");
    assert!(found.contains("ELB.6") && found.contains("RDS.5"), "{found}");
}

fn with_exception(exception: &str) -> String {
    format!("{FILE}check: {{ exceptions: {{ {exception} }} }}\n")
}

#[test]
fn an_exception_holds_until_its_day() {
    let until = |day: &str| checked(&with_exception(&format!("RDS.11: {{ reason: tests, until: {day} }}")), None, wanted());
    let holds = until("2026-11-27");
    assert!(!ids(&holds).contains(&"RDS.11") && holds.accepted.len() == 1, "{:?}", ids(&holds));
    let over = until("2026-11-26");
    let finding = over.findings.iter().find(|finding| finding.rule.id == "RDS.11").unwrap();
    assert!(finding.exception.as_ref().unwrap().expired && over.accepted.is_empty());
}

#[test]
fn an_exception_is_for_its_object() {
    let of = |object: &str| {
        let exception = format!("RDS.11: {{ reason: tests, until: 2099-01-01, object: {object} }}");
        let checked = checked(&with_exception(&exception), None, wanted());
        (checked.accepted.len(), checked.unneeded)
    };
    assert_eq!(of("rds.instance/main"), (1, vec![]));
    assert_eq!(of("databases.main"), (1, vec![]));
    assert_eq!(of("databases"), (1, vec![]));
    assert_eq!(of("databases.mai"), (0, vec!["RDS.11".to_owned()]));
}

#[test]
fn unknown_controls_are_found_in_their_line() {
    let text = with_exception("RDS.111: { reason: tests, until: 2099-01-01 }");
    let loaded = config::load("s.yaml", &text, None, &stack_schema()).unwrap();
    let Err(Stop::Report(report)) = stack_file::offline(&loaded) else { panic!() };
    let [problem] = report.diagnostics.as_slice() else { panic!("{report:?}") };
    assert_eq!((problem.code, &text[problem.span()]), ("no-such-control", "RDS.111"));
    assert!(problem.help.as_ref().unwrap().starts_with("did you mean `RDS.11`?"), "{problem:?}");
    let wrong = with_exception("RDS.11: { reason: tests, until: 2026-02-30 }");
    let report = config::load("s.yaml", &wrong, None, &stack_schema()).unwrap_err();
    assert_eq!(&wrong[report.diagnostics[0].span()], "2026-02-30");
}

/// The table in the documents is made from the one in the code: this writes it, as it does snapshots.
#[test]
fn the_documents_have_every_control() {
    const MARK: (&str, &str) = ("<!-- controls -->\n", "\n<!-- /controls -->");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/check.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once(MARK.0).unwrap();
    let (_, tail) = rest.split_once(MARK.1).unwrap();
    let (rules, elsewhere) = super::listed();
    let now = format!("{head}{}\n{}{}{tail}", MARK.0, check::list_markdown(&rules, &elsewhere), MARK.1);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(path, &now).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == now,
        "run: INSTA_UPDATE=always cargo test --lib documents_have_every_control"
    );
}

#[test]
fn an_edit_is_written_only_into_a_file() {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: super::Arguments,
    }
    let parse = |words: &[&str]| Line::try_parse_from([&["check"], words].concat()).map(|line| line.arguments);
    assert!(parse(&["s.yaml", "--fix", "--yes"]).is_ok() && parse(&["--list", "--format", "markdown"]).is_ok());
    for wrong in [
        &["--yes"][..],
        &["--fix", "--json"],
        &["--fix", "--format", "sarif"],
        &["--json", "--format", "text"],
        &["--list", "--live"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}
