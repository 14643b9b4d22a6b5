//! What a request carries through the filters: one part per stage.

use super::recode::Coded;
use super::replay::{Handle, Slot};
use super::route::Route;
use crate::books::Ticket;
use crate::credentials::Signed;
use crate::gateway::Gateway;
use crate::limits::Place;
use crate::metrics::Reason;
use crate::snapshot::Snapshot;
use bytes::Bytes;
use magic_domain::books::{Attempt, Timings};
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::Fault;
use magic_domain::ids::RequestId;
use magic_domain::usage::Usage;
use magic_wire::chat::{ChatRequest, Dialect, Losses};
use magic_wire::fault::VendorFault;
use magic_wire::lift::Lifted;
use magic_wire::peek::Peek;
use magic_wire::reply::{JsonReply, StreamReply};
use magic_wire::vendors::Outbound;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// The context of one request.
pub struct Ctx {
    pub started: Instant,
    pub id: RequestId,
    pub route: Route,
    /// Why the request is refused, once it is.
    pub refusal: Option<Refusal>,
    pub call: Option<Box<Call>>,
    /// Its trace, if it has one.
    pub trace: Option<Box<crate::telemetry::Trace>>,
    /// The request is another site's.
    pub site: Option<Box<crate::sites::Visit>>,
    /// The answer is compressed on its way.
    pub squeeze: Option<Box<crate::sites::squeeze::Squeeze>>,
    /// An upstream has been asked for. Pingora keeps no connection after an error from here on.
    pub passing: bool,
    /// The request counts among those in flight.
    pub counted: Option<Counted>,
    /// A call's place among those that may be under way.
    pub seat: Option<crate::overload::queue::Seat>,
    pub gateway: Arc<Gateway>,
}

/// An error on its way to the caller, with the vendor's own where there is one.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub fault: Fault,
    pub vendor: Option<VendorFault>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal { fault, vendor: None }
    }
}

/// A call on its way to a vendor.
pub struct Call {
    pub endpoint: Endpoint,
    /// What the caller speaks.
    pub face: Dialect,
    /// Parameters of its prompt that the caller's dialect can't say.
    pub prompt_lost: Losses,
    /// The request in canonical form, once a channel of another dialect has asked for it.
    pub chat: Option<Arc<ChatRequest>>,
    /// What was taken out of it, and comes back into what is written.
    pub lifted: Arc<Lifted>,
    /// What can't be carried over is an error instead of a warning.
    pub strict: bool,
    pub model: String,
    pub stream: bool,
    /// Asked for `stream_options.include_usage` on the caller's behalf.
    pub ask_usage: bool,
    pub snapshot: Arc<Snapshot>,
    pub ticket: Arc<Ticket>,
    pub admin: bool,
    pub want_cost: bool,
    pub body: Bytes,
    pub peek: Option<Peek>,
    pub content_type: String,
    /// Anthropic's betas that the caller asks for, as the header has them.
    pub betas: Option<String>,
    pub query: Option<String>,
    /// The share of the byte budget the body takes.
    pub _buffered: Option<OwnedSemaphorePermit>,
    pub candidates: Vec<Arc<Channel>>,
    pub pinned: bool,
    pub next: usize,
    pub tries: u32,
    pub max_tries: u32,
    /// A kept connection broke before a word of the answer, and the same channel was asked over another: once.
    pub asked_again: bool,
    pub current: Option<Current>,
    pub attempts: Vec<Attempt>,
    /// What came of the last try.
    pub reason: Reason,
    pub replay: Handle,
    pub slot: Option<Slot>,
    /// Its bodies are to be kept.
    pub capture: Option<Box<super::capture::Capture>>,
    pub reply: Reply,
    /// Text collected for a local count, in case no usage arrives.
    pub text: String,
    pub text_overflow: u64,
    /// The caller left at this point: what came later was not delivered.
    pub left: bool,
    pub timings: Timings,
    pub status: u16,
    /// Its tokens are being counted: the closing is on its way.
    pub settling: bool,
    /// Events since the last checkpoint.
    pub unchecked: u64,
    /// Usage that is known before the vendor answers (characters spoken, pictures asked for).
    pub upfront: Usage,
    pub system_prompt_reset: bool,
    /// Usage that the vendor tells in the head of its answer.
    pub told: Option<Usage>,
    /// Where the vendor keeps the answer has been noted.
    pub noted: bool,
    /// The caller asked for a stream as one JSON array (Gemini without `alt=sse`).
    pub wants_array: bool,
    pub array: Option<super::array::Array>,
    /// Many embeddings in one call (Gemini's `batchEmbedContents`).
    pub batch: bool,
    /// The path and query that a raw request asks the vendor for.
    pub raw: Option<String>,
    pub realtime: Option<Box<super::realtime::Meter>>,
}

