//! Texts with `{{variables}}`. Read once; filling in copies pieces and looks at none of them.

use serde_json::Value;

/// A text with places for variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(String),
}

impl Template {
    /// Reads a text: `{{name}}` or `{{ name }}` is a variable, `\{{` is two braces.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('\\') {
                plain.push_str(before);
                plain.push_str("{{");
                rest = after;
                continue;
            }
            plain.push_str(before);
            let bad = || {
                let found: String = after.chars().take(20).collect();
                format!("\"{{{{{found}\" is no variable: write {{{{name}}}}, or \\{{{{ for two braces")
            };
            let (name, after) = after.split_once("}}").ok_or_else(bad)?;
            let name = name.trim();
            if !is_variable(name) {
                return Err(bad());
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Variable(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Template(pieces))
    }

    /// The names of its variables, as often as they are used.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Variable(name) => Some(name.as_str()),
        })
    }

    /// The text, `None` where it is longer than `max` bytes. A variable that is not there is empty.
    pub(super) fn fill(&self, given: &Value, max: usize) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            let written;
            let piece = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Variable(name) => match &given[name.as_str()] {
                    Value::String(text) => text.as_str(),
                    Value::Null => "",
                    other => {
                        written = other.to_string();
                        &written
                    }
                },
            };
            if out.len() + piece.len() > max {
                return None;
            }
            out.push_str(piece);
        }
        Some(out)
    }
}

/// A letter or `_`, then letters, digits and `_`, 64 at most.
fn is_variable(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= 64
        && name.bytes().all(word)
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}
