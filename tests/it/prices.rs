//! `stack prices`: a region's prices from a price list with the shape of AWS's, in a folder and on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::run::{Place, words};

const FILE: &str = r#"
stack: shop
region: eu-central-1
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", cpu: 1024, memory: 2048, count: 2, port: 80, routes: [/*], uses: [databases.main] }
databases:
  main: { engine: postgres, version: "17", class: db.t4g.small, storage: 20GiB }
usage: { requests: 1, nat: 50GiB, logs: 10GiB }
"#;

/// `usage type, product family, what else, unit price`: by hand, with the columns of AWS's files and none of its figures.
type Line = (&'static str, &'static str, &'static str, &'static str);

const OFFERS: &[(&str, &[Line])] = &[
    (
        "AmazonECS",
        &[
            ("Fargate-vCPU-Hours:perCPU", "Compute", "", "0.05"),
            ("Fargate-GB-Hours", "Compute", "", "0.006"),
            ("SpotUsage-Fargate-GB-Hours", "Compute", "", "0.001"),
        ],
    ),
    (
        "AWSELB",
        &[("LoadBalancerUsage", "Load Balancer-Application", "", "0.03"), ("LCUUsage", "Load Balancer-Application", "", "0.01")],
    ),
    ("AmazonEC2", &[("NatGateway-Hours", "NAT Gateway", "", "0.06"), ("NatGateway-Bytes", "NAT Gateway", "", "0.07")]),
    ("AmazonVPC", &[("PublicIPv4:InUseAddress", "VpcPublicIP", "", "0.004")]),
    (
        "AmazonRDS",
        &[
            ("InstanceUsage:db.t4g.small", "Database Instance", "PostgreSQL,Single-AZ", "0.04"),
            ("InstanceUsage:db.t4g.small", "Database Instance", "MySQL,Single-AZ", "0.03"),
            ("Multi-AZUsage:db.t4g.small", "Database Instance", "PostgreSQL,Multi-AZ", "0.081"),
            ("RDS:GP3-Storage", "Database Storage", "Any,Single-AZ", "0.2"),
            ("RDS:Multi-AZ-GP3-Storage", "Database Storage", "Any,Multi-AZ", "0.4"),
        ],
    ),
    (
        "AmazonCloudWatch",
        &[("DataProcessing-Bytes", "Data Payload", "", "0.6"), ("TimedStorage-ByteHrs", "Storage Snapshot", "", "0.03")],
    ),
];

/// Writes a price list for a region, whose prices are so many times those above.
fn list(folder: &Path, region: &str, prefix: &str, times: f64) {
    for (offer, lines) in OFFERS {
        write(folder, offer, lines, Some((region, prefix)), times);
    }
}

/// Writes a file of the list: that of a region, with the prefix of its usage types, or that of all regions.
fn write(folder: &Path, offer: &str, lines: &[Line], region: Option<(&str, &str)>, times: f64) {
    let (region, prefix) = region.unwrap_or_default();
    let mut text = format!(
        "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"This pricing list is for informational purposes only.\"\n\"Publication Date\",\"2026-11-20T00:00:00Z\"\n\"Version\",\"20261120000000\"\n\"OfferCode\",\"{offer}\"\n"
    );
    text += "\"SKU\",\"OfferTermCode\",\"RateCode\",\"TermType\",\"PriceDescription\",\"EffectiveDate\",\"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"Product Family\",\"serviceCode\",\"Location\",\"Location Type\",\"Database Engine\",\"Deployment Option\",\"usageType\",\"operation\",\"Region Code\",\"serviceName\"\n";
    for (at, (usage, family, more, usd)) in lines.iter().enumerate() {
        let (engine, deployment) = more.split_once(',').unwrap_or(("", ""));
        let usd = usd.parse::<f64>().unwrap() * times;
        let line = |region: &str, term: &str, usd: f64| {
            format!(
                "\"SKU{at}\",\"{term}\",\"SKU{at}.{term}\",\"OnDemand\",\"${usd} per \"\"unit\"\", first\",\"2026-11-01\",\"0\",\"Inf\",\"Hrs\",\"{usd:.10}\",\"USD\",\"{family}\",\"{offer}\",\"Somewhere\",\"AWS Region\",\"{engine}\",\"{deployment}\",\"{prefix}{usage}\",\"\",\"{region}\",\"\"\n"
            )
        };
        text += &line(region, "JRTCKXETXF", usd);
        // Another term, and another region in the same file.
        text += &line(region, "OTHERTERM", usd * 9.0);
        if !region.is_empty() {
            text += &line("ap-south-1", "JRTCKXETXF", usd * 8.0);
        }
    }
    let path = folder.join(format!("offers/v1.0/aws/{offer}/current/{region}/index.csv").replace("//", "/"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Serves a folder on loopback, one request after the other; returns its address.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => head.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let answer = match std::fs::read(folder.join(path)) {
                Ok(body) => {
                    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes(), body]
                        .concat()
                }
                // As S3 says of what it does not have, to those who may not list.
                Err(_) => b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer);
        }
    });
    address
}

