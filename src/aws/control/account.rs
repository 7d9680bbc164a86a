//! The account that a stack is in: what AWS asks of its settings and of everyone's credentials, no matter whose they are. It is no stack's object, so
//! `stack` reads it and changes nothing of it.

use std::time::Duration;

use aws_sdk_cloudtrail::types::ReadWriteType;
use aws_sdk_iam::types::{ReportStateType, SummaryKeyType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Severity::{Critical, High, Medium};
use super::{Breach, Control, Unread, View};
use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::engine::{Class, Error, Key, Result};

/// What the account is called among the objects that are looked at: no kind, as there is nothing in a file for it.
pub const ACCOUNT: &str = "account.settings";
/// After how many days keys are old, and credentials unused.
const OLD: i64 = 90;
/// The least length of passwords.
const LENGTH: i32 = 8;
/// How often, and how long apart, IAM is asked whether its report is complete.
const TRIES: u32 = 30;
const APART: Duration = Duration::from_secs(2);

/// The settings of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether the root user has access keys.
    pub root_keys: bool,
    /// The device that the root user signs in with besides its password.
    pub root_mfa: Mfa,
    /// What passwords of users must be like; nothing where the account does not say.
    pub passwords: Option<Passwords>,
    /// Whether new volumes are encrypted in the region.
    pub volumes_encrypted: bool,
    /// Whether a trail of all regions records every call that manages something.
    pub trail: bool,
    /// The users with their credentials.
    pub users: Vec<User>,
}

/// A device of the root user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mfa {
    /// It has none.
    #[default]
    None,
    /// A program.
    Virtual,
    /// A key or a token.
    Hardware,
}

/// What passwords must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passwords {
    /// The least length.
    pub length: i32,
    /// Of which sorts they must have a character, of upper case, lower case, symbols and numbers.
    pub sorts: [bool; 4],
}

/// A user's credentials. Ages are in days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// How long a password was not used, if there is one.
    pub password: Option<i64>,
    /// Whether there is a device besides.
    pub mfa: bool,
    /// How old each active access key is, and how long it was not used.
    pub keys: Vec<(i64, i64)>,
}

impl Settings {
    /// Reads them, and returns what could not be read besides: that is then taken to be as it should. The credentials are those of IAM's
    /// report, which it renews every four hours at most
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>).
    pub async fn read(cx: &Cx) -> (Settings, Vec<Unread>) {
        let mut unread = Vec::new();
        let (root, passwords, volumes, trail, users) =
            futures::join!(root(cx), passwords(cx), volumes(cx), has_trail(cx), users(cx));
        let (root_keys, root_mfa) = known(root, (false, Mfa::Hardware), &["IAM.4", "IAM.6"], &mut unread);
        let strong = Some(Passwords { length: LENGTH, sorts: [true; 4] });
        let settings = Settings {
            root_keys,
            root_mfa,
            passwords: known(passwords, strong, &["IAM.7"], &mut unread),
            volumes_encrypted: known(volumes, true, &["EC2.7"], &mut unread),
            trail: known(trail, true, &["CloudTrail.1"], &mut unread),
            users: known(users, Vec::new(), &["IAM.3", "IAM.5", "IAM.8"], &mut unread),
        };
        (settings, unread)
    }
}

/// Returns an answer, or what is as it should be where there is none.
fn known<T>(answer: Result<T>, good: T, controls: &'static [&'static str], unread: &mut Vec<Unread>) -> T {
    answer.unwrap_or_else(|error| {
        unread.push((controls, error));
        good
    })
}

/// Returns whether the root user has keys, and its device (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>).
async fn root(cx: &Cx) -> Result<(bool, Mfa)> {
    let answer = cx.cloud.iam.get_account_summary().send().await.map_err(failed("iam:GetAccountSummary"))?;
    let number = |key: SummaryKeyType| answer.summary_map().and_then(|map| map.get(&key)).copied().unwrap_or_default();
    let has_keys = number(SummaryKeyType::AccountAccessKeysPresent) > 0;
    if number(SummaryKeyType::AccountMfaEnabled) == 0 {
        return Ok((has_keys, Mfa::None));
    }
    let devices = cx.cloud.iam.list_virtual_mfa_devices().into_paginator().items().send();
    let devices = devices.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListVirtualMFADevices"))?;
    let is_roots = |arn: Option<&str>| arn.is_some_and(|arn| arn.ends_with(":root"));
    let is_virtual = devices.iter().any(|device| is_roots(device.user().map(|user| user.arn())));
    Ok((has_keys, if is_virtual { Mfa::Virtual } else { Mfa::Hardware }))
}

