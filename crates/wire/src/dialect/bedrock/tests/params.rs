//! Settings of a request, and what is refused.

use super::*;

#[test]
fn how_much_a_model_shall_think() {
    let with = |effort: Effort, max: Option<u64>| {
        let mut chat = hello();
        chat.reasoning = Some(ReasoningAsk { effort: Some(effort), ..ReasoningAsk::default() });
        chat.sampling.max_output = max;
        chat
    };
    let fields = |chat: &ChatRequest, model: &str| {
        let body = written(chat, model);
        [&body["additionalModelRequestFields"], &body["outputConfig"], &body["inferenceConfig"]]
            .map(Value::clone)
    };
    let none = Value::Null;
    let enabled = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    let high = with(Effort::High, None);
    assert_eq!(fields(&high, CLAUDE), [enabled(4096), none.clone(), json!({"maxTokens": 5120})]);
    assert_eq!(
        fields(&with(Effort::High, Some(3000)), CLAUDE),
        [enabled(2999), none.clone(), json!({"maxTokens": 3000})]
    );
    assert_eq!(
        fields(&high, NEW),
        [json!({"thinking": {"type": "adaptive"}}), json!({"effort": "high"}), none.clone()]
    );
    let nova = |effort: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}});
    assert_eq!(fields(&high, NOVA), [nova("high"), none.clone(), none.clone()]);
    let limited = with(Effort::High, Some(10));
    assert_eq!(fields(&limited, NOVA), [nova("medium"), none.clone(), json!({"maxTokens": 10})]);
    assert_eq!(lost(&limited, NOVA), "approximated=reasoning");
    assert_eq!(fields(&high, "openai.gpt-oss-20b-1:0")[0], json!({"reasoning_effort": "high"}));
    assert_eq!(lost(&high, LLAMA), "dropped=reasoning");
    assert_eq!(lost(&high, "anthropic.claude-v2:1"), "dropped=reasoning");
    let off =
        ChatRequest { reasoning: Some(ReasoningAsk { off: true, ..ReasoningAsk::default() }), ..hello() };
    assert_eq!([lost(&off, LLAMA), lost(&off, NOVA), lost(&off, CLAUDE)], ["", "", ""]);
    assert_eq!(lost(&off, "openai.gpt-oss-20b-1:0"), "approximated=reasoning");
}

#[test]
fn c12_a_call_without_its_thinking_is_continued_without_any() {
    let mut chat = hello();
    chat.messages.push(Message::new(Role::Assistant, vec![call("1", "f", "{}")]));
    chat.messages.push(Message::new(Role::User, vec![result("1", vec![Part::text("r")], false)]));
    chat.tools = vec![tool("f")];
    chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
    let (body, lost) = write(&chat, CLAUDE).unwrap();
    assert_eq!(
        (&body["additionalModelRequestFields"], lost.header().unwrap().as_str()),
        (&Value::Null, "dropped=reasoning")
    );
}

#[test]
fn limits_of_the_models_chance() {
    let mut chat = hello();
    chat.sampling = Sampling {
        temperature: Some(1.5),
        top_p: Some(0.9),
        top_k: Some(3),
        seed: Some(1),
        presence_penalty: Some(0.5),
        frequency_penalty: Some(0.5),
        logprobs: Some(true),
        top_logprobs: Some(2),
        logit_bias: Some(raw(r#"{"1":2}"#)),
        ..Sampling::default()
    };
    chat.store = Some(true);
    let body = written(&chat, NOVA);
    assert_eq!(body["inferenceConfig"], json!({"temperature": 1.0, "topP": 0.9}));
    assert_eq!(body["additionalModelRequestFields"], json!({"inferenceConfig": {"topK": 3}}));
    let always = "frequency_penalty,presence_penalty,logit_bias,logprobs,top_logprobs,store";
    assert_eq!(lost(&chat, NOVA), format!("dropped={always}; clamped=temperature"));
    // One of the two, for a Claude since 4.5; neither for a newer one.
    assert_eq!(lost(&chat, CLAUDE), format!("dropped={always},top_p; clamped=temperature"));
    assert_eq!(lost(&chat, NEW), format!("dropped={always},temperature,top_p,top_k"));
    assert_eq!(written(&chat, NEW).get("inferenceConfig"), None);
}

#[test]
fn a_model_that_thinks_has_little_choice() {
    let mut chat = hello();
    chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
    chat.sampling = Sampling { top_p: Some(0.5), top_k: Some(3), ..Sampling::default() };
    assert_eq!(lost(&chat, CLAUDE), "dropped=top_p,top_k");
    chat.sampling = Sampling { top_p: Some(0.96), temperature: Some(0.5), ..Sampling::default() };
    let (body, losses) = write(&chat, CLAUDE).unwrap();
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 4096, "topP": 0.96}));
    assert_eq!(losses.header().as_deref(), Some("dropped=temperature"));
}

