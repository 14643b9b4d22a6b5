use super::*;
use crate::chat::{Effort, Media, OutputFormat, Seal, SealKind, ToolChoice};

#[test]
fn items_of_one_turn_are_one_message_and_results_are_one_more() {
    let chat = read(json!({"model": "m", "instructions": "be brief", "input": [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "blob"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I look"}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{\"n\":12345678901234567890123}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": ""},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"role": "user", "content": "and?"}
    ]}))
    .unwrap();
    let shape: Vec<(Role, usize)> = chat.messages.iter().map(|m| (m.role, m.parts.len())).collect();
    use Role::*;
    assert_eq!(shape, [(System, 1), (User, 1), (Assistant, 4), (User, 2), (User, 1)]);
    let Body::Call(call) = &chat.messages[2].parts[2].body else { panic!() };
    assert_eq!(call.arguments, "{\"n\":12345678901234567890123}", "bytes of arguments are the caller's");
    let Body::Reasoning(reasoning) = &chat.messages[2].parts[0].body else { panic!() };
    let seal = Seal { dialect: Dialect::OpenAiResponses, kind: SealKind::Encrypted, data: "blob".into() };
    assert_eq!((reasoning.seal.as_ref(), reasoning.id.as_deref()), (Some(&seal), Some("rs_1")));
}

#[test]
fn c17_text_between_calls_does_not_part_them_from_their_results() {
    let mut chat = read(json!({"model": "m", "input": [
        {"role": "assistant", "content": "first"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "second"},
        {"role": "assistant", "content": "third"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": "2"}
    ]}))
    .unwrap();
    let before = chat.messages.clone();
    chat.pair_calls().unwrap();
    assert_eq!(chat.messages.len(), 2, "no result had to be made up");
    assert_eq!(before[0], chat.messages[0]);
    let (body, _) = write(&chat).unwrap();
    let types: Vec<&str> =
        body["input"].as_array().unwrap().iter().map(|i| i["type"].as_str().unwrap()).collect();
    let (m, c, r) = ("message", "function_call", "function_call_output");
    assert_eq!(types, [m, c, m, m, c, r, r]);
}

#[test]
fn c18_a_result_names_its_call_and_an_orphan_is_named() {
    let mut chat = read(
        json!({"model": "m", "input": [{"type": "function_call_output", "call_id": "x1", "output": "1"}]}),
    )
    .unwrap();
    assert!(chat.pair_calls().unwrap_err().message.contains("\"x1\""));
}

#[test]
fn c20_pictures_in_results_are_pictures() {
    let chat =
        read(json!({"model": "m", "input": [{"type": "function_call_output", "call_id": "a", "output": [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"}
        ]}]}))
        .unwrap();
    let Body::Result(result) = &chat.messages[0].parts[0].body else { panic!() };
    let media = Media::Inline { mime: "image/png".into(), base64: "QUJD".into() };
    assert_eq!(result.parts[1].body, Body::Image { media, detail: Some("low".into()) });
    let (body, _) = write(&chat).unwrap();
    assert_eq!(body["input"][0]["output"][1]["image_url"], "data:image/png;base64,QUJD");
}

#[test]
fn c14_seals_of_other_dialects_go_back_to_their_origin() {
    let seal = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: "sig/+==".into() };
    let of_call = Seal { dialect: Dialect::Gemini, kind: SealKind::Signature, data: "thought".into() };
    let chat = read(json!({"model": "m", "input": [
        {"type": "reasoning", "id": "rs_ours_0", "summary": [{"type": "summary_text", "text": "hm"}],
         "encrypted_content": seal::wrap(&seal, None, None)},
        {"type": "reasoning", "id": "rs_ours_1", "summary": [],
         "encrypted_content": seal::wrap(&of_call, None, Some("a"))},
        {"type": "function_call", "id": "fc_ours_2", "call_id": "a", "name": "f", "arguments": "{}"}
    ]}))
    .unwrap();
    let parts = &chat.messages[0].parts;
    let Body::Reasoning(reasoning) = &parts[0].body else { panic!() };
    assert_eq!(
        (reasoning.text.as_str(), reasoning.summary, reasoning.seal.as_ref()),
        ("hm", false, Some(&seal))
    );
    let Body::Call(call) = &parts[1].body else { panic!() };
    assert_eq!(call.seal.as_ref(), Some(&of_call));
    assert_eq!(parts.len(), 2);
    // And to nobody else: the vendor of this dialect gets the call alone.
    let (body, _) = write(&chat).unwrap();
    assert_eq!(
        body["input"],
        json!([{"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}])
    );
}

#[test]
fn c32_choices_among_tools() {
    for (given, choice) in [
        (json!("auto"), ToolChoice::Auto),
        (json!("none"), ToolChoice::None),
        (json!("required"), ToolChoice::Required),
        (json!({"type": "function", "name": "f"}), ToolChoice::Named("f".into())),
        (json!({"type": "custom", "name": "c"}), ToolChoice::Named("c".into())),
        (
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]}),
            ToolChoice::Allowed { names: vec!["f".into(), "c".into()], required: true },
        ),
    ] {
        let body = json!({"model": "m", "input": "x", "tool_choice": given, "parallel_tool_calls": false, "tools": [
            {"type": "function", "name": "f", "parameters": {}}, {"type": "custom", "name": "c"}]});
        let chat = read(body).unwrap();
        assert_eq!((chat.tool_choice.as_ref(), chat.parallel_tools), (Some(&choice), Some(false)));
        let (body, _) = write(&chat).unwrap();
        assert_eq!((&body["tool_choice"], &body["parallel_tool_calls"]), (&given, &json!(false)));
    }
    let hosted = json!({"type": "file_search"});
    let chat = read(json!({"model": "m", "input": "x", "tool_choice": hosted})).unwrap();
    assert_eq!((chat.tool_choice.clone(), write(&chat).unwrap().0["tool_choice"].clone()), (None, hosted));
}

