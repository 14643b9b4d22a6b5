//! Traces of calls, for a collector that speaks OTLP: a span for each call, and below it one for each try of a channel.
//! Nothing is built before a call is over, and nothing waits for the collector: what finds no room is dropped and
//! counted. Bodies, keys, cookies and queries are in no span (SR-23).

mod export;
mod parent;
mod spans;

pub use export::{Queue, run};

use crate::metrics::{Metrics, Reason};
use crate::proxy::context::{Call, Ctx};
use crate::settings::Telemetry;
use opentelemetry_proto::tonic::trace::v1::Span;
use parent::Parent;
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{mpsc, oneshot};

/// Calls whose spans may wait to be sent.
const WAITING: usize = 2048;

/// The way to the collector; nothing where none is configured.
#[derive(Default)]
pub struct Traces(Option<Sender>);

struct Sender {
    spans: mpsc::Sender<Vec<Span>>,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    /// Traces whose random part is below it are taken.
    threshold: u64,
    propagate: bool,
}

/// Random bits of a trace's id (Trace Context, level 2).
const RANDOM: u64 = (1 << 56) - 1;

impl Traces {
    /// The way, and its other end where there is one.
    pub fn new(telemetry: &Telemetry) -> (Traces, Option<Queue>) {
        if telemetry.endpoint.is_none() {
            return (Traces(None), None);
        }
        let (spans, waiting) = mpsc::channel(WAITING);
        let (flushes, to_flush) = mpsc::channel(4);
        let threshold = (telemetry.ratio * (RANDOM + 1) as f64) as u64;
        let sender = Sender { spans, flushes, threshold, propagate: telemetry.propagate };
        (Traces(Some(sender)), Some(Queue::new(waiting, to_flush)))
    }

    /// The trace of a call that begins; the caller's own where its head names one. `None`: it is not traced.
    pub fn begin(&self, head: &RequestHeader) -> Option<Box<Trace>> {
        let sender = self.0.as_ref()?;
        let parent = parent::read(head);
        let id = parent.map_or_else(|| uuid::Uuid::new_v4().as_u128(), |parent| parent.trace);
        let sampled = match parent {
            Some(parent) => parent.sampled,
            None => (id as u64 & RANDOM) < sender.threshold,
        };
        (sampled || sender.propagate).then(|| {
            Box::new(Trace {
                id,
                span: span_id(),
                parent,
                sampled,
                propagate: sender.propagate,
                began: SystemTime::now(),
                clock: Instant::now(),
                tries: Vec::new(),
            })
        })
    }

    /// The call is over: its spans are on their way, or dropped.
    pub fn end(&self, trace: &Trace, ctx: &Ctx, session: &Session, why: &'static str) {
        let Some(sender) = self.0.as_ref().filter(|_| trace.sampled) else { return };
        let spans = spans::of(trace, ctx, session, why);
        let (count, metrics) = (spans.len(), &ctx.gateway.metrics);
        if sender.spans.try_send(spans).is_err() {
            metrics.spans(count, false);
        }
        self.measure(metrics);
    }

    fn measure(&self, metrics: &Metrics) {
        if let Some(sender) = &self.0 {
            metrics.spans_waiting(sender.spans.max_capacity() - sender.spans.capacity());
        }
    }

    /// Sends what waits, for so long at most. For the end of the process.
    pub async fn flush(&self, within: Duration) {
        let Some(sender) = &self.0 else { return };
        let (done, is_done) = oneshot::channel();
        let asked = async {
            if sender.flushes.send(done).await.is_ok() {
                let _ = is_done.await;
            }
        };
        if tokio::time::timeout(within, asked).await.is_err() {
            log::warn!("the last traces could not be sent in time");
        }
    }
}

/// Eight random bytes, not all zero.
fn span_id() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    (high ^ low.rotate_left(32)).max(1)
}

/// The trace of a call while it runs.
pub struct Trace {
    id: u128,
    span: u64,
    parent: Option<Parent>,
    sampled: bool,
    propagate: bool,
    began: SystemTime,
    clock: Instant,
    tries: Vec<Try>,
}

/// A try of a channel.
struct Try {
    span: u64,
    channel: i64,
    kind: u16,
    model: String,
    host: String,
    port: u16,
    began: Instant,
    ended: Option<(Instant, u16, Reason)>,
}

impl Trace {
    /// A channel is about to be asked.
    pub fn try_begins(&mut self, call: &Call) {
        let Some(current) = &call.current else { return };
        let target = &current.way.target;
        self.tries.push(Try {
            span: span_id(),
            channel: current.channel.id.0,
            kind: current.channel.kind,
            model: current.upstream_model.clone(),
            // The bridge is a socket of ours.
            host: if target.bridge { String::new() } else { target.host.clone() },
            port: target.port,
            began: current.started,
            ended: None,
        });
    }

    /// What came of it.
    pub fn try_ends(&mut self, status: u16, reason: Reason) {
        if let Some(last) = self.tries.last_mut().filter(|last| last.ended.is_none()) {
            last.ended = Some((Instant::now(), status, reason));
        }
    }

    /// What the vendor is told of the trace, where vendors are.
    pub fn for_vendor(&self) -> Option<String> {
        let span = self.tries.last().map_or(self.span, |last| last.span);
        self.propagate.then(|| format!("00-{:032x}-{span:016x}-{:02x}", self.id, u8::from(self.sampled)))
    }

    /// Nanoseconds since 1970 of a moment of this call.
    fn nanos(&self, at: Instant) -> u64 {
        let at = self.began + at.saturating_duration_since(self.clock);
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What `logging` calls: ends the trace of a request, if it has one.
pub fn finish(ctx: &mut Ctx, session: &Session, why: &'static str) {
    if let Some(trace) = ctx.trace.take() {
        let gateway: Arc<_> = ctx.gateway.clone();
        gateway.traces.end(&trace, ctx, session, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(ratio: f64, propagate: bool) -> (Traces, Option<Queue>) {
        Traces::new(&Telemetry {
            endpoint: Some("http://127.0.0.1/v1/traces".into()),
            headers: vec![],
            ratio,
            service: "magic".into(),
            propagate,
        })
    }

    fn head(parent: Option<&str>) -> RequestHeader {
        let mut head = RequestHeader::build("GET", b"/", None).unwrap();
        if let Some(parent) = parent {
            head.insert_header("traceparent", parent).unwrap();
        }
        head
    }

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const NOT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    #[test]
    fn the_parent_decides_and_else_the_ratio() {
        let (never, _queue) = traces(0.0, false);
        assert!(never.begin(&head(None)).is_none());
        assert_eq!(never.begin(&head(Some(SAMPLED))).unwrap().id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let (always, _queue) = traces(1.0, false);
        assert!(always.begin(&head(None)).is_some() && always.begin(&head(Some(NOT))).is_none());
        let (half, _queue) = traces(0.5, false);
        let taken = (0..2000).filter(|_| half.begin(&head(None)).is_some()).count();
        assert!((800..1200).contains(&taken), "{taken}");
        assert!(Traces::default().begin(&head(Some(SAMPLED))).is_none());
    }

    #[test]
    fn vendors_are_told_only_where_they_shall_be() {
        let (quiet, _queue) = traces(1.0, false);
        assert_eq!(quiet.begin(&head(None)).unwrap().for_vendor(), None);
        let (open, _queue) = traces(1.0, true);
        let told = open.begin(&head(Some(NOT))).unwrap().for_vendor().unwrap();
        assert!(told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && told.ends_with("-00"), "{told}");
        assert!(!told.contains("00f067aa0ba902b7"), "the span is ours");
    }
}
