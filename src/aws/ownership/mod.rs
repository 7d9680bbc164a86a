//! Whose an object is: its tags, the index of tags, its name, and the second mark of its kind.

pub mod global;
pub mod mark;
pub mod names;
pub mod tag_index;
pub mod tags;
