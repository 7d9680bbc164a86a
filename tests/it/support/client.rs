//! Another client of the local AWS: boto3, which shares no code with `stack`. It says what is there and changes things
//! behind `stack`'s back.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use stack::local::Environment;

use super::aws::Account;
use super::helper::script_of;

const INVENTORY: &str = include_str!("inventory.py");

/// The process that runs scripts, one for all tests of this process. It ends when this one does: its stdin ends then.
struct Runner {
    socket: PathBuf,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Runner {
    fn of(python: &Environment) -> &'static Runner {
        static RUNNER: OnceLock<Runner> = OnceLock::new();
        RUNNER.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let socket = folder.path().join("client");
            let mut command = python.command().into_std();
            command.arg("-B").arg(script_of("client.py")).arg(&socket).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().expect("Python");
            let mut ready = String::new();
            BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut ready).expect("its first words");
            assert_eq!(ready.trim(), "ready", "client.py did not start");
            Runner { socket, _child: child, _folder: folder }
        })
    }

    fn run(&self, task: &Value) -> std::io::Result<Value> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.write_all(format!("{task}\n").as_bytes())?;
        Ok(serde_json::from_reader(stream)?)
    }
}

impl Account {
    /// Runs Python with `client("ec2")` and `args`; what it leaves in `result` is given back. Panics with Python's
    /// traceback when it fails.
    #[track_caller]
    pub fn boto3(&self, script: &str, args: &Value) -> Value {
        match self.try_boto3(script, args) {
            Ok(value) => value,
            Err(traceback) => panic!("{traceback}"),
        }
    }

    /// The same, with a failure as Python wrote it.
    pub fn try_boto3(&self, script: &str, args: &Value) -> Result<Value, String> {
        let environment: Map<String, Value> = self.environment().into_iter().map(|(k, v)| (k, v.into())).collect();
        let task = json!({ "script": script, "args": args, "environment": environment });
        let mut said = Runner::of(&self.python).run(&task).map_err(|error| error.to_string())?;
        match said["error"].take() {
            Value::String(traceback) => Err(traceback),
            _ => Ok(said["result"].take()),
        }
    }

    /// Posts to one of the paths that the local AWS has beside AWS's, about this account.
    #[track_caller]
    fn post(&self, path: &str, what: Value) -> Value {
        const SCRIPT: &str = r#"
import json, os, urllib.request
body = json.dumps(args["body"]).encode()
request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + args["path"], data=body, method="POST")
with urllib.request.urlopen(request) as answer:
    result = json.load(answer)
"#;
        let mut body = what;
        body["account"] = json!(self.id);
        self.boto3(SCRIPT, &json!({ "path": path, "body": body }))
    }

    /// Has what this account makes next fail: `{"rds.instance": "failed", "times": 2}`; see `localstack/README.md`.
    #[track_caller]
    pub fn will(&self, outcomes: Value) {
        self.post("/_stack/outcomes", outcomes);
    }

    /// Has objects of this account be in states to which they come by themselves on AWS.
    #[track_caller]
    pub fn say(&self, states: Value) {
        self.post("/_stack/states", states);
    }

    /// What a database of this account holds, after that was said.
    #[track_caller]
    pub fn data(&self, region: &str, database: &str, said: Option<&str>) -> Value {
        let about = json!({ "region": region, "database": database, "data": said });
        self.post("/_stack/data", about)["data"].take()
    }

    /// Has AWS's limits on the rate of requests be in force for this account or not, from full buckets. Returns how many requests were
    /// refused until then, by operation, if they were in force.
    #[track_caller]
    pub fn throttle(&self, in_force: bool) -> Value {
        self.post("/_stack/throttling", json!({ "in_force": in_force }))
    }

    /// Everything of a stack that exists, by kind and then by id: what carries its tags, what is named after it, and what
    /// lies inside either. Empty kinds are left out, so `{}` means that nothing is left.
    #[track_caller]
    pub fn inventory(&self, stack: &str, env: &str) -> Value {
        self.boto3(INVENTORY, &json!({ "stack": stack, "env": env }))
    }
}

impl Account {
    /// What another client finds of a stack in a region, and of what has none.
    pub fn inventory_in(&self, region: &str, stack: &str, env: &str) -> Value {
        let there = format!("at_home = client\nclient = lambda service, region=None: at_home(service, region or {region:?})\n");
        self.boto3(&format!("{there}{INVENTORY}"), &json!({ "stack": stack, "env": env }))
    }
}

/// How many objects an inventory holds.
pub fn count(inventory: &Value) -> usize {
    inventory.as_object().map_or(0, |kinds| kinds.values().map(|kind| kind.as_object().map_or(0, |objects| objects.len())).sum())
}

#[test]
fn the_inventory_finds_what_was_made_and_nothing_else() {
    let account = super::aws::LocalAws::shared().account();
    let made = account.boto3(
        r#"
tags = [{"Key": "stack:name", "Value": "shop"}, {"Key": "stack:env", "Value": "test"}]
ec2 = client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"]["VpcId"]
ec2.create_vpc(CidrBlock="10.1.0.0/16")
group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
client("logs").create_log_group(logGroupName="/stack/shop-test/web")
client("iam").create_role(RoleName="shop-test-task", AssumeRolePolicyDocument="{}")
client("iam").create_role(RoleName="shop-testing", AssumeRolePolicyDocument="{}")
client("s3").create_bucket(Bucket="shop-test-assets-" + args)
result = [vpc, group]
"#,
        &json!(account.id),
    );
    let found = account.inventory("shop", "test");
    assert_eq!(found["ec2.vpc"].as_object().unwrap().keys().collect::<Vec<_>>(), [made[0].as_str().unwrap()], "{found:#}");
    assert!(found["ec2.security-group"].get(made[1].as_str().unwrap()).is_some(), "lies in our VPC: {found:#}");
    assert_eq!(found["iam.role"].as_object().unwrap().keys().collect::<Vec<_>>(), ["shop-test-task"], "{found:#}");
    assert!(found["logs.log-group"].get("/stack/shop-test/web").is_some(), "{found:#}");
    assert!(found["s3.bucket"].get(format!("shop-test-assets-{}", account.id)).is_some(), "{found:#}");
    assert!(count(&found) >= 5);
    assert_eq!(account.inventory("other", "test"), json!({}));
}

#[test]
fn a_failing_script_gives_its_traceback() {
    let account = super::aws::LocalAws::shared().account();
    let error = account.try_boto3("client('ec2').delete_vpc(VpcId='vpc-1')", &json!(null)).unwrap_err();
    assert!(error.contains("InvalidVpcID.NotFound"), "{error}");
}
