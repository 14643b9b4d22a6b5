//! Compressing answers as they pass. Nothing is held back: where an answer's length is unknown, every piece that
//! comes in goes out.

use super::coding::{Accepted, Coding, compressible};
use super::conf::Compression;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue,
    SET_COOKIE, VARY,
};
use http::{Method, StatusCode, Version};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers that are compressed at once: each holds up to a megabyte of what it has seen.
const OPEN_MAX: usize = 256;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A brotli window of 256 KiB: more costs memory per answer, and pages are shorter.
const WINDOW_BITS: u32 = 18;

/// A compressor at work.
pub struct Squeeze {
    engine: Option<Engine>,
    /// The answer's length is unknown: somebody may wait for what it has so far.
    flush: bool,
}

enum Engine {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Squeeze {
    /// `None` where too many are at work already.
    pub fn new(coding: Coding, how: &Compression, flush: bool) -> Option<Squeeze> {
        if OPEN.fetch_add(1, Ordering::Relaxed) >= OPEN_MAX {
            OPEN.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // From here on the drop gives the place back.
        let mut squeeze = Squeeze { engine: None, flush };
        squeeze.engine = Some(match coding {
            Coding::Gzip => Engine::Gzip(flate2::write::GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(how.gzip_level),
            )),
            Coding::Brotli => Engine::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                4096,
                how.brotli_level,
                WINDOW_BITS,
            ))),
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), how.zstd_level).ok()?;
                encoder.window_log(WINDOW_BITS).ok()?;
                Engine::Zstd(encoder)
            }
        });
        Some(squeeze)
    }

    /// Takes a piece and gives what is ready of the compressed answer.
    pub fn push(&mut self, piece: &[u8], end: bool) -> std::io::Result<Bytes> {
        let Some(engine) = &mut self.engine else { return Ok(Bytes::new()) };
        let writer: &mut dyn Write = match engine {
            Engine::Gzip(encoder) => encoder,
            Engine::Brotli(encoder) => encoder.as_mut(),
            Engine::Zstd(encoder) => encoder,
        };
        writer.write_all(piece)?;
        if end {
            let rest = match self.engine.take() {
                Some(Engine::Gzip(encoder)) => encoder.finish()?,
                Some(Engine::Brotli(encoder)) => encoder.into_inner(),
                Some(Engine::Zstd(encoder)) => encoder.finish()?,
                None => Vec::new(),
            };
            return Ok(rest.into());
        }
        if self.flush && !piece.is_empty() {
            writer.flush()?;
        }
        let ready = match engine {
            Engine::Gzip(encoder) => encoder.get_mut(),
            Engine::Brotli(encoder) => encoder.get_mut(),
            Engine::Zstd(encoder) => encoder.get_mut(),
        };
        Ok(std::mem::take(ready).into())
    }

    /// The next piece of an answer that passes through Pingora's filters, in place.
    pub fn pass(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<()> {
        let piece = body.take().unwrap_or_default();
        let ready = self.push(&piece, end).map_err(|error| {
            Error::because(ErrorType::InternalError, "the answer can't be compressed", error)
        })?;
        // An empty piece would be the last chunk.
        *body = (!ready.is_empty()).then_some(ready);
        Ok(())
    }
}