fn cost(place: &Place) -> Value {
    place.stack(&["cost", "s.yaml", "--format", "json"]).ok().json()
}

fn part<'a>(cost: &'a Value, usage: &str) -> &'a Value {
    cost["billed"].as_array().unwrap().iter().find(|part| part["usage"] == usage).unwrap_or_else(|| panic!("{usage}: {cost:#}"))
}

#[test]
fn a_regions_prices_are_read_and_no_others() {
    let place = Place::new();
    place.file("s.yaml", FILE);
    let before = words(&place.stack(&["cost", "s.yaml"]).ok().stdout);
    assert!(
        before.contains("No price is known for eu-central-1") && before.contains("stack prices update --region eu-central-1"),
        "{before}"
    );
    assert_eq!(place.stack(&["prices"]).ok().stdout.lines().count(), 2, "the one in the program");

    let lists = tempfile::tempdir().unwrap();
    list(lists.path(), "eu-central-1", "EUC1-", 1.0);
    list(lists.path(), "eu-west-1", "EU-", 10.0);
    let address = serve(lists.path());
    let update = place.stack(&["prices", "update", "--region", "eu-central-1", "--from", &address]).ok();
    let said = update.words();
    assert!(said.contains("AmazonEC2: 2 rows of") && said.contains("AmazonS3: not in the list of eu-central-1."), "{said}");
    assert!(update.stderr.contains("\n  not in the list: Fargate-ARM-GB-Hours\n"), "{}", update.stderr);

    let found = cost(&place);
    // By hand: 730 hours at 0.06, 50 GB at 0.07; two tasks with a vCPU at 0.05 and 2 GB at 0.006; 730 hours at 0.04.
    let monthly = |usage: &str| part(&found, usage)["monthly"].clone();
    assert_eq!([monthly("nat-gateway"), monthly("nat-gateway-data")], [json!("43.80"), json!("3.50")]);
    assert_eq!([monthly("ECS-Fargate-vCPU-Hour"), monthly("ECS-Fargate-GB-Hour")], [json!("73.00"), json!("17.52")]);
    let database = part(&found, "nat-gateway");
    assert_eq!(database["source"], "AWS Price List, AmazonEC2 eu-central-1 offer, version 20261120000000");
    assert_eq!(database["sku"], "SKU0");
    let rds: Vec<&Value> = found["billed"].as_array().unwrap().iter().filter(|part| part["service"] == "AmazonRDS").collect();
    assert!(rds.iter().any(|part| part["monthly"] == "29.20" || part["monthly"] == "59.13"), "{rds:#?}");
    // What the list does not have has no price: no other region's.
    assert_eq!(monthly("CloudWatch-Log-Ingestion"), json!("1.20"), "10 GB in five log groups, at 0.6");
    assert_eq!(monthly("DataTransfer-Internet-Out-GB"), Value::Null);
    let text = words(&place.stack(&["cost", "s.yaml"]).ok().stdout);
    assert!(text.contains("Prices of eu-central-1 as `stack prices update` read them on"), "{text}");
    let tables = place.stack(&["prices"]).ok().stdout;
    assert!(tables.contains("eu-central-1") && tables.contains("us-east-1") && !tables.contains("eu-west-1"), "{tables}");

    // From a folder it is the same, and another region has its own.
    let folder = lists.path().display().to_string();
    place.stack(&["prices", "update", "--region", "eu-west-1", "--from", &folder]).ok();
    assert_eq!(cost(&place), found);
    place.file("s.yaml", &FILE.replace("eu-central-1", "eu-west-1"));
    assert_eq!(part(&cost(&place), "nat-gateway")["monthly"], "438.00");
}

