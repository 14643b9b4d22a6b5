//! The dialect's report of usage. As with Anthropic, `inputTokens` leaves out what was read from or written to
//! the cache, whoever made the model.

use magic_domain::usage::{Bucket, Usage};
use serde_json::Value;

/// No honest report of a single call is larger; a dishonest one shall not overflow anything.
const SANE: u64 = 1_000_000_000;

/// Reads a `usage` object; `None` when it says nothing.
pub fn read_usage(report: &Value) -> Option<Usage> {
    let count = |value: &Value| value.as_u64().map(|units| units.min(SANE));
    let get = |name: &str| report.get(name).and_then(count);
    let (input, output) = (get("inputTokens"), get("outputTokens"));
    let read = get("cacheReadInputTokens").or_else(|| get("cacheReadInputTokenCount"));
    let written = get("cacheWriteInputTokens").or_else(|| get("cacheWriteInputTokenCount"));
    let details = report.get("cacheDetails").and_then(Value::as_array);
    let of = |ttl: &str| -> u64 {
        let rows = details.into_iter().flatten().filter(|row| row["ttl"] == ttl);
        rows.filter_map(|row| count(&row["inputTokens"])).sum()
    };
    let (minutes, hour) = (of("5m"), of("1h"));
    if details.is_none() && [input, output, read, written].iter().all(Option::is_none) {
        return None;
    }
    // A total without its split is taken for the cheaper kind.
    let written = written.unwrap_or(minutes + hour);
    let hour = hour.min(written);
    let mut usage = Usage::default();
    usage.set(Bucket::Input, input.unwrap_or(0));
    usage.set(Bucket::CacheRead, read.unwrap_or(0));
    usage.set(Bucket::CacheWrite5m, written - hour);
    usage.set(Bucket::CacheWrite1h, hour);
    usage.set(Bucket::Output, output.unwrap_or(0));
    Some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parts(report: Value) -> Vec<(Bucket, u64)> {
        read_usage(&report).unwrap().parts().collect()
    }

    #[test]
    fn what_is_cached_stands_beside_the_input() {
        use Bucket::*;
        let report = json!({"inputTokens": 3, "outputTokens": 121, "totalTokens": 2072, "cacheReadInputTokens": 1712,
            "cacheReadInputTokenCount": 1712, "cacheWriteInputTokens": 236,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 200}, {"ttl": "1h", "inputTokens": 36}]});
        assert_eq!(
            parts(report),
            [(Input, 3), (CacheRead, 1712), (CacheWrite5m, 200), (CacheWrite1h, 36), (Output, 121)]
        );
        assert_eq!(parts(json!({"cacheWriteInputTokens": 5})), [(CacheWrite5m, 5)]);
        assert_eq!(parts(json!({"cacheDetails": [{"ttl": "1h", "inputTokens": 9}]})), [(CacheWrite1h, 9)]);
    }

    #[test]
    fn nothing_said_is_none_and_too_much_is_bounded() {
        assert_eq!(read_usage(&json!({"serverToolUsage": {}})), None);
        assert_eq!(read_usage(&json!(null)), None);
        assert_eq!(parts(json!({"inputTokens": 0})), []);
        let report = json!({"inputTokens": u64::MAX, "cacheWriteInputTokens": 1,
            "cacheDetails": [{"ttl": "1h", "inputTokens": u64::MAX}, {"ttl": "1h", "inputTokens": u64::MAX}]});
        assert_eq!(parts(report), [(Bucket::Input, SANE), (Bucket::CacheWrite1h, 1)]);
    }
}
