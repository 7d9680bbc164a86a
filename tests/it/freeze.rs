//! `stack freeze` and `thaw`: an environment in one file, and brought up again from it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Mutex;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
services:
  web: { image: "nginx:1.27", port: 80, public: true, count: 1, routes: ["/*"], uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", storage: 20GiB }
clone: { sanitize: { service: web, command: [sh, -c, "echo harmless now"] } }
environments:
  production: { services: { web: { count: 2 } } }
"#;

const FREEZE: &[&str] = &["freeze", "s.yaml", "--env", "production", "--out", "p.yaml"];
const THAW: &[&str] = &["thaw", "p.yaml", "--to", "rehearsal", "--yes"];

fn listed(s: &Subject) -> Vec<Value> {
    s.place.stack(&["frozen", "list", "--region", "us-east-1", "--json"]).ok().json().as_array().unwrap().clone()
}

#[test]
fn what_was_frozen_is_brought_up_without_its_source() {
    let s = Subject::new(FILE);
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let by_hand =
        r#"client("ecs").update_service(cluster="shop-production", service="shop-production-web", desiredCount=3) and None"#;
    s.account.boto3(&format!("result = {by_hand}"), &Value::Null);
    let frozen = s.place.stack(FREEZE).ok();
    assert!(frozen.words().contains("`shop/production` is frozen in `p.yaml`"), "{}", frozen.stderr);
    s.place.stack(FREEZE).exits(64);
    let file = std::fs::read_to_string(s.place.path().join("p.yaml")).unwrap();
    for line in ["count: 3  # what runs; the file has 2", "snapshot: arn:aws:rds:us-east-1:"] {
        assert!(file.contains(line), "{line}: {file}");
    }
    assert!(file.starts_with("# integrity: sha256:") && file.contains("image: nginx@sha256:"), "{file}");
    assert!(!file.contains("environments:"), "{file}");
    let snapshots = listed(&s);
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    assert!(snapshots[0]["of"].as_str().unwrap().starts_with("shop/production/"), "{snapshots:?}");

    // The key of the database goes with its environment, and would take the snapshot along.
    let keys = r#"
rds = client("rds")
database = rds.describe_db_instances(DBInstanceIdentifier="shop-production")["DBInstances"][0]
[taken] = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
result = [taken["Encrypted"], taken["KmsKeyId"] == database["KmsKeyId"], [tag["Key"] for tag in taken["TagList"]]]
"#;
    assert_eq!(s.account.boto3(keys, &Value::Null), json!([true, false, ["stack:frozen"]]));

    // What was frozen is what runs, until that changes.
    s.place.stack(&["compare", "s.yaml", "production", "p.yaml"]).ok();
    let compared = s.place.stack(&["compare", "s.yaml", "p.yaml", "production@file"]).ok().stdout;
    let other = "stack: other\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\n";
    std::fs::write(s.place.path().join("other.yaml"), other).unwrap();
    s.place.stack(&["compare", "other.yaml", "default@file", "p.yaml"]).exits(64);
    assert!(compared.contains("what was frozen") && compared.contains("desired_count   3 → 2"), "{compared}");

    // Months later, when the source is gone.
    let destroy = |file: &str, env: &str| {
        let confirm = format!("shop/{env}");
        s.place.stack(&["destroy", file, "--env", env, "--yes", "--confirm", &confirm, "--no-final-snapshot", "*"]).ok();
        let left = s.account.inventory("shop", env);
        assert!(left.as_object().unwrap().keys().all(|kind| kind == "rds.db-snapshot"), "{left}");
    };
    destroy("s.yaml", "production");
    assert_eq!(listed(&s), snapshots, "a frozen snapshot outlives its environment");
    let thawed = s.place.stack(THAW).ok();
    assert_eq!(thawed.stdout, "harmless now\n");
    let plan = s.place.stack(&["plan", "p.yaml", "--env", "rehearsal", "--exact"]).ok();
    assert!(plan.stdout.contains("No changes"), "{}", plan.stdout);
    let script = r#"
service = client("ecs").describe_services(cluster="shop-rehearsal", services=["shop-rehearsal-web"])["services"][0]
database = client("rds").describe_db_instances(DBInstanceIdentifier="shop-rehearsal")["DBInstances"][0]
result = [service["desiredCount"], database["DBInstanceStatus"], database["StorageEncrypted"]]
"#;
    assert_eq!(s.account.boto3(script, &Value::Null), json!([3, "available", true]));
    destroy("p.yaml", "rehearsal");
    assert_eq!(listed(&s), snapshots);

    // An environment that runs is not overwritten by one that was frozen.
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    s.proxy.take();
    let over = s.place.stack(&["thaw", "p.yaml", "--to", "production", "--yes"]).exits(4);
    assert!(over.words().contains("the environment `production` exists"), "{}", over.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating) && !s.place.path().join("p.production.yaml").exists());

    // Whole parts name what is pruned.
    let prune = |what: &str, more: &[&str]| s.place.stack(&[&["frozen", "prune", what, "--region", "us-east-1"], more].concat());
    assert!(prune("shop/prod", &["--yes"]).ok().words().contains("No snapshot or image of `shop/prod`"));
    prune("shop/production", &[]).exits(4);
    assert!(prune("shop/production", &["--older-than", "1h", "--yes"]).ok().words().contains("No snapshot or image"));
    assert_eq!(listed(&s), snapshots);
    assert!(prune("shop/production", &["--yes"]).ok().words().contains("1 snapshot deleted."));
    assert_eq!(listed(&s), Vec::<Value>::new());
    // What has gone in the meantime is told before anything starts.
    std::fs::remove_file(s.place.path().join("p.rehearsal.yaml")).unwrap();
    s.proxy.take();
    let gone = s.place.stack(THAW);
    assert_ne!(gone.code, Some(0), "{}", gone.stderr);
    assert!(gone.words().contains("snapshot") && gone.words().contains("does not exist"), "{}", gone.stderr);
    let changing: Vec<String> = s.proxy.take().iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    assert_eq!(changing, Vec::<String>::new());
}

