use serde_json::json;

use super::*;
use crate::aws::cloudwatch::CompositeAlarm;
use crate::aws::events::EventRule;
use crate::aws::logs::MetricFilter;
use crate::aws::rds::EventSubscription;
use crate::aws::registry;
use crate::blueprint::tests::schema;
use crate::config;

/// What has no alarm, and is reported.
const REPORTS: [&str; 4] = ["events", "notices", "deployments", "together"];

fn scope(region: &str) -> Scope {
    let text = |text: &str| text.to_owned();
    Scope {
        stack: text("shop"),
        env: text("default"),
        region: text(region),
        account: text("123456789012"),
        partition: text("aws"),
    }
}

/// Returns the graph of a file, or what is wrong with it.
fn expanded(text: &str) -> Result<Graph, Vec<Problem>> {
    let registry = registry();
    let loaded = config::load("s.yaml", text, None, &schema()).unwrap_or_else(|report| panic!("{:#?}", report.diagnostics));
    let scope = scope(&loaded.stack.region);
    let facts = Facts::assumed(&scope, true, &loaded.stack);
    match super::super::expand(&loaded.stack, &facts, &registry) {
        Ok(graph) => Ok(graph),
        Err(super::super::Failure::Problems(problems)) => Err(problems),
        Err(super::super::Failure::Error(error)) => panic!("{error}"),
    }
}

const EVERYTHING: &str = r#"
stack: shop
region: us-east-1
alarms: { email: [ops@example.com] }
services:
  web: { image: nginx, port: 80, routes: ["/*"] }
  worker: { image: nginx }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.medium, storage: 100GiB, replicas: { copy: {} } }
caches:
  sessions: { engine: valkey, replicas: 1 }
  pages: { engine: memcached, nodes: 2 }
cdn: {}
certificates: { site: { domain: example.com } }
resources:
  sqs.queue:
    orders: { dead_letter_queue: "${sqs.queue/dead.arn}", max_receives: 3 }
    dead: {}
"#;

fn alarms(graph: &Graph) -> Vec<(&str, Alarm)> {
    graph.nodes().filter_map(|node| Some((node.key.name.as_str(), read::<Alarm>(node)?))).collect()
}

#[test]
fn every_part_has_its_alarms() {
    let graph = expanded(EVERYTHING).unwrap();
    let shown = alarms(&graph).into_iter().map(|(name, alarm)| {
        let dimensions: Vec<String> = alarm.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let what = if alarm.metric.is_empty() { &alarm.expression } else { &alarm.metric };
        format!("{name}: {what} {} {} [{}] {}\n", alarm.comparison, alarm.threshold, dimensions.join(", "), alarm.description)
    });
    insta::assert_snapshot!(shown.collect::<String>());
    for (name, alarm) in alarms(&graph) {
        assert_eq!(alarm.refused(), None, "{name}");
        // Those of a service tell together.
        let told: &[&str] = if name.starts_with("service-") { &[] } else { &["${sns.topic/alarms.arn}"] };
        assert_eq!(alarm.actions, told, "{name}");
        assert_eq!((alarm.missing_data.as_str(), &alarm.ok_actions), ("notBreaching", &alarm.actions), "{name}");
    }
    let node = graph.get(&"sns.subscription/alarms-ops-example-com".parse().unwrap()).unwrap();
    assert_eq!(node.desired["endpoint"], "ops@example.com");
}

#[test]
fn a_word_turns_an_alarm_off_and_a_number_moves_it() {
    let with = |section: &str| EVERYTHING.replace("alarms: { email: [ops@example.com] }", section);
    let all = |text: &str| -> BTreeMap<String, f64> {
        let graph = expanded(text).unwrap();
        alarms(&graph).into_iter().map(|(name, alarm)| (name.to_owned(), alarm.threshold)).collect()
    };
    let whole = all(EVERYTHING);
    let text = with(
        "alarms: { email: [ops@example.com], services: { cpu: 70, memory: off }, databases: { storage_free: 20 }, queues: { age: 1h }, off: [services.worker, caches.pages.cpu, databases.main.replicas] }",
    );
    let some = all(&text);
    assert_eq!((some["service-web-cpu"], some["queue-orders-age"]), (70.0, 3600.0));
    assert_eq!(some["database-main-storage-free"], 2.0 * whole["database-main-storage-free"]);
    let gone: Vec<&str> = whole.keys().filter(|name| !some.contains_key(*name)).map(String::as_str).collect();
    let expected = [
        "cache-pages-1-cpu",
        "cache-pages-2-cpu",
        "database-main-copy-connections",
        "database-main-copy-cpu",
        "database-main-copy-credits",
        "database-main-copy-memory-free",
        "database-main-copy-replica-lag",
        "database-main-copy-storage-free",
        "service-web-memory",
        "service-worker-cpu",
        "service-worker-memory",
        "service-worker-restarts",
        "service-worker-running",
    ];
    assert_eq!(gone, expected);
}

