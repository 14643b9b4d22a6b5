//! Content codings: what a caller takes, and what is worth compressing.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// A content coding, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

impl Coding {
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// How files end that hold another file in it.
    pub fn ending(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// What a caller takes: weights in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    weights: [u16; 3],
    /// Of the answer as it is, where the caller gives one.
    plain: u16,
}

impl Accepted {
    /// Reads `accept-encoding`. Without one nothing is compressed.
    pub fn of(headers: &HeaderMap) -> Accepted {
        let mut accepted = Accepted::default();
        let mut other = None;
        let mut named = [false; 3];
        for value in headers.get_all(ACCEPT_ENCODING) {
            let Ok(value) = value.to_str() else { continue };
            for item in value.split(',') {
                let (name, weight) = item.split_once(';').map_or((item, 1000), |(name, q)| (name, weight(q)));
                let name = name.trim();
                let known = Coding::ALL.iter().position(|coding| coding.name().eq_ignore_ascii_case(name));
                match known {
                    Some(at) => (accepted.weights[at], named[at]) = (weight, true),
                    None if name == "*" => other = Some(weight),
                    None if name.eq_ignore_ascii_case("identity") => accepted.plain = weight,
                    None => {}
                }
            }
        }
        if let Some(weight) = other {
            let unnamed = accepted.weights.iter_mut().zip(named).filter(|(_, named)| !named);
            unnamed.for_each(|(slot, _)| *slot = weight);
        }
        accepted
    }

    pub fn nothing(&self) -> bool {
        self.weights == [0; 3]
    }

    /// The coding to answer in, of those there are.
    pub fn choose(&self, there: impl Fn(Coding) -> bool) -> Option<Coding> {
        let mut best: Option<(u16, Coding)> = None;
        for (coding, weight) in Coding::ALL.into_iter().zip(self.weights) {
            let better = weight > 0 && weight >= self.plain && best.is_none_or(|(most, _)| weight > most);
            if better && there(coding) {
                best = Some((weight, coding));
            }
        }
        best.map(|(_, coding)| coding)
    }
}

/// `q=0.5`, in thousandths; what is malformed counts as refused.
fn weight(text: &str) -> u16 {
    let Some(number) = text.trim().strip_prefix("q=").or_else(|| text.trim().strip_prefix("Q=")) else {
        return 0;
    };
    match number.trim().parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0) as u16,
        _ => 0,
    }
}

/// Whether answers of a media type get shorter by compressing. Streams of events are never held up by it.
pub fn compressible(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or("").trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    let lower = |at: usize, text: &str| {
        kind.len() >= text.len()
            && kind.get(at..at + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text))
    };
    if is("text/event-stream") {
        return false;
    }
    let ends = |text: &str| kind.len().checked_sub(text.len()).is_some_and(|at| lower(at, text));
    lower(0, "text/")
        || ends("+json")
        || ends("+xml")
        || [
            "application/json",
            "application/javascript",
            "application/x-javascript",
            "application/xml",
            "application/x-ndjson",
            "application/wasm",
            "application/manifest+json",
            "application/graphql",
            "application/rtf",
            "application/vnd.ms-fontobject",
            "font/ttf",
            "font/otf",
            "image/bmp",
            "image/x-icon",
            "image/vnd.microsoft.icon",
        ]
        .into_iter()
        .any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, text.parse().unwrap());
        Accepted::of(&headers)
    }

    #[test]
    fn weights_decide() {
        let chosen = |text: &str| accepted(text).choose(|_| true);
        assert_eq!(Accepted::of(&HeaderMap::new()).choose(|_| true), None);
        assert_eq!(chosen("gzip, deflate, br, zstd"), Some(Coding::Brotli));
        assert_eq!(chosen("gzip;q=1.0, br;q=0.8"), Some(Coding::Gzip));
        assert_eq!(chosen("br;q=0, gzip;q=0.001"), Some(Coding::Gzip));
        assert_eq!(chosen("*"), Some(Coding::Brotli));
        assert_eq!(chosen("br;q=0, *;q=0.5"), Some(Coding::Zstd));
        assert_eq!(chosen("*;q=0"), None);
        assert_eq!(chosen("identity"), None);
        assert_eq!(chosen("identity;q=1, gzip;q=0.5"), None);
        assert_eq!(chosen("identity;q=0.2, GZIP;q=0.5"), Some(Coding::Gzip));
        assert_eq!(chosen("br;q=x"), None);
        assert_eq!(chosen("deflate"), None);
        assert_eq!(accepted("gzip, br").choose(|coding| coding == Coding::Gzip), Some(Coding::Gzip));
    }

    #[test]
    fn texts_are_worth_it() {
        for kind in ["text/html; charset=utf-8", "application/json", "image/svg+xml", "Application/LD+JSON"] {
            assert!(compressible(kind), "{kind}");
        }
        for kind in [
            "text/event-stream",
            "text/event-stream; charset=utf-8",
            "image/png",
            "video/mp4",
            "",
            "+",
            "application/zip",
        ] {
            assert!(!compressible(kind), "{kind}");
        }
    }
}
