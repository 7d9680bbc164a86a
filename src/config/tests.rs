use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

/// A kind as the registry has them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Thing {
    size: u32,
    color: Option<Color>,
    labels: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Color {
    DarkRed,
    Green,
}

pub(super) fn schema() -> Value {
    super::schema([("demo.thing", |g: &mut SchemaGenerator| {
        let mut thing = g.subschema_for::<Thing>();
        thing.insert(stack_engine::kind::ATTRIBUTES.into(), json!({"arn": "The ARN.", "id": "The name."}));
        thing
    })])
}

pub(super) fn loaded(text: &str) -> Loaded {
    load("stack.yaml", text, None, &schema()).unwrap_or_else(|report| panic!("{}", report.render(100, false, true)))
}

/// The whole report about a bad file.
pub(super) fn refused(text: &str, env: Option<&str>) -> String {
    match load("stack.yaml", text, env, &schema()) {
        Ok(loaded) => panic!("loaded: {:?}", loaded.warnings),
        Err(report) => report.render(100, false, true),
    }
}

const SMALL: &str = "stack: web\nregion: us-east-1\nservices:\n  api:\n    image: nginx\n";

#[test]
fn every_default() {
    let text =
        format!("{SMALL}    port: 80\n    routes: [/*]\n    health: {{}}\n    scale: {{min: 1, max: 2}}\nload_balancer: {{}}\n");
    let loaded = loaded(&text);
    assert_eq!((loaded.env.as_str(), loaded.warnings.diagnostics.len()), ("default", 0));
    assert_eq!(loaded.stack.services.values().next().unwrap().scale.as_ref().unwrap().cpu_target(), Some(60));
    insta::assert_json_snapshot!(loaded.stack);
}

#[test]
fn everything_that_can_be_said() {
    let text = include_str!("testdata/everything.yaml");
    let loaded = loaded(text);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(100, false, true));
    insta::assert_json_snapshot!(loaded.stack);
}

#[test]
fn the_example_of_the_design_page_is_accepted() {
    let text = "stack: webapp\nregion: us-east-1\nnetwork: { cidr: 10.0.0.0/16, zones: 3, nat: per-zone }\nservices:\n  web:\n    image: i\n    cpu: 512\n    memory: 1024\n    port: 8080\n    health: { path: /health }\n    scale: { min: 3, max: 30, cpu: 60 }\n    routes: [\"/*\"]\nenvironments:\n  production: {}\n  staging:\n    network: { nat: single, zones: 2 }\n    services: { web: { scale: { min: 1, max: 2 } } }\n";
    let staging = load("stack.yaml", text, Some("staging"), &schema()).unwrap();
    assert_eq!(staging.stack.network.nat, Nat::Single);
    assert_eq!(staging.stack.services.values().next().unwrap().scale.as_ref().unwrap().cpu, Some(60));
    assert!(staging.warnings.is_empty() && validate_all("stack.yaml", text, &schema()).is_empty());
}

const BAD: &str = include_str!("testdata/bad.yaml");

#[test]
fn every_problem_at_once() {
    insta::assert_snapshot!(refused(BAD, None));
}

#[test]
fn a_narrow_terminal() {
    let report = load("stack.yaml", BAD, None, &schema()).unwrap_err();
    insta::assert_snapshot!(report.render(60, false, false));
}

#[test]
fn syntax_errors_and_duplicates_have_places() {
    for (name, text) in [
        ("unclosed", "stack: web\nregion: [us-east-1\nservices: {}\n"),
        ("tab", "stack: web\nservices:\n\tapi: {}\n"),
        ("indentation", "stack: web\n  region: us-east-1\n"),
        ("duplicates", "stack: web\nregion: a\nservices:\n  api: {image: a, image: b}\nregion: b\n"),
        ("empty", "# nothing\n"),
        ("list", "- stack: web\n"),
        ("documents", "stack: web\n---\nstack: api\n"),
    ] {
        insta::assert_snapshot!(name, refused(text, None));
    }
}

