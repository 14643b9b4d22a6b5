//! Errors of vendors that have shapes of their own, or codes that say more than the status they come with:
//! many answer 200 all the same.

use super::FaultClass::{self, *};
use super::{VendorFault, read_fault};
use serde_json::Value;

/// What an error in a vendor's own shape says.
pub(super) struct Told {
    pub message: String,
    pub code: String,
    /// Known by the vendor's code; else the status and the words decide.
    pub class: Option<FaultClass>,
}

/// Reads an error of a shape that only its vendor has; `None` for all others.
pub(super) fn read(value: &Value) -> Option<Told> {
    if let Value::String(message) = value {
        // SiliconFlow refuses keys with nothing but a text.
        return Some(Told { message: message.clone(), code: String::new(), class: None });
    }
    let object = value.as_object()?;
    let told = |error: &Value, message: &str, code: &str, class: fn(&str) -> Option<FaultClass>| {
        let code = word(error.get(code));
        Some(Told { message: word(error.get(message)), class: class(&code), code })
    };
    // Tencent: whole answers are wrapped, the chunks of streams are not.
    if let Some(error) =
        value.pointer("/Response/Error").or_else(|| object.get("Error")).filter(|error| error.is_object())
    {
        return told(error, "Message", "Code", tencent);
    }
    if let Some(error) = object.get("ErrorMsg").filter(|error| error.is_object()) {
        return told(error, "Msg", "Code", |_| Some(Server));
    }
    // Baidu's first API, and the desk where its tokens are made.
    if nonzero(object.get("error_code")) {
        return told(value, "error_msg", "error_code", baidu);
    }
    if object.contains_key("error_description") {
        let class = |code: &str| (code == "invalid_client").then_some(Auth);
        return told(value, "error_description", "error", class);
    }
    if let Some(base) = object.get("base_resp").filter(|base| nonzero(base.get("status_code"))) {
        return told(base, "status_msg", "status_code", minimax);
    }
    if let Some(first) = object.get("errors").and_then(Value::as_array).and_then(|errors| errors.first())
        && object.get("success") == Some(&Value::Bool(false))
    {
        return told(first, "message", "code", cloudflare);
    }
    if let Some(header) = object.get("header").filter(|header| nonzero(header.get("code"))) {
        return told(header, "message", "code", xunfei);
    }
    // Coze: a chat that failed, and refusals.
    if let Some(error) = object.get("last_error").filter(|error| nonzero(error.get("code"))) {
        return told(error, "msg", "code", coze);
    }
    if nonzero(object.get("code")) && object.get("msg").is_some_and(Value::is_string) {
        // Zhipu's third version has the same shape, and says besides that there was no success.
        let class = if object.contains_key("success") { zhipu } else { coze };
        return told(value, "msg", "code", class);
    }
    None
}

/// What the code of an error in the usual shape means, where its number says whose it is.
pub(super) fn class_of(code: Option<&Value>) -> Option<FaultClass> {
    let text = word(code);
    match text.parse::<u32>().ok()? {
        // Zhipu's are texts; MiniMax's are numbers, and come in this shape from who follows whole answers.
        1000..=2999 if code.is_some_and(Value::is_number) => minimax(&text),
        1000..=1399 => zhipu(&text),
        10_000..=11_999 => xunfei(&text),
        20_000..=59_999 => siliconflow(&text),
        _ => None,
    }
}

/// An error that came with status 200 in place of an answer, or in a stream where one object was expected;
/// `None` for what is no error.
pub fn hidden(body: &[u8]) -> Option<VendorFault> {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let item = value.get(0).unwrap_or(&value);
        return is_error(item).then(|| read_fault(200, body));
    }
    let lines = body.split(|byte| matches!(byte, b'\n' | b'\r'));
    let data = lines.filter_map(|line| line.strip_prefix(b"data:")).map(<[u8]>::trim_ascii_start);
    data.filter(|data| data.starts_with(b"{")).find_map(|data| {
        let value = serde_json::from_slice::<Value>(data).ok()?;
        is_error(&value).then(|| read_fault(200, data))
    })
}

fn is_error(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return false };
    let there = |name: &str| object.get(name).is_some_and(|member| !member.is_null());
    let coded = match object.get("code") {
        Some(Value::String(code)) => !code.is_empty() && code != "0" && code != "200",
        code => nonzero(code) && code.and_then(Value::as_u64) != Some(200),
    };
    let answers = ["choices", "output", "data", "usage", "result"].iter().any(|name| there(name));
    read(value).is_some()
        || there("error")
        || object.get("type").is_some_and(|kind| kind == "error")
        || (coded && (there("message") || there("msg")) && !answers)
        || (object.get("success") == Some(&Value::Bool(false)) && there("message"))
}

fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn nonzero(value: Option<&Value>) -> bool {
    value.and_then(Value::as_i64).is_some_and(|number| number != 0)
}

fn number(code: &str) -> u32 {
    code.parse().unwrap_or(0)
}

fn zhipu(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        1113 | 1309 => Quota,
        1000..=1004 | 1110..=1121 => Auth,
        1211 => NotFound,
        1210..=1215 => InvalidRequest,
        1261 => ContextLength,
        1301 => ContentFilter,
        1305 => Overloaded,
        1302..=1304 | 1308 | 1310..=1313 => RateLimit,
        500 | 1200 | 1234 => Server,
        _ => return None,
    })
}

fn minimax(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        1001 => Timeout,
        1002 | 1039 | 1041 | 2056 => RateLimit,
        1004 | 2049 => Auth,
        1008 => Quota,
        1026 | 1027 => ContentFilter,
        2013 => InvalidRequest,
        1000 | 1013 | 1024 | 1033 => Server,
        _ => return None,
    })
}

fn baidu(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        1 | 336_000 => Server,
        2 | 336_100 => Overloaded,
        // The day's limit is over tomorrow, the sum's is not.
        4 | 17 | 18 => RateLimit,
        19 => Quota,
        6 | 13 | 14 | 15 | 100 | 110 | 111 => Auth,
        336_001..=336_007 => InvalidRequest,
        336_103 => ContextLength,
        336_200..=336_299 | 336_501..=336_599 => RateLimit,
        _ => return None,
    })
}

fn xunfei(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        10_013 | 10_014 | 10_019 => ContentFilter,
        10_907 => ContextLength,
        10_404 => NotFound,
        10_313 | 11_200 => Auth,
        11_201..=11_203 => RateLimit,
        10_007 | 10_008 | 10_110 => Overloaded,
        10_003..=10_006 | 10_163 => InvalidRequest,
        10_000..=11_999 => Server,
        _ => return None,
    })
}

fn siliconflow(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        20_012 => NotFound,
        20_015 => InvalidRequest,
        30_001 => Quota,
        _ => return None,
    })
}

fn cloudflare(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        3030 => ContentFilter,
        // The day's allowance; over tomorrow.
        3036 => RateLimit,
        3040 => Overloaded,
        5007 | 7000 | 7003 => NotFound,
        10_000 => Auth,
        _ => return None,
    })
}

fn coze(code: &str) -> Option<FaultClass> {
    Some(match number(code) {
        4000 => InvalidRequest,
        4013 => RateLimit,
        4027 | 4028 => Quota,
        4100 | 4101 => Auth,
        _ => return None,
    })
}

fn tencent(code: &str) -> Option<FaultClass> {
    /// Beginnings of codes, the longer before the shorter.
    const CODES: &[(&str, FaultClass)] = &[
        ("AuthFailure", Auth),
        ("UnauthorizedOperation", Auth),
        ("FailedOperation.ServiceNotActivated", Auth),
        ("FailedOperation.ServiceStop", Quota),
        ("FailedOperation.ResourcePackExhausted", Quota),
        ("FailedOperation.FreeResourcePackExhausted", Quota),
        ("FailedOperation.EngineServerLimitExceeded", RateLimit),
        ("FailedOperation.EngineRequestTimeout", Timeout),
        ("FailedOperation", Server),
        ("ResourceInsufficient", Quota),
        ("LimitExceeded", RateLimit),
        ("RequestLimitExceeded", RateLimit),
        ("OperationDenied.TextIllegalDetected", ContentFilter),
        ("OperationDenied.ImageIllegalDetected", ContentFilter),
        ("InvalidParameterValue.Model", NotFound),
        ("InvalidParameter", InvalidRequest),
        ("MissingParameter", InvalidRequest),
        ("UnsupportedOperation", InvalidRequest),
        ("ResourceNotFound", NotFound),
        ("InternalError", Server),
    ];
    CODES.iter().find(|(begin, _)| code.starts_with(begin)).map(|(_, class)| *class)
}

#[cfg(test)]
#[path = "vendors/tests.rs"]
mod tests;
