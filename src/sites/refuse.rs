//! Short answers of our own: why there is nothing else to be had.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method};
use pingora_error::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// Answers with a status and a line that says why.
pub async fn refuse(
    session: &mut Session,
    status: u16,
    why: &str,
    more: &[(&'static str, &str)],
) -> Result<()> {
    let body = format!("{status} {why}\n");
    let mut head = ResponseHeader::build_no_case(status, Some(3 + more.len()))?;
    head.insert_header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))?;
    head.insert_header(CONTENT_LENGTH, body.len())?;
    head.insert_header("x-content-type-options", HeaderValue::from_static("nosniff"))?;
    for (name, value) in more {
        head.insert_header(*name, *value)?;
    }
    // A body that nobody reads would be taken for the next request.
    if !session.as_mut().is_body_done() {
        session.set_keepalive(None);
    }
    if session.req_header().method == Method::HEAD {
        return session.write_response_header(Box::new(head), true).await;
    }
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(Bytes::from(body)), true).await
}