/// CloudFront reports to us-east-1, where an alarm notifies a topic of that region: with the same subscribers, and not encrypted.
#[test]
fn what_cloudfront_reports_is_watched_in_us_east_1() {
    let there = EVERYTHING
        .replace("us-east-1", "eu-west-1")
        .replace("cdn: {}", "cdn: { certificate: certificates.site, aliases: [example.com] }\nkeys: { main: {} }");
    let regions = |graph: &Graph| -> Vec<(String, Vec<String>)> {
        let away = alarms(graph).into_iter().filter(|(_, alarm)| alarm.region.is_some());
        away.map(|(name, alarm)| (format!("{name} {}", alarm.region.unwrap()), alarm.actions)).collect()
    };
    let graph = expanded(&there).unwrap();
    let own = "${sns.topic/alarms-us-east-1.arn}".to_owned();
    let names = ["cdn-main-errors us-east-1", "certificate-site-global-expiry us-east-1"];
    assert_eq!(regions(&graph), names.map(|name| (name.to_owned(), vec![own.clone()])));
    let topic: Topic = read(graph.get(&"sns.topic/alarms-us-east-1".parse().unwrap()).unwrap()).unwrap();
    assert_eq!((topic.region.as_deref(), topic.kms_key.as_deref()), (Some("us-east-1"), Some("")));
    assert!(topic.policy.unwrap().to_string().contains("arn:aws:cloudwatch:us-east-1:123456789012:alarm:*"));
    assert!(graph.get(&"sns.subscription/alarms-us-east-1-ops-example-com".parse().unwrap()).is_some());
    // A channel hears both.
    let slack = "slack: [{ workspace: T1, channel: C1 }]";
    let graph = expanded(&there.replace("email: [ops@example.com]", slack)).unwrap();
    let channel = graph.nodes().find(|node| node.key.kind == "chatbot.slack_channel").unwrap();
    assert_eq!(channel.desired["topics"], json!(["${sns.topic/alarms.arn}", own]));
    // Topics of others are notified by what is in their region.
    const HERE: &str = "arn:aws:sns:eu-west-1:123456789012:ops";
    const THERE: &str = "arn:aws:sns:us-east-1:123456789012:ops";
    let topics = format!("topics: [\"{HERE}\", \"{THERE}\"]");
    let graph = expanded(&there.replace("email: [ops@example.com]", &topics)).unwrap();
    assert!(regions(&graph).iter().all(|(_, actions)| actions == &[THERE]));
    let queue = alarms(&graph).into_iter().find(|(name, _)| *name == "queue-orders-age").unwrap().1;
    assert_eq!(queue.actions, [HERE]);
    // Without such alarms there is no such topic.
    let graph =
        expanded(&there.replace("email: [ops@example.com]", "email: [ops@example.com], off: [cdn, certificates]")).unwrap();
    assert_eq!(graph.nodes().filter(|node| node.key.kind == Topic::KIND).count(), 1);
    assert_eq!(regions(&expanded(EVERYTHING).unwrap()), []);
}

