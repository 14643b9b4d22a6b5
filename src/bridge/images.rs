//! What callers ask of pictures in OpenAI's words, and the answer.

use super::{Answer, Call, STEP_MAX};
use crate::egress;
use crate::fetch::{Ask, open, target_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::Utc;
use magic_wire::vendors::{base, home};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// `POST /v1/images/generations`.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    pub prompt: String,
    pub n: Option<u32>,
    /// `1024x1024`; `auto` leaves it to the vendor.
    pub size: Option<String>,
    pub response_format: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Wanted {
    pub fn read(body: &[u8]) -> Result<Wanted, Box<Answer>> {
        let refuse = |message: String, param: &str| {
            let error =
                json!({ "error": { "message": message, "type": "invalid_request_error", "param": param } });
            Box::new(Answer::Whole { status: 400, body: error.to_string().into_bytes() })
        };
        let wanted: Wanted = serde_json::from_slice(body)
            .map_err(|error| refuse(format!("malformed request: {error}"), ""))?;
        match wanted.prompt.is_empty() {
            true => Err(refuse("prompt is missing".into(), "prompt")),
            false => Ok(wanted),
        }
    }

    /// Width and height.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        let (width, height) = self.size.as_deref()?.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    }

    fn inline(&self) -> bool {
        self.response_format.as_deref() == Some("b64_json")
    }
}

/// The answer with the addresses of the pictures, or the pictures themselves where they were asked for.
pub async fn answer(call: &Call, wanted: &Wanted, urls: Vec<String>) -> super::Outcome {
    let mut data = Vec::with_capacity(urls.len());
    for url in urls {
        if !wanted.inline() {
            data.push(json!({ "url": url }));
        } else if let Some((_, inline)) = url.split_once(";base64,") {
            data.push(json!({ "b64_json": inline }));
        } else {
            data.push(json!({ "b64_json": STANDARD.encode(download(call, &url).await?) }));
        }
    }
    let body = json!({ "created": Utc::now().timestamp(), "data": data }).to_string().into_bytes();
    Ok(Answer::Whole { status: 200, body })
}

/// A picture at an address that the vendor gave: on the channel's own host, or on the public web. The credential
/// does not go along.
async fn download(call: &Call, url: &str) -> Result<Vec<u8>, String> {
    let (place, ours) = (base(url), home(&call.channel));
    let own = place.is_ok_and(|place| {
        ours.is_ok_and(|ours| (place.tls, place.host, place.port) == (ours.tls, ours.host, ours.port))
    });
    if !own {
        return Ok(egress::fetch(&call.gateway, url).await?.bytes);
    }
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
    let target = target_of(base(url).map_err(|error| error.message)?, path);
    let mut bare = call.channel.as_ref().clone();
    bare.headers.clear();
    let ask = Ask { method: http::Method::GET, target: &target, headers: &[], body: Bytes::new() };
    let mut answer = open(&call.gateway, &bare, ask).await?;
    match answer.status {
        200 => answer.body(STEP_MAX).await,
        status => Err(format!("the picture can't be fetched: status {status}")),
    }
}
