//! What is told of the process to those who watch it: logs, traces, and the address for metrics.

use super::reader::Node;
use super::{Env, Listen};
use crate::logging::Keep;
use magic_domain::secret::Secret;
use std::net::SocketAddr;

/// How lines are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// As JSON, one object a line.
    pub json: bool,
    pub keep: Keep,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The address that spans are posted to; no traces without.
    pub endpoint: Option<String>,
    /// Sent with them: what a collector is signed in to with, for example.
    pub headers: Vec<(String, Secret)>,
    /// The share of calls that are traced where the caller has not decided.
    pub ratio: f64,
    pub service: String,
    /// Vendors are told which trace a call belongs to.
    pub propagate: bool,
}

pub(super) const LOG_KEYS: [&str; 4] = ["log_format", "log_max_bytes", "log_keep_days", "log_keep_bytes"];

/// `server.log_…`. The environment's `MAGIC_LOG_FORMAT` wins.
pub(super) fn logs(server: &Node<'_>, env: Env<'_>) -> Logs {
    let told = server.text("log_format");
    if told.as_deref().is_some_and(|form| form != "json" && form != "text") {
        server.fault("log_format", "must be \"text\" or \"json\"");
    }
    let form = env("MAGIC_LOG_FORMAT").filter(|form| !form.is_empty()).or(told);
    let default = Keep::default();
    Logs {
        json: form.is_some_and(|form| form == "json"),
        keep: Keep {
            file_bytes: server.int("log_max_bytes", 4096, 1 << 40).unwrap_or(default.file_bytes),
            days: server.int("log_keep_days", 1, 36_500).unwrap_or(default.days),
            all_bytes: server.int("log_keep_bytes", 4096, 1 << 50),
        },
    }
}

/// `server.admin_listen`.
pub(super) fn admin_listen(server: &Node<'_>) -> Option<SocketAddr> {
    let text = server.text("admin_listen").filter(|text| !text.is_empty())?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            server.fault("admin_listen", format!("{text:?} is no address (127.0.0.1:9090)"));
            None
        }
    }
}

/// What is served without a token must not be where the public asks.
pub(super) fn keep_apart(server: &Node<'_>, admin: Option<SocketAddr>, listen: &[Listen]) {
    let Some(admin) = admin else { return };
    let same = |public: SocketAddr| {
        let (a, b) = (public.ip().to_canonical(), admin.ip().to_canonical());
        admin.port() != 0
            && public.port() == admin.port()
            && (a == b || a.is_unspecified() || b.is_unspecified())
    };
    if let Some(public) = listen.iter().find(|listen| same(listen.address)) {
        server.fault("admin_listen", format!("{} is a public address: see server.listen", public.address));
    }
}

/// `[telemetry]`, and beneath it OpenTelemetry's own variables.
pub(super) fn telemetry(node: &Node<'_>, env: Env<'_>) -> Telemetry {
    let off = env("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let set =
        |name: &str| env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && !off);
    let told = node.text("otlp_endpoint").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let endpoint = told
        .or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT"))
        .map(|base| traces_at(&base))
        .or_else(|| set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"));
    if let Some(endpoint) = &endpoint
        && let Err(why) = magic_wire::vendors::base(endpoint)
    {
        node.fault("otlp_endpoint", format!("{why} (http://127.0.0.1:4318)"));
    }
    let headers = match node.has("otlp_headers") {
        true => node.map("otlp_headers").into_iter().collect(),
        false => set("OTEL_EXPORTER_OTLP_HEADERS").map(|text| listed(&text)).unwrap_or_default(),
    };
    for (name, value) in &headers {
        if http::HeaderName::try_from(name).is_err() || http::HeaderValue::try_from(value).is_err() {
            node.fault("otlp_headers", format!("{name:?} is no header"));
        }
    }
    let ratio = node
        .number("sample_ratio")
        .or_else(|| set("OTEL_TRACES_SAMPLER_ARG").and_then(|text| text.parse().ok()))
        .unwrap_or(1.0);
    if !(0.0..=1.0).contains(&ratio) {
        node.fault("sample_ratio", "must be between 0 and 1");
    }
    let service = node.text("service_name").or_else(|| set("OTEL_SERVICE_NAME"));
    let telemetry = Telemetry {
        endpoint,
        headers: headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
        ratio,
        service: service.filter(|name| !name.is_empty()).unwrap_or_else(|| "magic".into()),
        propagate: node.bool("propagate").unwrap_or(false),
    };
    node.only(&["otlp_endpoint", "otlp_headers", "sample_ratio", "service_name", "propagate"]);
    telemetry
}

/// The base of a collector, or the whole address of its traces.
fn traces_at(base: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

/// `name=value,name=value`, with percent-encoded values.
fn listed(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .filter_map(|(name, value)| {
            let value = crate::proxy::route::percent(value.trim())?;
            Some((name.trim().to_ascii_lowercase(), value))
        })
        .collect()
}
