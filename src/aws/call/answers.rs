//! What is made of an answer about an object that may have gone, or may be somebody else's.

use crate::engine::{Class, Error, Result};

/// What was asked about, or nothing of it when it has gone in the meantime: somebody else's object, say, between
/// the list and the question.
pub(in crate::aws) fn present<T: Default>(answer: Result<T>) -> Result<T> {
    match answer {
        Err(e) if e.class == Class::NotFound => Ok(T::default()),
        other => other,
    }
}

/// What is to go may have gone already.
pub(in crate::aws) fn or_gone<T>(answer: Result<T>) -> Result<()> {
    present(answer.map(drop))
}

/// What is there already, under a name of this operation alone, was made by the call whose answer was lost.
pub(in crate::aws) fn begun<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Err(e) if e.class == Class::Exists => Ok(()),
        other => other.map(drop),
    }
}

/// The answers about objects that may be anybody's. Whoever owns one may forbid that it is looked into (the policy of a key
/// does, whatever IAM allows us), so a refusal is no answer about that one and no failure. When all are refused by our own
/// policies, nothing is known about ours either: that stays an error.
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
    fn what_nobody_lets_us_ask_about_is_left_out_unless_that_is_everything() {
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
