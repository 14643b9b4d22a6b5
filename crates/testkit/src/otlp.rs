//! A collector of traces on a real socket: what it has been sent is decoded from OTLP's protobuf.

use crate::vendor::{Proto, Script, Seen, Vendor};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A span as tests look at it; ids in hex, attributes as text.
#[derive(Debug, Clone)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty: it is the first of its trace.
    pub parent: String,
    pub name: String,
    /// OpenTelemetry's number: 2 is a server's, 3 a client's.
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    pub failed: bool,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
}

/// The collector. It ends with its handle.
pub struct Collector(Vendor);

impl Collector {
    #[expect(clippy::new_without_default, reason = "a collector is started on purpose")]
    pub fn new() -> Collector {
        let fine = Script::Whole {
            status: 200,
            headers: vec![("content-type", "application/x-protobuf".into())],
            body: Default::default(),
        };
        Collector(Vendor::start(Proto::H1, move |_| fine.clone()))
    }

    pub fn endpoint(&self) -> String {
        self.0.base_url()
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.0.seen()
    }

    /// What has come so far, in the order in which it came.
    pub fn spans(&self) -> Vec<Span> {
        self.requests().iter().flat_map(|seen| decode(&seen.body)).collect()
    }

    /// Waits until there are so many spans.
    pub async fn wait_for(&self, count: usize) -> Vec<Span> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let spans = self.spans();
            if spans.len() >= count {
                return spans;
            }
            assert!(Instant::now() < until, "{} of {count} spans: {spans:#?}", spans.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Reads an export.
pub fn decode(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = texts(of_resource.resource.unwrap_or_default().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                kind: span.kind,
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                failed: span.status.is_some_and(|status| status.code == 2),
                attributes: texts(span.attributes),
                resource: resource.clone(),
            });
        }
    }
    spans
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |attribute: KeyValue| Some((attribute.key, text(attribute.value?.value?)));
    attributes.into_iter().filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
