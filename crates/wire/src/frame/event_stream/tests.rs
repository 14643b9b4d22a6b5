use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Writes a message the way AWS describes it.
fn written(heads: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in heads {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    framed(&headers, payload)
}

fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(LEAST + headers.len() + payload.len()).unwrap();
    let mut out = total.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&plain_crc(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&plain_crc(&out).to_be_bytes());
    out
}

/// CRC-32 (IEEE), bit by bit.
fn plain_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn event(kind: &str, payload: &str) -> Vec<u8> {
    written(
        &[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")],
        payload.as_bytes(),
    )
}

fn cut(whole: &[u8], cuts: &[usize], caps: Caps) -> (Vec<Frame>, Option<WireError>) {
    let whole = Bytes::copy_from_slice(whole);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (whole.len() + 1)).collect();
    cuts.push(whole.len());
    cuts.sort_unstable();
    let (mut stream, mut out, mut start) = (EventStream::new(caps), Vec::new(), 0);
    let mut error = None;
    for cut in cuts {
        if let Err(found) = stream.push(whole.slice(start..cut), &mut out) {
            error.get_or_insert(found);
        }
        start = cut;
    }
    stream.finish(&mut out);
    (out, error)
}

fn frames(whole: &[u8]) -> Vec<(String, Value)> {
    let (found, error) = cut(whole, &[], Caps::default());
    assert_eq!(error, None);
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    found.iter().map(|f| (text(&f.name), serde_json::from_slice(&f.data).unwrap_or_default())).collect()
}

#[test]
fn the_checksum_is_the_one_of_zip() {
    assert_eq!((crc32fast::hash(b"123456789"), plain_crc(b"123456789")), (0xCBF4_3926, 0xCBF4_3926));
}

#[test]
fn events_have_their_type_and_payload() {
    let mut whole = event("messageStart", r#"{"role":"assistant","p":"abc"}"#);
    whole.extend(event("messageStop", r#"{"stopReason":"end_turn"}"#));
    let expected = [
        ("messageStart".to_owned(), json!({"role": "assistant", "p": "abc"})),
        ("messageStop".to_owned(), json!({"stopReason": "end_turn"})),
    ];
    assert_eq!(frames(&whole), expected);
}

#[test]
fn a_message_in_one_piece_is_not_copied() {
    let piece = Bytes::from(event("a", "{}"));
    let mut out = Vec::new();
    EventStream::default().push(piece.clone(), &mut out).unwrap();
    assert_eq!((out[0].raw.as_ptr(), out[0].raw.len()), (piece.as_ptr(), piece.len()));
}

#[test]
fn exceptions_and_errors_say_what_they_are() {
    let exception =
        [(":exception-type", "throttlingException"), (":message-type", "exception"), (":content-type", "x")];
    let error =
        [(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "an \"error\"")];
    for (heads, payload, kind, inner) in [
        (
            &exception,
            r#"{"message":"slow","n":1}"#,
            "throttlingException",
            json!({"message": "slow", "n": 1}),
        ),
        (&exception, r#"{"type":"x","Message":"slow"}"#, "throttlingException", json!({"Message": "slow"})),
        (&exception, "no JSON", "throttlingException", json!({"message": "no JSON"})),
        (&exception, "", "throttlingException", json!({"message": "throttlingException"})),
        (&error, "", "InternalError", json!({"message": "an \"error\""})),
    ] {
        let mut inner = inner;
        inner["type"] = kind.into();
        let expected = (kind.to_owned(), json!({"__type": kind, "error": inner}));
        assert_eq!(frames(&written(heads, payload.as_bytes())), [expected], "{payload}");
    }
}

#[test]
fn a_chunk_is_the_event_that_it_wraps() {
    let wrapped = STANDARD.encode(r#"{"type":"ping","x":"????"}"#);
    let escaped = wrapped.replace('/', "\\/");
    assert_ne!(wrapped, escaped);
    for text in [wrapped, escaped] {
        let whole = event("chunk", &format!(r#"{{"bytes":"{text}","p":"abcd"}}"#));
        assert_eq!(frames(&whole), [("chunk".to_owned(), json!({"type": "ping", "x": "????"}))]);
    }
    assert_eq!(frames(&event("chunk", r#"{"p":1}"#)), [("chunk".to_owned(), json!({"p": 1}))]);
    for bad in [r#"{"bytes":"%"}"#, r#"{"bytes":5}"#] {
        assert!(cut(&event("chunk", bad), &[], Caps::default()).1.is_some(), "{bad}");
    }
}

#[test]
fn headers_of_every_kind_are_skipped() {
    let mut headers = Vec::new();
    for (kind, length) in [(0u8, 0usize), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
        headers.extend([1, b'x', kind]);
        headers.extend(vec![7; length]);
    }
    headers.extend([1, b'y', 6, 0, 3, 1, 2, 3]);
    headers.extend([11]);
    headers.extend(b":event-type");
    headers.extend([7, 0, 1, b'e']);
    assert_eq!(frames(&framed(&headers, b"{}")), [("e".to_owned(), json!({}))]);
    for bad in [&[1][..], &[0, 10], &[1, b'x', 7, 0, 9, 1]] {
        assert!(cut(&framed(bad, b"{}"), &[], Caps::default()).1.is_some(), "{bad:?}");
    }
}

#[test]
fn messages_have_a_limit() {
    let whole = event("a", "{}");
    let caps = |event| Caps { line: 1, event };
    assert_eq!(cut(&whole, &[], caps(whole.len())).1, None);
    // The prelude is enough to tell.
    for bytes in [&whole[..], &whole[..PRELUDE]] {
        let (found, error) = cut(bytes, &[], caps(whole.len() - 1));
        assert!(found.is_empty() && error.is_some_and(|error| error.message.contains("too long")));
    }
}

#[test]
fn a_message_cut_off_is_none() {
    let whole = event("a", "{}");
    for end in 0..whole.len() {
        assert_eq!(cut(&whole[..end], &[], Caps::default()), (vec![], None));
    }
}

#[test]
fn a_bit_that_flips_anywhere_is_seen_and_ends_the_stream() {
    let good = event("a", r#"{"x":1}"#);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut whole = good.clone();
        whole.extend(&bad);
        whole.extend(&good);
        let (found, error) = cut(&whole, &[good.len() * 2], Caps::default());
        assert!(found.len() == 1 && error.is_some(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn where_bytes_are_cut_makes_no_difference(
        messages in proptest::collection::vec(("[a-z]{0,12}", ".{0,40}", any::<bool>()), 0..6),
        flip in proptest::option::of(any::<proptest::sample::Index>()),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut whole = Vec::new();
        for (kind, payload, exception) in messages {
            let heads = if exception {
                [(":message-type", "exception"), (":exception-type", &kind)]
            } else {
                [(":message-type", "event"), (":event-type", &kind)]
            };
            whole.extend(written(&heads, payload.as_bytes()));
        }
        if let Some(flip) = flip.filter(|_| !whole.is_empty()) {
            let at = flip.index(whole.len());
            whole[at] ^= 0x10;
        }
        let once = cut(&whole, &[], Caps::default());
        prop_assert_eq!(&once, &cut(&whole, &cuts, Caps::default()));
        let every: Vec<usize> = (0..whole.len()).collect();
        prop_assert_eq!(&once, &cut(&whole, &every, Caps::default()));
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), headers in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = cut(&bytes, &[7, 50], Caps::default());
        let _ = cut(&framed(&headers, &bytes), &[20], Caps::default());
    }
}
