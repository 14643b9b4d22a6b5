//! `multipart/form-data`: the text fields that matter, and where the model's name stands. Files are skipped,
//! never copied.

use crate::WireError;
use crate::peek::{Peek, Spans};
use magic_domain::endpoint::Endpoint;
use memchr::memmem;
use std::ops::Range;

/// Parts at most; a form of a transcription has a dozen.
const PARTS_MAX: usize = 256;
/// Bytes of a part's head at most.
const HEAD_MAX: usize = 8 << 10;

/// Looks into a multipart body.
pub fn peek_multipart(_endpoint: Endpoint, content_type: &str, body: &[u8]) -> Result<Peek, WireError> {
    let boundary = boundary(content_type)
        .ok_or_else(|| WireError::new("the content-type names no boundary, or one that is malformed"))?;
    let mut peek = Peek { n: 1, spans: Spans { multipart: true, ..Spans::default() }, ..Peek::default() };
    let mut seen: Vec<String> = Vec::new();
    for part in parts(body, &boundary)? {
        let value = &body[part.value.clone()];
        let field = part.name.as_str();
        if !matches!(field, "model" | "stream" | "n" | "prompt" | "size" | "quality" | "response_format") {
            continue;
        }
        if part.file {
            return Err(WireError::at(format!("{field} must be a plain field"), field));
        }
        if seen.iter().any(|name| name == field) {
            return Err(WireError::at(format!("the form has the field {field} twice"), field));
        }
        seen.push(field.to_owned());
        let text =
            std::str::from_utf8(value).map_err(|_| WireError::at(format!("{field} is no UTF-8"), field))?;
        match field {
            "model" => {
                peek.model = Some(text.to_owned());
                peek.spans.model = Some(part.value);
            }
            "stream" => {
                peek.stream = match text {
                    "true" | "True" | "1" => true,
                    "false" | "False" | "0" | "" => false,
                    _ => return Err(WireError::at("stream must be true or false", "stream")),
                }
            }
            "n" => {
                let n = text.parse::<u32>().ok().filter(|n| *n <= 128);
                peek.n = n.ok_or_else(|| WireError::at("n must be a whole number up to 128", "n"))?.max(1);
            }
            "size" => peek.size = Some(text.to_owned()),
            "quality" => peek.quality = Some(text.to_owned()),
            "response_format" => peek.response_format = Some(text.to_owned()),
            _ => peek.prompt_bytes = text.len(),
        }
    }
    Ok(peek)
}

fn boundary(content_type: &str) -> Option<String> {
    let (_, rest) = content_type.split_once(';')?;
    let mut found = None;
    for parameter in rest.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("boundary") {
            if found.is_some() {
                return None;
            }
            found = Some(value.trim().trim_matches('"').to_owned());
        }
    }
    found.filter(|text| {
        !text.is_empty() && text.len() <= 70 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
    })
}

struct Part {
    name: String,
    file: bool,
    value: Range<usize>,
}

fn parts(body: &[u8], boundary: &str) -> Result<Vec<Part>, WireError> {
    let bad = |what: &str| WireError::new(format!("the form is malformed: {what}"));
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    if !body.starts_with(first.as_bytes()) && memmem::find(body, next.as_bytes()).is_none() {
        return Err(bad("its boundary does not appear"));
    }
    let mut at = if body.starts_with(first.as_bytes()) {
        first.len()
    } else {
        memmem::find(body, next.as_bytes()).map_or(0, |at| at + next.len())
    };
    let finder = memmem::Finder::new(next.as_bytes());
    let mut parts = Vec::new();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let line = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if !rest[line..].starts_with(b"\r\n") {
            return Err(bad("a boundary is followed by something else"));
        }
        let head_start = at + line + 2;
        let window = &body[head_start..body.len().min(head_start + HEAD_MAX)];
        let (head, value_start) = if window.starts_with(b"\r\n") {
            (&window[..0], head_start + 2)
        } else {
            let end =
                memmem::find(window, b"\r\n\r\n").ok_or_else(|| bad("the head of a part does not end"))?;
            (&window[..end], head_start + end + 4)
        };
        let end = finder.find(&body[value_start..]).ok_or_else(|| bad("a part does not end"))?;
        let (name, file) = disposition(head)?;
        parts.push(Part { name, file, value: value_start..value_start + end });
        if parts.len() > PARTS_MAX {
            return Err(bad("it has too many parts"));
        }
        at = value_start + end + next.len();
    }
}

