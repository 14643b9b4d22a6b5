//! JSON Schema and Google's subset of OpenAPI 3.0 (C22): what the subset can't say stays as words in the
//! description, so that the model still reads it.

use super::tree::Node;
use crate::json::Json;

/// Schemas that refer to themselves are cut here.
const DEEPEST: usize = 24;
/// Nor may references multiply a schema beyond this many nodes.
const LARGEST: usize = 4_000;

/// Words that the subset has as they are.
const KEPT: &[&str] = &[
    "title",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "example",
    "propertyOrdering",
];

/// Words that say nothing a model could use.
const SILENT: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "$anchor",
    "definitions",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "examples",
    "readOnly",
    "writeOnly",
    "deprecated",
    "strict",
];

const FORMATS: &[&str] = &["date-time", "enum", "int32", "int64", "float", "double"];

/// JSON Schema as Google's subset.
pub(super) fn lower(schema: &Json) -> String {
    let root = Node::of(schema);
    let mut lowering = Lowering { root: &root, open: Vec::new(), nodes: 0 };
    lowering.schema(&root, 0).json()
}

struct Lowering<'a> {
    root: &'a Node,
    /// The references that are being followed.
    open: Vec<String>,
    nodes: usize,
}

/// A schema under construction.
#[derive(Default)]
struct Lowered {
    members: Vec<(String, Node)>,
    description: String,
    notes: Vec<String>,
}

impl Lowered {
    fn set(&mut self, name: &str, node: Node) {
        match self.members.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = node,
            None => self.members.push((name.to_owned(), node)),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    /// Takes over another schema's members where this one has none.
    fn merge(&mut self, other: Node) {
        let Node::Object(members) = other else { return };
        for (name, node) in members {
            let own = self.members.iter_mut().find(|(key, _)| *key == name).map(|(_, own)| own);
            match (name.as_str(), own, node) {
                ("description", _, Node::Text(text)) if self.description.is_empty() => {
                    self.description = text
                }
                ("description", _, Node::Text(text)) => self.notes.push(text),
                ("properties", Some(Node::Object(own)), Node::Object(more)) => {
                    for (name, node) in more {
                        if !own.iter().any(|(key, _)| *key == name) {
                            own.push((name, node));
                        }
                    }
                }
                ("required", Some(Node::List(own)), Node::List(more)) => {
                    for node in more {
                        if !own.contains(&node) {
                            own.push(node);
                        }
                    }
                }
                (_, Some(_), _) => {}
                (_, None, node) => self.members.push((name, node)),
            }
        }
    }
}

fn typed(name: &str) -> Node {
    Node::Object(vec![("type".to_owned(), Node::text(name))])
}

impl Lowering<'_> {
    fn schema(&mut self, node: &Node, depth: usize) -> Node {
        self.nodes += 1;
        let Node::Object(members) = node else {
            // `true`: anything.
            return typed("STRING");
        };
        if depth > DEEPEST || self.nodes > LARGEST {
            return typed("OBJECT");
        }
        let mut out = Lowered::default();
        for (word, value) in members {
            self.word(word, value, depth, &mut out);
        }
        finish(out)
    }

