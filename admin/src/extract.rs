//! Bodies and queries: one-api's habits, with clear errors.

use crate::error::{ApiError, bad_request};
use actix_web::{HttpRequest, web};
use magic_store::users::Page;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Largest body of the API.
pub const BODY_MAX: usize = 1 << 20;

/// A JSON object, read leniently as to its content type.
pub fn object(body: &web::Bytes) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad_request("the body must be a JSON object")),
        Err(error) => Err(bad_request(format!("the body is no valid JSON: {error}"))),
    }
}

/// A parameter of the query, decoded; the first of several.
pub fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    pairs.into_inner().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Typed access to the members of an object; null is absent.
pub trait Members {
    fn text(&self, key: &str) -> Result<Option<String>, ApiError>;
    fn int(&self, key: &str) -> Result<Option<i64>, ApiError>;
    fn flag(&self, key: &str) -> Result<Option<bool>, ApiError>;
}

impl Members for Map<String, Value> {
    fn text(&self, key: &str) -> Result<Option<String>, ApiError> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(bad_request(format!("{key} must be text"))),
        }
    }

    fn int(&self, key: &str) -> Result<Option<i64>, ApiError> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let float =
                    || value.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64);
                value
                    .as_i64()
                    .or_else(float)
                    .map(Some)
                    .ok_or_else(|| bad_request(format!("{key} must be a whole number")))
            }
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(bad_request(format!("{key} must be true or false"))),
        }
    }
}

/// `p`, `page_size`, `order`, `keyword` of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    p: Option<String>,
    page_size: Option<String>,
    order: Option<String>,
    pub keyword: Option<String>,
}

impl ListQuery {
    pub fn of(request: &HttpRequest) -> Self {
        web::Query::<ListQuery>::from_query(request.query_string())
            .map(web::Query::into_inner)
            .unwrap_or_default()
    }

    /// Ten rows a page, as in one-api, unless asked otherwise; 100 at most.
    pub fn page(&self) -> Page {
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<i64>().ok());
        let limit = number(&self.page_size).unwrap_or(10).clamp(1, 100);
        let page = number(&self.p).unwrap_or(0).clamp(0, 1_000_000);
        Page { offset: page * limit, limit, order: self.order.clone().unwrap_or_default() }
    }
}
