use super::*;
use crate::chat::{
    Body, Effort, Event, Media, Message, OutputFormat, Part, ReasoningAsk, Role, Sampling, Stop, ToolChoice,
};
use crate::dialect::kit::tests::{
    asked, call, chat, digest, events, folded, image, json as raw, refused, result, tool, written,
};
use crate::fault::FaultClass;
use proptest::prelude::*;
use serde_json::{Value, json};

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn prompt(messages: Vec<Message>) -> String {
    let body = written(&Tgi, &chat(messages), "m").0;
    body["inputs"].as_str().unwrap().to_owned()
}

#[test]
fn turns_are_lines_with_roles_and_a_longer_history_begins_with_the_same_bytes() {
    let mut messages = vec![
        Message::text(Role::System, "be brief"),
        Message::new(Role::User, vec![Part::text("what is"), image()]),
    ];
    let first = "System: be brief\n\nUser: what is\n![](data:image/png;base64,aGk=)\n\nAssistant:";
    assert_eq!(prompt(messages.clone()), first);
    messages.push(Message::text(Role::Assistant, "a dot"));
    messages.push(user("and"));
    assert_eq!(prompt(messages), format!("{first} a dot\n\nUser: and\n\nAssistant:"));
}

#[test]
fn a_history_of_calls_is_told_as_text() {
    let chat = chat(vec![
        user("dice"),
        Message::new(Role::Assistant, vec![call("1", "roll", "{}")]),
        Message::new(Role::User, vec![result("1", vec![Part::text("6"), image()], false), Part::text("ok")]),
    ]);
    let (body, lost) = written(&Tgi, &chat, "m");
    let expected = "User: dice\n\nAssistant: [called roll with {}]\n\nroll: 6\n![](data:image/png;base64,aGk=)\n\nUser: ok\n\nAssistant:";
    assert_eq!(body["inputs"], expected);
    assert_eq!(lost.as_deref(), Some("approximated=messages[1].content[0],messages[2].content[0]"));
}

#[test]
fn parameters_have_tgis_names_and_exclusive_bounds() {
    let mut chat = chat(vec![user("u")]);
    chat.stream = true;
    chat.sampling = Sampling {
        max_output: Some(0),
        temperature: Some(0.5),
        top_p: Some(0.0),
        top_k: Some(0),
        stop: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
        seed: Some(-7),
        presence_penalty: Some(1.0),
        frequency_penalty: Some(3.0),
        logprobs: Some(true),
        top_logprobs: Some(9),
        ..Sampling::default()
    };
    chat.extra = vec![
        ("typical_p".into(), raw("1.0")),
        ("repetition_penalty".into(), raw("0")),
        ("truncate".into(), raw("100")),
        ("watermark".into(), raw("true")),
        ("best_of".into(), raw("2")),
    ];
    let (body, lost) = written(&Tgi, &chat, "m");
    let expected = json!({
        "max_new_tokens": 1, "do_sample": true, "temperature": 0.5, "top_p": 0.01, "repetition_penalty": 0.01,
        "truncate": 100, "watermark": true, "frequency_penalty": 2.0, "seed": 7, "stop": ["a", "b", "c", "d"],
        "top_n_tokens": 5, "details": true, "return_full_text": false,
    });
    assert_eq!((&body["parameters"], &body["stream"]), (&expected, &json!(true)));
    let told = "dropped=best_of,presence_penalty,stop[4]; approximated=seed; \
                clamped=max_tokens,top_p,repetition_penalty,frequency_penalty,top_logprobs";
    assert_eq!(lost.as_deref(), Some(told));
    chat.sampling =
        Sampling { temperature: Some(0.0), top_p: Some(0.5), top_k: Some(3), ..Sampling::default() };
    chat.extra = vec![("typical_p".into(), raw("0.5"))];
    let greedy = json!({"do_sample": false, "stop": ["\nUser:"], "details": true, "return_full_text": false});
    assert_eq!(
        written(&Tgi, &chat, "m"),
        (json!({"inputs": "User: u\n\nAssistant:", "parameters": greedy, "stream": true}), None)
    );
    chat.sampling = Sampling { top_p: Some(1.0), ..Sampling::default() };
    chat.extra = vec![("typical_p".into(), raw("-1"))];
    let (body, lost) = written(&Tgi, &chat, "m");
    assert_eq!((body["parameters"].get("top_p"), &body["parameters"]["typical_p"]), (None, &json!(0.01)));
    assert_eq!(lost.as_deref(), Some("clamped=typical_p"));
}

