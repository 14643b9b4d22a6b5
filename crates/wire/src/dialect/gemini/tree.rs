//! A JSON tree that keeps the order of its members: what a model is shown first, it writes first.

use crate::json::{Json, Out};
use serde_json::value::RawValue;

/// Deeper values stay text: nobody nests so far, and the stack ends somewhere.
const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Text(String),
    /// A number, a flag, `null`: as it was written.
    Raw(String),
}

impl Node {
    pub fn of(json: &Json) -> Node {
        Node::read(json.get(), 0)
    }

    fn read(text: &str, depth: usize) -> Node {
        let raw = || Node::Raw(text.to_owned());
        match text.as_bytes().first() {
            Some(b'{') if depth < DEEPEST => {
                let Ok(Ordered(members)) = serde_json::from_str::<Ordered>(text) else { return raw() };
                let read =
                    |(name, value): (String, Box<RawValue>)| (name, Node::read(value.get(), depth + 1));
                Node::Object(members.into_iter().map(read).collect())
            }
            Some(b'[') if depth < DEEPEST => {
                let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) else { return raw() };
                Node::List(items.into_iter().map(|item| Node::read(item.get(), depth + 1)).collect())
            }
            Some(b'"') => serde_json::from_str(text).map_or_else(|_| raw(), Node::Text),
            _ => raw(),
        }
    }

    pub fn write(&self, out: Out<'_>) {
        match self {
            Node::Object(members) => out.object(|o| {
                for (name, node) in members {
                    node.write(o.key(name));
                }
            }),
            Node::List(items) => out.list(|l| {
                for item in items {
                    item.write(l.item());
                }
            }),
            Node::Text(text) => out.text(text),
            Node::Raw(raw) => out.raw(raw),
        }
    }

    pub fn json(&self) -> String {
        let mut text = String::new();
        self.write(Out::new(&mut text));
        text
    }

    pub fn text(text: impl Into<String>) -> Node {
        Node::Text(text.into())
    }

    pub fn flag(value: bool) -> Node {
        Node::Raw(value.to_string())
    }

    pub fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_raw(&self, text: &str) -> bool {
        matches!(self, Node::Raw(raw) if raw == text)
    }

    /// The place that a path like `$.a.b[0]` names, made where it is missing; `None` for what is no such path.
    pub fn place(&mut self, path: &str) -> Option<&mut Node> {
        let mut node = self;
        for step in path.strip_prefix('$')?.split(['.', '[']).filter(|step| !step.is_empty()) {
            node = match step.strip_suffix(']') {
                Some(inside) => match inside.parse::<usize>() {
                    Ok(index) => node.item(index)?,
                    Err(_) => node.member(inside.trim_matches(['\'', '"']))?,
                },
                None => node.member(step)?,
            };
        }
        Some(node)
    }

    fn member(&mut self, name: &str) -> Option<&mut Node> {
        if !matches!(self, Node::Object(_)) {
            *self = Node::Object(Vec::new());
        }
        let Node::Object(members) = self else { return None };
        let index = members.iter().position(|(key, _)| key == name).unwrap_or_else(|| {
            members.push((name.to_owned(), Node::Raw("null".to_owned())));
            members.len() - 1
        });
        members.get_mut(index).map(|(_, node)| node)
    }

    fn item(&mut self, index: usize) -> Option<&mut Node> {
        if !matches!(self, Node::List(_)) {
            *self = Node::List(Vec::new());
        }
        let Node::List(items) = self else { return None };
        // Items come one after another; an index from nowhere must not make us allocate for it.
        if index > items.len() {
            return None;
        }
        if index == items.len() {
            items.push(Node::Raw("null".to_owned()));
        }
        items.get_mut(index)
    }
}

/// An object's members in order.
struct Ordered(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> serde::de::Visitor<'de> for Reader {
            type Value = Ordered;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Ordered, M::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    members.push((name, value));
                }
                Ok(Ordered(members))
            }
        }
        input.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_numbers_stay() {
        let text = r#"{"b":{"z":1.50,"a":[true,null,"x\n"]},"a":12345678901234567890123}"#;
        assert_eq!(Node::of(&Json::from_text(text).unwrap()).json(), text);
    }

    #[test]
    fn paths_make_what_they_name() {
        let mut node = Node::Object(Vec::new());
        *node.place("$.a.b[0].c").unwrap() = Node::text("x");
        *node.place("$['d e']").unwrap() = Node::flag(true);
        assert_eq!(node.json(), r#"{"a":{"b":[{"c":"x"}]},"d e":true}"#);
        assert!(node.place("$.f[7]").is_none() && node.place("f").is_none());
    }
}
