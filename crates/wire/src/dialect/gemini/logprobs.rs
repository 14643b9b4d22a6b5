//! The likelihood of tokens: Google's `logprobsResult` and OpenAI's `logprobs`.

use super::fields::Fields;
use crate::json::{Json, List, Object, object};
use serde_json::Value;
use serde_json::value::RawValue;

/// A token and how likely it was.
struct Token {
    text: String,
    logprob: f64,
    others: Vec<Token>,
}

/// The tokens of an answer, over all its chunks.
#[derive(Default)]
pub(super) struct Tokens(Vec<Token>);

impl Tokens {
    /// Takes a `logprobsResult`.
    pub fn take(&mut self, raw: &RawValue) {
        let Ok(mut fields) = Fields::of(raw, "logprobsResult") else { return };
        let mut others = fields.list("topCandidates").unwrap_or_default().into_iter();
        for chosen in fields.list("chosenCandidates").unwrap_or_default() {
            let mut other = others.next().and_then(|raw| Fields::of(raw, "topCandidates").ok());
            let all = other.as_mut().and_then(|fields| fields.list("candidates").ok()).unwrap_or_default();
            if let Some(token) = token(chosen) {
                self.0.push(Token { others: all.into_iter().filter_map(self::token).collect(), ..token });
            }
        }
    }

    /// As OpenAI has them.
    pub fn json(&self) -> Option<Json> {
        if self.0.is_empty() {
            return None;
        }
        let text = object(|o| {
            o.list("content", |l| {
                for token in &self.0 {
                    l.object(|o| {
                        openai(token, o);
                        o.list("top_logprobs", |l| {
                            token.others.iter().for_each(|t| l.object(|o| openai(t, o)))
                        });
                    });
                }
            });
            o.key("refusal").null();
        });
        Json::from_text(text).ok()
    }
}

fn token(raw: &RawValue) -> Option<Token> {
    let mut fields = Fields::of(raw, "candidate").ok()?;
    let text = fields.text("token").ok()?.unwrap_or_default();
    // A certain token's zero is left out.
    let logprob = fields.number("logProbability").ok()?.unwrap_or(0.0);
    Some(Token { text, logprob, others: Vec::new() })
}

fn openai(token: &Token, o: &mut Object<'_>) {
    o.text("token", &token.text);
    o.opt_number("logprob", Some(token.logprob));
    o.list("bytes", |l| token.text.bytes().for_each(|byte| l.item().int(byte)));
}

/// Writes `logprobsResult` from what OpenAI has.
pub(super) fn write(json: &Json, o: &mut Object<'_>) {
    let tree = json.tree();
    let Some(tokens) = tree["content"].as_array().filter(|tokens| !tokens.is_empty()) else { return };
    let one = |l: &mut List<'_>, token: &Value| {
        l.object(|o| {
            o.text("token", token["token"].as_str().unwrap_or_default());
            o.opt_number("logProbability", token["logprob"].as_f64());
        });
    };
    o.object("logprobsResult", |o| {
        o.list("topCandidates", |l| {
            for token in tokens {
                let others = token["top_logprobs"].as_array().map(Vec::as_slice).unwrap_or_default();
                l.object(|o| o.list("candidates", |l| others.iter().for_each(|other| one(l, other))));
            }
        });
        o.list("chosenCandidates", |l| tokens.iter().for_each(|token| one(l, token)));
    });
}