/// By hand: 26,280,000 requests at 0.000002, 2,000 GB at 0.1; 2,000 of 14,000 operations a second at 0.03; 300,000 requests at 0.0000006.
#[test]
fn what_is_no_regions_is_read_from_its_own_file() {
    let place = Place::new();
    let file = FILE
        .replace("storage: 20GiB", "storage: 400GiB, iops: 14000")
        .replace("requests: 1,", "requests: 10, transfer: 2000GiB, edge: europe,");
    let more = "cdn: { price_class: north-america-europe }\nresources: { sqs.queue: { orders: { fifo: true } } }\n";
    place.file("s.yaml", &format!("{file}{more}"));
    let lists = tempfile::tempdir().unwrap();
    list(lists.path(), "eu-central-1", "EUC1-", 1.0);
    let here = Some(("eu-central-1", "EUC1-"));
    let rds = OFFERS.iter().find(|(offer, _)| *offer == "AmazonRDS").unwrap().1;
    let rds = [rds, &[("RDS:GP3-PIOPS", "Provisioned IOPS", "Any,Single-AZ", "0.03")]].concat();
    write(lists.path(), "AmazonRDS", &rds, here, 1.0);
    let queues = [("Requests-FIFO-Tier1", "API Request", "", "0.0000006"), ("Requests-Tier1", "API Request", "", "0.0000004")];
    write(lists.path(), "AWSQueueService", &queues, here, 1.0);
    let edges = [
        ("EU-Requests-Tier2-HTTPS", "Request", "", "0.000002"),
        ("EU-DataTransfer-Out-Bytes", "Data Transfer", "", "0.1"),
        ("US-Requests-Tier2-HTTPS", "Request", "", "0.9"),
    ];
    let folder = lists.path().display().to_string();
    let update = || place.stack(&["prices", "update", "--region", "eu-central-1", "--from", &folder]).ok().words();
    let found = |usage: &str| part(&cost(&place), usage)["monthly"].clone();

    // Until the file of all regions was read, what the program knows of CloudFront counts.
    assert!(update().contains("AmazonCloudFront of all regions: not in the list of eu-central-1."));
    assert_eq!(found("CloudFront-HTTPS-Request:europe"), json!("31.54"));
    assert_eq!([found("RDS-IOPS-gp3"), found("SQS-FIFO-Request")], [json!("60.00"), json!("0.18")]);

    let place = Place::new();
    place.file("s.yaml", &format!("{file}{more}"));
    write(lists.path(), "AmazonCloudFront", &edges, None, 1.0);
    let said = place.stack(&["prices", "update", "--region", "eu-central-1", "--from", &folder]).ok().words();
    assert!(said.contains("AmazonCloudFront of all regions: 3 rows of"), "{said}");
    let whole = cost(&place);
    let of = |usage: &str| part(&whole, usage);
    assert_eq!(of("CloudFront-HTTPS-Request:europe")["monthly"], "52.56");
    assert_eq!(of("CloudFront-DataTransfer:europe")["monthly"], "200.00");
    assert_eq!(
        of("CloudFront-DataTransfer:europe")["source"],
        "AWS Price List, AmazonCloudFront global offer, version 20261120000000"
    );
    assert_eq!(of("CloudFront-HTTPS-Request:europe")["allowance"], "10000000", "free in all areas together");
}

