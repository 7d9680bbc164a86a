//! `stack capacity` where it asks AWS: what production shows, and what the account may use.

use serde_json::{Value, json};

use crate::support::aws::LocalAws;
use crate::support::run::words;
use crate::support::subject::{DESTROY, Subject};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", port: 80, routes: [/*], public: true } # the shop
  api: { image: "nginx:1.27", port: 81, routes: [/api/*], public: true }
  mail: { image: "nginx:1.27", public: true }
"#;

/// What services report on AWS: `[first hour ago, last hour ago, namespace, metric, dimensions, value]`, once in each of these hours.
const REPORT: &str = r#"
import datetime
now = datetime.datetime.now(datetime.UTC).replace(minute=30)
cloudwatch = client("cloudwatch")
for first, last, namespace, metric, dimensions, value in args:
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    times = [now - datetime.timedelta(hours=hours) for hours in range(last, first + 1)]
    data = [{"MetricName": metric, "Dimensions": named, "Timestamp": time, "Value": value} for time in times]
    for at in range(0, len(data), 100):
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[at : at + 100])
"#;

/// By the name of each service its target group; and the load balancer and the cluster.
const NAMES: &str = r#"
elbv2, ecs = client("elbv2"), client("ecs")
balancer = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"].split("loadbalancer/")[1]
cluster = ecs.list_clusters()["clusterArns"][0]
services = ecs.describe_services(cluster=cluster, services=ecs.list_services(cluster=cluster)["serviceArns"])["services"]
result = {"balancer": balancer, "cluster": cluster.split("/")[-1]}
for service in services:
    for target in service["loadBalancers"]:
        result[service["serviceName"]] = target["targetGroupArn"].split(":")[-1]
"#;

/// What CloudWatch knows of a service: the names of its metrics.
struct Known {
    targets: Value,
    tasks: Value,
}

fn known(names: &Value, service: &str) -> Known {
    Known {
        targets: json!({"LoadBalancer": names["balancer"], "TargetGroup": names[service]}),
        tasks: json!({"ClusterName": names["cluster"], "ServiceName": service}),
    }
}

impl Known {
    /// A week of requests a second at this use of the processors, and an hour of more.
    fn week(&self, (usual, idle): (f64, f64), (peak, busy): (f64, f64)) -> Vec<Value> {
        const BALANCER: &str = "AWS/ApplicationELB";
        let (targets, tasks) = (&self.targets, &self.tasks);
        let of = |first: u32, last: u32, rate: f64, cpu: f64| {
            vec![
                json!([first, last, BALANCER, "RequestCountPerTarget", targets, rate * 3600.0]),
                json!([first, last, BALANCER, "RequestCount", targets, rate * 3600.0 * 3.0]),
                json!([first, last, BALANCER, "HealthyHostCount", targets, 3.0]),
                json!([first, last, "AWS/ECS", "CPUUtilization", tasks, cpu]),
                json!([first, last, "AWS/ECS", "MemoryUtilization", tasks, 45.0]),
            ]
        };
        let more = vec![json!([30, 30, BALANCER, "TargetResponseTime", targets, 0.18])];
        [of(168, 31, usual, idle), of(30, 30, peak, busy), of(29, 1, usual, idle), more].concat()
    }
}

fn carried<'a>(learned: &'a Value, service: &str) -> &'a Value {
    let all = learned["services"].as_array().unwrap();
    all.iter().find(|one| one["service"] == service).map(|one| &one["shown"]).unwrap()
}

#[test]
fn what_a_task_carries_is_learned_and_written() {
    let s = Subject::new(FILE);
    let none = words(&s.place.stack(&["capacity", "s.yaml", "--from-production"]).exits(4).stderr);
    assert!(none.contains("no service of this environment runs behind a load balancer"), "{none}");
    s.apply();
    let names = s.account.boto3(NAMES, &Value::Null);
    let (web, api) = (known(&names, "shop-web"), known(&names, "shop-api"));
    // Nobody asks for what is older, or of another's.
    let other = json!({"LoadBalancer": names["balancer"], "TargetGroup": "targetgroup/other/1"});
    let strange = vec![
        json!([800, 790, "AWS/ApplicationELB", "RequestCountPerTarget", web.targets, 3_600_000.0]),
        json!([5, 5, "AWS/ApplicationELB", "RequestCountPerTarget", other, 3_600_000.0]),
        // A busier hour than all, in which a twentieth of 54,000 failed.
        json!([60, 60, "AWS/ApplicationELB", "RequestCountPerTarget", web.targets, 40.0 * 3600.0]),
        json!([60, 60, "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", web.targets, 2_700.0]),
    ];
    let data = [web.week((5.0, 12.0), (20.0, 50.0)), api.week((0.5, 3.0), (2.0, 9.0)), strange].concat();
    s.account.boto3(REPORT, &json!(data));

    s.proxy.take();
    let learned = s.place.stack(&["capacity", "s.yaml", "--from-production", "--format", "json"]).ok().json();
    let asked = s.proxy.take().iter().filter(|call| call.operation == "GetMetricData").count();
    assert_eq!(asked, 1, "one question for everything");
    let shown = &carried(&learned, "web")["carried"];
    assert_eq!((&shown["peak"]["requests"], &shown["peak"]["cpu"]), (&json!(20.0), &json!(50.0)), "{learned:#}");
    assert_eq!((&shown["peak"]["tasks"], &shown["peak"]["p99"]), (&json!(3.0), &json!(180.0)), "{learned:#}");
    // 20 × 70 ÷ 50.
    assert_eq!(shown["beyond"], json!({"linear": 28.0}), "{learned:#}");
    assert_eq!((&shown["hours"], &shown["broke"]["failed"]), (&json!(168), &json!(0.05)), "{learned:#}");
    assert_eq!(carried(&learned, "api")["carried"]["beyond"], "idle", "{learned:#}");
    assert_eq!(learned["services"].as_array().unwrap().len(), 2, "mail has no load balancer: {learned:#}");

    let text = words(&s.place.stack(&["capacity", "s.yaml", "--from-production"]).ok().stdout);
    for said in [
        "services.web: in the busiest of 168 hours a task carried 20 requests/s",
        "At 70 % it would carry 28/s",
        "an extrapolation, not a measurement",
        "services.api: in the busiest of 168 hours a task carried 2 requests/s on average, with its CPU at 9 %. Below 20 % it was idle",
        "5 % of the requests failed, so it does not count",
        "is not marked as production",
    ] {
        assert!(text.replace('`', "").contains(said), "{said}\n{text}");
    }

    // 1,000 users of 0.1 requests a second are 100 a second: 5 tasks of 20, 4 of 28.
    let needed = |more: &[&str]| {
        let all = ["capacity", "s.yaml", "--from-production", "--users", "1000", "--format", "json"];
        let told = s.place.stack(&[&all[..], more].concat()).ok().json();
        let web = told["need"]["services"].as_array().unwrap().iter().find(|one| one["service"] == "web").unwrap().clone();
        (web["needed"].clone(), told["learned"]["days"].clone())
    };
    assert_eq!(needed(&[]), (json!(5), json!(14)));
    assert_eq!(needed(&["--extrapolate"]).0, json!(4));

    let refused = s.place.stack(&["capacity", "s.yaml", "--from-production", "--save"]).exits(4);
    assert!(refused.stderr.contains("requests_per_task: 20"), "{}", refused.stderr);
    let file = || std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    assert!(!file().contains("capacity:"));
    let saved = s.place.stack(&["capacity", "s.yaml", "--from-production", "--save", "--yes"]).ok();
    assert!(saved.words().contains("Nothing is written for `services.api`."), "{}", saved.stderr);
    let (_, section) = file().split_once("capacity:").map(|(before, after)| (before.to_owned(), after.to_owned())).unwrap();
    for line in ["web:", "requests_per_task: 20", "basis: production", "p99: 180ms", "measured: "] {
        assert!(section.contains(line), "{line}\n{section}");
    }
    assert!(!section.contains("api"), "{section}");
    // It is what is computed with from now on, and nothing in AWS depends on it.
    let told = words(&s.place.stack(&["capacity", "s.yaml", "--users", "1000"]).ok().stdout);
    assert!(told.contains("the busiest hour of production on 20"), "{told}");
    s.assert_in_step();
    s.place.stack(&["capacity", "s.yaml", "--from-production", "--save", "--extrapolate", "--yes"]).ok();
    assert!(file().contains("requests_per_task: 28") && file().contains("basis: extrapolated"), "{}", file());
    s.place.stack(DESTROY).ok();
}

#[test]
fn options_that_ask_aws_need_what_they_are_for() {
    let s = Subject::new(FILE);
    let told = s.place.stack(&["capacity", "s.yaml", "--users", "10", "--assume", "web=20", "--region", "us-east-1"]).exits(64);
    assert!(words(&told.stderr).contains("`--region` is for `--from-production` and `--quotas`"), "{}", told.stderr);
    for wrong in [
        &["capacity", "s.yaml"][..],
        &["capacity", "s.yaml", "--users", "10", "--save"],
        &["capacity", "s.yaml", "--from-production", "--apply"],
    ] {
        s.place.stack(wrong).exits(64);
    }
    s.place.stack(&["capacity", "s.yaml", "--users", "10", "--assume", "web=20"]).ok();
    assert!(s.proxy.take().is_empty(), "AWS is not asked");
}

#[test]
fn an_environment_of_its_own_file_is_written_there() {
    let s = Subject::new(FILE);
    let beside = "# A copy for a bug.\nservices:\n  web: { count: 1 } # enough\n";
    s.place.file("s.bug.yaml", beside);
    let read = |name: &str| std::fs::read_to_string(s.place.path().join(name)).unwrap();
    let apply = ["capacity", "s.yaml", "--env", "bug", "--users", "1000", "--assume", "web=20", "--apply", "--yes"];
    let told = s.place.stack(&apply).ok();
    assert!(words(&told.stderr).contains("Wrote `s.bug.yaml`"), "{}", told.stderr);
    assert_eq!(read("s.bug.yaml"), beside.replace("count: 1", "count: 5"));
    assert_eq!(read("s.yaml"), FILE);
    s.place.stack(&["validate", "s.yaml", "--env", "bug"]).ok();
    let again = s.place.stack(&apply).ok();
    assert!(words(&again.stderr).contains("The file has all that is needed."), "{}", again.stderr);
    // All of it may be comments.
    s.place.file("s.bug.yaml", "# A copy for a bug.\n");
    s.place.stack(&apply).ok();
    assert_eq!(read("s.bug.yaml"), "# A copy for a bug.\nservices:\n  web:\n    count: 5\n");
}

/// What Service Quotas tells from now on.
const QUOTAS: &str = r#"
import os
import urllib.request
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/quotas", data=args.encode(), method="POST")).close()
"#;

/// The targets that an Application Load Balancer takes, as Elastic Load Balancing tells it.
const TARGETS: &str = r#"
limits = client("elbv2").describe_account_limits()["Limits"]
result = [limit["Max"] for limit in limits if limit["Name"] == "targets-per-application-load-balancer"][0]
"#;

/// On a server of its own: all its accounts share its quotas.
#[test]
fn quotas_that_must_be_raised_are_named() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, FILE);
    s.account.boto3(QUOTAS, &json!(r#"{"fargate-vcpus": 6, "fargate-spot-vcpus": 3}"#));
    let targets: f64 = s.account.boto3(TARGETS, &Value::Null).as_str().unwrap().parse().unwrap();
    // 1,000 requests a second by 20 of each task are 50 tasks of a quarter of a vCPU; api and mail have one each.
    let all = ["capacity", "s.yaml", "--users", "10000", "--assume", "web=20", "--quotas"];
    let told = s.place.stack(&[&all[..], &["--format", "json"]].concat()).ok().json();
    let quotas: Vec<(String, Value, Value, Value)> = told["need"]["quotas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["code"].as_str().unwrap().to_owned(), one["now"].clone(), one["needed"].clone(), one["raise"].clone()))
        .collect();
    let row = |code: &str, now: f64, needed: f64, raise: bool| (code.to_owned(), json!(now), json!(needed), json!(raise));
    assert_eq!(
        quotas,
        [
            row("L-3032A538", 6.0, 13.0, true),
            row("L-36FBB829", 3.0, 0.0, false),
            row("L-DF5E4CA3", 5000.0, 52.0, false),
            row("L-7E6692B2", targets, 50.0, targets < 50.0),
        ]
    );
    // (6 − 0.5) ÷ 0.25 = 22 tasks × 200 users.
    let bound = told["bounds"].as_array().unwrap().iter().find(|one| one["what"].as_str().unwrap().contains("vCPUs on Fargate"));
    assert_eq!(bound.unwrap()["users"], json!(4_400));
    let text = words(&s.place.stack(&all).ok().stdout);
    assert!(text.contains("--service-code fargate --quota-code L-3032A538 --desired-value 13"), "{text}");
    assert!(text.contains("what other stacks use of them is not known"), "{text}");
    s.proxy.take();
    // Without the option AWS is not asked, and it is said.
    let text = words(&s.place.stack(&all[..all.len() - 1]).ok().stdout);
    assert!(text.contains("The account's quotas were not asked for"), "{text}");
    assert!(s.proxy.take().is_empty());
}
