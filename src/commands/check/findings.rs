//! From the objects of a file, and those that run, to findings with their places.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;

use super::super::arguments::StackFile;
use super::super::edited;
use super::super::stack_file;
use super::super::stop::Result;
use super::rules::Verdict;
use super::{loaded_again, rule};
use crate::aws::control::account::ACCOUNT;
use crate::aws::control::{Breach, Control, Fix, Level, View};
use crate::aws::registry;
use crate::blueprint::fixes;
use crate::config::{self, Loaded, edit};
use crate::engine::{Graph, Key, lies_in};
use crate::ui::check::{Accepted, Checked, Edit, Finding, Found, Place, Rule, Severity, VERSION};

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Only what is as bad as this.
    pub severity: Severity,
    /// Whether the controls for production count.
    pub production: bool,
    /// Whether all count.
    pub all: bool,
    /// Whether what runs is looked at.
    pub live: bool,
    /// Whether the account is looked at.
    pub account: bool,
    /// The day, for exceptions that end.
    pub today: Date,
}

/// A file to check, and what is known about it.
pub(super) struct Checking<'a> {
    /// The arguments that name it.
    pub file: &'a StackFile,
    /// Its text, with the file of its environment.
    pub text: &'a str,
    /// The schema of stack files.
    pub schema: &'a Value,
    /// What is looked for.
    pub wanted: Wanted,
    /// What runs.
    pub live: Option<&'a View>,
    /// The controls for which something could not be asked.
    pub unasked: &'a [&'static str],
    /// What rules of the user's own say.
    pub verdicts: &'a [Verdict],
}

/// What was found about one object and one control.
struct Raw {
    control: &'static Control,
    key: Key,
    what: BTreeSet<String>,
    fix: Option<Fix>,
    found: Found,
    section: Option<String>,
}

impl Wanted {
    /// Checks whether a control counts. An environment is a production environment when its file says so.
    fn counts(self, control: &Control, loaded: &Loaded) -> bool {
        let said = || loaded.tree().get("production") == Some(&Value::Bool(true));
        match control.level {
            Level::Basic => true,
            Level::Production => self.all || self.production || said(),
            Level::Live => self.live,
            Level::Account => self.account,
            Level::Extra => self.all,
        }
    }
}

/// What is so of each object, and the field that fixes all of it.
type ByObject = BTreeMap<Key, (BTreeSet<String>, Option<Fix>)>;

/// Returns the breaches of a control, by object.
fn breaches(control: &Control, view: &View) -> Result<ByObject> {
    let mut out = ByObject::new();
    for Breach { key, what, fix } in (control.check)(view)? {
        match out.get_mut(&key) {
            None => {
                out.insert(key, (BTreeSet::from([what]), fix));
            }
            Some((all, known)) => {
                all.insert(what);
                if *known != fix {
                    *known = None;
                }
            }
        }
    }
    Ok(out)
}

