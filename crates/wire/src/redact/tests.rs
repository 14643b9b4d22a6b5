use super::find::find;
use super::{Rules, redact};
use proptest::prelude::*;
use serde_json::{Value, json};

fn all(body: &str) -> String {
    redact(body.as_bytes(), Rules { personal: true, ..Rules::default() })
}

fn cut(body: &str) -> String {
    redact(body.as_bytes(), Rules { personal: true, cut: true, ..Rules::default() })
}

const SECRETS: &[(&str, &str)] = &[
    ("sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL", "[key]"),
    ("sk-proj-Ab12_cd34-Ef56gh78", "[key]"),
    ("ABCdef0123456789ABCdef0123456789ABCdef0123456789", "[key]"),
    ("AKIAIOSFODNN7EXAMPLE", "[key]"),
    ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[key]"),
    ("ghp_0123456789abcdefghij", "[key]"),
    ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "[key]"),
    ("Bearer abc123def456", "Bearer [token]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w", "[token]"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----", "[private key]"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEow", "[private key]"),
    ("https://user:pass-1@host/x", "https://[login]@host/x"),
    ("jane.doe+x@mail.example.com", "[e-mail]"),
    ("4111 1111 1111 1111", "[card number]"),
    ("4111-1111-1111-1111", "[card number]"),
    ("378282246310005", "[card number]"),
];

#[test]
fn secrets_become_notes_wherever_they_stand() {
    for (secret, note) in SECRETS {
        for (before, after) in
            [("", ""), ("my ", " is"), ("x: \"", "\", y"), ("(", ")."), ("é", "é"), ("\n", "\n")]
        {
            let end = if note.ends_with("[private key]") && !secret.contains("END") { "" } else { after };
            let (said, told) = (format!("{before}{secret}{after}"), format!("{before}{note}{end}"));
            assert_eq!(all(&said), told, "as it is");
            // In JSON, and in JSON inside of it.
            let body = json!({ "messages": [{ "content": said, "n": 1 }] }).to_string();
            assert_eq!(
                serde_json::from_str::<Value>(&all(&body)).unwrap()["messages"][0]["content"],
                json!(told)
            );
            let nested = json!({ "arguments": json!({ "a": [said] }).to_string() }).to_string();
            let kept = all(&nested);
            assert!(!kept.contains(secret.split('\n').next().unwrap()), "{kept}");
        }
    }
}

#[test]
fn what_is_none_stays_byte_for_byte() {
    let body = r#"{ "model":"gpt-4o-mini","created":1732650000,"id":"chatcmpl-AbC123","t":1.50,"ms":1732650000123,
        "s":"a\u00e9\/b \"task-force-one-two-three\" bearer of bad news, Bearer certificates, sk-short user@localhost @here 3.14159265358979
        0123456789abcdef0123456789abcdef01234567 123e4567-e89b-12d3-a456-426614174000 4111 1111 1111 1112 a@b https://a/b:c@d" }"#;
    assert_eq!(all(body), body);
    assert_eq!(all("plain text\nwith lines"), "plain text\nwith lines");
    assert_eq!(all("data: [DONE]\n\n"), "data: [DONE]\n\n");
    assert_eq!(all(""), "");
}