#[test]
fn topics_of_others_need_no_topic() {
    let with = |section: &str| {
        let text = EVERYTHING.replace("alarms: { email: [ops@example.com] }", section);
        let graph = expanded(&text).unwrap();
        let topics = graph.nodes().filter(|node| node.key.kind == Topic::KIND).count();
        (topics, alarms(&graph).first().map_or(0, |(_, alarm)| alarm.actions.len()))
    };
    const ARN: &str = "arn:aws:sns:us-east-1:123456789012:ops";
    assert_eq!(with(&format!("alarms: {{ topics: [\"{ARN}\"] }}")), (0, 1));
    assert_eq!(with(&format!("alarms: {{ topics: [\"{ARN}\"], email: [a@example.com] }}")), (1, 2));
    assert_eq!(with(&format!("alarms: {{ topics: [\"{ARN}\"], https: [\"https://ops.example.com/x\"] }}")), (1, 2));
    // What nobody hears needs no topic; a budget can be all that tells it.
    assert_eq!(with("alarms: {}"), (0, 0));
    assert_eq!(with(""), (0, 0));
    assert_eq!(with("budget: { monthly: 300, topic: alarms }"), (1, 1));
    assert_eq!(with("alarms: off"), (0, 0));
}

#[test]
fn what_turns_off_nothing_is_said_with_what_was_meant() {
    let text = EVERYTHING.replace("email: [ops@example.com]", "off: [services.wrker.cpu, services.web.cpus, nonsense.at-all]");
    let said: Vec<String> = expanded(&text).unwrap_err().into_iter().map(|p| format!("{} {} {}", p.at, p.code, p.help)).collect();
    let expected = [
        "alarms.off[0] no-such-alarm did you mean `services.worker.cpu`?",
        "alarms.off[1] no-such-alarm did you mean `services.web.cpu`?",
        "alarms.off[2] no-such-alarm name a part, such as `services.worker`, or one of its alarms: `services.worker.cpu`",
    ];
    assert_eq!(said, expected);
}

/// Only Container Insights counts tasks that run; the other alarms of a service stay.
#[test]
fn without_container_insights_no_alarm_counts_tasks() {
    let of_worker = |logs: &str| {
        let graph = expanded(&format!("{EVERYTHING}{logs}")).unwrap();
        let names: Vec<String> = alarms(&graph).iter().map(|(name, _)| (*name).to_owned()).collect();
        names.into_iter().filter_map(|name| Some(name.strip_prefix("service-worker-")?.to_owned())).collect::<Vec<_>>()
    };
    let with = of_worker("");
    assert!(with.contains(&"running".to_owned()), "{with:?}");
    let without = of_worker("logs: { container_insights: false }\n");
    assert_eq!(without, with.into_iter().filter(|name| name != "running").collect::<Vec<_>>());
    // What is off in every environment can be listed for all of them; a service that does not exist cannot.
    let off = |what: &str| {
        let logs = "logs: { container_insights: false }";
        expanded(&format!("{}{logs}\n", EVERYTHING.replace("email:", &format!("off: [{what}], email:"))))
    };
    assert!(
        off("services.worker.running").is_ok() && off("services.other.running").is_err() && off("services.worker.cpuu").is_err()
    );
}

