//! Reading an answer about an object that may have been deleted, or may belong to someone else.

use crate::engine::{Class, Error, Result};

/// Returns the answer, or an empty one when the object was deleted in the meantime: someone else's object, say, between the
/// list and the question.
pub(in crate::aws) fn present<T: Default>(answer: Result<T>) -> Result<T> {
    match answer {
        Err(e) if e.class == Class::NotFound => Ok(T::default()),
        other => other,
    }
}

/// Accepts that an object to be deleted does not exist any more.
pub(in crate::aws) fn or_gone<T>(answer: Result<T>) -> Result<()> {
    present(answer.map(drop))
}

/// Accepts that AWS is still at work with an object to be deleted, which can take hours: it is deleted while the engine looks on.
pub(in crate::aws) fn or_later(answer: Result<()>) -> Result<()> {
    match answer {
        Err(e) if e.class == Class::InUse => Ok(()),
        other => other,
    }
}

/// Accepts that an object exists already. Its name is unique to this operation, so a call whose answer was lost created it.
pub(in crate::aws) fn begun<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Err(e) if e.class == Class::Exists => Ok(()),
        other => other.map(drop),
    }
}

/// Returns the answers about objects of any owner. An owner may deny access to one (the policy of a key does, whatever IAM
/// allows), so a denial leaves that object out and is not a failure. When the identity's own policies deny all of them, nothing
/// is known about the stack's objects either, and that stays an error.
pub(in crate::aws) fn answered<K, T>(answers: Vec<(K, Result<T>)>) -> Result<Vec<(K, T)>> {
    let any = answers.iter().any(|(_, answer)| answer.is_ok());
    let theirs = |e: &Error| e.class == Class::Denied && (any || e.message.contains("resource-based policy"));
    let known = answers.into_iter().filter(|(_, answer)| !answer.as_ref().is_err_and(theirs));
    known.map(|(key, answer)| answer.map(|answer| (key, answer))).collect()
}

#[cfg(test)]
mod tests {
    use super::answered;
    use crate::engine::{Class, Error};

    #[test]
    fn denied_objects_are_left_out_unless_all_are_denied() {
        let denied =
            |by: &str| Err(Error::new(Class::Denied, format!("not authorized, because no {by} policy allows the action")));
        let some = answered(vec![("ours", Ok(1)), ("theirs", denied("identity-based"))]).unwrap();
        assert_eq!(some, [("ours", 1)]);
        assert_eq!(answered::<_, u8>(vec![("theirs", denied("resource-based"))]).unwrap(), []);
        let none = answered::<_, u8>(vec![("a", denied("identity-based")), ("b", denied("identity-based"))]);
        assert_eq!(none.unwrap_err().class, Class::Denied);
        let broken = answered(vec![("a", Ok(1)), ("b", Err(Error::new(Class::Ambiguous, "no answer")))]);
        assert_eq!(broken.unwrap_err().class, Class::Ambiguous);
    }
}
