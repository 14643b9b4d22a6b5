//! Schemas for structured output and strict tools: the vendor wants every object closed, and refuses limits on
//! lengths and numbers. Those are told in the description instead. Names keep their order.

use crate::chat::Dialect;
use crate::json::{Json, Members, Out, list_of};
use serde_json::value::RawValue;

/// A limit goes into the description.
const LIMITS: &[&str] = &[
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
];
const LEFT_OUT: &[&str] = &["$schema", "$id", "examples", "patternProperties", "propertyNames"];
/// What holds schemas by name, in a list, or is one.
const MAPS: &[&str] = &["properties", "$defs", "definitions"];
const LISTS: &[&str] = &["anyOf", "allOf", "oneOf", "prefixItems"];

/// The schema in words that the vendor takes; as it was where it said them already.
pub(in crate::dialect) fn lower(schema: &Json, origin: Option<Dialect>) -> Json {
    if origin == Some(Dialect::Anthropic) {
        return schema.clone();
    }
    let mut text = String::with_capacity(schema.get().len() + 64);
    write(schema.get(), &mut text);
    Json::from_text(text).unwrap_or_else(|_| schema.clone())
}

/// Whether the schema is of an object at its top: a tool's must be.
pub(super) fn is_object(schema: &Json) -> bool {
    let Some(members) = members(schema.get()) else { return false };
    let kind = members.iter().find(|(name, _)| name == "type");
    match kind {
        Some((_, kind)) => kind.get() == r#""object""#,
        None => !members.iter().any(|(name, _)| LISTS.contains(&name.as_str()) || name == "$ref"),
    }
}

/// The schema of a tool's input: an object, said to be one.
pub(in crate::dialect) fn input(schema: Option<&Json>) -> Option<String> {
    let Some(schema) = schema else { return Some(r#"{"type":"object","properties":{}}"#.to_owned()) };
    if !is_object(schema) {
        return None;
    }
    let text = schema.get();
    if members(text)?.iter().any(|(name, _)| name == "type") {
        return Some(text.to_owned());
    }
    let rest = text.trim_start().strip_prefix('{')?.trim_start();
    Some(if rest == "}" {
        r#"{"type":"object","properties":{}}"#.to_owned()
    } else {
        format!(r#"{{"type":"object",{rest}"#)
    })
}

fn members(text: &str) -> Option<Vec<(String, Json)>> {
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    Members::of(raw, "schema").ok().map(Members::rest)
}

fn items(text: &str) -> Option<Vec<&RawValue>> {
    list_of(serde_json::from_str(text).ok()?)
}

fn write(text: &str, out: &mut String) {
    let Some(members) = members(text) else {
        out.push_str(text);
        return;
    };
    let is = |name: &str| members.iter().any(|(other, _)| other == name);
    let closed = is("properties")
        || members.iter().any(|(name, kind)| name == "type" && kind.get().contains("\"object\""));
    let limit = |name: &str, value: &Json| {
        LIMITS.contains(&name) || (name == "minItems" && !matches!(value.get(), "0" | "1"))
    };
    let limits: Vec<String> = members
        .iter()
        .filter(|(name, value)| limit(name, value))
        .map(|(name, value)| format!("{name}: {}", value.get()))
        .collect();
    let described = |before: &str| {
        let told = (!before.is_empty()).then(|| before.to_owned());
        told.into_iter().chain(limits.iter().cloned()).collect::<Vec<_>>().join("; ")
    };
    Out::new(out).object(|o| {
        for (name, value) in &members {
            let name = name.as_str();
            match name {
                _ if limit(name, value) || LEFT_OUT.contains(&name) => {}
                "additionalProperties" if closed => {}
                "description" => o.text(name, &described(value.tree().as_str().unwrap_or(""))),
                _ if MAPS.contains(&name) => o.key(name).raw(&map(value.get())),
                _ if LISTS.contains(&name) => {
                    o.key(if name == "oneOf" && !is("anyOf") { "anyOf" } else { name })
                        .raw(&list(value.get()));
                }
                "items" | "not" | "additionalProperties" => o.key(name).raw(&one(value.get())),
                _ => o.json(name, value),
            }
        }
        if !is("description") && !limits.is_empty() {
            o.text("description", &described(""));
        }
        if closed {
            o.flag("additionalProperties", false);
        }
    });
}

fn one(text: &str) -> String {
    let mut out = String::new();
    write(text, &mut out);
    out
}

fn map(text: &str) -> String {
    let Some(members) = members(text) else { return text.to_owned() };
    crate::json::object(|o| members.iter().for_each(|(name, schema)| o.key(name).raw(&one(schema.get()))))
}

fn list(text: &str) -> String {
    let Some(items) = items(text) else { return text.to_owned() };
    let mut out = String::new();
    Out::new(&mut out).list(|l| items.iter().for_each(|schema| l.item().raw(&one(schema.get()))));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowered(text: &str) -> String {
        lower(&Json::from_text(text).unwrap(), None).get().to_owned()
    }

    #[test]
    fn objects_are_closed_and_limits_told() {
        assert_eq!(
            lowered(
                r#"{"$schema":"x","type":"object","properties":{"z":{"type":"string","minLength":2,"description":"d"},"a":{"type":"array","minItems":1,"items":{"type":"number","minimum":0.50}}},"required":["z"]}"#
            ),
            r#"{"type":"object","properties":{"z":{"type":"string","description":"d; minLength: 2"},"a":{"type":"array","minItems":1,"items":{"type":"number","description":"minimum: 0.50"}}},"required":["z"],"additionalProperties":false}"#
        );
        assert_eq!(lowered(r#"{"oneOf":[{"type":"null"},true]}"#), r#"{"anyOf":[{"type":"null"},true]}"#);
    }

    #[test]
    fn a_property_may_have_the_name_of_a_limit() {
        let text =
            r#"{"type":"object","properties":{"minimum":{"type":"number"}},"additionalProperties":false}"#;
        assert_eq!(lowered(text), text);
    }

    #[test]
    fn a_tools_input_is_an_object() {
        let input = |text: &str| input(Some(&Json::from_text(text).unwrap()));
        assert_eq!(input(r#"{"b":1,"type":"object"}"#).as_deref(), Some(r#"{"b":1,"type":"object"}"#));
        assert_eq!(input(r#"{"properties":{}}"#).as_deref(), Some(r#"{"type":"object","properties":{}}"#));
        assert_eq!(input("{ }").as_deref(), Some(r#"{"type":"object","properties":{}}"#));
        assert_eq!(input(r#"{"anyOf":[]}"#), None);
        assert_eq!(input(r#"{"type":"array"}"#), None);
    }
}