impl Drop for Squeeze {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A whole answer at once.
pub fn whole(coding: Coding, how: &Compression, body: &[u8]) -> Option<Bytes> {
    Squeeze::new(coding, how, false)?.push(body, true).ok()
}

/// Decides about an answer that passes, and changes its head accordingly.
pub fn begin(session: &Session, head: &mut ResponseHeader, how: &Compression) -> Option<Box<Squeeze>> {
    if !how.on || head.status.is_informational() || !worth(head, how.min_bytes) {
        return None;
    }
    let request = session.req_header();
    vary(head);
    let coding = takes(request)?.choose(|_| true)?;
    let flush = !head.headers.contains_key(CONTENT_LENGTH);
    let squeeze = Squeeze::new(coding, how, flush)?;
    encode(head, coding).ok()?;
    Some(Box::new(squeeze))
}

/// What the caller of a request takes, where its answer may be compressed at all.
fn takes(request: &RequestHeader) -> Option<Accepted> {
    // HTTP/1.0 has no chunks: the end of a shorter answer could not be told.
    if request.method == Method::HEAD || request.version < Version::HTTP_11 {
        return None;
    }
    Some(Accepted::of(&request.headers)).filter(|accepted| !accepted.nothing())
}

/// Whether an answer gets shorter, and may.
fn worth(head: &ResponseHeader, min_bytes: u64) -> bool {
    let text = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bodiless = [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::PARTIAL_CONTENT,
        StatusCode::NOT_MODIFIED,
    ];
    let long_enough = match text(CONTENT_LENGTH) {
        Some(length) => length.parse::<u64>().is_ok_and(|length| length >= min_bytes),
        None => true,
    };
    !bodiless.contains(&head.status)
        && long_enough
        && !head.headers.contains_key(CONTENT_ENCODING)
        && !head.headers.contains_key("content-range")
        && text(CONTENT_TYPE).is_some_and(compressible)
        && !text(CACHE_CONTROL).is_some_and(|control| control.to_ascii_lowercase().contains("no-transform"))
}

/// An answer of the management service. Those that hand out a secret beside what the caller has sent are not
/// compressed (BREACH): everything but reading, and the address that makes an access token.
pub fn begin_ours(session: &Session, head: &mut ResponseHeader, how: &Compression) -> Option<Box<Squeeze>> {
    let request = session.req_header();
    let path = request.uri.path();
    let secret = request.method != Method::GET
        || path.trim_end_matches('/') == "/api/user/token"
        || head.headers.contains_key(SET_COOKIE);
    if secret { None } else { begin(session, head, how) }
}

/// Adds `accept-encoding` to what the answer depends on.
pub fn vary(head: &mut ResponseHeader) {
    let said = head.headers.get_all(VARY).iter().filter_map(|value| value.to_str().ok());
    let mut names = said.flat_map(|value| value.split(',')).map(str::trim);
    if !names.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding")) {
        let _ = head.append_header(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Says in a head that the body is compressed while it passes.
fn encode(head: &mut ResponseHeader, coding: Coding) -> Result<()> {
    head.remove_header(&CONTENT_LENGTH);
    head.remove_header(&ACCEPT_RANGES);
    for digest in ["content-md5", "digest", "content-digest", "repr-digest"] {
        head.remove_header(digest);
    }
    head.insert_header(CONTENT_ENCODING, coding.name())?;
    weaken(head)
}

/// A strong tag promises the same bytes, which compressing does not keep.
fn weaken(head: &mut ResponseHeader) -> Result<()> {
    let strong = head.headers.get(ETAG).map(HeaderValue::as_bytes).filter(|tag| !tag.starts_with(b"W/"));
    if let Some(weak) = strong.map(|tag| [b"W/", tag].concat()) {
        head.insert_header(ETAG, weak)?;
    }
    Ok(())
}

/// A whole answer of a call that goes out now: compressed where the caller takes it and it is long enough. `tasks`
/// are the head and all of the body.
pub fn whole_answer(
    request: &RequestHeader,
    how: &Compression,
    tasks: &mut [pingora_core::protocols::http::HttpTask],
) -> Option<()> {
    use pingora_core::protocols::http::HttpTask;
    let [HttpTask::Header(head, false), HttpTask::Body(Some(body), true)] = tasks else { return None };
    let said = head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<usize>().ok()?;
    if !how.on || said != body.len() || body.len() > WHOLE_MAX || !worth(head, how.min_bytes) {
        return None;
    }
    let coding = takes(request)?.choose(|_| true)?;
    let squeezed = whole(coding, how, body)?;
    head.insert_header(CONTENT_ENCODING, coding.name()).ok()?;
    head.insert_header(CONTENT_LENGTH, squeezed.len()).ok()?;
    vary(head);
    *body = squeezed;
    Some(())
}

/// Longer answers of calls go out as they are: compressing one in a piece would keep a thread from its streams.
const WHOLE_MAX: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn read(coding: Coding, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(data).read_to_end(&mut out),
            Coding::Brotli => brotli::Decompressor::new(data, 4096).read_to_end(&mut out),
            Coding::Zstd => zstd::stream::read::Decoder::new(data).unwrap().read_to_end(&mut out),
        }
        .unwrap();
        out
    }

    #[test]
    fn every_coding_gives_back_what_went_in() {
        let text = "all work and no play ".repeat(20_000);
        for coding in Coding::ALL {
            for flush in [false, true] {
                let mut squeeze = Squeeze::new(coding, &Compression::default(), flush).unwrap();
                let mut out = Vec::new();
                for piece in text.as_bytes().chunks(70_000) {
                    out.extend_from_slice(&squeeze.push(piece, false).unwrap());
                }
                out.extend_from_slice(&squeeze.push(b"", true).unwrap());
                assert!(out.len() < text.len() / 20, "{coding:?} {}", out.len());
                assert_eq!(read(coding, &out), text.as_bytes(), "{coding:?}");
            }
        }
    }

    #[test]
    fn what_is_flushed_can_be_read() {
        let mut squeeze = Squeeze::new(Coding::Gzip, &Compression::default(), true).unwrap();
        let first = squeeze.push(b"hello", false).unwrap();
        let mut seen = [0u8; 5];
        flate2::read::GzDecoder::new(&first[..]).read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"hello");
    }
}
