//! Controls: what AWS's Foundational Security Best Practices ask of an object, by their ids.
//!
//! What is known about the controls of a service is a table in its folder; here is what such a table is made of. A control looks at
//! the same structs that a file is expanded into and that AWS is read into, so one check holds both to it.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html>

pub mod account;
pub mod later;
pub mod policies;
#[cfg(test)]
mod tests;
mod view;

pub use view::{Object, View};

use serde::Serialize;
use serde_json::Value;

use crate::engine::{Error, Key, Result};

/// How bad it is when a control is not met, as AWS says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not require action on its own.
    Low,
    /// It must be addressed, but not urgently.
    Medium,
    /// It must be addressed as a priority.
    High,
    /// It must be remediated right away to avoid it escalating.
    Critical,
}

impl Severity {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// When an object is held to a control without being asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Always.
    Basic,
    /// For what people depend on: it costs more, or makes deleting harder.
    Production,
    /// When what runs is looked at.
    Live,
    /// When the account is looked at, too.
    Account,
    /// Only when all controls are asked for: it costs much, needs the application's support, contradicts another use, or is of another
    /// standard.
    Extra,
}

impl Level {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Basic => "basic",
            Level::Production => "production",
            Level::Live => "live",
            Level::Account => "account",
            Level::Extra => "extra",
        }
    }
}

/// A standard that a control is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Standard {
    /// AWS Foundational Security Best Practices.
    #[serde(rename = "FSBP")]
    Fsbp,
    /// Others that Security Hub knows: CIS, NIST SP 800-53, PCI DSS.
    #[serde(rename = "other")]
    Other,
}

/// What could not be read, and the controls that are not checked for that.
pub type Unread = (&'static [&'static str], Error);

/// One control.
#[derive(Clone, Copy)]
pub struct Control {
    /// AWS's id of it: `EC2.2`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// When it counts.
    pub level: Level,
    /// The standard.
    pub standard: Standard,
    /// What is asked for, in a few words.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to meet it, in words.
    pub remedy: &'static str,
    /// Finds every object that does not meet it.
    pub check: fn(&View) -> Result<Vec<Breach>>,
}

impl Control {
    /// Returns a control of FSBP that always counts.
    pub const fn new(
        id: &'static str,
        severity: Severity,
        (title, why, remedy): (&'static str, &'static str, &'static str),
        check: fn(&View) -> Result<Vec<Breach>>,
    ) -> Control {
        Control { id, severity, level: Level::Basic, standard: Standard::Fsbp, title, why, remedy, check }
    }

    /// Returns the same for production.
    #[must_use]
    pub const fn production(self) -> Control {
        Control { level: Level::Production, ..self }
    }

    /// Returns a control about what became of objects: see [`later`].
    pub const fn live(
        id: &'static str,
        severity: Severity,
        texts: (&'static str, &'static str, &'static str),
        check: fn(&View) -> Result<Vec<Breach>>,
    ) -> Control {
        Control { level: Level::Live, ..Control::new(id, severity, texts, check) }
    }

    /// Returns the same of the account.
    #[must_use]
    pub const fn account(self) -> Control {
        Control { level: Level::Account, ..self }
    }

    /// Returns the same where all controls are asked for.
    #[must_use]
    pub const fn extra(self) -> Control {
        Control { level: Level::Extra, ..self }
    }

    /// Returns the same of another standard than FSBP, which counts where all controls are asked for.
    #[must_use]
    pub const fn other(self) -> Control {
        Control { level: Level::Extra, standard: Standard::Other, ..self }
    }

    /// Returns AWS's page about it.
    pub fn url(&self) -> String {
        let id = self.id.to_ascii_lowercase();
        let service = id.split('.').next().unwrap_or(&id);
        format!("https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{}", id.replace('.', "-"))
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// A change of one field after which an object meets a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// The path of the field in the kind: `attributes`, `deletion_protection.enabled`.
    pub field: Vec<&'static str>,
    /// Its value.
    pub value: Value,
}

/// An object that does not meet a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The object.
    pub key: Key,
    /// What is so, in a few words: ``` `multi_az` is `false` ```.
    pub what: String,
    /// The one field to change, if one does.
    pub fix: Option<Fix>,
}

impl Breach {
    /// Returns a breach that no single field fixes.
    pub fn new(key: &Key, what: impl Into<String>) -> Breach {
        Breach { key: key.clone(), what: what.into(), fix: None }
    }

    /// Returns the same with the field that fixes it.
    #[must_use]
    pub fn fix(self, field: &[&'static str], value: impl Into<Value>) -> Breach {
        Breach { fix: Some(Fix { field: field.to_vec(), value: value.into() }), ..self }
    }
}

/// Controls of these services that are about what is not in a stack's objects: the account, or what AWS and people do meanwhile.
pub const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "the account, not the stack",
        &[
            "Account.1",
            "CloudTrail.2",
            "CloudTrail.4",
            "CloudTrail.5",
            "Config.1",
            "EC2.172",
            "GuardDuty.1",
            "Inspector.1",
            "Macie.1",
            "S3.1",
            "SSM.4",
        ],
    ),
    (
        "what the kinds cannot be otherwise: awsvpc networks on Fargate's latest platform, functions called only by rules, RSA keys from 2048",
        &[
            "ACM.2",
            "CloudFront.8",
            "CloudFront.10",
            "CloudFront.12",
            "CloudFront.16",
            "CloudFront.17",
            "ECS.1",
            "ECS.3",
            "ECS.4",
            "ECS.10",
            "ECS.16",
            "ECS.18",
            "ElastiCache.7",
            "Lambda.1",
        ],
    ),
    (
        "what a stack does not create: repositories, zones, classic balancers, WAF Classic, Aurora with its events (RDS.19), instances of EC2, \
         policies that are not inline (KMS.1), network ACLs besides the one of the VPC (EC2.16)",
        &[
            "AutoScaling.1",
            "AutoScaling.3",
            "AutoScaling.5",
            "AutoScaling.6",
            "AutoScaling.9",
            "EC2.3",
            "EC2.8",
            "EC2.9",
            "EC2.16",
            "ECR.1",
            "ECR.2",
            "ECR.3",
            "ECS.19",
            "ECS.21",
            "ELB.2",
            "ELB.3",
            "ELB.7",
            "ELB.8",
            "ELB.14",
            "KMS.1",
            "RDS.7",
            "RDS.12",
            "RDS.14",
            "RDS.15",
            "RDS.16",
            "RDS.19",
            "RDS.24",
            "RDS.27",
            "RDS.34",
            "RDS.35",
            "RDS.37",
            "RDS.40",
            "RDS.41",
            "RDS.43",
            "RDS.45",
            "RDS.47",
            "RDS.48",
            "RDS.50",
            "RDS.51",
            "Route53.2",
            "WAF.1",
            "WAF.2",
            "WAF.3",
            "WAF.4",
            "WAF.6",
            "WAF.7",
            "WAF.8",
        ],
    ),
    ("the application, and of another standard: event notifications of buckets", &["S3.11"]),
];
