use aws_sdk_cloudwatchlogs::types::QueryDefinition as Found;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogGroup;
use crate::aws::call::error::incomplete;
use crate::aws::logs::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Readiness, Resource, Result, Rule, Scope, Usual};

/// The maxima of `PutQueryDefinition` and of a query's log groups
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>).
const QUERY: usize = 10_000;
const GROUPS: usize = 50;

/// A query that CloudWatch Logs Insights keeps. It has no tags: it is the stack's by its name, `STACK/ENVIRONMENT/NAME`, and by the comment above
/// the query.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryDefinition {
    /// The query, in the language of Logs Insights.
    #[schemars(length(min = 1))]
    pub query: String,
    /// The names of the log groups that it is about. Left out: they are chosen when it is run.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ID that AWS gave it.
    pub id: String,
    /// The name: `STACK/ENVIRONMENT/NAME`.
    pub name: String,
}

/// Returns what the names of the stack's queries start with: the console shows it as folders.
fn folder(scope: &Scope) -> String {
    format!("{}/{}/", scope.stack, scope.env)
}

/// Returns the comment that says whose query it is.
fn comment(scope: &Scope) -> String {
    format!("# kept by stack: {}/{} in {}\n", scope.stack, scope.env, scope.region)
}

fn observed(scope: &Scope, found: &Found) -> Option<Observed<QueryDefinition>> {
    let (id, name) = (found.query_definition_id()?.to_owned(), found.name()?.to_owned());
    let key = name.strip_prefix(&folder(scope)).filter(|key| !key.is_empty())?.to_owned();
    let text = found.query_string().unwrap_or_default();
    let query = text.strip_prefix(&comment(scope));
    Some(Observed {
        claim: if query.is_some() { Claim::Ours(key) } else { Claim::Taken(key) },
        fields: QueryDefinition { query: query.unwrap_or(text).to_owned(), groups: found.log_group_names().to_vec() },
        live: Live { id, name },
        state: Readiness::Ready,
    })
}

impl QueryDefinition {
    fn text(&self, scope: &Scope) -> String {
        comment(scope) + &self.query
    }
}

impl Resource for QueryDefinition {
    const KIND: &'static str = "logs.query_definition";
    const RULES: &'static [Rule] = &[Rule::set("groups"), Rule::takes("groups.*", &[(LogGroup::KIND, "name")])];
    const USUAL: Usual = Usual::secs(1, 1);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        // The comment above it has two names of 63 characters at most, and a region.
        const COMMENT: usize = 200;
        if self.query.chars().count() > QUERY - COMMENT {
            return Some(("query", format!("CloudWatch Logs accepts at most {} characters", QUERY - COMMENT)));
        }
        (self.groups.len() > GROUPS).then(|| ("groups", format!("a query is about at most {GROUPS} log groups")))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let call = cx.cloud.logs.describe_query_definitions().query_definition_name_prefix(folder(&cx.scope));
            let answer = call.set_next_token(next).send().await.map_err(failed("logs:DescribeQueryDefinitions"))?;
            all.extend(answer.query_definitions().iter().filter_map(|found| observed(&cx.scope, found)));
            next = answer.next_token;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "logs:PutQueryDefinition";
        let name = folder(&cx.scope) + &cx.key.name;
        let call = cx.cloud.logs.put_query_definition().name(&name).query_string(self.text(&cx.scope));
        // Names are not unique: without a token, a call that is sent again makes another one. It has 36 characters at least.
        let token = format!("stack-{}", cx.token_for_now("query definition"));
        let call = call.set_log_group_names(Some(self.groups.clone())).client_token(token);
        let answer = call.send().await.map_err(failed(OP))?;
        let id = answer.query_definition_id.ok_or_else(|| incomplete(OP, "the ID"))?;
        Ok(Live { id, name })
    }

    async fn update(&self, cx: &Cx, live: &Live, _diff: &Diff) -> Result<Live> {
        let call = cx.cloud.logs.put_query_definition().query_definition_id(&live.id).name(&live.name);
        let call = call.query_string(self.text(&cx.scope)).set_log_group_names(Some(self.groups.clone()));
        call.send().await.map_err(failed("logs:PutQueryDefinition"))?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.logs.delete_query_definition().query_definition_id(&live.id);
        call.send().await.map_err(failed("logs:DeleteQueryDefinition"))?;
        Ok(())
    }
}

impl AwsKind for QueryDefinition {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["logs:PutQueryDefinition"],
        update: &["logs:PutQueryDefinition"],
        delete: &["logs:DeleteQueryDefinition"],
    };
}
