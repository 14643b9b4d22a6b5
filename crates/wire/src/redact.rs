//! What of a body may be kept: secrets, pictures and sounds, and where wanted addresses and card numbers, become
//! notes. The rest stays as it was, byte for byte.
//!
//! JSON is looked at string by string, decoded. In a stream a word comes in several events: texts that follow each
//! other at the same place of their events are looked at as one.

mod find;
#[cfg(test)]
mod tests;

use find::{Find, find, is_card, is_word};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// How a body is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    pub content_type: &'a str,
    /// Its end is missing: what could be the beginning of a secret is not kept.
    pub cut: bool,
    /// E-mail addresses and card numbers are redacted too.
    pub personal: bool,
    /// How long the whole body was.
    pub bytes: u64,
}

/// Deeper values are strings without a place of their own.
const DEPTH_MAX: usize = 128;
/// Members whose texts go on in the next event.
const FLOWING: &[&str] = &[
    "arguments",
    "content",
    "delta",
    "output_text",
    "partial_json",
    "reasoning",
    "reasoning_content",
    "refusal",
    "text",
    "thinking",
    "transcript",
];

/// Members that say the answer once more, in pieces that nothing could be found in.
const HIDDEN: &[&str] = &["logprobs", "logprobsResult"];

/// The body as it may be kept.
pub fn redact(body: &[u8], rules: Rules<'_>) -> String {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // The cut is in the middle of a character.
        Err(error) if rules.cut && error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => {
            let kind = rules.content_type.split(';').next().unwrap_or_default().trim();
            let kind = if kind.is_empty() { "binary" } else { kind };
            return format!("[{kind}, {} bytes]", rules.bytes);
        }
    };
    let mut page = Page { text, rules, strings: Vec::new(), changes: Vec::new() };
    page.read();
    page.judge();
    page.written()
}

/// A JSON string, with its quotes.
struct Literal {
    at: Range<usize>,
    closed: bool,
    /// The text it goes on, if it is of one.
    flow: Option<u64>,
}

struct Page<'a> {
    text: &'a str,
    rules: Rules<'a>,
    strings: Vec<Literal>,
    /// Places in the text, and what stands there instead.
    changes: Vec<(Range<usize>, String)>,
}

/// A string as it is looked at.
struct Decoded<'a> {
    text: Cow<'a, str>,
    /// Its escapes could not be read: it is looked at as it stands.
    raw: bool,
}

impl<'a> Page<'a> {
    fn read(&mut self) {
        let text = self.text;
        let begins = |part: &str| part.trim_start().starts_with(['{', '[']);
        if begins(text) {
            return self.event(0..text.len());
        }
        if !text.lines().any(|line| line.starts_with("data:")) {
            return self.plain(0..text.len());
        }
        let mut from = 0;
        for line in text.split_inclusive('\n') {
            let at = from..from + line.len();
            from = at.end;
            match line.strip_prefix("data:") {
                Some(data) if begins(data) => self.event(at.start + 5..at.end),
                _ => self.plain(at),
            }
        }
    }

    /// A text that is no JSON.
    fn plain(&mut self, at: Range<usize>) {
        let text = &self.text[at.clone()];
        let cut = self.rules.cut && at.end == self.text.len();
        for Find { at: part, note } in finds(text, self.rules.personal, cut) {
            self.changes.push((at.start + part.start..at.start + part.end, note.into_owned()));
        }
    }

