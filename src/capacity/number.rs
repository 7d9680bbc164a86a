//! Numbers for people.

use crate::prices::thousands;

/// Returns a whole number with commas.
pub fn whole(number: u64) -> String {
    thousands(&number.to_string())
}
