//! Money is an integer number of nano-dollars (1e-9 USD). No float ever holds an amount.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in nano-dollars. Arithmetic saturates: an amount near the end of the range is already absurd
/// (±9.2 billion USD), and a wrapped one would be a gift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nano(pub i64);

/// one-api's unit: 500 000 quota = 1 USD, so one quota is 2 000 nano-dollars.
pub const NANO_PER_QUOTA: i64 = 2_000;
/// Nano-dollars in a dollar.
pub const NANO_PER_USD: i64 = 1_000_000_000;
/// Ratios (of groups) are integers in millionths: 1.0 is `RATIO_ONE`.
pub const RATIO_ONE: i64 = 1_000_000;

impl Nano {
    pub const ZERO: Nano = Nano(0);
    pub const MAX: Nano = Nano(i64::MAX);

    pub const fn from_quota(quota: i64) -> Self {
        Nano(quota.saturating_mul(NANO_PER_QUOTA))
    }

    /// The amount in one-api's unit, rounded down (towards minus infinity), so that nobody is shown
    /// quota that is not there.
    pub const fn to_quota(self) -> i64 {
        self.0.div_euclid(NANO_PER_QUOTA)
    }

    /// The amount in one-api's unit, rounded up: the view of a *cost*.
    pub const fn to_quota_ceil(self) -> i64 {
        let floor = self.0.div_euclid(NANO_PER_QUOTA);
        if self.0.rem_euclid(NANO_PER_QUOTA) == 0 { floor } else { floor + 1 }
    }

    pub const fn plus(self, other: Nano) -> Nano {
        Nano(self.0.saturating_add(other.0))
    }

    pub const fn minus(self, other: Nano) -> Nano {
        Nano(self.0.saturating_sub(other.0))
    }

    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The greater of the amount and zero.
    pub fn floor_zero(self) -> Nano {
        Nano(self.0.max(0))
    }

    /// Dollars with nine decimals, exact: `0.000150000`.
    pub fn usd(self) -> Usd {
        Usd(self)
    }
}

/// Shows an amount as dollars with nine decimals.
pub struct Usd(Nano);

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nano = self.0.0;
        let sign = if nano < 0 { "-" } else { "" };
        let abs = nano.unsigned_abs();
        write!(f, "{sign}{}.{:09}", abs / NANO_PER_USD as u64, abs % NANO_PER_USD as u64)
    }
}

/// Parses a decimal number of dollars (`"0.15"`, `"2"`, `"1.5e-5"`) into nano-dollars per *million*
/// units when `scale` is 1e9·(1e6 / units). Returns `None` for anything negative, not finite or too big.
pub fn decimal_to_i64(value: f64, scale: f64) -> Option<i64> {
    let scaled = (value * scale).round();
    (scaled.is_finite() && (0.0..9.0e18).contains(&scaled)).then_some(scaled as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_dollar_is_500_000_quota() {
        assert_eq!(Nano(NANO_PER_USD).to_quota(), 500_000);
        assert_eq!(Nano::from_quota(500_000), Nano(NANO_PER_USD));
    }

    #[test]
    fn dollars_are_shown_exactly() {
        assert_eq!(Nano(150_000).usd().to_string(), "0.000150000");
        assert_eq!(Nano(-1_500_000_000).usd().to_string(), "-1.500000000");
        assert_eq!(Nano(i64::MIN).usd().to_string(), "-9223372036.854775808");
    }

    proptest! {
        #[test]
        fn quota_views_bracket_the_amount(n in any::<i32>()) {
            let nano = Nano(n as i64);
            prop_assert!(Nano::from_quota(nano.to_quota()) <= nano);
            prop_assert!(Nano::from_quota(nano.to_quota_ceil()) >= nano);
            prop_assert!(nano.to_quota_ceil() - nano.to_quota() <= 1);
        }

        #[test]
        fn arithmetic_never_wraps(a in any::<i64>(), b in any::<i64>()) {
            let sum = Nano(a).plus(Nano(b)).0 as i128;
            let exact = a as i128 + b as i128;
            prop_assert_eq!(sum, exact.clamp(i64::MIN as i128, i64::MAX as i128));
        }
    }
}
