use aws_sdk_elasticloadbalancingv2::types as sdk;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TargetGroup;
use crate::engine::{Class, Error, Ref, Result};

/// What a listener or a rule does with a request: exactly one of three actions, named by `kind`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The action: `forward`, `redirect` or `fixed-response`.
    pub kind: String,
    /// The target group of `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group: Option<Ref<TargetGroup>>,
    /// The new address of `redirect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// The answer of `fixed-response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<FixedResponse>,
    /// Actions that come before this one, in AWS's words: `authenticate-oidc`. Left out: none, which is what it should have.
    #[serde(default)]
    #[schemars(skip)]
    pub first: Vec<String>,
}

/// A redirect to another address. Parts that are left out stay as in the request.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The protocol: `HTTPS`, or `#{protocol}` for that of the request.
    pub protocol: String,
    /// The port: `443`, or `#{port}` for that of the request.
    pub port: String,
    /// The status code: `HTTP_301` or `HTTP_302`.
    pub status_code: String,
    /// The host: `www.example.com`, or `#{host}` for that of the request. Left out: that of the request.
    #[serde(default = "Redirect::same_host")]
    pub host: String,
    /// The path: `/new`, or `/#{path}` for that of the request. Left out: that of the request.
    #[serde(default = "Redirect::same_path")]
    pub path: String,
    /// The query, without the question mark, or `#{query}` for that of the request. Left out: that of the request.
    #[serde(default = "Redirect::same_query")]
    pub query: String,
}

/// AWS's defaults for what is left out
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>).
impl Redirect {
    fn same_host() -> String {
        "#{host}".into()
    }

    fn same_path() -> String {
        "/#{path}".into()
    }

    fn same_query() -> String {
        "#{query}".into()
    }

    /// Returns a redirect to the same place over another protocol and port.
    pub fn to(protocol: &str, port: &str, status_code: &str) -> Redirect {
        Redirect {
            protocol: protocol.into(),
            port: port.into(),
            status_code: status_code.into(),
            host: Redirect::same_host(),
            path: Redirect::same_path(),
            query: Redirect::same_query(),
        }
    }

    fn from_sdk(from: &sdk::RedirectActionConfig) -> Redirect {
        let or = |told: Option<&str>, default: String| told.map_or(default, str::to_owned);
        Redirect {
            protocol: or(from.protocol(), "#{protocol}".into()),
            port: or(from.port(), "#{port}".into()),
            status_code: from.status_code().map_or("", |c| c.as_str()).to_owned(),
            host: or(from.host(), Redirect::same_host()),
            path: or(from.path(), Redirect::same_path()),
            query: or(from.query(), Redirect::same_query()),
        }
    }
}

/// A fixed answer, for which no target is asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedResponse {
    /// The status code: `404`.
    pub status_code: String,
    /// The content type: `text/plain`.
    pub content_type: String,
    /// The text of the answer.
    pub body: String,
}

impl Action {
    /// Returns the action as AWS expects it.
    pub(super) fn to_sdk(&self) -> Result<sdk::Action> {
        let missing = |field: &str| Error::new(Class::Invalid, format!("an action of kind `{}` needs `{field}`", self.kind));
        let action = sdk::Action::builder().r#type(sdk::ActionTypeEnum::from(self.kind.as_str()));
        Ok(match self.kind.as_str() {
            "forward" => {
                let group = self.target_group.as_ref().ok_or_else(|| missing("target_group"))?;
                action.target_group_arn(group.id()?).build()
            }
            "redirect" => {
                let to = self.redirect.as_ref().ok_or_else(|| missing("redirect"))?;
                let config = sdk::RedirectActionConfig::builder().protocol(&to.protocol).port(&to.port);
                let config = config.host(&to.host).path(&to.path).query(&to.query);
                let config = config.status_code(sdk::RedirectActionStatusCodeEnum::from(to.status_code.as_str())).build();
                action.redirect_config(config).build()
            }
            "fixed-response" => {
                let answer = self.fixed.as_ref().ok_or_else(|| missing("fixed"))?;
                let config = sdk::FixedResponseActionConfig::builder().status_code(&answer.status_code);
                let config = config.content_type(&answer.content_type).message_body(&answer.body).build();
                action.fixed_response_config(config).build()
            }
            other => {
                let expected = "expected `forward`, `redirect` or `fixed-response`";
                return Err(Error::new(Class::Invalid, format!("`{other}` is not a kind of action: {expected}")));
            }
        })
    }

