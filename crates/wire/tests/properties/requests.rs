//! A request that is read and written in one dialect is the same request, down to members nobody knows.

use crate::written;
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;
use magic_wire::dialect;
use magic_wire::peek::{Edits, peek_gemini, peek_json, splice};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub fn text() -> impl Strategy<Value = String> {
    "[a-zA-Zé世\"\\\\{<]{1,8}([ \n\u{1f600}][a-z]{1,6}){0,2}"
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// Members that no dialect has; their names are `x_name` or, as Google reads both alike, `xName`.
fn unknown(names: &'static str) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(names, value(), 0..3).prop_map(|map| map.into_iter().collect())
}

fn tenths() -> impl Strategy<Value = Option<f64>> {
    prop::option::of((1u8..10).prop_map(|n| f64::from(n) / 10.0))
}

fn schema() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(
        "[a-z]{1,5}",
        prop_oneof![Just("string"), Just("integer"), Just("boolean")],
        1..3,
    )
    .prop_map(|fields| {
        let names: Vec<String> = fields.keys().cloned().collect();
        let fields: Map<String, Value> =
            fields.into_iter().map(|(name, kind)| (name, json!({"type": kind}))).collect();
        json!({"type": "object", "properties": fields, "required": names})
    })
}

/// A conversation: per round what the user says, the arguments of calls with their results, what the answer was.
#[derive(Debug, Clone)]
pub struct Round {
    pub user: String,
    pub calls: Vec<(Value, String)>,
    pub answer: String,
}

pub fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let arguments = prop::collection::btree_map("[a-z]{1,4}", value(), 0..3).prop_map(|map| json!(map));
    let round = (text(), prop::collection::vec((arguments, text()), 0..3), text());
    prop::collection::vec(round.prop_map(|(user, calls, answer)| Round { user, calls, answer }), 1..4)
}

fn with(mut body: Value, unknown: &Map<String, Value>, numbers: &[(&str, Option<f64>)]) -> Value {
    body.as_object_mut().unwrap().extend(unknown.clone());
    for (name, number) in numbers {
        if let Some(number) = number {
            body[*name] = json!(number);
        }
    }
    body
}

pub fn chat_messages(system: &str, rounds: &[Round]) -> Vec<Value> {
    let mut messages = vec![json!({"role": "system", "content": system})];
    for (at, round) in rounds.iter().enumerate() {
        messages.push(json!({"role": "user", "content": round.user}));
        if !round.calls.is_empty() {
            let id = |number: usize| format!("call_{at}_{number}");
            let calls: Vec<Value> = round.calls.iter().enumerate().map(|(number, (arguments, _))| json!({"id": id(number), "type": "function", "function": {"name": "f", "arguments": arguments.to_string()}})).collect();
            messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
            messages.extend(round.calls.iter().enumerate().map(|(number, (_, result))| json!({"role": "tool", "tool_call_id": id(number), "content": result})));
        }
        messages.push(json!({"role": "assistant", "content": round.answer}));
    }
    messages
}

fn anthropic_messages(rounds: &[Round]) -> Vec<Value> {
    let mut messages = Vec::new();
    for (at, round) in rounds.iter().enumerate() {
        messages.push(json!({"role": "user", "content": [{"type": "text", "text": round.user}]}));
        if !round.calls.is_empty() {
            let id = |number: usize| format!("toolu_{at}_{number}");
            let calls: Vec<Value> = round.calls.iter().enumerate().map(|(number, (arguments, _))| json!({"type": "tool_use", "id": id(number), "name": "f", "input": arguments})).collect();
            let results: Vec<Value> = round.calls.iter().enumerate().map(|(number, (_, result))| json!({"type": "tool_result", "tool_use_id": id(number), "content": [{"type": "text", "text": result}]})).collect();
            messages.push(json!({"role": "assistant", "content": calls}));
            messages.push(json!({"role": "user", "content": results}));
        }
        messages.push(json!({"role": "assistant", "content": [{"type": "text", "text": round.answer}]}));
    }
    messages
}

fn gemini_contents(rounds: &[Round]) -> Vec<Value> {
    let mut contents = Vec::new();
    for round in rounds {
        contents.push(json!({"role": "user", "parts": [{"text": round.user}]}));
        if !round.calls.is_empty() {
            let calls: Vec<Value> = round
                .calls
                .iter()
                .map(|(arguments, _)| json!({"functionCall": {"name": "f", "args": arguments}}))
                .collect();
            let results: Vec<Value> = round
                .calls
                .iter()
                .map(|(_, result)| json!({"functionResponse": {"name": "f", "response": {"result": result}}}))
                .collect();
            contents.push(json!({"role": "model", "parts": calls}));
            contents.push(json!({"role": "user", "parts": results}));
        }
        contents.push(json!({"role": "model", "parts": [{"text": round.answer}]}));
    }
    contents
}

