//! Errors: what a vendor's mean, and what ours look like in each dialect.

mod classify;
mod vendors;

pub use vendors::hidden;

use crate::chat::Dialect;
use bytes::Bytes;
use classify::classify;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::Fault;
use serde_json::{Value, json};

/// What an error means, whoever said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// The vendor refuses our key.
    Auth,
    /// The account is out of money.
    Quota,
    RateLimit,
    Overloaded,
    InvalidRequest,
    ContextLength,
    ContentFilter,
    NotFound,
    Timeout,
    Server,
    Unknown,
}

impl FaultClass {
    /// The status an error of the class has, for errors that came with 200.
    pub const fn status(self) -> u16 {
        match self {
            FaultClass::Auth => 401,
            FaultClass::Quota | FaultClass::RateLimit => 429,
            FaultClass::Overloaded => 503,
            FaultClass::InvalidRequest | FaultClass::ContextLength | FaultClass::ContentFilter => 400,
            FaultClass::NotFound => 404,
            FaultClass::Timeout => 504,
            FaultClass::Server | FaultClass::Unknown => 502,
        }
    }
}

/// A vendor's error, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorFault {
    pub message: String,
    /// The vendor's `type`.
    pub kind: String,
    pub code: String,
    pub param: Option<String>,
    pub class: FaultClass,
}

/// Characters of a vendor's type, code or parameter that are passed on.
const WORD_MAX: usize = 200;
/// Characters of a vendor's message that are passed on.
const MESSAGE_MAX: usize = 2000;

/// Reads an error's body. Any bytes give an answer.
pub fn read_fault(status: u16, body: &[u8]) -> VendorFault {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    // Google's OpenAI face wraps its error in a list.
    let value = match value {
        Value::Array(mut items) if !items.is_empty() => items.swap_remove(0),
        other => other,
    };
    let mut fault = read_value(status, &value).unwrap_or_else(|| VendorFault {
        message: String::new(),
        kind: String::new(),
        code: String::new(),
        param: None,
        class: FaultClass::Unknown,
    });
    if fault.class == FaultClass::Unknown {
        fault.class = classify(status, &fault);
    }
    if fault.message.is_empty() {
        fault.message = format!("the vendor answered with status {status}");
    }
    fault.message = clean(&fault.message);
    if fault.kind.is_empty() {
        fault.kind = "upstream_error".to_owned();
    }
    fault
}

/// Reads the `error` member of an answer that has one; `None` when the value is no error.
pub fn read_value(status: u16, value: &Value) -> Option<VendorFault> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    if let Some(told) = vendors::read(value) {
        let mut fault = VendorFault {
            message: clean(&told.message),
            kind: String::new(),
            code: clean(&told.code.chars().take(WORD_MAX).collect::<String>()),
            param: None,
            class: FaultClass::Unknown,
        };
        fault.class = told.class.unwrap_or_else(|| classify(status, &fault));
        return Some(fault);
    }
    let error = value.get("error");
    let inner = match error {
        Some(Value::Object(_)) => error,
        _ => Some(value),
    }?;
    let message = match error {
        Some(Value::String(message)) => message.clone(),
        _ => ["message", "Message", "msg", "err", "error_msg", "detail"]
            .iter()
            .map(|name| match inner.get(*name) {
                Some(nested @ (Value::Object(_) | Value::Array(_))) => nested.to_string(),
                other => text(other),
            })
            .find(|message| !message.is_empty())
            .or_else(|| Some(text(value.pointer("/header/message"))).filter(|m| !m.is_empty()))
            .or_else(|| Some(text(value.pointer("/response/error/message"))).filter(|m| !m.is_empty()))
            .unwrap_or_default(),
    };
    let short = |value: Option<&Value>| clean(&text(value).chars().take(WORD_MAX).collect::<String>());
    let mut fault = VendorFault {
        message: clean(&message),
        kind: short(inner.get("type")),
        code: short(inner.get("code")),
        param: Some(short(inner.get("param"))).filter(|param| !param.is_empty()),
        class: FaultClass::Unknown,
    };
    if fault.kind.is_empty() {
        // Google's word, or TGI's and Cohere's.
        fault.kind = short(inner.get("status").or_else(|| inner.get("error_type")));
    }
    if fault.kind.is_empty() {
        // AWS: `com.amazon.coral.service#UnknownOperationException`.
        let name = text(value.get("__type").or_else(|| inner.get("__type")));
        fault.kind = short(name.rsplit('#').next().map(Value::from).as_ref());
    }
    // Relays tell the vendor's status in the error's code, with a status of 200 around it.
    let told = fault.code.parse::<u16>().ok().filter(|code| status < 400 && (400..600).contains(code));
    fault.class =
        vendors::class_of(inner.get("code")).unwrap_or_else(|| classify(told.unwrap_or(status), &fault));
    let flagged =
        inner.get("metadata").is_some_and(|m| m.get("reasons").is_some() || m.get("flagged_input").is_some());
    if flagged {
        fault.class = FaultClass::ContentFilter;
    }
    Some(fault)
}

