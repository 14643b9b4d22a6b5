//! What an answer costs is the same whether its bytes pass or are translated.

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::Usage;
use magic_wire::chat::Event;
use magic_wire::codec::{Asked, Pipe, VendorCodec};
use magic_wire::dialect::openai_chat::OpenAiChat;
use magic_wire::frame::{Caps, Framing};
use magic_wire::reply::{JsonReply, StreamOptions, StreamReply};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A report with any of the members that vendors have; numbers that contradict each other too.
fn report() -> impl Strategy<Value = Value> {
    let count = || prop::option::of(prop_oneof![0u64..2000, Just(0), Just(u64::MAX)]);
    let names = [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "num_sources_used",
    ];
    let prompt =
        ["cached_tokens", "audio_tokens", "image_tokens", "cache_write_tokens", "cache_creation_tokens"];
    let output = ["reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "image_tokens"];
    let some = move |names: &'static [&'static str]| {
        prop::collection::vec(count(), names.len()).prop_map(move |counts| {
            let set =
                names.iter().zip(counts).filter_map(|(name, count)| Some((name.to_string(), json!(count?))));
            Value::Object(set.collect())
        })
    };
    let (names, prompt, output) = (some(leak(&names)), some(leak(&prompt)), some(leak(&output)));
    (names, prop::option::of(prompt), prop::option::of(output)).prop_map(|(mut report, prompt, output)| {
        if let Some(prompt) = prompt {
            report["prompt_tokens_details"] = prompt;
        }
        if let Some(output) = output {
            report["completion_tokens_details"] = output;
        }
        report
    })
}

fn leak(names: &[&'static str]) -> &'static [&'static str] {
    Box::leak(names.to_vec().into_boxed_slice())
}

fn recoded(stream: &str) -> Option<Usage> {
    let mut pipe = Pipe::new(OpenAiChat.reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut events = Vec::new();
    pipe.push(Bytes::copy_from_slice(stream.as_bytes()), &mut events).unwrap();
    assert!(pipe.end(&mut events).unwrap());
    events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    })
}

fn spliced(stream: &str, strip_usage: bool) -> Option<Usage> {
    let mut reply = StreamReply::new(Endpoint::Chat, StreamOptions { strip_usage, caps: Caps::default() });
    let mut out = Vec::new();
    reply.push(Bytes::copy_from_slice(stream.as_bytes()), &mut out).unwrap();
    reply.finish(&mut out);
    assert!(reply.state().terminal);
    reply.state().usage
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whole_answers_cost_the_same_either_way(report in report()) {
        let body = json!({"id": "i", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}], "usage": report}).to_string();
        let mut reply = JsonReply::new(Endpoint::Chat);
        reply.push(body.as_bytes());
        let read = OpenAiChat.read_reply(body.as_bytes(), &Asked::default()).unwrap();
        prop_assert_eq!(reply.finish().usage, read.usage);
    }

    #[test]
    fn streams_cost_the_same_either_way(reports in prop::collection::vec(report(), 1..3), place in 0..4, strip in any::<bool>()) {
        let mut text = String::new();
        for (at, report) in reports.iter().enumerate() {
            let delta = json!({"index": 0, "delta": {"content": "a"}, "finish_reason": (at + 1 == reports.len()).then_some("stop")});
            let mut chunk = json!({"id": "i", "choices": [delta]});
            match place {
                0 => chunk["usage"] = report.clone(),
                1 => chunk["choices"][0]["usage"] = report.clone(),
                2 => chunk["x_groq"] = json!({"usage": report}),
                _ => {}
            }
            text += &format!("data: {chunk}\n\n");
            if place == 3 {
                text += &format!("data: {}\n\n", json!({"id": "i", "choices": [], "usage": report}));
            }
        }
        text += "data: [DONE]\n\n";
        prop_assert_eq!(spliced(&text, strip), recoded(&text));
    }
}
