//! `traceparent` of the W3C's Trace Context: what is not exactly as it says is as if it were not there.

use pingora_http::RequestHeader;

/// The caller's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub trace: u128,
    pub span: u64,
    pub sampled: bool,
}

/// The caller's span, where its head names one.
pub fn read(head: &RequestHeader) -> Option<Parent> {
    let mut values = head.headers.get_all("traceparent").iter();
    match (values.next(), values.next()) {
        (Some(value), None) => parse(value.to_str().ok()?),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Parent> {
    let mut parts = text.trim().split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32)?;
    let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
    let flags = hex(parts.next()?, 2)?;
    // Later versions may add parts; this one has none.
    let ends = version != 0 || parts.next().is_none();
    (version != 0xff && trace != 0 && span != 0 && ends).then_some(Parent {
        trace,
        span,
        sampled: flags & 1 == 1,
    })
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let fine = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fine.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_right_is_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = parse(good).unwrap();
        assert_eq!((parent.span, parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert!(!parse(&good.replace("-01", "-00")).unwrap().sampled);
        assert!(parse(&good.replacen("00-", "01-", 1).replace("b7-01", "b7-01-more")).is_some());
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &format!("{good}-more"),
            &good.replacen("00-", "ff-", 1),
            &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace("4bf9", "+bf9"),
            &good.replace("4bf9", "bf9"),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