    fn word(&mut self, word: &str, value: &Node, depth: usize, out: &mut Lowered) {
        match (word, value) {
            ("type", value) => kind(value, out),
            ("description", Node::Text(text)) => {
                let other = std::mem::replace(&mut out.description, text.clone());
                out.notes.extend((!other.is_empty()).then_some(other));
            }
            ("nullable", value) => {
                if value.is_raw("true") {
                    out.set("nullable", Node::flag(true));
                }
            }
            ("format", Node::Text(format)) if FORMATS.contains(&format.as_str()) => {
                out.set("format", value.clone());
            }
            ("properties", Node::Object(properties)) => {
                let lowered =
                    properties.iter().map(|(name, node)| (name.clone(), self.schema(node, depth + 1)));
                let lowered: Vec<(String, Node)> = lowered.collect();
                out.set("properties", Node::Object(lowered));
            }
            ("required", Node::List(_)) => out.set("required", value.clone()),
            ("items", Node::Object(_)) => {
                let items = self.schema(value, depth + 1);
                out.set("items", items);
            }
            ("items" | "prefixItems", Node::List(items)) => {
                out.notes.push("the items have these types, in this order".to_owned());
                let items = self.any(items, depth);
                out.set("items", items);
            }
            ("items", _) => {}
            ("anyOf" | "oneOf", Node::List(options)) => {
                let null = |node: &Node| node.get("type").and_then(Node::as_text) == Some("null");
                let real: Vec<Node> = options.iter().filter(|option| !null(option)).cloned().collect();
                if real.len() < options.len() {
                    out.set("nullable", Node::flag(true));
                }
                let options = self.any(&real, depth);
                out.merge(options);
            }
            ("allOf", Node::List(all)) => {
                for part in all {
                    let part = self.schema(part, depth + 1);
                    out.merge(part);
                }
            }
            ("$ref", Node::Text(path)) => {
                let target = self.reference(path, depth);
                out.merge(target);
            }
            ("const", value) => values(std::slice::from_ref(value), out),
            ("enum", Node::List(all)) => values(all, out),
            ("exclusiveMinimum", Node::Raw(number)) if number.parse::<f64>().is_ok() => {
                out.notes.push(format!("greater than {number}"));
                out.set("minimum", value.clone());
            }
            ("exclusiveMaximum", Node::Raw(number)) if number.parse::<f64>().is_ok() => {
                out.notes.push(format!("less than {number}"));
                out.set("maximum", value.clone());
            }
            (word, value) if KEPT.contains(&word) => out.set(word, value.clone()),
            (word, _) if SILENT.contains(&word) => {}
            (word, value) => out.notes.push(format!("{word}: {}", value.json())),
        }
    }

    fn any(&mut self, options: &[Node], depth: usize) -> Node {
        let mut lowered: Vec<Node> = Vec::with_capacity(options.len());
        for option in options {
            let option = self.schema(option, depth + 1);
            if !lowered.contains(&option) {
                lowered.push(option);
            }
        }
        match lowered.len() {
            0 => typed("STRING"),
            1 => lowered.swap_remove(0),
            _ => Node::Object(vec![("anyOf".to_owned(), Node::List(lowered))]),
        }
    }

    /// What a reference within the schema stands for.
    fn reference(&mut self, path: &str, depth: usize) -> Node {
        if self.open.iter().any(|open| open == path) {
            return typed("OBJECT");
        }
        let root = self.root;
        let mut target = Some(root);
        for step in path.trim_start_matches('#').split('/').filter(|step| !step.is_empty()) {
            let step = step.replace("~1", "/").replace("~0", "~");
            target = target.and_then(|node| node.get(&step));
        }
        let Some(target) = target.filter(|_| path.starts_with('#')) else { return typed("OBJECT") };
        self.open.push(path.to_owned());
        let lowered = self.schema(target, depth + 1);
        self.open.pop();
        lowered
    }
}

fn kind(value: &Node, out: &mut Lowered) {
    let mut kinds: Vec<&str> = match value {
        Node::Text(kind) => vec![kind],
        Node::List(kinds) => kinds.iter().filter_map(Node::as_text).collect(),
        _ => return,
    };
    let all = kinds.len();
    kinds.retain(|kind| !kind.eq_ignore_ascii_case("null"));
    if kinds.len() < all {
        out.set("nullable", Node::flag(true));
    }
    match kinds.as_slice() {
        [] => out.set("type", Node::text("STRING")),
        [kind] => out.set("type", Node::text(kind.to_ascii_uppercase())),
        _ => {
            let each = kinds.iter().map(|kind| typed(&kind.to_ascii_uppercase()));
            out.set("anyOf", Node::List(each.collect()));
        }
    }
}

/// `enum` and `const`: the subset has them for text only.
fn values(all: &[Node], out: &mut Lowered) {
    let mut real: Vec<Node> = all.iter().filter(|node| !node.is_raw("null")).cloned().collect();
    real.dedup();
    if real.len() < all.len() && all.iter().any(|node| node.is_raw("null")) {
        out.set("nullable", Node::flag(true));
    }
    if !real.is_empty() && real.iter().all(|node| node.as_text().is_some()) {
        out.set("enum", Node::List(real));
        return;
    }
    let whole = |raw: &str| raw.parse::<i64>().is_ok();
    let guess = match real.first() {
        Some(Node::Raw(raw)) if raw == "true" || raw == "false" => Some("BOOLEAN"),
        Some(Node::Raw(raw)) => Some(if whole(raw) { "INTEGER" } else { "NUMBER" }),
        _ => None,
    };
    if let Some(guess) = guess.filter(|_| !out.has("type")) {
        out.set("type", Node::text(guess));
    }
    let words: Vec<String> = real.iter().map(Node::json).collect();
    if !words.is_empty() {
        out.notes.push(format!("one of {}", words.join(", ")));
    }
}

