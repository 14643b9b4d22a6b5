//! Replicate: a prediction is made; then its stream is followed, or it is looked at until it is done.

use super::images::{Wanted, answer};
use super::{Answer, Call, LOOK_EVERY, Outcome, STEP_MAX};
use crate::fetch::{Ask, Exchange, open, target_of};
use bytes::Bytes;
use http::Method;
use magic_wire::vendors::{Base, base};
use serde_json::{Value, json};

const URL: &str = "https://api.replicate.com";
/// The longest a prediction may take, in looks: 10 minutes.
const LOOKS_MAX: u32 = 400;

/// The body is the prediction to make, as the codec wrote it.
pub async fn chat(call: Call) -> Outcome {
    let made = make(&call, call.body.clone()).await?;
    let prediction = match made {
        Ok(prediction) => prediction,
        Err(refused) => return Ok(refused),
    };
    if call.stream
        && let Some(url) = prediction["urls"]["stream"].as_str()
    {
        let mut stream = get(&call, url, "text/event-stream").await?;
        if stream.status != 200 {
            let status = stream.status;
            return Ok(Answer::Whole { status, body: stream.body(STEP_MAX).await? });
        }
        let pieces = futures::stream::unfold(Some(stream), |stream| async move {
            let mut stream = stream?;
            match stream.piece().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(stream))),
                Ok(None) => None,
                Err(why) => Some((Err(std::io::Error::other(why)), None)),
            }
        });
        return Ok(Answer::Events(Box::pin(pieces)));
    }
    let done = done(&call, prediction).await?;
    Ok(Answer::Whole { status: 200, body: done.to_string().into_bytes() })
}

/// The body is OpenAI's request for pictures.
pub async fn images(call: Call) -> Outcome {
    let wanted = match Wanted::read(&call.body) {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(*refused),
    };
    let mut input = json!({ "prompt": wanted.prompt });
    if let Some(n) = wanted.n {
        input["num_outputs"] = n.into();
    }
    if let Some((width, height)) = wanted.dimensions() {
        input["width"] = width.into();
        input["height"] = height.into();
    }
    for (name, value) in wanted.rest.iter().filter(|(name, _)| !OPENAIS.contains(&name.as_str())) {
        input[name] = value.clone();
    }
    let made = make(&call, Bytes::from(json!({ "input": input }).to_string())).await?;
    let prediction = match made {
        Ok(prediction) => prediction,
        Err(refused) => return Ok(refused),
    };
    let done = done(&call, prediction).await?;
    if done["status"] != "succeeded" {
        let detail = done["error"].as_str().unwrap_or("the prediction failed");
        let told = json!({ "detail": detail, "status": 422 });
        return Ok(Answer::Whole { status: 422, body: told.to_string().into_bytes() });
    }
    let urls = match &done["output"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    answer(&call, &wanted, urls).await
}

/// Members of OpenAI's request that mean nothing to Replicate's models.
const OPENAIS: &[&str] =
    &["model", "user", "quality", "style", "background", "moderation", "output_compression"];

/// Makes a prediction; the inner error is the vendor's refusal.
async fn make(call: &Call, body: Bytes) -> Result<Result<Value, Answer>, String> {
    let address = home(call)?;
    let versioned = call.model.split_once(':');
    let (path, body) = match versioned {
        Some((_, version)) => {
            let mut ask: Value = serde_json::from_slice(&body).unwrap_or_default();
            ask["version"] = version.into();
            (format!("{}/v1/predictions", address.path), Bytes::from(ask.to_string()))
        }
        None => {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
            if !call.model.bytes().all(fine) || call.model.split('/').any(|part| part == "..") {
                return Err("the model's name is malformed".into());
            }
            (format!("{}/v1/models/{}/predictions", address.path, call.model), body)
        }
    };
    let target = target_of(address, path);
    let mut headers = vec![bearer(call)];
    if !call.stream {
        headers.push(("prefer".to_owned(), "wait=60".to_owned()));
    }
    let ask = Ask { method: Method::POST, target: &target, headers: &headers, body };
    let mut answer = open(&call.gateway, &call.channel, ask).await?;
    let status = answer.status;
    let body = answer.body(STEP_MAX).await?;
    if !(200..300).contains(&status) {
        return Ok(Err(Answer::Whole { status, body }));
    }
    serde_json::from_slice(&body).map(Ok).map_err(|_| "the answer is no JSON".to_owned())
}

/// Looks at a prediction until it has ended.
async fn done(call: &Call, mut prediction: Value) -> Result<Value, String> {
    for _ in 0..LOOKS_MAX {
        if !matches!(prediction["status"].as_str(), Some("starting" | "processing")) {
            return Ok(prediction);
        }
        let url = prediction["urls"]["get"].as_str().ok_or("the answer names no address")?.to_owned();
        tokio::time::sleep(LOOK_EVERY).await;
        let body = get(call, &url, "application/json").await?.body(STEP_MAX).await?;
        prediction = serde_json::from_slice(&body).map_err(|_| "the answer is no JSON".to_owned())?;
    }
    Err("the prediction was not done in time".into())
}

async fn get(call: &Call, url: &str, accept: &str) -> Result<Exchange, String> {
    let address = base(url).map_err(|error| error.message)?;
    // The credential goes along: only to the vendor's own hosts.
    let home = home(call)?;
    let ours = address.tls == home.tls && address.host == home.host && address.port == home.port;
    let theirs = [".replicate.com", ".replicate.net"].iter().any(|end| address.host.ends_with(end));
    let known = ours || (address.tls && theirs);
    if !known {
        return Err("the answer names an address that is not Replicate's".into());
    }
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
    let target = target_of(address, path);
    let headers = [bearer(call), ("accept".to_owned(), accept.to_owned())];
    open(
        &call.gateway,
        &call.channel,
        Ask { method: Method::GET, target: &target, headers: &headers, body: Bytes::new() },
    )
    .await
}

/// One-api's base URL for this type ends in the path of the models.
fn home(call: &Call) -> Result<Base, String> {
    let url = call.channel.base_url.trim();
    let mut address = base(if url.is_empty() { URL } else { url }).map_err(|error| error.message)?;
    for end in ["/models", "/v1"] {
        if let Some(path) = address.path.strip_suffix(end) {
            address.path = path.to_owned();
        }
    }
    Ok(address)
}

fn bearer(call: &Call) -> (String, String) {
    ("authorization".to_owned(), format!("Bearer {}", call.channel.key.expose()))
}
