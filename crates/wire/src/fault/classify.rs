//! What an error means, by the vendor's words for it and its status.

use super::{FaultClass, VendorFault};

/// The class of an error whose vendor has no list of codes of its own.
pub(super) fn classify(status: u16, fault: &VendorFault) -> FaultClass {
    let code = fault.code.to_ascii_lowercase();
    let kind = fault.kind.to_ascii_lowercase();
    let message = fault.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| code.contains(word) || kind.contains(word));
    let tells = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // Vendors echo a bad value in their message: only what they say themselves, at its beginning, counts.
    let begins = |words: &[&str]| fault.param.is_none() && words.iter().any(|word| message.starts_with(word));
    if says(&["context_length", "exceed_context_size", "too_many_tokens"])
        || tells(&[
            "maximum context length",
            "prompt is too long",
            "exceeds the maximum number of tokens",
            "range of input length should be",
        ])
        || begins(&[
            "input is too long for requested model",
            "`inputs` tokens + `max_new_tokens` must be",
            "input validation error: `inputs`",
        ])
        // AWS says the same of a rate.
        || (begins(&["too many tokens"]) && status != 429 && !says(&["throttl"]))
    {
        return FaultClass::ContextLength;
    }
    let filtered = says(&[
        "content_filter",
        "datainspectionfailed",
        "data_inspection_failed",
        "content_policy",
        "sensitivecontent",
    ]);
    if filtered || status == 451 || (status == 498 && tells(&["blocked"])) {
        return FaultClass::ContentFilter;
    }
    if let Some(class) = kind.strip_suffix("exception").and_then(amazon) {
        return class;
    }
    let broke = says(&[
        "insufficient_quota",
        "exceeded_current_quota",
        "billing",
        "credit_balance",
        "arrearage",
        "accountoverdue",
        "allocationquota.freetieronly",
    ]);
    if broke
        || matches!(status, 402 | 456)
        || begins(&["your credit balance is too low", "credit balance is too low", "已欠费"])
    {
        return FaultClass::Quota;
    }
    let refused = says(&[
        "invalid_api_key",
        "invalidapikey",
        "authentication",
        "unauthenticated",
        "account_deactivated",
        "api_key_invalid",
    ]);
    if refused
        || status == 401
        || (matches!(status, 400 | 403)
            && begins(&["api key not valid", "api key expired", "incorrect api key"]))
    {
        return FaultClass::Auth;
    }
    if status == 529 || says(&["overloaded", "unavailable"]) {
        return FaultClass::Overloaded;
    }
    if status == 429 || says(&["rate_limit", "ratelimit", "resource_exhausted", "throttl"]) {
        return FaultClass::RateLimit;
    }
    match status {
        403 => FaultClass::Auth,
        404 => FaultClass::NotFound,
        408 | 504 => FaultClass::Timeout,
        503 => FaultClass::Overloaded,
        // TGI's and AWS's word for a model that failed.
        424 | 500.. => FaultClass::Server,
        400..=499 => FaultClass::InvalidRequest,
        _ if says(&["invalid_request", "invalidparameter", "missingparameter"]) => FaultClass::InvalidRequest,
        _ if says(&["modelnotfound", "model_not_found"]) => FaultClass::NotFound,
        _ if says(&["accessdenied"]) => FaultClass::Auth,
        _ if says(&["timeout"]) => FaultClass::Timeout,
        _ if says(&["server_error", "internal"]) => FaultClass::Server,
        _ => FaultClass::Unknown,
    }
}

/// What AWS's exceptions mean, by their names in small letters.
fn amazon(name: &str) -> Option<FaultClass> {
    Some(match name {
        "validation" => FaultClass::InvalidRequest,
        "accessdenied" | "unrecognizedclient" | "expiredtoken" | "invalidsignature" => FaultClass::Auth,
        "resourcenotfound" => FaultClass::NotFound,
        "throttling" | "servicequotaexceeded" => FaultClass::RateLimit,
        "modelnotready" | "serviceunavailable" => FaultClass::Overloaded,
        "modeltimeout" => FaultClass::Timeout,
        "internalserver" | "modelerror" | "modelstreamerror" => FaultClass::Server,
        _ => return None,
    })
}