#[test]
fn a_frozen_file_that_was_changed_is_not_thawed() {
    let s = Subject::new(FILE);
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    s.place.stack(&[FREEZE, &["--data", "none"]].concat()).ok();
    assert_eq!(listed(&s), Vec::<Value>::new());
    let path = s.place.path().join("p.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("count: 2", "count: 1")).unwrap();
    s.proxy.take();
    let refused = s.place.stack(THAW).exits(4);
    assert!(refused.words().contains("is not as `stack freeze` wrote it"), "{}", refused.stderr);
    s.place.stack(&["thaw", "s.yaml", "--to", "rehearsal", "--yes"]).exits(65);
    s.place.stack(&["thaw", "p.yaml", "--to", "default", "--edited", "--yes"]).exits(64);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
    let planned = s.place.stack(&[THAW, &["--edited", "--plan"]].concat()).ok();
    assert!(planned.stderr.contains("to create"), "{}", planned.stderr);
    assert!(!s.place.path().join("p.rehearsal.yaml").exists());
}

/// What a registry has: kinds of content and bytes by digest.
type Contents = BTreeMap<String, (&'static str, Vec<u8>)>;

/// Adds something to a registry, and returns its digest.
fn add(all: &mut Contents, media: &'static str, bytes: Vec<u8>) -> String {
    let hash = Sha256::digest(&bytes);
    let digest = format!("sha256:{}", hash.iter().map(|b| format!("{b:02x}")).collect::<String>());
    all.insert(digest.clone(), (media, bytes));
    digest
}

/// Adds an image for one platform.
fn image(all: &mut Contents, layer: Vec<u8>) -> Value {
    let (manifest, config) = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json");
    let blob = |all: &mut Contents, media, bytes: Vec<u8>| {
        let size = bytes.len();
        json!({"mediaType": media, "size": size, "digest": add(all, media, bytes)})
    };
    let layer = blob(all, "application/vnd.oci.image.layer.v1.tar", layer);
    let config = blob(all, config, b"{\"os\":\"linux\"}".to_vec());
    let text = json!({"schemaVersion": 2, "mediaType": manifest, "config": config, "layers": [layer]}).to_string();
    blob(all, manifest, text.into_bytes())
}

/// Serves what a registry has on this machine, until the test ends. The first time that a blob is asked for, it stops in the middle.
fn serve(all: Contents) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let broken = Mutex::new(BTreeSet::new());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let first = lines.next().unwrap_or_default();
            let _ = lines.count();
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let digest = path.rsplit('/').next().unwrap_or_default();
            let (status, media, bytes) = match all.get(digest) {
                Some((media, bytes)) => ("200 OK", *media, bytes.as_slice()),
                None if path == "/v2/" => ("200 OK", "application/json", b"{}".as_slice()),
                None => ("404 Not Found", "application/json", b"{}".as_slice()),
            };
            let is_first = path.contains("/blobs/") && broken.lock().unwrap().insert(digest.to_owned());
            let sent = if is_first { bytes.len() / 2 } else { bytes.len() };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nDocker-Content-Digest: {digest}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            let _ = (&stream).write_all(&[head.as_bytes(), &bytes[..sent]].concat());
        }
    });
    port
}