    /// Returns AWS's `now` actions, with the target group of this action added without any traffic: its targets are only checked
    /// when a load balancer knows it. Returns none when it is there already.
    pub(super) fn beside(&self, now: &[sdk::Action]) -> Result<Option<Vec<sdk::Action>>> {
        let Some(group) = self.target_group.as_ref() else { return Ok(None) };
        let group = group.id()?;
        let Some(at) = now.iter().position(|a| a.r#type() == Some(&sdk::ActionTypeEnum::Forward)) else {
            // Nothing is forwarded anywhere: nothing that serves is lost.
            return Ok(Some(vec![self.to_sdk()?]));
        };
        let config = now[at].forward_config();
        let mut groups = config.map(|c| c.target_groups().to_vec()).unwrap_or_default();
        if groups.is_empty() {
            groups.extend(now[at].target_group_arn().map(|arn| of_group(arn, 1)));
        }
        if groups.iter().any(|g| g.target_group_arn() == Some(group)) {
            return Ok(None);
        }
        groups.push(of_group(group, 0));
        let stickiness = config.and_then(|c| c.target_group_stickiness_config().cloned());
        let config = sdk::ForwardActionConfig::builder().set_target_groups(Some(groups));
        let config = config.set_target_group_stickiness_config(stickiness).build();
        let mut actions = now.to_vec();
        let action = sdk::Action::builder().r#type(sdk::ActionTypeEnum::Forward).set_order(now[at].order());
        actions[at] = action.forward_config(config).build();
        Ok(Some(actions))
    }

    /// Returns an action that sends everything to a target group.
    pub fn forward(target_group: Ref<TargetGroup>) -> Action {
        Action { kind: "forward".into(), target_group: Some(target_group), ..Action::default() }
    }

