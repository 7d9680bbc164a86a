//! Money: what is billed, AWS's list prices, and what both come to in a month.
//!
//! It knows no kinds and asks nobody. What a kind is billed for is said beside the kind, in the wing of its service
//! ([`crate::aws::bill`]), as [`Part`]s: a service, a usage and a quantity. Here they become money, or "no price known": never a zero,
//! and never a price of another region.

mod bill;
mod decimal;
mod offers;
mod part;
mod rules;
mod table;
#[cfg(test)]
mod worked_examples;

pub use bill::{Bill, Billed, Change, Line, Sum};
pub use decimal::{Decimal, thousands};
pub use offers::{OfferPrices, Reader};
pub use part::{Discounts, HOURS, Hours, Part, Usage, lcus};
pub use rules::{Offer, offers};
pub use table::{Known, Rate, Row, Table, is_written, known, look_in, of, write};
