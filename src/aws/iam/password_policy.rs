use aws_sdk_iam::types::PasswordPolicy as Reported;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::iam::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::effect::{Effect, Impact};
use crate::engine::{Claim, Class, Diff, Observed, Readiness, Resource, Result, Rule, Usual};

/// The sorts of characters that IAM can require.
const SORTS: [&str; 4] = ["lowercase", "numbers", "symbols", "uppercase"];
/// What IAM accepts: the length of passwords, how many former ones count, and after how many days they expire.
const LENGTH: (i32, i32) = (6, 128);
const FORMER: (i32, i32) = (1, 24);
const DAYS: (i32, i32) = (1, 1095);

/// The password policy of the account, for the passwords of all its IAM users
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>).
///
/// It belongs to no stack, so several can have it in their files: what is stricter than a file says stays, and nothing is ever relaxed or
/// deleted. It is read only for a file that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordPolicy {
    /// The least number of characters, from 6 to 128. A greater one stays. Left out: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<i32>,
    /// What passwords must contain: `lowercase`, `uppercase`, `numbers`, `symbols`. Others stay.
    pub contains: Vec<String>,
    /// How many former passwords cannot be used again, from 1 to 24. A greater number stays. Left out: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember: Option<i32>,
    /// After how many days passwords expire, from 1 to 1095. A smaller number stays. Left out: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<i32>,
    /// Whether users can change their own passwords without a policy that allows it. Left out: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users_may_change: Option<bool>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The account's id: it has one password policy.
    pub id: String,
}

/// Returns the policy of the account, if it has one of its own.
async fn read(cx: &Cx) -> Result<Option<Reported>> {
    let answer = cx.cloud.iam.get_account_password_policy().send().await.map_err(failed("iam:GetAccountPasswordPolicy"));
    match answer {
        Err(e) if e.class == Class::NotFound => Ok(None),
        other => Ok(other?.password_policy),
    }
}

fn fields(reported: &Reported) -> PasswordPolicy {
    let sorts = [
        reported.require_lowercase_characters(),
        reported.require_numbers(),
        reported.require_symbols(),
        reported.require_uppercase_characters(),
    ];
    PasswordPolicy {
        min_length: reported.minimum_password_length(),
        contains: SORTS.iter().zip(sorts).filter(|(_, required)| *required).map(|(sort, _)| (*sort).to_owned()).collect(),
        remember: reported.password_reuse_prevention(),
        // None expires where IAM reports none, or 0.
        max_age_days: reported.max_password_age().filter(|days| *days > 0),
        users_may_change: Some(reported.allow_users_to_change_password()),
    }
}

impl PasswordPolicy {
    /// Returns what is to be set, given the present policy: of each the stricter one.
    fn with(&self, present: &PasswordPolicy) -> PasswordPolicy {
        let stricter = |one: Option<i32>, other: Option<i32>| one.into_iter().chain(other).max();
        PasswordPolicy {
            min_length: stricter(self.min_length, present.min_length),
            contains: SORTS
                .iter()
                .map(|sort| (*sort).to_owned())
                .filter(|sort| self.contains.contains(sort) || present.contains.contains(sort))
                .collect(),
            remember: stricter(self.remember, present.remember),
            max_age_days: self.max_age_days.into_iter().chain(present.max_age_days).min(),
            users_may_change: self.users_may_change.or(present.users_may_change),
        }
    }

    /// Writes it, whole: IAM resets what the call leaves out. It says nothing of whether people with expired passwords can set a new one,
    /// unless the account has said so.
    async fn write(&self, cx: &Cx) -> Result<Live> {
        let reported = read(cx).await?;
        let wanted = self.with(&reported.as_ref().map(fields).unwrap_or_default());
        let requires = |sort: &str| wanted.contains.iter().any(|one| one == sort);
        let call = cx.cloud.iam.update_account_password_policy();
        let call = call.set_minimum_password_length(wanted.min_length).set_password_reuse_prevention(wanted.remember);
        let call = call.require_lowercase_characters(requires("lowercase")).require_numbers(requires("numbers"));
        let call = call.require_symbols(requires("symbols")).require_uppercase_characters(requires("uppercase"));
        let call = call.set_max_password_age(wanted.max_age_days).set_allow_users_to_change_password(wanted.users_may_change);
        let call = call.set_hard_expiry(reported.and_then(|it| it.hard_expiry));
        call.send().await.map_err(failed("iam:UpdateAccountPasswordPolicy"))?;
        Ok(Live { id: cx.scope.account.clone() })
    }
}

