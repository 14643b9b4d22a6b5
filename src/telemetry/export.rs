//! Sends spans to the collector: gathered for a few seconds, tried three times, then dropped. One log line when the
//! collector goes away and one when it is back.

use super::spans::Attributes;
use crate::gateway::Gateway;
use crate::outward;
use crate::settings::Telemetry;
use magic_admin::Outward;
use magic_domain::secret::Secret;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Spans sent at once.
const BATCH: usize = 512;
/// How long spans wait for others to join them; `OTEL_BSP_SCHEDULE_DELAY` sets it, in milliseconds.
const GATHER: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;

/// Where spans wait.
pub struct Queue {
    spans: mpsc::Receiver<Vec<Span>>,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
}

impl Queue {
    pub(super) fn new(
        spans: mpsc::Receiver<Vec<Span>>,
        flushes: mpsc::Receiver<oneshot::Sender<()>>,
    ) -> Queue {
        Queue { spans, flushes }
    }
}

/// Sends until the process ends. `instance` names this life of the process.
pub async fn run(gateway: Arc<Gateway>, mut queue: Queue, telemetry: Telemetry, instance: String) {
    let gather = std::env::var("OTEL_BSP_SCHEDULE_DELAY").ok().and_then(|text| text.trim().parse().ok());
    let gather = gather.map_or(GATHER, |ms: u64| Duration::from_millis(ms.clamp(10, 60_000)));
    let mut exporter =
        Exporter { gateway, telemetry, instance, gather, batch: Vec::new(), failed: 0, away: false };
    let mut due = None;
    loop {
        let room = exporter.batch.len() < BATCH;
        tokio::select! {
            biased;
            done = queue.flushes.recv() => {
                while let Ok(more) = queue.spans.try_recv() {
                    exporter.batch.extend(more);
                }
                while !exporter.batch.is_empty() && exporter.send().await.is_none() {}
                if let Some(done) = done {
                    let _ = done.send(());
                }
            }
            () = until(due) => due = exporter.send().await.map(|pause| Instant::now() + pause),
            more = queue.spans.recv(), if room => {
                let Some(more) = more else { return };
                exporter.batch.extend(more);
                let now = Instant::now();
                let full = exporter.batch.len() >= BATCH && exporter.failed == 0;
                due = Some(if full { now } else { due.unwrap_or(now + exporter.gather) });
            }
        }
        exporter.gateway.traces.measure(&exporter.gateway.metrics);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

struct Exporter {
    gateway: Arc<Gateway>,
    telemetry: Telemetry,
    instance: String,
    gather: Duration,
    batch: Vec<Span>,
    /// How often the batch could not be sent.
    failed: u32,
    /// The collector was not there last time.
    away: bool,
}

impl Exporter {
    /// Sends a batch. `Some`: there is more to send, after this pause.
    async fn send(&mut self) -> Option<Duration> {
        let count = self.batch.len().min(BATCH);
        if count == 0 {
            return None;
        }
        let sent = self.post(self.batch.iter().take(count).cloned().collect()).await;
        match sent {
            Ok(()) => {
                if std::mem::take(&mut self.away) {
                    log::info!("traces are sent again");
                }
                self.gateway.metrics.spans(count, true);
            }
            Err((why, for_good)) => {
                if !std::mem::replace(&mut self.away, true) {
                    log::warn!("traces can't be sent, they are dropped while that is so: {why}");
                }
                self.failed += 1;
                if self.failed < TRIES && !for_good {
                    return Some(self.gather.min(Duration::from_secs(1)) * (1 << self.failed));
                }
                self.gateway.metrics.spans(count, false);
            }
        }
        self.failed = 0;
        self.batch.drain(..count);
        (!self.batch.is_empty()).then_some(Duration::ZERO)
    }

    /// The error, and whether another try would be no use.
    async fn post(&self, spans: Vec<Span>) -> Result<(), (String, bool)> {
        let mut about = Attributes(Vec::new());
        about.text("service.name", self.telemetry.service.as_str());
        about.text("service.version", env!("CARGO_PKG_VERSION"));
        about.text("service.instance.id", self.instance.as_str());
        let scope = InstrumentationScope {
            name: "magic".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource { attributes: about.0, ..Resource::default() }),
                scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }],
                schema_url: String::new(),
            }],
        };
        let own = self
            .telemetry
            .headers
            .iter()
            .map(|(name, value): &(String, Secret)| (name.clone(), value.expose().to_owned()));
        let mut headers: Vec<(String, String)> = own.collect();
        headers.push(("content-type".into(), "application/x-protobuf".into()));
        let url = self.telemetry.endpoint.clone().unwrap_or_default();
        let call = Outward { method: "POST", url, headers, body: request.encode_to_vec() };
        match outward::call(&self.gateway, call).await {
            Ok(answer) if answer.status < 300 => Ok(()),
            Ok(answer) => {
                let again = matches!(answer.status, 429 | 502..=504);
                Err((format!("the collector answered {}", answer.status), !again))
            }
            Err(why) => Err((why, false)),
        }
    }
}