#[test]
fn overlays_that_are_not_chosen_are_checked_too() {
    let text = format!(
        "{SMALL}environments:\n  default: {{}}\n  Staging:\n  production:\n    stack: other\n    network: {{zonse: 2}}\n    services: {{api: {{cpu: 300, port: ~}}}}\n    resources: {{demo.thing: {{a: {{color: gren}}}}}}\n"
    );
    insta::assert_snapshot!(refused(&text, None));
    insta::assert_snapshot!(refused(&format!("{SMALL}environments: {{staging: {{}}}}\n"), Some("stagin")), @"
    unknown-environment

      × the environment `stagin` does not exist
       ╭─[stack.yaml:6:1]
     5 │     image: nginx
     6 │ environments: {staging: {}}
       · ──────┬─────
       ·       ╰── the environments are here
       ╰────
      help: did you mean `staging`? The file has: `staging`

    1 error
    ");
}

#[test]
fn environments_are_checked_for_sense_too() {
    let text = format!("{SMALL}environments:\n  good: {{}}\n  bad:\n    services: {{api: {{cpu: 256, memory: 4096}}}}\n");
    assert!(load("stack.yaml", &text, None, &schema()).is_ok());
    let report = validate_all("stack.yaml", &text, &schema());
    insta::assert_snapshot!(report.render(100, false, true));
}

#[test]
fn hidden_values_do_not_prevent_environment_checks() {
    let text = "\u{feff}stack: a\nregion: us-east-1\nservices: {web: {image: i, environment: {SORT_KEY: created_at}}}\n\
                environments: {test: {services: {web: {count: 2, scale: {min: 1, max: 2}}}}}\n";
    let report = validate_all("f", text, &schema());
    assert!(report.text.contains("SORT_KEY: *"), "{}", report.text);
    assert_eq!(report.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["count-and-scale"]);
}

#[test]
fn texts_have_their_lengths_and_shapes() {
    let wrong = |line: &str| refused(&format!("stack: a\nregion: us-east-1\n{line}\n"), None);
    assert!(wrong("history_bucket: a").contains("it has 1 character; S3 requires at least 3"));
    assert!(wrong("history_bucket: 192.168.1.1").contains("look like an IP address"));
    let long = format!("certificates: {{a: {{domain: {}.example.com}}}}", "a".repeat(250));
    assert!(wrong(&long).contains("has 262 characters, more than 253"), "{}", wrong(&long));
    let policies = |statements: &str| wrong(&format!("services: {{web: {{image: i, policies: [{statements}]}}}}"));
    let said = policies("{sid: a b, actions: [s3, '*', 's3:Get*'], resources: [x, '*', 'arn:aws:s3:::x']}");
    for one in ["policies[0].sid` cannot be `a b`", "actions[0]` cannot be `s3`", "resources[0]` cannot be `x`", "3 errors"] {
        assert!(said.contains(one), "{one}: {said}");
    }
    let statement = "{sid: A, actions: ['s3:Get*'], resources: ['*']}";
    assert!(policies(&format!("{statement}, {statement}")).contains("two statements have the `sid` `A`"));
    let group = format!("access: {{groups: {{g: {{statements: [{statement}, {statement}]}}}}}}");
    assert!(wrong(&group).contains("two statements have the `sid` `A`"));
}

#[test]
fn an_environment_may_give_what_the_file_lacks() {
    let text = "stack: web\nenvironments:\n  eu: {region: eu-west-1}\n";
    assert_eq!(load("f", text, Some("eu"), &schema()).unwrap().stack.region, "eu-west-1");
    assert!(load("f", text, None, &schema()).is_err());
}

#[test]
fn numbers_and_booleans_become_the_written_text() {
    let text = format!(
        "{SMALL}    environment: {{A: 1.10, B: true, C: 0x10, D: no, E: \"x\"}}\ntags: {{cost: 0012}}\nenvironments: {{e: {{services: {{api: {{environment: {{A: 2}}}}}}}}}}\n"
    );
    let stack = loaded(&text).stack;
    let environment = json!(stack.services.values().next().unwrap().environment);
    assert_eq!(environment, json!({"A": "1.10", "B": "true", "C": "0x10", "D": "no", "E": "x"}));
    assert_eq!(json!(stack.tags), json!({"cost": "0012"}));
    let stack = load("f", &text, Some("e"), &schema()).unwrap().stack;
    assert_eq!(stack.services.values().next().unwrap().environment["A"], "2");
}

#[test]
fn later_problems_find_their_places() {
    let text = format!("\u{feff}{SMALL}network: {{zones: 2}}\nresources: {{demo.thing: {{a: {{size: 1}}}}}}\n");
    let loaded = loaded(&text);
    let at = |path: &str| loaded.at(path).map(|span| loaded.warnings.text[span].to_owned());
    assert_eq!(at("network.zones").as_deref(), Some("2"));
    assert_eq!(at("services.api").as_deref(), Some("api"));
    assert_eq!(at("resources.demo.thing.a.size").as_deref(), Some("1"));
    assert_eq!(at("network.nat"), None);
    insta::assert_snapshot!(
        loaded
            .report("network.nat", "zone-unavailable", "the zone is gone", Some("choose another".into()))
            .render(80, false, true)
    );
}

#[test]
fn whatever_the_text_nothing_panics() {
    use proptest::prelude::*;
    let schema = schema();
    let words = prop::sample::select(vec![
        "stack",
        "region",
        "services",
        "network",
        "zones",
        "environments",
        "image",
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "<<",
        "~",
        "\"",
        "'",
        "é",
        "\u{1b}",
        "\t",
        "\r\n",
        "1",
        "-1",
        "1e999",
        ".nan",
        "|",
        ">",
        "#",
        "!!str ",
        "10.0.0.0/16",
        "default",
    ]);
    let text = prop::collection::vec(words, 0..40).prop_map(|parts| parts.concat());
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) }, |(text in text)| {
        let report = validate_all("f", &text, &schema);
        report.render(60, false, true);
        report.to_json();
    });
}

