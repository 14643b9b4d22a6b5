//! One pass over a JSON object without building a tree: where its top-level members are, and the values of
//! those asked for. Bytes come in pieces of any size; where they are cut makes no difference.
//!
//! Stricter than parsers tend to be where two of them could disagree (security rules, parser differentials):
//! a member asked for that appears twice, names hidden behind escapes, depth, trailing bytes and bad scalars
//! are errors. Text is not checked for UTF-8; values that are used are.

use crate::WireError;
use memchr::memchr2;
use std::ops::Range;

/// Deepest nesting that is accepted.
pub const DEPTH_MAX: u32 = 64;

/// Strings longer than this are looked at for being data rather than text.
const LONG: u64 = 4096;
/// What a string of data counts in [`Scan::text_bytes`]: about what vendors charge for a picture.
const DATA_COUNTS: u64 = 4500;
/// How far into a string one looks for a space.
const HEAD: usize = 64;

/// A member that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Index into the names asked for.
    pub name: usize,
    /// Where its name begins, with its quote.
    pub from: usize,
    /// Where its value stands, from the first byte of all that was pushed.
    pub span: Range<usize>,
    /// The value's bytes, when no longer than the capture limit.
    pub value: Option<Vec<u8>>,
    /// Elements, when the value is an array.
    pub items: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Start,
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lex {
    Between,
    Text { escaped: bool, key: bool },
    Scalar,
}

/// The scanner. See the module's text.
pub struct Scan<'n> {
    names: &'n [&'n str],
    capture: usize,
    /// One bit per name: whether its value is captured.
    captured_names: u64,
    /// Stop after the object's end instead of refusing what follows.
    prefix: bool,
    expect: Expect,
    lex: Lex,
    depth: u32,
    /// One bit per level: 1 is an object.
    kinds: u64,
    pos: usize,
    members: Vec<Member>,
    seen: u64,
    key: Vec<u8>,
    key_escaped: bool,
    /// The member whose value is being read, if it was asked for.
    current: Option<usize>,
    key_start: usize,
    value_start: usize,
    captured: Vec<u8>,
    overflow: bool,
    items: u64,
    scalar: Vec<u8>,
    text_len: u64,
    text_spaced: bool,
    text_data: bool,
    text_head: usize,
    /// Nothing but the alphabet of base64 beyond the head.
    text_coded: bool,
    folded: bool,
    discount: u64,
    any_member: bool,
    in_value: bool,
}

fn err<T>(what: &str, at: usize) -> Result<T, WireError> {
    Err(WireError::new(format!("the body is no valid JSON object: {what} at byte {at}")))
}

