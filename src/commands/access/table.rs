//! The answers as a table, as Markdown, and for programs.

use serde::Serialize;

use super::questions::Question;
use crate::aws::iam::simulation::{Answer, Decision, Principal, Sort};
use crate::engine::Scope;
use crate::ui::{self, Terminal, Tone};

/// The number of objects that are named where only some are allowed.
const NAMED: usize = 3;

/// What may be said in the end.
pub const LIMITS: &str = "IAM's simulation knows the policies of users, groups and roles, permissions boundaries and policies of the organization; not those of buckets, keys, secrets and sessions.";

/// A principal with its answers.
#[derive(Clone, Debug)]
pub struct Row {
    /// Who.
    pub principal: Principal,
    /// What the stack calls it: `web-task`; none when it is not the stack's.
    pub key: Option<String>,
    /// Where the file has it: `access.groups.developers`; none when it does not.
    pub origin: Option<String>,
    /// The answers to each question; none where IAM could not be asked.
    pub answers: Vec<Option<Vec<Answer>>>,
}

/// What is said of a question in a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Allowed on all objects.
    Yes,
    /// Allowed on so many objects of so many.
    Some(usize, usize),
    /// Not allowed.
    No,
    /// Denied by a policy.
    Denied,
    /// Not allowed as far as is known: policies ask for what is not.
    Depends,
    /// IAM could not be asked.
    Unknown,
}

impl Cell {
    fn of(answers: Option<&[Answer]>) -> Cell {
        let Some(answers) = answers else { return Cell::Unknown };
        let allowed = answers.iter().filter(|one| one.decision == Decision::Allowed).count();
        match allowed {
            0 if answers.iter().all(|one| one.decision == Decision::Denied) => Cell::Denied,
            0 if answers.iter().any(|one| one.decision == Decision::NotAllowed && !one.missing.is_empty()) => Cell::Depends,
            0 => Cell::No,
            _ if allowed == answers.len() => Cell::Yes,
            _ => Cell::Some(allowed, answers.len()),
        }
    }

    fn words(&self) -> String {
        match self {
            Cell::Yes => "yes".to_owned(),
            Cell::Some(some, all) => format!("{some} of {all}"),
            Cell::No => "no".to_owned(),
            Cell::Denied => "denied".to_owned(),
            Cell::Depends => "depends".to_owned(),
            Cell::Unknown => "unknown".to_owned(),
        }
    }
}

impl Row {
    /// Returns what it is, with its name.
    pub fn name(&self) -> String {
        let sort = match self.principal.sort {
            Sort::Group => "group",
            Sort::User => "user",
            Sort::Role => "role",
        };
        // Names in AWS have the stack's and the region's in them, but those of users.
        let key = self.key.as_deref().filter(|_| self.principal.sort != Sort::User);
        format!("{sort} {}", key.unwrap_or(&self.principal.name))
    }

    fn label(&self) -> String {
        let beside = if self.origin.is_none() { " (not in the file)" } else { "" };
        format!("{}{beside}", self.name())
    }

    fn cell(&self, at: usize) -> Cell {
        Cell::of(self.answers.get(at).and_then(Option::as_deref))
    }
}

/// Checks whether a user means this one: by a name in the file or in AWS, or by the ARN.
pub fn is_meant(row: &Row, word: &str) -> bool {
    let origin = row.origin.as_deref().unwrap_or_default();
    let named = origin.strip_prefix("access.").map(|rest| rest.split_once('.').map_or(rest, |(_, name)| name));
    [row.principal.name.as_str(), &row.principal.arn, origin].contains(&word)
        || [named, row.key.as_deref()].contains(&Some(word))
        || row.name() == word
}

/// Returns the table of everyone.
pub fn everyone(rows: &[Row], questions: &[Question], terminal: &Terminal) -> String {
    let headers: Vec<String> = questions.iter().map(|question| question.name.to_uppercase()).collect();
    let headers: Vec<&str> = std::iter::once("WHO").chain(headers.iter().map(String::as_str)).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| std::iter::once(row.label()).chain((0..questions.len()).map(|at| row.cell(at).words())).collect())
        .collect();
    let tone = |header: &str, cell: &str| match cell {
        _ if header == "WHO" => Tone::Plain,
        "no" | "denied" => Tone::Plain,
        "unknown" | "depends" => Tone::Busy,
        _ => Tone::Good,
    };
    ui::toned_table(terminal, &headers, &cells, &tone)
}

/// Returns the actions of a question.
fn actions(question: &Question) -> String {
    let all = question.asks.iter().flat_map(|ask| &ask.actions).map(|action| format!("`{action}`"));
    all.collect::<Vec<_>>().join(", ")
}