/// What is wrong, the file's text, whether an editor finds it by the schema alone, and the code that `stack validate` reports.
const BAD_FILES: [(&str, &str, bool, &str); 30] = [
    ("a key at the top", "servces: {web: {image: nginx}}", true, "unknown-key"),
    ("a region", "region: us-est-1", true, "invalid-value"),
    ("a pair of CPU and memory", "services: {web: {image: nginx, cpu: 256, memory: 700}}", true, "no-such-size"),
    ("CPU units", "services: {web: {image: nginx, cpu: 300}}", true, "not-a-choice"),
    ("a route without a slash", "services: {web: {image: nginx, port: 80, routes: [api/*]}}", true, "invalid-value"),
    ("a time without a unit", "services: {web: {image: nginx, port: 80, routes: [/*], grace: 30}}", true, "invalid-value"),
    ("a size in GB", "databases: {main: {engine: postgres, version: '16', storage: 20GB}}", true, "invalid-value"),
    ("a database that there is not", "services: {web: {image: nginx, uses: [databases.nope]}}", false, "unknown-reference"),
    ("count and scale", "services: {web: {image: nginx, count: 2, scale: {min: 1, max: 2}}}", true, "count-and-scale"),
    (
        "a certificate that there is not",
        "services: {web: {image: nginx, port: 80, routes: [/*]}}\nload_balancer: {certificate: certificates.nope}",
        false,
        "unknown-reference",
    ),
    ("a password", "services: {web: {image: nginx, environment: {DB_PASSWORD: hunter2}}}", false, "plain-secret"),
    ("health without routes", "services: {web: {image: nginx, health: {path: /}}}", true, "needs-routes"),
    ("an engine", "databases: {main: {engine: postgresql, version: '16'}}", true, "not-a-choice"),
    ("a class", "databases: {main: {engine: postgres, version: '16', class: t4g.micro}}", true, "invalid-value"),
    (
        "a beginning of two",
        "databases: {main: {engine: postgres, version: '16', begin: {snapshot: a, database: b}}}",
        true,
        "one-beginning",
    ),
    ("a beginning of nothing", "databases: {main: {engine: postgres, version: '16', begin: {}}}", true, "one-beginning"),
    (
        "a time of a snapshot",
        "databases: {main: {engine: postgres, version: '16', begin: {snapshot: a, at: latest}}}",
        true,
        "one-beginning",
    ),
    (
        "a time",
        "databases: {main: {engine: postgres, version: '16', begin: {database: a, at: yesterday}}}",
        true,
        "invalid-value",
    ),
    (
        "a time that no calendar has",
        "databases: {main: {engine: postgres, version: '16', begin: {database: a, at: '2026-13-01T00:00:00Z'}}}",
        false,
        "invalid-value",
    ),
    (
        "a time in another region",
        "databases: {main: {engine: postgres, version: '16', begin: {database: 'arn:aws:rds:eu-west-1:123456789012:db:a', at: latest}}}",
        false,
        "one-beginning",
    ),
    ("a snapshot", "databases: {main: {engine: postgres, version: '16', begin: {snapshot: a b}}}", true, "invalid-value"),
    ("a network", "network: {cidr: 10.0.0.0/33}", true, "invalid-value"),
    ("a key of a route", "services: {web: {image: nginx, port: 80, routes: [{path: /*, prio: 1}]}}", true, "unknown-key"),
    ("a name in capitals", "services: {Web: {image: nginx}}", true, "invalid-name"),
    ("a service without an image", "services: {web: {port: 80}}", true, "missing-key"),
    ("a service of nothing", "services: {web: }", true, "wrong-type"),
    ("a section of an environment", "environments: {staging: {servics: {web: {count: 1}}}}", true, "unknown-key"),
    ("a port", "services: {web: {image: nginx, port: 0}}", true, "out-of-range"),
    ("an image with a space", "services: {web: {image: 'ng inx'}}", true, "invalid-value"),
    ("an image to be filled in", "services: {web: {image: 'nginx:${TAG}'}}", true, "unresolved"),
];

