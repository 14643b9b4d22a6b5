use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NAMES: &[&str] = &["model", "stream", "usage", "data"];

fn scan(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Member>, String> {
    let mut scan = Scan::new(NAMES, 1 << 16);
    let mut start = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    for cut in cuts {
        scan.push(&bytes[start..cut.max(start)]).map_err(|error| error.message)?;
        start = cut.max(start);
    }
    scan.push(&bytes[start..]).map_err(|error| error.message)?;
    scan.finish().map_err(|error| error.message)?;
    Ok(scan.members().to_vec())
}

#[test]
fn members_are_found_with_their_spans() {
    let body = br#" {"a":[1,{"model":"no"}], "model" : "gpt-4o","stream":true,"usage":{"x":1}, "data":[1,[2,3],{}]} "#;
    let found = scan(body, &[]).unwrap();
    let texts: Vec<&str> =
        found.iter().map(|m| std::str::from_utf8(&body[m.span.clone()]).unwrap()).collect();
    assert_eq!(texts, ["\"gpt-4o\"", "true", "{\"x\":1}", "[1,[2,3],{}]"]);
    assert_eq!(found[3].items, 3);
    for member in &found {
        assert_eq!(member.value.as_deref().unwrap(), &body[member.span.clone()]);
    }
}

#[test]
fn names_behind_escapes_count() {
    let found = scan(br#"{"mod\u0065l":"a"}"#, &[]).unwrap();
    assert_eq!(found[0].name, 0);
    assert!(scan(br#"{"model":"a","mod\u0065l":"b"}"#, &[]).unwrap_err().contains("twice"));
}

#[test]
fn what_parsers_could_disagree_on_is_refused() {
    for bad in [
        &b""[..],
        b"[]",
        b"\xEF\xBB\xBF{}",
        b"{}x",
        b"{}{}",
        b"{\"model\":\"a\",\"model\":\"b\"}",
        b"{\"a\":NaN}",
        b"{\"a\":01}",
        b"{\"a\":1.}",
        b"{\"a\":+1}",
        b"{\"a\":1e}",
        b"{\"a\":truex}",
        b"{\"a\":\"\x00\"}",
        b"{\"a\":\"\n\"}",
        b"{\"a\":1,}",
        b"{\"a\" 1}",
        b"{a:1}",
        b"{\"a\":[1,]}",
        b"{\"a\":[1}",
        b"{\"a\":\"x",
        b"{'a':1}",
    ] {
        assert!(scan(bad, &[]).is_err(), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn depth_has_a_limit() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(scan(deep(63).as_bytes(), &[]).is_ok());
    assert!(scan(deep(64).as_bytes(), &[]).unwrap_err().contains("nested"));
    assert!(scan(deep(100_000).as_bytes(), &[]).is_err());
}

#[test]
fn long_data_counts_little() {
    let body = format!(r#"{{"a":"data:image/png;base64,{}"}}"#, "A".repeat(100_000));
    let mut scan = Scan::new(&[], 0);
    scan.push(body.as_bytes()).unwrap();
    assert!(scan.text_bytes() < 5_000, "{}", scan.text_bytes());
    for text in [
        "word ".repeat(20_000),
        "\u{4e16}".repeat(40_000),
        format!("{}{}", "x".repeat(64), " word".repeat(20_000)),
        format!("data: {}", "word ".repeat(20_000)),
    ] {
        let body = format!(r#"{{"a":"{text}"}}"#);
        let mut scan = Scan::new(&[], 0);
        scan.push(body.as_bytes()).unwrap();
        assert!(scan.text_bytes() > 100_000, "{} of {}", scan.text_bytes(), &text[..20.min(text.len())]);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn where_bytes_are_cut_makes_no_difference(a in value(), b in value(), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        let body = json!({"x": a, "model": "m\u{e9}\"", "data": [b, 1], "usage": {"n": 1}});
        let bytes = serde_json::to_vec(&body).unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let whole = scan(&bytes, &[]).unwrap();
        prop_assert_eq!(&whole, &scan(&bytes, &cuts).unwrap());
        for member in whole {
            let value: Value = serde_json::from_slice(&bytes[member.span.clone()]).unwrap();
            prop_assert_eq!(&value, &body[NAMES[member.name]]);
            prop_assert_eq!(member.value.unwrap(), &bytes[member.span]);
        }
    }

    #[test]
    fn agrees_with_serde_about_what_is_json(bytes in "[\\{\\}\\[\\]\",:a-c0-2. tfn\\\\-]{0,24}") {
        let text = format!("{{{bytes}}}");
        let ours = { let mut scan = Scan::new(&[], 0); scan.push(text.as_bytes()).and_then(|()| scan.finish()).is_ok() };
        let theirs = serde_json::from_str::<Map<String, Value>>(&text).is_ok();
        // Ours may take an unknown escape for granted; it never refuses what is JSON.
        prop_assert!(ours || !theirs, "{}", text);
        if ours && !theirs {
            prop_assert!(text.contains('\\'), "{}", text);
        }
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes, &[3, 7]);
    }
}
