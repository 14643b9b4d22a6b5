use super::*;
use magic_domain::usage::{Bucket, Usage};
use magic_testkit::corpus::exchanges;
use magic_wire::dialect::cohere::Cohere;
use serde_json::json;

fn recorded() -> Vec<Exchange> {
    exchanges(|exchange| exchange.endpoint == "cohere.v2.chat")
}

fn asked() -> Asked {
    Asked { model: "command-a".into(), request: None }
}

fn stop(word: &Value, calls: bool) -> Stop {
    match word.as_str().unwrap() {
        "MAX_TOKENS" => Stop::Length,
        "STOP_SEQUENCE" => Stop::StopSequence,
        "TOOL_CALL" => Stop::ToolCalls,
        "COMPLETE" if calls => Stop::ToolCalls,
        "COMPLETE" => Stop::End,
        other => panic!("{other}"),
    }
}

fn usage(report: &Value) -> Option<Usage> {
    let billed = &report["billed_units"];
    let reasoning = report["tokens"]["reasoning_tokens"].as_u64().unwrap_or(0);
    let pictures = report["tokens"]["image_tokens"].as_u64().unwrap_or(0);
    Some(
        Usage::default()
            .with(Bucket::Input, billed["input_tokens"].as_u64()? - pictures)
            .with(Bucket::ImageIn, pictures)
            .with(Bucket::Output, billed["output_tokens"].as_u64()? - reasoning)
            .with(Bucket::Reasoning, reasoning),
    )
}

fn sources(citations: &Value) -> usize {
    let each = |citation: &Value| citation["sources"].as_array().map_or(0, Vec::len);
    match citations {
        Value::Array(items) => items.iter().map(each).sum(),
        one => each(one),
    }
}

#[test]
fn recorded_answers_say_what_a_plain_reading_finds() {
    let mut seen = 0;
    for exchange in recorded().iter().filter(|exchange| !exchange.stream) {
        let answer = exchange.answer().unwrap();
        let reply = Cohere.read_reply(&answer, &asked());
        if exchange.status() >= 400 {
            assert!(reply.unwrap_err().message.starts_with("too many tokens"), "{}", exchange.id);
            continue;
        }
        let reply = reply.unwrap();
        let whole: Value = serde_json::from_slice(&answer).unwrap();
        let message = &whole["message"];
        let mut expected = Said { sources: sources(&message["citations"]), ..Said::default() };
        expected.text += message["tool_plan"].as_str().unwrap_or_default();
        for item in message["content"].as_array().into_iter().flatten() {
            expected.text += item["text"].as_str().unwrap_or_default();
            expected.thoughts += item["thinking"].as_str().unwrap_or_default();
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            let function = &call["function"];
            let arguments = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
            expected.calls.push((word(&call["id"]), word(&function["name"]), arguments));
        }
        expected.stop = stop(&whole["finish_reason"], !expected.calls.is_empty());
        assert_eq!((said(&reply), reply.usage), (expected, usage(&whole["usage"])), "{}", exchange.id);
        assert_eq!((reply.id.as_str(), reply.model.as_str()), (whole["id"].as_str().unwrap(), "command-a"));
        seen += 1;
    }
    eprintln!("answers: {seen}");
}

#[test]
fn recorded_streams_cut_anywhere_say_the_same() {
    let (mut seen, mut cuts) = (0, 0);
    for exchange in recorded().iter().filter(|exchange| exchange.stream) {
        let answer = exchange.answer().unwrap();
        let text = String::from_utf8(answer.clone()).unwrap();
        let (events, whole) = follow(&Cohere, &asked(), &[&answer]);
        assert!(whole, "{}", exchange.id);
        sound(&events, &exchange.id);
        let (mut expected, mut report, mut failed) = (Said::default(), None, false);
        let mut texts: Vec<(String, String, String)> = Vec::new();
        for data in text.lines().filter_map(|line| line.strip_prefix("data:")).filter(|l| l.contains('{')) {
            let event: Value = serde_json::from_str(data).unwrap();
            let message = &event["delta"]["message"];
            expected.text += message["tool_plan"].as_str().unwrap_or_default();
            expected.text += message["content"]["text"].as_str().unwrap_or_default();
            expected.thoughts += message["content"]["thinking"].as_str().unwrap_or_default();
            let call = &message["tool_calls"];
            let piece = call["function"]["arguments"].as_str().unwrap_or_default();
            match event["type"].as_str().unwrap() {
                "citation-start" => expected.sources += sources(&message["citations"]),
                "tool-call-start" => texts.push((
                    call["id"].as_str().unwrap().to_owned(),
                    call["function"]["name"].as_str().unwrap().to_owned(),
                    piece.to_owned(),
                )),
                "tool-call-delta" => texts.last_mut().unwrap().2 += piece,
                "message-end" if event["delta"]["finish_reason"] == "ERROR" => failed = true,
                "message-end" => {
                    expected.stop = stop(&event["delta"]["finish_reason"], !texts.is_empty());
                    report = usage(&event["delta"]["usage"]);
                }
                _ => {}
            }
        }
        for (id, name, arguments) in texts {
            let arguments = if arguments.is_empty() { "{}" } else { &arguments };
            expected.calls.push((id, name, serde_json::from_str(arguments).unwrap()));
        }
        let reply = folded(&events);
        assert_eq!((said(&reply), reply.usage), (expected, report), "{}", exchange.id);
        let fault =
            matches!(events.last(), Some(Event::Fault(fault)) if fault.message.starts_with("your request"));
        assert_eq!(fault, failed, "{}", exchange.id);
        cuts += cut_anywhere(&Cohere, &asked(), exchange, &events);
        seen += 1;
    }
    eprintln!("streams: {seen}, cuts: {cuts}");
}

#[test]
fn changed_recordings_never_panic() {
    rubbish(&Cohere, &recorded());
}

#[test]
fn a_broken_stream_is_not_whole() {
    let start = json!({"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant"}}});
    let (events, whole) = follow(&Cohere, &asked(), &[format!("data: {start}\n\n").as_bytes()]);
    assert!(!whole && events.len() == 1);
}
