//! A request for TGI.

use super::prompt::{self, STOPS};
use crate::WireError;
use crate::chat::{ChatRequest, Losses, OutputFormat, ToolChoice};
use crate::codec::To;
use crate::dialect::kit;
use crate::json::{Object, object};

/// The most tokens beside each one whose probabilities are told.
const TOP_TOKENS: u64 = 5;
/// What numbers that must be above zero or below one are moved to.
const LEAST: f64 = 0.01;

pub(super) fn request(chat: &ChatRequest, _to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    kit::unsaid(chat, lost)?;
    if !chat.tools.is_empty() && chat.tool_choice != Some(ToolChoice::None) {
        return Err(WireError::at("this model can't call tools", "tools"));
    }
    if chat.tools.is_empty() && matches!(chat.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)))
    {
        return Err(WireError::at("this model can't call tools", "tool_choice"));
    }
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let inputs = prompt::write(&paired, lost)?;
    Ok(object(|o| {
        o.text("inputs", &inputs);
        o.object("parameters", |o| parameters(chat, o, lost));
        o.flag("stream", chat.stream);
    }))
}

fn parameters(chat: &ChatRequest, o: &mut Object<'_>, lost: &mut Losses) {
    let s = &chat.sampling;
    if s.max_output == Some(0) {
        lost.clamped("max_tokens");
    }
    o.opt_int("max_new_tokens", s.max_output.map(|tokens| tokens.max(1)));
    // The server refuses 0: it means the likeliest token, always. Any other setting of chance would mean chance.
    let greedy = s.temperature.is_some_and(|temperature| temperature <= 0.0);
    if s.temperature.is_some() {
        o.flag("do_sample", !greedy);
    }
    if !greedy {
        o.opt_number("temperature", s.temperature);
        o.opt_int("top_k", s.top_k.filter(|k| *k > 0));
        o.opt_number("top_p", below_one(s.top_p, "top_p", lost));
    }
    for (name, json) in &chat.extra {
        let number: Option<f64> = serde_json::from_str(json.get()).ok();
        match (name.as_str(), number) {
            ("typical_p", Some(_)) if greedy => {}
            ("typical_p", Some(_)) => o.opt_number("typical_p", below_one(number, "typical_p", lost)),
            ("repetition_penalty", Some(_)) => {
                let least = kit::bounded(number, LEAST, f64::MAX, "repetition_penalty", lost);
                o.opt_number("repetition_penalty", least);
            }
            ("truncate", Some(_)) | ("watermark" | "adapter_id", None) => o.json(name, json),
            _ => lost.dropped(name.as_str()),
        }
    }
    let penalty = kit::bounded(s.frequency_penalty, -2.0, 2.0, "frequency_penalty", lost);
    o.opt_number("frequency_penalty", penalty);
    if s.presence_penalty.is_some_and(|penalty| penalty != 0.0) {
        lost.dropped("presence_penalty");
    }
    o.opt_int("seed", kit::seed(chat, lost));
    if s.stop.len() > STOPS {
        lost.dropped(format!("stop[{STOPS}]"));
    }
    let (stops, _) = prompt::stops(chat);
    o.list("stop", |l| stops.iter().for_each(|stop| l.item().text(stop)));
    match &chat.output {
        OutputFormat::Text => {}
        OutputFormat::Json => o.object("grammar", |o| {
            o.text("type", "json");
            o.object("value", |o| o.text("type", "object"));
        }),
        OutputFormat::Schema { schema, .. } => o.object("grammar", |o| {
            o.text("type", "json");
            o.json("value", schema);
        }),
    }
    if matches!(kit::thinking(chat.reasoning.as_ref()), Some(Some(_))) {
        lost.dropped("reasoning_effort");
    }
    if let Some(count) = s.top_logprobs.filter(|count| *count > 0) {
        if count > TOP_TOKENS {
            lost.clamped("top_logprobs");
        }
        o.int("top_n_tokens", count.min(TOP_TOKENS));
    }
    // What the answer cost is among the details.
    o.flag("details", true);
    o.flag("return_full_text", false);
}

/// A share that must be above 0 and below 1; all of it is the same as no word about it.
fn below_one(share: Option<f64>, path: &str, lost: &mut Losses) -> Option<f64> {
    kit::bounded(share.filter(|share| *share < 1.0), LEAST, 1.0, path, lost)
}
