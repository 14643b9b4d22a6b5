//! The dialect's report of usage. Its `input_tokens` leaves out what was read from or written to the cache;
//! thinking is part of `output_tokens`.

use crate::json::Object;
use magic_domain::usage::{Bucket, Usage};
use serde_json::Value;

/// No honest report of a single call is larger; a dishonest one shall not overflow anything.
const SANE: u64 = 1_000_000_000;

/// Reads a whole `usage` object; `None` when it says nothing.
pub fn read_usage(report: &Value) -> Option<Usage> {
    let mut known = Report::default();
    known.take(report);
    known.usage()
}

/// What is known of a call's usage so far. Later reports replace earlier ones field by field: they are totals.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    counts: Counts,
    thinking: Option<u64>,
    /// The rounds of a call that compacts or falls back; together they are what is billed.
    rounds: Vec<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    input: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    hour: Option<u64>,
    minutes: Option<u64>,
    output: Option<u64>,
}

impl Counts {
    fn take(&mut self, report: &Value) {
        let set = |field: &mut Option<u64>, value: Option<&Value>| {
            *field = value.and_then(count).or(*field);
        };
        set(&mut self.input, report.get("input_tokens"));
        set(&mut self.read, report.get("cache_read_input_tokens"));
        set(&mut self.written, report.get("cache_creation_input_tokens"));
        set(&mut self.hour, report.pointer("/cache_creation/ephemeral_1h_input_tokens"));
        set(&mut self.minutes, report.pointer("/cache_creation/ephemeral_5m_input_tokens"));
        set(&mut self.output, report.get("output_tokens"));
    }

    fn any(&self) -> bool {
        [self.input, self.read, self.written, self.hour, self.minutes, self.output]
            .iter()
            .any(Option::is_some)
    }

    /// Tokens written for five minutes and for an hour.
    fn writes(&self) -> (u64, u64) {
        let (minutes, hour) = (self.minutes.unwrap_or(0), self.hour.unwrap_or(0));
        // A total without its split, or one that has moved on since, is taken for the cheaper kind.
        let total = self.written.unwrap_or(minutes + hour);
        let hour = hour.min(total);
        (total - hour, hour)
    }
}

impl Report {
    pub(super) fn take(&mut self, report: &Value) {
        self.counts.take(report);
        let thinking = report.pointer("/output_tokens_details/thinking_tokens").and_then(count);
        self.thinking = thinking.or(self.thinking);
        if let Some(rounds) = report.get("iterations").and_then(Value::as_array) {
            let read = |round: &Value| {
                let mut counts = Counts::default();
                counts.take(round);
                counts
            };
            self.rounds = rounds.iter().map(read).filter(Counts::any).collect();
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let one = [self.counts];
        let rounds = if self.rounds.is_empty() { &one[..] } else { &self.rounds };
        if !rounds.iter().any(Counts::any) {
            return None;
        }
        let mut usage = Usage::default();
        let mut add = |bucket, units: u64| usage.set(bucket, usage.get(bucket).saturating_add(units));
        for round in rounds {
            let (minutes, hour) = round.writes();
            add(Bucket::Input, round.input.unwrap_or(0));
            add(Bucket::CacheRead, round.read.unwrap_or(0));
            add(Bucket::CacheWrite5m, minutes);
            add(Bucket::CacheWrite1h, hour);
            add(Bucket::Output, round.output.unwrap_or(0));
        }
        let output = usage.get(Bucket::Output);
        let thinking = self.thinking.unwrap_or(0).min(output);
        usage.set(Bucket::Output, output - thinking);
        usage.set(Bucket::Reasoning, thinking);
        Some(usage)
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().map(|units| units.min(SANE))
}

/// Writes the members of a `usage` object.
pub(super) fn write(usage: &Usage, o: &mut Object<'_>) {
    let get = |bucket| usage.get(bucket);
    let (minutes, hour) = (get(Bucket::CacheWrite5m), get(Bucket::CacheWrite1h));
    o.int("input_tokens", get(Bucket::Input) + get(Bucket::AudioIn) + get(Bucket::ImageIn));
    o.int("cache_creation_input_tokens", minutes.saturating_add(hour));
    o.int("cache_read_input_tokens", get(Bucket::CacheRead));
    if minutes > 0 || hour > 0 {
        o.object("cache_creation", |o| {
            o.int("ephemeral_5m_input_tokens", minutes);
            o.int("ephemeral_1h_input_tokens", hour);
        });
    }
    o.int("output_tokens", usage.output_total());
    if get(Bucket::Reasoning) > 0 {
        o.object("output_tokens_details", |o| o.int("thinking_tokens", get(Bucket::Reasoning)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::object;
    use proptest::prelude::*;
    use serde_json::json;

    fn parts(report: &Value) -> Vec<(Bucket, u64)> {
        read_usage(report).unwrap().parts().collect()
    }

    #[test]
    fn c26_what_the_cache_gave_and_took_is_no_input() {
        use Bucket::*;
        let report = json!({
            "input_tokens": 10, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
            "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 15}
        });
        assert_eq!(
            parts(&report),
            [
                (Input, 10),
                (CacheRead, 200),
                (CacheWrite5m, 20),
                (CacheWrite1h, 30),
                (Output, 25),
                (Reasoning, 15)
            ]
        );
        let report = json!({"input_tokens": 1, "cache_creation_input_tokens": 5, "output_tokens": 0});
        assert_eq!(parts(&report), [(Input, 1), (CacheWrite5m, 5)]);
        assert_eq!(read_usage(&json!({})), None);
        assert_eq!(read_usage(&json!({"input_tokens": 0})), Some(Usage::default()));
    }

    #[test]
    fn later_reports_replace_field_by_field() {
        let mut known = Report::default();
        known.take(&json!({"input_tokens": 10, "cache_read_input_tokens": 7, "output_tokens": 1}));
        known.take(&json!({"output_tokens": 30}));
        let usage = known.usage().unwrap();
        assert_eq!((usage.input_total(), usage.output_total()), (17, 30));
    }

    #[test]
    fn rounds_are_summed() {
        let usage = read_usage(&json!({"input_tokens": 181, "output_tokens": 8, "iterations": [
            {"input_tokens": 100, "output_tokens": 83, "cache_read_input_tokens": 55096, "type": "compaction"},
            {"input_tokens": 181, "output_tokens": 8, "type": "message"}]}))
        .unwrap();
        assert_eq!(
            (usage.get(Bucket::Input), usage.get(Bucket::CacheRead), usage.output_total()),
            (281, 55096, 91)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in proptest::collection::vec(0u64..1_000_000, 6)) {
            use Bucket::*;
            let mut usage = Usage::default();
            for (bucket, units) in [Input, CacheRead, CacheWrite5m, CacheWrite1h, Output, Reasoning].into_iter().zip(units) {
                usage.set(bucket, units);
            }
            let text = object(|o| write(&usage, o));
            prop_assert_eq!(read_usage(&serde_json::from_str(&text).unwrap()), Some(usage));
        }
    }
}
