//! What needs consent before a plan is applied, and whether it has that.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::item::Item;
use super::plan::Plan;
use super::tags::is_like;

/// What is lost with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing that is kept in it: the user protects it.
    Protected,
    /// Its data is in what replaces it.
    GoesOver,
    /// Its data, of which a last copy stays.
    CopyStays,
    /// Its data: the object that replaces it begins empty, or nothing is left.
    ForGood,
}

/// What consent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// That the object is deleted.
    Delete(Loss),
    /// That the object is replaced.
    Replace(Loss),
    /// That the object is changed in a way that cannot be undone.
    Upgrade,
}

impl Ask {
    /// Returns the flag that gives this consent.
    pub fn flag(self) -> &'static str {
        match self {
            Ask::Delete(_) => "--allow-delete",
            Ask::Replace(_) => "--allow-replace",
            Ask::Upgrade => "--allow-upgrade",
        }
    }
}

impl Item {
    /// Returns the consent that is needed before this is done.
    pub fn ask(&self) -> Option<Ask> {
        // In doubt or not, nothing happens to what is kept.
        if self.kept {
            return None;
        }
        let is_written = matches!(self.action, Action::Create | Action::Update);
        if is_written && self.effects.iter().any(|effect| effect.needs_consent) {
            return Some(Ask::Upgrade);
        }
        // A replacement is agreed to as a whole, with what cannot be undone of it.
        let is_grave = self.action == Action::Replace && self.effects.iter().any(|effect| effect.needs_consent);
        let loss = match (self.needs_consent || self.unmarked || is_grave, self.holds_data) {
            (false, _) => return None,
            (true, false) => Loss::Protected,
            (true, true) if self.action == Action::Replace && self.carries_data => Loss::GoesOver,
            (true, true) if self.action == Action::Replace || self.last_copy.is_none() => Loss::ForGood,
            (true, true) => Loss::CopyStays,
        };
        Some(if self.action == Action::Replace { Ask::Replace(loss) } else { Ask::Delete(loss) })
    }
}

/// What the user gave consent to, in their words: keys (`rds.instance/main`), places in the file (`databases.main`,
/// which stands for all of its parts), either with `*` for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// What may be deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
    /// What may be replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<String>,
    /// What may be changed in a way that cannot be undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upgrade: Vec<String>,
    /// What leaves no last copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_last_copy: Vec<String>,
    /// Whose successor begins without its data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_data: Vec<String>,
    /// The environment that may end with everything in it: `webapp/staging`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

impl Consent {
    /// Combines both.
    #[must_use]
    pub fn and(mut self, other: Consent) -> Consent {
        self.delete.extend(other.delete);
        self.replace.extend(other.replace);
        self.upgrade.extend(other.upgrade);
        self.no_last_copy.extend(other.no_last_copy);
        self.without_data.extend(other.without_data);
        self.environment = other.environment.or(self.environment);
        self
    }

    /// Checks whether this item may be done. `*` alone stands for everything except what is lost for good.
    pub fn covers(&self, plan: &Plan, item: &Item) -> bool {
        item.ask().is_none_or(|ask| self.agrees(plan, item, ask))
    }

    fn agrees(&self, plan: &Plan, item: &Item, ask: Ask) -> bool {
        // What only its tags attribute to the stack is no part of a section or of an environment: anyone who may write tags could
        // have put it there. It is named by its own key.
        if item.unmarked {
            let named = if matches!(ask, Ask::Replace(_)) { &self.replace } else { &self.delete };
            return plan.doubted_with(item).any(|item| named.contains(&item.key.to_string()));
        }
        if plan.destroy && matches!(ask, Ask::Delete(_)) && self.environment.as_ref() == Some(&plan.environment()) {
            return true;
        }
        let patterns = match ask {
            Ask::Delete(_) => &self.delete,
            Ask::Replace(_) => &self.replace,
            Ask::Upgrade => &self.upgrade,
        };
        // Who agreed to a replacement agreed to the end of its old half, also when a run died between the two.
        let also: &[String] = if plan.is_old_half(item) { &self.replace } else { &[] };
        let for_good = matches!(ask, Ask::Delete(Loss::ForGood) | Ask::Replace(Loss::ForGood));
        patterns.iter().chain(also).any(|pattern| names(pattern, item) && !(for_good && is_bare(pattern)))
    }

