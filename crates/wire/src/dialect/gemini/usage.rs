//! `usageMetadata` and the disjoint buckets (vendors' rules, §0.5).

use super::fields::Fields;
use crate::json::{Object, list_of, text_of};
use magic_domain::usage::{Bucket, Usage};
use serde_json::value::RawValue;

/// No honest report of a single call is larger; a dishonest one shall not overflow anything.
const SANE: u64 = 1_000_000_000;

/// What a stream has said about its usage so far. Each report replaces the one before, member by member: a
/// last chunk without the cached tokens takes none back (C25).
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Report {
    said: bool,
    prompt: u64,
    cached: u64,
    candidates: u64,
    thoughts: u64,
    tool_prompt: u64,
    total: Option<u64>,
    prompt_details: Details,
    cache_details: Details,
    candidates_details: Details,
    tool_details: Details,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Details {
    audio: u64,
    image: u64,
}

impl Report {
    pub fn take(&mut self, raw: &RawValue) {
        let Ok(mut fields) = Fields::of(raw, "usageMetadata") else { return };
        let said = &mut self.said;
        let mut count = |names: &[&str], to: &mut u64| {
            for name in names {
                if let Some(units) = fields.take(name).and_then(units) {
                    *to = units;
                    *said = true;
                }
            }
        };
        count(&["promptTokenCount"], &mut self.prompt);
        count(&["cachedContentTokenCount"], &mut self.cached);
        // The live API's name for the same.
        count(&["responseTokenCount", "candidatesTokenCount"], &mut self.candidates);
        count(&["thoughtsTokenCount"], &mut self.thoughts);
        count(&["toolUsePromptTokenCount"], &mut self.tool_prompt);
        let mut total = 0;
        count(&["totalTokenCount"], &mut total);
        self.total = (total > 0).then_some(total).or(self.total);
        for (names, to) in [
            (&["promptTokensDetails"][..], &mut self.prompt_details),
            (&["cacheTokensDetails"], &mut self.cache_details),
            (&["responseTokensDetails", "candidatesTokensDetails"], &mut self.candidates_details),
            (&["toolUsePromptTokensDetails"], &mut self.tool_details),
        ] {
            for name in names {
                if let Some(details) = fields.take(name) {
                    *to = details_of(details);
                }
            }
        }
    }

    /// In buckets; `None` when nothing was reported.
    pub fn usage(&self) -> Option<Usage> {
        if !self.said {
            return None;
        }
        let counted = [self.prompt, self.candidates, self.thoughts, self.tool_prompt].iter().sum::<u64>();
        // A total alone is all prompt: what embeddings and counted prompts report.
        let alone = if counted == 0 { self.total.unwrap_or(0) } else { 0 };
        let mut usage = Usage::default();
        let mut left = self.prompt.saturating_add(self.tool_prompt).saturating_add(alone);
        let cached = |details: u64, cached: u64| details.saturating_sub(cached);
        let audio = cached(self.prompt_details.audio + self.tool_details.audio, self.cache_details.audio);
        let image = cached(self.prompt_details.image + self.tool_details.image, self.cache_details.image);
        for (bucket, units) in
            [(Bucket::CacheRead, self.cached), (Bucket::AudioIn, audio), (Bucket::ImageIn, image)]
        {
            let units = units.min(left);
            left -= units;
            usage.set(bucket, units);
        }
        usage.set(Bucket::Input, left);
        let mut left = self.candidates;
        let details = self.candidates_details;
        for (bucket, units) in [(Bucket::AudioOut, details.audio), (Bucket::ImageOut, details.image)] {
            let units = units.min(left);
            left -= units;
            usage.set(bucket, units);
        }
        usage.set(Bucket::Output, left);
        usage.set(Bucket::Reasoning, self.thoughts);
        Some(usage)
    }
}

fn units(raw: &RawValue) -> Option<u64> {
    // proto JSON writes 64 bits as text.
    let text = text_of(raw).unwrap_or_else(|| raw.get().to_owned());
    text.parse::<u64>().ok().map(|units| units.min(SANE))
}

fn details_of(raw: &RawValue) -> Details {
    let mut details = Details::default();
    for item in list_of(raw).unwrap_or_default() {
        let Ok(mut fields) = Fields::of(item, "details") else { continue };
        let modality = fields.take("modality").and_then(text_of).unwrap_or_default();
        let tokens = fields.take("tokenCount").and_then(units).unwrap_or(0);
        match modality.as_str() {
            "AUDIO" => details.audio = details.audio.saturating_add(tokens).min(SANE),
            "IMAGE" => details.image = details.image.saturating_add(tokens).min(SANE),
            // Video and documents are billed as text is.
            _ => {}
        }
    }
    details
}

/// Reads a `usageMetadata` object; `None` when it counts nothing.
pub fn read_usage(raw: &RawValue) -> Option<Usage> {
    let mut report = Report::default();
    report.take(raw);
    report.usage()
}

/// Writes the members of a `usageMetadata` object.
pub fn write_usage(usage: &Usage, o: &mut Object<'_>) {
    use Bucket::*;
    let prompt = usage.input_total();
    let thoughts = usage.get(Reasoning);
    let candidates = usage.output_total().saturating_sub(thoughts);
    o.int("promptTokenCount", prompt);
    o.int("candidatesTokenCount", candidates);
    if thoughts > 0 {
        o.int("thoughtsTokenCount", thoughts);
    }
    if usage.get(CacheRead) > 0 {
        o.int("cachedContentTokenCount", usage.get(CacheRead));
    }
    o.int("totalTokenCount", prompt.saturating_add(candidates).saturating_add(thoughts));
    let mut details = |name: &str, total: u64, audio: u64, image: u64| {
        if audio == 0 && image == 0 {
            return;
        }
        let text = total.saturating_sub(audio).saturating_sub(image);
        o.list(name, |l| {
            for (modality, tokens) in [("TEXT", text), ("AUDIO", audio), ("IMAGE", image)] {
                if tokens > 0 {
                    l.object(|o| {
                        o.text("modality", modality);
                        o.int("tokenCount", tokens);
                    });
                }
            }
        });
    };
    details("promptTokensDetails", prompt, usage.get(AudioIn), usage.get(ImageIn));
    details("candidatesTokensDetails", candidates, usage.get(AudioOut), usage.get(ImageOut));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::object;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Usage> {
        read_usage(&RawValue::from_string(text.to_owned()).unwrap())
    }

    fn parts(text: &str) -> Vec<(Bucket, u64)> {
        read(text).unwrap().parts().collect()
    }

    #[test]
    fn c26_cached_tokens_are_inside_the_prompt_and_thoughts_beside_the_answer() {
        use Bucket::*;
        let report = r#"{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":20,
            "thoughtsTokenCount":30,"toolUsePromptTokenCount":7,"totalTokenCount":157}"#;
        assert_eq!(parts(report), [(Input, 47), (CacheRead, 60), (Output, 20), (Reasoning, 30)]);
    }

    #[test]
    fn modalities_have_buckets_of_their_own() {
        use Bucket::*;
        let report = r#"{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":50,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":30},{"modality":"AUDIO","tokenCount":45},{"modality":"IMAGE","tokenCount":25}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":40}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":45}]}"#;
        let expected =
            [(Input, 30), (CacheRead, 40), (Output, 5), (AudioIn, 5), (ImageIn, 25), (ImageOut, 45)];
        assert_eq!(parts(report), expected);
    }

    #[test]
    fn nothing_said_is_none_and_zero_is_zero() {
        assert_eq!(read(r#"{"trafficType":"ON_DEMAND"}"#), None);
        assert_eq!(read("[]"), None);
        assert_eq!(parts(r#"{"promptTokenCount":0}"#), []);
        assert_eq!(parts(r#"{"prompt_token_count":"8"}"#), [(Bucket::Input, 8)]);
    }

    #[test]
    fn c25_a_later_report_takes_nothing_back() {
        let mut report = Report::default();
        for text in [
            r#"{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":1}"#,
            r#"{"promptTokenCount":10,"candidatesTokenCount":9}"#,
        ] {
            report.take(&RawValue::from_string(text.to_owned()).unwrap());
        }
        use Bucket::*;
        let all: Vec<_> = report.usage().unwrap().parts().collect();
        assert_eq!(all, [(Input, 6), (CacheRead, 4), (Output, 9)]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in proptest::collection::vec(0u64..1_000_000, 7)) {
            use Bucket::*;
            let mut usage = Usage::default();
            for (bucket, units) in [Input, CacheRead, Output, Reasoning, AudioOut, ImageOut].iter().zip(&units) {
                usage.set(*bucket, *units);
            }
            prop_assert_eq!(read(&object(|o| write_usage(&usage, o))), Some(usage));
        }
    }
}
