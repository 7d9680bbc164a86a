//! One database in the place of another: the old one gets another name, and the new one its name, so that its address stays.
//!
//! AWS renames a database within minutes, in which it does not serve
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RenameInstance.html>), and nothing renames two at once. So each look does
//! the next step, and a run that died is continued by the next one: what was done is read from names and tags. First the old one says by
//! a tag which name it is about to have ([`TAG_SWITCH`]): no other run changes anything as long as it does. Both are renamed, then the new
//! one becomes the database of the file, and only after that the old one ceases to be it: at no time is there none, for which another run
//! would create an empty one. The resource ids of databases never change, and tell them apart
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html>, DbiResourceId).

use aws_sdk_rds::types::{DbInstance, Tag};

use super::instance::{FROM_SNAPSHOT, Instance, TAG_PASSWORD};
use super::status::state_of;
use super::{NAME, from_sdk, to_sdk};
use crate::aws::ownership::names;
use crate::aws::ownership::tags::TAG_BEGINS;
use crate::aws::rds::errors::failed;
use crate::aws::{Cx, Tags};
use crate::engine::tags::{TAG_BESIDE, TAG_GENERATION, TAG_KEY, TAG_SWITCH};
use crate::engine::{Class, Error, Key, Readiness, Resource, Result};

/// In the key of a database that was restored: between the name of the one it was restored for, and the time.
const RESTORED: &str = "restored";
/// The same in the key of one whose place another took.
const BEFORE: &str = "before";
/// The tag with the name that the console shows.
const TAG_NAME: &str = "Name";

/// A database that stands beside one of the file.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Its name among the stack's databases: `main-restored-20261127t100000z`.
    pub name: String,
    /// Its identifier.
    pub id: String,
    /// What it was restored from.
    pub begins: Option<String>,
    /// Whether it was restored, and did not take a place since.
    pub is_restored: bool,
    /// Its state, in AWS's word.
    pub status: String,
    /// Whether it is complete: it serves, with its own password.
    pub is_complete: bool,
    /// Whether it has the identifier that its name gets: anyone may write tags, and only the stack's has both.
    pub is_ours: bool,
}

impl Beside {
    /// Returns its key.
    pub fn key(&self) -> String {
        key(&self.name)
    }
}

/// Returns the name of a database that is restored for another one.
pub fn restored(of: &str, time: &str) -> String {
    format!("{of}-{RESTORED}-{time}")
}

/// Returns the name that the database of the file gets when the one of this name takes its place: the other of the two for one time.
fn counterpart(of: &str, beside: &str) -> Option<String> {
    let (word, time) = beside.strip_prefix(of)?.strip_prefix('-')?.split_once('-')?;
    match word {
        RESTORED => Some(format!("{of}-{BEFORE}-{time}")),
        BEFORE => Some(format!("{of}-{RESTORED}-{time}")),
        _ => None,
    }
}

/// The two databases of a switch, as they are now.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The name of the database in the file.
    of: String,
    /// The name that the new one has among the stack's databases until it is that of the file.
    from: String,
    /// The name that the old one gets.
    to: String,
    old: DbInstance,
    new: DbInstance,
    /// A third database that has the name that the old one gets, or is to have it; and whether it is the stack's.
    taken: Option<(String, bool)>,
}

fn key(name: &str) -> String {
    Key::new(Instance::KIND, name).to_string()
}

/// Returns the name that an object has by its tags.
fn named(tags: &Tags) -> Option<String> {
    let key: Key = tags.get(TAG_KEY)?.parse().ok()?;
    (key.kind == Instance::KIND).then_some(key.name)
}

fn id(of: &DbInstance) -> &str {
    of.db_instance_identifier().unwrap_or_default()
}

fn tags(of: &DbInstance) -> Tags {
    from_sdk(of.tag_list())
}

/// Reads the databases of the account and region.
async fn all(cx: &Cx) -> Result<Vec<DbInstance>> {
    let pages = cx.cloud.rds.describe_db_instances().into_paginator().items().send();
    pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeDBInstances"))
}

/// Checks whether a database has the tags of the stack and environment, and stays.
fn is_of(cx: &Cx, instance: &DbInstance) -> bool {
    cx.scope.owns(&tags(instance)) && !state_of(instance).is_gone()
}

/// Returns the identifier that a database of this name gets.
fn fit(cx: &Cx, name: &str, tags: &Tags) -> String {
    names::fit(&cx.scope.prefix(), name, names::generation(tags), NAME)
}

