//! Pictures and documents of a request, as the `source` of a block.

use crate::chat::{Dialect, Media};
use crate::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The block of a picture, or why there can be none.
pub(super) fn image(media: &Media, origin: Option<Dialect>) -> Result<Source, &'static str> {
    Ok(match inline(media).as_ref().unwrap_or(media) {
        Media::Inline { mime, base64 } => {
            let mime = picture(base64).or_else(|| PICTURES.into_iter().find(|known| known == mime));
            let mime = mime.ok_or("must be a JPEG, PNG, GIF or WebP")?;
            Source::Base64 { mime: mime.to_owned(), data: base64.clone() }
        }
        other => remote(other, origin)?,
    })
}

/// The block of a document, or why there can be none. `Err(None)`: it is a picture.
pub(super) fn document(media: &Media, origin: Option<Dialect>) -> Result<Source, Option<&'static str>> {
    Ok(match inline(media).as_ref().unwrap_or(media) {
        Media::Inline { mime, base64 } => {
            let mime = mime.split(';').next().unwrap_or("").trim();
            if mime == "application/pdf" || (mime.is_empty() && base64.starts_with("JVBERi")) {
                Source::Base64 { mime: "application/pdf".to_owned(), data: base64.clone() }
            } else if mime.starts_with("image/") {
                return Err(None);
            } else if is_text(mime) {
                let bytes = STANDARD.decode(base64).map_err(|_| Some("must be valid base64"))?;
                Source::Text(String::from_utf8(bytes).map_err(|_| Some("must be UTF-8"))?)
            } else {
                return Err(Some("must be a PDF or text"));
            }
        }
        other => remote(other, origin).map_err(Some)?,
    })
}

fn remote(media: &Media, origin: Option<Dialect>) -> Result<Source, &'static str> {
    match media {
        Media::Url { url, .. } if url.starts_with("https://") || url.starts_with("http://") => {
            Ok(Source::Url(url.clone()))
        }
        Media::Url { .. } => Err("must be an address that begins with https://"),
        // An id of another vendor's store means nothing here.
        Media::FileId(id) if origin == Some(Dialect::Anthropic) => Ok(Source::File(id.clone())),
        Media::FileId(_) => Err("names a file that this vendor does not have"),
        Media::Text(text) => Ok(Source::Text(text.clone())),
        Media::Inline { .. } => Err("must be an address"),
    }
}

/// A `data:` address as what it holds.
pub(in crate::dialect) fn inline(media: &Media) -> Option<Media> {
    let Media::Url { url, .. } = media else { return None };
    let (head, base64) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?.to_owned();
    Some(Media::Inline { mime, base64: base64.to_owned() })
}

/// The kind of a picture by its first bytes; callers often name the wrong one.
pub(in crate::dialect) fn picture(base64: &str) -> Option<&'static str> {
    let head = base64.get(..16)?;
    let bytes = STANDARD.decode(head).ok()?;
    match bytes.as_slice() {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some("image/webp"),
        _ => None,
    }
}

pub(in crate::dialect) fn is_text(mime: &str) -> bool {
    const ALSO: [&str; 5] = [
        "application/json",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/javascript",
    ];
    mime.starts_with("text/") || ALSO.contains(&mime)
}

/// Where a block's bytes are.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    Base64 { mime: String, data: String },
    Text(String),
    Url(String),
    File(String),
}

impl Source {
    pub(super) fn write(&self, o: &mut json::Object<'_>) {
        o.object("source", |o| match self {
            Source::Base64 { mime, data } => {
                o.text("type", "base64");
                o.text("media_type", mime);
                o.text("data", data);
            }
            Source::Text(text) => {
                o.text("type", "text");
                o.text("media_type", "text/plain");
                o.text("data", text);
            }
            Source::Url(url) => {
                o.text("type", "url");
                o.text("url", url);
            }
            Source::File(id) => {
                o.text("type", "file");
                o.text("file_id", id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c21_pictures_are_bytes_or_addresses() {
        let url = |url: &str| Media::Url { url: url.into(), mime: None };
        // The bytes are a PNG's, whatever the caller calls them.
        let png = "iVBORw0KGgoAAAANSUhEUg==";
        let expected = Source::Base64 { mime: "image/png".into(), data: png.into() };
        assert_eq!(image(&url(&format!("data:image/jpeg;base64,{png}")), None), Ok(expected));
        assert_eq!(image(&url("https://a/b.png"), None), Ok(Source::Url("https://a/b.png".into())));
        assert!(image(&url("gs://bucket/b.png"), None).is_err());
        assert!(image(&Media::Inline { mime: "image/tiff".into(), base64: "AAAA".into() }, None).is_err());
        assert!(image(&Media::FileId("file_1".into()), None).is_err());
        assert!(image(&Media::FileId("file_1".into()), Some(Dialect::Anthropic)).is_ok());
    }

    #[test]
    fn documents_are_pdfs_or_text() {
        let inline = |mime: &str, base64: &str| Media::Inline { mime: mime.into(), base64: base64.into() };
        assert_eq!(
            document(&inline("text/csv; charset=utf-8", "YSxi"), None),
            Ok(Source::Text("a,b".into()))
        );
        assert!(matches!(document(&inline("application/pdf", "JVBERi0="), None), Ok(Source::Base64 { .. })));
        assert_eq!(document(&inline("image/png", "AAAA"), None), Err(None));
        assert!(document(&inline("application/zip", "AAAA"), None).is_err());
        assert!(document(&inline("text/plain", "/w=="), None).is_err());
    }
}
