//! What goes wrong on the way to AWS on an ordinary day, chosen by a seed: one piece for the tests of faults and for the
//! suite as a whole.
//!
//! `STACK_SUITE_FAULTS=5 cargo test --test it` lets 5 percent of all calls of `stack` go wrong in every test, wherever the test
//! itself does not decide what happens to a call; `STACK_SEED=N` repeats the choices, `--show-output` prints how many. The client that checks is never disturbed.
//! `STACK_SUITE_PAGES=1` has lists come one item a page. Not reached: `stack ... --local`, which goes straight to its port.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::proxy::{CBOR, Call, Fault};

/// How often which fault was met.
pub type Seen = BTreeMap<&'static str, usize>;

/// The seed of a run's choices.
pub fn seed() -> u64 {
    std::env::var("STACK_SEED").map_or(20_261_124, |seed| seed.parse().expect("STACK_SEED is a number"))
}

/// Lets a part of all calls go wrong.
pub struct Rough {
    percent: usize,
    /// How old an answer may be.
    oldest: Duration,
    choices: Mutex<Choices>,
    seen: Mutex<Seen>,
}

impl Rough {
    /// So many percent, chosen by a seed.
    pub fn new(percent: usize, seed: u64, oldest: Duration) -> Rough {
        Rough { percent, oldest, choices: Mutex::new(Choices(seed)), seen: Mutex::default() }
    }

    /// What the suite as a whole is to endure, each test by choices of its own.
    pub fn of_suite() -> Option<Rough> {
        let percent = std::env::var("STACK_SUITE_FAULTS").ok()?.parse().expect("STACK_SUITE_FAULTS is a number of percent");
        let mut hasher = DefaultHasher::new();
        (seed(), std::thread::current().name()).hash(&mut hasher);
        Some(Rough::new(percent, hasher.finish(), Duration::from_secs(5)))
    }

    /// What happens to this call.
    pub fn decide(&self, call: &Call) -> Fault {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        if choices.below(100) >= self.percent {
            return Fault::Pass;
        }
        let (what, fault) = fault(call, &mut choices, self.oldest);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
        fault
    }

    /// How often which fault was met.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Steele, Lea and Flood's SplitMix64: choices that a seed repeats.
pub struct Choices(pub u64);

impl Choices {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// An answer in the words of the service that the call is for.
fn throttled(call: &Call) -> Fault {
    let xml = |status: u16, body: String| Fault::Answer(status, "text/xml".into(), body);
    match call.service.as_str() {
        "ec2" => xml(
            503,
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>f-1</RequestID></Response>".into(),
        ),
        "s3" => xml(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>".into()),
        "ecs" | "logs" | "kms" | "acm" | "application-autoscaling" | "secretsmanager" | "ecr" | "servicequotas" | "tagging" | "budgets" | "ce" | "events"
        | "servicediscovery" | "lambda" | "cloudtrail" | "sqs" => {
            let code = match call.service.as_str() {
                "tagging" => "ThrottledException",
                "lambda" => "TooManyRequestsException",
                _ => "ThrottlingException",
            };
            let body = json!({ "__type": code, "message": "Rate exceeded" }).to_string();
            Fault::Answer(400, "application/x-amz-json-1.1".into(), body)
        }
        "monitoring" => {
            let body = json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }).to_string();
            Fault::Answer(400, CBOR.into(), body)
        }
        _ => xml(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>f-1</RequestId></ErrorResponse>".into(),
        ),
    }
}

/// What AWS answers to exactly this call while something else is being created or deleted.
fn not_yet(call: &Call) -> Option<Fault> {
    let ec2 = |code: &str| {
        let body = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>Not now.</Message></Error></Errors><RequestID>f-2</RequestID></Response>"
        );
        Fault::Answer(400, "text/xml".into(), body)
    };
    let query = |status: u16, code: &str| {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>Not now.</Message></Error><RequestId>f-2</RequestId></ErrorResponse>"
        );
        Fault::Answer(status, "text/xml".into(), body)
    };
    let json = |code: &str, message: &str| {
        let body = json!({ "__type": code, "message": message }).to_string();
        Fault::Answer(400, "application/x-amz-json-1.1".into(), body)
    };
    Some(match call.name().as_str() {
        "ec2:DeleteSecurityGroup" | "ec2:DeleteSubnet" | "ec2:DeleteVpc" | "ec2:DetachInternetGateway" => {
            ec2("DependencyViolation")
        }
        "ec2:CreateSubnet" | "ec2:CreateSecurityGroup" | "ec2:CreateRouteTable" => ec2("InvalidVpcID.NotFound"),
        "ec2:CreateNatGateway" => ec2("InvalidSubnetID.NotFound"),
        "elasticloadbalancing:CreateListener" | "elasticloadbalancing:CreateRule" => query(400, "TargetGroupNotFound"),
        "elasticloadbalancing:DeleteTargetGroup" => query(400, "ResourceInUse"),
        "iam:PutRolePolicy" | "iam:AttachRolePolicy" => query(404, "NoSuchEntity"),
        "iam:DeleteRole" | "iam:DeleteGroup" => query(409, "DeleteConflict"),
        "rds:CreateDBInstance" => query(404, "DBSubnetGroupNotFoundFault"),
        "elasticache:CreateReplicationGroup" => query(404, "CacheSubnetGroupNotFoundFault"),
        "elasticache:DeleteCacheSubnetGroup" => query(400, "CacheSubnetGroupInUse"),
        "ecs:RegisterTaskDefinition" => json("ClientException", "Role is not valid"),
        "ecs:CreateService" => json("InvalidParameterException", "Unable to assume the service linked role."),
        "logs:PutRetentionPolicy" => json("ResourceNotFoundException", "The specified log group does not exist."),
        _ => return None,
    })
}