    /// Returns the items with consent, and those without.
    pub fn sort<'a>(&self, plan: &'a Plan) -> (Vec<&'a Item>, Vec<&'a Item>) {
        plan.items.iter().filter(|item| item.ask().is_some()).partition(|item| self.covers(plan, item))
    }
}

impl Plan {
    /// Returns the name of the whole, as consent to its end gives it: `webapp/staging`.
    pub fn environment(&self) -> String {
        format!("{}/{}", self.scope.stack, self.scope.env)
    }

    /// Checks whether it is deleted because something else has its key: what an earlier run began to replace.
    fn is_old_half(&self, item: &Item) -> bool {
        item.action == Action::Delete && self.items.iter().any(|other| other.desired.is_some() && other.key == item.key)
    }

    /// Returns an item that only its tags attribute to this stack, what it is inside for which the same is true, and so on.
    pub fn doubted_with<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = &'a Item> {
        std::iter::successors(Some(item), |item| self.items.get(item.within?))
    }

    /// Writes the consent about data and copies of it into the plan.
    pub fn agree(&mut self, consent: &Consent) {
        for item in self.items.iter_mut().filter(|item| consent.delete.contains(&item.key.to_string())) {
            item.let_go();
        }
        let any = |patterns: &[String], item: &Item| patterns.iter().any(|pattern| names(pattern, item));
        let whatever = |item: &Item| match item.action {
            Action::Delete => consent.agrees(self, item, Ask::Delete(Loss::ForGood)),
            Action::Replace => consent.agrees(self, item, Ask::Replace(Loss::ForGood)),
            _ => false,
        };
        let loses: Vec<bool> = self.items.iter().map(whatever).collect();
        for (item, loses) in self.items.iter_mut().zip(loses) {
            item.loses_data = loses;
            if item.carries_data && any(&consent.without_data, item) {
                item.carries_data = false;
            }
            if item.last_copy.is_some() && any(&consent.no_last_copy, item) {
                item.last_copy = None;
                let none = "no copy of it is kept";
                item.reason = Some(item.reason.take().map_or(none.to_owned(), |reason| format!("{reason}; {none}")));
            }
        }
    }
}

/// Checks whether a pattern names an item: by its key, or by the place in the file that it, or what it is a part of, comes from.
pub fn names(pattern: &str, item: &Item) -> bool {
    is_like(pattern, &item.key.to_string()) || sections(&item.origin).any(|section| is_like(pattern, section))
}

/// Returns the places that a place is inside, itself included, except the list of all sections of a kind: for
/// `databases.main.replicas.r` also `databases.main`, and not `databases`.
fn sections(origin: &str) -> impl Iterator<Item = &str> {
    let ends = origin.match_indices('.').map(|(at, _)| at).skip(1).chain((!origin.is_empty()).then_some(origin.len()));
    ends.map(move |end| &origin[..end])
}

/// Checks whether a pattern names nothing.
fn is_bare(pattern: &str) -> bool {
    !pattern.contains(|c: char| c.is_ascii_alphanumeric())
}