/// Whether the error means that the channel's account is dead until a person acts (one-api's list, without its
/// false alarms on the bare words "credit" and "balance").
pub fn disables_channel(status: u16, fault: &VendorFault) -> Option<&'static str> {
    const MESSAGES: &[&str] = &[
        "your access was terminated",
        "this organization has been disabled",
        "organization has been disabled",
        "organization has been restricted",
        "api key not valid",
        "api key expired",
        "the security token included in the request is",
        "已欠费",
    ];
    let message = fault.message.to_ascii_lowercase();
    match fault.class {
        FaultClass::Auth
            if status == 401 || fault.code == "invalid_api_key" || fault.code == "account_deactivated" =>
        {
            Some("the vendor refuses its key")
        }
        FaultClass::Quota => Some("its account at the vendor is out of money"),
        // A bad request says what the caller sent; only what the vendor begins with is the vendor's own.
        _ if fault.param.is_none() && MESSAGES.iter().any(|words| message.starts_with(words)) => {
            Some("the vendor has closed its account")
        }
        _ => None,
    }
}

/// Cuts a vendor's text to size and masks what looks like a credential or an account.
pub fn clean(message: &str) -> String {
    let short: String = message.chars().filter(|c| !c.is_control() || *c == '\n').take(MESSAGE_MAX).collect();
    mask(&short)
}

/// Masks what looks like a credential or an account.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.to_owned();
    for prefix in ["sk-", "org-", "proj_", "Bearer ", "AKIA", "AIza", "gsk_", "xai-"] {
        while let Some(at) = rest.find(prefix) {
            let tail = &rest[at + prefix.len()..];
            let word: usize = tail
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.'))
                .map(char::len_utf8)
                .sum();
            out.push_str(&rest[..at]);
            if word >= 8 {
                out.push_str("[key]");
            } else {
                out.push_str(&rest[at..at + prefix.len() + word]);
            }
            rest = rest[at + prefix.len() + word..].to_owned();
        }
        out.push_str(&rest);
        rest = std::mem::take(&mut out);
    }
    rest
}

/// Our own error in a dialect.
pub fn write_fault(dialect: Dialect, fault: &Fault, request_id: &str) -> Bytes {
    Bytes::from(shaped(dialect, fault, None, request_id).to_string())
}

/// A vendor's error in the caller's dialect: its words, and where the dialect has room its type and code.
pub fn write_vendor_fault(dialect: Dialect, vendor: &VendorFault, fault: &Fault, request_id: &str) -> Bytes {
    Bytes::from(shaped(dialect, fault, Some(vendor), request_id).to_string())
}

fn shaped(dialect: Dialect, fault: &Fault, vendor: Option<&VendorFault>, request_id: &str) -> Value {
    let told = vendor.map_or(fault.message.as_str(), |vendor| vendor.message.as_str());
    let message = format!("{told} (request id: {request_id})");
    match dialect {
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": anthropic_type(fault.status), "message": message, "code": fault.code.name() },
            "request_id": request_id,
        }),
        Dialect::Gemini => json!({"error": {
            "code": fault.status,
            "message": message,
            "status": google_status(fault.status),
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": fault.code.name(),
                "domain": "magic",
            }],
        }}),
        _ => match vendor {
            Some(vendor) => json!({"error": {
                "message": message,
                "type": vendor.kind,
                "param": vendor.param,
                "code": openai_code(vendor),
            }}),
            // SDKs pick their exception by the status; the type says that the error is ours.
            None => json!({"error": {
                "message": message,
                "type": "magic_error",
                "param": fault.param,
                "code": fault.code.name(),
            }}),
        },
    }
}

