//! What a service sees when it says what its objects are billed for: the object, everything around it, and what is assumed of its use.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::engine::token::{self, Token};
use crate::engine::{Action, Graph, Item, Key, Plan, Ref, Resource};
use crate::prices::{Decimal, Part, Usage};

/// An object as the file wants it, or as it runs.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its address.
    pub key: Key,
    /// The place in the file that it comes from.
    pub origin: String,
    /// Its struct as a value.
    pub(super) fields: Arc<Value>,
    /// The same as far as it is known otherwise: what `fields` leaves as it is. It is not copied, as most objects have both.
    pub(super) besides: Option<Arc<Value>>,
    /// Its ids, ARNs and endpoints, where it runs.
    pub(super) live: Option<Arc<Value>>,
}

/// Objects, and where those of each kind, those of each address and the users of each are among them: what one is billed for often
/// depends on another one.
#[derive(Clone, Debug)]
pub struct Objects {
    all: Vec<Object>,
    of_kind: BTreeMap<String, Vec<usize>>,
    by_key: OnceLock<BTreeMap<Key, usize>>,
    users: OnceLock<BTreeMap<Key, Vec<usize>>>,
}

impl From<Vec<Object>> for Objects {
    fn from(all: Vec<Object>) -> Objects {
        let mut of_kind = BTreeMap::<String, Vec<usize>>::new();
        for (at, object) in all.iter().enumerate() {
            match of_kind.get_mut(&object.key.kind) {
                Some(known) => known.push(at),
                None => drop(of_kind.insert(object.key.kind.clone(), vec![at])),
            }
        }
        Objects { all, of_kind, by_key: OnceLock::new(), users: OnceLock::new() }
    }
}

impl std::ops::Deref for Objects {
    type Target = [Object];

    fn deref(&self) -> &[Object] {
        &self.all
    }
}

impl Objects {
    /// Returns those of a kind.
    pub fn of_kind(&self, kind: &str) -> impl ExactSizeIterator<Item = &Object> {
        self.of_kind.get(kind).map(Vec::as_slice).unwrap_or_default().iter().map(|at| &self.all[*at])
    }

    /// Returns the object that a reference, as it is written in a field, means: the first one, where there are two halves of a replacement.
    pub fn meant_by(&self, text: &str) -> Option<&Object> {
        match token::whole(text)? {
            Token::Named { key, .. } => self.all.get(*self.by_key().get(&key)?),
            Token::Physical { kind, attr, value } => self.of_kind(kind).find(|object| object.is_called(attr, value)),
        }
    }

    /// Returns those of a kind with a field that means this object.
    pub fn users(&self, of: &Object, kind: &str) -> impl Iterator<Item = &Object> {
        let users = self.users.get_or_init(|| self.all_users());
        let all = users.get(&of.key).map(Vec::as_slice).unwrap_or_default().iter().map(|at| &self.all[*at]);
        all.filter(move |user| user.key.kind == kind)
    }

    fn all_users(&self) -> BTreeMap<Key, Vec<usize>> {
        let mut running: BTreeMap<(&str, &str, &str), &Key> = BTreeMap::new();
        for object in self.all.iter().rev() {
            for (attr, value) in object.live.iter().filter_map(|live| live.as_object()).flatten() {
                if let Some(value) = value.as_str() {
                    running.insert((&object.key.kind, attr, value), &object.key);
                }
            }
        }
        let mut users = BTreeMap::<Key, Vec<usize>>::new();
        for (at, object) in self.all.iter().enumerate() {
            for text in object.known().filter_map(|(_, value)| value.as_str()) {
                let meant = match token::whole(text) {
                    Some(Token::Named { key, .. }) => Some(key),
                    Some(Token::Physical { kind, attr, value }) => running.get(&(kind, attr, value)).copied().cloned(),
                    None => None,
                };
                if let Some(key) = meant {
                    users.entry(key).or_default().push(at);
                }
            }
        }
        users
    }

    fn by_key(&self) -> &BTreeMap<Key, usize> {
        self.by_key.get_or_init(|| self.all.iter().enumerate().rev().map(|(at, object)| (object.key.clone(), at)).collect())
    }

    /// Returns them to be changed.
    pub fn into_vec(self) -> Vec<Object> {
        self.all
    }
}

/// All objects of a stack.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The objects.
    pub objects: Objects,
    /// The region that they are in, but for what says another one.
    pub region: String,
    /// What is assumed of their use.
    pub usage: Usage,
    /// The day for which this is said: prices of old versions change with it.
    pub today: jiff::civil::Date,
}

