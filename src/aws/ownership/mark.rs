//! What proves, beside its tags, that an object is the stack's.
//!
//! Who may write tags could write the stack's. So nothing is deleted by its tags alone: every kind has a second mark
//! ([`crate::aws::wing::AwsKind::MARK`]), which is set at creation and which the right to write tags does not change. An object without it
//! is used when the file names it, and is deleted only by name (`--allow-delete KEY`). `docs/ownership.md` has the table for people.

/// The second mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its name in AWS is the one that its key gets, and nobody can change a name.
    Name,
    /// Its path in IAM.
    Path,
    /// It lies in an object of ours, or hangs on one.
    Parent,
    /// A text that is written when it is created.
    Text,
    /// It has nothing of the kind: the history of this stack knows that it made it.
    History,
}