/// Returns the flags that give consent for these items: one each, and one for all that come from one place in the file.
pub fn flags(plan: &Plan, items: &[&Item]) -> Vec<(&'static str, String)> {
    let section = |item: &Item| sections(&item.origin).next().map(str::to_owned);
    let mut out: Vec<(&'static str, String)> = Vec::new();
    for item in items {
        let Some(ask) = item.ask() else { continue };
        if let Some(outermost) = plan.doubted_with(item).skip(1).last() {
            // It is deleted in any case; what is inside of it may be replaced.
            out.push((ask.flag(), outermost.key.to_string()));
            continue;
        }
        let of_it = |other: &&&Item| {
            !other.unmarked && section(other) == section(item) && other.ask().is_some_and(|a| a.flag() == ask.flag())
        };
        let named = match section(item) {
            Some(section) if !item.unmarked && items.iter().filter(of_it).count() > 1 => section,
            _ => item.key.to_string(),
        };
        out.push((ask.flag(), named));
    }
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::effect::{Effect, Impact};
    use super::*;

    fn item(key: &str, action: Action, origin: &str) -> Item {
        let item = json!({"key": key, "action": action, "generation": 1, "origin": origin});
        Item { needs_consent: true, holds_data: true, ..serde_json::from_value(item).unwrap() }
    }

    fn plan(destroy: bool, items: Vec<Item>) -> Plan {
        let scope = json!({"stack": "web", "env": "staging", "region": "us-east-1", "account": "1", "partition": "aws"});
        Plan {
            version: 1,
            scope: serde_json::from_value(scope).unwrap(),
            destroy,
            hints: Vec::new(),
            kept_in: None,
            moved: Vec::new(),
            ignored_tags: Vec::new(),
            items,
            awake: Vec::new(),
        }
    }

    fn allow(patterns: &[&str]) -> Consent {
        let list: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        Consent { delete: list.clone(), replace: list.clone(), upgrade: list, ..Consent::default() }
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(is_like("logs.log_group/web", "logs.log_group/web"));
        assert!(!is_like("logs.log_group/web", "logs.log_group/web2"));
        assert!(is_like("logs.log_group/*", "logs.log_group/web"));
        assert!(is_like("*", "rds.instance/main"));
        assert!(is_like("*group*b", "logs.log_group/web"));
        assert!(!is_like("rds.*", "logs.log_group/web"));
    }

    #[test]
    fn what_is_lost_decides_what_lets_it_go() {
        let ask = |edit: fn(&mut Item)| {
            let mut it = item("rds.instance/main", Action::Delete, "databases.main");
            edit(&mut it);
            it.ask()
        };
        assert_eq!(ask(|_| {}), Some(Ask::Delete(Loss::ForGood)));
        assert_eq!(ask(|i| i.last_copy = Some("s".into())), Some(Ask::Delete(Loss::CopyStays)));
        assert_eq!(ask(|i| i.holds_data = false), Some(Ask::Delete(Loss::Protected)));
        assert_eq!(ask(|i| i.needs_consent = false), None);
        assert_eq!(ask(|i| (i.action, i.last_copy) = (Action::Replace, Some("s".into()))), Some(Ask::Replace(Loss::ForGood)));
        assert_eq!(ask(|i| (i.action, i.carries_data) = (Action::Replace, true)), Some(Ask::Replace(Loss::GoesOver)));
        let upgrade = |i: &mut Item| {
            (i.action, i.needs_consent) = (Action::Update, false);
            i.effects = vec![Effect::new(Impact::CannotBeUndone, "no way back").with_consent()];
        };
        assert_eq!(ask(upgrade), Some(Ask::Upgrade));
    }

    #[test]
    fn a_bare_star_never_covers_what_is_lost_for_good() {
        let mut snapshot = item("rds.instance/main", Action::Delete, "databases.main");
        snapshot.last_copy = Some("s".into());
        let lost = item("s3.bucket/assets", Action::Delete, "cdn");
        let begins_empty = item("rds.instance/other", Action::Replace, "databases.other");
        let all = plan(false, vec![snapshot, lost, begins_empty]);
        let covered = |consent: Consent| all.items.iter().map(|item| consent.covers(&all, item)).collect::<Vec<_>>();
        for bare in ["*", "**", "*/*", "*.*"] {
            assert_eq!(covered(allow(&[bare])), [true, false, false], "{bare}");
        }
        assert_eq!(covered(allow(&["s3.*", "databases.other"])), [false, true, true]);
    }

    /// A run died when the new one was made and the old one was not deleted yet.
    #[test]
    fn consent_to_a_replacement_covers_its_old_half() {
        let made = Item { desired: Some(json!({}).into()), ..item("rds.instance/main", Action::Keep, "databases.main") };
        let old = item("rds.instance/main", Action::Delete, "databases.main");
        let copied = Item { last_copy: Some("s".into()), ..old.clone() };
        let doubted = Item { unmarked: true, ..old.clone() };
        let other = item("rds.instance/other", Action::Delete, "databases.other");
        let all = plan(false, vec![made, old, copied, doubted, other]);
        let covered = |pattern: &str| {
            let consent = Consent { replace: vec![pattern.to_owned()], ..Consent::default() };
            all.items[1..].iter().map(|item| consent.covers(&all, item)).collect::<Vec<_>>()
        };
        assert_eq!(covered("rds.instance/main"), [true, true, false, false]);
        assert_eq!(covered("databases.main"), [true, true, false, false]);
        assert_eq!(covered("databases.other"), [false, false, false, false], "nothing takes its place");
        assert_eq!(covered("*"), [false, true, false, false], "what is lost for good is named");
    }

    #[test]
    fn a_section_covers_its_parts_and_nothing_else() {
        let parts = ["databases.main", "databases.main.replicas.r", "databases.main2", "databases"];
        let all = plan(false, parts.iter().map(|origin| item("rds.instance/x", Action::Delete, origin)).collect());
        let covered = |pattern: &str| all.items.iter().map(|i| allow(&[pattern]).covers(&all, i)).collect::<Vec<_>>();
        assert_eq!(covered("databases.main"), [true, true, false, false]);
        assert_eq!(covered("databases.main.replicas.r"), [false, true, false, false]);
        assert_eq!(covered("databases"), [false, false, false, true]);
        assert_eq!(covered("databases.*"), [true, true, true, false]);
    }

    #[test]
    fn the_end_of_an_environment_is_agreed_to_by_its_name() {
        let confirmed = Consent { environment: Some("web/staging".into()), ..Consent::default() };
        let other = Consent { environment: Some("web/production".into()), ..Consent::default() };
        for (destroy, consent, covers) in [(true, &confirmed, true), (true, &other, false), (false, &confirmed, false)] {
            let all = plan(destroy, vec![item("s3.bucket/assets", Action::Delete, "cdn")]);
            assert_eq!(consent.sort(&all).1.is_empty(), covers, "{destroy} {consent:?}");
        }
    }

    #[test]
    fn an_unmarked_object_is_covered_only_by_its_own_key() {
        let mut doubtful = item("ec2.vpc/theirs", Action::Delete, "services.web");
        doubtful.unmarked = true;
        let confirmed = Consent { environment: Some("web/staging".into()), ..Consent::default() };
        for (consent, covers) in [
            (confirmed, false),
            (allow(&["*"]), false),
            (allow(&["ec2.*"]), false),
            (allow(&["services.web"]), false),
            (allow(&["ec2.vpc/theirs"]), true),
        ] {
            let all = plan(true, vec![doubtful.clone()]);
            assert_eq!(consent.covers(&all, &all.items[0]), covers, "{consent:?}");
        }
        // That it holds no data makes no difference.
        (doubtful.needs_consent, doubtful.holds_data) = (false, false);
        assert_eq!(doubtful.ask(), Some(Ask::Delete(Loss::Protected)));
    }

    #[test]
    fn the_parts_of_a_section_are_named_by_one_flag() {
        let all = plan(
            false,
            vec![
                item("ecs.service/api", Action::Delete, "services.api"),
                item("logs.log_group/api", Action::Delete, "services.api"),
                item("logs.log_group/old", Action::Delete, ""),
                item("rds.instance/main", Action::Replace, "databases.main"),
            ],
        );
        let (_, missing) = Consent::default().sort(&all);
        let flags: Vec<String> = flags(&all, &missing).into_iter().map(|(flag, what)| format!("{flag} {what}")).collect();
        assert_eq!(
            flags,
            ["--allow-delete logs.log_group/old", "--allow-delete services.api", "--allow-replace rds.instance/main"]
        );
    }
}
