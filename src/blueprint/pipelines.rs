//! `access.pipelines`: roles that pipelines assume by OpenID Connect, and the providers of their tokens' issuers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access::{families, managed, policies};
use super::facts::Facts;
use super::objects::PIPELINE;
use crate::aws::Tags;
use crate::aws::iam::{OidcProvider, Role};
use crate::config::Stack;
use crate::config::access::{Pipeline, Providers};
use crate::config::limits::ROLE_INLINE;
use crate::engine::{Error, Graph, Scope};

/// Who issues the tokens of pipelines.
struct Issuer {
    /// The name of its provider's object.
    name: &'static str,
    /// Its address, without `https://`.
    host: &'static str,
    /// Whom the tokens are for.
    audience: &'static str,
}

/// <https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
const GITHUB: Issuer = Issuer { name: "github", host: "token.actions.githubusercontent.com", audience: "sts.amazonaws.com" };
/// <https://docs.gitlab.com/ci/cloud_services/aws/>
const GITLAB: Issuer = Issuer { name: "gitlab", host: "gitlab.com", audience: "https://gitlab.com" };

impl Issuer {
    fn of(pipeline: &Pipeline) -> &'static Issuer {
        if pipeline.gitlab.is_some() { &GITLAB } else { &GITHUB }
    }

    fn arn(&self, scope: &Scope) -> String {
        format!("arn:{}:iam::{}:oidc-provider/{}", scope.partition, scope.account, self.host)
    }
}

/// Returns the subjects of the tokens that may assume the role
/// (<https://docs.github.com/en/actions/reference/security/oidc#example-subject-claims>,
/// <https://docs.gitlab.com/ci/secrets/id_token_authentication/>).
fn subjects(pipeline: &Pipeline) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(repository) = &pipeline.github {
        // A colon in a name is spelled so, that no name can look like what follows it.
        let one = |what: &str, name: &str| format!("repo:{repository}:{what}{}", name.replace(':', "%3A"));
        out.extend(pipeline.branches.iter().map(|name| one("ref:refs/heads/", name)));
        out.extend(pipeline.tags.iter().map(|name| one("ref:refs/tags/", name)));
        out.extend(pipeline.environments.iter().map(|name| one("environment:", name)));
        out.extend(pipeline.pull_requests.then(|| one("pull_request", "")));
    }
    if let Some(project) = &pipeline.gitlab {
        let one = |what: &str, name: &str| format!("project_path:{project}:ref_type:{what}:ref:{name}");
        out.extend(pipeline.branches.iter().map(|name| one("branch", name)));
        out.extend(pipeline.tags.iter().map(|name| one("tag", name)));
    }
    out
}

/// Returns who may assume the role: only tokens of that issuer, for AWS, of these subjects. IAM refuses a trust in a shared issuer
/// that does not name subjects
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html>).
fn trust(pipeline: &Pipeline, provider: &str) -> Value {
    let issuer = Issuer::of(pipeline);
    let subjects = subjects(pipeline);
    let (audience, subject) = (format!("{}:aud", issuer.host), format!("{}:sub", issuer.host));
    let condition = if subjects.iter().any(|subject| subject.contains(['*', '?'])) {
        json!({"StringEquals": {audience: issuer.audience}, "StringLike": {subject: subjects}})
    } else {
        json!({"StringEquals": {audience: issuer.audience, subject: subjects}})
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }],
    })
}

pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<(), Error> {
    let families = families(facts.scope, graph, |name| stack.first_name(name));
    let mut providers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, pipeline) in &stack.access.pipelines {
        let issuer = Issuer::of(pipeline);
        let provider = match (providers.get(issuer.name), stack.access.identity_providers) {
            (Some(known), _) => known.clone(),
            (None, Providers::Existing) => issuer.arn(facts.scope),
            (None, Providers::Create) => {
                let provider = OidcProvider {
                    url: format!("https://{}", issuer.host),
                    audiences: vec![issuer.audience.to_owned()],
                    thumbprints: None,
                    tags: Tags::new(),
                };
                graph.add(issuer.name, "access.pipelines", &provider)?.attr("arn").to_string()
            }
        };
        let rights = pipeline.rights();
        let role = Role {
            trust: trust(pipeline, &provider),
            policies: policies(rights, facts.scope, graph, &families, &ROLE_INLINE),
            managed: managed(rights, facts.scope)?,
            description: None,
            boundary: None,
            tags: Tags::new(),
        };
        graph.add(format!("{name}{PIPELINE}"), &format!("access.pipelines.{name}"), &role)?;
        providers.insert(issuer.name, provider);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(value: Value) -> Pipeline {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn tokens_of_other_branches_do_not_fit() {
        let github = pipeline(json!({"github": "acme/shop", "branches": ["main"], "environments": ["Live: EU"]}));
        assert_eq!(subjects(&github), ["repo:acme/shop:ref:refs/heads/main", "repo:acme/shop:environment:Live%3A EU"]);
        let immutable = pipeline(json!({"github": "acme@12/shop@34", "tags": ["v*"], "pull_requests": true}));
        assert_eq!(subjects(&immutable), ["repo:acme@12/shop@34:ref:refs/tags/v*", "repo:acme@12/shop@34:pull_request"]);
        let gitlab = pipeline(json!({"gitlab": "acme/web/shop", "branches": ["main"], "tags": ["v1"]}));
        let one = "project_path:acme/web/shop:ref_type:branch:ref:main";
        assert_eq!(subjects(&gitlab), [one, "project_path:acme/web/shop:ref_type:tag:ref:v1"]);
    }

    #[test]
    fn patterns_are_patterns_only_where_there_are_any() {
        let condition = |value| trust(&pipeline(value), "arn:provider")["Statement"][0]["Condition"].clone();
        let host = "token.actions.githubusercontent.com";
        let exact = condition(json!({"github": "acme/shop", "branches": ["main"]}));
        assert_eq!(exact["StringEquals"][format!("{host}:sub")], json!(["repo:acme/shop:ref:refs/heads/main"]));
        assert_eq!(exact["StringEquals"][format!("{host}:aud")], "sts.amazonaws.com");
        assert!(exact.get("StringLike").is_none());
        let like = condition(json!({"github": "acme/shop", "branches": ["release/*"]}));
        assert_eq!(like["StringLike"][format!("{host}:sub")], json!(["repo:acme/shop:ref:refs/heads/release/*"]));
        assert_eq!(like["StringEquals"][format!("{host}:aud")], "sts.amazonaws.com");
        let gitlab = condition(json!({"gitlab": "acme/shop", "branches": ["main"]}));
        assert_eq!(gitlab["StringEquals"]["gitlab.com:aud"], "https://gitlab.com");
    }
}
