//! Parts of a turn: what one says, and how one is written.

use super::fields::Fields;
use super::{Signed, signed};
use crate::WireError;
use crate::chat::{Body, Dialect, Media, Part, Reasoning, Seal, ToolResult};
use crate::json::{Json, List, Object, text_of};
use serde_json::value::RawValue;

/// A part as it was read.
pub(super) enum Piece<'a> {
    Text {
        text: String,
        thought: bool,
        signed: Signed,
    },
    Call(CallPiece<'a>, Option<Seal>),
    Response {
        id: Option<String>,
        result: ToolResult,
    },
    Media(Part, Option<Seal>),
    /// Only Google knows what it is; what others see of it, if anything.
    Opaque {
        json: Json,
        shown: Option<String>,
    },
}

/// A call, or a piece of one: Vertex AI can stream arguments.
pub(super) struct CallPiece<'a> {
    pub id: Option<String>,
    pub name: Option<String>,
    pub args: Option<&'a RawValue>,
    pub pieces: Vec<&'a RawValue>,
    pub goes_on: bool,
}

/// Reads a part.
pub(super) fn read<'a>(raw: &'a RawValue, path: &str) -> Result<Piece<'a>, WireError> {
    let mut fields = Fields::of(raw, path)?;
    let thought = fields.flag("thought")?.unwrap_or(false);
    let signed = fields.text("thoughtSignature")?.map(signed).unwrap_or_default();
    let seal = signed.seal.clone();
    let opaque = || Piece::Opaque { json: Json::from(raw), shown: None };
    if let Some(mut call) = fields.object("functionCall")? {
        let piece = CallPiece {
            id: call.text("id")?.filter(|id| !id.is_empty()),
            name: call.text("name")?.filter(|name| !name.is_empty()),
            args: call.take("args"),
            pieces: call.list("partialArgs")?,
            goes_on: call.flag("willContinue")?.unwrap_or(false),
        };
        return Ok(Piece::Call(piece, seal));
    }
    if let Some(response) = fields.object("functionResponse")? {
        return read_response(response);
    }
    if fields.has("text") {
        return Ok(Piece::Text { text: fields.text("text")?.unwrap_or_default(), thought, signed });
    }
    let inline = fields.has("inlineData");
    if inline || fields.has("fileData") {
        // A draft of a picture is a thought; a cut of a video is no plain video.
        if thought || fields.has("videoMetadata") {
            return Ok(opaque());
        }
        let resolution =
            fields.object("mediaResolution")?.map(|mut fields| fields.text("level")).transpose()?;
        let data = fields.object(if inline { "inlineData" } else { "fileData" })?;
        let Some(data) = data else { return Ok(opaque()) };
        return Ok(Piece::Media(media(data, inline, resolution.flatten())?, seal));
    }
    if let Some(mut code) = fields.object("executableCode")? {
        let language = code.text("language")?.unwrap_or_default().to_ascii_lowercase();
        let language = if language.starts_with("language_") { "" } else { language.as_str() };
        let code = code.text("code")?.unwrap_or_default();
        return Ok(Piece::Opaque { json: Json::from(raw), shown: Some(fence(language, &code)) });
    }
    if let Some(mut result) = fields.object("codeExecutionResult")? {
        let output = result.text("output")?.unwrap_or_default();
        return Ok(Piece::Opaque { json: Json::from(raw), shown: Some(fence("", &output)) });
    }
    if fields.rest().is_empty() {
        return Ok(Piece::Text { text: String::new(), thought, signed });
    }
    Ok(opaque())
}

/// Code as callers of other dialects see it.
fn fence(language: &str, text: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("\n```{language}\n{text}{end}```\n")
}

/// What others see of a part of ours, which follows it as text: for the same dialect it must not be there twice.
pub(super) fn shown(json: &Json) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(json.get()).ok()?;
    match read(raw, "part") {
        Ok(Piece::Opaque { shown, .. }) => shown,
        _ => None,
    }
}

/// Google's SDKs write base64 in the alphabet for addresses; nobody else reads that.
fn standard(base64: String) -> String {
    if !base64.contains(['-', '_']) && base64.len().is_multiple_of(4) {
        return base64;
    }
    let mut base64 = base64.replace('-', "+").replace('_', "/");
    while !base64.len().is_multiple_of(4) {
        base64.push('=');
    }
    base64
}

fn media(mut data: Fields<'_>, inline: bool, resolution: Option<String>) -> Result<Part, WireError> {
    let mime = data.text("mimeType")?;
    let name = data.text("displayName")?;
    let kind = mime.clone().unwrap_or_default().to_ascii_lowercase();
    let media = if inline {
        let base64 = standard(data.text("data")?.unwrap_or_default());
        Media::Inline { mime: mime.unwrap_or_else(|| "application/octet-stream".to_owned()), base64 }
    } else {
        let path = data.at("fileUri");
        let url = data.text("fileUri")?;
        let url = url.ok_or_else(|| WireError::at(format!("{path} is missing"), path))?;
        Media::Url { url, mime }
    };
    let detail = resolution.and_then(|level| match level.as_str() {
        "MEDIA_RESOLUTION_LOW" => Some("low".to_owned()),
        "MEDIA_RESOLUTION_HIGH" | "MEDIA_RESOLUTION_ULTRA_HIGH" => Some("high".to_owned()),
        _ => None,
    });
    Ok(Part::new(match kind.split('/').next().unwrap_or_default() {
        "image" => Body::Image { media, detail },
        "audio" => Body::Audio(media),
        "video" => Body::Video(media),
        _ => Body::File { media, name },
    }))
}