/// Returns what the words mean.
pub fn legend(questions: &[Question], terminal: &Terminal) -> String {
    let row = |question: &Question| vec![question.name.to_owned(), question.about.to_owned(), actions(question)];
    ui::table(terminal, &["MAY", "MEANS", "ASKED OF IAM"], &questions.iter().map(row).collect::<Vec<_>>())
}

/// Returns everyone as a Markdown table.
pub fn markdown(rows: &[Row], questions: &[Question]) -> String {
    let names: Vec<&str> = questions.iter().map(|question| question.name).collect();
    let mut out = format!("| Who | {} |\n| --- |{}\n", names.join(" | "), " --- |".repeat(names.len()));
    for row in rows {
        let cells: Vec<String> = (0..questions.len()).map(|at| row.cell(at).words()).collect();
        out += &format!("| {} | {} |\n", row.label().replace('|', "\\|"), cells.join(" | "));
    }
    out.push('\n');
    for question in questions {
        out += &format!("- {}: {} ({})\n", question.name, question.about, actions(question));
    }
    out + "\n" + LIMITS + "\n"
}

/// Returns why the answer to a question is as it is.
fn why(question: &Question, answers: Option<&[Answer]>) -> String {
    let Some(answers) = answers else {
        return "permission to ask is missing (`iam:SimulatePrincipalPolicy`), or it is gone".to_owned();
    };
    let quoted = |names: Vec<&String>| {
        let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        names.sort();
        names.dedup();
        names.join(", ")
    };
    let by = |decision: Decision| quoted(answers.iter().filter(|one| one.decision == decision).flat_map(|one| &one.by).collect());
    let missing =
        || quoted(answers.iter().filter(|one| one.decision == Decision::NotAllowed).flat_map(|one| &one.missing).collect());
    let limit = answers.iter().find_map(|one| one.limit);
    match Cell::of(Some(answers)) {
        Cell::Yes => format!("allowed by {}", by(Decision::Allowed)),
        Cell::Denied => format!("denied by {}", by(Decision::Denied)),
        Cell::Some(..) => {
            let others: Vec<&str> =
                answers.iter().filter(|one| one.decision != Decision::Allowed).map(|one| one.resource.as_str()).collect();
            let more = others.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let others: Vec<String> = others.iter().take(NAMED).map(|arn| format!("`{arn}`")).collect();
            format!("allowed by {}, but not on {}{more}", by(Decision::Allowed), others.join(", "))
        }
        Cell::Depends => format!("depends on {}", missing()),
        _ => match limit {
            Some(limit) => format!("not allowed by {limit}"),
            None => format!("no policy allows {}", actions(question)),
        },
    }
}

/// Returns the answers about one, with the reasons.
pub fn one(row: &Row, questions: &[Question], terminal: &Terminal) -> String {
    let mut out = format!("{}\n  {}\n", row.label(), row.principal.arn);
    if let Some(origin) = &row.origin {
        out += &format!("  from `{origin}`\n");
    }
    if !row.principal.groups.is_empty() {
        out += &format!("  in {}\n", row.principal.groups.join(", "));
    }
    if !row.principal.trusts.is_empty() {
        let mfa = if row.principal.asks_mfa { ", with MFA" } else { "" };
        out += &format!("  assumed by {}{mfa}\n", row.principal.trusts.join(", "));
    }
    let cells: Vec<Vec<String>> = questions
        .iter()
        .enumerate()
        .map(|(at, question)| {
            let answers = row.answers.get(at).and_then(Option::as_deref);
            vec![question.name.to_owned(), row.cell(at).words(), why(question, answers)]
        })
        .collect();
    format!("{out}\n{}", ui::table(terminal, &["MAY", "ANSWER", "WHY"], &cells))
}

/// Everyone, for programs.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    stack: &'a str,
    env: &'a str,
    account: &'a str,
    region: &'a str,
    /// Whether people were asked about as if they had signed in with MFA.
    with_mfa: bool,
    questions: Vec<AskedJson<'a>>,
    principals: Vec<PrincipalJson<'a>>,
}

#[derive(Debug, Serialize)]
struct AskedJson<'a> {
    name: &'a str,
    about: &'a str,
    actions: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct PrincipalJson<'a> {
    sort: &'static str,
    name: &'a str,
    arn: &'a str,
    /// Where the file has it.
    in_file: Option<&'a str>,
    groups: &'a [String],
    assumed_by: &'a [String],
    may: std::collections::BTreeMap<&'a str, MayJson<'a>>,
}

