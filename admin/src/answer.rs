//! Successful answers: one-api's envelope `{"success", "message", "data"}` around a typed `data`, and the few
//! shapes that one-api has beside it.

use crate::describe::{Describe, Draft};
use crate::error::{Result, bad_request};
use actix_web::body::BoxBody;
use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use serde_json::{Value, json};
use std::marker::PhantomData;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};

/// `data` in the envelope.
pub struct Answer<T>(HttpResponse, PhantomData<T>);

/// A list in the envelope, with its honest total.
pub struct Listed<T>(HttpResponse, PhantomData<T>);

/// A list in the envelope that goes on at `cursor`.
pub struct Walk<T>(HttpResponse, PhantomData<T>);

/// JSON without the envelope, where one-api has none.
pub struct Bare<T>(HttpResponse, PhantomData<T>);

/// A file: CSV, lines of JSON, plain text.
pub struct Download(pub HttpResponse);

/// `{"success": true, "message": "", "data": …}`.
pub fn ok<T: Serialize>(data: T) -> Answer<T> {
    said("", data)
}

/// The envelope with a message; one-api's clients look at some of them.
pub fn said<T: Serialize>(message: &str, data: T) -> Answer<T> {
    let body = json!({ "success": true, "message": message, "data": data });
    Answer(HttpResponse::Ok().json(body), PhantomData)
}

/// Done, and nothing to tell.
pub fn done() -> Answer<()> {
    ok(())
}

/// `total` is exact below `max`, and `"max+"` from there on.
pub fn list<T: Serialize>(data: Vec<T>, total: i64, max: i64) -> Listed<T> {
    let total = if total >= max { json!(format!("{max}+")) } else { json!(total) };
    let body = json!({ "success": true, "message": "", "data": data, "total": total });
    Listed(HttpResponse::Ok().json(body), PhantomData)
}

pub fn walk<T: Serialize>(data: Vec<T>, cursor: Option<i64>) -> Walk<T> {
    let body = json!({ "success": true, "message": "", "data": data, "cursor": cursor });
    Walk(HttpResponse::Ok().json(body), PhantomData)
}

pub fn bare<T: Serialize>(data: T) -> Bare<T> {
    Bare(HttpResponse::Ok().json(data), PhantomData)
}

impl<T> Answer<T> {
    /// An answer of another kind that stands where this one is expected.
    pub fn instead(response: HttpResponse) -> Self {
        Answer(response, PhantomData)
    }

    pub fn with_cookie(mut self, cookie: &Cookie<'_>) -> Result<Self> {
        self.0.add_cookie(cookie).map_err(|_| bad_request("the cookie can't be set"))?;
        Ok(self)
    }
}

impl<T> Walk<T> {
    /// An answer of another kind that stands where this one is expected.
    pub fn instead(response: HttpResponse) -> Self {
        Walk(response, PhantomData)
    }
}

fn envelope(data: RefOr<Schema>) -> ObjectBuilder {
    ObjectBuilder::new()
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean))
        .property("message", ObjectBuilder::new().schema_type(Type::String))
        .property("data", data)
        .required("success")
        .required("message")
        .required("data")
}

fn many<T: ToSchema>(draft: &mut Draft) -> RefOr<Schema> {
    let item = draft.schema::<T>();
    RefOr::T(ArrayBuilder::new().items(item).into())
}

impl<T: ToSchema> Describe for Answer<T> {
    fn describe(draft: &mut Draft) {
        let data = draft.schema::<T>();
        draft.answers(Schema::Object(envelope(data).build()));
    }
}

impl<T: ToSchema> Describe for Listed<T> {
    fn describe(draft: &mut Draft) {
        let total = OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Integer))
            .item(ObjectBuilder::new().schema_type(Type::String))
            .description(Some("How many there are; `\"10000+\"` where counting on would take too long"));
        let data = many::<T>(draft);
        draft.answers(Schema::Object(envelope(data).property("total", total).required("total").build()));
    }
}

impl<T: ToSchema> Describe for Walk<T> {
    fn describe(draft: &mut Draft) {
        let data = many::<T>(draft);
        let cursor = <Option<i64> as utoipa::PartialSchema>::schema();
        draft.answers(Schema::Object(envelope(data).property("cursor", cursor).build()));
    }
}

impl<T: ToSchema> Describe for Bare<T> {
    fn describe(draft: &mut Draft) {
        let schema = draft.schema::<T>();
        draft.answers(schema);
    }
}

impl Describe for Download {
    fn describe(draft: &mut Draft) {
        let text = Schema::Object(ObjectBuilder::new().schema_type(Type::String).build());
        draft.answers_as("text/plain", Some(RefOr::T(text)));
    }
}

macro_rules! responders {
    ($($name:ident)*) => {
        $(impl<T> Responder for $name<T> {
            type Body = BoxBody;
            fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
                self.0
            }
        })*
    };
}
responders!(Answer Listed Walk Bare);

impl Responder for Download {
    type Body = BoxBody;
    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.0
    }
}

/// A value as its kept JSON text says; null where there is none.
pub fn kept(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
