//! `recovery` with a standby: databases that follow, what serves beside them, and how they take over.

use serde_json::{Value, json};

use crate::support::proxy::Fault;
use crate::support::run::{Output, words};
use crate::support::stacks::published;
use crate::support::subject::{APPLY, DESTROY, Subject, behind, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: eu-west-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, count: 3, routes: ["/*"], uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", storage: 20GiB, deletion_protection: false, replicas: { reader: {} } }
recovery: { region: eu-central-1, mode: warm_standby, rpo: 5m, rto: 1h }
"#;
const HOME: &str = "eu-west-1";
const AWAY: &str = "eu-central-1";
const STANDBY: &[&str] = &["recovery", "apply", "s.yaml", "--yes"];
const FAILOVER: &[&str] = &["failover", "s.yaml", "--to", AWAY, "--yes"];
const AGREED: [&str; 2] = ["--allow-upgrade", "rds.instance/main"];

/// What is in a region, by another client: databases with what they follow, tasks wanted of services, secrets with the region that they are
/// copies of, and NAT gateways.
fn there(s: &Subject, region: &str) -> Value {
    let script = r#"
rds, ecs, secrets = client("rds", args), client("ecs", args), client("secretsmanager", args)
clusters = ecs.list_clusters()["clusterArns"]
result = {
    "databases": {d["DBInstanceIdentifier"]: (d.get("ReadReplicaSourceDBInstanceIdentifier") or "").split(":")[-1] for d in rds.describe_db_instances()["DBInstances"]},
    "services": {arn.split("/")[-1]: ecs.describe_services(cluster=cluster, services=[arn])["services"][0]["desiredCount"]
                 for cluster in clusters for arn in ecs.list_services(cluster=cluster)["serviceArns"]},
    "secrets": {secret["Name"]: secrets.describe_secret(SecretId=secret["ARN"]).get("PrimaryRegion") for secret in secrets.list_secrets()["SecretList"]},
    "nat": len(client("ec2", args).describe_nat_gateways(Filters=[{"Name": "state", "Values": ["available", "pending"]}])["NatGateways"]),
}
"#;
    s.account.boto3(script, &json!(region))
}

/// What a database holds, after that was said.
fn data(s: &Subject, region: &str, said: Option<&str>) -> Value {
    s.account.data(region, "shop", said)
}

/// Has CloudWatch report how far the database there is behind, in seconds.
fn lags(s: &Subject, seconds: u32) {
    let script = r#"
import datetime
client("cloudwatch", "eu-central-1").put_metric_data(Namespace="AWS/RDS", MetricData=[{
    "MetricName": "ReplicaLag", "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "shop"}],
    "Timestamp": datetime.datetime.now(datetime.UTC), "Value": args}])
"#;
    s.account.boto3(script, &json!(seconds));
}

fn standby(s: &Subject, more: &[&str]) -> Output {
    s.place.stack(&[STANDBY, more].concat())
}

/// What it said, on one line.
fn said(output: &Output) -> String {
    words(&format!("{} {}", output.stdout, output.stderr))
}

fn fails(s: &Subject, region: &'static str) {
    s.proxy.on_call(move |call| if call.region == region { Fault::DropBefore } else { Fault::Pass });
}

#[test]
fn a_warm_standby_takes_over() {
    let s = Subject::new(FILE);
    let refused = said(&standby(&s, &[]).exits(4));
    assert!(refused.contains("`databases.main` does not exist in eu-west-1"), "{refused}");
    s.apply();
    s.assert_in_step();
    assert_eq!(there(&s, HOME)["secrets"], json!({"stack/shop/default/main": Value::Null}));
    standby(&s, &[]).ok();
    let small = json!({
        "databases": {"shop": "shop"}, "services": {"shop-web": 1}, "nat": 1,
        "secrets": {"stack/shop/default/main": HOME},
    });
    assert_eq!(there(&s, AWAY), small);
    // Twice is nothing, here and there.
    let again = said(&standby(&s, &[]).ok());
    assert!(again.contains("There was nothing to do."), "{again}");
    s.assert_in_step();

    let unknown = said(&s.place.stack(&["recovery", "check", "s.yaml"]).exits(2));
    assert!(unknown.contains("CloudWatch does not report how far it is behind"), "{unknown}");
    lags(&s, 7);
    let known = said(&s.place.stack(&["recovery", "check", "s.yaml"]).ok());
    assert!(known.contains("databases.main follows 7 s"), "{known}");
    lags(&s, 301);
    let late = said(&s.place.stack(&["recovery", "check", "s.yaml"]).exits(2));
    assert!(late.contains("further behind than `rpo`, 5m"), "{late}");

    // What is followed does not go without a word.
    let followed = said(&s.place.stack(DESTROY).exits(4));
    assert!(followed.contains("follows it, and would follow nothing any more"), "{followed}");
    assert!(followed.contains("`stack destroy --stack shop --env default --region eu-central-1` deletes it first"), "{followed}");

    // It fails.
    data(&s, HOME, Some("42 orders"));
    fails(&s, HOME);
    s.proxy.take();
    let refused = said(&s.place.stack(&[FAILOVER, &["--to-time", "2026-11-27T10:00Z"]].concat()).exits(4));
    assert!(refused.contains("follows the one of the other region"), "{refused}");
    let refused = said(&s.place.stack(FAILOVER).exits(4));
    assert!(refused.contains("301 s behind") || refused.contains("5 min behind"), "{refused}");
    assert!(refused.contains("--allow-upgrade rds.instance/main"), "{refused}");
    assert_eq!(there(&s, AWAY), small, "nothing was changed");
    s.place.stack(&[FAILOVER, &AGREED].concat()).ok();
    let full = json!({
        "databases": {"shop": "", "shop-main-reader": "shop"}, "services": {"shop-web": 3}, "nat": 1,
        "secrets": {"stack/shop/default/main": Value::Null},
    });
    assert_eq!(there(&s, AWAY), full);
    assert_eq!(data(&s, AWAY, None), "42 orders");
    assert!(s.proxy.take().iter().all(|call| call.region != HOME), "the region that failed was asked");
    assert!(said(&s.place.stack(FAILOVER).ok()).contains("A failover was done"));

    // What took over is no standby, and the file says where the stack is.
    s.proxy.pass();
    let refused = said(&standby(&s, &[]).exits(4));
    assert!(refused.contains("has data of its own, and follows none"), "{refused}");
    s.write("region: eu-west-1", "region: eu-central-1");
    s.write("recovery: { region: eu-central-1, mode: warm_standby", "recovery: { region: eu-west-1, mode: backup");
    s.apply();
    s.assert_in_step();
    s.place.stack(&[DESTROY, &["--no-final-snapshot", "*"]].concat()).ok();
    assert_eq!(there(&s, AWAY)["databases"], json!({}));
}

#[test]
fn the_published_pair_stands_by_and_takes_over() {
    let text = std::fs::read_to_string(published("stacks/regions.yaml")).unwrap();
    let s = Subject::new(&format!("{text}\nalarms: off\n"));
    s.apply();
    standby(&s, &[]).ok();
    assert_eq!(there(&s, AWAY)["services"], json!({"regions-web": 1, "regions-worker": 1}));
    assert_eq!(there(&s, AWAY)["databases"], json!({"regions": "regions"}));
    s.assert_in_step();
    // Wherever it is killed, the same command goes on.
    let command = [FAILOVER, &AGREED].concat();
    for (operation, reaches) in [("StopReplicationToReplica", true), ("PromoteReadReplica", false), ("PromoteReadReplica", true)]
    {
        let killed = run_and_kill_when(&s, &command, reaches, move |call| call.operation == operation && call.region == AWAY);
        assert!(killed, "{operation}");
    }
    fails(&s, HOME);
    s.place.stack(&command).ok();
    assert_eq!(there(&s, AWAY)["databases"], json!({"regions": ""}));
    assert_eq!(there(&s, AWAY)["services"]["regions-worker"], 2);
    // What scales has its own bounds again: the rest is Application Auto Scaling's, which the local AWS does not act out.
    let bounds = r#"
targets = client("application-autoscaling", args).describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
result = [[target["MinCapacity"], target["MaxCapacity"]] for target in targets]
"#;
    assert_eq!(s.account.boto3(bounds, &json!(AWAY)), json!([[2, 20]]));
}

#[test]
fn a_pilot_light_has_no_tasks() {
    let s = Subject::new(&FILE.replace("warm_standby", "pilot_light"));
    s.apply();
    standby(&s, &[]).ok();
    let dark = json!({
        "databases": {"shop": "shop"}, "services": {"shop-web": 0}, "nat": 0,
        "secrets": {"stack/shop/default/main": HOME},
    });
    assert_eq!(there(&s, AWAY), dark);

    // Another mode is another size, and nothing at home.
    s.write("pilot_light", "active_active");
    s.assert_in_step();
    standby(&s, &[]).ok();
    assert_eq!(there(&s, AWAY)["services"], json!({"shop-web": 3}));
    s.write("active_active", "pilot_light");
    standby(&s, &["--allow-delete", "*"]).ok();
    assert_eq!(there(&s, AWAY), dark);

    // What is followed runs when all else at home is paused, as AWS does not stop it.
    let paused = s.place.stack(&["pause", "s.yaml", "--yes"]).ok();
    assert!(said(&paused).contains("`rds.instance/main` keeps running"), "{}", said(&paused));
    let home = there(&s, HOME);
    assert_eq!(home["services"], json!({"shop-web": 0}));
    s.assert_in_step();
    s.place.stack(&["resume", "s.yaml", "--yes"]).ok();
    s.assert_in_step();

    // What someone did there is undone.
    let scaled = r#"
ecs = client("ecs", "eu-central-1")
[cluster] = ecs.list_clusters()["clusterArns"]
[service] = ecs.list_services(cluster=cluster)["serviceArns"]
ecs.update_service(cluster=cluster, service=service, desiredCount=2)
"#;
    s.account.boto3(scaled, &Value::Null);
    let check = said(&s.place.stack(&["recovery", "check", "s.yaml"]).exits(2));
    assert!(check.contains("the standby is not as the file says: 1 object differs"), "{check}");
    standby(&s, &[]).ok();
    assert_eq!(there(&s, AWAY), dark);

    // Without it the copies of the secrets are deleted, which is told.
    let away = ["destroy", "--stack", "shop", "--env", "default", "--region", AWAY, "--yes", "--confirm", "shop/default"];
    s.place.stack(&[&away[..], &["--no-final-snapshot", "*"]].concat()).ok();
    assert_eq!(there(&s, AWAY)["databases"], json!({}));
    s.write("pilot_light", "backup");
    s.apply();
    s.assert_in_step();
}

/// Where a name leads: the regions, with how and whether Route 53 asks whether there is anyone.
fn led(s: &Subject, zone: &str) -> Value {
    let script = r#"
sets = client("route53").list_resource_record_sets(HostedZoneId=args)["ResourceRecordSets"]
result = {one.get("SetIdentifier", "-"): [one.get("Failover") or one.get("Region") or "simple", one["AliasTarget"]["DNSName"].split(".")[1], one["AliasTarget"]["EvaluateTargetHealth"]]
          for one in sets if one["Type"] == "A"}
"#;
    s.account.boto3(script, &json!(zone))
}

#[test]
fn names_lead_to_the_region_that_serves() {
    const ZONE: &str = r#"result = client("route53").create_hosted_zone(Name="shop.example", CallerReference="1")["HostedZone"]["Id"].split("/")[-1]"#;
    let named = FILE.replace("warm_standby", "backup").replace(
        "services:\n",
        "certificates: { site: { domain: shop.example, zone: existing.zones.main } }\nexisting: { zones: { main: shop.example } }\nload_balancer: { certificate: certificates.site }\nservices:\n",
    );
    let s = Subject::new(&named);
    let zone = s.account.boto3(ZONE, &Value::Null).as_str().unwrap().to_owned();
    s.apply();
    assert_eq!(led(&s, &zone), json!({"-": ["simple", HOME, false]}));
    s.write("mode: backup", "mode: pilot_light");
    // There is no place beside the only record of a name.
    s.apply();
    s.assert_in_step();
    assert_eq!(led(&s, &zone), json!({HOME: ["PRIMARY", HOME, true]}));
    standby(&s, &[]).ok();
    let both = json!({HOME: ["PRIMARY", HOME, true], AWAY: ["SECONDARY", AWAY, true]});
    assert_eq!(led(&s, &zone), both);
    s.assert_in_step();
    assert!(said(&standby(&s, &[]).ok()).contains("There was nothing to do."));
    // Nothing is changed in Route 53 when it takes over.
    fails(&s, HOME);
    let told = said(&s.place.stack(&[FAILOVER, &AGREED].concat()).ok());
    assert_eq!(led(&s, &zone), both);
    assert!(!told.contains("still leads to"), "{told}");
    s.proxy.pass();
    // There are not two that come first.
    s.write("region: eu-west-1", "region: eu-central-1");
    s.write("recovery: { region: eu-central-1", "recovery: { region: eu-west-1");
    let refused = said(&s.place.stack(APPLY).exits(4));
    assert!(refused.contains("already has a record") && refused.contains("in which the stack was before"), "{refused}");
    let old = ["destroy", "--stack", "shop", "--region", HOME, "--yes", "--confirm", "shop/default", "--no-final-snapshot", "*"];
    s.place.stack(&old).ok();
    s.apply();
    s.assert_in_step();
    assert_eq!(led(&s, &zone), json!({AWAY: ["PRIMARY", AWAY, true]}));
}

#[test]
fn a_standby_needs_a_mode_and_its_secrets() {
    let s = Subject::new(&FILE.replace("warm_standby", "backup"));
    let usage = said(&standby(&s, &[]).exits(64));
    assert!(usage.contains("keeps backups in eu-central-1, and no standby"), "{usage}");
    s.apply();
    s.write("backup", "pilot_light");
    let refused = said(&standby(&s, &[]).exits(4));
    assert!(refused.contains("`secretsmanager.secret/main` was not copied here yet"), "{refused}");
    behind(&s, "pass", &["update secretsmanager.secret/main"]);
    s.place.stack(APPLY).ok();
    // Ended by someone: it is copied again, once what is in the way is gone.
    let removed = r#"
secrets = client("secretsmanager", "eu-west-1")
secrets.remove_regions_from_replication(SecretId="stack/shop/default/main", RemoveReplicaRegions=["eu-central-1"])
"#;
    behind(&s, removed, &["update secretsmanager.secret/main"]);
}

/// Pushes an image of one layer into a repository of a region, and returns its address.
fn pushed(s: &Subject, region: &str, repository: &str) -> String {
    let push = r#"
import hashlib, json
region, repository = args
ecr, of = client("ecr", region), {"repositoryName": repository}
uri = ecr.create_repository(**of)["repository"]["repositoryUri"]
blobs = []
for data in (b"{}", b"a layer of " + repository.encode()):
    upload = ecr.initiate_layer_upload(**of)["uploadId"]
    ecr.upload_layer_part(**of, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data)
    blobs.append({"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), "mediaType": "application/octet-stream"})
    ecr.complete_layer_upload(**of, uploadId=upload, layerDigests=[blobs[-1]["digest"]])
media = "application/vnd.oci.image.manifest.v1+json"
manifest = json.dumps({"schemaVersion": 2, "mediaType": media, "config": blobs[0], "layers": blobs[1:]})
ecr.put_image(**of, imageManifest=manifest, imageTag="1")
result = uri + ":1"
"#;
    s.account.boto3(push, &json!([region, repository])).as_str().unwrap().to_owned()
}

/// The image that the service in a region runs, and the digests of the repositories there.
fn pulled(s: &Subject, region: &str) -> Value {
    let script = r#"
ecs, ecr = client("ecs", args), client("ecr", args)
[cluster] = ecs.list_clusters()["clusterArns"]
service = ecs.describe_services(cluster=cluster, services=ecs.list_services(cluster=cluster)["serviceArns"])["services"][0]
image = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]["containerDefinitions"][0]["image"]
digests = {r["repositoryName"]: [i["imageDigest"] for i in ecr.describe_images(repositoryName=r["repositoryName"])["imageDetails"]]
           for r in ecr.describe_repositories()["repositories"]}
result = [image, digests]
"#;
    s.account.boto3(script, &json!(region))
}

/// A stack of one service with this image, and a standby.
fn imaged(image: &str) -> String {
    let service = format!("  web: {{ image: \"{image}\", port: 80, count: 1, routes: [\"/*\"] }}\n");
    let recovery = "recovery: { region: eu-central-1, mode: warm_standby, rpo: 5m, rto: 1h }\n";
    format!("stack: shop\nregion: eu-west-1\nalarms: off\nnetwork: {{ zones: 2, nat: single }}\nservices:\n{service}{recovery}")
}

#[test]
fn images_are_copied_into_the_second_region() {
    let s = Subject::new("stack: shop\n");
    let image = pushed(&s, HOME, "team/web");
    let there = image.replace(HOME, AWAY);
    std::fs::write(s.place.path().join("s.yaml"), imaged(&image)).unwrap();
    s.apply();
    let told = said(&standby(&s, &[]).ok());
    assert!(told.contains("`services.web.image` names eu-west-1") && told.contains("--copy-images` copies it there"), "{told}");
    assert_eq!(pulled(&s, AWAY), json!([image, {}]));
    let check = said(&s.place.stack(&["recovery", "check", "s.yaml"]).ok());
    assert!(check.contains("`services.web.image` names eu-west-1") && check.contains("--copy-images"), "{check}");

    // Wherever it is killed, the same command goes on.
    let copying = [STANDBY, &["--copy-images"]].concat();
    for reaches in [false, true] {
        let killed = run_and_kill_when(&s, &copying, reaches, |call| call.operation == "PutImage" && call.region == AWAY);
        assert!(killed, "{reaches}");
    }
    let copied = said(&s.place.stack(&copying).ok());
    assert!(!copied.contains("Copying"), "it is there since the last run: {copied}");
    assert_eq!(pulled(&s, AWAY), json!([there, pulled(&s, HOME)[1]]));
    let again = said(&standby(&s, &[]).ok());
    assert!(again.contains("There was nothing to do.") && !again.contains("eu-west-1, which"), "{again}");
    let check = said(&s.place.stack(&["recovery", "check", "s.yaml"]).ok());
    assert!(!check.contains("services.web.image") && !check.contains("not as the file says"), "{check}");

    fails(&s, HOME);
    s.proxy.take();
    let moved = said(&s.place.stack(FAILOVER).ok());
    assert!(moved.contains("`services.web.image` is pulled from eu-central-1"), "{moved}");
    assert!(moved.contains("Write eu-central-1 into `services.web.image` as well"), "{moved}");
    assert_eq!(pulled(&s, AWAY)[0], json!(there));
    assert!(s.proxy.take().iter().all(|call| call.region != HOME), "the region that failed was asked");
}

#[test]
fn images_that_ecr_replicates_are_pulled_there() {
    let s = Subject::new("stack: shop\n");
    let image = pushed(&s, HOME, "team/web");
    let there = pushed(&s, AWAY, "team/web");
    std::fs::write(s.place.path().join("s.yaml"), imaged(&image)).unwrap();
    s.apply();
    let told = said(&standby(&s, &[]).ok());
    assert!(!told.contains("services.web.image"), "{told}");
    assert_eq!(pulled(&s, AWAY)[0], json!(there));
    let rehearsal = [FAILOVER, &["--rehearse", "--plan", "--verbose"]].concat();
    let rehearsal: Vec<&str> = rehearsal.into_iter().filter(|word| *word != "--yes").collect();
    let plan = said(&s.place.stack(&rehearsal).ok());
    assert!(plan.contains(&there) && !plan.contains(&image), "{plan}");

    // The tag is pushed again, at home only.
    let again = r#"
import hashlib, json
ecr, of = client("ecr", "eu-west-1"), {"repositoryName": "team/web"}
manifest = json.loads(ecr.batch_get_image(**of, imageIds=[{"imageTag": "1"}])["images"][0]["imageManifest"])
upload = ecr.initiate_layer_upload(**of)["uploadId"]
data = b"a newer layer"
ecr.upload_layer_part(**of, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data)
layer = {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), "mediaType": "application/octet-stream"}
ecr.complete_layer_upload(**of, uploadId=upload, layerDigests=[layer["digest"]])
ecr.put_image(**of, imageManifest=json.dumps(manifest | {"layers": [layer]}), imageTag="1")
result = None
"#;
    s.account.boto3(again, &Value::Null);
    let tagged = r#"
tag = [{"imageTag": "1"}]
of = lambda region: client("ecr", region).describe_images(repositoryName="team/web", imageIds=tag)["imageDetails"][0]["imageDigest"]
result = [of("eu-west-1"), of("eu-central-1")]
"#;
    let digests = s.account.boto3(tagged, &Value::Null);
    assert_ne!(digests[0], digests[1]);
    let told = said(&standby(&s, &[]).ok());
    assert!(told.contains("`services.web.image` is another image in eu-central-1 than in eu-west-1"), "{told}");
    let copied = said(&standby(&s, &["--copy-images"]).ok());
    assert!(copied.contains("Copying the image of `services.web`"), "{copied}");
    let now = s.account.boto3(tagged, &Value::Null);
    assert_eq!((&now[1], &now[0]), (&digests[0], &digests[0]));
    assert!(!said(&standby(&s, &["--copy-images"]).ok()).contains("Copying"));
}