fn responses_input(rounds: &[Round]) -> Vec<Value> {
    let mut items = Vec::new();
    for (at, round) in rounds.iter().enumerate() {
        items.push(json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": round.user}]}));
        let id = |number: usize| format!("call_{at}_{number}");
        items.extend(round.calls.iter().enumerate().map(|(number, (arguments, _))| json!({"type": "function_call", "call_id": id(number), "name": "f", "arguments": arguments.to_string()})));
        items.extend(round.calls.iter().enumerate().map(|(number, (_, result))| json!({"type": "function_call_output", "call_id": id(number), "output": result})));
        items.push(json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": round.answer}]}));
    }
    items
}

fn comes_back(dialect: Dialect, body: &Value, model: &str) -> Result<(), TestCaseError> {
    let face = dialect::face(dialect, Endpoint::Chat).unwrap();
    let chat = face.read_request(body.to_string().as_bytes(), Some(model)).unwrap();
    let (text, lost) = written(dialect, &chat, model);
    prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), body);
    prop_assert_eq!(lost.0, vec![]);
    Ok(())
}

fn same_bytes(dialect: Dialect, body: &str) {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let peek = match dialect {
        Dialect::Gemini => peek_gemini(&bytes, "m", true),
        Dialect::OpenAiResponses => peek_json(Endpoint::Responses, &bytes),
        _ => peek_json(Endpoint::Chat, &bytes),
    };
    let none = Map::new();
    let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &none };
    assert_eq!(splice(&bytes, &peek.unwrap(), &edits).unwrap().concat(), bytes);
}

proptest! {
    #[test]
    fn chat_completions_come_back(system in text(), rounds in rounds(), schema in schema(), t in tenths(), p in tenths(), unknown in unknown("x_[a-z]{1,6}"), n in 1u32..5000) {
        let tool = json!({"type": "function", "function": {"name": "f", "description": system, "parameters": schema, "strict": true}});
        let body = json!({"model": "gpt-4o", "messages": chat_messages(&system, &rounds), "tools": [tool], "tool_choice": "required", "parallel_tool_calls": false, "max_completion_tokens": n, "stop": ["END"], "seed": 7, "safety_identifier": "u", "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": schema, "strict": true}}});
        let body = with(body, &unknown, &[("temperature", t), ("top_p", p)]);
        comes_back(Dialect::OpenAiChat, &body, "gpt-4o")?;
        same_bytes(Dialect::OpenAiChat, &serde_json::to_string_pretty(&body).unwrap());
    }

    #[test]
    fn responses_come_back(system in text(), rounds in rounds(), schema in schema(), t in tenths(), unknown in unknown("x_[a-z]{1,6}"), n in 16u32..5000) {
        let tool = json!({"type": "function", "name": "f", "description": system, "parameters": schema, "strict": true});
        let body = json!({"model": "gpt-4o", "instructions": system, "input": responses_input(&rounds), "tools": [tool], "tool_choice": "required", "parallel_tool_calls": false, "max_output_tokens": n, "store": false, "metadata": {"a": "b"}, "reasoning": {"effort": "low", "summary": "auto"}, "text": {"format": {"type": "json_schema", "name": "o", "schema": schema, "strict": true}}});
        let body = with(body, &unknown, &[("temperature", t)]);
        comes_back(Dialect::OpenAiResponses, &body, "gpt-4o")?;
        same_bytes(Dialect::OpenAiResponses, &serde_json::to_string_pretty(&body).unwrap());
    }

    #[test]
    fn messages_come_back(system in text(), rounds in rounds(), schema in schema(), t in tenths(), unknown in unknown("x_[a-z]{1,6}"), n in 1u32..5000) {
        let tool = json!({"name": "f", "description": system, "input_schema": schema, "cache_control": {"type": "ephemeral"}});
        let body = json!({"model": "claude-3-haiku", "max_tokens": n, "system": [{"type": "text", "text": system}], "messages": anthropic_messages(&rounds), "tools": [tool], "tool_choice": {"type": "any", "disable_parallel_tool_use": true}, "stop_sequences": ["END"], "top_k": 5, "metadata": {"user_id": "u"}});
        let body = with(body, &unknown, &[("temperature", t)]);
        comes_back(Dialect::Anthropic, &body, "claude-3-haiku")?;
        same_bytes(Dialect::Anthropic, &serde_json::to_string_pretty(&body).unwrap());
    }

    #[test]
    fn contents_come_back(system in text(), rounds in rounds(), schema in schema(), t in tenths(), p in tenths(), unknown in unknown("x[A-Z][a-z]{1,6}"), n in 1u32..5000) {
        let tool = json!({"functionDeclarations": [{"name": "f", "description": system, "parametersJsonSchema": schema}]});
        let mut config = json!({"maxOutputTokens": n, "topK": 5, "stopSequences": ["END"], "candidateCount": 2, "seed": 3, "responseMimeType": "application/json", "responseJsonSchema": schema});
        config = with(config, &Map::new(), &[("temperature", t), ("topP", p)]);
        let body = json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": gemini_contents(&rounds), "tools": [tool], "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}, "generationConfig": config});
        let body = with(body, &unknown, &[]);
        comes_back(Dialect::Gemini, &body, "gemini-2.5-pro")?;
        same_bytes(Dialect::Gemini, &serde_json::to_string_pretty(&body).unwrap());
    }
}
