//! Pictures, documents, videos and sounds of a request: bytes, or a place in S3.

use crate::chat::{Body, Media};
use crate::dialect::anthropic::media::{inline, is_text, picture};
use crate::json::{Object, object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;

const PICTURES: &[(&str, &str)] = &[
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
];

const DOCUMENTS: &[(&str, &str)] = &[
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
];

const VIDEOS: &[(&str, &str)] = &[
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/x-matroska", "mkv"),
    ("video/webm", "webm"),
    ("video/x-flv", "flv"),
    ("video/mpeg", "mpeg"),
    ("video/mpg", "mpg"),
    ("video/x-ms-wmv", "wmv"),
    ("video/wmv", "wmv"),
    ("video/3gpp", "three_gp"),
];

const SOUNDS: &[(&str, &str)] = &[
    ("audio/mpeg", "mp3"),
    ("audio/mp3", "mp3"),
    ("audio/wav", "wav"),
    ("audio/x-wav", "wav"),
    ("audio/flac", "flac"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/aac", "aac"),
    ("audio/mp4", "mp4"),
    ("audio/m4a", "m4a"),
    ("audio/webm", "webm"),
    ("audio/pcm", "pcm"),
];

/// The names of a request's documents: the vendor wants each to have one of its own, of a few characters.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    fn of(&mut self, wanted: Option<&str>) -> String {
        let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']');
        let plain: String = wanted.unwrap_or("").chars().map(|c| if taken(c) { c } else { ' ' }).collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let name: String = words.join(" ").chars().take(180).collect();
        let name = if name.is_empty() { "document" } else { name.trim_end() };
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name} {number}");
            number += 1;
        }
        unique
    }
}

/// The block of a picture, document, video or sound, or why there can be none.
pub(super) fn block(body: &Body, claude: bool, names: &mut Names) -> Result<String, &'static str> {
    let (kind, media, formats) = match body {
        Body::Image { media, .. } => ("image", media, PICTURES),
        Body::File { media, .. } if is_picture(media) => ("image", media, PICTURES),
        Body::File { media, name } => return document(media, name.as_deref(), names),
        Body::Video(_) if claude => return Err("is a video, which this model can't see"),
        Body::Video(media) => ("video", media, VIDEOS),
        Body::Audio(_) if claude => return Err("is a sound, which this model can't hear"),
        Body::Audio(media) => ("audio", media, SOUNDS),
        _ => return Err("is no file"),
    };
    let source = Source::of(media)?;
    let format = match &source.data {
        // Callers often name the wrong kind of picture.
        Data::Bytes(base64) if kind == "image" => {
            picture(base64).or(Some(source.mime.as_str())).and_then(|mime| known(formats, mime))
        }
        _ => source.format(formats, None),
    };
    let format = format.ok_or(match kind {
        "image" => "must be a JPEG, PNG, GIF or WebP",
        "video" => "must be a video of a kind that this vendor takes",
        _ => "must be a sound of a kind that this vendor takes",
    })?;
    Ok(object(|o| {
        o.object(kind, |o| {
            o.text("format", format);
            source.write(o);
        });
    }))
}

fn document(media: &Media, name: Option<&str>, names: &mut Names) -> Result<String, &'static str> {
    let source = Source::of(media)?;
    let pdf = matches!(&source.data, Data::Bytes(base64) if base64.starts_with("JVBERi"));
    let format = if pdf { Some("pdf") } else { source.format(DOCUMENTS, name) };
    let format = format.or(is_text(&source.mime).then_some("txt"));
    let format = format.ok_or("must be a PDF, text, or a document of an office")?;
    let name = names.of(name);
    Ok(object(|o| {
        o.object("document", |o| {
            o.text("format", format);
            o.text("name", &name);
            source.write(o);
        });
    }))
}

fn is_picture(media: &Media) -> bool {
    Source::of(media).is_ok_and(|source| source.mime.starts_with("image/"))
}

