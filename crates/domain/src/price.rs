//! Prices and bills. A price is nano-dollars per million units of a bucket; a bill is one rounding at the
//! very end: `group ratio × Σ(units × rate)`, half up, never below zero.

use crate::money::{Nano, RATIO_ONE};
use crate::usage::{Bucket, Usage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rates per bucket in nano-dollars per 1 000 000 units. A bucket without a rate of its own is billed at its
/// parent's (see [`Rates::rate`]); one without any is free.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rates(pub BTreeMap<Bucket, i64>);

impl Rates {
    /// The rate of a bucket: its own, else that of the bucket it is a special kind of.
    pub fn rate(&self, bucket: Bucket) -> i64 {
        let mut wanted = Some(bucket);
        while let Some(bucket) = wanted {
            if let Some(rate) = self.0.get(&bucket) {
                return (*rate).max(0);
            }
            wanted = parent(bucket);
        }
        0
    }

    pub fn with(mut self, bucket: Bucket, rate: i64) -> Self {
        self.0.insert(bucket, rate);
        self
    }
}

fn parent(bucket: Bucket) -> Option<Bucket> {
    use Bucket::*;
    match bucket {
        CacheRead | CacheWrite5m | AudioIn | ImageIn => Some(Input),
        CacheWrite1h => Some(CacheWrite5m),
        Reasoning | AudioOut | ImageOut => Some(Output),
        Input | Output | Request | Image | Second | Character => None,
    }
}

/// Rates that replace the base rates once the prompt is longer than `above_input` tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub above_input: u64,
    pub rates: Rates,
}

/// The price of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    pub rates: Rates,
    /// Sorted by `above_input`, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// The longest answer the model gives, in tokens; what an open-ended call reserves is derived from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u32>,
}

impl Price {
    /// A price in one-api's terms: ratio 1 is $2 per 1M prompt tokens; `completion` multiplies it for output.
    pub fn from_ratio(ratio: f64, completion: f64) -> Price {
        let input = crate::money::decimal_to_i64(ratio, 2e9).unwrap_or(0);
        let output = crate::money::decimal_to_i64(ratio * completion, 2e9).unwrap_or(0);
        Price {
            rates: Rates::default().with(Bucket::Input, input).with(Bucket::Output, output),
            tiers: Vec::new(),
            max_output: None,
        }
    }

    /// The price in one-api's terms: `(model ratio, completion ratio)`.
    pub fn to_ratio(&self) -> (f64, f64) {
        let input = self.rates.rate(Bucket::Input) as f64;
        let output = self.rates.rate(Bucket::Output) as f64;
        (input / 2e9, if input > 0.0 { output / input } else { 1.0 })
    }

    /// The rates for a prompt of that many tokens.
    pub fn rates_for(&self, input_total: u64) -> &Rates {
        self.tiers
            .iter()
            .rev()
            .find(|tier| input_total > tier.above_input)
            .map_or(&self.rates, |tier| &tier.rates)
    }

    /// What `usage` costs at this price for a group with that ratio (in millionths).
    pub fn bill(&self, usage: &Usage, ratio: i64) -> Nano {
        bill(self.rates_for(usage.input_total()), usage, ratio)
    }
}

/// `ratio × Σ(units × rate)`, rounded half up to a nano-dollar, never below zero, saturating.
pub fn bill(rates: &Rates, usage: &Usage, ratio: i64) -> Nano {
    const DIVISOR: i128 = 1_000_000 * RATIO_ONE as i128;
    let mut sum: i128 = 0;
    for (bucket, units) in usage.parts() {
        sum = sum.saturating_add((units as i128).saturating_mul(rates.rate(bucket) as i128));
    }
    let scaled = sum.saturating_mul(ratio.max(0) as i128);
    let rounded = scaled.saturating_add(DIVISOR / 2) / DIVISOR;
    Nano(rounded.clamp(0, i64::MAX as i128) as i64)
}

/// Every known price. Looked up as one-api does: an entry `name(type)` for the channel's type first.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    prices: HashMap<String, Arc<Price>>,
    /// The channel types that have entries `name(type)`, one bit each. They are few, and building a key to look
    /// for would be the only allocation of a look-up.
    special: u128,
    /// What an unknown model costs, if the operator set one (`DefaultModelPrice`).
    pub default: Option<Arc<Price>>,
    /// Rises with every change; stored with each bill.
    pub version: i64,
}

impl Catalogue {
    pub fn set(&mut self, model: impl Into<String>, price: Arc<Price>) {
        let model = model.into();
        let kind = model.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')?.1.parse::<u16>().ok());
        self.special |= kind.map_or(0, bit);
        self.prices.insert(model, price);
    }

    pub fn get(&self, model: &str) -> Option<&Arc<Price>> {
        self.prices.get(model)
    }

