//! Cohere's report of usage.

use magic_domain::usage::{Bucket, Usage};
use serde_json::Value;

/// No honest report of a single call is larger.
const SANE: u64 = 1_000_000_000;

/// Reads a report. What is billed counts: the tokens beside it include a prompt of the vendor's own, which
/// nobody pays for, and of which it caches the most.
pub(super) fn read(report: &Value) -> Option<Usage> {
    let count = |parent: &Value, name: &str| {
        let number = parent.get(name)?;
        number
            .as_u64()
            .or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
            .map(|n| n.min(SANE))
    };
    let (billed, tokens) = (&report["billed_units"], &report["tokens"]);
    let both = |name: &str| count(billed, name).or_else(|| count(tokens, name));
    let (input, output) = (both("input_tokens"), both("output_tokens"));
    if input.is_none() && output.is_none() {
        return None;
    }
    let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
    let cached = match count(billed, "input_tokens") {
        Some(_) => 0,
        None => count(report, "cached_tokens").unwrap_or(0).min(input),
    };
    let pictures = both("image_tokens").unwrap_or(0).min(input - cached);
    let reasoning = count(tokens, "reasoning_tokens").unwrap_or(0).min(output);
    Some(
        Usage::default()
            .with(Bucket::Input, input - cached - pictures)
            .with(Bucket::CacheRead, cached)
            .with(Bucket::ImageIn, pictures)
            .with(Bucket::Output, output - reasoning)
            .with(Bucket::Reasoning, reasoning),
    )
}