    /// The strings of a JSON text, with their places in it.
    fn event(&mut self, at: Range<usize>) {
        let bytes = self.text.as_bytes();
        let first = self.strings.len();
        // An object: the place of it, and the member that is being read. A list: the place and the index.
        let mut stack: Vec<Level> = Vec::new();
        let mut deeper = 0usize;
        let (mut index_marks, mut i) = (0u64, at.start);
        // A hidden value: the depth of its member, and where it begins.
        let mut hidden: Option<(usize, usize)> = None;
        while i < at.end {
            match bytes[i] {
                b'"' => {
                    let (end, closed) = literal_end(bytes, i, at.end);
                    let string = i..end;
                    i = end;
                    let is_key =
                        stack.last().is_some_and(|level| level.object && !level.valued) && deeper == 0;
                    let name = self.text.get(string.start + 1..end.saturating_sub(1)).unwrap_or_default();
                    let mut flow = None;
                    if is_key && let Some(level) = stack.last_mut() {
                        level.member = mix(level.place, name.as_bytes());
                        level.flowing = FLOWING.contains(&name);
                        level.index = name.ends_with("index");
                        level.hidden = HIDDEN.contains(&name);
                    } else if let Some(level) = stack.last().filter(|_| deeper == 0) {
                        flow = level.flowing.then_some(level.member);
                    }
                    if hidden.is_none() {
                        self.strings.push(Literal { at: string, closed, flow });
                    }
                    continue;
                }
                b'{' | b'[' if stack.len() >= DEPTH_MAX => deeper += 1,
                b'}' | b']' if deeper > 0 => deeper -= 1,
                open @ (b'{' | b'[') => {
                    if hidden.is_none() && stack.last().is_some_and(|level| level.object && level.hidden) {
                        hidden = Some((stack.len(), i));
                    }
                    let place = stack.last().map_or(0, |level| level.member);
                    let object = open == b'{';
                    // A list of events is a stream too: its items have no places.
                    let counts = !stack.is_empty();
                    let member = mix(place, &0u64.to_le_bytes());
                    stack.push(Level { place, member, object, counts, ..Level::default() });
                }
                b'}' | b']' => {
                    stack.pop();
                    if let Some((_, from)) = hidden.filter(|(depth, _)| stack.len() <= *depth) {
                        let empty = self.text.get(from + 1..i).is_some_and(|inner| inner.trim().is_empty());
                        if !empty {
                            self.changes.push((from..i + 1, "\"[logprobs]\"".into()));
                        }
                        hidden = None;
                    }
                }
                b':' => {
                    if let Some(level) = stack.last_mut() {
                        level.valued = true;
                    }
                }
                b',' if deeper == 0 => {
                    if let Some(level) = stack.last_mut() {
                        level.valued = false;
                        level.at += u64::from(level.counts);
                        if !level.object {
                            level.member = mix(level.place, &level.at.to_le_bytes());
                        }
                    }
                }
                b'0'..=b'9' => {
                    let end = i + bytes[i..at.end].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    if let Some(level) = stack.last().filter(|level| level.object && level.index) {
                        index_marks = mix(mix(index_marks, &level.member.to_le_bytes()), &bytes[i..end]);
                    }
                    if hidden.is_none() {
                        self.number(i..end);
                    }
                    i = end;
                    continue;
                }
                _ => {}
            }
            i += 1;
        }
        if let Some((_, from)) = hidden {
            self.changes.push((from..at.end, String::new()));
        }
        for string in &mut self.strings[first..] {
            string.flow = string.flow.map(|flow| mix(flow, &index_marks.to_le_bytes()));
        }
    }

    /// Digits outside of strings.
    fn number(&mut self, at: Range<usize>) {
        let bytes = self.text.as_bytes();
        let part =
            |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
        let whole =
            !part(bytes.get(at.end)) && !part(at.start.checked_sub(1).and_then(|before| bytes.get(before)));
        let cut = self.rules.cut && at.end == bytes.len() && at.len() > 6;
        if self.rules.personal && cut {
            self.changes.push((at, String::new()));
        } else if self.rules.personal && whole && is_card(&bytes[at.clone()]) {
            self.changes.push((at, "\"[card number]\"".into()));
        }
    }

    /// Looks at the strings: those of a flow together.
    fn judge(&mut self) {
        let strings = std::mem::take(&mut self.strings);
        let mut flows: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (number, string) in strings.iter().enumerate() {
            match string.flow {
                Some(flow) => flows.entry(flow).or_default().push(number),
                None => groups.push(vec![number]),
            }
        }
        groups.extend(flows.into_values());
        // What is said last goes on beyond the cut, though its event is whole.
        let last = strings.iter().rposition(|string| string.flow.is_some());
        for group in groups {
            let parts: Vec<(&Literal, Decoded<'_>)> =
                group.iter().map(|number| (&strings[*number], self.decoded(&strings[*number]))).collect();
            let joined: Cow<'_, str> = match parts.as_slice() {
                [(_, only)] => Cow::Borrowed(only.text.as_ref()),
                many => Cow::Owned(many.iter().map(|(_, part)| part.text.as_ref()).collect()),
            };
            let open = parts.last().is_some_and(|(string, _)| !string.closed);
            let cut = self.rules.cut && (open || parts.len() > 1 && group.last() == last.as_ref());
            let finds = finds(&joined, self.rules.personal, cut);
            if finds.is_empty() {
                continue;
            }
            let mut from = 0;
            for (string, part) in &parts {
                let span = from..from + part.text.len();
                from = span.end;
                if let Some(written) = rewritten(part, &span, &finds, string.closed) {
                    self.changes.push((string.at.clone(), written));
                }
            }
        }
    }

