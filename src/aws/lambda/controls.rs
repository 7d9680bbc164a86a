//! The controls of functions: <https://docs.aws.amazon.com/securityhub/latest/userguide/lambda-controls.html>.

use super::Function;
use crate::aws::control::Severity::{Low, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

/// The runtimes that AWS keeps up to date (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
const SUPPORTED: &[&str] = &[
    "dotnet10",
    "dotnet8",
    "java11",
    "java17",
    "java21",
    "java25",
    "java8.al2",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2",
    "provided.al2023",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
];

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "Lambda.2",
        Medium,
        (
            "Functions have a runtime that AWS keeps up to date",
            "known vulnerabilities of an old runtime are no longer fixed",
            "set a newer `runtime`",
        ),
        old,
    ),
    Control::new(
        "Lambda.3",
        Low,
        (
            "Functions are in a network of the account",
            "without one, only their role limits what they can reach",
            "make this an exception: functions of a stack call AWS only",
        ),
        |view| {
            Ok(view
                .raw("lambda.function")
                .filter(|f| f.fields["network"].is_null())
                .map(|f| Breach::new(&f.key, "it is in no VPC"))
                .collect())
        },
    )
    .other(),
];

fn old(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Function>()?.into_iter().filter(|(_, function)| !SUPPORTED.contains(&function.runtime.as_str()));
    // Which one the code is written for, nobody but its author knows.
    Ok(all.map(|(key, function)| Breach::new(key, format!("its runtime is `{}`", function.runtime))).collect())
}
