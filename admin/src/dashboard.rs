//! The dashboard: what was built of `web/`, embedded in the binary, each file as it is and compressed.

use crate::error::{ApiError, not_found};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::io::Read;

#[cfg(feature = "dashboard")]
#[derive(rust_embed::Embed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

#[cfg(feature = "dashboard")]
fn file(name: &str) -> Option<Cow<'static, [u8]>> {
    Files::get(name).map(|file| file.data)
}

#[cfg(not(feature = "dashboard"))]
fn file(_name: &str) -> Option<Cow<'static, [u8]>> {
    None
}

/// What index.html has where each answer's own nonce goes.
const NONCE: &str = "NONCE-OF-THIS-ANSWER";

/// Types of the files that the build makes.
fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => return None,
    })
}

/// A file as it is: of scripts and styles only the compressed forms are embedded.
fn plain(name: &str) -> Option<Cow<'static, [u8]>> {
    file(name).or_else(|| {
        let mut data = Vec::new();
        flate2::read::GzDecoder::new(file(&format!("{name}.gz"))?.as_ref()).read_to_end(&mut data).ok()?;
        Some(Cow::Owned(data))
    })
}

/// The file in the best form that the caller takes: brotli, gzip, or as it is.
fn encoded(name: &str, accepted: &str) -> Option<(Cow<'static, [u8]>, Option<&'static str>)> {
    let takes = |coding: &str| {
        accepted.split(',').any(|item| {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let none = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0));
            name.trim().eq_ignore_ascii_case(coding) && !none
        })
    };
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| takes(coding))
        .find_map(|(coding, ending)| file(&format!("{name}.{ending}")).map(|data| (data, Some(coding))))
        .or_else(|| plain(name).map(|data| (data, None)))
}

/// What a page of ours may load and do (SR-28). Styles of dialogs carry the nonce.
fn policy(nonce: &str, framed: &[String]) -> String {
    let framed = framed.iter().map(|origin| format!(" {origin}")).collect::<String>();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; \
         font-src 'self'; connect-src 'self'; media-src 'self' blob:; frame-src 'self'{framed}; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// A file of the build, for ever. `None`: the address names no file, and is for [`page`].
///
/// # Errors
/// 404 for a file that is not there, and for other methods than GET and HEAD.
pub fn named(request: &HttpRequest) -> Result<Option<HttpResponse>, ApiError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(not_found("this address"));
    }
    let name = request.path().trim_start_matches('/');
    let accepted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if let Some(media_type) = media_type(name) {
        let (data, coding) =
            encoded(name, accepted.unwrap_or_default()).ok_or_else(|| not_found("this file"))?;
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, media_type)).insert_header((VARY, "accept-encoding"));
        // Names of assets carry a digest of what is in them; the few others are asked for anew each day.
        let lifetime =
            if name.starts_with("assets/") { "max-age=31536000, immutable" } else { "max-age=86400" };
        response.insert_header((CACHE_CONTROL, format!("public, {lifetime}")));
        if let Some(coding) = coding {
            response.insert_header((CONTENT_ENCODING, coding));
        }
        return Ok(Some(response.body(data.into_owned())));
    }
    Ok(None)
}

/// The page, which finds out itself what its address means. `framed`: other origins that its frames may show.
///
/// # Errors
/// 500 without randomness.
pub fn page(framed: &[String]) -> Result<HttpResponse, ApiError> {
    let Some(page) = file("index.html") else { return Ok(without()) };
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| ApiError::from(magic_store::StoreError::Internal("no randomness".into())))?;
    let nonce = STANDARD.encode(bytes);
    let page = String::from_utf8_lossy(&page).replace(NONCE, &nonce);
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy(&nonce, framed)))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .insert_header(("permissions-policy", "camera=(), microphone=(self), geolocation=()"))
        .body(page))
}

/// What stands there in a binary that was built without `web/`: it says so.
fn without() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(
        "<!doctype html><html lang=en><meta charset=utf-8><title>MAGIC</title>\
         <style>body{font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>\
         <h1>MAGIC is running</h1><p>The gateway answers under <code>/v1</code>, the management API under <code>/api</code>. \
         This build has no dashboard: <code>cargo xtask run</code> builds it in.</p></html>",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_of_files_and_not_of_pages() {
        assert_eq!(media_type("assets/index-abc.js"), Some("text/javascript; charset=utf-8"));
        for page in ["", "logs", "channels/7", "prompts/a.b", "index.html"] {
            assert_eq!(media_type(page), None, "{page}");
        }
    }
}