impl Object {
    /// Returns the object as its kind, if it is of that kind and can be read.
    pub fn of<R: Resource>(&self) -> Option<R> {
        (self.key.kind == R::KIND).then(|| R::deserialize(self.whole().as_ref()).ok())?
    }

    /// Returns a field that is a text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Returns a field, if anything is known of it.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let sides = [Some(&self.fields), self.besides.as_ref()];
        sides.into_iter().flatten().find_map(|of| of.get(name).filter(|value| !value.is_null()))
    }

    /// Returns what `fields` leaves as it is and is known otherwise.
    fn missing(&self) -> impl Iterator<Item = (&String, &Value)> {
        let is_open = |name: &str| self.fields.get(name).is_none_or(Value::is_null);
        let besides = self.besides.iter().filter_map(|besides| besides.as_object()).flatten();
        besides.filter(move |(name, value)| !value.is_null() && is_open(name))
    }

    /// Returns all fields that are known.
    fn known(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.fields.as_object().into_iter().flatten().chain(self.missing())
    }

    /// Returns all fields that are known as one value.
    pub(super) fn whole(&self) -> Cow<'_, Value> {
        match self.fields.as_object() {
            Some(own) if self.missing().next().is_some() => {
                let mut all = own.clone();
                all.extend(self.missing().map(|(name, value)| (name.clone(), value.clone())));
                Cow::Owned(all.into())
            }
            _ => Cow::Borrowed(&self.fields),
        }
    }

    /// Checks whether a reference, as it is written in a field, means this object.
    pub fn is_meant_by(&self, text: &str) -> bool {
        match token::whole(text) {
            Some(Token::Named { key, .. }) => key == self.key,
            Some(Token::Physical { kind, attr, value }) => kind == self.key.kind && self.is_called(attr, value),
            None => false,
        }
    }

    /// Checks whether it runs and has this identifier.
    fn is_called(&self, attr: &str, value: &str) -> bool {
        self.live.as_ref().is_some_and(|live| live[attr].as_str() == Some(value))
    }

    /// Returns its tags, without those of `stack`.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.get("tags").and_then(Value::as_object).into_iter().flatten();
        let own = tags.filter(|(key, _)| !key.starts_with("stack:"));
        own.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

impl Whole {
    /// Returns what a file wants, without what does not exist while it is paused, if it is.
    pub fn desired(graph: &Graph, region: &str, usage: Usage, today: jiff::civil::Date) -> Whole {
        let objects = graph.nodes().filter(|node| !graph.is_absent(&node.key)).map(|node| Object {
            key: node.key.clone(),
            origin: node.origin.clone(),
            fields: node.desired.clone(),
            besides: None,
            live: None,
        });
        Whole { objects: objects.collect::<Vec<_>>().into(), region: region.to_owned(), usage, today }
    }

    /// Checks whether the same runs before and after a plan is applied: nothing is to be done, and everything is there.
    pub fn stays(plan: &Plan) -> bool {
        let known = |item: &Item| item.desired.is_some() || item.kept;
        plan.items.iter().all(|item| item.action == Action::Keep && item.before.is_some() && known(item) && !item.is_leaving())
    }

    /// Returns what runs before a plan is applied.
    pub fn before(plan: &Plan, usage: Usage, today: jiff::civil::Date) -> Whole {
        let objects = plan.items.iter().filter(|item| !item.is_impostor() && !item.is_leaving()).filter_map(|item| {
            let before = item.before.as_ref()?;
            let besides = match &item.desired {
                // A plan may leave out of its reading what is proven to be as desired.
                Some(desired) if item.action == Action::Keep => Some(desired.clone()),
                Some(desired) => {
                    let mut desired = desired.as_ref().clone();
                    if let Some(desired) = desired.as_object_mut() {
                        desired.retain(|field, _| !item.changes.touches(field));
                    }
                    Some(Arc::new(desired))
                }
                None => None,
            };
            let (fields, live) = (before.fields.clone(), Some(before.live.clone()));
            Some(Object { key: item.key.clone(), origin: item.origin.clone(), fields, besides, live })
        });
        Whole { objects: objects.collect::<Vec<_>>().into(), region: plan.scope.region.clone(), usage, today }
    }

