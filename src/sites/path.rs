//! A request's path as a name below a folder. It is decoded once, and whatever could mean another place than it
//! says is refused instead of being cleaned.

use crate::proxy::route::percent_bytes;
use std::borrow::Cow;

/// Why a path names no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// It is no path a person or a program would write.
    Malformed,
    /// It can't be there.
    Missing,
}

/// A name below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Segments joined by slashes, without one at the beginning or end.
    pub path: String,
    /// It ends with a slash: a folder is meant.
    pub folder: bool,
}

/// Whether a segment of a path means the one above, in any of the ways servers read it.
pub fn climbs(path: &str) -> bool {
    if !path.contains('.') && !path.contains('%') {
        return false;
    }
    let decoded = match path.contains('%') {
        true => match percent_bytes(path) {
            Some(decoded) => Cow::Owned(decoded),
            None => return true,
        },
        false => Cow::Borrowed(path.as_bytes()),
    };
    decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        // A server in Java cuts at the semicolon first.
        let segment = segment.split(|byte| *byte == b';').next().unwrap_or(segment);
        matches!(segment, b"." | b"..")
    })
}

/// The name that a path below a site means.
///
/// # Errors
/// See [`Bad`].
pub fn name(path: &str) -> Result<Name, Bad> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut name = String::with_capacity(path.len());
    let mut segments = path.split('/').peekable();
    let mut folder = path.is_empty();
    while let Some(segment) = segments.next() {
        if segment.is_empty() {
            // `//`: another server would take what follows for a host.
            if segments.peek().is_some() {
                return Err(Bad::Missing);
            }
            folder = true;
            break;
        }
        let decoded = percent_bytes(segment).ok_or(Bad::Malformed)?;
        let decoded = std::str::from_utf8(&decoded).map_err(|_| Bad::Malformed)?;
        if decoded.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) || matches!(decoded, "." | "..")
        {
            return Err(Bad::Malformed);
        }
        if hidden(decoded) {
            return Err(Bad::Missing);
        }
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(decoded);
    }
    Ok(Name { path: name, folder })
}

/// Names with a dot in front are nobody's business: `.git`, `.env`. What RFC 8615 puts there is.
pub fn hidden(segment: &str) -> bool {
    segment.starts_with('.') && segment != ".well-known"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once() {
        let plain = |path: &str| name(path).map(|name| (name.path, name.folder));
        assert_eq!(plain("/a/b.html"), Ok(("a/b.html".into(), false)));
        assert_eq!(plain("/a%20b/c%C3%A4/"), Ok(("a b/c\u{e4}".into(), true)));
        assert_eq!(plain(""), Ok((String::new(), true)));
        assert_eq!(plain("/"), Ok((String::new(), true)));
        assert_eq!(plain("/a%252e"), Ok(("a%2e".into(), false)));
        assert_eq!(plain("/.well-known/x"), Ok((".well-known/x".into(), false)));
        for missing in ["/.git/config", "//a", "/a//b", "/%2egit", "/.env", "/..a"] {
            assert_eq!(plain(missing), Err(Bad::Missing), "{missing}");
        }
        for bad in [
            "/..",
            "/../x",
            "/a/%2e%2e/x",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/%",
            "/%zz",
            "/%ff",
            "/a%0d%0a",
        ] {
            assert_eq!(plain(bad), Err(Bad::Malformed), "{bad}");
        }
    }

    #[test]
    fn climbing_is_seen_in_every_spelling() {
        for path in [
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2E/",
            "/a%2f..%2fb",
            "/a\\..\\b",
            "/a%5c%2e.%5c",
            "/..;/x",
            "/%",
        ] {
            assert!(climbs(path), "{path}");
        }
        for path in ["/", "/a.b/c..d", "/a%20b", "/...", "/a/.well-known/x", "/%252e%252e/"] {
            assert!(!climbs(path), "{path}");
        }
    }
}
