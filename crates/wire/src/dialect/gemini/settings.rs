//! `generationConfig`: limits, chance, the form of the answer, thinking.

use super::fields::Fields;
use super::models::{self, Rules, Said};
use super::schema;
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Effort, Losses, OutputFormat, ReasoningAsk, Tool};
use crate::json::{Json, Object, object};

/// The kind of answer that is JSON.
const JSON: &str = "application/json";
/// How many stop sequences are taken.
const STOPS: usize = 5;

/// Reads the configuration; what no field of the canonical chat stands for comes back.
pub(super) fn read(mut fields: Fields<'_>, chat: &mut ChatRequest) -> Result<Option<Json>, WireError> {
    let sampling = &mut chat.sampling;
    sampling.max_output = fields.count("maxOutputTokens")?;
    sampling.temperature = fields.number("temperature")?;
    sampling.top_p = fields.number("topP")?;
    sampling.top_k = fields.count("topK")?;
    sampling.stop = fields.texts("stopSequences")?;
    sampling.seed = fields.int("seed")?;
    sampling.presence_penalty = fields.number("presencePenalty")?;
    sampling.frequency_penalty = fields.number("frequencyPenalty")?;
    sampling.n = fields.count("candidateCount")?;
    sampling.logprobs = fields.flag("responseLogprobs")?;
    sampling.top_logprobs = fields.count("logprobs")?;
    let mut left: Vec<(String, Json)> = Vec::new();
    if let Some(thinking) = fields.object("thinkingConfig")? {
        chat.reasoning = Some(read_thinking(thinking)?);
    }
    let mime = fields.text("responseMimeType")?;
    let own = fields.json("responseSchema");
    let ordinary = fields.json("responseJsonSchema");
    match mime.as_deref() {
        Some(JSON) => {
            let schema = match (ordinary, own) {
                (Some(schema), _) => Some(schema),
                (None, Some(schema)) => Some(Json::from_text(schema::raise(&schema))?),
                (None, None) => None,
            };
            chat.output = schema.map_or(OutputFormat::Json, |schema| OutputFormat::Schema {
                name: None,
                description: None,
                schema,
                strict: None,
            });
        }
        Some("text/plain") | None => {}
        Some(other) => {
            left.push(("responseMimeType".to_owned(), Json::of(&other.into())));
            left.extend(own.map(|schema| ("responseSchema".to_owned(), schema)));
            left.extend(ordinary.map(|schema| ("responseJsonSchema".to_owned(), schema)));
        }
    }
    let raw = fields.json("responseModalities");
    if let Some(raw) = raw {
        let all: Vec<String> = serde_json::from_str(raw.get()).unwrap_or_default();
        let all: Vec<String> = all.iter().map(|modality| modality.to_ascii_lowercase()).collect();
        chat.modalities = all.iter().filter(|modality| *modality != "text").cloned().collect();
        if modalities(chat) != all {
            // An order or a choice that we would not write ourselves.
            left.push(("responseModalities".to_owned(), raw));
        }
    }
    left.extend(fields.rest());
    if left.is_empty() {
        return Ok(None);
    }
    Json::from_text(object(|o| left.iter().for_each(|(name, json)| o.json(name, json)))).map(Some)
}

fn read_thinking(mut fields: Fields<'_>) -> Result<ReasoningAsk, WireError> {
    let level = fields.text("thinkingLevel")?.unwrap_or_default().to_ascii_lowercase();
    let budget = fields.int("thinkingBudget")?;
    Ok(ReasoningAsk {
        effort: Effort::parse(level.strip_prefix("thinking_level_").unwrap_or(&level)),
        budget,
        off: budget == Some(0),
        show: fields.flag("includeThoughts")?,
    })
}