    /// The price of `model` on a channel of type `kind`. Dated or suffixed names (`-internet`) are resolved
    /// as in one-api; nothing else is guessed.
    pub fn price(&self, model: &str, kind: u16) -> Option<&Arc<Price>> {
        let internet = model.starts_with("qwen-") || model.starts_with("command-");
        let model = if internet { model.strip_suffix("-internet").unwrap_or(model) } else { model };
        self.special(model, kind).or_else(|| self.prices.get(model)).or(self.default.as_ref())
    }

    fn special(&self, model: &str, kind: u16) -> Option<&Arc<Price>> {
        if self.special & bit(kind) == 0 {
            return None;
        }
        self.prices.get(&format!("{model}({kind})"))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Price>)> {
        self.prices.iter().map(|(name, price)| (name.as_str(), price))
    }
}

/// The bit of a channel type; those beyond the last bit share it.
fn bit(kind: u16) -> u128 {
    1 << kind.min(127)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gpt_4o_mini() -> Price {
        Price::from_ratio(0.075, 4.0)
    }

    #[test]
    fn ratio_one_is_two_dollars_per_million() {
        assert_eq!(Price::from_ratio(1.0, 1.0).rates.rate(Bucket::Input), 2_000_000_000);
        assert_eq!(gpt_4o_mini().rates.rate(Bucket::Output), 600_000_000);
        let (ratio, completion) = gpt_4o_mini().to_ratio();
        assert!((ratio - 0.075).abs() < 1e-12 && (completion - 4.0).abs() < 1e-12);
    }

    #[test]
    fn the_bill_is_one_apis_formula() {
        // group × model × (prompt + completion × completion ratio), in quota: 1 × 0.075 × (1000 + 500 × 4) = 225
        let usage = Usage::default().with(Bucket::Input, 1000).with(Bucket::Output, 500);
        assert_eq!(gpt_4o_mini().bill(&usage, RATIO_ONE), Nano::from_quota(225));
    }

    #[test]
    fn a_bucket_without_a_rate_costs_what_its_parent_costs() {
        let rates = Rates::default().with(Bucket::Input, 10).with(Bucket::CacheRead, 1);
        assert_eq!(rates.rate(Bucket::AudioIn), 10);
        assert_eq!(rates.rate(Bucket::CacheRead), 1);
        assert_eq!(rates.rate(Bucket::CacheWrite1h), 10);
        assert_eq!(rates.rate(Bucket::Second), 0);
    }

    #[test]
    fn long_prompts_use_their_tier() {
        let price = Price {
            rates: Rates::default().with(Bucket::Input, 1_000_000),
            tiers: vec![Tier { above_input: 200, rates: Rates::default().with(Bucket::Input, 2_000_000) }],
            max_output: None,
        };
        let usage = |tokens| Usage::default().with(Bucket::Input, tokens);
        assert_eq!(price.bill(&usage(200), RATIO_ONE), Nano(200));
        assert_eq!(price.bill(&usage(201), RATIO_ONE), Nano(402));
    }

    #[test]
    fn half_a_nano_rounds_up() {
        let rates = Rates::default().with(Bucket::Input, 500_000);
        let one = Usage::default().with(Bucket::Input, 1);
        assert_eq!(bill(&rates, &one, RATIO_ONE), Nano(1));
        assert_eq!(bill(&rates, &one, RATIO_ONE - 1), Nano(0));
    }

    #[test]
    fn a_negative_rate_is_never_a_gift() {
        // one-api ships openrouter/auto with a ratio of -500000
        assert_eq!(Price::from_ratio(-500_000.0, 1.0).rates.rate(Bucket::Input), 0);
    }

    #[test]
    fn entries_for_a_channel_type_win() {
        let mut catalogue = Catalogue::default();
        catalogue.set("llama3", Arc::new(Price::from_ratio(1.0, 1.0)));
        catalogue.set("llama3(33)", Arc::new(Price::from_ratio(2.0, 1.0)));
        assert_eq!(catalogue.price("llama3", 33).unwrap().to_ratio().0, 2.0);
        assert_eq!(catalogue.price("llama3", 1).unwrap().to_ratio().0, 1.0);
        assert!(catalogue.price("other", 1).is_none());
    }

    proptest! {
        #[test]
        fn bills_never_panic_and_never_go_below_zero(units in any::<[u64; 4]>(), rate in any::<i64>(), ratio in any::<i64>()) {
            let rates = Rates::default().with(Bucket::Input, rate).with(Bucket::Output, rate);
            let usage = Usage::default()
                .with(Bucket::Input, units[0]).with(Bucket::Output, units[1])
                .with(Bucket::CacheRead, units[2]).with(Bucket::Reasoning, units[3]);
            prop_assert!(bill(&rates, &usage, ratio).0 >= 0);
        }

        #[test]
        fn a_bill_grows_with_its_units(a in 0u64..1_000_000_000, b in 0u64..1_000_000_000, rate in 0i64..1_000_000_000_000) {
            let rates = Rates::default().with(Bucket::Input, rate);
            let of = |n| bill(&rates, &Usage::default().with(Bucket::Input, n), RATIO_ONE);
            prop_assert_eq!(of(a.min(b)) <= of(a.max(b)), true);
        }
    }
}
