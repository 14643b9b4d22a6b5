//! What a file is answered with: whole, in parts, compressed, or not at all because the caller has it.

use super::condition::{self, Verdict};
use super::look::{Blob, Data, Entry, SMALL};
use super::range::{self, Asked, Part};
use super::send;
use crate::gateway::Gateway;
use crate::proxy::context::Ctx;
use crate::sites::coding::{Accepted, Coding};
use crate::sites::conf::Compression;
use crate::sites::refuse::refuse;
use crate::sites::squeeze::Squeeze;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderValue, LAST_MODIFIED, LOCATION, RANGE, VARY,
};
use http::{Method, Version};
use pingora_error::Result;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

/// A folder is asked for by its name with a slash, so that links in its page lead below it.
pub async fn folder(session: &mut Session) -> Result<()> {
    let uri = &session.req_header().uri;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{}/{query}", uri.path());
    refuse(session, 308, "the folder's address ends with a slash", &[(LOCATION.as_str(), &to)]).await
}

/// What of a file is sent.
enum Body<'e> {
    /// One of its blobs, whole.
    Blob(&'e Blob, Option<Coding>),
    /// What has been compressed and kept.
    Kept(Bytes, Coding),
    /// Compressed on its way.
    Squeezed(Coding, Squeeze),
}

/// Answers with a file.
pub async fn file(gateway: &Gateway, session: &mut Session, ctx: &Ctx, entry: &Entry) -> Result<()> {
    let how = gateway.tuning.load().compression;
    let request = session.req_header();
    let get = request.method == Method::GET;
    let range = request.headers.get(RANGE).filter(|_| get).and_then(|range| range.to_str().ok());
    let body = if range.is_some() { Body::Blob(&entry.plain, None) } else { choose(request, entry, &how) };
    let blob = if let Body::Blob(blob, _) = &body { blob } else { &entry.plain };
    let etag = blob.etag.to_str().unwrap_or("");
    let verdict = condition::verdict(&request.headers, etag, entry.modified);
    let asked = match range {
        Some(range) if condition::range_applies(&request.headers, etag, entry.modified) => {
            range::asked(range, entry.plain.size)
        }
        _ => Asked::Whole,
    };
    if verdict == Verdict::Failed {
        return refuse(session, 412, "the file is another by now", &[]).await;
    }
    let mut head = ResponseHeader::build_no_case(200, Some(12))?;
    match &body {
        Body::Blob(blob, _) => head.insert_header(ETAG, blob.etag.clone())?,
        _ => head.insert_header(ETAG, format!("W/{etag}"))?,
    }
    head.insert_header(LAST_MODIFIED, entry.last_modified.clone())?;
    if let Some(cache) = &entry.cache_control {
        head.insert_header(CACHE_CONTROL, cache.clone())?;
    }
    if (how.on && entry.compressible) || !entry.siblings.is_empty() {
        head.insert_header(VARY, HeaderValue::from_static("accept-encoding"))?;
    }
    crate::sites::redirect::hsts(session, &mut head, gateway);
    if verdict == Verdict::NotModified {
        head.set_status(304)?;
        return session.write_response_header(Box::new(head), true).await;
    }
    head.insert_header(CONTENT_TYPE, entry.content_type.clone())?;
    head.insert_header("x-content-type-options", HeaderValue::from_static("nosniff"))?;
    match asked {
        Asked::Whole => {}
        Asked::Outside => {
            let size = format!("bytes */{}", entry.plain.size);
            return refuse(session, 416, "the file has no such part", &[(CONTENT_RANGE.as_str(), &size)])
                .await;
        }
        Asked::Parts(parts) => return self::parts(session, ctx, entry, head, &parts).await,
    }
    whole(session, entry, head, body).await
}