/// Returns the databases that stand beside the one of this name in the file, by name.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn beside(cx: &Cx, of: &str) -> Result<Vec<Beside>> {
    let one = |instance: &DbInstance| {
        let tags = tags(instance);
        let name = named(&tags).filter(|_| tags.get(TAG_BESIDE).is_some_and(|is| is == of))?;
        Some(Beside {
            id: id(instance).to_owned(),
            begins: tags.get(TAG_BEGINS).cloned(),
            is_restored: name.starts_with(&format!("{of}-{RESTORED}-")),
            status: instance.db_instance_status().unwrap_or("unknown").to_owned(),
            is_complete: state_of(instance).tells_all() && tags.get(TAG_PASSWORD).is_none_or(|is| is != FROM_SNAPSHOT),
            is_ours: fit(cx, &name, &tags) == id(instance),
            name,
        })
    };
    let mut found: Vec<Beside> = all(cx).await?.iter().filter(|instance| is_of(cx, instance)).filter_map(one).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Reads a switch: the one that was begun, or that of the database that is named.
///
/// # Errors
/// When RDS cannot be asked, and when the two databases are not there.
pub async fn look(cx: &Cx, of: &str, beside: Option<&str>) -> Result<Option<Switch>> {
    let all = all(cx).await?;
    let read: Vec<(Tags, &DbInstance)> =
        all.iter().filter(|instance| is_of(cx, instance)).map(|instance| (tags(instance), instance)).collect();
    let is = |tags: &Tags, name: &str| named(tags).as_deref() == Some(name);
    // What was begun is continued.
    let begun: Vec<(String, &DbInstance)> = read
        .iter()
        .filter_map(|(tags, old)| {
            let to = tags.get(TAG_SWITCH).filter(|to| counterpart(of, to).is_some() && (is(tags, of) || is(tags, to)))?;
            Some((to.clone(), *old))
        })
        .collect();
    // It has its place, or the name that it says: another's is not renamed because of its tags.
    let is_placed = |(to, old): &&(String, &DbInstance)| {
        id(old) == fit(cx, of, &tags(old)) || id(old) == names::fit(&cx.scope.prefix(), to, 1, NAME)
    };
    let placed = begun.iter().find(is_placed).cloned();
    if let (None, Some((_, other))) = (&placed, begun.first()) {
        return Err(not_ours(other));
    }
    let begun = placed;
    let (to, old) = match (begun, beside) {
        (Some(begun), _) => begun,
        (None, Some(beside)) => {
            let Some(to) = counterpart(of, beside) else { return Ok(None) };
            // One that only its tags attribute to the stack has no place to give up.
            let its = |tags: &Tags, id: &str| fit(cx, of, tags) == id;
            let Some((_, old)) = read.iter().find(|(tags, old)| is(tags, of) && its(tags, id(old))) else { return Ok(None) };
            (to, *old)
        }
        (None, None) => return Ok(None),
    };
    let Some(from) = counterpart(of, &to) else { return Ok(None) };
    let other = |new: &DbInstance| new.dbi_resource_id() != old.dbi_resource_id();
    let new = read.iter().find(|(tags, new)| is(tags, &from) && other(new));
    let new = new.or_else(|| read.iter().find(|(tags, new)| is(tags, of) && other(new)));
    if let Some((tags, new)) = new {
        // That of the file, until it is this one.
        let place = fit(cx, of, &if is(&from_sdk(old.tag_list()), of) { from_sdk(old.tag_list()) } else { tags.clone() });
        if id(new) != place && !(is(tags, &from) && id(new) == fit(cx, &from, tags)) {
            return Err(not_ours(new));
        }
    }
    let Some((_, new)) = new else {
        if !old.tag_list().iter().any(|tag| tag.key() == Some(TAG_SWITCH)) {
            return Ok(None);
        }
        let text = format!("`{}` was to give its name to `{}`, which does not exist any more", id(old), key(&from));
        let hint = format!("remove the tag `{TAG_SWITCH}` of `{}`, and rename it if it was renamed", id(old));
        return Err(Error::new(Class::Other, text).hint(hint));
    };
    let is_third = |one: &DbInstance| [old, new].iter().all(|two| two.dbi_resource_id() != one.dbi_resource_id());
    let after = names::fit(&cx.scope.prefix(), &to, 1, NAME);
    // Also by a database of somebody else, or one that is being deleted.
    let mut others = all.iter().filter(|one| is_third(one) && (id(one) == after || is_of(cx, one) && is(&tags(one), &to)));
    let taken = others.next().map(|one| (id(one).to_owned(), is_of(cx, one) && is(&tags(one), &to) && id(one) == after));
    Ok(Some(Switch { of: of.to_owned(), from, to, old: old.clone(), new: (*new).clone(), taken }))
}

