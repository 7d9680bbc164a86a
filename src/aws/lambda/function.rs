use std::collections::HashMap;
use std::path::Path;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, LogFormat, LoggingConfig, Runtime, State,
    VpcConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::package::package;
use super::{Found, NAME, functions};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::iam::Role;
use crate::aws::lambda::errors::failed;
use crate::aws::logs::LogGroup;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Diff, Impairment, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// A function that consists of one Python file, `index.py`, and perhaps a program that it runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// The role of the function: its ARN.
    pub role: Ref<Role>,
    /// The text of `index.py`. It is uploaded when the function is created and when `code_sha256` differs.
    pub code: String,
    /// An executable file of this machine, for Linux, which is `program` beside `index.py`. It is uploaded together with the text.
    /// Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The SHA-256 of the package with both, as Lambda reports it. Left out: the code of an existing function is not
    /// compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<String>,
    /// The runtime: `python3.13`.
    pub runtime: String,
    /// The handler, which is called for each event: `index.run`.
    pub handler: String,
    /// What the function is for. Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds after which a call is stopped, 1 to 900. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// Memory in MiB. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<i32>,
    /// The processor architecture: `arm64` or `x86_64`. It cannot be changed. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The log group for its output. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Ref<LogGroup>>,
    /// Settings that a function of the stack does not have, by name. Their values are never read: they may be secret. Left out:
    /// none, which is what it should have.
    #[serde(default)]
    pub extras: Vec<Extra>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// A setting that a function of the stack does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// Environment variables, which Python and its libraries read too.
    Environment,
    /// Layers: code of others beside its own.
    Layers,
    /// A VPC, from which AWS cannot be reached without further setup.
    Network,
    /// Reserved concurrency: how many calls can run at once; with 0 none can.
    Concurrency,
}

impl Extra {
    fn of(found: &Found) -> Vec<Extra> {
        let it = &found.configuration;
        let network = it.vpc_config().is_some_and(|v| !v.subnet_ids().is_empty() || !v.security_group_ids().is_empty());
        let variables = it.environment().and_then(|e| e.variables()).is_some_and(|v| !v.is_empty());
        let all = [
            (Extra::Environment, variables),
            (Extra::Layers, !it.layers().is_empty()),
            (Extra::Network, network),
            (Extra::Concurrency, found.concurrency.is_some()),
        ];
        all.into_iter().filter_map(|(extra, there)| there.then_some(extra)).collect()
    }
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

fn live_of(configuration: &FunctionConfiguration) -> Option<Live> {
    Some(Live { id: configuration.function_name.clone()?, arn: configuration.function_arn.clone()? })
}

/// The fields that an update of the function writes.
const UPDATED: &[&str] =
    &["role", "code_sha256", "runtime", "handler", "description", "timeout", "memory", "log_group", "extras"];

fn state_of(configuration: &FunctionConfiguration) -> Readiness {
    let reason = |text: Option<&str>| text.unwrap_or("Lambda gave no reason").to_owned();
    match (configuration.state(), configuration.last_update_status()) {
        (Some(State::Failed), _) => Readiness::Failed(reason(configuration.state_reason())),
        (Some(State::Pending), _) => Readiness::waiting("Pending"),
        (_, Some(LastUpdateStatus::InProgress)) => Readiness::waiting("its update is in progress"),
        // It runs as it was before (<https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>); another update ends that.
        (_, Some(LastUpdateStatus::Failed)) => Readiness::Impaired(Impairment {
            status: "update failed".into(),
            advice: format!("it still runs as before the update: {}", reason(configuration.last_update_status_reason())),
            fixed_by: Some(UPDATED.iter().map(|&field| field.to_owned()).collect()),
        }),
        // Also `Inactive`: the next event wakes it.
        _ => Readiness::Ready,
    }
}

impl Function {
    fn from_sdk(found: &Found) -> Function {
        let it = &found.configuration;
        Function {
            role: Ref::physical(it.role().unwrap_or_default()).attr("arn"),
            code: String::new(),
            program: None,
            code_sha256: it.code_sha256.clone(),
            runtime: it.runtime().map(|r| r.as_str().to_owned()).unwrap_or_default(),
            handler: it.handler.clone().unwrap_or_default(),
            description: it.description.clone(),
            timeout: it.timeout,
            memory: it.memory_size,
            architecture: it.architectures().first().map(|a| a.as_str().to_owned()),
            log_group: it.logging_config().and_then(|l| l.log_group()).map(Ref::physical),
            extras: Extra::of(found),
            tags: found.tags.clone(),
        }
    }

    fn package(&self) -> Result<Blob> {
        package(&self.code, self.program.as_deref().map(Path::new)).map(Blob::new)
    }