fn known(formats: &[(&str, &'static str)], mime: &str) -> Option<&'static str> {
    formats.iter().find(|(known, _)| *known == mime).map(|(_, format)| *format)
}

enum Data {
    /// Base64.
    Bytes(String),
    S3(String),
}

struct Source {
    data: Data,
    /// Without parameters.
    mime: String,
}

impl Source {
    fn of(media: &Media) -> Result<Source, &'static str> {
        let bare = |mime: &str| mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        Ok(match inline(media).as_ref().unwrap_or(media) {
            Media::Inline { mime, base64 } => Source { data: Data::Bytes(base64.clone()), mime: bare(mime) },
            Media::Url { url, mime } if url.starts_with("s3://") => {
                Source { data: Data::S3(url.clone()), mime: mime.as_deref().map(bare).unwrap_or_default() }
            }
            Media::Url { .. } => return Err("must be sent as bytes: this vendor fetches only from S3"),
            Media::FileId(_) => return Err("names a file that this vendor does not have"),
            Media::Text(text) => {
                Source { data: Data::Bytes(STANDARD.encode(text)), mime: "text/plain".to_owned() }
            }
        })
    }

    /// The vendor's word for the kind: by its type, else by the ending of its name.
    fn format(&self, formats: &[(&str, &'static str)], name: Option<&str>) -> Option<&'static str> {
        let place = match &self.data {
            Data::S3(url) => Some(url.as_str()),
            Data::Bytes(_) => None,
        };
        let ending = |name: &str| Some(name.rsplit_once('.')?.1.to_ascii_lowercase());
        let ending = name.and_then(ending).or_else(|| place.and_then(ending));
        let by_ending = ending.and_then(|ending| {
            let ending = match ending.as_str() {
                "jpg" => "jpeg",
                "htm" => "html",
                "3gp" => "three_gp",
                other => other,
            };
            formats.iter().map(|(_, format)| *format).find(|format| *format == ending)
        });
        known(formats, &self.mime)
            .filter(|format| *format != "txt")
            .or(by_ending)
            .or(known(formats, &self.mime))
    }

    fn write(&self, o: &mut Object<'_>) {
        o.object("source", |o| match &self.data {
            Data::Bytes(base64) => o.text("bytes", base64),
            Data::S3(uri) => o.object("s3Location", |o| o.text("uri", uri)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn written(body: &Body) -> Result<Value, &'static str> {
        block(body, false, &mut Names::default()).map(|text| serde_json::from_str(&text).unwrap())
    }

    fn inline(mime: &str, base64: &str) -> Media {
        Media::Inline { mime: mime.into(), base64: base64.into() }
    }

    fn url(url: &str) -> Media {
        Media::Url { url: url.into(), mime: None }
    }

    #[test]
    fn pictures_are_named_by_their_bytes() {
        let image = |media| Body::Image { media, detail: None };
        let png = "iVBORw0KGgoAAAANSUhEUg==";
        let expected = json!({"image": {"format": "png", "source": {"bytes": png}}});
        assert_eq!(written(&image(inline("image/jpeg", png))), Ok(expected.clone()));
        assert_eq!(written(&image(url(&format!("data:image/jpeg;base64,{png}")))), Ok(expected));
        let place = json!({"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/k.jpg"}}}});
        assert_eq!(written(&image(url("s3://b/k.jpg"))), Ok(place));
        for bad in [url("https://a/b.png"), inline("image/tiff", "AAAA"), Media::FileId("file_1".into())] {
            assert!(written(&image(bad.clone())).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn documents_have_a_kind_and_a_name_of_their_own() {
        let file = |media, name: Option<&str>| Body::File { media, name: name.map(str::to_owned) };
        let mut names = Names::default();
        let mut named = |body: &Body| -> Value {
            let text = block(body, true, &mut names).unwrap();
            serde_json::from_str::<Value>(&text).unwrap()["document"].clone()
        };
        let pdf = inline("", "JVBERi0=");
        assert_eq!(
            named(&file(pdf.clone(), Some("a_b/  c.pdf"))),
            json!({"format": "pdf", "name": "a b c pdf", "source": {"bytes": "JVBERi0="}})
        );
        assert_eq!(named(&file(pdf.clone(), Some("a b c.pdf")))["name"], "a b c pdf 2");
        assert_eq!(named(&file(pdf.clone(), None))["name"], "document");
        assert_eq!(named(&file(pdf, Some("ÿ")))["name"], "document 2");
        let text = named(&file(Media::Text("a,b".into()), Some("x.csv")));
        assert_eq!((&text["format"], &text["source"]["bytes"]), (&json!("csv"), &json!("YSxi")));
        assert_eq!(named(&file(inline("application/json; charset=utf-8", "e30="), None))["format"], "txt");
        assert_eq!(
            named(&file(inline("application/octet-stream", "AA=="), Some("x.DOCX")))["format"],
            "docx"
        );
        assert!(written(&file(inline("application/zip", "AA=="), Some("x.zip"))).is_err());
        assert!(written(&file(inline("image/png", "AAAA"), None)).unwrap().get("image").is_some());
    }

    #[test]
    fn videos_and_sounds_are_for_models_that_take_them() {
        let video = Body::Video(url("s3://b/small.mp4"));
        let place =
            json!({"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/small.mp4"}}}});
        assert_eq!(written(&video), Ok(place));
        let sound = Body::Audio(inline("audio/wav", "AAAA"));
        assert_eq!(written(&sound), Ok(json!({"audio": {"format": "wav", "source": {"bytes": "AAAA"}}})));
        for body in [video, sound] {
            assert!(block(&body, true, &mut Names::default()).is_err());
        }
        assert!(written(&Body::Video(inline("video/x-unknown", "AAAA"))).is_err());
    }
}
