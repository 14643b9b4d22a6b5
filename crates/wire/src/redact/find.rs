//! Finds in a text what is not to be kept. Hand-written scanners: each looks at a byte a bounded number of times,
//! whatever the text.

use std::borrow::Cow;
use std::ops::Range;

/// A place, and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub at: Range<usize>,
    pub note: Cow<'static, str>,
}

const KEY: &str = "[key]";
const TOKEN: &str = "[token]";
/// Runs of base64 from this length on are data, not words.
const BLOB_MIN: usize = 256;
/// How keys of well-known services begin, and how many characters follow at least.
const PREFIXES: &[(&str, usize)] = &[
    ("sk-", 12),
    ("sk_live_", 12),
    ("sk_test_", 12),
    ("rk_live_", 12),
    ("whsec_", 12),
    ("gsk_", 16),
    ("xai-", 16),
    ("pplx-", 16),
    ("nvapi-", 16),
    ("hf_", 16),
    ("r8_", 16),
    ("AIza", 30),
    ("ya29.", 16),
    ("GOCSPX-", 16),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxs-", 10),
    ("npm_", 16),
    ("pypi-", 16),
    ("dop_v1_", 16),
    ("SG.", 16),
];

/// Everything in a text that is to be replaced, in order and apart. `personal`: addresses and card numbers too.
pub fn find(text: &str, personal: bool) -> Vec<Find> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    private_keys(bytes, &mut all);
    words(text, &mut all);
    bearers(bytes, &mut all);
    logins(bytes, &mut all);
    if personal {
        addresses(bytes, &mut all);
        cards(bytes, &mut all);
    }
    all.sort_by_key(|find| find.at.start);
    let mut apart: Vec<Find> = Vec::with_capacity(all.len());
    for next in all {
        match apart.last_mut() {
            Some(last) if next.at.start < last.at.end => last.at.end = last.at.end.max(next.at.end),
            _ => apart.push(next),
        }
    }
    apart
}

fn found(all: &mut Vec<Find>, at: Range<usize>, note: &'static str) {
    all.push(Find { at, note: Cow::Borrowed(note) });
}

/// What base64, keys, tokens and addresses of hosts are made of.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_.~-".contains(&byte)
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// JSON in a string has escapes of its own: a word after `\n` does not begin with the n.
fn after_escape(bytes: &[u8], at: usize) -> bool {
    matches!(
        at.checked_sub(2).and_then(|from| bytes.get(from..at)),
        Some([b'\\', b'n' | b'r' | b't' | b'b' | b'f'])
    )
}

/// How many bytes from the beginning are such.
fn run(bytes: &[u8], such: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !such(*byte)).unwrap_or(bytes.len())
}

/// Capitals, small letters and digits: chance, not prose.
fn is_mixed(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
        && bytes.iter().any(u8::is_ascii_digit)
}

/// A block that has no end is one to the end of the text.
fn private_keys(bytes: &[u8], all: &mut Vec<Find>) {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&bytes[from..], BEGIN).map(|at| from + at) {
        let label = at + BEGIN.len();
        let seen = &bytes[label..bytes.len().min(label + 64)];
        let named = &seen[..memchr::memmem::find(seen, b"-----").unwrap_or(seen.len())];
        from = label;
        if memchr::memmem::find(named, b"PRIVATE KEY").is_none() {
            continue;
        }
        let end = memchr::memmem::find(&bytes[label..], END).map(|end| label + end + END.len());
        from = end.map_or(bytes.len(), |end| {
            let seen = &bytes[end..bytes.len().min(end + 64)];
            memchr::memmem::find(seen, b"-----").map_or(end + seen.len(), |tail| end + tail + 5)
        });
        found(all, at..from, "[private key]");
    }
}

fn words(text: &str, all: &mut Vec<Find>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while from < bytes.len() {
        from += run(&bytes[from..], |byte| !is_word(byte));
        let end = from + run(&bytes[from..], is_word);
        word(text, from..end, all);
        from = end;
    }
}

fn word(text: &str, mut at: Range<usize>, all: &mut Vec<Find>) {
    let bytes = text.as_bytes();
    at.start += usize::from(after_escape(bytes, at.start + 1));
    let whole = &bytes[at.clone()];
    if whole.len() >= BLOB_MIN && is_mixed(whole) {
        let kind = media_type(&text[..at.start]).unwrap_or("base64");
        let note = format!("[{kind}, {} bytes]", whole.len() / 4 * 3);
        return all.push(Find { at, note: Cow::Owned(note) });
    }
    let mut start = at.start;
    while start < at.end {
        let rest = &bytes[start..at.end];
        if let Some((length, note)) = secret(rest) {
            found(all, start..start + length, note);
            start += length;
        }
        // A key may follow in the same word: `?key=sk-…`, `https://host/sk-…`.
        start += run(&bytes[start..at.end], is_key).max(1);
        start = start.min(at.end);
    }
    // Those that begin like nothing: one-api's tokens (48) and the secret keys of AWS (40).
    let end = at.end - run_back(whole, |byte| b".=".contains(&byte));
    let begin =
        bytes[at.start..end].iter().rposition(|byte| *byte == b'=').map_or(at.start, |eq| at.start + eq + 1);
    let bare = &bytes[begin..end];
    let alone = bare.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    if alone && matches!(bare.len(), 40 | 48) && is_mixed(bare) {
        found(all, begin..end, KEY);
    }
}

