//! JSON whose bytes matter: members in the order they came, numbers as they were written, objects written in
//! the order they are built. What prompt caches and signatures are computed over must not change on its way.

use crate::WireError;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A JSON value as it was written.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The text of the value.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Takes text that must be one JSON value.
    pub fn from_text(text: impl Into<String>) -> Result<Json, WireError> {
        RawValue::from_string(text.into()).map(Json).map_err(|_| WireError::new("malformed JSON"))
    }

    /// A value of ours.
    pub fn of(value: &serde_json::Value) -> Json {
        // A tree of ours is always valid JSON.
        Json(RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The value as a tree, for the few places that need one. Numbers beyond 64 bits lose digits there.
    pub fn tree(&self) -> serde_json::Value {
        serde_json::from_str(self.get()).unwrap_or_default()
    }

    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Json(raw.to_owned())
    }
}
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

/// The members of an object, in order, taken out one by one; what is left over is what nobody knows.
#[derive(Debug, Default)]
pub struct Members<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Where the object stands, for errors: `messages[2].content`.
    path: String,
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'de>, M::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(key) = map.next_key::<Name<'de>>()? {
                    pairs.push((key.0, map.next_value::<&'de RawValue>()?));
                }
                Ok(Pairs(pairs))
            }
        }
        input.deserialize_map(Reader)
    }
}

/// A name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);
impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        input.deserialize_str(Reader)
    }
}

impl<'a> Members<'a> {
    /// The members of a whole body.
    pub fn of_body(body: &'a [u8]) -> Result<Members<'a>, WireError> {
        let pairs: Pairs<'a> = serde_json::from_slice(body)
            .map_err(|error| WireError::new(format!("the body is no valid JSON object: {error}")))?;
        Self::checked(pairs, String::new())
    }

    /// The members of a value; `path` says where it stands.
    pub fn of(raw: &'a RawValue, path: impl Into<String>) -> Result<Members<'a>, WireError> {
        let path = path.into();
        let pairs: Pairs<'a> = serde_json::from_str(raw.get())
            .map_err(|_| WireError::at(format!("{path} must be an object"), path.clone()))?;
        Self::checked(pairs, path)
    }

    fn checked(pairs: Pairs<'a>, path: String) -> Result<Members<'a>, WireError> {
        let members = pairs.0;
        for (at, (name, _)) in members.iter().enumerate() {
            if members[..at].iter().any(|(other, _)| other == name) {
                let whole = join(&path, name);
                return Err(WireError::at(format!("{whole} is there twice"), whole));
            }
        }
        Ok(Members { members, path })
    }

    /// Where a member stands.
    pub fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }

    fn bad(&self, name: &str, what: &str) -> WireError {
        let path = self.at(name);
        WireError::at(format!("{path} must be {what}"), path)
    }

    /// Takes a member out; `null` is absent.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let index = self.members.iter().position(|(key, _)| key == name)?;
        let (_, raw) = self.members.remove(index);
        (raw.get() != "null").then_some(raw)
    }

    /// Looks at a member without taking it.
    pub fn peek(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.members.iter().find(|(key, _)| key == name);
        found.map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    pub fn json(&mut self, name: &str) -> Option<Json> {
        self.take(name).map(Json::from)
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, WireError> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        text_of(raw).map(Some).ok_or_else(|| self.bad(name, "text"))
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, WireError> {
        match self.take(name).map(RawValue::get) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.bad(name, "true or false")),
        }
    }

    /// A whole number of at least zero.
    pub fn count(&mut self, name: &str) -> Result<Option<u64>, WireError> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        match serde_json::from_str::<u64>(raw.get()) {
            Ok(number) => Ok(Some(number)),
            Err(_) => match serde_json::from_str::<f64>(raw.get()) {
                // 5.0 is what some languages make of 5.
                Ok(number) if number >= 0.0 && number.fract() == 0.0 && number < 9e15 => {
                    Ok(Some(number as u64))
                }
                _ => Err(self.bad(name, "a whole number of at least zero")),
            },
        }
    }

    pub fn int(&mut self, name: &str) -> Result<Option<i64>, WireError> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.bad(name, "a whole number"))
    }

    pub fn number(&mut self, name: &str) -> Result<Option<f64>, WireError> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.bad(name, "a number"))
    }

    /// The elements of a list; an absent one is empty.
    pub fn list(&mut self, name: &str) -> Result<Vec<&'a RawValue>, WireError> {
        let Some(raw) = self.take(name) else { return Ok(Vec::new()) };
        list_of(raw).ok_or_else(|| self.bad(name, "a list"))
    }

    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, WireError> {
        let all: Option<Vec<String>> = self.list(name)?.into_iter().map(text_of).collect();
        all.ok_or_else(|| self.bad(name, "a list of texts"))
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Members<'a>>, WireError> {
        match self.take(name) {
            Some(raw) => Members::of(raw, self.at(name)).map(Some),
            None => Ok(None),
        }
    }

    /// What has not been taken, in order.
    pub fn rest(self) -> Vec<(String, Json)> {
        self.members.into_iter().map(|(name, raw)| (name.into_owned(), Json::from(raw))).collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_ref())
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The text of a JSON string.
pub fn text_of(raw: &RawValue) -> Option<String> {
    raw.get().starts_with('"').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

/// The elements of a JSON list.
pub fn list_of(raw: &RawValue) -> Option<Vec<&RawValue>> {
    raw.get().starts_with('[').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

/// JSON on one line, as events of a stream need it: only white space between its tokens can be a line break.
pub fn one_line(json: &str) -> Cow<'_, str> {
    match memchr::memchr2(b'\n', b'\r', json.as_bytes()) {
        Some(_) => Cow::Owned(json.replace(['\n', '\r'], " ")),
        None => Cow::Borrowed(json),
    }
}

/// Writes one value where it stands.
pub struct Out<'w>(&'w mut String);

