//! What a label points at: one version, or several with a share of the calls each.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The label that is taken where a call names none.
const DEFAULT: &str = "prod";
/// Always the newest version; no label can be called so.
const LATEST: &str = "latest";
const SHARES_MAX: usize = 16;

/// Whether a label may be called so: as a prompt, but not a number.
pub fn is_label(label: &str) -> bool {
    super::is_name(label) && label != LATEST && !label.bytes().all(|byte| byte.is_ascii_digit())
}

/// A version and its share of the calls in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    pub version: i64,
    pub percent: u8,
}

/// What a label points at. In JSON a number, or a list of [`Share`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Vec<Share>);

impl Target {
    pub fn one(version: i64) -> Target {
        Target(vec![Share { version, percent: 100 }])
    }

    /// A split: shares of different versions, 100 percent together.
    pub fn split(shares: Vec<Share>) -> Result<Target, String> {
        if shares.len() > SHARES_MAX {
            return Err(format!("a label is split over at most {SHARES_MAX} versions"));
        }
        let twice = |at: usize| shares[..at].iter().any(|share| share.version == shares[at].version);
        if (0..shares.len()).any(twice) {
            return Err("a label names each version once".into());
        }
        let sum: u32 = shares.iter().map(|share| u32::from(share.percent)).sum();
        if sum != 100 || shares.iter().any(|share| share.percent == 0) {
            return Err("the shares of a label are above zero, and 100 percent together".into());
        }
        Ok(Target(shares))
    }

    pub fn versions(&self) -> impl Iterator<Item = i64> {
        self.0.iter().map(|share| share.version)
    }

    /// The same with other numbers of the versions; `None`: one has none.
    pub fn renumbered(&self, number: impl Fn(i64) -> Option<i64>) -> Option<Target> {
        let share = |share: &Share| Some(Share { version: number(share.version)?, ..*share });
        self.0.iter().map(share).collect::<Option<Vec<_>>>().map(Target)
    }

    fn drawn(&self, draw: u64) -> Option<i64> {
        let at = ((u128::from(mixed(draw)) * 100) >> 64) as u32;
        let mut below = 0;
        let hit = self.0.iter().find(|share| {
            below += u32::from(share.percent);
            at < below
        });
        hit.map(|share| share.version)
    }
}

/// Spreads a draw whose bits are not all chance, and that chooses the channel too (splitmix64's finaliser).
fn mixed(draw: u64) -> u64 {
    let mut x = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The version that a call means: the one of a number or a label; without one, of the label `prod` or else the
/// newest.
pub fn choose(
    labels: &BTreeMap<String, Target>,
    newest: i64,
    wanted: Option<&str>,
    draw: u64,
) -> Option<i64> {
    match wanted {
        None => labels.get(DEFAULT).map_or(Some(newest), |target| target.drawn(draw)),
        Some(LATEST) => Some(newest),
        Some(wanted) => match labels.get(wanted) {
            Some(target) => target.drawn(draw),
            None => wanted.parse().ok(),
        },
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    One(i64),
    Split(Vec<Share>),
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => Form::One(only.version).serialize(to),
            shares => Form::Split(shares.to_vec()).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Form::deserialize(from)? {
            Form::One(version) => Ok(Target::one(version)),
            Form::Split(shares) => Target::split(shares).map_err(serde::de::Error::custom),
        }
    }
}
