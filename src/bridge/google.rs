//! Pictures and speech of Google's: Imagen's `predict`, and Gemini models that draw or speak as they answer.

use super::images::Wanted;
use super::{Answer, Call, Outcome, STEP_MAX, speech};
use crate::credentials;
use crate::fetch::{Ask, open};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::Utc;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;
use magic_wire::dialect::gemini::read_usage;
use magic_wire::peek::Rope;
use magic_wire::vendors::{Outbound, target};
use serde_json::{Value, json};

/// A Gemini model draws one picture a call: so many calls at most.
const CALLS_MAX: u32 = 4;

pub async fn images(call: Call) -> Outcome {
    let wanted = match Wanted::read(&call.body) {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(*refused),
    };
    let ratio = wanted.dimensions().map(|(width, height)| ratio(width, height));
    let n = wanted.n.unwrap_or(1);
    if call.model.contains("imagen") {
        let mut parameters = json!({ "sampleCount": n });
        if let Some(ratio) = ratio {
            parameters["aspectRatio"] = ratio.into();
        }
        let ask = json!({ "instances": [{ "prompt": wanted.prompt }], "parameters": parameters });
        let (status, told) = step(&call, "predict", ask).await?;
        if status != 200 {
            return Ok(Answer::Whole { status, body: told.to_string().into_bytes() });
        }
        let all = told["predictions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pictures = all.iter().filter_map(|one| one["bytesBase64Encoded"].as_str()).map(str::to_owned);
        return finished(pictures.collect(), None);
    }
    let mut config = json!({ "responseModalities": ["TEXT", "IMAGE"] });
    if let Some(ratio) = ratio {
        config["imageConfig"] = json!({ "aspectRatio": ratio });
    }
    let ask = json!({
        "contents": [{ "role": "user", "parts": [{ "text": wanted.prompt }] }], "generationConfig": config,
    });
    let (mut pictures, mut usage) = (Vec::new(), [0u64; 2]);
    for _ in 0..n.clamp(1, CALLS_MAX) {
        let (status, told) = step(&call, "generateContent", ask.clone()).await?;
        if status != 200 {
            return Ok(Answer::Whole { status, body: told.to_string().into_bytes() });
        }
        let parts = told.pointer("/candidates/0/content/parts").and_then(Value::as_array);
        let drawn = parts.into_iter().flatten().filter_map(|part| part.pointer("/inlineData/data")?.as_str());
        pictures.extend(drawn.map(str::to_owned));
        let report = serde_json::value::to_raw_value(&told["usageMetadata"]).ok();
        if let Some(used) = report.as_deref().and_then(read_usage) {
            usage[0] += used.input_total();
            usage[1] += used.output_total();
        }
    }
    finished(pictures, Some(usage))
}

/// What Gemini's voices speak in: 16-bit samples, one channel.
const SAMPLES_PER_SECOND: u32 = 24_000;

pub async fn speech(call: Call) -> Outcome {
    let wanted = match speech::Wanted::read(&call.body) {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(*refused),
    };
    let format = wanted.response_format.as_deref().unwrap_or("wav");
    if !matches!(format, "wav" | "pcm") {
        let message = format!("this vendor speaks wav and pcm, not {format}");
        return Ok(speech::refusal(&message, "response_format"));
    }
    let text = match &wanted.instructions {
        Some(how) => format!("{how}: {}", wanted.input),
        None => wanted.input,
    };
    let voice = json!({ "prebuiltVoiceConfig": { "voiceName": wanted.voice } });
    let ask = json!({
        "contents": [{ "role": "user", "parts": [{ "text": text }] }],
        "generationConfig": { "responseModalities": ["AUDIO"], "speechConfig": { "voiceConfig": voice } },
    });
    let (status, told) = step(&call, "generateContent", ask).await?;
    if status != 200 {
        return Ok(Answer::Whole { status, body: told.to_string().into_bytes() });
    }
    let spoken = told.pointer("/candidates/0/content/parts/0/inlineData/data").and_then(Value::as_str);
    let samples =
        spoken.and_then(|base64| STANDARD.decode(base64).ok()).filter(|samples| !samples.is_empty());
    let Some(samples) = samples else {
        return Ok(speech::refusal("the model said nothing: the text may go against its rules", "input"));
    };
    Ok(match format {
        "pcm" => Answer::Binary { kind: "audio/pcm", body: samples },
        _ => Answer::Binary { kind: "audio/wav", body: wav(&samples) },
    })
}

/// Samples with the head of a WAV file.
fn wav(samples: &[u8]) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let mut out = Vec::with_capacity(44 + samples.len());
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + length).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16u32.to_le_bytes());
    // Plain samples, one channel.
    out.extend_from_slice(&1u16.to_le_bytes());
    out.extend_from_slice(&1u16.to_le_bytes());
    out.extend_from_slice(&SAMPLES_PER_SECOND.to_le_bytes());
    out.extend_from_slice(&(SAMPLES_PER_SECOND * 2).to_le_bytes());
    out.extend_from_slice(&2u16.to_le_bytes());
    out.extend_from_slice(&16u16.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(samples);
    out
}