/// By hand: a database in one zone, 730 hours at 0.04 and 20 GB at 0.2; a load balancer, 730 hours at 0.03 with two addresses at 0.004.
#[test]
fn a_standby_has_the_prices_of_its_region() {
    let place = Place::new();
    let more = "recovery: { region: eu-central-1, mode: pilot_light, rpo: 15m, rto: 2h }\n";
    place.file("s.yaml", &format!("{}{more}", FILE.replace("eu-central-1", "us-east-1")));
    let before = cost(&place);
    let standby = &before["standby"];
    assert_eq!(
        (&standby["monthly"], &standby["together"], &standby["unpriced"]),
        (&Value::Null, &Value::Null, &standby["parts"])
    );
    let text = words(&place.stack(&["cost", "s.yaml"]).ok().stdout);
    assert!(text.contains("The standby in eu-central-1 is not included: no price is known for eu-central-1. `stack prices update --region eu-central-1` reads AWS's."), "{text}");

    let lists = tempfile::tempdir().unwrap();
    list(lists.path(), "eu-central-1", "EUC1-", 1.0);
    let folder = lists.path().display().to_string();
    place.stack(&["prices", "update", "--region", "eu-central-1", "--from", &folder]).ok();
    let after = cost(&place);
    let standby = &after["standby"];
    assert_eq!(after["monthly"], before["monthly"], "the first region costs what it did");
    assert_eq!(
        (&standby["region"], &standby["mode"], &standby["monthly"]),
        (&json!("eu-central-1"), &json!("pilot_light"), &json!("60.94"))
    );
    let cents = |value: &Value| (value.as_str().unwrap().parse::<f64>().unwrap() * 100.0).round() as i64;
    assert_eq!(cents(&standby["together"]), cents(&after["monthly"]) + 6094);
    let text = words(&place.stack(&["cost", "s.yaml"]).ok().stdout);
    let said = format!(
        "$60.94 a month for the standby in eu-central-1 (`recovery.mode`: pilot_light); with us-east-1 it is ${}",
        standby["together"].as_str().unwrap()
    );
    assert!(text.contains(&said) && text.contains("Assumed usage is counted in us-east-1 only."), "{text}");
    let markdown = place.stack(&["cost", "s.yaml", "--format", "markdown"]).ok().stdout;
    assert!(
        markdown.contains("#### Standby in eu-central-1 (pilot\\_light)")
            || markdown.contains("#### Standby in eu-central-1 (pilot_light)"),
        "{markdown}"
    );
    let environments = words(&place.stack(&["cost", "s.yaml", "--by", "environment"]).ok().stdout);
    assert!(environments.contains("STANDBY") && environments.contains("$60.94 in eu-central-1"), "{environments}");
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    let place = Place::new();
    place.file("s.yaml", FILE);
    let lists = tempfile::tempdir().unwrap();
    list(lists.path(), "eu-central-1", "EUC1-", 1.0);
    let folder = lists.path().display().to_string();
    let update = |region: &str, from: &str| place.stack(&["prices", "update", "--region", region, "--from", from]);
    update("eu-central-1", &folder).ok();
    let before = cost(&place);
    // No such region, no such place, nobody there, and something else than a price list.
    let refused = update("eu-north-1", &folder).exits(4);
    assert!(refused.words().contains("nothing was changed: the list has no prices of eu-north-1"), "{}", refused.stderr);
    for from in ["/nowhere", "http://127.0.0.1:9"] {
        let failed = update("eu-central-1", from);
        assert!(failed.code != Some(0) && failed.words().contains("nothing was changed"), "{failed:?}");
    }
    let broken = lists.path().join("offers/v1.0/aws/awskms/current/eu-central-1/index.csv");
    std::fs::create_dir_all(broken.parent().unwrap()).unwrap();
    std::fs::write(&broken, "<html>Not a list</html>\n").unwrap();
    let failed = update("eu-central-1", &folder);
    assert!(failed.code != Some(0) && failed.words().contains("not AWS's price list"), "{failed:?}");
    assert_eq!(cost(&place), before);
    place.stack(&["prices", "update", "--region", "nowhere-1", "--from", &folder]).exits(64);
}