fn run_back(bytes: &[u8], such: impl Fn(u8) -> bool) -> usize {
    bytes.iter().rev().position(|byte| !such(*byte)).unwrap_or(bytes.len())
}

/// `data:image/png;base64,` before a run of base64.
fn media_type(before: &str) -> Option<&str> {
    let head = before.strip_suffix(";base64,")?;
    let from = head.len().saturating_sub(100);
    let at = memchr::memmem::rfind(&head.as_bytes()[from..], b"data:")? + from + 5;
    head.get(at..).filter(|kind| kind.bytes().all(|byte| is_word(byte) || byte == b';'))
}

/// The length of a secret that a word's part begins with, and what it is.
fn secret(rest: &[u8]) -> Option<(usize, &'static str)> {
    for (prefix, least) in PREFIXES {
        if rest.starts_with(prefix.as_bytes()) {
            let length = run(&rest[prefix.len()..], is_key);
            return (length >= *least).then_some((prefix.len() + length, KEY));
        }
    }
    if rest.starts_with(b"eyJ") {
        let first = run(rest, is_key);
        let second =
            rest.get(first + 1..).filter(|_| rest.get(first) == Some(&b'.')).map(|rest| run(rest, is_key))?;
        let third = first + 1 + second;
        let signature = rest.get(third + 1..).filter(|_| rest.get(third) == Some(&b'.'))?;
        let length = third + 1 + run(signature, is_key);
        return (first >= 10 && second >= 10).then_some((length, TOKEN));
    }
    // Access keys of AWS.
    if rest.len() >= 20 && [b"AKIA", b"ASIA", b"ABIA", b"ACCA"].iter().any(|begin| rest.starts_with(*begin)) {
        let length = run(rest, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        return (length == 20).then_some((20, KEY));
    }
    None
}

/// `Bearer …`: what follows, if it is no prose.
fn bearers(bytes: &[u8], all: &mut Vec<Find>) {
    for at in memchr::memmem::find_iter(bytes, b"earer ") {
        let begins = at.checked_sub(1).is_some_and(|before| matches!(bytes[before], b'B' | b'b'));
        let token = at + 6;
        let length = run(&bytes[token..], is_word);
        let text = &bytes[token..token + length];
        let prose = length < 20 && !text.iter().any(u8::is_ascii_digit);
        if begins && length >= 8 && !prose {
            found(all, token..token + length, TOKEN);
        }
    }
}

/// `scheme://user:password@host`: the user and the password.
fn logins(bytes: &[u8], all: &mut Vec<Find>) {
    for at in memchr::memmem::find_iter(bytes, b"://") {
        let from = at + 3;
        let seen = &bytes[from..bytes.len().min(from + 256)];
        let end = run(seen, |byte| byte.is_ascii_graphic() && !b"/\"'<>@\\".contains(&byte));
        if seen.get(end) == Some(&b'@') && seen[..end].contains(&b':') {
            found(all, from..from + end, "[login]");
        }
    }
}

fn addresses(bytes: &[u8], all: &mut Vec<Find>) {
    for at in memchr::memchr_iter(b'@', bytes) {
        let before = &bytes[at.saturating_sub(64)..at];
        let local = run_back(before, |byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte));
        let local = local - usize::from(local > 1 && after_escape(bytes, at - local + 1));
        let after = &bytes[at + 1..bytes.len().min(at + 256)];
        let host = run(after, |byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let host = host - run_back(&after[..host], |byte| b".-".contains(&byte));
        let top = after[..host].rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let dotted = top.len() < host && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
        if local > 0 && dotted {
            found(all, at - local..at + 1 + host, "[e-mail]");
        }
    }
}

/// 13 to 19 digits, in groups or not, that end in the right digit.
fn cards(bytes: &[u8], all: &mut Vec<Find>) {
    let mut from = 0;
    while from < bytes.len() {
        from += run(&bytes[from..], |byte| !byte.is_ascii_digit());
        let mut groups: Vec<Range<usize>> = Vec::new();
        let apart = from == 0 || !(bytes[from - 1].is_ascii_alphanumeric() || bytes[from - 1] == b'.');
        let begins = apart || after_escape(bytes, from);
        // Groups of digits with a blank or a dash between them.
        loop {
            let end = from + run(&bytes[from..], |byte| byte.is_ascii_digit());
            groups.push(from..end);
            from = end;
            let parted = matches!(bytes.get(end), Some(b' ' | b'-'));
            if !(parted && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)) {
                break;
            }
            from = end + 1;
        }
        let ends = bytes.get(from).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let last = groups.len() - 1;
        let mut first = usize::from(!begins);
        while first <= last {
            let numbers = |to: usize| groups[first..=to].iter().map(Range::len).sum::<usize>();
            let fits = (first..=last.min(first + 18)).take_while(|to| numbers(*to) <= 19).find(|to| {
                let at = groups[first].start..groups[*to].end;
                numbers(*to) >= 13 && (*to < last || ends) && is_card(&bytes[at])
            });
            if let Some(to) = fits {
                found(all, groups[first].start..groups[to].end, "[card number]");
                first = to;
            }
            first += 1;
        }
    }
}

/// Luhn's check, and a first digit that cards have.
pub fn is_card(bytes: &[u8]) -> bool {
    let digits = || bytes.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ => digit * 2 - if digit > 4 { 9 } else { 0 },
        })
        .sum();
    (13..=19).contains(&digits().count())
        && digits().next().is_some_and(|first| (2..=6).contains(&first))
        && sum.is_multiple_of(10)
}
