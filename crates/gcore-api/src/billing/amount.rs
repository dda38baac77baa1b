//! Exact decimals for money and billed quantities.
//!
//! Costs are parsed from the text of a JSON number, never through a binary float. Sums are integers of a fixed scale,
//! so the order of pages does not change a sum.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The number of decimals. The API rounds costs to 5 decimals, and prints prices with up to 12.
const SCALE: u32 = 12;
const ONE: i128 = 10_i128.pow(SCALE);

/// An exact decimal number with 12 decimals: money in one currency, or a quantity in one unit.
///
/// Parsing rounds digits past the twelfth half to even.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// The reason why a text is no [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// A number beyond every bill (about 1.7e26).
    #[error("number out of range")]
    OutOfRange,
}

impl Amount {
    /// Zero is a known amount, not an unknown one.
    pub const ZERO: Self = Self(0);

    /// 0.01.
    pub const CENT: Self = Self(ONE / 100);

    /// The sum. `None` outside the range of the type.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum of costs or billing values. No real sum comes near the range of the type; beyond it, `self` stays.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(self)
    }

    /// The difference. `None` outside the range of the type.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The absolute value in units of the last decimal (1e-12).
    #[must_use]
    pub fn magnitude(self) -> u128 {
        self.0.unsigned_abs()
    }

    /// The largest total error of `values` amounts that the API has rounded to 5 decimals.
    #[must_use]
    pub fn rounding_of(values: u64) -> Self {
        Self(i128::from(values) * (ONE / 100_000 / 2))
    }

    /// The nearest float, for the exposition format.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        if self == Self::ZERO {
            return 0.0;
        }
        // The standard library rounds a decimal text correctly. A division by 1e12 would not.
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Parses the form of JSON numbers, such as `12.5`, `-3`, `1e-7`. Blanks, plus signs, separators and `NaN` are
    /// errors.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        if let Some(amount) = short(text.as_bytes()) {
            return Ok(amount);
        }
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole)
            || !is_digits(fraction)
            || !is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        {
            return Err(AmountError::NotANumber);
        }
        let digits = || whole.bytes().chain(fraction.bytes()).map(|b| i128::from(b - b'0'));
        if digits().all(|digit| digit == 0) {
            return Ok(Self::ZERO);
        }
        let exponent: i32 = exponent.parse().map_err(|_| AmountError::OutOfRange)?;
        // The number of leading digits that belong to the fixed-point integer.
        let kept = i64::from(exponent) + i64::from(SCALE) + i64::try_from(whole.len()).unwrap_or(i64::MAX / 2);
        let Ok(kept) = usize::try_from(kept) else { return Ok(Self::ZERO) };
        let mut value = 0_i128;
        for digit in digits().chain(std::iter::repeat(0)).take(kept) {
            value = value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or(AmountError::OutOfRange)?;
        }
        let mut dropped = digits().skip(kept);
        let round_up = match dropped.next().unwrap_or(0) {
            0..5 => false,
            5 => value % 2 == 1 || dropped.any(|digit| digit != 0),
            _ => true,
        };
        let value = value.checked_add(i128::from(round_up)).ok_or(AmountError::OutOfRange)?;
        Ok(Self(if negative { -value } else { value }))
    }
}

/// The form of nearly every cost, such as `31.24416`. Its digits fit the arithmetic of a machine word.
fn short(text: &[u8]) -> Option<Amount> {
    let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    if digits.len() > 18 {
        return None;
    }
    let (mut value, mut point) = (0_u64, None);
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && index > 0 => point = Some(index),
            _ => return None,
        }
    }
    let decimals = digits.len() - point.map_or(digits.len(), |index| index + 1);
    if digits.is_empty() || (point.is_some() && decimals == 0) {
        return None;
    }
    let factor = 10_i128.checked_pow(SCALE.checked_sub(u32::try_from(decimals).ok()?)?)?;
    let value = i128::from(value) * factor;
    Some(Amount(if is_negative { -value } else { value }))
}