#[test]
fn asks_are_read() {
    let chat = read(json!({"model": "m", "input": "x", "reasoning": {"effort": "high", "summary": "detailed"},
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"b": 1, "a": 1.50}, "strict": true}},
        "max_output_tokens": 5, "tools": [{"type": "web_search", "search_context_size": "low",
            "user_location": {"type": "approximate", "city": "Bern"}}]}))
    .unwrap();
    let ask = chat.reasoning.as_ref().unwrap();
    assert_eq!((ask.effort, ask.show, ask.off), (Some(Effort::High), Some(true), false));
    assert!(matches!(&chat.output, OutputFormat::Schema { strict: Some(true), .. }));
    assert_eq!((chat.verbosity.as_deref(), chat.sampling.max_output), (Some("low"), Some(5)));
    let search = chat.web_search.as_ref().unwrap();
    assert_eq!(
        search.location.as_ref().unwrap().get(),
        r#"{"type":"approximate","approximate":{"city":"Bern"}}"#
    );
    assert!(chat.tools.is_empty());
    let (body, _) = write(&chat).unwrap();
    assert_eq!(body["tools"][0]["user_location"], json!({"type": "approximate", "city": "Bern"}));
    assert_eq!(body["reasoning"], json!({"effort": "high", "summary": "detailed"}));
}

#[test]
fn what_needs_a_memory_stays_in_the_dialect() {
    for (name, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!("conv_1")),
        ("prompt", json!({"id": "pmpt_1"})),
        ("background", json!(true)),
        ("input", json!([{"type": "item_reference", "id": "msg_1"}])),
        ("input", json!([{"id": "msg_1"}])),
        ("input", json!([{"type": "compaction", "encrypted_content": "x"}])),
    ] {
        let mut body = json!({"model": "m"});
        body[name] = value.clone();
        let chat = read(body).unwrap();
        let error = portable(&chat).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(name));
        assert_eq!(write(&chat).unwrap().0[name], value, "its own vendor gets it");
    }
    let found = json!([{"type": "web_search_call", "id": "ws_1", "status": "completed"}]);
    let chat = read(json!({"model": "m", "input": found, "background": false})).unwrap();
    assert_eq!(portable(&chat), Ok(()));
}

#[test]
fn ids_and_phases_of_items_survive_in_their_dialect() {
    let input = json!([
        {"type": "message", "id": "msg_1", "phase": "commentary", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "text": "a"}]},
        {"type": "message", "id": "msg_2", "phase": "final_answer", "role": "assistant",
         "content": [{"type": "output_text", "text": "b"}]},
        {"type": "custom_tool_call", "id": "ctc_1", "namespace": "n", "call_id": "c", "name": "sh", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "p"}, {"type": "summary_text", "text": "q"}]}
    ]);
    let chat = read(json!({"model": "m", "input": input})).unwrap();
    assert_eq!(write(&chat).unwrap().0["input"], input);
}

#[test]
fn faults_of_a_request_name_their_place() {
    for (body, at) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": "m", "input": 5}), "input"),
        (json!({"model": "m", "input": [{"role": "tool", "content": "x"}]}), "input[0].role"),
        (json!({"model": "m", "input": [{"type": "function_call", "name": "f"}]}), "input[0].call_id"),
        (
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_image"}]}]}),
            "input[0].content[0].image_url",
        ),
        (json!({"model": "m", "input": "x", "tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"model": "m", "input": "x", "tool_choice": "some"}), "tool_choice"),
        (json!({"model": "m", "input": "x", "temperature": "hot"}), "temperature"),
    ] {
        assert_eq!(read(body.clone()).unwrap_err().param.as_deref(), Some(at), "{body}");
    }
}