/// The topic of alarms lets the account's alarms publish, and nobody else.
#[test]
fn alarms_may_publish_to_their_topic() {
    let graph = expanded(EVERYTHING).unwrap();
    let topic = graph.get(&"sns.topic/alarms".parse().unwrap()).unwrap();
    let statement = &topic.desired["policy"]["Statement"][0];
    assert_eq!(statement["Principal"], json!({"Service": "cloudwatch.amazonaws.com"}));
    assert_eq!(statement["Condition"]["ArnLike"]["aws:SourceArn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*");
    assert_eq!(topic.desired["kms_key"], "");
}

/// Alarms without anyone who is told are only that: an account has 20 subscriptions to events of RDS and 300 rules.
#[test]
fn alarms_that_tell_nobody_take_nothing_else() {
    let kinds = |section: &str| {
        let graph = expanded(&EVERYTHING.replace("alarms: { email: [ops@example.com] }", section)).unwrap();
        let all = graph.nodes().filter(|node| node.origin == ORIGIN).map(|node| node.key.kind.clone());
        all.collect::<std::collections::BTreeSet<String>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(kinds(""), ["cloudwatch.alarm"]);
    let told = [
        "cloudwatch.alarm",
        "cloudwatch.composite_alarm",
        "events.rule",
        "rds.event_subscription",
        "sns.subscription",
        "sns.topic",
    ];
    assert_eq!(kinds("alarms: { email: [ops@example.com] }"), told);
}

/// Databases and their parameter groups report to the topic, which lets RDS in, unless that is off.
#[test]
fn what_rds_reports_is_told() {
    let text = EVERYTHING.replace("storage: 100GiB", "storage: 100GiB, parameters: { work_mem: \"8192\" }");
    let shown = |text: &str| {
        let graph = expanded(text).unwrap();
        let all = graph.nodes().filter_map(|node| Some((node.key.name.clone(), read::<EventSubscription>(node)?.sources)));
        let policy = graph.get(&"sns.topic/alarms".parse().unwrap()).map(|node| node.desired["policy"].to_string());
        let let_in = policy.is_some_and(|policy| policy.contains("events.rds.amazonaws.com"));
        (all.collect::<Vec<_>>(), let_in)
    };
    let of = |name: &str, sources: &[&str]| (name.to_owned(), sources.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    let databases = of("databases", &["${rds.instance/main}", "${rds.instance/main-copy}"]);
    let groups = of("parameter-groups", &["${rds.parameter_group/main-postgres16}"]);
    assert_eq!(shown(&text), (vec![databases, groups.clone()], true));
    let with = |more: &str| shown(&text.replace("email: [ops@example.com]", &format!("email: [ops@example.com], {more}")));
    let main = of("databases", &["${rds.instance/main}"]);
    assert_eq!(with("off: [databases.main.replicas.copy.events]"), (vec![main, groups], true));
    assert_eq!(with("databases: { events: off }"), (Vec::new(), false));
    const OTHERS: &str = "topics: [\"arn:aws:sns:us-east-1:123456789012:ops\"]";
    assert_eq!(shown(&text.replace("email: [ops@example.com]", OTHERS)), (Vec::new(), false));
}

/// Deployments that fail are told in a sentence, and tasks that end are counted by a rule for each service.
#[test]
fn what_ecs_reports_is_told_and_counted() {
    let rules = |text: &str| -> BTreeMap<String, EventRule> {
        let graph = expanded(text).unwrap();
        graph.nodes().filter_map(|node| Some((node.key.name.clone(), read::<EventRule>(node)?))).collect()
    };
    let with = |more: &str| rules(&EVERYTHING.replace("email: [ops@example.com]", &format!("email: [ops@example.com]{more}")));
    insta::assert_snapshot!(serde_json::to_string_pretty(&with("")).unwrap());
    let names = |more: &str| with(more).into_keys().collect::<Vec<_>>();
    assert_eq!(names(""), ["database-notices", "failed-deployments", "restarts-web", "restarts-worker"]);
    assert_eq!(names(", services: { deployments: off, restarts: off }"), ["database-notices"]);
    assert!(!names(", databases: { notices: off }").contains(&"database-notices".to_owned()));
    assert!(!names(", off: [databases]").contains(&"database-notices".to_owned()));
    let some = with(", off: [services.web.deployments, services.worker.restarts]");
    assert_eq!(some.keys().collect::<Vec<_>>(), ["database-notices", "failed-deployments", "restarts-web"]);
    assert_eq!(some["failed-deployments"].pattern["resources"], json!(["${ecs.service/worker.arn}"]));
    const OTHERS: &str = "topics: [\"arn:aws:sns:us-east-1:123456789012:ops\"]";
    let others = rules(&EVERYTHING.replace("email: [ops@example.com]", OTHERS));
    assert_eq!(others.keys().collect::<Vec<_>>(), ["restarts-web", "restarts-worker"]);
}

/// Backups that fail are told, copies and restore tests where there are some, and only where the stack has a topic.
#[test]
fn what_aws_backup_reports_is_told() {
    let rules = |section: &str| -> BTreeMap<String, EventRule> {
        let graph = expanded(&format!("{EVERYTHING}{section}")).unwrap();
        let all = graph.nodes().filter(|node| node.origin == "backup");
        all.filter_map(|node| Some((node.key.name.clone(), read::<EventRule>(node)?))).collect()
    };
    let alone = rules("backup: {}\n");
    assert_eq!(alone.keys().collect::<Vec<_>>(), ["backup"]);
    let detail = &alone["backup"].pattern["detail"];
    let vault = json!(["${backup.vault/backup.arn}"]);
    assert_eq!((&detail["state"], &detail["backupVaultArn"]), (&json!(["FAILED", "ABORTED", "EXPIRED"]), &vault));
    let target = &alone["backup"].targets["alarms"];
    assert_eq!(target.topic.as_ref().unwrap().to_string(), "${sns.topic/alarms.arn}");
    let transform = target.transform.as_ref().unwrap();
    assert_eq!(transform.template, "\"A backup of <of> is <state>: <reason> (job <job>)\"");
    assert_eq!(transform.parts["job"], "$.detail.backupJobId");
    let all = rules("backup: { copies: [{ region: eu-central-1 }], test: {} }\n");
    assert_eq!(all.keys().collect::<Vec<_>>(), ["backup", "backup-copies", "backup-test"]);
    assert_eq!(all["backup-copies"].pattern["detail"]["sourceBackupVaultArn"], vault);
    assert_eq!(all["backup-test"].targets["alarms"].transform.as_ref().unwrap().parts["state"], "$.detail.status");
    let graph = expanded(&format!("{}backup: {{}}\n", EVERYTHING.replace("alarms: { email: [ops@example.com] }", ""))).unwrap();
    assert!(graph.nodes().all(|node| node.origin != "backup" || node.key.kind != "events.rule"));
    let policy = expanded(&format!("{EVERYTHING}backup: {{}}\n")).unwrap();
    let policy = policy.get(&"sns.topic/alarms".parse().unwrap()).unwrap().desired["policy"].to_string();
    assert!(policy.contains("events.amazonaws.com"), "{policy}");
}

/// One alarm tells for all of a service, unless that is off, or each is to tell besides; alone, one tells by itself.
#[test]
fn the_alarms_of_a_service_tell_together() {
    let shown = |more: &str| -> String {
        let text = EVERYTHING.replace("email: [ops@example.com]", &format!("email: [ops@example.com]{more}"));
        let graph = expanded(&text).unwrap();
        let children =
            alarms(&graph).into_iter().filter(|(name, alarm)| name.starts_with("service-") && !alarm.actions.is_empty());
        let silent = |node: &Node| read::<CompositeAlarm>(node).map(|all| format!("{}: {}\n", node.key.name, all.rule));
        let telling: Vec<&str> = children.map(|(name, _)| name).collect();
        graph.nodes().filter_map(silent).chain([format!("each: {}\n", telling.join(" "))]).collect()
    };
    let worker = "ALARM(\"${cloudwatch.alarm/service-worker-cpu}\") OR ALARM(\"${cloudwatch.alarm/service-worker-memory}\") OR \
                  ALARM(\"${cloudwatch.alarm/service-worker-running}\") OR ALARM(\"${cloudwatch.alarm/service-worker-restarts}\")";
    let both = shown("");
    assert!(both.contains(&format!("service-worker-together: {worker}\n")) && both.ends_with("each: \n"), "{both}");
    let all = shown(", each: true");
    assert!(all.contains(worker) && all.contains("service-web-cpu") && all.contains("service-worker-restarts"), "{all}");
    let one = shown(", off: [services.web.together]");
    assert!(
        one.contains(worker) && one.ends_with("service-web-unhealthy service-web-restarts\n")
            || one.contains("each: service-web-"),
        "{one}"
    );
    assert!(!shown(", services: { together: off }").contains("ALARM("));
    let alone = shown(", services: { cpu: off, memory: off, restarts: off }");
    assert!(alone.ends_with("each: service-worker-running\n"), "{alone}");
}

/// Lines of a log are counted by a filter of the service's group, and the alarm looks at the filter's metric.
#[test]
fn lines_of_a_log_have_a_filter_and_an_alarm() {
    let logs = "logs: { errors: { service: web, pattern: ERROR, threshold: 10, period: 15m } }";
    let graph = expanded(&EVERYTHING.replace("email: [ops@example.com]", &format!("email: [ops@example.com], {logs}"))).unwrap();
    let filter: MetricFilter = read(graph.get(&"logs.metric_filter/errors".parse().unwrap()).unwrap()).unwrap();
    assert_eq!(
        (filter.group.key().unwrap().name.as_str(), filter.pattern.as_str(), filter.value.as_str()),
        ("web", "ERROR", "1")
    );
    assert_eq!(filter.refused(), None);
    let all = alarms(&graph);
    let (_, alarm) = all.iter().find(|(name, _)| *name == "log-errors").unwrap();
    assert_eq!((&alarm.namespace, &alarm.metric), (&filter.namespace, &filter.metric));
    assert_eq!((alarm.threshold, alarm.period, alarm.actions.len()), (10.0, 900, 1));
    assert_eq!(alarm.refused(), None);
}

/// An environment that expires notifies its own topic before, if there is one, and the topic lets EventBridge publish.
#[test]
fn what_expires_notifies_the_topic_before() {
    const BARE: &str = "stack: shop\nregion: us-east-1\nttl: 72h\nalarms: { email: [ops@example.com] }\n";
    let has_rule = |text: &str| expanded(text).unwrap().get(&expiry::key()).is_some();
    assert!(has_rule(BARE));
    let graph = expanded(BARE).unwrap();
    let topic: Topic = read(graph.get(&"sns.topic/alarms".parse().unwrap()).unwrap()).unwrap();
    assert!(topic.policy.unwrap().to_string().contains("events.amazonaws.com"));
    for without in [
        BARE.replace("ttl: 72h\n", ""),
        BARE.replace(" }", ", expiry: off }"),
        BARE.replace("{ email: [ops@example.com] }", "off"),
        BARE.replace("{ email: [ops@example.com] }", "{}"),
        BARE.replace("email: [ops@example.com]", "topics: [\"arn:aws:sns:us-east-1:123456789012:ops\"]"),
    ] {
        assert!(!has_rule(&without), "{without}");
    }
}

/// The table in the documents is made from the one in the code: this writes it, as it does snapshots.
#[test]
fn the_documents_have_every_alarm() {
    const MARK: (&str, &str) = ("<!-- alarms -->\n", "\n<!-- /alarms -->");
    let defaults = Alarms::default();
    let mut table = "| alarm | metric | goes off | why |\n| --- | --- | --- | --- |\n".to_owned();
    for watch in table::ALL {
        let threshold = defaults.threshold(watch.path).unwrap_or_else(|| panic!("`{}` has no threshold", watch.path));
        let minus = watch.minus.map(|minus| format!(" − `{minus}`")).unwrap_or_default();
        let metric = format!("`{}` `{}`{minus}, {}", watch.namespace, watch.metric, watch.statistic);
        table += &format!("| `{}` | {metric} | {} | {} |\n", watch.path, watch.beyond(threshold), watch.why);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/alarms.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once(MARK.0).unwrap();
    let (_, tail) = rest.split_once(MARK.1).unwrap();
    let now = format!("{head}{}\n{}{}{tail}", MARK.0, table, MARK.1);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(path, &now).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == now, "run: INSTA_UPDATE=always cargo test --lib alarms");
}

/// Every alarm that code asks for is in the table, each has a threshold, and each threshold an alarm.
#[test]
fn every_alarm_has_a_threshold_and_a_row() {
    let source = [include_str!("parts.rs"), include_str!("edge.rs")].concat();
    let paths: Vec<&str> = table::ALL.iter().map(|watch| watch.path).collect();
    let sections =
        ["services", "load_balancer", "databases", "caches", "network", "cdn", "recovery", "certificates", "queues", "functions"];
    let asked: Vec<&str> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.split_once('.').is_some_and(|(part, _)| sections.contains(&part)))
        .collect();
    assert!(asked.len() >= paths.len() && asked.iter().all(|path| paths.contains(path)), "{asked:?}");
    assert!(paths.iter().all(|path| asked.contains(path)));
    for part in sections {
        let reference = serde_json::to_value(Alarms::default()).unwrap();
        for key in reference[part].as_object().unwrap().keys().filter(|key| !REPORTS.contains(&key.as_str())) {
            assert!(paths.contains(&format!("{part}.{key}").as_str()), "{part}.{key} is not watched");
        }
    }
}
