//! Amounts and quantities with twelve decimal places, without floating point: sums are exact, and products are rounded half to even.

use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;

/// One, in the smallest steps.
const ONE: i128 = 1_000_000_000_000;
/// The number of decimal places.
const PLACES: usize = 12;

/// A decimal number. Arithmetic saturates, far beyond any price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i128);

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal(0);
    /// One.
    pub const ONE: Decimal = Decimal(ONE);

    /// Returns a whole number.
    pub const fn of(number: u64) -> Decimal {
        Decimal((number as i128).saturating_mul(ONE))
    }

    /// Returns the number of a field that AWS has as a signed one; a negative one is nothing.
    pub fn from_i32(number: i32) -> Decimal {
        Decimal::of(u64::try_from(number).unwrap_or(0))
    }

    /// Returns the quotient; that by zero is zero.
    #[must_use]
    pub fn over(self, divisor: Decimal) -> Decimal {
        if divisor.0 == 0 { Decimal::ZERO } else { Decimal(rounded(self.0.saturating_mul(ONE), divisor.0)) }
    }

    /// Returns the amount in whole cents, rounded half to even.
    #[must_use]
    pub fn cents(self) -> i128 {
        rounded(self.0, ONE / 100)
    }

    /// Returns the same without what is below a cent.
    #[must_use]
    pub fn rounded(self) -> Decimal {
        Decimal(self.cents().saturating_mul(ONE / 100))
    }

    /// Returns the amount as money: `$1,234.50`, `-$0.05`, and `<$0.01` for what is less than a cent.
    pub fn money(self) -> String {
        if self.0 > 0 && self.cents() == 0 {
            return "<$0.01".to_owned();
        }
        let cents = self.cents();
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        format!("{sign}${}.{:02}", thousands(&(cents / 100).to_string()), cents % 100)
    }

    /// Returns the amount with its sign: `+$12.00`, `-$3.10`.
    pub fn change(self) -> String {
        if self.0 > 0 { format!("+{}", self.money()) } else { self.money() }
    }

    /// Returns the amount in dollars and cents, for programs: `1234.50`.
    pub fn plain(self) -> String {
        let cents = self.cents();
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        format!("{sign}{}.{:02}", cents / 100, cents % 100)
    }

    /// Returns a quantity for people: whole numbers with their thousands, others with at most three places.
    pub fn quantity(self) -> String {
        let (sign, all) = (if self.0 < 0 { "-" } else { "" }, rounded(self.0, ONE / 1000).unsigned_abs());
        if all == 0 && self.0 != 0 {
            return self.to_string();
        }
        let places = format!("{:03}", all % 1000);
        let places = places.trim_end_matches('0');
        let dot = if places.is_empty() { "" } else { "." };
        format!("{sign}{}{dot}{places}", thousands(&(all / 1000).to_string()))
    }
}

/// Divides, half to even.
fn rounded(number: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (number / divisor, number % divisor);
    let twice = rest.unsigned_abs().saturating_mul(2);
    let away = twice > divisor.unsigned_abs() || twice == divisor.unsigned_abs() && quotient % 2 != 0;
    let step = if (number < 0) == (divisor < 0) { 1 } else { -1 };
    if away { quotient.saturating_add(step) } else { quotient }
}

/// Writes commas between thousands: `1234567` becomes `1,234,567`.
pub fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Add for Decimal {
    type Output = Decimal;
    fn add(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_add(other.0))
    }
}

impl Sub for Decimal {
    type Output = Decimal;
    fn sub(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_sub(other.0))
    }
}

impl Mul for Decimal {
    type Output = Decimal;
    fn mul(self, other: Decimal) -> Decimal {
        // The whole part by itself, so that large products have room.
        let whole = (self.0 / ONE).saturating_mul(other.0);
        Decimal(whole.saturating_add(rounded((self.0 % ONE).saturating_mul(other.0), ONE)))
    }
}

impl std::iter::Sum for Decimal {
    fn sum<I: Iterator<Item = Decimal>>(all: I) -> Decimal {
        all.fold(Decimal::ZERO, Add::add)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.unsigned_abs();
        let (whole, places) = (all / ONE.unsigned_abs(), all % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        let places = format!("{places:0PLACES$}");
        let places = places.trim_end_matches('0');
        let dot = if places.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{dot}{places}")
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Decimal, String> {
        let wrong = || format!("`{text}` is not a decimal number with at most {PLACES} places");
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !numeric(whole) || !numeric(places) || places.len() > PLACES {
            return Err(wrong());
        }
        let whole: i128 = whole.parse().map_err(|_| wrong())?;
        let places: i128 = format!("{places:0<PLACES$}").parse().map_err(|_| wrong())?;
        let all = whole.checked_mul(ONE).and_then(|whole| whole.checked_add(places)).ok_or_else(wrong)?;
        Ok(Decimal(sign * all))
    }
}

impl serde::Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["0", "1", "0.0000000308", "1234567.000000000001", "-0.5", "730"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        for wrong in ["", ".", "1.", "1e-5", "0.0000000000001", "--1", "1.2.3", "$1"] {
            assert!(wrong.parse::<Decimal>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sums_and_products_are_exact() {
        // Ten times a tenth is one, which floating point misses.
        assert_eq!((0..10).map(|_| decimal("0.1")).sum::<Decimal>(), Decimal::ONE);
        assert_eq!((decimal("0.04048") * decimal("730")).to_string(), "29.5504");
        assert_eq!((decimal("7000000") * decimal("0.0000166667")).to_string(), "116.6669");
        assert_eq!(decimal("1").over(decimal("3")).to_string(), "0.333333333333");
        assert_eq!(decimal("-2").over(decimal("3")).to_string(), "-0.666666666667");
        assert_eq!(decimal("1").over(Decimal::ZERO), Decimal::ZERO);
        assert_eq!((decimal("1000000000000") * decimal("1000000")).to_string(), "1000000000000000000");
    }

    #[test]
    fn cents_are_rounded_half_to_even() {
        let shown = |text: &str| decimal(text).money();
        assert_eq!([shown("0.005"), shown("0.015"), shown("0.025")], ["<$0.01", "$0.02", "$0.02"]);
        assert_eq!([shown("1234567.891"), shown("-12.5"), shown("0")], ["$1,234,567.89", "-$12.50", "$0.00"]);
        assert_eq!([decimal("12").change(), decimal("-3.1").change()], ["+$12.00", "-$3.10"]);
        assert_eq!([decimal("1234.5").plain(), decimal("-0.004").plain()], ["1234.50", "0.00"]);
    }

    #[test]
    fn quantities_are_readable() {
        let shown = |text: &str| decimal(text).quantity();
        assert_eq!([shown("1095"), shown("0.5"), shown("2628000"), shown("0.13698")], ["1,095", "0.5", "2,628,000", "0.137"]);
        assert_eq!([shown("0.0001"), shown("0")], ["0.0001", "0"]);
    }
}
