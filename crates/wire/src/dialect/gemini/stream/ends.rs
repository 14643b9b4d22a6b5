//! How an answer ends, and when it was made.

use crate::chat::Stop;

/// Why an answer ended (vendors' table §4.5). A call means that the turn goes on, although Google says STOP (C7).
pub(super) fn stop(reason: &str, calls: bool) -> Stop {
    match reason {
        "MAX_TOKENS" | "CONTINUATION" => Stop::Length,
        "STOP" if calls => Stop::ToolCalls,
        "STOP" => Stop::End,
        reason if is_broken(reason) => {
            if calls {
                Stop::ToolCalls
            } else {
                Stop::End
            }
        }
        _ => Stop::Filtered,
    }
}

/// The model wrote something that is no answer.
pub(super) fn is_broken(reason: &str) -> bool {
    matches!(
        reason,
        "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
    )
}

/// Unix seconds of `2026-08-19T14:34:35.222939Z`.
pub(in crate::dialect) fn seconds(time: &str) -> Option<i64> {
    let part = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    // Days since 1970 of a date in the Gregorian calendar, counted from March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
