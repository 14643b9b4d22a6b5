//! Edits of a request's top-level members by their places.

use crate::WireError;
use crate::peek::Rope;
use crate::scan::Scan;
use crate::splice::{apply, quote};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::ops::Range;

/// Members whose own members are parameters: what the caller leaves out of them is filled in.
const NESTED: &[&str] = &["generationConfig", "text", "reasoning", "output_config"];

/// Names looked for in one pass.
const NAMES_MAX: usize = 60;

/// A list's value that is no list: how it begins, and what makes an element of it.
pub type Bare = (&'static [u8], &'static str, &'static str);

pub struct Edit<'b> {
    body: &'b Bytes,
    /// The members looked for that are there.
    found: HashMap<String, Range<usize>>,
    open: usize,
    any_member: bool,
    cuts: Vec<(Range<usize>, String)>,
    inserts: String,
}

/// Members of the caller that rule out a parameter of the prompt: other names for it, or what it depends on.
fn rivals(name: &str) -> &'static [&'static str] {
    match name {
        "max_tokens" | "max_completion_tokens" => &["max_tokens", "max_completion_tokens"],
        "tools" | "functions" => &["tools", "functions"],
        "tool_choice" | "parallel_tool_calls" | "function_call" => {
            &["tools", "functions", "tool_choice", "function_call"]
        }
        "toolConfig" => &["tools"],
        "reasoning_effort" => &["reasoning", "thinking"],
        _ => &[],
    }
}

/// Google's parsers take `maxOutputTokens` and `max_output_tokens` for the same.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Where members of an object are, and whether it has any.
fn places(object: &[u8], names: &[String]) -> Result<(HashMap<String, Range<usize>>, bool), WireError> {
    let mut found = HashMap::new();
    let mut any = false;
    for names in names.chunks(NAMES_MAX) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut scan = Scan::new(&names, 0);
        scan.push(object)?;
        any = scan.any_member();
        for member in scan.members() {
            found.insert(names[member.name].to_owned(), member.span.clone());
        }
    }
    Ok((found, any))
}