#[derive(Debug, Serialize)]
struct MayJson<'a> {
    answer: &'static str,
    details: Vec<DetailJson<'a>>,
}

#[derive(Debug, Serialize)]
struct DetailJson<'a> {
    action: &'a str,
    resource: &'a str,
    decision: &'static str,
    by: &'a [String],
    missing: &'a [String],
    limit: Option<&'a str>,
}

/// Returns the same for programs.
pub fn told<'a>(rows: &'a [Row], questions: &'a [Question], scope: &'a Scope, with_mfa: bool) -> Told<'a> {
    let detail = |one: &'a Answer| DetailJson {
        action: &one.action,
        resource: &one.resource,
        decision: match one.decision {
            Decision::Allowed => "allowed",
            Decision::NotAllowed => "implicitDeny",
            Decision::Denied => "explicitDeny",
        },
        by: &one.by,
        missing: &one.missing,
        limit: one.limit,
    };
    let may = |row: &'a Row, at: usize| MayJson {
        answer: match row.cell(at) {
            Cell::Yes => "yes",
            Cell::Some(..) => "some",
            Cell::No => "no",
            Cell::Denied => "denied",
            Cell::Depends => "depends",
            Cell::Unknown => "unknown",
        },
        details: row.answers.get(at).and_then(Option::as_deref).unwrap_or_default().iter().map(detail).collect(),
    };
    let principal = |row: &'a Row| PrincipalJson {
        sort: match row.principal.sort {
            Sort::Group => "group",
            Sort::User => "user",
            Sort::Role => "role",
        },
        name: &row.principal.name,
        arn: &row.principal.arn,
        in_file: row.origin.as_deref(),
        groups: &row.principal.groups,
        assumed_by: &row.principal.trusts,
        may: questions.iter().enumerate().map(|(at, question)| (question.name, may(row, at))).collect(),
    };
    let asked = |question: &'a Question| AskedJson {
        name: question.name,
        about: question.about,
        actions: question.asks.iter().flat_map(|ask| ask.actions.iter().copied()).collect(),
    };
    Told {
        stack: &scope.stack,
        env: &scope.env,
        account: &scope.account,
        region: &scope.region,
        with_mfa,
        questions: questions.iter().map(asked).collect(),
        principals: rows.iter().map(principal).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(decision: Decision, missing: &[&str]) -> Answer {
        Answer {
            action: "s3:GetObject".into(),
            resource: "arn:x".into(),
            decision,
            by: vec!["view".into()],
            missing: missing.iter().map(|&key| key.to_owned()).collect(),
            limit: None,
        }
    }

    #[test]
    fn what_is_not_known_is_never_a_no() {
        let of = |answers: &[Answer]| Cell::of(Some(answers));
        let (yes, no, denied) =
            (answer(Decision::Allowed, &["k"]), answer(Decision::NotAllowed, &[]), answer(Decision::Denied, &["k"]));
        let depends = answer(Decision::NotAllowed, &["aws:SourceIp"]);
        assert_eq!(Cell::of(None), Cell::Unknown);
        assert_eq!(of(&[yes.clone(), yes.clone()]), Cell::Yes);
        assert_eq!(of(&[yes, no.clone(), denied.clone()]), Cell::Some(1, 3));
        assert_eq!(of(&[no.clone(), depends.clone()]), Cell::Depends);
        assert_eq!(of(&[denied.clone(), depends]), Cell::Depends);
        assert_eq!(of(&[denied.clone(), no.clone()]), Cell::No);
        assert_eq!((of(&[denied]), of(&[no])), (Cell::Denied, Cell::No));
    }

    #[test]
    fn the_reason_is_a_policy_a_key_or_a_boundary() {
        let question = Question { name: "files", about: "read", asks: Vec::new() };
        let said = |answers: &[Answer]| why(&question, Some(answers));
        assert_eq!(said(&[answer(Decision::Allowed, &[])]), "allowed by `view`");
        assert_eq!(said(&[answer(Decision::Denied, &[])]), "denied by `view`");
        assert_eq!(said(&[answer(Decision::NotAllowed, &["aws:SourceIp"])]), "depends on `aws:SourceIp`");
        let limited = Answer { limit: Some("its permissions boundary"), ..answer(Decision::NotAllowed, &[]) };
        assert_eq!(said(&[limited]), "not allowed by its permissions boundary");
        let both = [answer(Decision::Allowed, &[]), answer(Decision::NotAllowed, &[])];
        assert_eq!(said(&both), "allowed by `view`, but not on `arn:x`");
        assert!(why(&question, None).contains("iam:SimulatePrincipalPolicy"));
    }
}