#[test]
fn without_the_option_only_secrets_go() {
    let body = r#"{"a":"jane@example.com 4111111111111111 sk-abcdefghijklmnop"}"#;
    let kept = redact(body.as_bytes(), Rules::default());
    assert_eq!(kept, r#"{"a":"jane@example.com 4111111111111111 [key]"}"#);
}

#[test]
fn numbers_outside_of_strings_are_seen() {
    assert_eq!(all(r#"{"card":4111111111111111,"x":1}"#), r#"{"card":"[card number]","x":1}"#);
    assert_eq!(
        all(r#"{"a":4111111111111111.5,"b":0.4111111111111111}"#),
        r#"{"a":4111111111111111.5,"b":0.4111111111111111}"#
    );
}

#[test]
fn pictures_and_sounds_become_notes() {
    let data = "iVBORw0KGgo9Aa".repeat(40);
    let body = json!({ "url": format!("data:image/png;base64,{data}"), "input_audio": { "data": data, "format": "wav" } });
    let kept: Value = serde_json::from_str(&all(&body.to_string())).unwrap();
    assert_eq!(kept["url"], "data:image/png;base64,[image/png, 420 bytes]");
    assert_eq!(kept["input_audio"], json!({ "data": "[base64, 420 bytes]", "format": "wav" }));
    let rules = Rules { content_type: "audio/mpeg; x=y", bytes: 9000, ..Rules::default() };
    assert_eq!(redact(&[0xff, 0xfb, 0, 1], rules), "[audio/mpeg, 9000 bytes]");
}

/// The texts of a stream, put together again.
fn said(stream: &str, path: &str) -> String {
    let events =
        stream.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok());
    events.filter_map(|event| Some(event.pointer(path)?.as_str()?.to_owned())).collect()
}

#[test]
fn a_secret_in_several_events_is_one() {
    let pieces = ["Write to ja", "ne", "@", "example", ".com, or use s", "k-abcdef", "ghijklmnop", " now"];
    let openai = |text: &str| {
        json!({ "id": "chatcmpl-1", "choices": [{ "index": 0, "delta": { "content": text } }] }).to_string()
    };
    let anthropic = |text: &str| {
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } })
            .to_string()
    };
    let told = "Write to [e-mail], or use [key] now";
    // A stream that is cut between two events.
    let body: String = pieces[..6].iter().map(|piece| format!("data: {}\n\n", openai(piece))).collect();
    assert_eq!(said(&cut(&body), "/choices/0/delta/content"), "Write to [e-mail], or use ");
    for (event, path) in
        [(&openai as &dyn Fn(&str) -> String, "/choices/0/delta/content"), (&anthropic, "/delta/text")]
    {
        let stream: String =
            pieces.iter().map(|piece| format!("event: x\ndata: {}\n\n", event(piece))).collect();
        let kept = all(&stream);
        assert_eq!(said(&kept, path), told, "{kept}");
        assert_eq!(kept.matches("event: x\n").count(), pieces.len());
    }
    // Gemini's list of events.
    let list: Vec<Value> = pieces
        .iter()
        .map(|piece| json!({ "candidates": [{ "content": { "parts": [{ "text": piece }] }, "index": 0 }] }))
        .collect();
    let kept: Vec<Value> = serde_json::from_str(&all(&Value::from(list).to_string())).unwrap();
    let text: String = kept
        .iter()
        .filter_map(|event| event.pointer("/candidates/0/content/parts/0/text")?.as_str())
        .collect();
    assert_eq!(text, told);
}

