//! What proves, besides its tags, that an object is the stack's.
//!
//! Anyone who may write tags could write the stack's. So nothing is deleted by its tags alone: every kind has a second mark
//! ([`crate::aws::wing::AwsKind::MARK`]), which is set at creation and which permission to write tags does not change. An object
//! without it is used when the file names it, and is deleted only with consent (`--allow-delete KEY`). `docs/ownership.md` has
//! the table for people.

/// The second mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its name in AWS is the one that its key gets, and names cannot be changed.
    Name,
    /// Its path in IAM.
    Path,
    /// It is in an object of the stack, or attached to one.
    Parent,
    /// A text that is written when it is created.
    Text,
    /// It is the account's, not the stack's: changed while a file says so, and never deleted.
    Account,
    /// It has no mark in AWS: the history of this stack knows that a run created it.
    History,
}