#[test]
fn images_outlive_their_registries() {
    let mut all = Contents::new();
    let index = "application/vnd.oci.image.index.v1+json";
    // More than one part of ECR's, and a platform that shares nothing with it.
    let platforms = [image(&mut all, vec![7; (10 << 20) + 5]), image(&mut all, vec![8; 1000])];
    let text = json!({"schemaVersion": 2, "mediaType": index, "manifests": platforms}).to_string();
    let digest = add(&mut all, index, text.into_bytes());
    let port = serve(all);

    let s = Subject::new("stack: shop\n");
    let push = r#"
import hashlib, json
ecr, of = client("ecr"), {"repositoryName": "team/api"}
uri = ecr.create_repository(**of)["repository"]["repositoryUri"]
blobs = []
for data in (b"{}", b"a layer of ours"):
    upload = ecr.initiate_layer_upload(**of)["uploadId"]
    ecr.upload_layer_part(**of, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data)
    blobs.append({"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), "mediaType": "application/octet-stream"})
    ecr.complete_layer_upload(**of, uploadId=upload, layerDigests=[blobs[-1]["digest"]])
media = "application/vnd.oci.image.manifest.v1+json"
manifest = json.dumps({"schemaVersion": 2, "mediaType": media, "config": blobs[0], "layers": blobs[1:]})
result = uri + "@" + ecr.put_image(**of, imageManifest=manifest, imageTag="1")["image"]["imageId"]["imageDigest"]
"#;
    let ours = s.account.boto3(push, &Value::Null);
    let ours = ours.as_str().unwrap();
    let file = format!(
        r#"
stack: shop
region: us-east-1
alarms: off
network: {{ zones: 2, nat: none }}
services:
  web: {{ image: "127.0.0.1:{port}/team/web@{digest}", port: 80, public: true, count: 1, routes: ["/*"] }}
  api: {{ image: "{ours}", public: true, count: 1 }}
keys: {{ main: {{}} }}
archive: {{ jobs: {{ old: {{ service: web, command: [a], image: "{ours}" }} }} }}
environments: {{ production: {{}} }}
"#
    );
    std::fs::write(s.place.path().join("s.yaml"), file).unwrap();
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let frozen = s.place.stack(&[FREEZE, &["--images", "copy"]].concat()).ok();
    for of in ["api", "archive.jobs.old"] {
        assert!(frozen.words().contains(&format!("Copying the image of `{of}`")), "{}", frozen.stderr);
    }
    let text = std::fs::read_to_string(s.place.path().join("p.yaml")).unwrap();
    let registry = ours.split('/').next().unwrap();
    let (_, digest_of_ours) = ours.split_once('@').unwrap();
    for digest in [digest.as_str(), digest_of_ours] {
        assert!(text.contains(&format!("image: \"{registry}/stack-frozen/shop@{digest}\"")), "{text}");
    }

    // Everything is there for another client, and of nobody's registry but this one.
    let look = r#"
import hashlib, json, urllib.request
ecr, of = client("ecr"), {"repositoryName": "stack-frozen/shop"}
token = ecr.get_authorization_token()["authorizationData"][0]
def get(path):
    headers = {"Authorization": "Basic " + token["authorizationToken"]}
    return urllib.request.urlopen(urllib.request.Request(token["proxyEndpoint"] + "/v2/stack-frozen/shop/" + path, headers=headers)).read()
def whole(digest):
    data = get("manifests/" + digest)
    assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
    manifest = json.loads(data)
    blobs = [get("blobs/" + one["digest"]) for one in manifest.get("layers", []) + [manifest.get("config")] if one]
    return [len(one) for one in blobs] + [whole(one["digest"]) for one in manifest.get("manifests", [])]
result = [whole(digest) for digest in args]
"#;
    let sizes = s.account.boto3(look, &json!([digest, digest_of_ours]));
    assert_eq!(sizes, json!([[[(10 << 20) + 5, 14], [1000, 14]], [15, 2]]));
    let kept = listed(&s);
    let of: Vec<&str> = kept.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(of, ["image", "image", "image"], "{kept:?}");
    assert!(kept.iter().all(|one| one["of"].as_str().unwrap().starts_with("shop/production/")), "{kept:?}");
    let table = s.place.stack(&["frozen", "list", "--region", "us-east-1"]).ok().stdout;
    assert!(table.contains("stack-frozen/shop:production.") && table.contains(".web"), "{table}");

    s.place.stack(&["thaw", "p.yaml", "--to", "rehearsal", "--plan"]).ok();
    assert!(
        s.place.stack(&["frozen", "prune", "shop", "--region", "us-east-1", "--yes"]).ok().words().contains("3 images deleted.")
    );
    assert_eq!(listed(&s), Vec::<Value>::new());
    let left = s
        .account
        .boto3(r#"result = [r["repositoryName"] for r in client("ecr").describe_repositories()["repositories"]]"#, &Value::Null);
    assert_eq!(left, json!(["team/api"]));
    let gone = s.place.stack(&["thaw", "p.yaml", "--to", "rehearsal", "--yes"]).exits(4);
    assert!(gone.words().contains("the repository of") && gone.words().contains("does not exist"), "{}", gone.stderr);

    // A repository that somebody made is left alone.
    s.account.boto3(r#"result = client("ecr").create_repository(repositoryName="stack-frozen/shop") and None"#, &Value::Null);
    let refused = s.place.stack(&["freeze", "s.yaml", "--env", "production", "--out", "q.yaml", "--images", "copy"]).exits(3);
    assert!(refused.words().contains("is not one of frozen images"), "{}", refused.stderr);
}
