//! Errors of the API: real status codes, one-api's envelope, a stable code.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use magic_store::StoreError;
use serde_json::{Value, json};

/// An error on its way to a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub retry_after: Option<u64>,
    /// What the caller needs to go on, where there is something.
    pub data: Value,
}

pub type Result<T> = std::result::Result<T, ApiError>;

pub fn make(status: u16, code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError { status, code, message: message.into(), retry_after: None, data: Value::Null }
}

pub fn unauthorised() -> ApiError {
    make(401, "unauthenticated", "not signed in and no access token")
}
pub fn forbidden(message: impl Into<String>) -> ApiError {
    make(403, "forbidden", message)
}
pub fn banned() -> ApiError {
    make(403, "user_banned", "this account is disabled")
}
pub fn not_found(what: &str) -> ApiError {
    make(404, "not_found", format!("{what} not found"))
}
pub fn conflict(message: impl Into<String>) -> ApiError {
    make(409, "conflict", message)
}
pub fn invalid(message: impl Into<String>) -> ApiError {
    make(422, "invalid", message)
}
pub fn bad_request(message: impl Into<String>) -> ApiError {
    make(400, "bad_request", message)
}
pub fn unavailable(message: impl Into<String>) -> ApiError {
    ApiError { retry_after: Some(5), ..make(503, "unavailable", message) }
}
pub fn too_many(retry_after: u64) -> ApiError {
    ApiError {
        retry_after: Some(retry_after),
        ..make(429, "rate_limited", "too many requests; try again later")
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after {
            response.insert_header(("retry-after", seconds.to_string()));
        }
        let body = json!({ "success": false, "message": self.message, "code": self.code, "data": self.data });
        response.json(body)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => {
                ApiError { retry_after: Some(5), ..make(503, "database_unavailable", error.public()) }
            }
            StoreError::Slow => {
                ApiError { retry_after: Some(5), ..make(503, "list_too_slow", error.public()) }
            }
            StoreError::Conflict(_) => conflict(error.public()),
            StoreError::NotFound(what) => not_found(what),
            StoreError::Invalid(_) => invalid(error.public()),
            StoreError::Insufficient => make(409, "insufficient", error.public()),
            StoreError::Internal(detail) => {
                log::error!("the management API failed: {detail}");
                make(500, "internal_error", error.public())
            }
        }
    }
}
