use super::*;
use crate::fault::FaultClass;

fn follow(endpoint: Endpoint, strip: bool, text: &str, step: usize) -> (String, StreamState, String) {
    let mut reply = StreamReply::new(endpoint, StreamOptions { strip_usage: strip, ..Default::default() });
    let mut out = Vec::new();
    for piece in text.as_bytes().chunks(step.max(1)) {
        reply.push(Bytes::copy_from_slice(piece), &mut out).unwrap();
    }
    reply.finish(&mut out);
    let bytes: Vec<u8> = out.iter().flat_map(|piece| piece.to_vec()).collect();
    (String::from_utf8(bytes).unwrap(), reply.state().clone(), reply.take_text())
}

const CHAT: &str = concat!(
    "data: {\"choices\":[],\"prompt_filter_results\":[{}],\"usage\":{\"prompt_tokens\":0}}\n\n",
    ": keep-alive\n\n",
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"H\\u00e9\"}}],\"x_unknown\":1.50}\n\n",
    "data:{\"choices\":[{\"delta\":{\"content\":\"llo\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n",
    "data: [DONE]\n\n",
);

#[test]
fn bytes_pass_as_they_are_wherever_they_are_cut() {
    for step in 1..CHAT.len() {
        let (out, state, text) = follow(Endpoint::Chat, false, CHAT, step);
        assert_eq!(out, CHAT);
        assert_eq!(text, "H\u{e9}llo");
        assert!(state.terminal && state.content && state.finished);
        assert_eq!(
            (state.events, state.usage.unwrap().input_total(), state.usage.unwrap().output_total()),
            (2, 9, 2)
        );
    }
}

#[test]
fn only_the_usage_chunk_that_we_asked_for_is_taken_out() {
    for step in [1, 7, 1000] {
        let (out, _, _) = follow(Endpoint::Chat, true, CHAT, step);
        let expected = CHAT.replace(
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n",
            "",
        );
        assert_eq!(out, expected);
    }
}

#[test]
fn usage_beside_content_stays_and_the_last_one_counts() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let (out, state, _) = follow(Endpoint::Chat, true, text, 11);
    assert_eq!(out, text);
    assert_eq!(state.usage.unwrap().output_total(), 2);
    assert!(!state.terminal);
}

#[test]
fn an_error_in_the_middle_is_seen() {
    let text = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":\"overloaded\"}}\n\n";
    let (out, state, _) = follow(Endpoint::Chat, false, text, 9);
    assert_eq!(out, text);
    assert_eq!(state.fault.unwrap().class, FaultClass::Overloaded);
    assert!(!state.content);
}

#[test]
fn a_response_reports_when_it_completes() {
    let text = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"usage\":null}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":4}}}}\n\n",
    );
    for step in [1, 13, 4096] {
        let (out, state, kept) = follow(Endpoint::Responses, true, text, step);
        assert_eq!((out.as_str(), kept.as_str()), (text, "Hi"));
        assert!(state.terminal);
        assert_eq!(state.usage.unwrap().get(magic_domain::usage::Bucket::Reasoning), 4);
    }
}

#[test]
fn a_failed_response_is_an_error() {
    let text = "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"m\"},\"usage\":null}}\n\n";
    let (_, state, _) = follow(Endpoint::Responses, false, text, 5);
    assert_eq!(state.fault.unwrap().message, "m");
    assert!(state.terminal);
}

#[test]
fn text_beyond_the_limit_is_only_counted() {
    let chunk = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(1000));
    let (_, state, text) = follow(Endpoint::Chat, false, &chunk.repeat(100), 1 << 16);
    assert_eq!(text.len() as u64 + state.text_overflow, 100_000);
    assert!(text.len() <= TEXT_MAX);
}

#[test]
fn a_json_answer_is_read_in_any_pieces() {
    let body = br#"{"id":"chatcmpl-1","choices":[{"message":{"content":"usage"}}],"usage":{"prompt_tokens":4,"completion_tokens":1}}"#;
    for step in 1..body.len() {
        let mut reply = JsonReply::new(Endpoint::Chat);
        body.chunks(step).for_each(|piece| reply.push(piece));
        let outcome = reply.finish();
        assert_eq!(
            (outcome.usage.unwrap().input_total(), outcome.id.as_deref(), outcome.broken),
            (4, Some("chatcmpl-1"), false)
        );
    }
}

#[test]
fn an_error_with_status_200_is_an_error() {
    let mut reply = JsonReply::new(Endpoint::Chat);
    reply.push(br#"{"error":{"message":"no","code":"insufficient_quota"}}"#);
    assert_eq!(reply.finish().error.unwrap().class, FaultClass::Quota);
    let mut reply = JsonReply::new(Endpoint::Responses);
    reply.push(br#"{"error":null,"usage":{"input_tokens":1,"output_tokens":1}}"#);
    assert_eq!(reply.finish().error, None);
}

#[test]
fn pictures_and_durations_are_counted() {
    let mut reply = JsonReply::new(Endpoint::ImageGenerations);
    reply.push(br#"{"created":1,"data":[{"url":"a"},{"url":"b"}]}"#);
    assert_eq!(reply.finish().images, 2);
    let mut reply = JsonReply::new(Endpoint::Transcriptions);
    reply.push(br#"{"text":"hi","duration":2.5}"#);
    assert_eq!(reply.finish().usage.unwrap().get(Bucket::Second), 3);
    let mut reply = JsonReply::new(Endpoint::Chat);
    reply.push(b"<html>");
    assert!(reply.finish().broken);
}