/// OpenAI's answer. A model that drew nothing has refused.
fn finished(pictures: Vec<String>, usage: Option<[u64; 2]>) -> Outcome {
    if pictures.is_empty() {
        let message = "the model made no picture: the prompt may go against its rules";
        let told = json!({ "error": { "message": message, "type": "invalid_request_error", "code": "content_policy_violation" } });
        return Ok(Answer::Whole { status: 400, body: told.to_string().into_bytes() });
    }
    let data: Vec<Value> = pictures.into_iter().map(|picture| json!({ "b64_json": picture })).collect();
    let mut told = json!({ "created": Utc::now().timestamp(), "data": data });
    if let Some([input, output]) = usage {
        told["usage"] =
            json!({ "input_tokens": input, "output_tokens": output, "total_tokens": input + output });
    }
    Ok(Answer::Whole { status: 200, body: told.to_string().into_bytes() })
}

/// One method of the model, at the channel's address for chats with the method's name in its place.
async fn step(call: &Call, method: &str, ask: Value) -> Result<(u16, Value), String> {
    let way = Outbound::plain(Dialect::Gemini, Endpoint::Chat);
    let mut target = target(&call.channel, way, &call.model, "/", false).map_err(|error| error.message)?;
    target.path_and_query = target.path_and_query.replace(":generateContent", &format!(":{method}"));
    let body = Bytes::from(ask.to_string());
    let rope = Rope::from(body.clone());
    let signed = credentials::sign(&call.gateway, &call.channel, &target, &rope).await?;
    let ask = Ask { method: http::Method::POST, target: &target, headers: &signed.headers, body };
    let mut answer = open(&call.gateway, &call.channel, ask).await?;
    let body = answer.body(STEP_MAX).await?;
    let told = serde_json::from_slice(&body).map_err(|_| "the answer is no JSON".to_owned())?;
    Ok((answer.status, told))
}

/// The nearest of the ratios that Google's models know.
fn ratio(width: u32, height: u32) -> &'static str {
    const KNOWN: &[(&str, f64)] =
        &[("1:1", 1.0), ("3:4", 0.75), ("4:3", 4.0 / 3.0), ("9:16", 9.0 / 16.0), ("16:9", 16.0 / 9.0)];
    let wanted = f64::from(width.max(1)) / f64::from(height.max(1));
    let near =
        KNOWN.iter().min_by(|(_, a), (_, b)| (a / wanted).ln().abs().total_cmp(&(b / wanted).ln().abs()));
    near.map_or("1:1", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_become_the_nearest_ratio() {
        for (width, height, expected) in [
            (1024, 1024, "1:1"),
            (1536, 1024, "4:3"),
            (1024, 1536, "3:4"),
            (1792, 1024, "16:9"),
            (0, 0, "1:1"),
        ] {
            assert_eq!(ratio(width, height), expected);
        }
    }
}
