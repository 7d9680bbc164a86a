//! `stack capacity` where it asks AWS: what production shows, and what the account may use.

use serde_json::{Value, json};

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
    assert!(words(&told.stderr).contains("`--region` is for"), "{}", told.stderr);
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
