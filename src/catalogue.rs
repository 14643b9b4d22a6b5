//! What models cost: the seed that comes with the program, under one-api's ratio options, under the prices set
//! here or in the configuration file.

use magic_domain::money::decimal_to_i64;
use magic_domain::options::Options;
use magic_domain::price::{Catalogue, Price, Rates, Tier};
use magic_domain::usage::Bucket;
use magic_store::load::Loaded;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

/// A row of the seed, in dollars.
#[derive(Deserialize)]
struct Seed {
    model: String,
    #[serde(default)]
    max_output: Option<u32>,
    #[serde(default)]
    tiers: Vec<SeedTier>,
    #[serde(flatten)]
    prices: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct SeedTier {
    above_input: u64,
    #[serde(flatten)]
    prices: BTreeMap<String, f64>,
}

fn rates(prices: &BTreeMap<String, f64>) -> Rates {
    let mut rates = Rates::default();
    for (key, usd) in prices {
        let (bucket, scale) = match key.as_str() {
            "per_request" => (Bucket::Request, 1e15),
            "per_image" => (Bucket::Image, 1e15),
            "per_second" => (Bucket::Second, 1e15),
            "per_character" => (Bucket::Character, 1e15),
            other => match Bucket::parse(other) {
                Some(bucket) => (bucket, 1e9),
                None => continue,
            },
        };
        if let Some(rate) = decimal_to_i64(*usd, scale) {
            rates.0.insert(bucket, rate);
        }
    }
    rates
}

static SEED: LazyLock<HashMap<String, Arc<Price>>> = LazyLock::new(|| {
    let rows: Vec<Seed> = serde_json::from_str(include_str!("../config/prices.json")).unwrap_or_default();
    rows.into_iter()
        .map(|row| {
            let tiers = row
                .tiers
                .iter()
                .map(|tier| Tier { above_input: tier.above_input, rates: rates(&tier.prices) });
            let price =
                Price { rates: rates(&row.prices), tiers: tiers.collect(), max_output: row.max_output };
            (row.model, Arc::new(price))
        })
        .collect()
});

/// Builds the catalogue in force.
pub fn build(loaded: &Loaded) -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.version = loaded.version;
    for (name, price) in SEED.iter() {
        catalogue.set(name.as_str(), price.clone());
    }
    let (ratios, completions) =
        (loaded.options.ratios("ModelRatio"), loaded.options.ratios("CompletionRatio"));
    for name in ratios.keys().chain(completions.keys()) {
        let before = catalogue.get(name).cloned();
        let (seed_ratio, seed_completion) = before.as_ref().map_or((0.0, 1.0), |price| price.to_ratio());
        let ratio = ratios.get(name).copied().unwrap_or(seed_ratio);
        let completion = completions.get(name).copied().unwrap_or(seed_completion);
        let max_output = before.and_then(|price| price.max_output);
        catalogue.set(name.as_str(), Arc::new(Price { max_output, ..Price::from_ratio(ratio, completion) }));
    }
    for row in &loaded.models {
        catalogue.set(row.name.as_str(), Arc::new(row.price.clone()));
    }
    catalogue.default = default_price(&loaded.options);
    catalogue
}

/// `DefaultModelPrice`: USD per 1M tokens, in and out.
fn default_price(options: &Options) -> Option<Arc<Price>> {
    let usd: f64 = options.text("DefaultModelPrice").trim().parse().ok()?;
    Some(Arc::new(Price::from_ratio(usd / 2.0, 1.0)))
}

/// Group ratios in millionths.
pub fn groups(options: &Options) -> BTreeMap<String, i64> {
    let ratios = options.ratios("GroupRatio");
    ratios.into_iter().filter_map(|(name, ratio)| Some((name, decimal_to_i64(ratio, 1e6)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use magic_domain::options::Options;

    fn loaded(options: &[(&str, &str)]) -> Loaded {
        let set = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Loaded {
            version: 7,
            channels: vec![],
            options: Options::new(set),
            models: vec![],
            lacks: Default::default(),
            prompts: vec![],
        }
    }

    #[test]
    fn the_seed_prices_what_people_use() {
        let catalogue = build(&loaded(&[]));
        let rate = |model: &str, bucket| catalogue.price(model, 1).unwrap().rates.rate(bucket);
        assert_eq!(rate("gpt-4o-mini", Bucket::Input), 150_000_000);
        assert_eq!(rate("gpt-4o", Bucket::Output), 10_000_000_000);
        assert_eq!(rate("whisper-1", Bucket::Second), 100_000_000_000);
        assert_eq!(rate("tts-1", Bucket::Character), 15_000_000_000);
        assert!(SEED.len() > 1000);
        assert!(catalogue.price("no-such-model", 1).is_none());
    }

    #[test]
    fn ratios_and_prices_win_over_the_seed() {
        let catalogue = build(&loaded(&[
            ("ModelRatio", r#"{"gpt-4o":5,"mine":1}"#),
            ("CompletionRatio", r#"{"mine":3}"#),
            ("DefaultModelPrice", "4"),
        ]));
        assert_eq!(catalogue.price("gpt-4o", 1).unwrap().rates.rate(Bucket::Input), 10_000_000_000);
        assert_eq!(catalogue.price("gpt-4o", 1).unwrap().max_output, Some(16384));
        assert_eq!(catalogue.price("mine", 1).unwrap().rates.rate(Bucket::Output), 6_000_000_000);
        assert_eq!(catalogue.price("unknown", 1).unwrap().rates.rate(Bucket::Input), 4_000_000_000);
    }

    #[test]
    fn a_group_may_be_free_but_not_negative() {
        let groups =
            groups(&Options::new([("GroupRatio".to_owned(), r#"{"a":0.8,"b":0,"c":-1}"#.to_owned())].into()));
        assert_eq!(groups.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 800_000), ("b".to_owned(), 0)]);
    }
}