/// Refuses a database that has the tags of one of the two, and not its name.
fn not_ours(other: &DbInstance) -> Error {
    let text = format!("`{}` has the tags of a database of this stack that changes its place, but not the name of it", id(other));
    let hint =
        format!("remove the tags `{TAG_KEY}`, `{TAG_BESIDE}` and `{TAG_SWITCH}` of `{}`, if they are not the stack's", id(other));
    Error::new(Class::Other, text).hint(hint)
}

impl Switch {
    /// Returns the key and the identifier of the database of the file, before and after: (key, before, after).
    pub fn renamed(&self, cx: &Cx) -> [(Key, String, String); 2] {
        let of = |name: &str| Key::new(Instance::KIND, name);
        [(of(&self.of), id(&self.old).to_owned(), self.after(cx)), (of(&self.from), id(&self.new).to_owned(), self.place(cx))]
    }

    /// Returns the key that the old one has afterwards.
    pub fn kept(&self) -> String {
        key(&self.to)
    }

    /// Returns the name that the new one has among the stack's databases before.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Checks whether another look found the same two databases, and the same name for the old one.
    pub fn is_same(&self, other: &Switch) -> bool {
        let ids = |of: &Switch| Some((of.old.dbi_resource_id()?.to_owned(), of.new.dbi_resource_id()?.to_owned()));
        ids(self).is_some() && ids(self) == ids(other) && self.to == other.to
    }

    /// Checks whether it was begun.
    pub fn is_begun(&self) -> bool {
        tags(&self.old).contains_key(TAG_SWITCH)
    }

    /// Checks whether the services' password is in another secret afterwards: RDS keeps one for each database.
    pub fn changes_secret(&self) -> bool {
        let secret = |of: &DbInstance| of.master_user_secret().and_then(|secret| secret.secret_arn().map(str::to_owned));
        secret(&self.old) != secret(&self.new)
    }

    /// Returns why it cannot begin, and what helps.
    pub fn refused(&self) -> Option<(String, String)> {
        let (old, new) = (id(&self.old), id(&self.new));
        if self.is_begun() {
            return None;
        }
        if tags(&self.new).get(TAG_PASSWORD).is_some_and(|is| is == FROM_SNAPSHOT) {
            let help = "the same `stack restore` with its time finishes it";
            return Some((format!("`{new}` is not complete: it still has the password of its data"), help.into()));
        }
        match &self.taken {
            Some((_, true)) => {
                let help =
                    format!("it stands beside since an earlier switch: `stack apply --allow-delete {}` deletes it", self.kept());
                return Some((format!("`{}` exists already, and `{old}` cannot get its name", self.kept()), help));
            }
            Some((taken, false)) => {
                let help = "it is not a database of this stack by tags and name, or is still being deleted: rename it, or wait";
                return Some((format!("`{taken}` exists already, and `{old}` cannot get its name"), help.into()));
            }
            None => {}
        }
        // Replicas stay with the database that is renamed (Renaming a DB instance, as above).
        let replicas = self.old.read_replica_db_instance_identifiers();
        if !replicas.is_empty() {
            let help = "remove them from the file, apply, and add them again when the switch is done: they are of the old data";
            return Some((format!("`{old}` has read replicas, which would stay with it: {}", replicas.join(", ")), help.into()));
        }
        for (what, instance) in [(old, &self.old), (new, &self.new)] {
            // Storage that is still being optimised keeps nothing from being renamed.
            if !state_of(instance).tells_all() {
                let status = instance.db_instance_status().unwrap_or("unknown");
                let help = "AWS renames what is `available`; a paused environment is resumed first";
                return Some((format!("`{what}` is `{status}`"), help.into()));
            }
        }
        None
    }

    /// Returns the identifier that the old one gets.
    fn after(&self, cx: &Cx) -> String {
        names::fit(&cx.scope.prefix(), &self.to, 1, NAME)
    }

    /// Returns the identifier that the file means.
    fn place(&self, cx: &Cx) -> String {
        let (old, new) = (tags(&self.old), tags(&self.new));
        // The one of the file says which generation it is; the old one, until it has its new key.
        let of = if named(&old).as_deref() == Some(&self.of) { &old } else { &new };
        names::fit(&cx.scope.prefix(), &self.of, names::generation(of), NAME)
    }