/// OpenAI's code for a vendor's error: the vendor's own, where callers' programs do not look for one.
fn openai_code(vendor: &VendorFault) -> Value {
    match vendor.class {
        // Programs shorten their prompt on this word alone.
        FaultClass::ContextLength => "context_length_exceeded".into(),
        FaultClass::ContentFilter if vendor.code.is_empty() => "content_filter".into(),
        FaultClass::RateLimit if vendor.code.is_empty() => "rate_limit_exceeded".into(),
        _ if vendor.code.is_empty() => Value::Null,
        _ => vendor.code.clone().into(),
    }
}

/// Anthropic's word for a status (vendors' table §8.2).
pub const fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Google's word for a status.
pub const fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// The event that ends a stream which broke off.
pub fn write_fault_event(dialect: Dialect, endpoint: Endpoint, fault: &Fault, request_id: &str) -> Bytes {
    let body = shaped(dialect, fault, None, request_id);
    match (dialect, endpoint) {
        (Dialect::Anthropic, _) => Bytes::from(format!("event: error\ndata: {body}\n\n")),
        (Dialect::Gemini, _) => Bytes::from(format!("data: {body}\r\n\r\n")),
        (_, Endpoint::Responses) => {
            let error = &body["error"];
            let event = json!({
                "type": "error",
                "code": error["code"],
                "message": error["message"],
                "param": error["param"],
            });
            Bytes::from(format!("event: error\ndata: {event}\n\n"))
        }
        _ => Bytes::from(format!("data: {body}\n\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_shape_of_error_is_read() {
        for (status, body, message, class) in [
            (
                400,
                r#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                "m",
                FaultClass::ContextLength,
            ),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-abc***wxyz123."}}"#,
                "Incorrect API key provided: [key]",
                FaultClass::Auth,
            ),
            (429, r#"{"error":{"message":"m","code":"insufficient_quota"}}"#, "m", FaultClass::Quota),
            (
                429,
                r#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#,
                "m",
                FaultClass::RateLimit,
            ),
            (
                429,
                r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
                "m",
                FaultClass::RateLimit,
            ),
            (500, "<html>oops</html>", "the vendor answered with status 500", FaultClass::Server),
            (422, r#"{"detail":[{"loc":["body"]}]}"#, r#"[{"loc":["body"]}]"#, FaultClass::InvalidRequest),
            (404, r#"{"error":"no such model"}"#, "no such model", FaultClass::NotFound),
            (503, r#"{"message":"busy"}"#, "busy", FaultClass::Overloaded),
            (403, "", "the vendor answered with status 403", FaultClass::Auth),
            (
                400,
                r#"{"error_type":"TOO_MANY_TOKENS","id":"1","message":"size limit exceeded"}"#,
                "size limit exceeded",
                FaultClass::ContextLength,
            ),
            (498, r#"{"message":"blocked output"}"#, "blocked output", FaultClass::ContentFilter),
            (429, r#"{"error":"m","error_type":"overloaded"}"#, "m", FaultClass::Overloaded),
            (424, r#"{"error":"m","error_type":"generation"}"#, "m", FaultClass::Server),
            (422, r#"{"error":"m","error_type":"validation"}"#, "m", FaultClass::InvalidRequest),
            (
                422,
                r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000","error_type":"validation"}"#,
                "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
                FaultClass::ContextLength,
            ),
        ] {
            let fault = read_fault(status, body.as_bytes());
            assert_eq!((fault.message.as_str(), fault.class), (message, class), "{body}");
        }
    }

    #[test]
    fn awss_exceptions_are_known_by_their_names() {
        for (status, body, kind, class) in [
            (
                200,
                r#"{"__type":"throttlingException","error":{"type":"throttlingException","message":"m"}}"#,
                "throttlingException",
                FaultClass::RateLimit,
            ),
            (
                200,
                r#"{"error":{"type":"validationException","message":"m"}}"#,
                "validationException",
                FaultClass::InvalidRequest,
            ),
            (
                200,
                r#"{"error":{"type":"validationException","message":"Input is too long for requested model."}}"#,
                "validationException",
                FaultClass::ContextLength,
            ),
            (
                200,
                r#"{"error":{"type":"modelStreamErrorException","message":"m"}}"#,
                "modelStreamErrorException",
                FaultClass::Server,
            ),
            (
                200,
                r#"{"error":{"type":"modelTimeoutException"}}"#,
                "modelTimeoutException",
                FaultClass::Timeout,
            ),
            (
                200,
                r#"{"error":{"type":"serviceUnavailableException","message":"m"}}"#,
                "serviceUnavailableException",
                FaultClass::Overloaded,
            ),
            (
                429,
                r#"{"__type":"com.amazon.x#ModelNotReadyException","Message":"m"}"#,
                "ModelNotReadyException",
                FaultClass::Overloaded,
            ),
            (
                400,
                r#"{"__type":"ServiceQuotaExceededException","message":"m"}"#,
                "ServiceQuotaExceededException",
                FaultClass::RateLimit,
            ),
            (424, r#"{"message":"m"}"#, "upstream_error", FaultClass::Server),
        ] {
            let fault = read_fault(status, body.as_bytes());
            assert_eq!((fault.kind.as_str(), fault.class), (kind, class), "{body}");
        }
        let fault =
            read_fault(403, br#"{"message":"The security token included in the request is expired"}"#);
        assert_eq!(fault.class, FaultClass::Auth);
        assert!(disables_channel(403, &fault).is_some());
    }

    #[test]
    fn keys_in_messages_are_masked() {
        for text in
            ["sk-proj-abcdefgh1234", "Bearer abcdefgh12345678", "org-abcdefgh1234", "AKIAABCDEFGHIJKL"]
        {
            let fault = read_fault(401, format!(r#"{{"error":{{"message":"bad {text} here"}}}}"#).as_bytes());
            assert_eq!(fault.message, "bad [key] here", "{text}");
        }
        assert_eq!(clean("a task-force of ask-me"), "a task-force of ask-me");
    }

    #[test]
    fn only_dead_accounts_disable_a_channel() {
        let disables =
            |status, body: &str| disables_channel(status, &read_fault(status, body.as_bytes())).is_some();
        assert!(disables(401, "{}"));
        assert!(disables(429, r#"{"error":{"code":"insufficient_quota"}}"#));
        assert!(disables(400, r#"{"error":{"message":"Your credit balance is too low"}}"#));
        assert!(!disables(400, r#"{"error":{"message":"please balance the credit side"}}"#));
        assert!(!disables(429, r#"{"error":{"code":"rate_limit_exceeded"}}"#));
        assert!(!disables(500, "{}"));
        for echoed in ["Invalid value: 'organization has been disabled'", "no such model: API key not valid"]
        {
            assert!(!disables(400, &json!({ "error": { "message": echoed } }).to_string()), "{echoed}");
        }
        let flagged =
            json!({ "error": { "message": "flagged", "code": 403, "metadata": { "reasons": ["x"] } } });
        assert_eq!(read_fault(403, flagged.to_string().as_bytes()).class, FaultClass::ContentFilter);
    }

    #[test]
    fn our_errors_have_the_dialects_shape() {
        let fault = Fault::new(magic_domain::fault::Code::ModelNotFound, "no").at("model");
        assert_eq!(
            write_fault(Dialect::OpenAiChat, &fault, "7").as_ref(),
            br#"{"error":{"code":"model_not_found","message":"no (request id: 7)","param":"model","type":"magic_error"}}"#
        );
        let event = write_fault_event(Dialect::OpenAiChat, Endpoint::Responses, &fault, "7");
        assert!(event.starts_with(b"event: error\ndata: {") && event.ends_with(b"}\n\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(status in 200u16..600, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!read_fault(status, &bytes).message.is_empty());
        }
    }
}