fn spellings<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut all: Vec<String> = names.flat_map(|name| [name.clone(), snake(name)]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

impl<'b> Edit<'b> {
    pub fn new(body: &'b Bytes, names: &[&str], params: &Map<String, Value>) -> Result<Edit<'b>, WireError> {
        let mut wanted = spellings(params.keys());
        wanted.extend(params.keys().flat_map(|name| rivals(name)).map(|name| (*name).to_owned()));
        wanted.extend(names.iter().map(|name| (*name).to_owned()));
        wanted.sort_unstable();
        wanted.dedup();
        let (found, any_member) = places(body, &wanted)?;
        let open = memchr::memchr(b'{', body).map_or(0, |at| at + 1);
        Ok(Edit { body, found, open, any_member, cuts: Vec::new(), inserts: String::new() })
    }

    fn value(&self, span: &Range<usize>) -> &'b [u8] {
        self.body.get(span.clone()).unwrap_or_default()
    }

    /// Where a member is that is not null.
    fn there(&self, name: &str) -> Option<Range<usize>> {
        self.found.get(name).filter(|span| self.value(span) != b"null").cloned()
    }

    pub fn is_list(&self, name: &str) -> bool {
        self.there(name).is_some_and(|span| self.value(&span).first() == Some(&b'['))
    }

    fn insert(&mut self, at: usize, text: String) {
        self.cuts.push((at..at, text));
    }

    /// Takes a member out, with the comma that belongs to it.
    pub fn remove(&mut self, member: &Range<usize>) {
        let body = self.body;
        let blank = |byte: &&u8| byte.is_ascii_whitespace();
        let after = member.end + body[member.end..].iter().take_while(blank).count();
        let before = member.start - body[..member.start].iter().rev().take_while(blank).count();
        let cut = if body.get(after) == Some(&b',') {
            member.start..after + 1
        } else if body[..before].last() == Some(&b',') {
            before - 1..member.end
        } else {
            self.any_member = false;
            member.clone()
        };
        self.cuts.push((cut, String::new()));
    }

    /// Sets a member.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.found.get(name) {
            Some(span) => self.cuts.push((span.clone(), value.to_owned())),
            None => self.inserts.push_str(&format!("{}:{value},", quote(name))),
        }
    }

    /// Puts a text before the one that a member has.
    pub fn before_text(&mut self, name: &str, text: &str) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        match self.there(name) {
            None => self.set(name, &quote(text)),
            Some(span) if self.value(&span).first() == Some(&b'"') => {
                let quoted = quote(&format!("{text}\n\n"));
                self.insert(span.start + 1, quoted[1..quoted.len() - 1].to_owned());
            }
            Some(_) => return Err(WireError::at(format!("{name} must be text"), name)),
        }
        Ok(())
    }

    /// Puts elements before those of a member's list.
    pub fn before_list(&mut self, name: &str, items: &str, bare: Option<Bare>) -> Result<(), WireError> {
        if items.is_empty() {
            return Ok(());
        }
        match self.there(name) {
            None => self.set(name, &format!("[{items}]")),
            Some(span) => self.extend_list(name, &span, items, bare)?,
        }
        Ok(())
    }

    fn extend_list(
        &mut self,
        name: &str,
        span: &Range<usize>,
        items: &str,
        bare: Option<Bare>,
    ) -> Result<(), WireError> {
        let value = self.value(span);
        if value.first() == Some(&b'[') {
            let empty = value[1..].trim_ascii_start().first() == Some(&b']');
            self.insert(span.start + 1, format!("{items}{}", if empty { "" } else { "," }));
            return Ok(());
        }
        let Some((_, open, close)) = bare.filter(|(begins, ..)| value.starts_with(begins)) else {
            return Err(WireError::at(format!("{name} must be a list"), name));
        };
        self.insert(span.start, format!("[{items},{open}"));
        self.insert(span.end, format!("{close}]"));
        Ok(())
    }

    /// Puts a text before the parts of Gemini's system instruction, under the name that the caller gives it.
    pub fn before_parts(&mut self, names: [&str; 2], text: &str) -> Result<(), WireError> {
        if text.is_empty() {
            return Ok(());
        }
        let part = format!(r#"{{"text":{}}}"#, quote(text));
        let Some((name, span)) = names.iter().find_map(|name| Some((*name, self.there(name)?))) else {
            self.set(names[0], &format!(r#"{{"parts":[{part}]}}"#));
            return Ok(());
        };
        let value = self.value(&span);
        if value.first() != Some(&b'{') {
            return Err(WireError::at(format!("{name} must be an object"), name));
        }
        let (found, any) = places(value, &["parts".to_owned()])?;
        match found.get("parts").map(|parts| span.start + parts.start..span.start + parts.end) {
            Some(parts) => self.extend_list(&format!("{name}.parts"), &parts, &part, Some((b"{", "", ""))),
            None => {
                self.insert(span.start + 1, format!(r#""parts":[{part}]{}"#, if any { "," } else { "" }));
                Ok(())
            }
        }
    }

    /// Sets what the caller does not.
    pub fn params(&mut self, params: &Map<String, Value>) -> Result<(), WireError> {
        for (name, value) in params {
            if rivals(name).iter().any(|rival| rival != name && self.there(rival).is_some()) {
                continue;
            }
            let given = self.there(name).or_else(|| self.there(&snake(name)));
            match (given, value) {
                (None, _) => self.set(name, &value.to_string()),
                (Some(span), Value::Object(ours)) if NESTED.contains(&name.as_str()) => {
                    self.merge(&span, ours)?
                }
                (Some(_), _) => {}
            }
        }
        Ok(())
    }

    /// Adds the members that an object of the caller does not have.
    fn merge(&mut self, span: &Range<usize>, ours: &Map<String, Value>) -> Result<(), WireError> {
        let object = self.value(span);
        if object.first() != Some(&b'{') {
            return Ok(());
        }
        let (found, any) = places(object, &spellings(ours.keys()))?;
        let absent =
            |(name, _): &(&String, &Value)| !found.contains_key(*name) && !found.contains_key(&snake(name));
        let members: Vec<String> =
            ours.iter().filter(absent).map(|(name, value)| format!("{}:{value}", quote(name))).collect();
        if !members.is_empty() {
            let comma = if any { "," } else { "" };
            self.insert(span.start + 1, members.join(",") + comma);
        }
        Ok(())
    }

    pub fn finish(mut self) -> Rope {
        if !self.inserts.is_empty() {
            if !self.any_member {
                self.inserts.pop();
            }
            self.cuts.push((self.open..self.open, self.inserts));
        }
        apply(self.body, self.cuts)
    }
}
