//! Recorded requests as canonical ones, to be written again.

use magic_wire::chat::*;
use magic_wire::json::Json;
use serde_json::{Value, json};

/// A request in canonical form; `None` for one that has what only its own dialect says.
pub fn chat(body: &Value) -> Option<ChatRequest> {
    let text = body.to_string();
    if [
        "guardContent",
        "citationsContent",
        "searchResult",
        "\"citations\"",
        "\"json\":{\"exitCode\"",
        "reasoning_config",
    ]
    .iter()
    .any(|word| text.contains(word))
    {
        return None;
    }
    let mut chat = ChatRequest::default();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut push = |role: Role, content: &Value| -> Option<()> {
        let mut parts: Vec<Part> = Vec::new();
        for block in list(content) {
            match block.get("cachePoint") {
                Some(_) => parts.last_mut()?.cache = Some(CacheMark::Short),
                None => parts.push(Part::new(part(&block)?)),
            }
        }
        if !parts.is_empty() {
            chat.messages.push(Message::new(role, parts));
        }
        Some(())
    };
    push(Role::System, &body["system"])?;
    for message in list(&body["messages"]) {
        let role = if message["role"] == "assistant" { Role::Assistant } else { Role::User };
        push(role, &message["content"])?;
    }
    let config = &body["inferenceConfig"];
    chat.sampling = Sampling {
        max_output: config["maxTokens"].as_u64(),
        temperature: config["temperature"].as_f64(),
        top_p: config["topP"].as_f64(),
        stop: list(&config["stopSequences"]).iter().map(|stop| stop.as_str().unwrap().to_owned()).collect(),
        ..Sampling::default()
    };
    for tool in list(&body["toolConfig"]["tools"]) {
        let spec = &tool["toolSpec"];
        chat.tools.push(match spec["name"].as_str() {
            Some(name) => Tool::Function {
                name: name.to_owned(),
                description: spec["description"].as_str().map(str::to_owned),
                schema: Some(Json::of(&spec["inputSchema"]["json"])),
                strict: spec["strict"].as_bool(),
                cache: None,
            },
            None => Tool::Hosted { dialect: Dialect::BedrockConverse, json: Json::of(&tool) },
        });
    }
    let choice = &body["toolConfig"]["toolChoice"];
    chat.tool_choice = if choice["auto"].is_object() {
        Some(ToolChoice::Auto)
    } else if choice["any"].is_object() {
        Some(ToolChoice::Required)
    } else {
        choice["tool"]["name"].as_str().map(|name| ToolChoice::Named(name.to_owned()))
    };
    let schema = &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    if let Some(text) = schema["schema"].as_str() {
        chat.output = OutputFormat::Schema {
            name: schema["name"].as_str().map(str::to_owned),
            description: schema["description"].as_str().map(str::to_owned),
            schema: Json::from_text(text).unwrap(),
            strict: Some(true),
        };
    }
    let thinking = &body["additionalModelRequestFields"]["thinking"];
    if thinking.is_object() {
        chat.reasoning = Some(ReasoningAsk {
            budget: Some(thinking["budget_tokens"].as_i64().unwrap_or(-1)),
            show: thinking["display"].as_str().map(|display| display == "summarized"),
            ..ReasoningAsk::default()
        });
    }
    let guard = body.get("guardrailConfig");
    chat.extra.extend(guard.map(|value| ("guardrailConfig".to_owned(), Json::of(value))));
    Some(chat)
}

fn part(block: &Value) -> Option<Body> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, value) = block.as_object()?.iter().next()?;
    let media = |kind: &str| {
        let source = &value["source"];
        let mime = format!("{kind}/{}", text(&value["format"]));
        match source["s3Location"]["uri"].as_str() {
            Some(uri) => Media::Url { url: uri.to_owned(), mime: Some(mime) },
            None => Media::Inline { mime, base64: text(&source["bytes"]) },
        }
    };
    Some(match kind.as_str() {
        "text" => Body::Text { text: text(value), annotations: Vec::new() },
        "image" => Body::Image { media: media("image"), detail: None },
        "video" => Body::Video(media("video")),
        "document" => {
            let Media::Inline { base64, .. } = media("text") else { return None };
            Body::File {
                media: Media::Inline { mime: "text/plain".to_owned(), base64 },
                name: Some(text(&value["name"])),
            }
        }
        "toolUse" => Body::Call(Call {
            id: text(&value["toolUseId"]),
            name: text(&value["name"]),
            arguments: value["input"].to_string(),
            custom: false,
            seal: None,
        }),
        "toolResult" => {
            let content = value["content"].as_array()?;
            let parts: Option<Vec<Part>> =
                content.iter().map(|block| Some(Part::new(part(block)?))).collect();
            Body::Result(ToolResult {
                call_id: text(&value["toolUseId"]),
                name: None,
                parts: parts?,
                is_error: value["status"] == "error",
            })
        }
        "reasoningContent" => {
            let redacted = value["redactedContent"].as_str();
            let (kind, data) = match redacted {
                Some(data) => (SealKind::Encrypted, data),
                None => (SealKind::Signature, value["reasoningText"]["signature"].as_str()?),
            };
            let seal = Some(Seal { dialect: Dialect::BedrockConverse, kind, data: data.to_owned() });
            let text = text(&value["reasoningText"]["text"]);
            Body::Reasoning(Reasoning { text, seal, ..Reasoning::default() })
        }
        _ => return None,
    })
}

/// A request with everything written in one of the ways that mean the same: no empty lists and objects, a
/// status only where it is an error, turns that alternate, schemas as trees with their objects closed; and
/// without what we ask for besides.
pub fn normal(body: &Value) -> Value {
    let mut body = body.clone();
    let mut turns: Vec<(Value, Vec<Value>)> = Vec::new();
    for turn in body["messages"].as_array().unwrap() {
        let content = turn["content"].as_array().unwrap().iter().map(|block| {
            let mut block = block.clone();
            if let Some(result) = block.get_mut("toolResult").and_then(Value::as_object_mut) {
                result.retain(|name, value| name != "status" || value != "success");
            }
            block
        });
        match turns.last_mut() {
            Some((role, all)) if *role == turn["role"] => all.extend(content),
            _ => turns.push((turn["role"].clone(), content.collect())),
        }
    }
    body["messages"] =
        turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
    if let Some(config) = body.get_mut("inferenceConfig").and_then(Value::as_object_mut) {
        config.retain(|_, value| *value != json!([]));
        for value in config.values_mut() {
            if let Some(number) = value.as_f64() {
                *value = number.into();
            }
        }
        // What a model that counts its thinking must have, and these callers left to the vendor.
        let counted = body.pointer("/additionalModelRequestFields/thinking/budget_tokens").is_some();
        if counted {
            body["inferenceConfig"].as_object_mut().unwrap().remove("maxTokens");
        }
    }
    let tools = body.pointer_mut("/toolConfig/tools").and_then(Value::as_array_mut);
    for tool in tools.into_iter().flatten() {
        if let Some(schema) = tool.pointer_mut("/toolSpec/inputSchema/json") {
            closed(schema);
        }
    }
    if let Some(schema) = body.pointer_mut("/outputConfig/textFormat/structure/jsonSchema/schema") {
        *schema = serde_json::from_str(schema.as_str().unwrap()).unwrap();
        closed(schema);
    }
    let members = body.as_object_mut().unwrap();
    members.remove("additionalModelResponseFieldPaths");
    members.retain(|_, value| !value.is_null() && *value != json!({}) && *value != json!([]));
    body
}

fn closed(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(closed);
            if members.contains_key("properties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}