/// All of a file, in the form that was chosen.
async fn whole(session: &mut Session, entry: &Entry, mut head: ResponseHeader, body: Body<'_>) -> Result<()> {
    send::limits(session);
    let request = session.req_header();
    let (get, version) = (request.method == Method::GET, request.version);
    match body {
        Body::Blob(blob, coding) => {
            head.insert_header(CONTENT_LENGTH, blob.size)?;
            match coding {
                Some(coding) => head.insert_header(CONTENT_ENCODING, coding.name())?,
                None => head.insert_header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))?,
            }
            let empty = !get || blob.size == 0;
            session.write_response_header(Box::new(head), empty).await?;
            if empty {
                return Ok(());
            }
            send::part(session, &blob.data, (0, blob.size), true).await
        }
        Body::Kept(bytes, coding) => {
            head.insert_header(CONTENT_LENGTH, bytes.len())?;
            head.insert_header(CONTENT_ENCODING, coding.name())?;
            session.write_response_header(Box::new(head), !get).await?;
            if !get {
                return Ok(());
            }
            session.write_response_body(Some(bytes), true).await
        }
        Body::Squeezed(coding, squeeze) => {
            head.insert_header(CONTENT_ENCODING, coding.name())?;
            if version == Version::HTTP_11 {
                head.insert_header("transfer-encoding", "chunked")?;
            }
            session.write_response_header(Box::new(head), false).await?;
            send::squeezed(session, &entry.plain, squeeze).await
        }
    }
}

/// The form of a file that a caller gets: compressed beside it, compressed here, or as it is.
fn choose<'e>(request: &RequestHeader, entry: &'e Entry, how: &Compression) -> Body<'e> {
    let accepted = Accepted::of(&request.headers);
    let plain = Body::Blob(&entry.plain, None);
    if accepted.nothing() {
        return plain;
    }
    let sibling = |coding: Coding| entry.siblings.iter().find(|(other, _)| *other == coding);
    if let Some((coding, blob)) = accepted.choose(|coding| sibling(coding).is_some()).and_then(sibling) {
        return Body::Blob(blob, Some(*coding));
    }
    if !how.on || !entry.compressible || entry.plain.size < how.min_bytes {
        return plain;
    }
    let Some(coding) = accepted.choose(|_| true) else { return plain };
    match &entry.plain.data {
        Data::Memory(_) if entry.plain.size <= SMALL => match entry.squeezed(coding, how) {
            Some(bytes) => Body::Kept(bytes, coding),
            None => plain,
        },
        // HTTP/1.0 has no chunks, and nobody waits for the body of a HEAD.
        _ if request.version < Version::HTTP_11 || request.method != Method::GET => plain,
        _ => match Squeeze::new(coding, how, false) {
            Some(squeeze) => Body::Squeezed(coding, squeeze),
            None => plain,
        },
    }
}

/// One part, or several in a `multipart/byteranges`.
async fn parts(
    session: &mut Session,
    ctx: &Ctx,
    entry: &Entry,
    mut head: ResponseHeader,
    parts: &[Part],
) -> Result<()> {
    let size = entry.plain.size;
    let said = |(first, length): Part| format!("bytes {first}-{}/{size}", first + length.saturating_sub(1));
    head.set_status(206)?;
    send::limits(session);
    if let [only] = parts {
        head.insert_header(CONTENT_RANGE, said(*only))?;
        head.insert_header(CONTENT_LENGTH, only.1)?;
        session.write_response_header(Box::new(head), false).await?;
        return send::part(session, &entry.plain.data, *only, true).await;
    }
    let boundary = ctx.id.to_string().replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let kind = entry.content_type.to_str().unwrap_or("application/octet-stream");
    let between = |part: Part| {
        format!("\r\n--{boundary}\r\ncontent-type: {kind}\r\ncontent-range: {}\r\n\r\n", said(part))
    };
    let last = format!("\r\n--{boundary}--\r\n");
    let length: u64 = parts.iter().map(|part| between(*part).len() as u64 + part.1).sum();
    head.insert_header(CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"))?;
    head.insert_header(CONTENT_LENGTH, length + last.len() as u64)?;
    session.write_response_header(Box::new(head), false).await?;
    for part in parts {
        session.write_response_body(Some(Bytes::from(between(*part))), false).await?;
        send::part(session, &entry.plain.data, *part, false).await?;
    }
    session.write_response_body(Some(Bytes::from(last)), true).await
}
