//! A whole life through AWS's own host names, with TLS and without `--endpoint-url`: the way that users go.
//!
//! A preloaded library answers for AWS's names with this machine; a proxy there has a certificate for each, computes every
//! signature again and passes the request on to the local AWS.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::aws::{Account, LocalAws};
use crate::support::helper::{Helper, script_of};
use crate::support::record::hold;
use crate::support::run::{EVERYTHING, Place};

const STACK: &str = r#"
stack: names
region: REGION
network: { zones: 2, nat: none }
load_balancer: { certificate: certificates.main }
services: { web: { image: "nginx:1.27", port: 80, public: true, routes: ["/*"] } }
cdn: { aliases: [www.example.com], certificate: certificates.main, static: { paths: ["/static/*"] } }
certificates: { main: { domain: www.example.com, zone: existing.zones.main } }
existing: { zones: { main: example.com } }
"#;

/// The proxy, until it is dropped.
struct Names {
    proxy: Helper,
    folder: tempfile::TempDir,
}

impl Names {
    fn start(aws: &LocalAws) -> Names {
        let folder = tempfile::tempdir().unwrap();
        let proxy = Helper::start("hosts.py", aws, &["test", folder.path().to_str().unwrap()]);
        Names { proxy, folder }
    }

    fn place(&self, account: &Account, secret: &str) -> Place {
        let library = self.folder.path().join("hosts.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(script_of("hosts.c"))
            .arg("-ldl")
            .output();
        let built = built.expect("a C compiler called `cc`: install gcc");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut place = Place::new();
        let below = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", account.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", secret.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("SSL_CERT_FILE", below("ca.pem")),
            ("LD_PRELOAD", below("hosts.so")),
            ("STACK_HOSTS_PORT", self.proxy.port.to_string()),
            ("STACK_HOSTS_NAMES", below("names")),
        ] {
            place.set(name, &value);
        }
        place
    }

    fn requests(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("hosts.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The services that have one region for the whole world.
const GLOBAL: &[&str] = &["budgets", "ce", "cloudfront", "iam", "route53"];

#[test]
fn a_life_through_awss_own_names_in_two_regions() {
    for region in ["us-east-1", "eu-west-1"] {
        let aws = LocalAws::shared();
        let account = aws.account();
        account.boto3("client('route53').create_hosted_zone(Name='example.com', CallerReference=args)", &json!(region));
        let names = Names::start(aws);
        let place = names.place(&account, "test");
        place.file("s.yaml", &STACK.replace("REGION", region));
        place.file("site/static/app.css", "body {}");
        place.stack(&["plan", "s.yaml"]).ok();
        place.stack(&["apply", "s.yaml", "--yes"]).ok();
        place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
        place.stack(&["plan", "s.yaml", "--exact", "--detailed-exitcode"]).ok();
        for command in [&["show", "s.yaml"][..], &["outputs", "s.yaml"], &["history", "s.yaml"], &["invalidate", "s.yaml"]] {
            place.stack(command).ok();
        }
        place.stack(&["assets", "push", "s.yaml", "site"]).ok();
        place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
        assert_eq!(account.inventory("names", "default"), json!({}), "{region}");

        let requests = names.requests();
        let text = |request: &Value, field: &str| request[field].as_str().unwrap_or_default().to_owned();
        let wrong: Vec<String> = requests
            .iter()
            .filter(|r| r["signature"] != "right")
            .map(|r| format!("{} {}", r["host"], text(r, "signature")))
            .collect();
        assert!(wrong.is_empty() && requests.len() > 300, "{} of {}: {wrong:#?}", wrong.len(), requests.len());

        // Each is signed for the region that its host is in, and is sent to a host of the service that it is signed for.
        let mut regions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut hosts = BTreeSet::new();
        for request in &requests {
            let (host, signed) = (text(request, "host"), text(request, "region"));
            let elsewhere = ["us-east-1", "eu-west-1"].into_iter().find(|r| host.contains(&format!(".{r}.")) && *r != signed);
            assert_eq!(elsewhere, None, "{host} signed for {signed}");
            regions.entry(text(request, "service")).or_default().insert(signed);
            hosts.insert(host);
        }
        for (service, signed) in &regions {
            let expected: &[&str] = match service.as_str() {
                service if GLOBAL.contains(&service) => &["us-east-1"],
                // CloudFront's certificates, firewalls with their logs, alarms with their topic, and tags are in us-east-1, whatever the
                // stack's region, and dashboards.
                "acm" | "logs" | "monitoring" | "sns" | "tagging" | "wafv2" => &["us-east-1", region],
                _ => &[region],
            };
            assert!(signed.iter().all(|r| expected.contains(&r.as_str())), "{service}: {signed:?}");
        }
        assert!(regions.contains_key("cloudfront") && regions.contains_key("s3"), "{regions:?}");
        assert!(
            hosts.iter().any(|host| host.starts_with("stack-history-") && host.contains(&format!(".{region}."))),
            "{hosts:?}"
        );
        // What was asked for by name is what was talked to: nothing went another way.
        let asked = std::fs::read_to_string(names.folder.path().join("names")).unwrap();
        assert_eq!(asked.lines().map(str::to_owned).collect::<BTreeSet<_>>(), hosts);

        // The control: with another secret none is right.
        let stranger = names.place(&account, "other");
        stranger.file("s.yaml", &STACK.replace("REGION", region));
        stranger.stack(&["history", "s.yaml"]);
        let after = names.requests();
        assert!(
            after.len() > requests.len() && after[requests.len()..].iter().all(|r| text(r, "signature").starts_with("wrong"))
        );
        println!("{region}: {} requests to {} hosts, every signature right", requests.len(), hosts.len());
        hold(names.folder.path());
    }
}
