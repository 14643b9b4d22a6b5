//! Vendors' usage reports to disjoint buckets (vendors' rules, §0.5). Missing fields are zero, an explicit zero
//! is zero, and a report that says nothing at all is none.

use magic_domain::endpoint::Endpoint;
use magic_domain::usage::{Bucket, Usage};
use serde_json::Value;

/// No honest report of a single call is larger; a dishonest one shall not overflow anything.
const SANE: u64 = 1_000_000_000;

/// Reads a `usage` object of the OpenAI family.
pub fn read(endpoint: Endpoint, report: &Value) -> Option<Usage> {
    let report = report.as_object()?;
    let get = |names: &[&str]| names.iter().find_map(|name| count(report.get(*name)?));
    let nested = |parents: &[&str], names: &[&str]| {
        parents.iter().find_map(|parent| {
            let object = report.get(*parent)?.as_object()?;
            names.iter().find_map(|name| count(object.get(*name)?))
        })
    };
    if report.get("type").and_then(Value::as_str) == Some("duration")
        || (report.contains_key("seconds") && !report.contains_key("input_tokens"))
    {
        return Some(Usage::default().with(Bucket::Second, get(&["seconds"])?));
    }
    let input = get(&["prompt_tokens", "input_tokens"]);
    let output = get(&["completion_tokens", "output_tokens"]);
    let total = get(&["total_tokens"]);
    let input_total = match (input, total) {
        (Some(input), _) => input,
        // Embeddings and rerankers may report the total alone.
        (None, Some(total)) => total.saturating_sub(output.unwrap_or(0)),
        (None, None) => {
            output?;
            0
        }
    };
    const INPUT: &[&str] = &["prompt_tokens_details", "input_tokens_details", "input_token_details"];
    const OUTPUT: &[&str] = &["completion_tokens_details", "output_tokens_details", "output_token_details"];
    let cached = nested(INPUT, &["cached_tokens"])
        .or_else(|| get(&["prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens"]))
        .unwrap_or(0);
    let written =
        nested(INPUT, &["cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"])
            .or_else(|| get(&["cache_creation_input_tokens"]))
            .unwrap_or(0);
    let cached_audio = INPUT
        .iter()
        .find_map(|parent| count(report.get(*parent)?.get("cached_tokens_details")?.get("audio_tokens")?));
    let audio_in = nested(INPUT, &["audio_tokens"]).unwrap_or(0).saturating_sub(cached_audio.unwrap_or(0));
    let image_in = nested(INPUT, &["image_tokens"]).unwrap_or(0);
    let reasoning = nested(OUTPUT, &["reasoning_tokens"]).or_else(|| get(&["reasoning_tokens"])).unwrap_or(0);
    let audio_out = nested(OUTPUT, &["audio_tokens"]).unwrap_or(0);
    let (mut input_total, mut output_total, mut reasoning) = (input_total, output.unwrap_or(0), reasoning);
    // What the total has more than its parts was left out of them: audio of the prompt (Mistral), or thinking
    // (xAI, which names it, and Google, which does not).
    let surplus = total.unwrap_or(0).saturating_sub(input_total.saturating_add(output_total));
    if surplus > 0 && input.is_some() && output.is_some() {
        if audio_in == surplus {
            input_total += surplus;
        } else {
            output_total += surplus;
            reasoning = reasoning.max(surplus);
        }
    }
    let pictures =
        matches!(endpoint, Endpoint::ImageGenerations | Endpoint::ImageEdits | Endpoint::ImageVariations);
    let image_out = nested(OUTPUT, &["image_tokens"]).unwrap_or(if pictures { output_total } else { 0 });

    let mut usage = Usage::default();
    let mut left = input_total;
    for (bucket, units) in [
        (Bucket::CacheRead, cached),
        (Bucket::CacheWrite5m, written),
        (Bucket::AudioIn, audio_in),
        (Bucket::ImageIn, image_in),
    ] {
        // Cached audio is reported under both names; a token is counted once.
        let units = units.min(left);
        left -= units;
        usage.set(bucket, units);
    }
    usage.set(Bucket::Input, left);
    let mut left = output_total;
    for (bucket, units) in
        [(Bucket::Reasoning, reasoning), (Bucket::AudioOut, audio_out), (Bucket::ImageOut, image_out)]
    {
        let units = units.min(left);
        left -= units;
        usage.set(bucket, units);
    }
    usage.set(Bucket::Output, left);
    Some(usage)
}