async fn passwords(cx: &Cx) -> Result<Option<Passwords>> {
    let answer = cx.cloud.iam.get_account_password_policy().send().await.map_err(failed("iam:GetAccountPasswordPolicy"));
    let policy = match answer {
        Err(e) if e.is("NoSuchEntity") => return Ok(None),
        other => other?.password_policy,
    };
    let Some(policy) = policy else { return Ok(None) };
    Ok(Some(Passwords {
        length: policy.minimum_password_length().unwrap_or_default(),
        sorts: [
            policy.require_uppercase_characters(),
            policy.require_lowercase_characters(),
            policy.require_symbols(),
            policy.require_numbers(),
        ],
    }))
}

async fn volumes(cx: &Cx) -> Result<bool> {
    let answer = cx.cloud.ec2.get_ebs_encryption_by_default().send().await;
    Ok(answer.map_err(failed("ec2:GetEbsEncryptionByDefault"))?.ebs_encryption_by_default() == Some(true))
}

async fn has_trail(cx: &Cx) -> Result<bool> {
    let answer = cx.cloud.trail.describe_trails().include_shadow_trails(true).send().await;
    let trails = answer.map_err(failed("cloudtrail:DescribeTrails"))?.trail_list.unwrap_or_default();
    for trail in trails.iter().filter(|trail| trail.is_multi_region_trail() == Some(true)) {
        let Some(arn) = trail.trail_arn() else { continue };
        let status = cx.cloud.trail.get_trail_status().name(arn).send().await.map_err(failed("cloudtrail:GetTrailStatus"))?;
        if status.is_logging() == Some(true) && records_all(cx, arn).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Checks whether a trail records all calls that manage something, both those that read and those that write
/// (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html>). Trails of the organization may not be
/// asked from its members: they count.
async fn records_all(cx: &Cx, arn: &str) -> Result<bool> {
    let answer =
        cx.cloud.trail.get_event_selectors().trail_name(arn).send().await.map_err(failed("cloudtrail:GetEventSelectors"));
    let answer = match answer {
        Err(e) if e.class == Class::Denied => return Ok(true),
        other => other?,
    };
    let basic = answer.event_selectors().iter().any(|selector| {
        selector.include_management_events() == Some(true) && selector.read_write_type() == Some(&ReadWriteType::All)
    });
    let advanced = answer.advanced_event_selectors().iter().any(|selector| {
        let fields = selector.field_selectors();
        let manages = fields.iter().any(|one| one.field() == "eventCategory" && one.equals().iter().any(|v| v == "Management"));
        manages && fields.iter().all(|one| one.field() != "readOnly")
    });
    Ok(basic || advanced)
}

async fn users(cx: &Cx) -> Result<Vec<User>> {
    for tried in 0.. {
        let answer = cx.cloud.iam.generate_credential_report().send().await;
        let state = answer.map_err(failed("iam:GenerateCredentialReport"))?.state;
        if state == Some(ReportStateType::Complete) {
            break;
        }
        if tried == TRIES {
            let late = Error::new(Class::Late, "IAM has not completed its report about credentials within a minute");
            return Err(late.hint("run the same command again"));
        }
        tokio::time::sleep(APART).await;
    }
    let answer = cx.cloud.iam.get_credential_report().send().await.map_err(failed("iam:GetCredentialReport"))?;
    let bytes = answer.content.map(aws_sdk_iam::primitives::Blob::into_inner).unwrap_or_default();
    Ok(reported(&String::from_utf8_lossy(&bytes), Timestamp::now()))
}

/// Reads the report of credentials. The root user has other controls.
fn reported(report: &str, now: Timestamp) -> Vec<User> {
    let mut lines = report.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let user = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        // A name may have commas, and stands in the first two cells; the others are counted from the end.
        let more = cells.len().saturating_sub(head.len());
        let cell = |name: &str| {
            let at = head.iter().position(|one| *one == name);
            at.and_then(|at| cells.get(at + more).copied()).unwrap_or_default()
        };
        let is = |name: &str| cell(name).eq_ignore_ascii_case("true");
        // `N/A`, `no_information` and `not_supported` are no times.
        let days = |name: &str| {
            let at = cell(name).parse::<Timestamp>().ok()?;
            Some(now.duration_since(at).as_hours() / 24)
        };
        let made = days("user_creation_time").unwrap_or_default();
        let key = |number: u8| {
            let of = |what: &str| format!("access_key_{number}_{what}");
            let age = days(&of("last_rotated")).unwrap_or(made);
            is(&of("active")).then(|| (age, days(&of("last_used_date")).unwrap_or(age)))
        };
        User {
            name: cells.get(..=more / 2).unwrap_or_default().join(","),
            password: is("password_enabled")
                .then(|| days("password_last_used").or_else(|| days("password_last_changed")).unwrap_or(made)),
            mfa: is("mfa_active"),
            keys: [1, 2].into_iter().filter_map(key).collect(),
        }
    };
    lines.filter(|line| !line.is_empty()).map(user).filter(|user| user.name != "<root_account>").collect()
}

/// Returns a breach for everything that is wrong with the account, if it was looked at.
fn of(view: &View, wrong: impl Fn(&Settings) -> Vec<String>) -> Result<Vec<Breach>> {
    let mut out = Vec::new();
    for object in view.raw(ACCOUNT) {
        let settings = Settings::deserialize(object.fields.as_ref())
            .map_err(|e| Error::internal(format!("`{}` cannot be read: {e}", object.key)))?;
        out.extend(wrong(&settings).into_iter().map(|what| Breach::new(&object.key, what)));
    }
    Ok(out)
}

/// The same for each user.
fn of_users(view: &View, wrong: impl Fn(&User) -> Option<String>) -> Result<Vec<Breach>> {
    of(view, |settings| settings.users.iter().filter_map(|user| Some(format!("`{}` {}", user.name, wrong(user)?))).collect())
}

/// Returns the key under which an account is looked at.
pub fn key(account: &str) -> Key {
    Key::new(ACCOUNT, account)
}

/// The controls of an account.
pub static CONTROLS: &[Control] = &[
    Control::new(
        "IAM.4",
        Critical,
        ("The root user has no access key", "its permissions are unlimited, and it never expires", "delete the keys of the root user"),
        |view| of(view, |settings| settings.root_keys.then(|| "the root user has an access key".to_owned()).into_iter().collect()),
    )
    .account(),
    Control::new(
        "IAM.6",
        Critical,
        (
            "The root user signs in with a hardware device",
            "anyone with its password and a copy of the virtual device has full control of the account",
            "register a security key for the root user, and delete the virtual device",
        ),
        |view| {
            of(view, |settings| match settings.root_mfa {
                Mfa::None => vec!["the root user has no MFA device".to_owned()],
                Mfa::Virtual => vec!["the root user has a virtual MFA device".to_owned()],
                Mfa::Hardware => Vec::new(),
            })
        },
    )
    .account(),
    Control::new(
        "IAM.7",
        Medium,
        (
            "Passwords of users are strong",
            "a short password is guessed",
            "`access: { password_policy: {} }` in the file of a stack, or `aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers --require-uppercase-characters --require-lowercase-characters`",
        ),
        |view| of(view, |settings| weak(settings.passwords.as_ref()).into_iter().collect()),
    )
    .account(),
    Control::new(
        "IAM.5",
        Medium,
        ("Users with a password have MFA", "a password alone is easily stolen", "have the user register a device, or delete the password"),
        |view| of_users(view, |user| (user.password.is_some() && !user.mfa).then(|| "has a password and no MFA device".to_owned())),
    )
    .account(),
    Control::new(
        "IAM.3",
        Medium,
        (
            "Access keys are at most 90 days old",
            "old keys linger in forgotten places",
            "create another key, use it, and delete the old one; or use roles, which have no keys",
        ),
        |view| {
            of_users(view, |user| {
                let oldest = user.keys.iter().map(|(age, _)| *age).max().filter(|age| *age > OLD)?;
                Some(format!("has an access key that is {oldest} days old"))
            })
        },
    )
    .account(),
    Control::new(
        "IAM.8",
        Medium,
        (
            "Credentials that are not used for 90 days are removed",
            "someone who has left the team can still sign in",
            "delete the password and the keys, or the user",
        ),
        |view| {
            of_users(view, |user| {
                let password = user.password.filter(|days| *days > OLD).map(|days| format!("has not used a password for {days} days"));
                let keys = user.keys.iter().map(|(_, unused)| *unused).max().filter(|days| *days > OLD);
                password.or_else(|| keys.map(|days| format!("has not used an access key for {days} days")))
            })
        },
    )
    .account(),
    Control::new(
        "EC2.7",
        Medium,
        (
            "New volumes are encrypted",
            "without it, volumes created by hand are unencrypted",
            "`aws ec2 enable-ebs-encryption-by-default`, in each region",
        ),
        |view| {
            of(view, |settings| {
                (!settings.volumes_encrypted).then(|| "new volumes are not encrypted in this region".to_owned()).into_iter().collect()
            })
        },
    )
    .account(),
    Control::new(
        "CloudTrail.1",
        High,
        (
            "A trail of all regions records what is done",
            "without a trail, actions cannot be attributed",
            "create a trail of all regions for management events that are read and written: `aws cloudtrail create-trail --is-multi-region-trail`, `start-logging`",
        ),
        |view| {
            of(view, |settings| {
                (!settings.trail).then(|| "no trail of all regions records every management event".to_owned()).into_iter().collect()
            })
        },
    )
    .account(),
];

/// Returns what passwords need not be
/// (<https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-7>).
fn weak(passwords: Option<&Passwords>) -> Option<String> {
    let Some(passwords) = passwords else { return Some("the account has no password policy".to_owned()) };
    let names = ["an upper-case letter", "a lower-case letter", "a symbol", "a number"];
    let mut missing: Vec<String> =
        names.iter().zip(passwords.sorts).filter(|(_, required)| !required).map(|(name, _)| (*name).to_owned()).collect();
    if passwords.length < LENGTH {
        missing.push(format!("{LENGTH} characters"));
    }
    (!missing.is_empty()).then(|| format!("passwords need not have {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date
<root_account>,arn:aws:iam::123456789012:root,2020-01-01T00:00:00+00:00,not_supported,2026-11-01T00:00:00+00:00,not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A
ada,arn:aws:iam::123456789012:user/ada,2026-01-01T00:00:00+00:00,true,2026-11-20T00:00:00+00:00,2026-10-01T00:00:00+00:00,N/A,true,true,2026-08-20T00:00:00+00:00,2026-11-27T00:00:00+00:00,us-east-1,s3,false,2026-01-01T00:00:00+00:00,N/A
bob,arn:aws:iam::123456789012:user/bob,2026-01-01T00:00:00+00:00,true,no_information,2026-02-01T00:00:00+00:00,N/A,false,true,2026-11-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A
";

    #[test]
    fn credentials_are_as_old_as_the_report_says() {
        let users = reported(REPORT, "2026-11-28T00:00:00Z".parse().unwrap());
        let ada = User { name: "ada".into(), password: Some(8), mfa: true, keys: vec![(100, 1)] };
        let bob = User { name: "bob".into(), password: Some(300), mfa: false, keys: vec![(27, 27)] };
        assert_eq!(users, [ada, bob]);
        let comma = reported(&REPORT.replace("bob", "bob,jr"), "2026-11-28T00:00:00Z".parse().unwrap());
        assert_eq!((comma[1].name.as_str(), comma[1].password), ("bob,jr", Some(300)));
    }

    #[test]
    fn passwords_are_weak_without_a_policy() {
        let strong = Passwords { length: 8, sorts: [true; 4] };
        assert_eq!(weak(Some(&strong)), None);
        let lax = Passwords { length: 6, sorts: [true, true, false, true] };
        assert_eq!(weak(Some(&lax)).as_deref(), Some("passwords need not have a symbol, 8 characters"));
        assert_eq!(weak(None).as_deref(), Some("the account has no password policy"));
    }
}
