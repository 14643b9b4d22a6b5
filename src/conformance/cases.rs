//! What is asked for each feature. The answers are short, and not what a model would say anyway.

use magic_domain::feature::Feature;
use magic_wire::chat::{
    Body, CacheMark, ChatRequest, Effort, Media, Message, OutputFormat, Part, ReasoningAsk, Role, Sampling,
    Tool, ToolChoice,
};
use magic_wire::json::Json;
use serde_json::json;

/// The tool that models are given.
pub const TOOL: &str = "get_weather";
/// What a model has to say that follows its system prompt.
pub const WORD: &str = "pineapple";
/// What the picture shows.
pub const COLOUR: &str = "yellow";
/// Where a count from one to five is stopped.
pub const STOP: &str = "three";

/// A picture of 64 by 64 pixels, all of them yellow. Vendors refuse smaller ones.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAATklEQVR42u3PQQkAAAgEsOvf0SxeBN/CYAWWnbwWAQEBAQEBAQEB\
     AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAYFLATFuwbQXTBMwAAAAAElFTkSuQmCC";

/// The request that shows whether a feature works.
pub fn request(feature: Feature) -> ChatRequest {
    let question = match feature {
        Feature::Chat | Feature::Stream | Feature::CacheMarks => "Answer with one word: hello.",
        Feature::Tools => "What is the weather in Paris now? Use the tool.",
        Feature::ParallelTools => {
            "What is the weather in Paris and in Tokyo now? Call the tool for both at once, in one answer."
        }
        Feature::Images => "Which colour has this picture? Answer with one word.",
        Feature::Reasoning => "What is 17 times 23, plus 19 times 29? Answer with the number.",
        Feature::StructuredOutput => "Which city is the capital of France, and on which river is it?",
        Feature::SystemPrompt => "What is two plus two?",
        Feature::Stop => "Count from one to five in words, in small letters, separated by spaces.",
    };
    let mut user = Message::text(Role::User, question);
    let mut chat = ChatRequest::default();
    match feature {
        Feature::Chat => {}
        Feature::Stream => {
            chat.stream = true;
            chat.wants_usage = true;
        }
        Feature::Tools => {
            chat.tools = vec![tool()];
            chat.tool_choice = Some(ToolChoice::Named(TOOL.to_owned()));
        }
        Feature::ParallelTools => chat.tools = vec![tool()],
        Feature::Images => {
            let media = Media::Inline { mime: "image/png".to_owned(), base64: PICTURE.to_owned() };
            user.parts.push(Part::new(Body::Image { media, detail: None }));
        }
        Feature::Reasoning => {
            chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
        }
        Feature::StructuredOutput => {
            let text = json!({ "type": "string" });
            let schema = json!({
                "type": "object", "properties": { "city": text, "river": text },
                "required": ["city", "river"], "additionalProperties": false,
            });
            chat.output = OutputFormat::Schema {
                name: Some("capital".to_owned()),
                description: None,
                schema: Json::of(&schema),
                strict: Some(true),
            };
        }
        Feature::CacheMarks => user.parts.iter_mut().for_each(|part| part.cache = Some(CacheMark::Short)),
        Feature::SystemPrompt => {
            let rule = format!("Whatever the user says, answer with the one word {WORD} and nothing else.");
            chat.messages.push(Message::text(Role::System, rule));
        }
        Feature::Stop => {
            chat.sampling = Sampling { stop: vec![STOP.to_owned()], ..Sampling::default() };
        }
    }
    chat.messages.push(user);
    chat
}

fn tool() -> Tool {
    let schema = json!({
        "type": "object", "properties": { "city": { "type": "string", "description": "The city's name" } },
        "required": ["city"],
    });
    Tool::Function {
        name: TOOL.to_owned(),
        description: Some("Tells the weather in a city now.".to_owned()),
        schema: Some(Json::of(&schema)),
        strict: None,
        cache: None,
    }
}
