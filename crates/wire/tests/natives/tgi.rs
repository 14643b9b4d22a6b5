use super::*;
use magic_domain::usage::{Bucket, Usage};
use magic_testkit::corpus::exchanges;
use magic_wire::dialect::tgi::Tgi;
use serde_json::json;

fn recorded() -> Vec<Exchange> {
    exchanges(|exchange| exchange.endpoint == "tgi.generate")
}

fn plainly(whole: &Value) -> (Said, Option<Usage>) {
    let details = &whole["details"];
    let stop = match details["finish_reason"].as_str().unwrap() {
        "length" => Stop::Length,
        "stop_sequence" => Stop::StopSequence,
        _ => Stop::End,
    };
    let input = details["prefill"].as_array().map(|tokens| tokens.len() as u64).filter(|count| *count > 0);
    let usage = input.map(|input| {
        let output = details["generated_tokens"].as_u64().unwrap();
        Usage::default().with(Bucket::Input, input).with(Bucket::Output, output)
    });
    let text = whole["generated_text"].as_str().unwrap().to_owned();
    (Said { text, stop, ..Said::default() }, usage)
}

#[test]
fn recorded_answers_say_what_a_plain_reading_finds() {
    let mut seen = 0;
    for exchange in recorded() {
        let answer = exchange.answer().unwrap();
        let whole: Value = serde_json::from_slice(&answer).unwrap();
        let whole = if whole.is_array() { whole[0].clone() } else { whole };
        let reply = Tgi.read_reply(&answer, &Asked::default()).unwrap();
        assert_eq!((said(&reply), reply.usage), plainly(&whole), "{}", exchange.id);
        seen += 1;
    }
    eprintln!("answers: {seen}");
}

/// No stream of the native route was recorded: the tokens of whole answers are sent as one.
#[test]
fn the_tokens_of_recorded_answers_cut_anywhere_say_the_same() {
    let mut seen = 0;
    for exchange in recorded() {
        let whole: Value = serde_json::from_slice(&exchange.answer().unwrap()).unwrap();
        let tokens = whole["details"]["tokens"].as_array().unwrap();
        let mut stream = String::new();
        let mut expected = String::new();
        for (index, token) in tokens.iter().enumerate() {
            let last = index + 1 == tokens.len();
            let details = json!({
                "finish_reason": whole["details"]["finish_reason"],
                "generated_tokens": whole["details"]["generated_tokens"],
                "input_length": 5,
            });
            let item = json!({
                "index": index, "token": token,
                "generated_text": if last { whole["generated_text"].clone() } else { Value::Null },
                "details": if last { details } else { Value::Null },
            });
            stream += &format!("data:{item}\n\n");
            if token["special"] == false {
                expected += token["text"].as_str().unwrap();
            }
        }
        let (events, ended) = follow(&Tgi, &Asked::default(), &[stream.as_bytes()]);
        assert!(ended, "{}", exchange.id);
        sound(&events, &exchange.id);
        let reply = folded(&events);
        let (plain, _) = plainly(&whole);
        assert_eq!(said(&reply), Said { text: expected, ..plain }, "{}", exchange.id);
        let usage = Usage::default().with(Bucket::Input, 5);
        let output = whole["details"]["generated_tokens"].as_u64().unwrap();
        assert_eq!(reply.usage, Some(usage.with(Bucket::Output, output)), "{}", exchange.id);
        for at in places(stream.len()) {
            let (cut, _) =
                follow(&Tgi, &Asked::default(), &[&stream.as_bytes()[..at], &stream.as_bytes()[at..]]);
            assert_eq!(cut, events, "{} cut at {at}", exchange.id);
        }
        seen += 1;
    }
    eprintln!("streams: {seen}");
}

#[test]
fn changed_recordings_never_panic() {
    rubbish(&Tgi, &recorded());
}