#[test]
fn probabilities_do_not_tell_it_again() {
    let token = |text: &str| json!({ "token": text, "logprob": -0.5, "bytes": text.as_bytes() });
    let body =
        json!({ "choices": [{ "logprobs": { "content": [token("sk"), token("-abc")] }, "text": "x" }] })
            .to_string();
    let kept: Value = serde_json::from_str(&all(&body)).unwrap();
    assert_eq!(kept, json!({ "choices": [{ "logprobs": "[logprobs]", "text": "x" }] }));
    let asked = r#"{"logprobs":true,"top_logprobs":5,"a":{"logprobs":null},"b":{"logprobs":[ ]}}"#;
    assert_eq!(all(asked), asked);
    assert_eq!(cut(&body[..40]), r#"{"choices":[{"logprobs":"#);
}

#[test]
fn flows_beside_each_other_are_kept_apart() {
    let piece = |index: u64, text: &str| {
        format!("data: {}\n\n", json!({ "choices": [{ "index": index, "delta": { "content": text } }] }))
    };
    let stream = piece(0, "sk-abcdef") + &piece(1, "one ") + &piece(0, "ghijklmnop") + &piece(1, "two");
    let kept = all(&stream);
    assert!(
        !kept.contains("ghijkl") && kept.contains("[key]") && kept.contains("one ") && kept.contains("two"),
        "{kept}"
    );
    // The messages of a request are not one text.
    let body = json!({ "messages": [{ "content": "jane@" }, { "content": "example.com" }] }).to_string();
    assert_eq!(all(&body), body);
}

#[test]
fn half_a_character_is_no_hindrance() {
    for half in ["\\ud83d", "\\ude00", "\\uD83D\\ud83d"] {
        let kept = all(&format!(r#"{{"a":"{half}jane@example.com\ud83d\ude00"}}"#));
        let told: Value = serde_json::from_str(&kept).unwrap();
        let told = told["a"].as_str().unwrap();
        assert_eq!(told.trim_start_matches('\u{fffd}'), "[e-mail]😀", "{kept}");
    }
}

#[test]
fn half_a_secret_at_the_cut_is_not_kept() {
    let body = r#"{"messages":[{"content":"jane@example.com and sk-abcdefghijklmnop"#;
    for length in 0..=body.len() {
        let kept = cut(&body[..length]);
        assert!(!kept.contains("sk-") && !kept.contains("jane"), "{length}: {kept}");
    }
    for length in 0..20 {
        let text = "{\"a\":\"my 4111 1111 1111 1111\"}";
        let kept = cut(&text[..7 + length]);
        assert!(!kept.contains("4111"), "{kept}");
    }
    assert_eq!(cut("{\"a\":\"é and \\u00"), "{\"a\":\"é and \\u00");
    assert_eq!(cut("{\"a\":\"é and sk-a\\u00"), "{\"a\":\"é and ");
    assert_eq!(cut("{\"a\":\"one two\",\"b\":12"), "{\"a\":\"one two\",\"b\":12");
    assert_eq!(redact(&"né".as_bytes()[..2], Rules { cut: true, ..Rules::default() }), "");
}

proptest! {
    /// Whatever comes in, what goes out has been looked at: nothing is left to be found, and JSON stays JSON.
    #[test]
    fn nothing_is_left_to_be_found(parts in prop::collection::vec(
        prop_oneof![
            "[ -~]{0,12}".prop_map(String::from),
            prop::sample::select(SECRETS.iter().map(|(secret, _)| (*secret).to_owned()).collect::<Vec<_>>()),
            prop::sample::select(vec!["é", "\n", " ", "\"", "\\", "data:image/png;base64,", "=", "-----END "]).prop_map(String::from),
        ], 0..8))
    {
        let text = parts.join("");
        let body = json!({ "messages": [{ "role": "user", "content": text }] }).to_string();
        let kept: Value = serde_json::from_str(&all(&body)).unwrap();
        let told = kept["messages"][0]["content"].as_str().unwrap();
        for (secret, note) in SECRETS {
            // A neighbour may make a longer word of it, which is none of these.
            let apart = format!(" {secret} ");
            prop_assert!(!told.contains(&apart), "{note} in {told}");
        }
        prop_assert!(find(told, true).iter().all(|find| find.note == "[login]" || told.contains("[")));
    }

    /// JSON stays JSON, with whatever escapes.
    #[test]
    fn json_stays_json(parts in prop::collection::vec(prop::sample::select(vec![
        "jane", "@", "example.com", " ", "\\u0040", "\\ud83d", "\\ude00", "\\uD83D\\uDE00", "\\n", "\\\\", "\\\"", "\\/", "é",
        "sk-abcdefghijkl", "4111111111111111", "\", \"text\": \"", "\", \"logprobs\": [1, \"a\"], \"b\": \"", "\", \"n\": 4111111111111111, \"c\": \"",
    ]), 0..12)) {
        let body = format!("{{\"content\": \"{}\"}}", parts.join(""));
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok());
        let kept = all(&body);
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&kept).is_ok(), "{body} became {kept}");
        prop_assert!(!kept.contains("jane@example.com") && !kept.contains("jane\\u0040example.com"), "{body} became {kept}");
    }

    /// Bytes of any kind neither panic nor come out longer than notes make them.
    #[test]
    fn any_bytes_will_do(body in prop::collection::vec(any::<u8>(), 0..300), cut in any::<bool>()) {
        redact(&body, Rules { personal: true, cut, ..Rules::default() });
    }

    #[test]
    fn any_text_will_do(body in "[\\[\\]{}:,\"\\\\du0-9a-c@. é-]{0,200}", cut in any::<bool>()) {
        redact(body.as_bytes(), Rules { personal: true, cut, ..Rules::default() });
        redact(format!("data: {body}\ndata:{{\"a\":\"{body}").as_bytes(), Rules { personal: true, cut, ..Rules::default() });
    }
}

/// No scanner walks back over what it has seen.
#[test]
fn time_grows_with_length_alone() {
    let worst = [
        "1 ",
        "@",
        "a@",
        "sk-",
        "eyJ.",
        "eyJaaaaaaaaaa.",
        "-----BEGIN ",
        "://a:",
        "earer ",
        "\"",
        "[",
        "{\"text\":\"",
        "=sk-/",
        "4111-",
    ];
    for piece in worst {
        let (short, long) = (piece.repeat((16 << 10) / piece.len()), piece.repeat((256 << 10) / piece.len()));
        let time = |body: &str| {
            let begun = std::time::Instant::now();
            let kept = all(body);
            all(&format!("{{\"a\":\"{}", body.replace('"', "")));
            (begun.elapsed(), kept.len())
        };
        let (base, _) = time(&short);
        let (whole, _) = time(&long);
        // Sixteen times the text; quadratic would be 256 times the time.
        assert!(whole < base * 120 + std::time::Duration::from_millis(200), "{piece:?}: {base:?}, {whole:?}");
    }
}