/// What EC2 answers about an id that it does not know yet.
pub fn not_found(id: &str) -> Option<Fault> {
    let code = match id.split('-').next()? {
        "vpc" => "InvalidVpcID.NotFound",
        "subnet" => "InvalidSubnetID.NotFound",
        "igw" => "InvalidInternetGatewayID.NotFound",
        "rtb" => "InvalidRouteTableID.NotFound",
        "sg" => "InvalidGroup.NotFound",
        "eipalloc" => "InvalidAllocationID.NotFound",
        "vpce" => "InvalidVpcEndpointId.NotFound",
        "nat" => "NatGatewayNotFound",
        _ => return None,
    };
    let error = format!("<Error><Code>{code}</Code><Message>The ID '{id}' does not exist</Message></Error>");
    let body = format!("<Response><Errors>{error}</Errors><RequestID>f-3</RequestID></Response>");
    Some(Fault::Answer(400, "text/xml".into(), body))
}

/// What goes wrong with this call, and what that is called.
fn fault(call: &Call, choices: &mut Choices, oldest: Duration) -> (&'static str, Fault) {
    let bare = |status: u16| Fault::Answer(status, "text/plain".into(), String::new());
    let page = |status: u16| Fault::Answer(status, "text/html".into(), "<html><body><h1>Bad Gateway</h1></body></html>".into());
    // Half of the calls that have such an answer get it.
    if let (Some(fault), 0) = (not_yet(call), choices.below(2)) {
        return ("not yet", fault);
    }
    match choices.below(14) {
        0..3 => ("throttled", throttled(call)),
        3 => ("500", bare(500)),
        4 => ("502", page(502)),
        5 => ("503", bare(503)),
        6 => ("504", page(504)),
        7 => ("dropped before", Fault::DropBefore),
        8 => ("dropped after", Fault::DropAfter),
        9 => ("half an answer", Fault::Half),
        10 => ("slow", Fault::Delay(Duration::from_millis(300))),
        _ => {
            // Most are a moment old, few as old as can be.
            let part = choices.below(10) as u32 + 1;
            ("an old answer", Fault::Stale(oldest * part * part / 100))
        }
    }
}