#[test]
fn members_of_the_dialects_own_come_through() {
    let guard = r#"{"guardrailIdentifier":"g","guardrailVersion":"1"}"#;
    let chat = ChatRequest {
        extra: vec![
            ("guardrailConfig".into(), raw(guard)),
            ("additionalModelRequestFields".into(), raw(r#"{"top_k":9,"x":{"b":1,"a":2}}"#)),
            ("additionalModelResponseFieldPaths".into(), raw(r#"["/x"]"#)),
            ("requestMetadata".into(), raw(r#"{"k":"v"}"#)),
            ("prediction".into(), raw("{}")),
            ("unheard_of".into(), raw("1")),
        ],
        sampling: Sampling { top_k: Some(1), stop: vec!["x".into()], ..Sampling::default() },
        origin: Some(Dialect::OpenAiChat),
        ..hello()
    };
    let (body, losses) = write(&chat, CLAUDE).unwrap();
    assert_eq!(body["guardrailConfig"], serde_json::from_str::<Value>(guard).unwrap());
    assert_eq!(body["additionalModelRequestFields"], json!({"top_k": 9, "x": {"b": 1, "a": 2}}));
    let text = BedrockConverse
        .write_request(&chat, &To { model: CLAUDE, kind: 33, default_max_output: 1 }, &mut Losses::default())
        .unwrap();
    assert_eq!(text.matches("top_k").count(), 1);
    assert_eq!(body["additionalModelResponseFieldPaths"], json!(["/x"]));
    assert_eq!(body["requestMetadata"], json!({"k": "v"}));
    assert_eq!(losses.header().as_deref(), Some("dropped=unheard_of"));

    let own = ChatRequest {
        extra: vec![
            ("anthropic_beta".into(), raw(r#"["b"]"#)),
            ("thinking.block_binding".into(), raw("{}")),
            ("container".into(), raw("\"c\"")),
        ],
        reasoning: Some(ReasoningAsk { budget: Some(1024), ..ReasoningAsk::default() }),
        origin: Some(Dialect::Anthropic),
        ..hello()
    };
    let (body, losses) = write(&own, CLAUDE).unwrap();
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({"anthropic_beta": ["b"], "thinking": {"type": "enabled", "budget_tokens": 1024, "block_binding": {}}})
    );
    assert_eq!(losses.header().as_deref(), Some("dropped=container"));
    assert_eq!(
        lost(&own, NOVA),
        "dropped=anthropic_beta,thinking.block_binding,container; approximated=thinking"
    );
    let bad = ChatRequest { extra: vec![("additionalModelRequestFields".into(), raw("5"))], ..hello() };
    assert!(write(&bad, CLAUDE).is_err());
}

#[test]
fn what_can_neither_be_said_nor_left_out_is_refused() {
    let url = |url: &str| Media::Url { url: url.into(), mime: None };
    let image = |media| ask(vec![Part::new(Body::Image { media, detail: None })]);
    let sound = Media::Inline { mime: "audio/wav".into(), base64: "AAAA".into() };
    for (chat, param) in [
        (image(url("https://a/b.png")), "messages[0].content[0]"),
        (image(Media::FileId("f".into())), "messages[0].content[0]"),
        (ask(vec![Part::new(Body::Audio(sound))]), "messages[0].content[0]"),
        (ChatRequest { sampling: Sampling { n: Some(2), ..Sampling::default() }, ..hello() }, "n"),
        (ChatRequest { modalities: vec!["image".into()], ..hello() }, "modalities"),
        (ChatRequest { previous_response: Some("r".into()), ..hello() }, "previous_response_id"),
        (
            ChatRequest {
                messages: vec![
                    Message::text(Role::User, "a"),
                    Message::new(Role::Assistant, vec![call("1", "f", "[1]")]),
                ],
                ..ChatRequest::default()
            },
            "messages[1].content[0]",
        ),
    ] {
        assert_eq!(write(&chat, CLAUDE).unwrap_err().param.as_deref(), Some(param));
    }
}
