//! Members of proto JSON: every name may be written in camelCase or in snake_case, and `null` is absent.

use crate::WireError;
use crate::json::{Json, Members};
use serde_json::value::RawValue;

/// The members of an object, asked for by their camelCase names.
pub(super) struct Fields<'a>(Members<'a>);

impl<'a> Fields<'a> {
    pub fn of_body(body: &'a [u8]) -> Result<Fields<'a>, WireError> {
        Members::of_body(body).map(Fields)
    }

    pub fn of(raw: &'a RawValue, path: impl Into<String>) -> Result<Fields<'a>, WireError> {
        Members::of(raw, path).map(Fields)
    }

    /// The name as it was written.
    fn written(&self, name: &str) -> String {
        let written = if self.0.peek(name).is_some() { None } else { Some(snake(name)) };
        written.unwrap_or_else(|| name.to_owned())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.peek(&self.written(name)).is_some()
    }

    pub fn at(&self, name: &str) -> String {
        self.0.at(name)
    }

    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let name = self.written(name);
        self.0.take(&name)
    }

    pub fn json(&mut self, name: &str) -> Option<Json> {
        self.take(name).map(Json::from)
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, WireError> {
        let name = self.written(name);
        self.0.text(&name)
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, WireError> {
        let name = self.written(name);
        self.0.flag(&name)
    }

    pub fn count(&mut self, name: &str) -> Result<Option<u64>, WireError> {
        let name = self.written(name);
        self.0.count(&name)
    }

    pub fn int(&mut self, name: &str) -> Result<Option<i64>, WireError> {
        let name = self.written(name);
        self.0.int(&name)
    }

    pub fn number(&mut self, name: &str) -> Result<Option<f64>, WireError> {
        let name = self.written(name);
        self.0.number(&name)
    }

    pub fn list(&mut self, name: &str) -> Result<Vec<&'a RawValue>, WireError> {
        let name = self.written(name);
        self.0.list(&name)
    }

    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, WireError> {
        let name = self.written(name);
        self.0.texts(&name)
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Fields<'a>>, WireError> {
        let name = self.written(name);
        Ok(self.0.object(&name)?.map(Fields))
    }

    /// What has not been taken, under its camelCase names.
    pub fn rest(self) -> Vec<(String, Json)> {
        let all = self.0.rest().into_iter().filter(|(_, json)| !json.is_null());
        all.map(|(name, json)| (camel(&name), json)).collect()
    }
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `generation_config` as `generationConfig`.
pub(super) fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut up = false;
    for c in name.chars() {
        if c == '_' && !out.is_empty() {
            up = true;
        } else {
            out.push(if std::mem::take(&mut up) { c.to_ascii_uppercase() } else { c });
        }
    }
    out
}