impl Checking<'_> {
    /// Holds a loaded file, and what runs, to the controls.
    pub(super) fn check(&self, loaded: &Loaded) -> Result<Checked> {
        let graph = stack_file::offline(loaded)?;
        let of_file = View::of_graph(&graph, &stack_file::unasked(loaded).account);
        let controls: Vec<&'static Control> = registry::controls()
            .filter(|control| self.wanted.counts(control, loaded) && !self.unasked.contains(&control.id))
            .collect();
        let mut raw = Vec::new();
        for control in &controls {
            raw.extend(self.of(control, &of_file, &graph)?);
        }
        let mut checked = Checked {
            version: VERSION,
            stack: loaded.stack.stack.to_string(),
            env: loaded.env.clone(),
            file: self.file.file.clone(),
            live: self.live.is_some(),
            severity: self.wanted.severity,
            rules: Vec::new(),
            checked: 0,
            below: 0,
            findings: Vec::new(),
            accepted: Vec::new(),
            unneeded: self.unneeded(&controls, &raw, loaded),
        };
        checked.rules = controls.iter().map(|control| rule(control)).filter(|r| r.severity >= self.wanted.severity).collect();
        for verdict in self.verdicts {
            let found = self.own(verdict, &graph, loaded);
            if !checked.rules.iter().any(|rule| rule.id == found.rule.id) && found.rule.severity >= self.wanted.severity {
                checked.rules.push(found.rule.clone());
            }
            match (found.rule.severity < self.wanted.severity, found.is_accepted()) {
                (true, is_accepted) => checked.below += usize::from(!is_accepted),
                (false, true) => checked.accepted.push(found),
                (false, false) => checked.findings.push(found),
            }
        }
        checked.checked = checked.rules.len();
        for found in raw {
            let exception = self.exception(&found, loaded);
            let is_accepted = exception.as_ref().is_some_and(|exception| !exception.expired);
            if rule(found.control).severity < self.wanted.severity {
                checked.below += usize::from(!is_accepted);
            } else if is_accepted {
                checked.accepted.push(self.finding(found, exception, loaded));
            } else {
                checked.findings.push(self.finding(found, exception, loaded));
            }
        }
        // Stable: within a severity in the order of services.
        checked.findings.sort_by_key(|finding| std::cmp::Reverse(finding.rule.severity));
        Ok(checked)
    }

    /// Returns what does not meet a control in the file and in what runs.
    fn of(&self, control: &'static Control, of_file: &View, graph: &Graph) -> Result<Vec<Raw>> {
        let mut live = match self.live {
            Some(view) => breaches(control, view)?,
            None => BTreeMap::new(),
        };
        let origin = |key: &Key| graph.get(key).map(|node| node.origin.clone());
        let mut out = Vec::new();
        for (key, (what, fix)) in breaches(control, of_file)? {
            let found = if live.remove(&key).is_some() { Found::Both } else { Found::File };
            let section = origin(&key);
            out.push(Raw { control, key, what, fix, found, section });
        }
        for (key, (what, _)) in live {
            let tagged = || {
                let objects = self.live.map(View::objects).unwrap_or_default();
                objects.iter().find(|object| object.key == key).and_then(|object| object.section.clone())
            };
            let section = origin(&key).or_else(tagged);
            let found = if key.kind == ACCOUNT { Found::Account } else { Found::Live };
            out.push(Raw { control, key, what, fix: None, found, section });
        }
        Ok(out)
    }

    /// Returns what the file says about a finding.
    fn exception(&self, raw: &Raw, loaded: &Loaded) -> Option<Accepted> {
        self.excepted(raw.control.id, &raw.key.to_string(), raw.section.as_deref(), loaded)
    }

    fn excepted(&self, id: &str, object: &str, section: Option<&str>, loaded: &Loaded) -> Option<Accepted> {
        let exception = loaded.stack.check.exceptions.get(id).filter(|exception| covers(exception, object, section))?;
        Some(Accepted {
            reason: exception.reason.clone(),
            until: exception.until.clone(),
            expired: !exception.holds(self.wanted.today),
        })
    }

    /// Returns the exceptions that nothing needs, among the controls that are checked.
    fn unneeded(&self, controls: &[&Control], raw: &[Raw], loaded: &Loaded) -> Vec<String> {
        let all = loaded.stack.check.exceptions.iter();
        let is_checked = |id: &str| controls.iter().any(|control| control.id == id);
        let is_needed = |id: &str, exception: &config::exceptions::Exception| {
            raw.iter().any(|raw| raw.control.id == id && covers(exception, &raw.key.to_string(), raw.section.as_deref()))
        };
        all.filter(|(id, exception)| is_checked(id) && !is_needed(id, exception)).map(|(id, _)| id.clone()).collect()
    }

    fn finding(&self, raw: Raw, exception: Option<Accepted>, loaded: &Loaded) -> Finding {
        let edit = if exception.as_ref().is_some_and(|e| !e.expired) { None } else { self.edit(&raw, loaded) };
        let section = raw.section.as_deref().unwrap_or("stack");
        // The line of the key that is wrong, if it is in the file, and otherwise that of the section.
        let of_fix = raw.fix.as_ref().and_then(|fix| fixes::fixed(section, &raw.key, fix)).map(|(path, _)| path.join("."));
        let path = of_fix.filter(|path| loaded.at(path).is_some()).unwrap_or_else(|| section.to_owned());
        let place = self.place(&path, loaded);
        Finding {
            rule: rule(raw.control),
            object: raw.key.to_string(),
            section: raw.section.clone(),
            what: raw.what.into_iter().collect::<Vec<_>>().join("; "),
            found: raw.found,
            place,
            edit,
            exception,
        }
    }

    /// Returns where a path of the file is. What has no section in the file is at its beginning.
    fn place(&self, path: &str, loaded: &Loaded) -> Place {
        let place = [path, "stack"].into_iter().map(|path| loaded.diagnostic(path, "", "", None));
        let start = place.filter(|place| !place.labels.is_empty()).map(|place| place.span().start).next().unwrap_or_default();
        let file = &loaded.warnings;
        let (line, column) = file.position(start);
        Place { file: file.file_at(start).to_owned(), line, column }
    }

    /// Returns what a rule of the user's own says, as a finding.
    fn own(&self, verdict: &Verdict, graph: &Graph, loaded: &Loaded) -> Finding {
        let Verdict { id, message, object, severity, title, why, remedy } = verdict.clone();
        let object = object.unwrap_or_else(|| "stack".to_owned());
        let section = object.parse::<Key>().ok().and_then(|key| graph.get(&key)).map(|node| node.origin.clone());
        Finding {
            rule: Rule {
                id: id.into(),
                severity,
                standard: "own",
                title: title.into(),
                why: why.into(),
                remedy: remedy.into(),
                url: String::new(),
            },
            exception: self.excepted(&verdict.id, &object, section.as_deref(), loaded),
            place: self.place(section.as_deref().unwrap_or("stack"), loaded),
            object,
            section,
            what: message,
            found: Found::File,
            edit: None,
        }
    }

    /// Returns the edit of one key after which the object meets the control. It was tried: the file is valid with it, has no new
    /// warning, and the finding is gone.
    fn edit(&self, raw: &Raw, loaded: &Loaded) -> Option<Edit> {
        if matches!(raw.found, Found::Live | Found::Account) || self.file.like.is_some() || loaded.is_beside {
            return None;
        }
        let (path, value) = fixes::fixed(raw.section.as_deref()?, &raw.key, raw.fix.as_ref()?)?;
        let path = edited::placed(loaded, &path);
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = edit::set(self.text, &keys, &value)?;
        let after = loaded_again(self.file, &text, self.schema)?;
        if after.warnings.diagnostics.len() > loaded.warnings.diagnostics.len() {
            return None;
        }
        let view = View::of_graph(&stack_file::offline(&after).ok()?, &stack_file::unasked(&after).account);
        let left = breaches(raw.control, &view).ok()?;
        (!left.contains_key(&raw.key)).then(|| Edit { yaml: edit::shown(&path, &value), path, value })
    }
}

/// Checks whether an exception is for what was found.
fn covers(exception: &config::exceptions::Exception, key: &str, section: Option<&str>) -> bool {
    let Some(object) = &exception.object else { return true };
    object == key || section.is_some_and(|section| lies_in(section, object))
}