#[test]
fn a_formatted_answer_is_a_grammar() {
    let mut chat = chat(vec![user("u")]);
    chat.output = OutputFormat::Json;
    let grammar = json!({"type": "json", "value": {"type": "object"}});
    assert_eq!(written(&Tgi, &chat, "m").0["parameters"]["grammar"], grammar);
    let schema = raw(r#"{"type":"array"}"#);
    chat.output = OutputFormat::Schema { name: None, description: None, schema, strict: None };
    let grammar = json!({"type": "json", "value": {"type": "array"}});
    assert_eq!(written(&Tgi, &chat, "m").0["parameters"]["grammar"], grammar);
}

#[test]
fn what_tgi_cant_do_is_refused_or_told() {
    let mut chat = chat(vec![user("u")]);
    chat.tools = vec![tool("a")];
    assert_eq!(refused(&Tgi, &chat), "tools");
    chat.tool_choice = Some(ToolChoice::None);
    assert_eq!(written(&Tgi, &chat, "m").1, None);
    chat.tools = Vec::new();
    chat.tool_choice = Some(ToolChoice::Required);
    assert_eq!(refused(&Tgi, &chat), "tool_choice");
    chat.tool_choice = None;
    chat.sampling.n = Some(2);
    assert_eq!(refused(&Tgi, &chat), "n");
    chat.sampling.n = None;
    chat.sampling.logit_bias = Some(raw("{}"));
    chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
    assert_eq!(written(&Tgi, &chat, "m").1.as_deref(), Some("dropped=logit_bias,reasoning_effort"));
    let media = || Media::Inline { mime: "audio/wav".into(), base64: "aGk=".into() };
    let odd = Media::Url { url: "https://x/a) b".into(), mime: None };
    for body in [
        Body::Audio(media()),
        Body::Video(media()),
        Body::File { media: media(), name: None },
        Body::Image { media: odd, detail: None },
    ] {
        let chat = self::chat(vec![Message::new(Role::User, vec![Part::text("u"), Part::new(body)])]);
        assert_eq!(refused(&Tgi, &chat), "messages[0].content[1]");
    }
    assert_eq!(refused(&Tgi, &self::chat(Vec::new())), "messages");
}

fn item(text: &str, special: bool) -> String {
    let token = json!({"id": 1, "text": text, "logprob": -0.5, "special": special});
    format!("data:{}\n\n", json!({"index": 1, "token": token, "generated_text": null, "details": null}))
}

fn last(text: &str, whole: &str, reason: &str) -> String {
    let token = json!({"id": 1, "text": text, "logprob": -0.5, "special": text.starts_with('<')});
    let details = json!({"finish_reason": reason, "generated_tokens": 3, "seed": null, "input_length": 7});
    format!("data:{}\n\n", json!({"index": 2, "token": token, "generated_text": whole, "details": details}))
}

fn texts(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// The request whose answer is read: it stops at `END`, and asks for probabilities.
fn request(stops: &[&str]) -> Asked {
    let mut request = chat(vec![user("u")]);
    request.sampling.stop = stops.iter().map(|stop| (*stop).to_owned()).collect();
    request.sampling.logprobs = Some(true);
    asked(request)
}

#[test]
fn a_stream_hides_special_tokens_and_the_stop_sequence() {
    let stream = item(" Hi", false)
        + &item("<unk>", true)
        + &item(" EN", false)
        + &last("D", " Hi END", "stop_sequence");
    let (told, whole) = events(&Tgi, &request(&["END"]), &stream);
    assert!(whole);
    assert_eq!(texts(&told), "Hi ");
    let usage = Usage::default().with(Bucket::Input, 7).with(Bucket::Output, 3);
    let stop = Event::Stop { choice: 0, stop: Stop::StopSequence, stop_text: Some("END".into()) };
    assert_eq!(told[told.len() - 2..], [stop, Event::Usage(usage)]);
    let probabilities = told.iter().filter(|event| matches!(event, Event::Logprobs { .. })).count();
    assert_eq!(probabilities, 3);
    // The beginning of a stop sequence that goes on otherwise.
    let stream = item("EN", false) + &item("DED EN", false) + &last("</s>", "ENDED EN", "eos_token");
    let (told, _) = events(&Tgi, &request(&["ENDS"]), &stream);
    assert_eq!(texts(&told), "ENDED EN");
    assert!(told.contains(&Event::Stop { choice: 0, stop: Stop::End, stop_text: None }));
}

#[test]
fn the_users_next_turn_is_a_plain_end() {
    let stream = item("ok", false) + &item("\n", false) + &last("User:", "ok\nUser:", "stop_sequence");
    let (told, _) = events(&Tgi, &request(&[]), &stream);
    assert_eq!(texts(&told), "ok");
    assert!(told.contains(&Event::Stop { choice: 0, stop: Stop::End, stop_text: None }));
}

#[test]
fn a_whole_answer_may_stand_in_a_list_and_tells_its_usage_where_it_can() {
    let token =
        |text: &str, special: bool| json!({"id": 1, "text": text, "logprob": -0.5, "special": special});
    let mut body = json!([{"generated_text": " 1 END", "details": {
        "finish_reason": "stop_sequence", "generated_tokens": 4, "prefill": [],
        "tokens": [token(" 1", false), token(" END", false), token("</s>", true)], "top_tokens": [[token("x", false)]],
    }}]);
    let reply = Tgi.read_reply(body.to_string().as_bytes(), &request(&["END"])).unwrap();
    let choice = &reply.choices[0];
    assert_eq!(
        (choice.parts[0].as_text(), choice.stop, choice.stop_text.as_deref()),
        (Some("1 "), Stop::StopSequence, Some("END"))
    );
    let probabilities = choice.logprobs.as_ref().unwrap().tree();
    assert_eq!(probabilities["content"].as_array().unwrap().len(), 2);
    assert_eq!(probabilities["content"][0]["top_logprobs"][0]["token"], "x");
    assert_eq!((reply.usage, reply.model.as_str()), (None, "m"));
    body[0]["details"]["prefill"] = json!([{"id": 1}, {"id": 2}]);
    let reply = Tgi.read_reply(body.to_string().as_bytes(), &Asked::default()).unwrap();
    let usage = Usage::default().with(Bucket::Input, 2).with(Bucket::Output, 4);
    // Nothing is cut from the answer to a request that was not ours.
    assert_eq!((reply.usage, reply.choices[0].parts[0].as_text()), (Some(usage), Some(" 1 END")));
    assert_eq!(counted("2", "4"), Some(usage));
    assert_eq!(counted("", "4"), None);
}

#[test]
fn errors_have_the_class_of_their_kind() {
    for (kind, class) in [
        ("overloaded", FaultClass::Overloaded),
        ("generation", FaultClass::Server),
        ("validation", FaultClass::InvalidRequest),
        ("incomplete_generation", FaultClass::Server),
    ] {
        let body = json!({"error": "m", "error_type": kind}).to_string();
        assert_eq!(Tgi.read_reply(body.as_bytes(), &Asked::default()).unwrap_err().message, "m");
        let (told, _) = events(&Tgi, &Asked::default(), &(item("a", false) + &format!("data:{body}\n\n")));
        assert!(matches!(told.last(), Some(Event::Fault(fault)) if fault.class == class), "{told:?}");
    }
    assert!(Tgi.read_reply(b"{}", &Asked::default()).is_err());
    assert!(Tgi.read_reply(b"[]", &Asked::default()).is_err());
    let (told, whole) = events(&Tgi, &request(&["END"]), &item("a EN", false));
    assert!(!whole && texts(&told) == "a EN");
}

proptest! {
    #[test]
    fn where_an_answer_is_cut_into_tokens_makes_no_difference(
        text in "[abé]{0,12}", stop in "[ab]{1,3}", cuts in proptest::collection::vec(0..13usize, 0..5)
    ) {
        let chars: Vec<char> = text.chars().collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(chars.len())).collect();
        cuts.extend([0, chars.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| chars[ends[0]..ends[1]].iter().collect::<String>());
        let reason = if text.ends_with(&stop) { "stop_sequence" } else { "length" };
        let stream: String = pieces.map(|piece| item(&piece, false)).collect::<String>() + &last("</s>", &text, reason);
        let (told, whole) = events(&Tgi, &request(&[&stop]), &stream);
        prop_assert!(whole);
        prop_assert_eq!(texts(&told), text.strip_suffix(&stop).unwrap_or(&text));
        let body = json!({"generated_text": text, "details": {"finish_reason": reason}}).to_string();
        let reply = Tgi.read_reply(body.as_bytes(), &request(&[&stop])).unwrap();
        let streamed = folded(&told);
        prop_assert_eq!(&reply.choices[0].parts, &streamed.choices[0].parts);
        prop_assert_eq!(reply.choices[0].stop, streamed.choices[0].stop);
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        digest(&Tgi, &bytes);
        let inner = Value::from(text.as_str());
        digest(&Tgi, format!("data: {{\"token\":{text}}}\n\n").as_bytes());
        digest(&Tgi, format!("data: {{\"token\":{{\"text\":{inner}}},\"generated_text\":{inner},\"details\":{text}}}\n\n").as_bytes());
        digest(&Tgi, format!("[{{\"generated_text\":{inner},\"details\":{{\"tokens\":{inner}}}}}]").as_bytes());
    }
}
