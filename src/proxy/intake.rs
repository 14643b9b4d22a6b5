//! `request_filter`, first half: the body, read whole under a deadline and a share of the global byte budget.

use super::route::{Asked, percent};
use crate::gateway::Gateway;
use bytes::{Bytes, BytesMut};
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_wire::WireError;
use magic_wire::chat::Dialect;
use magic_wire::peek::{Peek, peek_gemini, peek_json, peek_multipart};
use pingora_core::protocols::http::server::Session as HttpSession;
use pingora_proxy::Session;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body that has been read and understood as far as routing and billing need.
pub struct Intake {
    pub body: Bytes,
    pub peek: Peek,
    pub content_type: String,
    pub permit: Option<OwnedSemaphorePermit>,
}

/// Budget is taken in steps, so that small bodies don't fight over the semaphore byte by byte.
const STEP: usize = 16 << 10;
/// A body has this long before its rate counts, and then has to come at so many bytes a second (SR-03).
const GRACE: Duration = Duration::from_secs(10);
const RATE_MIN: usize = 1024;

/// Reads the body and looks into it.
pub async fn read(session: &mut Session, gateway: &Gateway, asked: &Asked) -> Result<Intake, Fault> {
    let endpoint = asked.endpoint;
    let tuning = gateway.tuning.load();
    let content_type = header(session, "content-type").unwrap_or_default().to_owned();
    let multipart = is_type(&content_type, "multipart/form-data");
    // curl's default type and a missing one are taken for JSON: the scanner finds out.
    let json = !multipart && (is_json(&content_type) || is_unspecific(&content_type));
    let wants_multipart = matches!(
        endpoint,
        Endpoint::Transcriptions | Endpoint::Translations | Endpoint::ImageEdits | Endpoint::ImageVariations
    );
    if multipart != wants_multipart || !(multipart || json) {
        // Some vendors' image edits take JSON; nothing else is open to both.
        if !(endpoint == Endpoint::ImageEdits && json) {
            let wanted = if wants_multipart { "multipart/form-data" } else { "application/json" };
            return Err(Fault::new(Code::UnsupportedMediaType, format!("the content-type must be {wanted}")));
        }
    }
    let limit = if multipart { tuning.upload_bytes } else { tuning.body_bytes };
    let encoding = header(session, "content-encoding").map(str::to_ascii_lowercase);
    let encoding = encoding.as_deref().filter(|value| *value != "identity");
    if encoding.is_some_and(|value| value != "gzip" && value != "x-gzip") {
        return Err(Fault::new(Code::UnsupportedMediaType, "the only content-encoding accepted is gzip"));
    }
    let (raw, mut permit) = whole(session, gateway, limit).await?;
    let body = if encoding.is_some() {
        let (body, more) = inflate(raw, limit, gateway.budget.clone()).await?;
        permit = more;
        body
    } else {
        raw
    };
    if body.is_empty() {
        return Err(Fault::new(Code::InvalidRequest, "the body is empty"));
    }
    let peek = if is_type(&content_type, "multipart/form-data") {
        peek_multipart(endpoint, &content_type, &body)
    } else {
        look(asked, &body, asked.model.as_deref())
    };
    let peek = peek.map_err(|error| {
        let fault = Fault::new(Code::InvalidRequest, error.message.clone());
        match &error.param {
            Some(param) => fault.at(param.clone()),
            None => fault,
        }
    })?;
    Ok(Intake { body, peek, content_type, permit })
}

/// Looks into a JSON body. `model` is the one of the address.
pub fn look(asked: &Asked, body: &[u8], model: Option<&str>) -> Result<Peek, WireError> {
    match asked.face {
        Dialect::Gemini => peek_gemini(body, model.unwrap_or_default(), asked.stream.unwrap_or(false)),
        _ => peek_json(asked.endpoint, body),
    }
}

