//! Calls are sent no faster than AWS accepts them: the local AWS refuses what comes faster.

use serde_json::{Value, json};

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

const REGISTER: &str = r#"
import botocore.exceptions
ecs = client("ecs")
result = 0
for n in range(args):
    try:
        ecs.register_task_definition(family=f"job-{n}", containerDefinitions=[{"name": "job", "image": "busybox:1.36", "memory": 64}])
        result += 1
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "ThrottlingException", error
"#;

#[test]
fn what_comes_too_fast_is_refused() {
    let s = Subject::new(&file(0));
    s.account.throttle(true);
    s.account.boto3(REGISTER, &json!(30));
    let refused = s.account.throttle(false);
    assert!(refused["ecs:RegisterTaskDefinition"].as_u64().is_some_and(|times| times > 0), "{refused}");
}

#[test]
fn an_apply_with_every_section_is_never_too_fast() {
    let s = Subject::new(include_str!("data/sections.yaml"));
    s.account.throttle(true);
    s.apply();
    assert_eq!(s.account.throttle(false), json!({}));
}

#[test]
fn an_apply_is_never_too_fast() {
    let s = Subject::new(&file(26));
    s.account.throttle(true);
    s.apply();
    assert_eq!(s.account.throttle(false), json!({}));
    let registered = s.account.boto3("result = len(client('ecs').list_task_definitions()['taskDefinitionArns'])", &Value::Null);
    assert_eq!(registered, 26);
}
