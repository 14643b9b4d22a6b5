//! Conditions of a request (RFC 9110 §13): whether the caller has the file already, or wants it only as it was.

use http::HeaderMap;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use std::time::SystemTime;

/// What becomes of a request by its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Send,
    NotModified,
    Failed,
}

/// Looks at the conditions in the order of RFC 9110 §13.2.2. `etag` is a strong one.
pub fn verdict(headers: &HeaderMap, etag: &str, modified: u64) -> Verdict {
    if headers.contains_key(IF_MATCH) {
        if !listed(headers, IF_MATCH.as_str(), |tag| tag == etag) {
            return Verdict::Failed;
        }
    } else if seconds(headers, IF_UNMODIFIED_SINCE.as_str()).is_some_and(|since| modified > since) {
        return Verdict::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if listed(headers, IF_NONE_MATCH.as_str(), |tag| opaque(tag) == opaque(etag)) {
            return Verdict::NotModified;
        }
    } else if seconds(headers, IF_MODIFIED_SINCE.as_str()).is_some_and(|since| modified <= since) {
        return Verdict::NotModified;
    }
    Verdict::Send
}

/// Whether a range may be sent: the caller's part is of the same file.
pub fn range_applies(headers: &HeaderMap, etag: &str, modified: u64) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    match value.to_str() {
        Ok(tag) if tag.contains('"') => tag.trim() == etag,
        Ok(_) => seconds(headers, IF_RANGE.as_str()) == Some(modified),
        Err(_) => false,
    }
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn listed(headers: &HeaderMap, name: &str, same: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| tag == "*" || same(tag))
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()?;
    Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const THEN: u64 = 784_111_777;

    fn of(fields: &[(&'static str, &str)]) -> Verdict {
        verdict(&headers(fields), TAG, THEN)
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn conditions_are_looked_at_in_order() {
        let (then, later, before) = (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:38 GMT",
            "Sun, 06 Nov 1994 08:49:36 GMT",
        );
        assert_eq!(of(&[]), Verdict::Send);
        assert_eq!(of(&[("if-none-match", "\"x\", W/\"abc\"")]), Verdict::NotModified);
        assert_eq!(of(&[("if-none-match", "*")]), Verdict::NotModified);
        assert_eq!(of(&[("if-none-match", "\"x\""), ("if-modified-since", later)]), Verdict::Send);
        assert_eq!(of(&[("if-modified-since", then)]), Verdict::NotModified);
        assert_eq!(of(&[("if-modified-since", before)]), Verdict::Send);
        assert_eq!(of(&[("if-modified-since", "rubbish")]), Verdict::Send);
        assert_eq!(of(&[("if-match", "W/\"abc\"")]), Verdict::Failed);
        assert_eq!(of(&[("if-match", "\"x\", \"abc\"")]), Verdict::Send);
        assert_eq!(of(&[("if-unmodified-since", before)]), Verdict::Failed);
        assert_eq!(of(&[("if-unmodified-since", then)]), Verdict::Send);
        assert!(range_applies(&headers(&[]), TAG, THEN));
        assert!(range_applies(&headers(&[("if-range", TAG)]), TAG, THEN));
        assert!(!range_applies(&headers(&[("if-range", "W/\"abc\"")]), TAG, THEN));
        assert!(range_applies(&headers(&[("if-range", then)]), TAG, THEN));
        assert!(!range_applies(&headers(&[("if-range", later)]), TAG, THEN));
    }
}