    fn logging(&self) -> Result<Option<LoggingConfig>> {
        let Some(group) = &self.log_group else { return Ok(None) };
        Ok(Some(LoggingConfig::builder().log_format(LogFormat::Text).log_group(group.id()?).build()))
    }
}

/// Returns the settings that were added and are removed.
fn extras_of(diff: &Diff) -> Vec<Extra> {
    let changes = diff.changes.iter().filter(|change| change.path == "extras" || change.path.starts_with("extras."));
    let before = changes.filter_map(|change| change.before.clone());
    let each = before.flat_map(|value| match value {
        serde_json::Value::Array(all) => all,
        one => vec![one],
    });
    each.filter_map(|value| serde_json::from_value(value).ok()).collect()
}

impl Resource for Function {
    const KIND: &'static str = "lambda.function";
    const RULES: &'static [Rule] = &[
        Rule::takes("role", &[("iam.role", "arn")]),
        Rule::create_only("code"),
        Rule::create_only("program"),
        Rule::immutable("architecture"),
        Rule::set("extras"),
        Rule::owned("tags"),
        Rule::unit("memory", "MiB"),
        Rule::unit("timeout", "s"),
    ];
    const USUAL: Usual = Usual::secs(5, 1);
    // While one change is under way, Lambda refuses the next.
    const STEPWISE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let of = |found: &Found| {
            let live = live_of(&found.configuration)?;
            let claim = names::claim(cx, cx.scope.claim(Self::KIND, &found.tags, false), &found.tags, &live.id, NAME);
            Some(Observed { claim, live, fields: Function::from_sdk(found), state: state_of(&found.configuration) })
        };
        Ok(functions(cx).await?.iter().filter_map(of).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "lambda:CreateFunction";
        let code = FunctionCode::builder().zip_file(self.package()?).build();
        let call = cx.cloud.lambda.create_function().function_name(names::name(cx, NAME)).code(code);
        let call = call.role(self.role.id()?).runtime(Runtime::from(self.runtime.as_str())).handler(&self.handler);
        let call = call.set_description(self.description.clone()).set_timeout(self.timeout).set_memory_size(self.memory);
        let architecture = self.architecture.as_deref().map(|name| vec![Architecture::from(name)]);
        let call = call.set_architectures(architecture).set_logging_config(self.logging()?);
        let made = call.set_tags(Some(self.tags.clone().into_iter().collect())).send().await.map_err(failed(OP))?;
        let (id, arn) = made.function_name.zip(made.function_arn).ok_or_else(|| incomplete(OP, "the name and ARN"))?;
        Ok(Live { id, arn })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let lambda = &cx.cloud.lambda;
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = lambda.tag_resource().resource(&live.arn).set_tags(Some(edit.write.into_iter().collect()));
                call.send().await.map_err(failed("lambda:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = lambda.untag_resource().resource(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("lambda:UntagResource"))?;
            }
        }
        if extras_of(diff).contains(&Extra::Concurrency) {
            let call = lambda.delete_function_concurrency().function_name(&live.id);
            call.send().await.map_err(failed("lambda:DeleteFunctionConcurrency"))?;
        }
        if diff.touches("code_sha256") {
            let call = lambda.update_function_code().function_name(&live.id).zip_file(self.package()?);
            call.send().await.map_err(failed("lambda:UpdateFunctionCode"))?;
        } else if diff.touches_other_than(&["tags"]) {
            let call = lambda.update_function_configuration().function_name(&live.id).role(self.role.id()?);
            let call = call.runtime(Runtime::from(self.runtime.as_str())).handler(&self.handler);
            let call = call.set_description(self.description.clone()).set_timeout(self.timeout).set_memory_size(self.memory);
            let mut call = call.set_logging_config(self.logging()?);
            for extra in extras_of(diff) {
                // Nothing given is left as it is; what is empty is taken away.
                call = match extra {
                    Extra::Environment => call.environment(Environment::builder().set_variables(Some(HashMap::new())).build()),
                    Extra::Layers => call.set_layers(Some(Vec::new())),
                    Extra::Network => {
                        let none = VpcConfig::builder().set_subnet_ids(Some(Vec::new())).set_security_group_ids(Some(Vec::new()));
                        call.vpc_config(none.build())
                    }
                    Extra::Concurrency => call,
                };
            }
            call.send().await.map_err(failed("lambda:UpdateFunctionConfiguration"))?;
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        cx.cloud.lambda.delete_function().function_name(&live.id).send().await.map_err(failed("lambda:DeleteFunction"))?;
        Ok(())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let answer = cx.cloud.lambda.get_function().function_name(&live.id).send().await.map_err(failed("lambda:GetFunction"));
        let found = present(answer.map(|a| a.configuration))?;
        Ok(found.map_or(Readiness::Gone, |configuration| state_of(&configuration)))
    }
}

impl AwsKind for Function {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["lambda:CreateFunction", "lambda:TagResource", "iam:PassRole"],
        update: &[
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:DeleteFunctionConcurrency",
            "lambda:TagResource",
            "lambda:UntagResource",
            "iam:PassRole",
        ],
        delete: &["lambda:DeleteFunction"],
    };
    const SPELLING: &'static [Spelling] = &[("architecture", How::Word(&["x86_64", "arm64"])), ("runtime", How::Lower)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_update_says_why_and_another_fixes_it() {
        let of = |status| {
            let it = FunctionConfiguration::builder().state(State::Active).last_update_status(status);
            state_of(&it.last_update_status_reason("the role cannot be assumed").build())
        };
        assert_eq!(of(LastUpdateStatus::Successful), Readiness::Ready);
        let Readiness::Impaired(it) = of(LastUpdateStatus::Failed) else { panic!("it serves as if nothing were wrong") };
        assert_eq!(it.advice, "it still runs as before the update: the role cannot be assumed");
        assert!(it.fixed_by.unwrap().contains(&"role".to_owned()));
    }
}
