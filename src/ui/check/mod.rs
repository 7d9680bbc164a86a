//! What a stack was held to, and what does not meet it: text, JSON, Markdown, SARIF and JUnit, all from one value.

mod junit;
mod listed;
mod markdown;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

pub use junit::check_junit;
pub use listed::{Elsewhere, Listed, list_markdown, list_text};
pub use markdown::check_markdown;
pub use sarif::check_sarif;
pub use text::{check_text, edits_text};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the JSON form. It grows with every change that a reader could notice.
pub const VERSION: u32 = 1;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not require action on its own.
    Low,
    /// It must be addressed, but not urgently.
    Medium,
    /// It must be addressed as a priority.
    High,
    /// It must be addressed right away.
    Critical,
}

impl Severity {
    /// Every one, the worst first.
    pub const ALL: [Severity; 4] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

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

/// A rule that objects are held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its id.
    pub id: Cow<'static, str>,
    /// How bad it is when it is not met.
    pub severity: Severity,
    /// The standard that it is of.
    pub standard: &'static str,
    /// What is asked for.
    pub title: Cow<'static, str>,
    /// Why it matters.
    pub why: Cow<'static, str>,
    /// How to meet it.
    pub remedy: Cow<'static, str>,
    /// The page about it; empty for a rule of the user's own.
    pub url: String,
}

/// Where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The file says so; what runs is as it should be, or was not asked for.
    File,
    /// What runs is so, and the file says otherwise or nothing.
    Live,
    /// Both.
    Both,
    /// The account is so, which no file says.
    Account,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// The smallest edit of the file after which it is met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edit {
    /// The keys that lead to the value.
    pub path: Vec<String>,
    /// The value.
    pub value: Value,
    /// Both on one line, as YAML.
    pub yaml: String,
}

/// What the file says about a finding that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Why.
    pub reason: String,
    /// The last day.
    pub until: String,
    /// Whether that is over, so that it is a finding again.
    pub expired: bool,
}

/// An object that does not meet a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// The object, by its key.
    pub object: String,
    /// The section of the file that it comes from, as far as that is known.
    pub section: Option<String>,
    /// What is so.
    pub what: String,
    /// Where it was found.
    pub found: Found,
    /// The place in the file.
    pub place: Place,
    /// The edit, if there is one of one key.
    pub edit: Option<Edit>,
    /// What the file says about it.
    pub exception: Option<Accepted>,
}

impl Finding {
    /// Checks whether the file accepts it.
    pub fn is_accepted(&self) -> bool {
        self.exception.as_ref().is_some_and(|exception| !exception.expired)
    }

    /// Returns how to fix it, in words.
    fn fix(&self) -> String {
        match (self.found, &self.edit) {
            (Found::Live, _) => {
                "if the file says otherwise, `stack apply` restores that; if it says nothing, set it there".to_owned()
            }
            (_, Some(edit)) => format!("`{}`", edit.yaml),
            _ if self.rule.remedy.is_empty() => "see what the rule says".to_owned(),
            _ => self.rule.remedy.clone().into_owned(),
        }
    }

    /// Returns where it was found, in words, if what runs was looked at.
    fn found_in(&self, live: bool) -> Option<&'static str> {
        live.then_some(match self.found {
            Found::File => "only in the file",
            Found::Live => "only in AWS",
            Found::Both => "in the file and in AWS",
            Found::Account => "of the account",
        })
    }
}

/// What a stack was held to, and what was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// [`VERSION`].
    pub version: u32,
    /// The stack's name.
    pub stack: String,
    /// The environment.
    pub env: String,
    /// The file.
    pub file: String,
    /// Whether what runs was looked at too.
    pub live: bool,
    /// Only findings that are as bad as this, or worse, are told.
    pub severity: Severity,
    /// What was looked for.
    #[serde(skip)]
    pub rules: Vec<Rule>,
    /// The number of rules.
    pub checked: usize,
    /// The number of findings that are not bad enough.
    pub below: usize,
    /// What does not meet them, and is not accepted; the worst first.
    pub findings: Vec<Finding>,
    /// What does not meet them, and is accepted.
    pub accepted: Vec<Finding>,
    /// The exceptions of the file that were not needed, by their rules.
    pub unneeded: Vec<String>,
}

impl Checked {
    /// Returns how many findings there are of a severity.
    fn of(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity == severity).count()
    }

    /// Returns what was found, in a sentence.
    fn summary(&self) -> String {
        let rules = super::count(self.checked, "control");
        let below = match self.below {
            0 => String::new(),
            n => format!(" {n} of lower severity {} not shown.", if n == 1 { "is" } else { "are" }),
        };
        let accepted = match self.accepted.len() {
            0 => String::new(),
            n => format!(" {} accepted by exceptions of the file.", if n == 1 { "1 is".to_owned() } else { format!("{n} are") }),
        };
        if self.findings.is_empty() {
            return format!("No findings: {rules} checked.{below}{accepted}");
        }
        let parts: Vec<String> = Severity::ALL
            .iter()
            .filter(|severity| self.of(**severity) > 0)
            .map(|severity| format!("{} {}", self.of(*severity), severity.as_str()))
            .collect();
        format!("{}: {}. {rules} checked.{below}{accepted}", super::count(self.findings.len(), "finding"), parts.join(", "))
    }
}
