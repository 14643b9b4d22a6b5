//! DashScope's pictures: a task is made, then looked at until it is done.

use super::images::{Wanted, answer};
use super::{Answer, Call, LOOK_EVERY, Outcome, STEP_MAX};
use crate::fetch::{Ask, open, target_of};
use bytes::Bytes;
use magic_wire::vendors::home;
use serde_json::{Value, json};

/// The longest a picture may take, in looks: 5 minutes.
const LOOKS_MAX: u32 = 200;

pub async fn images(call: Call) -> Outcome {
    let wanted = match Wanted::read(&call.body) {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(*refused),
    };
    let mut parameters = json!({ "n": wanted.n.unwrap_or(1) });
    if let Some((width, height)) = wanted.dimensions() {
        parameters["size"] = format!("{width}*{height}").into();
    }
    let mut input = json!({ "prompt": wanted.prompt });
    if let Some(negative) = wanted.rest.get("negative_prompt") {
        input["negative_prompt"] = negative.clone();
    }
    let task = json!({ "model": call.model, "input": input, "parameters": parameters });
    let made = step(
        &call,
        http::Method::POST,
        "/api/v1/services/aigc/text2image/image-synthesis",
        Bytes::from(task.to_string()),
    )
    .await?;
    let mut state = match made {
        (200, state) => state,
        (status, state) => return Ok(Answer::Whole { status, body: state.to_string().into_bytes() }),
    };
    for _ in 0..LOOKS_MAX {
        let output = &state["output"];
        match output["task_status"].as_str().unwrap_or("") {
            "SUCCEEDED" => {
                let results = output["results"].as_array().map(Vec::as_slice).unwrap_or_default();
                let urls = results.iter().filter_map(|result| result["url"].as_str()).map(str::to_owned);
                return answer(&call, &wanted, urls.collect()).await;
            }
            "PENDING" | "RUNNING" => {}
            _ => {
                let told = json!({
                    "code": output["code"].as_str().unwrap_or("InternalError"),
                    "message": output["message"].as_str().unwrap_or("the task failed"),
                });
                return Ok(Answer::Whole { status: 400, body: told.to_string().into_bytes() });
            }
        }
        let id = output["task_id"].as_str().unwrap_or("");
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("the answer names no task".to_owned().into());
        }
        let path = format!("/api/v1/tasks/{id}");
        tokio::time::sleep(LOOK_EVERY).await;
        state = step(&call, http::Method::GET, &path, Bytes::new()).await?.1;
    }
    Err("the picture was not done in time".to_owned().into())
}

async fn step(call: &Call, method: http::Method, path: &str, body: Bytes) -> Result<(u16, Value), String> {
    let address = home(&call.channel).map_err(|error| error.message)?;
    let path = format!("{}{path}", address.path);
    let target = target_of(address, path);
    let headers = [
        ("authorization".to_owned(), format!("Bearer {}", call.channel.key.expose())),
        ("x-dashscope-async".to_owned(), "enable".to_owned()),
    ];
    let mut answer =
        open(&call.gateway, &call.channel, Ask { method, target: &target, headers: &headers, body }).await?;
    let body = answer.body(STEP_MAX).await?;
    let state = serde_json::from_slice(&body).map_err(|_| "the answer is no JSON".to_owned())?;
    Ok((answer.status, state))
}
