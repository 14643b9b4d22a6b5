//! Bodies and queries: one-api's habits, with clear errors.

use crate::describe::{Describe, Draft};
use crate::error::{ApiError, bad_request, invalid};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use magic_domain::limits::Limits;
use magic_store::users::Page;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::ops::Deref;
use std::pin::Pin;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{Content, Required};
use utoipa::{IntoParams, ToSchema};

/// Largest body of the API.
pub const BODY_MAX: usize = 1 << 20;

/// A body: a JSON object whatever its content type says; an empty one is `{}`. Members that the type does not
/// name are not looked at, null is absent, and 5.0 is a whole number.
pub struct Body<T>(pub T);

impl<T> Deref for Body<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Reads an object into its type; an error names the member.
pub fn typed<T: DeserializeOwned>(mut object: Map<String, Value>) -> Result<T, ApiError> {
    for value in object.values_mut() {
        let whole = value.as_f64().filter(|f| value.is_f64() && f.fract() == 0.0 && f.abs() < 9e15);
        if let Some(whole) = whole {
            *value = Value::from(whole as i64);
        }
    }
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner());
        bad_request(if path == "." { why.to_string() } else { format!("{path}: {why}") })
    })
}

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| bad_request(format!("the body: {error}")))?;
            let object = if bytes.is_empty() { Map::new() } else { object(&bytes)? };
            typed(object).map(Body)
        })
    }
}

impl<T: ToSchema> Describe for Body<T> {
    fn describe(draft: &mut Draft) {
        let schema = draft.schema::<T>();
        let content = Content::new(Some(schema));
        let body = RequestBodyBuilder::new().content("application/json", content);
        draft.body = Some(body.required(Some(Required::True)).build());
    }
}

/// The parameters of a query. Those that the type does not name are not looked at.
pub struct Query<T>(pub T);

impl<T> Deref for Query<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        let parsed = parsed.map(|query| Query(query.into_inner()));
        let plain = |error: String| error.trim_start_matches("Query deserialize error: ").to_owned();
        std::future::ready(
            parsed.map_err(|error| bad_request(format!("the query: {}", plain(error.to_string())))),
        )
    }
}

impl<T: IntoParams> Describe for Query<T> {
    fn describe(draft: &mut Draft) {
        draft.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
    }
}

/// The two numbers of a path.
pub struct Pair(pub i64, pub i64);

impl FromRequest for Pair {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let pair = web::Path::<(i64, i64)>::from_request(request, payload).into_inner();
        std::future::ready(pair.map(|pair| Pair(pair.0, pair.1)))
    }
}

impl Describe for Pair {
    fn describe(draft: &mut Draft) {
        web::Path::<i64>::describe(draft);
    }
}

/// A number of a query as one-api reads it: what is none counts as not given.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(i64),
        Text(String),
    }
    Ok(Option::<Given>::deserialize(deserializer)?.and_then(|given| match given {
        Given::Number(number) => Some(number),
        Given::Text(text) => text.trim().parse().ok(),
    }))
}

/// A JSON object, read leniently as to its content type.
pub fn object(body: &web::Bytes) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad_request("the body must be a JSON object")),
        Err(error) => Err(bad_request(format!("the body is no valid JSON: {error}"))),
    }
}

/// The `limits` of an object.
pub fn limits(value: Option<Value>) -> Result<Option<Limits>, ApiError> {
    let limits = value.map(serde_json::from_value).transpose();
    limits.map_err(|error| invalid(format!("limits: {error}")))
}

/// A page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct ListQuery {
    /// The page, from 0.
    #[serde(deserialize_with = "number")]
    p: Option<i64>,
    /// Rows of a page: 10 unless given (100 with a keyword: one-api's searches have no pages), 100 at most.
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
    /// By what the list is sorted, where it can be.
    order: Option<String>,
    /// What the rows begin with, or their id.
    pub keyword: Option<String>,
}

impl ListQuery {
    pub fn page(&self) -> Page {
        let searched = self.keyword.as_ref().is_some_and(|keyword| !keyword.is_empty());
        let size = self.page_size.or(searched.then_some(100));
        Page { order: self.order.clone().unwrap_or_default(), ..page_of(self.p, size) }
    }
}

/// Ten rows a page, as in one-api, unless asked otherwise; 100 at most.
pub fn page_of(page: Option<i64>, size: Option<i64>) -> Page {
    let limit = size.unwrap_or(10).clamp(1, 100);
    Page { offset: page.unwrap_or(0).clamp(0, 1_000_000) * limit, limit, order: String::new() }
}