impl<'n> Scan<'n> {
    /// Looks for `names`; values up to `capture` bytes are copied out.
    pub fn new(names: &'n [&'n str], capture: usize) -> Self {
        Self {
            names,
            capture,
            captured_names: u64::MAX,
            prefix: false,
            expect: Expect::Start,
            lex: Lex::Between,
            depth: 0,
            kinds: 0,
            pos: 0,
            members: Vec::new(),
            seen: 0,
            key: Vec::new(),
            key_escaped: false,
            current: None,
            key_start: 0,
            value_start: 0,
            captured: Vec::new(),
            overflow: false,
            items: 0,
            scalar: Vec::new(),
            text_len: 0,
            text_spaced: false,
            text_data: false,
            text_head: 0,
            text_coded: true,
            folded: false,
            discount: 0,
            any_member: false,
            in_value: false,
        }
    }

    /// Of these only the places are noted: their values can be large, and nobody asks for them.
    pub fn without(mut self, names: &[&str]) -> Self {
        for (index, name) in self.names.iter().enumerate() {
            if names.contains(name) {
                self.captured_names &= !(1 << index);
            }
        }
        self
    }

    /// Stops quietly at the end of the object.
    pub fn prefix(mut self) -> Self {
        self.prefix = true;
        self
    }

    /// Refuses names that differ from those asked for in their case only: some parsers take them for the same.
    pub fn folded(mut self) -> Self {
        self.folded = true;
        self
    }

    pub fn is_done(&self) -> bool {
        self.expect == Expect::Done
    }

    /// Bytes scanned up to the end of the object (or so far).
    pub fn end(&self) -> usize {
        self.pos
    }

    /// Bytes scanned, with long strings of data counted as little.
    pub fn text_bytes(&self) -> usize {
        self.pos.saturating_sub(usize::try_from(self.discount).unwrap_or(usize::MAX))
    }

    /// Whether the object has any member.
    pub fn any_member(&self) -> bool {
        self.any_member
    }

    /// The members found so far, in order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| self.names.get(member.name) == Some(&name))
    }

    /// Ends the scan: the object must be whole.
    pub fn finish(&self) -> Result<(), WireError> {
        if self.is_done() { Ok(()) } else { err("it ends early", self.pos) }
    }

    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let mut at = 0;
        // Where in this piece the value being captured goes on.
        let mut from = 0;
        while at < bytes.len() {
            match self.lex {
                Lex::Text { escaped: true, key } => {
                    if key {
                        self.keep_key(&bytes[at..=at]);
                    }
                    self.lex = Lex::Text { escaped: false, key };
                    at += 1;
                }
                Lex::Text { escaped: false, key } => {
                    let rest = &bytes[at..];
                    let stop = memchr2(b'"', b'\\', rest);
                    let run = &rest[..stop.unwrap_or(rest.len())];
                    if has_control(run) {
                        return err("a control character in a string", self.pos + at);
                    }
                    self.note_text(run, key);
                    at += run.len();
                    let Some(_) = stop else { break };
                    if bytes[at] == b'\\' {
                        self.lex = Lex::Text { escaped: true, key };
                        if key {
                            self.key_escaped = true;
                            self.keep_key(b"\\");
                        }
                        at += 1;
                    } else {
                        at += 1;
                        self.end_text(key, self.pos + at)?;
                        if !key {
                            self.end_value(&bytes[from..at], self.pos + at);
                            from = at;
                        }
                    }
                }
                Lex::Scalar => {
                    let byte = bytes[at];
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                        self.check_scalar(self.pos + at)?;
                        self.lex = Lex::Between;
                        self.end_value(&bytes[from..at], self.pos + at);
                        from = at;
                    } else {
                        if self.scalar.len() >= 64 {
                            return err("a number is too long", self.pos + at);
                        }
                        self.scalar.push(byte);
                        at += 1;
                    }
                }
                Lex::Between => {
                    let byte = bytes[at];
                    at += 1;
                    if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                        continue;
                    }
                    let started = self.structure(byte, self.pos + at - 1)?;
                    match started {
                        Step::Began => from = at - 1,
                        Step::Ended => {
                            self.end_value(&bytes[from..at], self.pos + at);
                            from = at;
                            if self.is_done() && self.prefix {
                                self.pos += at;
                                return Ok(());
                            }
                        }
                        Step::Other => {}
                    }
                }
            }
        }
        self.pos += bytes.len();
        self.keep(&bytes[from.min(bytes.len())..]);
        Ok(())
    }

    fn structure(&mut self, byte: u8, at: usize) -> Result<Step, WireError> {
        match (self.expect, byte) {
            (Expect::Start, b'{') => {
                self.depth = 1;
                self.kinds = 1;
                self.expect = Expect::KeyOrEnd;
                Ok(Step::Other)
            }
            (Expect::Start, 0xEF) => err("a byte order mark", at),
            (Expect::Done, _) => err("something follows it", at),
            (Expect::Key | Expect::KeyOrEnd, b'"') => {
                self.key.clear();
                self.key_escaped = false;
                if self.depth == 1 {
                    self.key_start = at;
                }
                self.lex = Lex::Text { escaped: false, key: true };
                Ok(Step::Other)
            }
            (Expect::KeyOrEnd, b'}') | (Expect::ValueOrEnd, b']') => Ok(self.close()),
            (Expect::Colon, b':') => {
                self.expect = Expect::Value;
                if self.depth == 1 {
                    self.any_member = true;
                }
                Ok(Step::Other)
            }
            (Expect::CommaOrEnd, b',') => {
                self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
                Ok(Step::Other)
            }
            (Expect::CommaOrEnd, b'}') if self.in_object() => Ok(self.close()),
            (Expect::CommaOrEnd, b']') if !self.in_object() => Ok(self.close()),
            (Expect::Value | Expect::ValueOrEnd, _) => self.begin_value(byte, at),
            _ => err("an unexpected character", at),
        }
    }

    fn begin_value(&mut self, byte: u8, at: usize) -> Result<Step, WireError> {
        let top = self.depth == 1;
        if top {
            self.value_start = at;
            self.in_value = true;
            self.items = 0;
        } else if self.depth == 2 && !self.in_object() {
            self.items += 1;
        }
        match byte {
            b'"' => {
                self.lex = Lex::Text { escaped: false, key: false };
                self.text_len = 0;
                self.text_spaced = false;
                self.text_data = true;
                self.text_head = 0;
                self.text_coded = true;
            }
            b'{' | b'[' => {
                if self.depth >= DEPTH_MAX {
                    return Err(WireError::new(format!("the body is nested deeper than {DEPTH_MAX} levels")));
                }
                self.kinds = self.kinds << 1 | u64::from(byte == b'{');
                self.depth += 1;
                self.expect = if byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                self.scalar.clear();
                self.scalar.push(byte);
                self.lex = Lex::Scalar;
            }
            _ => return err("an unexpected character", at),
        }
        Ok(if top { Step::Began } else { Step::Other })
    }

    fn close(&mut self) -> Step {
        self.depth -= 1;
        self.kinds >>= 1;
        if self.depth == 0 {
            self.expect = Expect::Done;
        }
        Step::Ended
    }

    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }

    fn keep_key(&mut self, bytes: &[u8]) {
        let room = 256usize.saturating_sub(self.key.len());
        self.key.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn note_text(&mut self, run: &[u8], key: bool) {
        if key {
            if self.depth == 1 {
                self.keep_key(run);
            }
            return;
        }
        self.text_len += run.len() as u64;
        if self.text_head < HEAD {
            let head = &run[..run.len().min(HEAD - self.text_head)];
            for byte in head {
                self.text_spaced |= *byte == b' ';
                if self.text_head < 5 {
                    self.text_data &= b"data:"[self.text_head] == *byte;
                }
                self.text_head += 1;
            }
        }
        if self.text_coded && self.text_len > HEAD as u64 {
            // Ends at the first space of a text; runs through a picture.
            let beyond = run.len().min(usize::try_from(self.text_len - HEAD as u64).unwrap_or(usize::MAX));
            self.text_coded = run[run.len() - beyond..]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'));
        }
    }

    fn end_text(&mut self, key: bool, at: usize) -> Result<(), WireError> {
        self.lex = Lex::Between;
        if !key {
            let data = self.text_coded && ((self.text_data && self.text_head >= 5) || !self.text_spaced);
            if data && self.text_len > LONG.max(DATA_COUNTS) {
                self.discount += self.text_len - DATA_COUNTS;
            }
            return Ok(());
        }
        self.expect = Expect::Colon;
        if self.depth != 1 {
            return Ok(());
        }
        let decoded;
        let name: &[u8] = if self.key_escaped {
            let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
            match serde_json::from_slice::<String>(&quoted) {
                Ok(text) => {
                    decoded = text;
                    decoded.as_bytes()
                }
                Err(_) => return err("a malformed name", at),
            }
        } else {
            &self.key
        };
        self.current = self.names.iter().position(|wanted| wanted.as_bytes() == name);
        if self.current.is_none() && self.folded {
            let close = self.names.iter().find(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name));
            if let Some(wanted) = close {
                return Err(WireError::at(format!("the body writes {wanted} in another case"), *wanted));
            }
        }
        if let Some(index) = self.current {
            if self.seen & 1 << index != 0 {
                let name = self.names[index];
                return Err(WireError::at(format!("the body has the member {name} twice"), name));
            }
            self.seen |= 1 << index;
        }
        Ok(())
    }

    fn check_scalar(&self, at: usize) -> Result<(), WireError> {
        let text = self.scalar.as_slice();
        let fine = match text.first() {
            Some(b't') => text == b"true",
            Some(b'f') => text == b"false",
            Some(b'n') => text == b"null",
            _ => is_number(text),
        };
        if fine { Ok(()) } else { err("a malformed number or word", at) }
    }

    /// A value has ended (or a container closed). At the top level it may be one that was asked for.
    fn end_value(&mut self, bytes: &[u8], end: usize) {
        if self.depth > 1 {
            self.expect = Expect::CommaOrEnd;
            self.keep(bytes);
            return;
        }
        if self.depth == 1 {
            self.expect = Expect::CommaOrEnd;
            self.keep(bytes);
            if let Some(name) = self.current.take() {
                let captured = std::mem::take(&mut self.captured);
                let value = (!self.overflow && self.capture > 0).then_some(captured);
                let span = self.value_start..end;
                self.members.push(Member { name, from: self.key_start, span, value, items: self.items });
            }
            self.captured.clear();
            self.overflow = false;
            self.in_value = false;
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let wanted = self.current.is_some_and(|name| self.captured_names & 1 << name != 0);
        if !self.in_value || !wanted || self.capture == 0 || self.overflow || bytes.is_empty() {
            return;
        }
        if self.captured.len() + bytes.len() > self.capture {
            self.overflow = true;
            self.captured.clear();
        } else {
            self.captured.extend_from_slice(bytes);
        }
    }
}

enum Step {
    Began,
    Ended,
    Other,
}

/// Vectorises: no branch per byte.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | (*byte < 0x20))
}

fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent =
            exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;