/// The field's name and whether it is a file. A head that two parsers could read in two ways is refused.
fn disposition(head: &[u8]) -> Result<(String, bool), WireError> {
    let odd = || WireError::new("the form is malformed: the head of a part is ambiguous");
    let text = std::str::from_utf8(head).map_err(|_| odd())?;
    let mut found = None;
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) || line.contains(['\r', '\n', '\0']) {
            return Err(odd());
        }
        let (name, value) = line.split_once(':').ok_or_else(odd)?;
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" if found.is_some() => return Err(odd()),
            "content-disposition" => found = Some(parameters(value).ok_or_else(odd)?),
            "content-transfer-encoding" => {
                let plain =
                    ["7bit", "8bit", "binary"].iter().any(|plain| value.trim().eq_ignore_ascii_case(plain));
                if !plain {
                    return Err(odd());
                }
            }
            _ => {}
        }
    }
    Ok(found.unwrap_or_default())
}

/// Reads `; key="value"` pairs; quotes may hold semicolons. `None`: ambiguous.
fn parameters(value: &str) -> Option<(String, bool)> {
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    let (mut name, mut file) = (None, false);
    while !rest.trim().is_empty() {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (text, tail) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                let escaped = quoted[..end].contains('\\');
                if escaped && key.trim().eq_ignore_ascii_case("name") {
                    return None;
                }
                // An escaped quote inside a file's name: go on to the one that ends it.
                let mut end = end;
                while quoted[..end].ends_with('\\') {
                    end += 1 + quoted[end + 1..].find('"')?;
                }
                (&quoted[..end], quoted[end + 1..].trim_start())
            }
            None => match after.find(';') {
                Some(end) => (after[..end].trim(), &after[end..]),
                None => (after.trim(), ""),
            },
        };
        match key.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_some() => return None,
            "name" => name = Some(text.to_owned()),
            "name*" => return None,
            "filename" | "filename*" => file = true,
            _ => {}
        }
        rest = match tail.strip_prefix(';') {
            Some(rest) => rest,
            None if tail.is_empty() => "",
            None => return None,
        };
    }
    Some((name.unwrap_or_default(), file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::{Edits, splice};
    use bytes::Bytes;

    const TYPE: &str = "multipart/form-data; boundary=XyZ";

    fn form(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in fields {
            let file = if *name == "file" { "; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg" } else { "" };
            body.extend_from_slice(
                format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        body.extend_from_slice(b"--XyZ--\r\n");
        body
    }

    #[test]
    fn fields_are_read_and_files_skipped() {
        let body = form(&[("file", "\0\u{1}--Xy model"), ("model", "whisper-1"), ("stream", "true")]);
        let peek = peek_multipart(Endpoint::Transcriptions, TYPE, &body).unwrap();
        assert_eq!((peek.model.as_deref(), peek.stream), (Some("whisper-1"), true));
        assert_eq!(&body[peek.spans.model.unwrap()], b"whisper-1");
    }

    #[test]
    fn the_model_is_replaced_and_nothing_else() {
        let body = Bytes::from(form(&[("model", "alias"), ("file", "alias")]));
        let peek = peek_multipart(Endpoint::Transcriptions, TYPE, &body).unwrap();
        let params = serde_json::Map::new();
        let edits = Edits { model: Some("whisper-1"), ask_usage: true, system_prompt: None, params: &params };
        let after = splice(&body, &peek, &edits).unwrap().concat();
        assert_eq!(after, form(&[("model", "whisper-1"), ("file", "alias")]));
        let evil = Edits { model: Some("a\r\n--XyZ"), ..edits };
        assert!(splice(&body, &peek, &evil).is_err());
    }

    #[test]
    fn ambiguous_heads_are_refused() {
        for head in [
            "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data;\r\n name=\"model\"",
            "Content-Disposition: form-data; name*=utf-8''model",
            "Content-Disposition: form-data; name=\"mo\\del\"",
            "Content-Disposition: form-data; name=\"model\"\nX: y",
            "Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: base64",
        ] {
            assert!(disposition(head.as_bytes()).is_err(), "{head:?}");
        }
        let fine = "Content-Disposition: form-data; name=\"file\"; filename=\"a; name=model; b\\\".mp3\"";
        assert_eq!(disposition(fine.as_bytes()), Ok(("file".into(), true)));
    }

    #[test]
    fn malformed_forms_are_refused() {
        for body in [
            form(&[("model", "a"), ("model", "b")]),
            b"--XyZ\r\n".to_vec(),
            b"junk".to_vec(),
            form(&[("n", "x")]),
        ] {
            assert!(peek_multipart(Endpoint::ImageEdits, TYPE, &body).is_err());
        }
        assert!(peek_multipart(Endpoint::ImageEdits, "multipart/form-data", &form(&[])).is_err());
        assert!(
            peek_multipart(Endpoint::ImageEdits, "multipart/form-data; boundary=a; boundary=b", &form(&[]))
                .is_err()
        );
    }
}
