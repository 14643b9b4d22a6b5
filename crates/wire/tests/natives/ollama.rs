use super::*;
use magic_domain::usage::{Bucket, Usage};
use magic_testkit::corpus::exchanges;
use magic_wire::dialect::ollama::Ollama;

fn recorded() -> Vec<Exchange> {
    exchanges(|exchange| exchange.endpoint == "ollama.api.chat")
}

/// A plain reading of an answer's lines.
fn plainly(text: &str) -> (Said, Option<Usage>, String) {
    let (mut said, mut usage, mut model) = (Said::default(), None, String::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).unwrap();
        let message = &line["message"];
        said.text += message["content"].as_str().unwrap_or_default();
        said.thoughts += message["thinking"].as_str().unwrap_or_default();
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            let function = &call["function"];
            said.calls.push((word(&call["id"]), word(&function["name"]), function["arguments"].clone()));
        }
        model = line["model"].as_str().unwrap().to_owned();
        if line["done"] == true {
            said.stop = match line["done_reason"].as_str().unwrap() {
                "length" => Stop::Length,
                _ if !said.calls.is_empty() => Stop::ToolCalls,
                _ => Stop::End,
            };
            let count = |name: &str| line[name].as_u64().unwrap_or(0);
            usage = Some(
                Usage::default()
                    .with(Bucket::Input, count("prompt_eval_count"))
                    .with(Bucket::Output, count("eval_count")),
            );
        }
    }
    (said, usage, model)
}

#[test]
fn recorded_answers_say_what_a_plain_reading_finds() {
    let mut seen = 0;
    for exchange in recorded().iter().filter(|exchange| !exchange.stream) {
        let answer = exchange.answer().unwrap();
        let whole: Value = serde_json::from_slice(&answer).unwrap();
        let reply = Ollama.read_reply(&answer, &Asked::default()).unwrap();
        let expected = plainly(&whole.to_string());
        assert_eq!((said(&reply), reply.usage, reply.model.clone()), expected, "{}", exchange.id);
        seen += 1;
    }
    eprintln!("answers: {seen}");
}

#[test]
fn recorded_streams_cut_anywhere_say_the_same() {
    let (mut seen, mut cuts) = (0, 0);
    for exchange in recorded().iter().filter(|exchange| exchange.stream) {
        let answer = exchange.answer().unwrap();
        let (events, whole) = follow(&Ollama, &Asked::default(), &[&answer]);
        assert!(whole, "{}", exchange.id);
        sound(&events, &exchange.id);
        let reply = folded(&events);
        let expected = plainly(std::str::from_utf8(&answer).unwrap());
        assert_eq!((said(&reply), reply.usage, reply.model.clone()), expected, "{}", exchange.id);
        cuts += cut_anywhere(&Ollama, &Asked::default(), exchange, &events);
        let half = &answer[..answer.len() / 2];
        assert!(!follow(&Ollama, &Asked::default(), &[half]).1, "{}", exchange.id);
        seen += 1;
    }
    eprintln!("streams: {seen}, cuts: {cuts}");
}

#[test]
fn changed_recordings_never_panic() {
    rubbish(&Ollama, &recorded());
}