/// A count: a whole number, or what some vendors make of one (`12.0`). Seconds round up.
fn count(value: &Value) -> Option<u64> {
    let number = value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        (float.is_finite() && float >= 0.0).then_some(float.ceil() as u64)
    })?;
    Some(number.min(SANE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parts(report: Value) -> Vec<(Bucket, u64)> {
        read(Endpoint::Chat, &report).unwrap().parts().collect()
    }

    #[test]
    fn buckets_are_disjoint() {
        let report = json!({
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10, "cache_write_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5}
        });
        use Bucket::*;
        assert_eq!(
            parts(report),
            [
                (Input, 25),
                (CacheRead, 60),
                (CacheWrite5m, 5),
                (Output, 25),
                (Reasoning, 20),
                (AudioIn, 10),
                (AudioOut, 5)
            ]
        );
    }

    #[test]
    fn vendors_ways_of_saying_it() {
        use Bucket::*;
        for (report, expected) in [
            (json!({"prompt_tokens": 8, "total_tokens": 8}), vec![(Input, 8)]),
            (json!({"total_tokens": 8}), vec![(Input, 8)]),
            (json!({"prompt_tokens": 8, "prompt_cache_hit_tokens": 3}), vec![(Input, 5), (CacheRead, 3)]),
            (json!({"prompt_tokens": 8, "cached_tokens": 3}), vec![(Input, 5), (CacheRead, 3)]),
            (
                json!({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 19, "completion_tokens_details": {"reasoning_tokens": 7}}),
                vec![(Input, 10), (Output, 2), (Reasoning, 7)],
            ),
            (
                json!({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}),
                vec![(Input, 35), (Output, 12), (Reasoning, 62)],
            ),
            (
                json!({"prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 401, "prompt_tokens_details": {"audio_tokens": 375}}),
                vec![(Input, 11), (Output, 15), (AudioIn, 375)],
            ),
            (
                json!({"input_tokens": 100, "output_tokens": 0, "input_token_details": {"cached_tokens": 60, "audio_tokens": 50, "cached_tokens_details": {"audio_tokens": 40}}}),
                vec![(Input, 30), (CacheRead, 60), (AudioIn, 10)],
            ),
            (json!({"type": "duration", "seconds": 2.1}), vec![(Second, 3)]),
            (json!({"prompt_tokens": 0, "completion_tokens": 0}), vec![]),
        ] {
            assert_eq!(parts(report.clone()), expected, "{report}");
        }
        assert_eq!(read(Endpoint::Chat, &json!({})), None);
        assert_eq!(read(Endpoint::Chat, &json!(null)), None);
    }

    #[test]
    fn pictures_are_output_of_their_own() {
        let report = json!({"input_tokens": 20, "output_tokens": 4000, "input_tokens_details": {"text_tokens": 8, "image_tokens": 12}});
        let usage = read(Endpoint::ImageGenerations, &report).unwrap();
        assert_eq!(
            (usage.get(Bucket::ImageOut), usage.get(Bucket::ImageIn), usage.get(Bucket::Input)),
            (4000, 12, 8)
        );
    }

    proptest! {
        #[test]
        fn no_token_is_counted_twice(p in any::<u32>(), c in any::<u32>(), cached in any::<u64>(), audio in any::<u64>(), r in any::<u32>()) {
            let (p, c, r) = (u64::from(p) % SANE, u64::from(c) % SANE, u64::from(r) % SANE);
            let report = json!({"prompt_tokens": p, "completion_tokens": c,
                "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio},
                "completion_tokens_details": {"reasoning_tokens": r}});
            let usage = read(Endpoint::Chat, &report).unwrap();
            prop_assert_eq!((usage.input_total(), usage.output_total()), (p, c));
        }
    }
}
