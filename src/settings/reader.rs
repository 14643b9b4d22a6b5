//! Walking a TOML document: typed access that collects every fault with its key path and line, expands
//! `${NAME}`, and suggests what an unknown key may have meant.

use super::{Env, Settings};
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{Item, TableLike, Value};

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Faults {
    pub(super) fn one(file: &Path, what: String) -> Faults {
        Faults(vec![format!("{}: {what}", file.display())])
    }

    pub(super) fn syntax(file: &Path, text: &str, error: &toml_edit::TomlError) -> Faults {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Faults(vec![format!("{}:{line}: {}", file.display(), error.message().trim())])
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// The walk over one document.
pub struct Walk<'d> {
    file: PathBuf,
    text: &'d str,
    env: Env<'d>,
    faults: RefCell<Vec<(usize, String)>>,
}

impl<'d> Walk<'d> {
    pub fn new(file: &Path, text: &'d str, env: Env<'d>) -> Self {
        Self { file: file.to_owned(), text, env, faults: RefCell::default() }
    }

    pub fn root<'w>(&'w self, table: &'w toml_edit::Table) -> Node<'w> {
        Node { walk: self, path: String::new(), table: Some(table), span: None }
    }

    fn fault(&self, span: Option<Range<usize>>, path: &str, what: impl fmt::Display) {
        let line = span.map_or(1, |span| line_of(self.text, span.start));
        self.faults.borrow_mut().push((line, format!("{}:{line}: {path}: {what}", self.file.display())));
    }

    pub fn finish(self, settings: Settings) -> Result<Settings, Faults> {
        let mut faults = self.faults.into_inner();
        if faults.is_empty() {
            return Ok(settings);
        }
        faults.sort();
        Err(Faults(faults.into_iter().map(|(_, text)| text).collect()))
    }

    /// `${NAME}`, `${NAME:-default}`; `$${` is a literal `${`.
    fn expand(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                out.push_str(&rest[..at]);
                out.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let end = rest[at..].find('}').ok_or("a ${ without its }")?;
            let inner = &rest[at + 2..at + end];
            let (name, default) = match inner.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            match ((self.env)(name), default) {
                (Some(value), _) if !value.is_empty() || default.is_none() => out.push_str(&value),
                (_, Some(default)) => out.push_str(default),
                (_, None) => return Err(format!("the environment variable {name} is not set")),
            }
            rest = &rest[at + end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// A table of the document, or the absence of one.
pub struct Node<'w> {
    walk: &'w Walk<'w>,
    path: String,
    table: Option<&'w dyn TableLike>,
    span: Option<Range<usize>>,
}

impl<'w> Node<'w> {
    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn item(&self, key: &str) -> Option<&'w Item> {
        self.table.and_then(|table| table.get(key)).filter(|item| !item.is_none())
    }

    fn span_of(&self, key: &str) -> Option<Range<usize>> {
        let table = self.table?;
        table
            .key(key)
            .and_then(|key| key.span())
            .or_else(|| table.get(key).and_then(Item::span))
            .or_else(|| self.span.clone())
    }

    pub fn fault(&self, key: &str, what: impl fmt::Display) {
        self.walk.fault(self.span_of(key).or_else(|| self.span.clone()), &self.child(key), what);
    }

    pub fn has(&self, key: &str) -> bool {
        self.item(key).is_some()
    }

    /// A table; an absent one reads as empty.
    pub fn table(&self, key: &str) -> Node<'w> {
        let item = self.item(key);
        let table = item.and_then(Item::as_table_like);
        if item.is_some() && table.is_none() {
            self.fault(key, "must be a table");
        }
        Node { walk: self.walk, path: self.child(key), table, span: self.span_of(key) }
    }

    /// The tables of a list of tables.
    pub fn tables(&self, key: &str) -> Vec<Node<'w>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let path = self.child(key);
        if let Some(list) = item.as_array_of_tables() {
            let node = |(index, table): (usize, &'w toml_edit::Table)| Node {
                walk: self.walk,
                path: format!("{path}[{index}]"),
                table: Some(table),
                span: table.span(),
            };
            return list.iter().enumerate().map(node).collect();
        }
        let Some(list) = item.as_array() else {
            self.fault(key, format!("must be a list of tables: [[{path}]]"));
            return Vec::new();
        };
        let mut nodes = Vec::new();
        for (index, value) in list.iter().enumerate() {
            match value.as_inline_table() {
                Some(table) => nodes.push(Node {
                    walk: self.walk,
                    path: format!("{path}[{index}]"),
                    table: Some(table),
                    span: value.span(),
                }),
                None => self.fault(key, "must be a list of tables"),
            }
        }
        nodes
    }

    /// Keys and values of a table.
    pub fn entries(&self) -> Vec<(String, &'w Item)> {
        let Some(table) = self.table else { return Vec::new() };
        table.iter().map(|(key, item)| (key.to_owned(), item)).collect()
    }

    pub fn text(&self, key: &str) -> Option<String> {
        let item = self.item(key)?;
        match item.as_str() {
            Some(text) => self.expand(key, text),
            None => {
                self.fault(key, "must be text");
                None
            }
        }
    }

    fn expand(&self, key: &str, text: &str) -> Option<String> {
        match self.walk.expand(text) {
            Ok(text) => Some(text),
            Err(what) => {
                self.fault(key, what);
                None
            }
        }
    }

    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    pub fn bool(&self, key: &str) -> Option<bool> {
        let item = self.item(key)?;
        let value = item.as_bool();
        if value.is_none() {
            self.fault(key, "must be true or false");
        }
        value
    }

    pub fn int(&self, key: &str, min: u64, max: u64) -> Option<u64> {
        let value = self.signed(key)?;
        match u64::try_from(value) {
            Ok(value) if (min..=max).contains(&value) => Some(value),
            _ => {
                self.fault(key, format!("must be between {min} and {max}"));
                None
            }
        }
    }

    pub fn signed(&self, key: &str) -> Option<i64> {
        let item = self.item(key)?;
        let value = item
            .as_integer()
            .or_else(|| item.as_str().and_then(|text| self.expand(key, text)?.trim().parse().ok()));
        if value.is_none() {
            self.fault(key, "must be a whole number");
        }
        value
    }

    /// A number of at least zero.
    pub fn number(&self, key: &str) -> Option<f64> {
        let item = self.item(key)?;
        let value = item.as_float().or_else(|| item.as_integer().map(|number| number as f64));
        match value {
            Some(number) if number.is_finite() && number >= 0.0 => Some(number),
            _ => {
                self.fault(key, "must be a number of at least 0");
                None
            }
        }
    }

    /// A list of texts, each read by `read`.
    pub fn list<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let texts: Vec<&str> = match item.as_array() {
            Some(list) if list.iter().all(|value| value.is_str()) => {
                list.iter().filter_map(Value::as_str).collect()
            }
            _ => {
                self.fault(key, "must be a list of texts");
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for text in texts {
            let Some(text) = self.expand(key, text) else { continue };
            match read(&text) {
                Ok(value) => out.push(value),
                Err(what) => self.fault(key, what),
            }
        }
        out
    }

    pub fn texts(&self, key: &str) -> Vec<String> {
        self.list(key, |text| Ok(text.to_owned()))
    }

    /// A table of texts.
    pub fn map(&self, key: &str) -> std::collections::BTreeMap<String, String> {
        let table = self.table(key);
        let mut out = std::collections::BTreeMap::new();
        for (name, item) in table.entries() {
            match item.as_str().and_then(|text| table.expand(&name, text)) {
                Some(text) => {
                    out.insert(name, text);
                }
                None if item.is_str() => {}
                None => table.fault(&name, "must be text"),
            }
        }
        out
    }

    /// A value as JSON, for members that are passed on as they are.
    pub fn json(&self, key: &str) -> Option<serde_json::Value> {
        self.item(key).and_then(to_json)
    }

    /// Every other key is a fault.
    pub fn only(&self, known: &[&str]) {
        for (key, _) in self.entries() {
            if known.contains(&key.as_str()) {
                continue;
            }
            let close = known
                .iter()
                .map(|candidate| (strsim::damerau_levenshtein(&key, candidate), *candidate))
                .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
                .min();
            match close {
                Some((_, candidate)) => self.fault(&key, format!("unknown key, did you mean {candidate}?")),
                None => self.fault(&key, "unknown key"),
            }
        }
    }
}

fn to_json(item: &Item) -> Option<serde_json::Value> {
    if let Some(table) = item.as_table_like() {
        let members = table.iter().filter_map(|(key, item)| Some((key.to_owned(), to_json(item)?)));
        return Some(serde_json::Value::Object(members.collect()));
    }
    match item.as_value()? {
        Value::String(text) => Some(text.value().as_str().into()),
        Value::Integer(number) => Some((*number.value()).into()),
        Value::Float(number) => Some((*number.value()).into()),
        Value::Boolean(value) => Some((*value.value()).into()),
        Value::Array(list) => Some(
            list.iter().filter_map(|value| to_json(&Item::Value(value.clone()))).collect::<Vec<_>>().into(),
        ),
        Value::Datetime(time) => Some(time.to_string().into()),
        Value::InlineTable(_) => None,
    }
}