#[test]
fn bad_files_are_found_by_the_schema_or_by_validate() {
    let schema = schema();
    let mut wrong = Vec::new();
    for (what, line, by_schema, code) in BAD_FILES {
        let region = if line.starts_with("region") { "" } else { "region: us-east-1\n" };
        let text = format!("stack: a\n{region}{line}\n");
        let in_editor = !editor::accepts(&schema, &schema, &yaml::parse(&text).unwrap().to_json());
        let report = validate_all("f", &text, &schema);
        let errors: Vec<&Diagnostic> = report.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        let said = errors.iter().any(|d| d.code == code && d.help.is_some() && !d.labels.is_empty());
        if in_editor != by_schema || !said {
            wrong.push(format!("{what}: schema {in_editor}, validate {}", report.render(100, false, false)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn editors_accept_what_validate_accepts() {
    let schema = schema();
    for text in [
        include_str!("testdata/everything.yaml"),
        include_str!("../../stacks/small.yaml"),
        include_str!("../../stacks/shop.yaml"),
        include_str!("../../stacks/webapp.yaml"),
        include_str!("../../examples/smallest.yaml"),
        &starter("webapp", "eu-central-1"),
    ] {
        let report = validate_all("f", text, &schema);
        assert!(!report.has_errors(), "{}", report.render(100, false, true));
        assert!(editor::accepts(&schema, &schema, &yaml::parse(text).unwrap().to_json()), "{text}");
    }
    for (cpu, memory, fits) in [("", "memory: 1024", true), ("cpu: 512", "", false), ("cpu: 32768", "memory: 61440", true)] {
        let text = format!("{SMALL}    {cpu}\n    {memory}\n");
        assert_eq!(editor::accepts(&schema, &schema, &yaml::parse(&text).unwrap().to_json()), fits, "{text}");
        assert_eq!(validate_all("f", &text, &schema).has_errors(), !fits, "{text}");
    }
}

#[test]
fn what_editors_insert_for_a_section_is_valid() {
    let schema = schema();
    let placeholder = regex_lite::Regex::new(r"\$\{\d:([^}]*)\}").unwrap();
    let sections = ["services", "databases", "caches", "cdn"];
    for section in sections {
        let snippet = &schema["properties"][section]["defaultSnippets"][0];
        assert_eq!(snippet, &schema["$defs"]["Overlay"]["properties"][section]["defaultSnippets"][0]);
        let body = placeholder.replace_all(&snippet["body"].to_string(), "$1").into_owned();
        let text = format!("stack: a\nregion: us-east-1\n{section}: {body}\n");
        assert!(loaded(&text).warnings.is_empty(), "{text}");
    }
}

/// Editors show neither a regular expression nor a key without a word.
#[test]
fn editors_get_words_for_patterns_and_environments() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Object(map) => {
                if map.get("pattern").is_some_and(Value::is_string) {
                    assert!(map.contains_key(scalar::PATTERN_MESSAGE) && map.contains_key("errorMessage"), "{path}");
                }
                map.iter().for_each(|(key, v)| walk(v, &format!("{path}/{key}")));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, path)),
            _ => {}
        }
    }
    let schema = schema();
    walk(&schema, "");
    let defs = schema["$defs"].as_object().unwrap();
    for (name, overlay) in defs.iter().filter_map(|(name, overlay)| Some((name.strip_prefix("Overlay.")?, overlay))) {
        for (key, property) in overlay["properties"].as_object().into_iter().flatten() {
            // What an environment leaves out is as in the rest of the file.
            let base = defs[name]["properties"][key]["description"].as_str().unwrap_or_default();
            assert_eq!(property["description"].as_str().unwrap_or_default(), schema::without_default(base), "{name}.{key}");
            assert_eq!(property.get("default"), None, "{name}.{key}");
        }
    }
}

#[test]
fn no_default_is_null() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Object(map) => {
                assert!(!map.get("default").is_some_and(|default| default.to_string().contains("null")), "{path}");
                map.iter().for_each(|(key, v)| walk(v, &format!("{path}/{key}")));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, path)),
            _ => {}
        }
    }
    walk(&schema(), "");
}