    /// Returns what runs after it.
    pub fn after(plan: &Plan, usage: Usage, today: jiff::civil::Date) -> Whole {
        let objects = plan.items.iter().filter_map(|item| {
            let before = item.before.as_ref();
            let desired = match &item.desired {
                None if item.kept => &before?.fields,
                desired => desired.as_ref()?,
            };
            let (fields, besides) = match before {
                None => (desired.clone(), None),
                Some(before) if item.action == Action::Keep => (before.fields.clone(), Some(desired.clone())),
                Some(before) => {
                    let mut fields = desired.as_ref().clone();
                    // What AWS has grown by itself is no difference, and stays.
                    if let (Some(fields), Some(before)) = (fields.as_object_mut(), before.fields.as_object()) {
                        let grown = before.iter().filter(|(field, value)| value.is_number() && !item.changes.touches(field));
                        fields.extend(grown.map(|(field, value)| (field.clone(), value.clone())));
                    }
                    (Arc::new(fields), Some(before.fields.clone()))
                }
            };
            let live = before.map(|before| before.live.clone());
            Some(Object { key: item.key.clone(), origin: item.origin.clone(), fields, besides, live })
        });
        Whole { objects: objects.collect::<Vec<_>>().into(), region: plan.scope.region.clone(), usage, today }
    }

    /// Returns the object that a reference means, if it is the stack's.
    pub fn follow<R: Resource>(&self, reference: &Ref<R>) -> Option<&Object> {
        self.objects.meant_by(&reference.to_string()).filter(|object| object.key.kind == R::KIND)
    }

    /// Returns all objects of a kind.
    pub fn all<R: Resource>(&self) -> impl Iterator<Item = R> {
        self.objects.of_kind(R::KIND).filter_map(Object::of::<R>)
    }

    /// Checks whether there is any object of a kind.
    pub fn has(&self, kind: &str) -> bool {
        self.objects.of_kind(kind).len() > 0
    }

    /// Returns the share of one object of a kind in what is assumed for all of them.
    pub fn share<R: Resource>(&self, of: Decimal) -> Decimal {
        of.over(Decimal::of(self.objects.of_kind(R::KIND).len() as u64))
    }
}

/// What the objects of a service are billed for.
pub type Bill = fn(&Object, &Whole) -> Vec<Part>;

/// Returns nothing: for services that are free.
pub fn free(_: &Object, _: &Whole) -> Vec<Part> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(key: &str, fields: Value, id: Option<&str>) -> Object {
        let live = id.map(|id| Arc::new(json!({ "id": id })));
        Object { key: key.parse().unwrap(), origin: "services.web".to_owned(), fields: Arc::new(fields), besides: None, live }
    }

    #[test]
    fn what_was_not_read_is_as_desired() {
        let desired = json!({"cpu": "256", "family": "shop", "memory": null});
        let read = object("ecs.task_definition/web", json!({"family": "web", "cpu": null, "revision": 3}), None);
        let both = Object { besides: Some(Arc::new(desired)), ..read };
        assert_eq!(*both.whole(), json!({"family": "web", "cpu": "256", "revision": 3}));
        assert_eq!(["family", "cpu", "memory"].map(|name| both.field(name)), [Some("web"), Some("256"), None]);
    }

    #[test]
    fn users_are_found_by_name_and_by_identifier() {
        let all: Objects = vec![
            object("ecs.service/web", json!({}), Some("web-new")),
            object("ecs.service/web", json!({}), Some("web-old")),
            object("ecs.service/api", json!({}), None),
            object("application-autoscaling.scalable_target/web", json!({"service": "${=ecs.service:web-old}"}), Some("a")),
            object("application-autoscaling.scalable_target/api", json!({"service": "${ecs.service/api}"}), None),
            object("elbv2.rule/api", json!({"service": "${ecs.service/api}", "name": "${ecs.service/gone}"}), None),
        ]
        .into();
        let of = |at: usize, kind: &str| all.users(&all[at], kind).map(|user| user.key.to_string()).collect::<Vec<_>>();
        let kind = "application-autoscaling.scalable_target";
        assert_eq!(of(2, kind), ["application-autoscaling.scalable_target/api"]);
        assert_eq!(of(2, "elbv2.rule"), ["elbv2.rule/api"]);
        // Both halves of a replacement have one address: which of them is meant, the reference says.
        assert_eq!(of(1, kind), ["application-autoscaling.scalable_target/web"]);
        assert!(all[1].is_meant_by("${=ecs.service:web-old}") && !all[0].is_meant_by("${=ecs.service:web-old}"));
        let meant = |text: &str| all.meant_by(text).and_then(|object| object.live.as_ref()?["id"].as_str().map(str::to_owned));
        assert_eq!(meant("${=ecs.service:web-old}").as_deref(), Some("web-old"));
        assert_eq!(meant("${ecs.service/web}").as_deref(), Some("web-new"));
        assert_eq!((meant("${ecs.service/gone}"), meant("web")), (None, None));
    }
}