/// Takes a larger share of the byte budget for a body that grows to `len` bytes.
pub async fn grow(gateway: &Gateway, intake: &mut Intake, len: usize) -> Result<(), Fault> {
    let has = intake.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    if len > has {
        let more = acquire(&gateway.budget, len - has).await?;
        match &mut intake.permit {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
    }
    Ok(())
}

/// Any body, empty ones too, under the same deadline and budget.
pub async fn whole(
    session: &mut Session,
    gateway: &Gateway,
    limit: usize,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Fault> {
    let deadline = gateway.tuning.load().body_deadline;
    match pingora_timeout::timeout(deadline, buffer(session, &gateway.budget, limit)).await {
        Ok(body) => body,
        Err(_) => Err(Fault::new(Code::RequestTimeout, "the body did not arrive in time")),
    }
}

async fn buffer(
    session: &mut Session,
    budget: &Arc<Semaphore>,
    limit: usize,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Fault> {
    let too_large = || Fault::new(Code::BodyTooLarge, format!("the body is larger than {} MiB", limit >> 20));
    let declared = header(session, "content-length").and_then(|text| text.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    expect_continue(session).await?;
    let mut permit = match declared {
        Some(length) if length > 0 => Some(acquire(budget, length).await?),
        _ => None,
    };
    let mut covered = declared.unwrap_or(0);
    let mut first: Option<Bytes> = None;
    let mut whole = BytesMut::new();
    let mut read = 0;
    let begun = Instant::now();
    loop {
        let allowed = GRACE + Duration::from_secs((read / RATE_MIN) as u64);
        let next =
            pingora_timeout::timeout(allowed.saturating_sub(begun.elapsed()), session.read_request_body());
        let chunk = next
            .await
            .map_err(|_| Fault::new(Code::RequestTimeout, "the body arrives too slowly"))?
            .map_err(|_| Fault::new(Code::InvalidRequest, "the body ended early or is malformed"))?;
        let Some(chunk) = chunk else { break };
        if chunk.is_empty() {
            continue;
        }
        read += chunk.len();
        if read > limit {
            return Err(too_large());
        }
        if read > covered {
            let more = acquire(budget, (read - covered).max(STEP)).await?;
            covered += more.num_permits();
            match &mut permit {
                Some(permit) => permit.merge(more),
                None => permit = Some(more),
            }
        }
        match (&first, whole.is_empty()) {
            // One chunk is the whole body of most requests: it is kept as it is.
            (None, true) => first = Some(chunk),
            (Some(before), true) => {
                whole.reserve(declared.unwrap_or(read * 2).clamp(read, limit));
                whole.extend_from_slice(before);
                whole.extend_from_slice(&chunk);
                first = None;
            }
            (_, false) => whole.extend_from_slice(&chunk),
        }
    }
    let body = match first {
        Some(only) => only,
        None => whole.freeze(),
    };
    Ok((body, permit))
}

async fn acquire(budget: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, Fault> {
    let permits = u32::try_from(bytes.max(1)).unwrap_or(u32::MAX);
    if let Ok(permit) = budget.clone().try_acquire_many_owned(permits) {
        return Ok(permit);
    }
    let waiting = budget.clone().acquire_many_owned(permits);
    match pingora_timeout::timeout(Duration::from_secs(1), waiting).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Fault::new(Code::Overloaded, "too many large requests at once; try again").retry_after(1)),
    }
}

/// curl sends `Expect: 100-continue` for large bodies; Pingora answers it only for bodies it reads itself.
async fn expect_continue(session: &mut Session) -> Result<(), Fault> {
    let expects = header(session, "expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    if expects && let HttpSession::H1(h1) = session.as_downstream_mut() {
        h1.write_continue_response()
            .await
            .map_err(|_| Fault::new(Code::InvalidRequest, "the caller left"))?;
    }
    Ok(())
}

/// Inflates a body on a blocking thread, within the limit and a share of the budget (SR-05).
async fn inflate(
    raw: Bytes,
    limit: usize,
    budget: Arc<Semaphore>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Fault> {
    // A bomb is found out after `limit` bytes; the ratio rule finds the small ones sooner.
    let allowed = limit.min(raw.len().saturating_mul(100).max(64 << 10));
    let permit = acquire(&budget, allowed).await?;
    let inflated = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        let read =
            flate2::read::MultiGzDecoder::new(raw.as_ref()).take(allowed as u64 + 1).read_to_end(&mut out);
        (read.is_ok(), out)
    })
    .await;
    match inflated {
        Ok((_, out)) if out.len() > allowed => {
            Err(Fault::new(Code::BodyTooLarge, format!("the inflated body is larger than {allowed} bytes")))
        }
        Ok((true, out)) => Ok((Bytes::from(out), Some(permit))),
        _ => Err(Fault::new(Code::InvalidRequest, "the body is no valid gzip")),
    }
}

pub fn header<'a>(session: &'a Session, name: &str) -> Option<&'a str> {
    session.req_header().headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_type(content_type: &str, wanted: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case(wanted)
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn is_unspecific(content_type: &str) -> bool {
    content_type.is_empty()
        || is_type(content_type, "application/x-www-form-urlencoded")
        || is_type(content_type, "text/plain")
}

/// A parameter of the query, decoded.
pub fn query_param(session: &Session, name: &str) -> Option<String> {
    let query = session.req_header().uri.query()?;
    query.split('&').find_map(|pair| percent(pair.strip_prefix(name)?.strip_prefix('=')?))
}

/// The query without what is ours (`key=`), for the vendor.
pub fn query_for_vendor(session: &Session) -> Option<String> {
    let query = session.req_header().uri.query()?;
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.starts_with("key=") && !pair.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}