/// Returns what an expiry does to the people of the account.
fn expiring(desired: &Value) -> Vec<Effect> {
    let Some(days) = desired.get("max_age_days").and_then(Value::as_i64) else { return Vec::new() };
    let words =
        format!("every IAM user of the account whose password is older than {days} days must change it at the next sign-in");
    vec![Effect::new(Impact::Waits, words)]
}

impl Resource for PasswordPolicy {
    const KIND: &'static str = "iam.password_policy";
    const RULES: &'static [Rule] = &[
        Rule::at_least("min_length"),
        Rule::set("contains"),
        Rule::at_least("contains"),
        Rule::at_least("remember"),
        Rule::at_most("max_age_days"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    const TAGGED: bool = false;
    const SOLE: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let numbers = [
            ("min_length", self.min_length, LENGTH),
            ("remember", self.remember, FORMER),
            ("max_age_days", self.max_age_days, DAYS),
        ];
        let outside = |(field, number, (least, most)): (&'static str, Option<i32>, (i32, i32))| {
            let number = number.filter(|number| !(least..=most).contains(number))?;
            Some((field, format!("{number} is not from {least} to {most}")))
        };
        let unknown = || {
            let sort = self.contains.iter().find(|sort| !SORTS.contains(&sort.as_str()))?;
            Some(("contains", format!("`{sort}` is none of `{}`", SORTS.join("`, `"))))
        };
        numbers.into_iter().find_map(outside).or_else(unknown)
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        if !cx.cloud.wants.password_policy {
            return Ok(Vec::new());
        }
        let observed = |reported: Reported| Observed {
            claim: Claim::Adoptable,
            live: Live { id: cx.scope.account.clone() },
            fields: fields(&reported),
            state: Readiness::Ready,
        };
        Ok(read(cx).await?.map(observed).into_iter().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        self.write(cx).await
    }

    async fn update(&self, cx: &Cx, _: &Live, _: &Diff) -> Result<Live> {
        self.write(cx).await
    }

    async fn delete(_: &Cx, _: &Live) -> Result<()> {
        Ok(()) // it is the account's, and never deleted
    }

    fn effects(desired: &Value, _: &Value, diff: &Diff) -> Vec<Effect> {
        if diff.touches("max_age_days") { expiring(desired) } else { Vec::new() }
    }

    fn creating(desired: &Value) -> Vec<Effect> {
        expiring(desired)
    }
}

impl AwsKind for PasswordPolicy {
    const MARK: Mark = Mark::Account;
    const ACTIONS: Actions =
        Actions { create: &["iam:UpdateAccountPasswordPolicy"], update: &["iam:UpdateAccountPasswordPolicy"], delete: &[] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_of_each_is_set() {
        let text = |sorts: &[&str]| sorts.iter().map(|sort| (*sort).to_owned()).collect::<Vec<_>>();
        let file = PasswordPolicy {
            min_length: Some(14),
            contains: text(&["symbols", "numbers"]),
            remember: None,
            max_age_days: Some(90),
            users_may_change: Some(true),
        };
        let account = PasswordPolicy {
            min_length: Some(20),
            contains: text(&["uppercase"]),
            remember: Some(5),
            max_age_days: Some(365),
            users_may_change: Some(false),
        };
        let both = file.with(&account);
        assert_eq!(
            (both.min_length, both.remember, both.max_age_days, both.users_may_change),
            (Some(20), Some(5), Some(90), Some(true))
        );
        assert_eq!(both.contains, ["numbers", "symbols", "uppercase"]);
        assert_eq!(PasswordPolicy::default().with(&account), account);
    }

    #[test]
    fn what_iam_refuses_is_refused() {
        let refused = |policy: PasswordPolicy| policy.refused().map(|(field, _)| field);
        assert_eq!(refused(PasswordPolicy { min_length: Some(5), ..Default::default() }), Some("min_length"));
        assert_eq!(refused(PasswordPolicy { remember: Some(25), ..Default::default() }), Some("remember"));
        assert_eq!(refused(PasswordPolicy { max_age_days: Some(1096), ..Default::default() }), Some("max_age_days"));
        assert_eq!(refused(PasswordPolicy { contains: vec!["emoji".into()], ..Default::default() }), Some("contains"));
        assert_eq!(refused(PasswordPolicy { min_length: Some(128), remember: Some(24), ..Default::default() }), None);
    }
}
