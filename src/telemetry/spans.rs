//! A call as spans, named as OpenTelemetry's semantic conventions for generative AI have it.

use super::{Trace, Try};
use crate::metrics::Reason;
use crate::proxy::context::{Call, Ctx};
use crate::proxy::route::Route;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};
use pingora_proxy::Session;
use std::time::Instant;

/// Names come from callers: so many characters of them.
const NAME_MAX: usize = 200;
/// The flag of a span that belongs to a sampled trace.
const SAMPLED: u32 = 1;

pub struct Attributes(pub Vec<KeyValue>);

impl Attributes {
    pub fn text(&mut self, key: &str, value: impl Into<String>) {
        let value: String = value.into();
        if value.is_empty() {
            return;
        }
        // Names of models come from callers: what looks like a credential stays here.
        let mut value = crate::logging::scrub(&value);
        if let Some((end, _)) = value.char_indices().nth(NAME_MAX) {
            value.truncate(end);
        }
        self.push(key, Value::StringValue(value));
    }

    pub fn int(&mut self, key: &str, value: impl TryInto<i64>) {
        self.push(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)));
    }

    fn push(&mut self, key: &str, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
    }
}

/// The spans of a call that is over, its own first.
pub fn of(trace: &Trace, ctx: &Ctx, session: &Session, why: &'static str) -> Vec<Span> {
    let (now, call) = (Instant::now(), ctx.call.as_deref());
    let operation = operation(ctx, call);
    let status = session.response_written().map_or(0, |head| head.status.as_u16());
    let mut attributes = Attributes(Vec::with_capacity(20));
    let head = session.req_header();
    attributes.text("http.request.method", head.method.as_str());
    attributes.int("http.response.status_code", status);
    attributes.text("magic.request.id", ctx.id.to_string());
    attributes.text("gen_ai.operation.name", operation);
    if let Some(call) = call {
        of_call(&mut attributes, call);
    }
    if !why.is_empty() {
        attributes.text("error.type", why);
    }
    let failed = status >= 500 || (!why.is_empty() && why != "client_gone" && status < 400);
    let model = call.map_or("", |call| &call.model);
    let mut spans = vec![Span {
        trace_id: trace.id.to_be_bytes().to_vec(),
        span_id: trace.span.to_be_bytes().to_vec(),
        parent_span_id: trace.parent.map_or_else(Vec::new, |parent| parent.span.to_be_bytes().to_vec()),
        flags: SAMPLED,
        name: name(operation, model),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: trace.nanos(trace.clock),
        end_time_unix_nano: trace.nanos(now),
        attributes: attributes.0,
        status: told(failed),
        ..Span::default()
    }];
    let open = if why == "client_gone" { Reason::ClientGone } else { Reason::Ok };
    spans.extend(trace.tries.iter().map(|one| of_try(trace, one, operation, (now, status, open))));
    spans
}

fn of_call(attributes: &mut Attributes, call: &Call) {
    attributes.text("gen_ai.request.model", call.model.as_str());
    attributes.push("gen_ai.request.stream", Value::BoolValue(call.stream));
    if let Some(current) = &call.current {
        attributes.text("gen_ai.provider.name", provider(current.channel.kind));
        attributes.int("magic.channel.id", current.channel.id.0);
    }
    if let Some(billed) = call.ticket.billed() {
        attributes.int("gen_ai.usage.input_tokens", billed.input);
        attributes.int("gen_ai.usage.output_tokens", billed.output);
        attributes.int("gen_ai.usage.cache_read.input_tokens", billed.cached);
        attributes.push("magic.cost_usd", Value::DoubleValue(billed.nano as f64 / 1e9));
    }
    if let Some(ms) = call.timings.first_byte {
        attributes.push("gen_ai.response.time_to_first_chunk", Value::DoubleValue(ms as f64 / 1e3));
    }
    attributes.int("magic.user.id", call.ticket.opening.user_id.0);
    attributes.int("magic.token.id", call.ticket.opening.token_id.0);
    attributes.int("magic.tries", i64::from(call.tries));
}

fn of_try(trace: &Trace, one: &Try, operation: &'static str, open: (Instant, u16, Reason)) -> Span {
    let (ended, status, reason) = one.ended.unwrap_or(open);
    let mut attributes = Attributes(Vec::with_capacity(10));
    attributes.text("gen_ai.operation.name", operation);
    attributes.text("gen_ai.request.model", one.model.as_str());
    attributes.text("gen_ai.provider.name", provider(one.kind));
    attributes.int("magic.channel.id", one.channel);
    if !one.host.is_empty() {
        attributes.text("server.address", one.host.as_str());
        attributes.int("server.port", one.port);
    }
    if status > 0 {
        attributes.int("http.response.status_code", status);
    }
    if reason != Reason::Ok {
        attributes.text("error.type", reason.name());
    }
    Span {
        trace_id: trace.id.to_be_bytes().to_vec(),
        span_id: one.span.to_be_bytes().to_vec(),
        parent_span_id: trace.span.to_be_bytes().to_vec(),
        flags: SAMPLED,
        name: name(operation, &one.model),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: trace.nanos(one.began),
        end_time_unix_nano: trace.nanos(ended),
        attributes: attributes.0,
        status: told(!matches!(reason, Reason::Ok | Reason::ClientGone)),
        ..Span::default()
    }
}

fn told(failed: bool) -> Option<Status> {
    failed.then(|| Status { message: String::new(), code: StatusCode::Error as i32 })
}

fn name(operation: &str, model: &str) -> String {
    let model: String = crate::logging::scrub(model).chars().take(NAME_MAX).collect();
    if model.is_empty() { operation.to_owned() } else { format!("{operation} {model}") }
}

fn operation(ctx: &Ctx, call: Option<&Call>) -> &'static str {
    let asked = match &ctx.route {
        Route::Relay(asked) => Some((asked.endpoint, asked.face)),
        _ => None,
    };
    match call.map(|call| (call.endpoint, call.face)).or(asked) {
        Some((Endpoint::Chat, Dialect::Gemini)) => "generate_content",
        Some((Endpoint::Chat | Endpoint::Responses, _)) => "chat",
        Some((Endpoint::Completions, _)) => "text_completion",
        Some((endpoint, _)) => endpoint.name(),
        None => "raw",
    }
}

/// The vendor as the conventions call it, or its own name in their style.
fn provider(kind: u16) -> String {
    let name = magic_wire::vendors::vendor(kind).map_or("custom", |vendor| vendor.name);
    let name = name.to_lowercase().replace([' ', '-'], "_");
    let known = match name.as_str() {
        "azure" => "azure.ai.openai",
        "anthropic" | "anthropic_claude" => "anthropic",
        "google_gemini" | "gemini" => "gcp.gemini",
        "vertexai" | "vertex_ai" => "gcp.vertex_ai",
        "aws" | "aws_claude" | "aws_bedrock" | "bedrock" => "aws.bedrock",
        "mistral" | "mistral_ai" => "mistral_ai",
        "xai" | "x.ai" => "x_ai",
        _ => return name,
    };
    known.to_owned()
}
