//! Pictures at an address, for vendors that take only their bytes (C21).

use super::super::context::Call;
use crate::egress;
use crate::gateway::Gateway;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use magic_domain::fault::{Code, Fault};
use magic_wire::chat::{Body, ChatRequest, Media, Part};
use magic_wire::dialect;
use magic_wire::lift::Lifted;
use magic_wire::vendors::{Host, Outbound};
use std::sync::Arc;

/// Pictures of one request that are fetched at most.
const PICTURES_MAX: usize = 16;

/// Puts the bytes in the place of addresses, where the vendor needs them.
pub async fn fetched(call: &mut Call, gateway: &Gateway, outbound: Outbound) -> Result<(), Fault> {
    let by_itself =
        outbound.host == Host::Own && dialect::vendor(outbound.dialect).is_none_or(|codec| codec.fetches());
    let Some(chat) = call.chat.as_ref().filter(|chat| !by_itself && points_somewhere(chat)) else {
        return Ok(());
    };
    let mut chat = ChatRequest::clone(chat);
    let mut left = PICTURES_MAX;
    for (at, message) in chat.messages.iter_mut().enumerate() {
        for (number, part) in message.parts.iter_mut().enumerate() {
            let path = format!("messages[{at}].content[{number}]");
            fill(gateway, part, &path, &mut left).await?;
        }
    }
    let mut lifted = Lifted::clone(&call.lifted);
    lifted.more(&mut chat);
    (call.chat, call.lifted) = (Some(Arc::new(chat)), Arc::new(lifted));
    Ok(())
}

fn points_somewhere(chat: &ChatRequest) -> bool {
    let remote = |part: &Part| address_of(part).is_some();
    chat.messages.iter().flat_map(|message| &message.parts).any(|part| match &part.body {
        Body::Result(result) => result.parts.iter().any(remote),
        _ => remote(part),
    })
}

fn address_of(part: &Part) -> Option<&str> {
    let media = match &part.body {
        Body::Image { media, .. } | Body::File { media, .. } => media,
        _ => return None,
    };
    match media {
        Media::Url { url, .. } if url.starts_with("http://") || url.starts_with("https://") => Some(url),
        _ => None,
    }
}

async fn fill(gateway: &Gateway, part: &mut Part, path: &str, left: &mut usize) -> Result<(), Fault> {
    if let Body::Result(result) = &mut part.body {
        for part in &mut result.parts {
            Box::pin(fill(gateway, part, path, left)).await?;
        }
        return Ok(());
    }
    let Some(url) = address_of(part).map(str::to_owned) else { return Ok(()) };
    let refused = |why: &str| {
        let message = format!("{path}: the model must be given the bytes, and they can't be fetched: {why}");
        Fault::new(Code::InvalidRequest, message).at(path)
    };
    *left = left.checked_sub(1).ok_or_else(|| refused("there are too many"))?;
    let found = egress::fetch(gateway, &url).await.map_err(|why| refused(&why))?;
    let bytes = Media::Inline { mime: found.mime.to_owned(), base64: STANDARD.encode(&found.bytes) };
    match &mut part.body {
        Body::Image { media, .. } | Body::File { media, .. } => *media = bytes,
        _ => {}
    }
    Ok(())
}