    /// Reads AWS's actions: the last one decides, those before it only authenticate.
    pub(super) fn from_sdk(actions: &[sdk::Action]) -> Action {
        let Some(action) = actions.iter().max_by_key(|a| a.order().unwrap_or(0)) else {
            return Action::default();
        };
        let mut first: Vec<&sdk::Action> = actions.iter().filter(|other| !std::ptr::eq(*other, action)).collect();
        first.sort_by_key(|a| a.order().unwrap_or(0));
        let groups: Vec<&str> = action
            .forward_config()
            .map(|f| f.target_groups().iter().filter_map(|g| g.target_group_arn()).collect())
            .unwrap_or_default();
        // `stack` never writes several groups with weights: no single group describes them.
        let group = match groups[..] {
            [] => action.target_group_arn(),
            [one] => Some(one),
            _ => None,
        };
        Action {
            kind: action.r#type().map_or("", |t| t.as_str()).to_owned(),
            target_group: group.map(Ref::physical),
            redirect: action.redirect_config().map(Redirect::from_sdk),
            fixed: action.fixed_response_config().map(|f| FixedResponse {
                status_code: f.status_code().unwrap_or_default().to_owned(),
                content_type: f.content_type().unwrap_or_default().to_owned(),
                body: f.message_body().unwrap_or_default().to_owned(),
            }),
            first: first.into_iter().map(|a| a.r#type().map_or("", |t| t.as_str()).to_owned()).collect(),
        }
    }
}

fn of_group(arn: &str, weight: i32) -> sdk::TargetGroupTuple {
    sdk::TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Resource;

    #[test]
    fn a_new_group_is_added_beside_the_serving_one() {
        let forward = |arn: &str| Action::forward(Ref::physical(arn));
        let now = [forward("arn:old").to_sdk().unwrap()];
        let beside = forward("arn:new").beside(&now).unwrap().unwrap();
        let groups = beside[0].forward_config().unwrap().target_groups();
        let told: Vec<_> = groups.iter().map(|g| (g.target_group_arn().unwrap(), g.weight().unwrap())).collect();
        assert_eq!(told, [("arn:old", 1), ("arn:new", 0)]);
        assert!(beside[0].target_group_arn().is_none(), "AWS takes one of the two forms");
        assert!(forward("arn:new").beside(&beside).unwrap().is_none(), "once is enough");
        assert!(Action::from_sdk(&beside).target_group.is_none(), "it is not done before the second step");
    }

    fn there_and_back(action: &Action) -> serde_json::Value {
        serde_json::to_value(Action::from_sdk(&[action.to_sdk().unwrap()])).unwrap()
    }

    #[test]
    fn every_action_reads_back_as_it_was_written() {
        let none = Action::default();
        let redirect = Redirect { host: "www.example.com".into(), ..Redirect::to("HTTPS", "443", "HTTP_301") };
        let fixed = FixedResponse { status_code: "404".into(), content_type: "text/plain".into(), body: "no".into() };
        for action in [
            Action::forward(Ref::physical("arn:tg")),
            Action { kind: "redirect".into(), redirect: Some(redirect), ..none.clone() },
            Action { kind: "fixed-response".into(), fixed: Some(fixed), ..none.clone() },
        ] {
            assert_eq!(there_and_back(&action), serde_json::to_value(&action).unwrap());
        }
        assert!(Action { kind: "forward".into(), ..none }.to_sdk().is_err());
    }

    /// Every changed field shows.
    fn changed(wanted: &Action, now: &[sdk::Action]) -> Vec<String> {
        let value = |action: &Action| serde_json::json!({"default_action": serde_json::to_value(action).unwrap()});
        let (wanted, now) = (value(wanted), value(&Action::from_sdk(now)));
        let found = crate::engine::diff(super::super::Listener::RULES, &wanted, &now, &Default::default());
        found.changes.into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn a_redirect_elsewhere_is_a_difference() {
        let redirect = |to: Redirect| Action { kind: "redirect".into(), redirect: Some(to), ..Action::default() };
        let wanted = redirect(Redirect::to("HTTPS", "443", "HTTP_301"));
        assert_eq!(changed(&wanted, &[wanted.to_sdk().unwrap()]), Vec::<String>::new());
        let config = sdk::RedirectActionConfig::builder().protocol("HTTPS").port("443");
        let untold = config.status_code(sdk::RedirectActionStatusCodeEnum::Http301).build();
        let untold = sdk::Action::builder().r#type(sdk::ActionTypeEnum::Redirect).redirect_config(untold).build();
        assert_eq!(changed(&wanted, &[untold]), Vec::<String>::new(), "AWS's defaults");
        for (field, value) in [("host", "evil.example"), ("path", "/there"), ("query", "a=b")] {
            let mut other = serde_json::to_value(Redirect::to("HTTPS", "443", "HTTP_301")).unwrap();
            other[field] = value.into();
            let other = redirect(serde_json::from_value(other).unwrap()).to_sdk().unwrap();
            assert_eq!(changed(&wanted, &[other]), [format!("default_action.redirect.{field}")]);
        }
    }

    #[test]
    fn what_is_done_before_an_action_is_a_difference() {
        let wanted = Action::forward(Ref::physical("arn:tg"));
        let login = sdk::Action::builder().r#type(sdk::ActionTypeEnum::AuthenticateOidc).order(1).build();
        let mut last = wanted.to_sdk().unwrap();
        last.order = Some(2);
        assert_eq!(changed(&wanted, &[login, last]), ["default_action.first"]);
    }

    #[test]
    fn a_weighted_forward_is_not_a_forward_to_one_group() {
        let group = |arn: &str| sdk::TargetGroupTuple::builder().target_group_arn(arn).weight(1).build();
        let config = sdk::ForwardActionConfig::builder().target_groups(group("arn:a")).target_groups(group("arn:b")).build();
        let action = sdk::Action::builder().r#type(sdk::ActionTypeEnum::Forward).forward_config(config).build();
        assert!(Action::from_sdk(&[action]).target_group.is_none());
    }
}