impl Out<'_> {
    /// Writes a whole text of JSON.
    pub fn new(buffer: &mut String) -> Out<'_> {
        Out(buffer)
    }

    pub fn raw(self, json: &str) {
        self.0.push_str(json);
    }

    pub fn json(self, json: &Json) {
        self.0.push_str(json.get());
    }

    pub fn text(self, text: &str) {
        write_text(self.0, text);
    }

    pub fn int(self, number: impl Into<i128>) {
        self.0.push_str(&number.into().to_string());
    }

    /// A finite number; others are `null`, as JSON has none.
    pub fn number(self, number: f64) {
        let text = serde_json::Number::from_f64(number).map(|number| number.to_string());
        self.0.push_str(text.as_deref().unwrap_or("null"));
    }

    pub fn flag(self, value: bool) {
        self.0.push_str(if value { "true" } else { "false" });
    }

    pub fn null(self) {
        self.0.push_str("null");
    }

    pub fn object(self, build: impl FnOnce(&mut Object<'_>)) {
        self.0.push('{');
        build(&mut Object { out: self.0, any: false });
        self.0.push('}');
    }

    pub fn list(self, build: impl FnOnce(&mut List<'_>)) {
        self.0.push('[');
        build(&mut List { out: self.0, any: false });
        self.0.push(']');
    }
}

/// An object under construction.
pub struct Object<'w> {
    out: &'w mut String,
    any: bool,
}

impl Object<'_> {
    /// The place of a member's value, which must be written next.
    pub fn key(&mut self, name: &str) -> Out<'_> {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(',');
        }
        write_text(self.out, name);
        self.out.push(':');
        Out(self.out)
    }

    pub fn text(&mut self, name: &str, text: &str) {
        self.key(name).text(text);
    }

    /// Written only when there is one.
    pub fn opt_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.key(name).text(text);
        }
    }

    pub fn int(&mut self, name: &str, number: impl Into<i128>) {
        self.key(name).int(number);
    }

    pub fn opt_int(&mut self, name: &str, number: Option<impl Into<i128>>) {
        if let Some(number) = number {
            self.key(name).int(number);
        }
    }

    pub fn opt_number(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.key(name).number(number);
        }
    }

    pub fn flag(&mut self, name: &str, value: bool) {
        self.key(name).flag(value);
    }

    pub fn opt_flag(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.key(name).flag(value);
        }
    }

    pub fn json(&mut self, name: &str, json: &Json) {
        self.key(name).json(json);
    }

    pub fn opt_json(&mut self, name: &str, json: Option<&Json>) {
        if let Some(json) = json {
            self.key(name).json(json);
        }
    }

    pub fn object(&mut self, name: &str, build: impl FnOnce(&mut Object<'_>)) {
        self.key(name).object(build);
    }

    pub fn list(&mut self, name: &str, build: impl FnOnce(&mut List<'_>)) {
        self.key(name).list(build);
    }
}

/// A list under construction.
pub struct List<'w> {
    out: &'w mut String,
    any: bool,
}

impl List<'_> {
    /// The place of the next element, which must be written next.
    pub fn item(&mut self) -> Out<'_> {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(',');
        }
        Out(self.out)
    }

    pub fn object(&mut self, build: impl FnOnce(&mut Object<'_>)) {
        self.item().object(build);
    }
}

/// Builds the text of an object.
pub fn object(build: impl FnOnce(&mut Object<'_>)) -> String {
    let mut buffer = String::with_capacity(512);
    Out(&mut buffer).object(build);
    buffer
}

fn write_text(out: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        // A text can always be written; the fallback is unreachable.
        out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_are_taken_and_the_rest_is_kept() {
        let body =
            br#"{"model":"m","n":12345678901234567890123,"stop":["a","b"],"x":null,"z":{"b":1,"a":2.50}}"#;
        let mut members = Members::of_body(body).unwrap();
        assert_eq!(members.text("model").unwrap().as_deref(), Some("m"));
        assert_eq!(members.texts("stop").unwrap(), ["a", "b"]);
        assert_eq!(members.text("x").unwrap(), None);
        let rest: Vec<String> = members.rest().iter().map(|(k, v)| format!("{k}={}", v.get())).collect();
        assert_eq!(rest, ["n=12345678901234567890123", r#"z={"b":1,"a":2.50}"#]);
    }

    #[test]
    fn what_is_there_twice_or_wrong_is_an_error_with_its_place() {
        assert!(Members::of_body(br#"{"a":1,"\u0061":2}"#).is_err());
        let mut members = Members::of_body(br#"{"o":{"t":5}}"#).unwrap();
        let mut inner = members.object("o").unwrap().unwrap();
        assert_eq!(inner.text("t").unwrap_err().param.as_deref(), Some("o.t"));
    }

    #[test]
    fn objects_are_written_in_order() {
        let text = object(|o| {
            o.text("b", "x\"\n");
            o.int("a", 5);
            o.list("l", |l| {
                l.item().number(0.7);
                l.object(|o| o.flag("f", true));
            });
            o.object("e", |_| {});
        });
        assert_eq!(text, r#"{"b":"x\"\n","a":5,"l":[0.7,{"f":true}],"e":{}}"#);
    }

    proptest! {
        #[test]
        fn any_text_survives(text in ".{0,40}", key in ".{0,10}") {
            let written = object(|o| o.text(&key, &text));
            let mut members = Members::of_body(written.as_bytes()).unwrap();
            prop_assert_eq!(members.text(&key).unwrap(), Some(text));
        }
    }
}