    fn decoded(&self, string: &Literal) -> Decoded<'a> {
        let end = string.at.end - usize::from(string.closed);
        let inner = self.text.get(string.at.start + 1..end).unwrap_or_default();
        if !inner.contains('\\') {
            return Decoded { text: Cow::Borrowed(inner), raw: false };
        }
        // An escape that the cut has halved is left out.
        let tail = inner.len() - inner.len().min(6);
        let whole = match inner.as_bytes()[tail..].iter().rposition(|byte| *byte == b'\\') {
            Some(at) if !string.closed && inner.is_char_boundary(tail + at) => &inner[..tail + at],
            _ => inner,
        };
        let read = |inner: &str| serde_json::from_str::<String>(&format!("\"{inner}\""));
        match read(whole).or_else(|_| read(&without_halves(whole))) {
            Ok(text) => Decoded { text: Cow::Owned(text), raw: false },
            Err(_) => Decoded { text: Cow::Borrowed(inner), raw: true },
        }
    }

    fn written(mut self) -> String {
        self.changes.sort_by_key(|(at, _)| at.start);
        let mut out = String::with_capacity(self.text.len());
        let mut from = 0;
        for (at, instead) in self.changes {
            out.push_str(self.text.get(from..at.start).unwrap_or_default());
            out.push_str(&instead);
            from = at.end;
        }
        out.push_str(self.text.get(from..).unwrap_or_default());
        out
    }
}

/// A value that is being read.
#[derive(Default, Clone, Copy)]
struct Level {
    object: bool,
    /// Where it is, and where what is being read in it is.
    place: u64,
    member: u64,
    /// The colon has passed.
    valued: bool,
    flowing: bool,
    index: bool,
    hidden: bool,
    counts: bool,
    at: u64,
}

/// FNV: places that fall together by chance are only looked at together.
fn mix(seed: u64, bytes: &[u8]) -> u64 {
    let start = (seed ^ 0xcbf2_9ce4_8422_2325).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Escapes of half a character, as streams cut them: what can't be read alone becomes U+FFFD.
fn without_halves(text: &str) -> String {
    let half = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..=0xdfff).contains(unit))
    };
    let (mut out, mut from, mut i) = (String::with_capacity(text.len()), 0, 0);
    while let Some(at) = memchr::memchr(b'\\', &text.as_bytes()[i..]).map(|at| i + at) {
        let low = half(at + 6).is_some_and(|unit| unit >= 0xdc00);
        i = match half(at) {
            Some(unit) if unit < 0xdc00 && low => at + 12,
            Some(_) => {
                out.push_str(&text[from..at]);
                out.push_str("\\ufffd");
                from = at + 6;
                from
            }
            None => (at + 2).min(text.len()),
        };
    }
    out.push_str(&text[from..]);
    out
}

/// The end of the string that begins at `at`, behind its quote; whether it has one.
fn literal_end(bytes: &[u8], at: usize, end: usize) -> (usize, bool) {
    let mut i = at + 1;
    while i < end {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return (i + 1, true),
            _ => i += 1,
        }
    }
    (end, false)
}

/// What is to be replaced; of a text that is cut also its last word, which may be half a secret.
fn finds(text: &str, personal: bool, cut: bool) -> Vec<Find> {
    let mut all = find(text, personal);
    if cut {
        let rest = |byte: &u8| !(is_word(*byte) || *byte == b'@');
        let word = text.bytes().rev().position(|byte| rest(&byte)).map_or(0, |back| text.len() - back);
        // A card number goes on over blanks.
        let digits = |byte: u8| !(byte.is_ascii_digit() || byte == b' ' || byte == b'-');
        let number = text.bytes().rev().position(digits).map_or(0, |back| text.len() - back);
        let numbers = personal && text[number..].bytes().any(|byte| byte.is_ascii_digit());
        let from = if numbers { word.min(number) } else { word };
        match all.last_mut() {
            Some(last) if last.at.end > from => last.at.end = text.len(),
            _ if from < text.len() => all.push(Find { at: from..text.len(), note: Cow::Borrowed("") }),
            _ => {}
        }
    }
    all
}

/// A string without what was found in its flow. `span`: its place in the flow.
fn rewritten(part: &Decoded<'_>, span: &Range<usize>, finds: &[Find], closed: bool) -> Option<String> {
    let begin = finds.partition_point(|find| find.at.end <= span.start);
    let mine = finds[begin..].iter().take_while(|find| find.at.start < span.end);
    let (mut text, mut from, mut any) = (String::new(), 0, false);
    for find in mine {
        any = true;
        let start = find.at.start.saturating_sub(span.start);
        text.push_str(part.text.get(from..start).unwrap_or_default());
        if find.at.start >= span.start {
            text.push_str(&find.note);
        }
        from = find.at.end.min(span.end) - span.start;
    }
    if !any {
        return None;
    }
    text.push_str(part.text.get(from..).unwrap_or_default());
    let mut written = match part.raw {
        true => format!("\"{text}\""),
        false => serde_json::to_string(&text).unwrap_or_default(),
    };
    if !closed {
        written.pop();
    }
    Some(written)
}