fn read_response(mut fields: Fields<'_>) -> Result<Piece<'static>, WireError> {
    let id = fields.text("id")?.filter(|id| !id.is_empty());
    let name = fields.text("name")?;
    let (text, is_error) = fields.take("response").map_or_else(Default::default, response_text);
    let mut parts = vec![Part::text(text)];
    for raw in fields.list("parts")? {
        let path = fields.at("parts");
        if let Piece::Media(part, _) = read(raw, &path)? {
            parts.push(part);
        }
    }
    Ok(Piece::Response { id, result: ToolResult { call_id: String::new(), name, parts, is_error } })
}

/// What a result says: the text of `{"output": text}` and `{"error": text}`, else the object as it is.
fn response_text(raw: &RawValue) -> (String, bool) {
    if let Ok(fields) = Fields::of(raw, "response") {
        let members = fields.rest();
        if let [(name, json)] = members.as_slice() {
            let text: Option<String> = serde_json::from_str(json.get()).ok();
            match (name.as_str(), text) {
                // A text that is itself an object would come back as that object.
                ("output", Some(text)) if !is_object(&text) => return (text, false),
                ("error", Some(text)) => return (text, true),
                _ => {}
            }
        }
        return (raw.get().to_owned(), false);
    }
    (text_of(raw).unwrap_or_else(|| raw.get().to_owned()), false)
}

/// Whether a text is one JSON object.
pub(super) fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// A part of the canonical chat; several where a signature rides on it.
pub(super) fn keep(piece: Piece<'_>, parts: &mut Vec<Part>) {
    let mark = |seal: Option<Seal>| {
        seal.map(|seal| Part::new(Body::Reasoning(Reasoning { seal: Some(seal), ..Reasoning::default() })))
    };
    match piece {
        Piece::Text { text, thought: true, signed: Signed { seal, id, summary } } => {
            let reasoning = Reasoning { text, seal, id, summary: summary.unwrap_or(true) };
            parts.push(Part::new(Body::Reasoning(reasoning)));
        }
        Piece::Text { text, thought: false, signed: Signed { seal, .. } } => {
            if !text.is_empty() || seal.is_none() {
                parts.push(Part::text(text));
            }
            parts.extend(mark(seal));
        }
        Piece::Media(part, seal) => {
            parts.push(part);
            parts.extend(mark(seal));
        }
        Piece::Opaque { json, shown } => {
            parts.push(Part::new(Body::Opaque { dialect: Dialect::Gemini, json }));
            parts.extend(shown.map(Part::text));
        }
        Piece::Response { result, .. } => parts.push(Part::new(Body::Result(result))),
        Piece::Call(..) => {}
    }
}

/// Writes a text.
pub(super) fn text(list: &mut List<'_>, text: &str) {
    list.object(|o| o.text("text", text));
}

/// Writes reasoning: a thought, or a signature alone. What has neither leaves nothing behind.
pub(super) fn reasoning(list: &mut List<'_>, text: &str, signature: Option<&str>, thought: bool) {
    if text.is_empty() && signature.is_none() {
        return;
    }
    list.object(|o| {
        o.text("text", text);
        if thought {
            o.flag("thought", true);
        }
        o.opt_text("thoughtSignature", signature);
    });
}

/// Writes a call. `arguments` must be the text of an object.
pub(super) fn call(
    o: &mut Object<'_>,
    id: Option<&str>,
    name: &str,
    arguments: &str,
    signature: Option<&str>,
) {
    o.object("functionCall", |o| {
        o.opt_text("id", id);
        o.text("name", name);
        o.key("args").raw(arguments);
    });
    o.opt_text("thoughtSignature", signature);
}

/// Writes the members of an object.
pub(super) type Members<'a> = Box<dyn Fn(&mut Object<'_>) + 'a>;

/// Writes the members of a part of media; `None` where the body is none, or one that Google can't be shown.
pub(super) fn media_members(body: &Body, resolution: bool) -> Option<Members<'_>> {
    let (media, fallback, name, detail) = match body {
        Body::Image { media, detail } => (media, Some("image/jpeg"), None, detail.as_deref()),
        Body::Audio(media) => (media, None, None, None),
        Body::Video(media) => (media, None, None, None),
        Body::File { media, name } => (media, None, name.as_deref(), None),
        _ => return None,
    };
    let level = match detail.filter(|_| resolution) {
        Some("low") => Some("MEDIA_RESOLUTION_LOW"),
        Some("high") => Some("MEDIA_RESOLUTION_HIGH"),
        _ => None,
    };
    let resolution = move |o: &mut Object<'_>| {
        if let Some(level) = level {
            o.object("mediaResolution", |o| o.text("level", level));
        }
    };
    match media {
        Media::Inline { mime, base64 } => Some(Box::new(move |o| {
            o.object("inlineData", |o| {
                o.text("mimeType", mime);
                o.text("data", base64);
                o.opt_text("displayName", name);
            });
            resolution(o);
        })),
        Media::Url { url, mime } => Some(Box::new(move |o| {
            o.object("fileData", |o| {
                o.opt_text("mimeType", mime.as_deref().or_else(|| guess(url)).or(fallback));
                o.text("fileUri", url);
            });
            resolution(o);
        })),
        Media::FileId(id) if id.contains("://") => Some(Box::new(move |o| {
            o.object("fileData", |o| o.text("fileUri", id));
            resolution(o);
        })),
        Media::FileId(_) => None,
        Media::Text(text) => Some(Box::new(move |o| o.text("text", text))),
    }
}

/// The kind of what a URL names, by its ending.
fn guess(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => return None,
    })
}
