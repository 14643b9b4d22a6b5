//! MiniMax's speech: asked for in its own words, and told in hexadecimal.

use super::speech::{Wanted, refusal};
use super::{Answer, Broken, Call, Outcome, STEP_MAX};
use crate::fetch::{Ask, open, target_of};
use bytes::Bytes;
use magic_wire::vendors::home;
use serde_json::{Value, json};

pub async fn speech(call: Call) -> Outcome {
    let wanted = match Wanted::read(&call.body) {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(*refused),
    };
    let format = wanted.response_format.as_deref().unwrap_or("mp3");
    let kind = match format {
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "pcm" => "audio/pcm",
        _ => return Ok(refusal(&format!("this vendor does not speak {format}"), "response_format")),
    };
    let mut voice = json!({ "voice_id": wanted.voice });
    if let Some(speed) = wanted.speed {
        voice["speed"] = speed.into();
    }
    let ask = json!({
        "model": call.model, "text": wanted.input, "stream": false,
        "voice_setting": voice, "audio_setting": { "format": format },
    });
    let address = home(&call.channel).map_err(|error| Broken(error.message))?;
    let path = format!("{}/v1/t2a_v2", address.path);
    let mut target = target_of(address, path);
    target.headers.push(("authorization".to_owned(), format!("Bearer {}", call.channel.key.expose())));
    let body = Bytes::from(ask.to_string());
    let ask = Ask { method: http::Method::POST, target: &target, headers: &[], body };
    let mut answer = open(&call.gateway, &call.channel, ask).await?;
    let (status, body) = (answer.status, answer.body(STEP_MAX).await?);
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    match told.pointer("/data/audio").and_then(Value::as_str).and_then(bytes_of) {
        Some(audio) if status == 200 && !audio.is_empty() => Ok(Answer::Binary { kind, body: audio }),
        // Its errors come with status 200 too.
        _ => Ok(Answer::Whole { status: if status == 200 { 400 } else { status }, body }),
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read() {
        assert_eq!(bytes_of("00ffA1"), Some(vec![0, 255, 161]));
        assert_eq!(bytes_of("0"), None);
        assert_eq!(bytes_of("zz"), None);
    }
}