fn finish(mut out: Lowered) -> Node {
    if !out.has("type") && !out.has("anyOf") {
        let guess = if out.has("properties") {
            "OBJECT"
        } else if out.has("items") {
            "ARRAY"
        } else {
            "STRING"
        };
        out.members.insert(0, ("type".to_owned(), Node::text(guess)));
    }
    let kind = |out: &Lowered| {
        let found = out.members.iter().find(|(key, _)| key == "type");
        found.and_then(|(_, node)| node.as_text()).unwrap_or_default().to_owned()
    };
    // An object without properties must not say that it has none.
    out.members.retain(|(key, node)| key != "properties" || *node != Node::Object(Vec::new()));
    let names: Vec<String> = match out.members.iter().find(|(key, _)| key == "properties") {
        Some((_, Node::Object(properties))) => properties.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    for (key, node) in &mut out.members {
        if let ("required", Node::List(required)) = (key.as_str(), node) {
            required.retain(|name| name.as_text().is_some_and(|name| names.iter().any(|n| n == name)));
        }
    }
    out.members.retain(|(key, node)| key != "required" || *node != Node::List(Vec::new()));
    if kind(&out) == "ARRAY" && !out.has("items") {
        out.set("items", typed("STRING"));
    }
    if out.has("enum") && kind(&out) != "STRING" && out.has("type") {
        out.members.retain(|(key, _)| key != "enum");
    }
    let mut description = std::mem::take(&mut out.description);
    if !out.notes.is_empty() {
        let notes = out.notes.join("; ");
        description = if description.is_empty() { notes } else { format!("{description} ({notes})") };
    }
    if !description.is_empty() {
        let at = out.members.iter().position(|(key, _)| key == "type").map_or(0, |at| at + 1);
        out.members.insert(at, ("description".to_owned(), Node::Text(description)));
    }
    Node::Object(out.members)
}

/// Google's subset as JSON Schema.
pub(super) fn raise(schema: &Json) -> String {
    raised(&Node::of(schema)).json()
}

fn numbered(number: &str) -> Option<&'static str> {
    const KINDS: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
    KINDS.get(number.parse::<usize>().ok()?.checked_sub(1)?).copied()
}

fn raised(node: &Node) -> Node {
    let Node::Object(members) = node else { return node.clone() };
    let nullable = members.iter().any(|(word, node)| word == "nullable" && node.is_raw("true"));
    let mut out: Vec<(String, Node)> = Vec::with_capacity(members.len());
    for (word, value) in members {
        let word = super::fields::camel(word);
        let (word, value) = match (word.as_str(), value) {
            ("type", Node::Text(kind)) => {
                let kind = Node::text(kind.to_ascii_lowercase());
                ("type", if nullable { Node::List(vec![kind, Node::text("null")]) } else { kind })
            }
            // Some relays write the enum's number.
            ("type", Node::Raw(number)) => match numbered(number) {
                Some(kind) => ("type", Node::text(kind)),
                None => continue,
            },
            ("nullable" | "propertyOrdering", _) => continue,
            ("format", Node::Text(format)) if format == "enum" => continue,
            ("properties" | "defs" | "$defs", Node::Object(properties)) => {
                let each = properties.iter().map(|(name, node)| (name.clone(), raised(node)));
                let word = if word == "properties" { "properties" } else { "$defs" };
                (word, Node::Object(each.collect()))
            }
            ("ref", value) => ("$ref", value.clone()),
            ("items" | "additionalProperties", value @ Node::Object(_)) => (word.as_str(), raised(value)),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Node::List(options)) => {
                (word.as_str(), Node::List(options.iter().map(raised).collect()))
            }
            // proto JSON writes 64 bits as text.
            (
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties",
                Node::Text(n),
            ) if n.parse::<u64>().is_ok() => (word.as_str(), Node::Raw(n.clone())),
            (word, value) => (word, value.clone()),
        };
        out.push((word.to_owned(), value));
    }
    Node::Object(out)
}

#[cfg(test)]
#[path = "schema/tests.rs"]
mod tests;
