//! Compares JSON numbers by their exact decimal value.
//!
//! `1`, `1.0` and `10e-1` are equal; numbers of any length that differ in one digit are not. Binary floating point is
//! not used, because it cannot distinguish 9007199254740993 from 9007199254740992.

/// A JSON number as ±0.d₁d₂d₃… × 10^`exponent`, with its digits borrowed from the source text.
struct Decimal<'a> {
    negative: bool,
    /// The digits from the first that is not zero to the last that is not zero, in up to two pieces.
    digits: (&'a [u8], &'a [u8]),
    exponent: i64,
}

/// Whether two texts, each a valid JSON number (RFC 8259 §6), denote the same value.
///
/// `-0` equals `0`. Exponents beyond 64 bits are compared as text: equal values may then compare as different, but not the reverse.
pub(super) fn same_number(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (Decimal::new(a), Decimal::new(b)) {
        (Some(a), Some(b)) => a.equals(&b),
        _ => false,
    }
}

impl<'a> Decimal<'a> {
    fn new(number: &'a str) -> Option<Self> {
        let (negative, unsigned) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent),
            None => (unsigned, "0"),
        };
        let (int, frac) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (int, frac) = (int.as_bytes(), frac.as_bytes());
        let significant_int = without_leading_zeros(int);
        let significant_frac = if significant_int.is_empty() {
            without_leading_zeros(frac)
        } else {
            frac
        };
        let digits = without_trailing_zeros(significant_int, significant_frac);
        if digits.0.is_empty() && digits.1.is_empty() {
            // All zeros are equal, whatever their sign and exponent.
            return Some(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        let skipped = i64::try_from(frac.len() - significant_frac.len()).ok()?;
        let exponent = exponent
            .parse::<i64>()
            .ok()?
            .checked_add(i64::try_from(significant_int.len()).ok()?)?
            .checked_sub(skipped)?;
        Some(Self {
            negative,
            digits,
            exponent,
        })
    }

    fn equals(&self, other: &Self) -> bool {
        let digits = |d: &Self| d.digits.0.len() + d.digits.1.len();
        self.negative == other.negative
            && self.exponent == other.exponent
            && digits(self) == digits(other)
            && self.digits().eq(other.digits())
    }

    fn digits(&self) -> impl Iterator<Item = &u8> {
        self.digits.0.iter().chain(self.digits.1)
    }
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&d| d == b'0').count();
    &digits[zeros..]
}

fn without_trailing_zeros<'a>(int: &'a [u8], frac: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    fn trim(digits: &[u8]) -> &[u8] {
        let zeros = digits.iter().rev().take_while(|&&d| d == b'0').count();
        &digits[..digits.len() - zeros]
    }
    match trim(frac) {
        [] => (trim(int), &[]),
        frac => (int, frac),
    }
}

#[cfg(test)]
mod tests {
    use super::same_number;

    #[test]
    fn equal_values_in_different_notation() {
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "10e-1"),
            ("1", "0.1E+1"),
            ("100", "1e2"),
            ("0.001", "1e-3"),
            ("0.0010", "0.1e-2"),
            ("-0", "0"),
            ("0e99", "-0.000"),
            ("-12.50", "-1.25e1"),
            (
                "123456789012345678901234567890",
                "1.2345678901234567890123456789e29",
            ),
            ("1e400", "10e399"),
        ] {
            assert!(same_number(a, b) && same_number(b, a), "{a} {b}");
        }
    }

    #[test]
    fn different_values_that_binary_floating_point_confuses() {
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000000001"),
            ("1e400", "1e401"),
            ("1", "-1"),
            ("10", "1"),
            ("101", "11"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("1e9223372036854775807", "10e9223372036854775807"),
        ] {
            assert!(!same_number(a, b) && !same_number(b, a), "{a} {b}");
        }
    }
}
