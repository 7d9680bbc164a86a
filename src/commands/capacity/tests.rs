use super::*;
use crate::aws::bill;
use crate::commands::price::Pricing;

const FILE: &str = r#"
stack: shop
region: us-east-1
services:
  web:
    image: "nginx:1.27"
    cpu: 512
    memory: 1024
    port: 80
    routes: ["/*"]
    scale: { min: 2, max: 30 }
    uses: [databases.main, caches.sessions]
  worker: { image: "nginx:1.27", uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.small }
caches:
  sessions: { engine: valkey }
capacity:
  web: { requests_per_task: 50, measured: 2026-11-25, p99: 280ms }
"#;

fn loaded(text: &str) -> Loaded {
    config::load("s.yaml", text, None, &stack_file::stack_schema()).unwrap()
}

/// What is typed when nothing else is said.
fn arguments() -> Arguments {
    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        arguments: Arguments,
    }
    let typed = ["stack", "s.yaml", "--users", "1", "--growth", "10%/month", "--fargate-vcpus", "64"];
    <Typed as clap::Parser>::parse_from(typed).arguments
}

fn answered(loaded: &Loaded, arguments: &Arguments, users: u64) -> Result<Outlook> {
    outlook(loaded, arguments, users, &Told::default())
}

#[test]
fn what_is_needed_is_told_with_its_price() {
    let outlook = answered(&loaded(FILE), &arguments(), 5_000).unwrap();
    insta::assert_snapshot!("capacity-text", ui::capacity::capacity_text(&outlook, &Terminal::plain(110)));
    insta::assert_snapshot!("capacity-svg", ui::capacity::capacity_svg(&outlook));
    // 500 requests/s at 50 are 10 tasks; with the worker they hold 110 connections.
    assert_eq!((outlook.need.services[0].needed, outlook.need.databases[0].connections), (Some(10), 110));
    assert!(outlook.monthly > outlook.now);
}

/// The price is that of the same file, written by hand.
#[test]
fn the_price_is_that_of_the_file_that_is_needed() {
    let outlook = answered(&loaded(FILE), &arguments(), 5_000).unwrap();
    let by_hand = FILE
        .replace("scale: { min: 2, max: 30 }", "count: 10")
        .replace("capacity:", "usage: { requests: 500, transfer: 50000GiB, nat: 25000GiB, logs: 5000GiB }\ncapacity:");
    let by_hand = loaded(&by_hand);
    let bill = bill::of(&stack_file::offline(&by_hand).unwrap(), "us-east-1", &Pricing::of(&by_hand.stack).usage, None);
    assert_eq!(outlook.monthly, dollars(&bill));
}

#[test]
fn what_is_not_measured_is_not_guessed() {
    let (text, _) = FILE.split_once("capacity:").unwrap();
    let Err(Stop::Message(_, why, Some(help))) = answered(&loaded(text), &arguments(), 10).map(|_| ()) else { panic!() };
    assert!(why.contains("not guessed") && help.contains("stack load services.web --save"), "{why} {help}");
    let assumed = Arguments { assume: vec![("web".into(), 20.0)], ..arguments() };
    let outlook = answered(&loaded(text), &assumed, 1_000).unwrap();
    assert_eq!(outlook.need.services[0].needed, Some(5));
    assert!(outlook.assumptions[0].contains("given by `--assume`"), "{:?}", outlook.assumptions);
}

#[test]
fn what_is_needed_becomes_edits() {
    let file = loaded(FILE);
    let of = |users| edits(&file, &answered(&file, &arguments(), users).unwrap().need);
    assert_eq!(of(1_000), []);
    let edits = of(20_000);
    let told: Vec<String> = edits.iter().map(|(path, value)| format!("{} {value}", path.join("."))).collect();
    assert_eq!(told, ["services.web.scale.max 40", "databases.main.class \"db.t4g.large\""]);
}