    /// Does the next step, and says what it waits for; see the head of this file.
    ///
    /// # Errors
    /// When RDS cannot be asked, or refuses a step.
    pub async fn step(&self, cx: &Cx) -> Result<Readiness> {
        let (old, new) = (tags(&self.old), tags(&self.new));
        let (place, after) = (self.place(cx), self.after(cx));
        if !old.contains_key(TAG_SWITCH) {
            write(cx, &self.old, &Tags::from([(TAG_SWITCH.to_owned(), self.to.clone())])).await?;
            return Ok(Readiness::waiting(format!("{} is about to be renamed", id(&self.old))));
        }
        if named(&old).as_deref() == Some(&self.of) {
            if id(&self.old) != after {
                return rename(cx, &self.old, &after).await;
            }
            if id(&self.new) != place {
                return rename(cx, &self.new, &place).await;
            }
            if !state_of(&self.new).tells_all() || is_being_renamed(&self.new) {
                let status = self.new.db_instance_status().unwrap_or("unknown");
                return Ok(Readiness::waiting(format!("{place}: {status}")));
            }
            if named(&new).as_deref() != Some(&self.of) {
                let mut own = Tags::from([(TAG_KEY.to_owned(), key(&self.of))]);
                own.extend(old.get(TAG_NAME).map(|name| (TAG_NAME.to_owned(), name.clone())));
                own.extend(old.get(TAG_GENERATION).map(|newest| (TAG_GENERATION.to_owned(), newest.clone())));
                write(cx, &self.new, &own).await?;
                return Ok(Readiness::waiting(format!("{place} takes the place of {after}")));
            }
        }
        remove(cx, &self.new, &[TAG_BESIDE, TAG_BEGINS]).await?;
        if named(&old).as_deref() != Some(&self.to) {
            let own = [
                (TAG_KEY.to_owned(), key(&self.to)),
                (TAG_BESIDE.to_owned(), self.of.clone()),
                (TAG_NAME.to_owned(), format!("{}-{}", cx.scope.prefix(), self.to)),
            ];
            write(cx, &self.old, &Tags::from(own)).await?;
        }
        remove(cx, &self.old, &[TAG_GENERATION, TAG_SWITCH]).await?;
        Ok(Readiness::Ready)
    }
}

fn is_being_renamed(instance: &DbInstance) -> bool {
    let pending = instance.pending_modified_values().and_then(|pending| pending.db_instance_identifier());
    pending.is_some() || instance.db_instance_status() == Some("renaming")
}

/// Renames a database, unless AWS is at it or cannot begin yet. The other one may still have the name.
async fn rename(cx: &Cx, instance: &DbInstance, to: &str) -> Result<Readiness> {
    let from = id(instance);
    let status = instance.db_instance_status().unwrap_or("unknown");
    if is_being_renamed(instance) || !state_of(instance).tells_all() {
        return match state_of(instance) {
            Readiness::Failed(why) => Err(Error::new(Class::Failed, format!("{from}: {why}"))),
            _ => Ok(Readiness::waiting(format!("{from} is being renamed to {to}: {status}"))),
        };
    }
    let call = cx.cloud.rds.modify_db_instance().db_instance_identifier(from).new_db_instance_identifier(to);
    match call.apply_immediately(true).send().await.map_err(failed("rds:ModifyDBInstance")) {
        Ok(_) => Ok(Readiness::waiting(format!("{from} is being renamed to {to}"))),
        // It is at something else, or the name is still the other one's.
        Err(e) if matches!(e.class, Class::InUse | Class::Exists) => Ok(Readiness::waiting(format!("{from}: {}", e.message))),
        // Renamed since it was read.
        Err(e) if e.class == Class::NotFound => Ok(Readiness::waiting(format!("{from} is being renamed to {to}"))),
        Err(e) => Err(e),
    }
}

fn arn(of: &DbInstance) -> &str {
    of.db_instance_arn().unwrap_or_default()
}

async fn write(cx: &Cx, instance: &DbInstance, tags: &Tags) -> Result<()> {
    let call = cx.cloud.rds.add_tags_to_resource().resource_name(arn(instance)).set_tags(Some(to_sdk(tags)));
    call.send().await.map_err(failed("rds:AddTagsToResource")).map(drop)
}

async fn remove(cx: &Cx, instance: &DbInstance, keys: &[&str]) -> Result<()> {
    let has = |key: &&&str| instance.tag_list().iter().map(Tag::key).any(|is| is == Some(**key));
    let keys: Vec<String> = keys.iter().filter(has).map(|key| (*key).to_owned()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let call = cx.cloud.rds.remove_tags_from_resource().resource_name(arn(instance)).set_tag_keys(Some(keys));
    call.send().await.map_err(failed("rds:RemoveTagsFromResource")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_two_names_leads_to_the_other() {
        let restored = restored("main", "20261127t100000z");
        assert_eq!(restored, "main-restored-20261127t100000z");
        let before = counterpart("main", &restored).unwrap();
        assert_eq!(before, "main-before-20261127t100000z");
        assert_eq!(counterpart("main", &before), Some(restored));
        for other in ["main", "main-copy-1", "books-restored-1", "main2-restored-1"] {
            assert_eq!(counterpart("main", other), None, "{other}");
        }
    }
}
