//! The names of caches, and whose they are while AWS does not report their tags.

use crate::aws::{Cx, Tags};
use crate::engine::tags::{TAG_ENV, TAG_GENERATION, TAG_KEY, TAG_STACK};
use crate::engine::{Class, Error, Result};

/// The maximum length of the id of a replication group.
pub(super) const GROUP_ID: usize = 40;
/// The maximum length of the name of a snapshot.
pub(super) const SNAPSHOT: usize = 40;
/// The maximum length of the id of a cluster.
pub(super) const CLUSTER_ID: usize = 50;

/// Returns the id of the current object: `PREFIX-NAME`, or `PREFIX-2-NAME` for its first successor. A name starts with a letter,
/// so the id alone says both.
///
/// # Errors
/// When it is longer than AWS accepts: shortened it would say neither.
pub(super) fn id(cx: &Cx, max: usize) -> Result<String> {
    let id = id_of(&cx.scope.prefix(), &cx.key.name, cx.generation);
    if id.len() > max {
        let said = format!("`{id}` has {} characters, but ElastiCache accepts at most {max}", id.len());
        return Err(Error::new(Class::Invalid, said).hint("choose a shorter name"));
    }
    Ok(id)
}

/// Returns the id of an object by its name and generation.
pub(super) fn id_of(prefix: &str, name: &str, generation: u32) -> String {
    let mut id = prefix.to_owned();
    if generation > 1 {
        id += &format!("-{generation}");
    }
    if name != "main" {
        id += &format!("-{name}");
    }
    id
}

/// Returns the object and the generation that an id stands for.
pub(super) fn meaning(prefix: &str, id: &str) -> Option<(String, u32)> {
    let rest = match id.strip_prefix(prefix)? {
        "" => return Some(("main".into(), 1)),
        rest => rest.strip_prefix('-')?,
    };
    let (first, name) = rest.split_once('-').unwrap_or((rest, "main"));
    match first.parse::<u32>() {
        Ok(generation) => Some((name.to_owned(), generation)),
        Err(_) => Some((rest.to_owned(), 1)),
    }
}

/// Checks whether `id` can be that of an object of the stack.
pub(super) fn like_ours(cx: &Cx, id: &str) -> bool {
    id.strip_prefix(&cx.scope.prefix()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns the tags that say whose an object is, as text that AWS shows at any time.
pub(super) fn marker(tags: &Tags) -> String {
    let own = [TAG_STACK, TAG_ENV, TAG_KEY, TAG_GENERATION];
    let own = own.iter().filter_map(|key| Some(format!("{key}={}", tags.get(*key)?)));
    own.collect::<Vec<_>>().join(" ")
}

/// Returns the tags that [`marker`] wrote; none for another text.
pub(super) fn marked(text: &str) -> Tags {
    let pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| key.starts_with("stack:")).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Returns the tags that an object of the stack was given, by its id.
pub(super) fn implied(cx: &Cx, kind: &str, id: &str) -> Tags {
    let Some((name, generation)) = meaning(&cx.scope.prefix(), id) else { return Tags::new() };
    let mut tags = Tags::from([
        (TAG_STACK.to_owned(), cx.scope.stack.clone()),
        (TAG_ENV.to_owned(), cx.scope.env.clone()),
        (TAG_KEY.to_owned(), format!("{kind}/{name}")),
    ]);
    if generation > 1 {
        tags.insert(TAG_GENERATION.to_owned(), generation.to_string());
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_name_and_generation() {
        for prefix in ["shop", "shop-2", "shop-staging"] {
            for name in ["main", "sessions", "sessions-2", "a"] {
                for generation in [1, 2, 13] {
                    let id = id_of(prefix, name, generation);
                    assert_eq!(meaning(prefix, &id), Some((name.to_owned(), generation)), "{id}");
                }
            }
        }
        assert_eq!(meaning("shop", "shopping"), None);
        assert_eq!(id_of("shop", "sessions", 2), "shop-2-sessions");
    }

    #[test]
    fn markers_read_back_and_other_texts_are_ignored() {
        let own = Tags::from([
            (TAG_STACK.to_owned(), "shop".to_owned()),
            (TAG_ENV.to_owned(), "default".to_owned()),
            (TAG_KEY.to_owned(), "elasticache.replication_group/sessions".to_owned()),
            (TAG_GENERATION.to_owned(), "2".to_owned()),
        ]);
        let mut tags = own.clone();
        tags.insert("team".into(), "web = more".into());
        assert_eq!(marked(&marker(&tags)), own);
        assert_eq!(marked("made by hand, max=3"), Tags::new());
    }
}