impl fmt::Display for Amount {
    /// Plain decimal digits without trailing zeros: `12.5`, `-0.00001`, `0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / ONE.unsigned_abs(), magnitude % ONE.unsigned_abs());
        write!(f, "{sign}{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let digits = format!("{fraction:0width$}", width = SCALE as usize);
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

impl Serialize for Amount {
    /// Decimal text, because many JSON readers turn a number into a binary float.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        smol_str::SmolStr::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_prints() {
        for (name, text, want) in [
            ("integer", "31", Ok("31")),
            ("five decimals", "31.24416", Ok("31.24416")),
            ("negative", "-0.10", Ok("-0.1")),
            ("negative zero", "-0", Ok("0")),
            ("scientific", "1e-7", Ok("0.0000001")),
            ("scientific, large", "1.5E3", Ok("1500")),
            ("twelve decimals", "229.000000000001", Ok("229.000000000001")),
            ("tie to even, down", "0.0000000000005", Ok("0")),
            ("tie to even, up", "0.0000000000015", Ok("0.000000000002")),
            ("bytes of a month", "812345678901", Ok("812345678901")),
            ("too large", "1e999", Err(AmountError::OutOfRange)),
            ("too large, plain", "99999999999999999999999999999999", Err(AmountError::OutOfRange)),
            ("exponent beyond counting", "1e99999999999", Err(AmountError::OutOfRange)),
            ("zero with any exponent", "0e99999999999", Ok("0")),
            ("too small to matter", "7e-300", Ok("0")),
            ("half of the last digit and more", "5.00000000000050000000000000000000001", Ok("5.000000000001")),
            ("word", "abc", Err(AmountError::NotANumber)),
            ("not a number", "NaN", Err(AmountError::NotANumber)),
            ("empty", "", Err(AmountError::NotANumber)),
            ("sign only", "-", Err(AmountError::NotANumber)),
            ("two signs", "1e+-5", Err(AmountError::NotANumber)),
            ("no digit after the point", "1.", Err(AmountError::NotANumber)),
            ("thousands", "1_000", Err(AmountError::NotANumber)),
            ("blank", "1 ", Err(AmountError::NotANumber)),
        ] {
            assert_eq!(text.parse::<Amount>().map(|a| a.to_string()), want.map(str::to_owned), "{name}");
        }
    }

    #[test]
    fn rounds_once_to_the_nearest_float() {
        let third: Amount = "0.333333333333".parse().unwrap();
        assert_eq!(third.to_f64().to_string(), "0.333333333333");
        let large: Amount = "123456789012345.67891".parse().unwrap();
        assert_eq!(large.to_f64().to_bits(), 123_456_789_012_345.67_f64.to_bits());
    }

    proptest! {
        #[test]
        fn a_sum_does_not_depend_on_order(mut cents in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 0..50)) {
            let sum = |list: &[i64]| list.iter().fold(Amount::ZERO, |total, n| {
                total.checked_add(format!("{n}e-5").parse().unwrap()).unwrap()
            });
            let forward = sum(&cents);
            cents.reverse();
            prop_assert_eq!(forward, sum(&cents));
            let exact: i64 = cents.iter().sum();
            prop_assert_eq!(forward, format!("{exact}e-5").parse().unwrap());
        }

        #[test]
        fn agrees_with_a_decimal_library(mantissa in any::<i64>(), scale in 0_u32..24) {
            let decimal = rust_decimal::Decimal::from_i128_with_scale(mantissa.into(), scale);
            let rounded = decimal.round_dp_with_strategy(SCALE, rust_decimal::RoundingStrategy::MidpointNearestEven);
            prop_assert_eq!(decimal.to_string().parse::<Amount>().unwrap().to_string(), rounded.normalize().to_string());
        }

        #[test]
        fn printing_and_reading_are_inverse(raw in any::<i64>()) {
            let amount = Amount(i128::from(raw));
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }
    }
}