/// 40,000 users of 8 KiB are 312.5 MiB: a micro node is planned with 204, a small one with 785.
#[test]
fn a_cache_grows_with_what_users_take_up() {
    let file = loaded(&FILE.replace("p99: 280ms", "p99: 280ms, cache_kib_per_user: 8"));
    let outlook = answered(&file, &arguments(), 40_000).unwrap();
    let cache = &outlook.need.caches[0];
    assert_eq!((cache.now.as_str(), cache.needed.as_deref()), ("cache.t4g.micro", Some("cache.t4g.small")));
    let edits = edits(&file, &outlook.need);
    assert!(edits.iter().any(|(path, value)| path.join(".") == "caches.sessions.node" && *value == json!("cache.t4g.small")));
    let text = ui::capacity::capacity_text(&outlook, &Terminal::plain(200));
    for told in ["312 MiB of data, 80 % of about 256 are planned for", "8 KiB by `services.web`", "holds about 256 MiB of data"] {
        assert!(text.contains(told), "{text}");
    }
    let small = FILE.replace("scale: { min: 2, max: 30 }", "count: 80").replace("db.t4g.small", "db.t4g.xlarge");
    let by_hand = |node: &str| {
        let text = small.replace("engine: valkey", &format!("engine: valkey, node: {node}"));
        dollars(&bill::of(&stack_file::offline(&loaded(&text)).unwrap(), "us-east-1", &Pricing::default().usage, None)).unwrap()
    };
    // The price follows the node.
    let same = answered(&loaded(FILE), &arguments(), 40_000).unwrap();
    let grown = by_hand("cache.t4g.small") - by_hand("cache.t4g.micro");
    assert!((outlook.monthly.unwrap() - same.monthly.unwrap() - grown).abs() < 0.01 && grown > 1.0, "{grown}");
}

/// The stages of docs/stages.md: the file, and the users of a month.
const STAGES: [(&str, &str, u64); 7] = [
    ("free tier", "0-free-tier", 0),
    ("100", "1-hundred", 100),
    ("1,000", "2-thousand", 1_000),
    ("10,000", "3-ten-thousand", 10_000),
    ("100,000", "4-hundred-thousand", 100_000),
    ("1 million", "5-million", 1_000_000),
    ("10 million", "6-ten-million", 10_000_000),
];

/// Of the users of a month, one of so many is active at the busiest moment.
const ACTIVE: u64 = 100;

#[test]
fn the_page_about_stages_is_fresh() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut rows = "| users a month | file | a month | tasks | at the busiest moment | the first limit |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for (name, file, users) in STAGES {
        let path = format!("{root}/stacks/stages/{file}.yaml");
        let loaded = loaded(&std::fs::read_to_string(path).unwrap());
        assert_eq!(loaded.warnings.diagnostics.len(), 0, "{file}");
        let bill = bill::of(&stack_file::offline(&loaded).unwrap(), "us-east-1", &Pricing::of(&loaded.stack).usage, None);
        let mut monthly = format!("${:.0}", dollars(&bill).unwrap());
        let unknown: std::collections::BTreeSet<&str> =
            bill.lines.iter().filter(|line| line.monthly.is_none()).map(|line| line.billed.part.what.as_str()).collect();
        if !unknown.is_empty() {
            monthly =
                format!("more than {monthly}; no price is known for {}", unknown.into_iter().collect::<Vec<_>>().join(", "));
        }
        let (mut busiest, mut first) = (String::new(), String::new());
        let model = model(&loaded, &arguments(), &Told::default());
        if users > 0 {
            let need = model.need(users / ACTIVE);
            let web = &need.services[0];
            assert!(web.needed.unwrap() <= web.allowed, "{file}: {web:?}");
            for class in need.databases.iter().chain(&need.caches) {
                assert_eq!(class.needed.as_deref(), Some(class.now.as_str()), "{file}: {class:?}");
            }
            busiest = format!("{} requests/s, {}", web.requests, ui::count(web.needed.unwrap() as usize, "task"));
            let bounds = Model { quotas: Told::default().known(None), ..model.clone() }.bounds();
            first = format!("{} users: {}", bounds[0].users * ACTIVE, bounds[0].what);
            // The average is a third of the busiest moment.
            let average = loaded.stack.usage.requests * 3.0 / web.requests;
            assert!((0.9..1.1).contains(&average), "{file}: {average}");
        }
        let (least, most) = model.services[0].tasks;
        let tasks = if least == most { least.to_string() } else { format!("{least} to {most}") };
        rows +=
            &format!("| {name} | [`{file}.yaml`](../stacks/stages/{file}.yaml) | {monthly} | {tasks} | {busiest} | {first} |\n");
    }
    let path = format!("{root}/docs/stages.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- begin -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let now = format!("{before}<!-- begin -->\n\n{rows}\n<!-- end -->{after}");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &now).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == now, "run: INSTA_UPDATE=always cargo test --lib stages");
}

#[test]
fn shares_and_assumptions_are_read() {
    assert_eq!(growth("10%/month"), Ok(0.1));
    assert_eq!(assumed("services.web=20"), Ok(("web".into(), 20.0)));
    for wrong in ["10%", "10/month", "-5%/month", ""] {
        assert!(growth(wrong).is_err(), "{wrong}");
    }
    for wrong in ["web", "web=", "=5", "web=0"] {
        assert!(assumed(wrong).is_err(), "{wrong}");
    }
}
