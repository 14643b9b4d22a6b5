//! What of a body may be kept.

use magic_wire::redact::{Rules, redact};

/// What must hold for any bytes: JSON stays JSON, and a body that is cut anywhere is still read.
pub fn check(data: &[u8]) {
    let whole = Rules { personal: true, bytes: data.len() as u64, ..Rules::default() };
    let kept = redact(data, whole);
    let text = std::str::from_utf8(data).unwrap_or_default();
    let json = text.trim_start().starts_with(['{', '[']);
    if json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        crate::must_be_json(&kept, "a redacted body");
    }
    redact(data, Rules { cut: true, ..whole });
    redact(data, Rules { personal: false, ..whole });
}