#[test]
fn unknown_regions_that_may_be_new_are_warned_of() {
    let said = loaded("stack: a\nregion: ap-southeast-8\n").warnings;
    assert_eq!(said.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["unknown-region"]);
    assert!(refused("stack: a\nregion: eusc-de-east-1\n", None).contains("European Sovereign Cloud"));
}

#[test]
fn references_of_texts_are_checked_at_their_line() {
    let text = |value: &str| format!("{SMALL}    environment: {{A: \"{value}\"}}\n");
    for (value, code) in [
        ("${demo.thing/main.arm}", "unknown-attribute"),
        ("x ${demo.thing/main.arn} ${demo.thing/main.size}", "unknown-attribute"),
        ("${demo.think/main.arn}", "unknown-kind"),
        ("demo.thing/main", "not-a-reference"),
        ("demo.thing/main.arn", "not-a-reference"),
        ("${TAG}", "unresolved"),
    ] {
        let report = load("f", &text(value), None, &schema()).unwrap_err();
        let found: Vec<_> = report.diagnostics.iter().map(|d| (d.code, report.text[d.span()].to_owned())).collect();
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert!(found[0].0 == code && found[0].1.contains(value), "{value}: {found:?}");
    }
    let report = load("f", &text("${demo.thing/main.arm}"), None, &schema()).unwrap_err();
    assert_eq!(report.diagnostics[0].help.as_deref(), Some("did you mean `arn`? A `demo.thing` has `arn`, `id`"));
    for value in ["${demo.thing/main}", "${demo.thing/main.arn!}", "$${HOME}", "text/plain", "$HOME", "s3.example.com/path"] {
        loaded(&text(value));
    }
}

#[test]
fn a_file_of_another_tool_gets_one_answer() {
    for text in [
        "version: '3'\nvolumes: {a: {}}\nconfigs: {b: {}}\n",
        "services: {web: {image: nginx, ports: ['80:80'], environment: {DB_PASSWORD: hunter2}}}\nvolumes: {data: {}}\nnetworks: {}\n",
        "name: ci\non: push\njobs: {build: {steps: []}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {}\n",
        "image: nginx\n",
    ] {
        let report = validate_all("f", text, &schema());
        assert_eq!(report.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["not-a-stack-file"], "{text}");
        assert!(!report.render(100, false, true).contains("hunter2"));
    }
    // A word that is nearly right is a slip of the pen, not another tool.
    assert!(refused("stck: a\nregion: us-east-1\n", None).contains("did you mean `stack`?"));
}

#[test]
fn suggestions_lead_where_somebody_wanted_to_go() {
    let said = |line: &str| refused(&format!("{SMALL}    {line}\n"), None);
    assert!(said("command: sleep 60").contains(r#"`["sleep", "60"]`"#));
    assert!(said("command: echo $HOME && sleep 60").contains(r#"`["sh", "-c", "echo $HOME && sleep 60"]`"#));
    assert!(said("policies: [AmazonS3ReadOnlyAccess]").contains("managed policies are"));
}