/// The modalities as they are written.
fn modalities(chat: &ChatRequest) -> Vec<String> {
    let has = |name: &str| chat.modalities.iter().any(|modality| modality == name);
    let names: &[&str] = match (has("image"), has("audio")) {
        (true, _) => &["text", "image"],
        (false, true) => &["audio"],
        (false, false) => &["text"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Writes the members of the configuration; `left` are members of the dialect's own that the caller sent.
pub(super) fn write(
    chat: &ChatRequest,
    rules: &Rules,
    left: &[(String, Json)],
    o: &mut Object<'_>,
    lost: &mut Losses,
) -> Result<(), WireError> {
    let sampling = &chat.sampling;
    if sampling.n.is_some_and(|n| !(1..=8).contains(&n)) {
        return Err(WireError::at("n must be between 1 and 8 for this model", "n"));
    }
    o.opt_int("maxOutputTokens", sampling.max_output);
    o.opt_number("temperature", sampling.temperature);
    o.opt_number("topP", sampling.top_p);
    o.opt_int("topK", sampling.top_k);
    if !sampling.stop.is_empty() {
        if sampling.stop.len() > STOPS {
            lost.dropped("stop");
        }
        o.list("stopSequences", |l| sampling.stop.iter().take(STOPS).for_each(|stop| l.item().text(stop)));
    }
    if let Some(seed) = sampling.seed {
        let fits = i32::try_from(seed).is_ok();
        if !fits {
            lost.approximated("seed");
        }
        o.int("seed", if fits { seed } else { seed.rem_euclid(1 << 31) });
    }
    o.opt_number("presencePenalty", sampling.presence_penalty);
    o.opt_number("frequencyPenalty", sampling.frequency_penalty);
    o.opt_int("candidateCount", sampling.n);
    o.opt_flag("responseLogprobs", sampling.logprobs);
    o.opt_int("logprobs", sampling.top_logprobs);
    if sampling.logit_bias.is_some() {
        lost.dropped("logit_bias");
    }
    write_output(chat, rules, o, lost);
    let said = |name: &str| left.iter().any(|(key, _)| key == name);
    if !chat.modalities.is_empty() && !said("responseModalities") {
        let names = modalities(chat);
        o.list("responseModalities", |l| {
            names.iter().for_each(|name| l.item().text(&name.to_ascii_uppercase()))
        });
    }
    if let (Some(audio), false) = (&chat.audio, said("speechConfig")) {
        write_speech(audio, o, lost);
    }
    if let (Some(ask), false) = (&chat.reasoning, said("thinkingConfig")) {
        write_thinking(ask, rules, o, lost);
    }
    left.iter().for_each(|(name, json)| o.json(name, json));
    Ok(())
}

fn write_output(chat: &ChatRequest, rules: &Rules, o: &mut Object<'_>, lost: &mut Losses) {
    let schema = match &chat.output {
        OutputFormat::Text => return,
        OutputFormat::Json => None,
        OutputFormat::Schema { schema, .. } => Some(schema),
    };
    let functions = chat.tools.iter().any(|tool| !matches!(tool, Tool::Hosted { .. }));
    if functions && !rules.third && chat.origin != Some(Dialect::Gemini) {
        // Up to 2.5 functions and a formatted answer exclude each other.
        lost.dropped("response_format");
        return;
    }
    o.text("responseMimeType", JSON);
    match schema {
        Some(schema) if rules.json_schema => o.json("responseJsonSchema", schema),
        Some(schema) => o.key("responseSchema").raw(&schema::lower(schema)),
        None => {}
    }
}

fn write_thinking(ask: &ReasoningAsk, rules: &Rules, o: &mut Object<'_>, lost: &mut Losses) {
    let (said, inexact) = models::thinking(rules, ask);
    if inexact {
        if said == Said::Nothing {
            lost.dropped("reasoning_effort")
        } else {
            lost.approximated("reasoning_effort")
        }
    }
    let show = ask.show.filter(|_| rules.thinking != models::Thinking::No);
    if said == Said::Nothing && show.is_none() {
        return;
    }
    o.object("thinkingConfig", |o| {
        match said {
            Said::Nothing => {}
            Said::Budget(tokens) => o.int("thinkingBudget", tokens),
            Said::Level(level) => o.text("thinkingLevel", level),
        }
        o.opt_flag("includeThoughts", show);
    });
}

/// OpenAI's voices have no counterpart of the same sound; the mapping is fixed so that a caller keeps theirs.
const VOICES: &[(&str, &str)] = &[
    ("alloy", "Kore"),
    ("ash", "Orus"),
    ("ballad", "Enceladus"),
    ("coral", "Aoede"),
    ("echo", "Puck"),
    ("fable", "Charon"),
    ("nova", "Leda"),
    ("onyx", "Fenrir"),
    ("sage", "Zephyr"),
    ("shimmer", "Callirrhoe"),
    ("verse", "Algieba"),
];

fn write_speech(audio: &Json, o: &mut Object<'_>, lost: &mut Losses) {
    let tree = audio.tree();
    let Some(voice) = tree["voice"].as_str() else { return };
    let known = VOICES.iter().find(|(name, _)| *name == voice).map(|(_, voice)| *voice);
    if known.is_some() {
        lost.approximated("audio.voice");
    }
    o.object("speechConfig", |o| {
        o.object("voiceConfig", |o| {
            o.object("prebuiltVoiceConfig", |o| o.text("voiceName", known.unwrap_or(voice)));
        });
    });
}
