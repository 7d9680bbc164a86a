//! Calls are sent no faster than AWS accepts them: the local AWS refuses what comes faster.

use serde_json::{Value, json};

use crate::support::aws::LocalAws;
use crate::support::subject::Subject;

/// A stack of task definitions, of which AWS registers twenty at once.
fn file(definitions: usize) -> String {
    let one = |n| {
        format!(
            "    job-{n}: {{ cpu: \"256\", memory: \"512\", execution_role: \"arn:aws:iam::123456789012:role/jobs\", containers: [{{ name: job, image: \"busybox:1.36\" }}] }}\n"
        )
    };
    let all: String = (0..definitions).map(one).collect();
    format!("stack: jobs\nregion: us-east-1\nresources:\n  ecs.task_definition:\n{all}")
}

/// Registers revisions until AWS refuses one, and says after how many.
const REGISTER: &str = r#"
import botocore.exceptions
ecs = client("ecs")
for n in range(200):
    try:
        ecs.register_task_definition(family="job", containerDefinitions=[{"name": "job", "image": "busybox:1.36", "memory": 64}])
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "ThrottlingException", error
        break
result = n
"#;

#[test]
fn what_comes_too_fast_is_refused() {
    let s = Subject::new(&file(0));
    s.account.throttle(true);
    let accepted = s.account.boto3(REGISTER, &Value::Null).as_u64().unwrap();
    let refused = s.account.throttle(false);
    assert!((20..200).contains(&accepted) && refused["ecs:RegisterTaskDefinition"].as_u64() >= Some(1), "{accepted} {refused}");
}

/// On a server of its own, which answers at once: what waits there arrives with what was sent later.
#[test]
fn an_apply_with_every_section_is_never_too_fast() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, include_str!("data/sections.yaml"));
    s.account.throttle(true);
    s.apply();
    assert_eq!(s.account.throttle(false), json!({}));
}

#[test]
fn an_apply_is_never_too_fast() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, &file(26));
    s.account.throttle(true);
    s.apply();
    assert_eq!(s.account.throttle(false), json!({}));
    let registered = s.account.boto3("result = len(client('ecs').list_task_definitions()['taskDefinitionArns'])", &Value::Null);
    assert_eq!(registered, 26);
}
