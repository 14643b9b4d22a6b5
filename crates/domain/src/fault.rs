//! What went wrong with a call, and what its caller is told. The proxy shapes it in the caller's dialect.

/// The stable codes of our own errors (product surface §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidApiKey,
    TokenExpired,
    TokenExhausted,
    TokenDisabled,
    UserBanned,
    IpNotAllowed,
    ModelNotAllowed,
    ChannelNotAllowed,
    InsufficientUserQuota,
    RateLimitExceeded,
    InvalidRequest,
    BodyTooLarge,
    UnsupportedMediaType,
    ModelNotFound,
    PromptNotFound,
    ModelPriceUnknown,
    NoAvailableChannel,
    UpstreamError,
    UpstreamTimeout,
    QuotaAuthorityUnavailable,
    RequestTimeout,
    NotFound,
    Overloaded,
    InternalError,
}

impl Code {
    pub const fn name(self) -> &'static str {
        match self {
            Code::InvalidApiKey => "invalid_api_key",
            Code::TokenExpired => "token_expired",
            Code::TokenExhausted => "token_exhausted",
            Code::TokenDisabled => "token_disabled",
            Code::UserBanned => "user_banned",
            Code::IpNotAllowed => "ip_not_allowed",
            Code::ModelNotAllowed => "model_not_allowed",
            Code::ChannelNotAllowed => "channel_not_allowed",
            Code::InsufficientUserQuota => "insufficient_user_quota",
            Code::RateLimitExceeded => "rate_limit_exceeded",
            Code::InvalidRequest => "invalid_request",
            Code::BodyTooLarge => "body_too_large",
            Code::UnsupportedMediaType => "unsupported_media_type",
            Code::ModelNotFound => "model_not_found",
            Code::PromptNotFound => "prompt_not_found",
            Code::ModelPriceUnknown => "model_price_unknown",
            Code::NoAvailableChannel => "no_available_channel",
            Code::UpstreamError => "upstream_error",
            Code::UpstreamTimeout => "upstream_timeout",
            Code::QuotaAuthorityUnavailable => "quota_authority_unavailable",
            Code::RequestTimeout => "request_timeout",
            Code::NotFound => "not_found",
            Code::Overloaded => "overloaded",
            Code::InternalError => "internal_error",
        }
    }

    /// The HTTP status; an upstream error usually carries the vendor's instead.
    pub const fn status(self) -> u16 {
        match self {
            Code::InvalidApiKey | Code::TokenExpired | Code::TokenDisabled => 401,
            Code::TokenExhausted
            | Code::UserBanned
            | Code::IpNotAllowed
            | Code::ModelNotAllowed
            | Code::ChannelNotAllowed
            | Code::InsufficientUserQuota
            | Code::ModelPriceUnknown => 403,
            Code::RateLimitExceeded => 429,
            Code::InvalidRequest => 400,
            Code::BodyTooLarge => 413,
            Code::UnsupportedMediaType => 415,
            Code::ModelNotFound | Code::PromptNotFound | Code::NotFound => 404,
            Code::NoAvailableChannel | Code::QuotaAuthorityUnavailable | Code::Overloaded => 503,
            Code::UpstreamError => 502,
            Code::UpstreamTimeout => 504,
            Code::RequestTimeout => 408,
            Code::InternalError => 500,
        }
    }
}

/// An error on its way to a caller. `message` is public; what only operators may know goes to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub status: u16,
    pub message: String,
    /// The offending parameter's path, if one is at fault.
    pub param: Option<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u64>,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Fault {
        Fault { code, status: code.status(), message: message.into(), param: None, retry_after: None }
    }

    pub fn at(mut self, param: impl Into<String>) -> Fault {
        self.param = Some(param.into());
        self
    }

    pub fn with_status(mut self, status: u16) -> Fault {
        self.status = status;
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Fault {
        self.retry_after = Some(seconds);
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Fault {}