/// The try under way.
pub struct Current {
    pub channel: Arc<Channel>,
    pub upstream_model: String,
    pub started: Instant,
    pub way: Arc<super::way::Way>,
    /// What the vendor speaks, and what it is asked for.
    pub outbound: Outbound,
    /// The caller speaks it too: bytes pass as they are.
    pub passes: bool,
    pub signed: Signed,
    /// What of the request the vendor's dialect can't say.
    pub lost: Losses,
    /// The channel's verdict has been recorded.
    pub recorded: bool,
    pub place: Option<Arc<Place>>,
}

/// What is made of the vendor's answer.
#[derive(Default)]
pub enum Reply {
    #[default]
    Waiting,
    /// Held until it is whole: failover stays possible, and its cost can be told in a header.
    Hold(Box<Hold>),
    Stream(Box<StreamReply>),
    /// An answer whose dialect is not OpenAI's, or not the caller's.
    Coded(Box<Coded>),
    /// Embeddings or rerank in a vendor's own words, collected.
    Aside {
        body: Vec<u8>,
    },
    /// An error that is read before anything is decided.
    Error {
        status: u16,
        retry_after: Option<u64>,
        /// What the vendor calls it, where that stands in the head.
        kind: Option<String>,
        body: Vec<u8>,
    },
    /// Bytes of no concern to us.
    Opaque {
        bytes: u64,
    },
    /// All has been said.
    Done,
}

impl Reply {
    /// What the vendor has reported so far.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Reply::Stream(stream) => stream.state().usage,
            Reply::Coded(coded) => coded.usage,
            _ => None,
        }
    }

    /// Whether content of the answer has passed.
    pub fn content(&self) -> bool {
        match self {
            Reply::Stream(stream) => stream.state().content,
            Reply::Coded(coded) => coded.content,
            _ => false,
        }
    }
}

pub struct Hold {
    pub meter: JsonReply,
    pub chunks: Vec<Bytes>,
    pub held: usize,
    /// Too long to be held: it goes out as it comes.
    pub released: bool,
    pub json: bool,
}

/// Counts a request among those in flight while it lives.
pub struct Counted(Arc<Gateway>);

impl Counted {
    pub fn new(gateway: &Arc<Gateway>) -> Self {
        gateway.in_flight.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        Counted(gateway.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, std::sync::atomic::Ordering::AcqRel);
    }
}

/// The number of a new request.
pub fn request_id() -> RequestId {
    RequestId(uuid::Uuid::now_v7().as_u128())
}

impl Ctx {
    pub fn new(gateway: Arc<Gateway>) -> Ctx {
        Ctx {
            started: Instant::now(),
            id: request_id(),
            route: Route::Unknown,
            refusal: None,
            call: None,
            trace: None,
            site: None,
            squeeze: None,
            passing: false,
            counted: None,
            seat: None,
            gateway,
        }
    }

    pub fn elapsed_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

impl Drop for Ctx {
    /// A panic in a filter or a task dropped at shutdown ends here without `logging`: the call is settled all
    /// the same.
    fn drop(&mut self) {
        if let Some(call) = &mut self.call
            && !call.ticket.settled()
        {
            super::settle::at_drop(call, &self.gateway);
        }
        super::capture::finish(self);
    }
}
