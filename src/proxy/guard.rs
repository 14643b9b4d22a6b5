//! `early_request_filter`: framing and head limits, before anything believes the request.

use crate::tuning::Tuning;
use magic_domain::fault::{Code, Fault};
use pingora_core::protocols::http::server::Session as HttpSession;
use pingora_proxy::Session;

/// Refuses what two parsers could read in two ways (SR-02), and heads beyond their limits (SR-03).
pub fn check(session: &Session, tuning: &Tuning) -> Result<(), Fault> {
    let bad = |what: &str| Err(Fault::new(Code::InvalidRequest, what.to_owned()));
    let head = session.req_header();
    let headers = &head.headers;
    if headers.len() > tuning.head_fields {
        return bad("the request has too many header fields");
    }
    let mut size = head.uri.path().len() + head.uri.query().map_or(0, str::len);
    if size > tuning.line_bytes {
        return bad("the request line is too long");
    }
    for (name, value) in headers {
        let line = name.as_str().len() + value.len() + 4;
        if line > tuning.line_bytes {
            return bad("a header field is too long");
        }
        size += line;
    }
    if size > tuning.head_bytes {
        return bad("the head of the request is too long");
    }
    if headers.get_all(http::header::HOST).iter().count() > 1 {
        return bad("the request names more than one host");
    }
    if let HttpSession::H1(h1) = session.as_downstream() {
        let has_te = headers.contains_key(http::header::TRANSFER_ENCODING);
        if head.version < http::Version::HTTP_11
            && (has_te || headers.get(http::header::CONTENT_LENGTH).is_some_and(|v| v.as_bytes() != b"0"))
        {
            return bad("a request with a body needs HTTP/1.1 or later");
        }
        if head.version >= http::Version::HTTP_11 && !headers.contains_key(http::header::HOST) {
            return bad("the request names no host");
        }
        let raw = h1.get_headers_raw_bytes();
        check_raw(&raw, has_te)?;
    }
    Ok(())
}

/// What is only visible in the bytes as they came: Pingora has already dropped a content-length beside a
/// transfer-encoding, and joined folded lines.
fn check_raw(raw: &[u8], has_te: bool) -> Result<(), Fault> {
    let bad = |what: &str| Err(Fault::new(Code::InvalidRequest, what.to_owned()));
    let mut encodings = 0;
    let mut lengths: Option<&[u8]> = None;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', raw) {
        if end == 0 || raw[end - 1] != b'\r' {
            return bad("lines of the head must end with CRLF");
        }
        let line = &raw[start..end - 1];
        start = end + 1;
        match line.first() {
            Some(b' ' | b'\t') => return bad("folded header lines are not accepted"),
            Some(b't' | b'T') if has_te && names(line, b"transfer-encoding") => {
                encodings += 1;
                let value = line.get(18..).unwrap_or_default().trim_ascii();
                if !value.eq_ignore_ascii_case(b"chunked") || encodings > 1 {
                    return bad("the only transfer-encoding accepted is chunked");
                }
            }
            Some(b'c' | b'C') if names(line, b"content-length") => {
                let value = line.get(15..).unwrap_or_default().trim_ascii();
                if value.is_empty() || !value.iter().all(u8::is_ascii_digit) || lengths.is_some() {
                    return bad("the content-length is malformed");
                }
                lengths = Some(value);
            }
            _ => {}
        }
    }
    if encodings > 0 && lengths.is_some() {
        return bad("content-length and transfer-encoding exclude each other");
    }
    Ok(())
}

fn names(line: &[u8], name: &[u8]) -> bool {
    line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) && line[name.len()] == b':'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Result<(), Fault> {
        check_raw(text.as_bytes(), text.to_ascii_lowercase().contains("transfer-encoding"))
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for head in [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5,5\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nX-A: b\r\n folded\r\n\r\n",
        ] {
            assert!(raw(head).is_err(), "{head:?}");
        }
    }

    #[test]
    fn plain_framing_passes() {
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  Chunked \r\n\r\n",
        ] {
            assert_eq!(raw(head), Ok(()), "{head:?}");
        }
    }
}
