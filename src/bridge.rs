//! The bridge: vendors that take more than one exchange for a call, or speak no HTTP, behind an address of our
//! own. The proxy calls it like any vendor, over a unix socket, so that failover, timers and books stay in the
//! filters. An answer of a vendor, error or not, passes with its status.

mod dashscope;
mod google;
mod images;
mod minimax;
mod replicate;
mod spark;
mod speech;

use crate::gateway::Gateway;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::Stream;
use magic_domain::channel::Channel;
use magic_domain::ids::ChannelId;
use serde_json::json;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The longest request: what the proxy takes from callers at most.
const BODY_MAX: usize = 64 << 20;
/// The longest whole answer of a step.
const STEP_MAX: usize = 32 << 20;
/// Between two looks at a task that is not done.
const LOOK_EVERY: Duration = Duration::from_millis(1_500);

/// A call as the bridge gets it.
struct Call {
    gateway: Arc<Gateway>,
    channel: Arc<Channel>,
    /// The vendor's name for the model.
    model: String,
    stream: bool,
    body: Bytes,
}

#[derive(serde::Deserialize)]
struct Asked {
    model: String,
}

/// What becomes of a call.
enum Answer {
    Whole { status: u16, body: Vec<u8> },
    Binary { kind: &'static str, body: Vec<u8> },
    Events(Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>>>>),
}

/// A step failed without an answer of the vendor.
struct Broken(String);

impl From<String> for Broken {
    fn from(why: String) -> Self {
        Broken(why)
    }
}

type Outcome = Result<Answer, Broken>;

async fn answer(
    request: HttpRequest,
    asked: web::Query<Asked>,
    body: Bytes,
    shared: Data<Gateway>,
) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    if header("x-magic-edge") != shared.edge_secret {
        return HttpResponse::Forbidden().finish();
    }
    let id = header("x-magic-channel").parse().ok().map(ChannelId);
    let snapshot = shared.routing.load();
    let key = header("x-magic-key").parse().unwrap_or(0);
    let channel = id.and_then(|id| match key {
        0 => snapshot.table.channel(id),
        key => snapshot.keyring(id).and_then(|keyring| keyring.with(key)),
    });
    let Some(channel) = channel.cloned() else {
        return broken("the channel is gone");
    };
    let stream = header("x-magic-stream") == "1";
    let (task, kind) = (request.path(), channel.kind);
    let call = Call { gateway: shared.into_inner(), channel, model: asked.into_inner().model, stream, body };
    let outcome: Outcome = match (task, kind) {
        ("/chat", 18) => spark::chat(call).await,
        ("/chat", 46) => replicate::chat(call).await,
        ("/images", 17) => dashscope::images(call).await,
        ("/images", 24 | 42 | 54) => google::images(call).await,
        ("/images", 46) => replicate::images(call).await,
        ("/speech", 27) => minimax::speech(call).await,
        ("/speech", 24 | 42 | 54) => google::speech(call).await,
        _ => Err(Broken("no such bridge".into())),
    };
    match outcome {
        Ok(Answer::Whole { status, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            HttpResponse::build(status).content_type("application/json").body(body)
        }
        Ok(Answer::Binary { kind, body }) => HttpResponse::Ok().content_type(kind).body(body),
        Ok(Answer::Events(events)) => HttpResponse::Ok().content_type("text/event-stream").streaming(events),
        Err(Broken(why)) => broken(&why),
    }
}

fn broken(why: &str) -> HttpResponse {
    HttpResponse::BadGateway().json(json!({ "error": { "message": why, "type": "upstream_error" } }))
}

/// The bridge while it runs.
pub struct Running {
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts the bridge on a socket. Returns when it accepts connections.
pub fn start(gateway: Arc<Gateway>, socket: &Path) -> std::io::Result<Running> {
    let socket = socket.to_owned();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("bridge".into()).spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let shared = Data::from(gateway);
            let build = move || {
                actix_web::App::new()
                    .app_data(shared.clone())
                    .app_data(web::PayloadConfig::new(BODY_MAX))
                    .route("/chat", web::post().to(answer))
                    .route("/speech", web::post().to(answer))
                    .route("/images", web::post().to(answer))
            };
            let bound = actix_web::HttpServer::new(build)
                .workers(1)
                .disable_signals()
                .shutdown_timeout(1)
                .bind_uds(&socket);
            match bound {
                Ok(server) => {
                    let server = server.run();
                    let _ = sender.send(Ok(server.handle()));
                    if let Err(error) = server.await {
                        log::error!("the bridge ended: {error}");
                    }
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        });
    })?;
    let handle =
        receiver.recv().unwrap_or_else(|_| Err(std::io::Error::other("the bridge did not start")))?;
    Ok(Running { handle, thread: Some(thread) })
}

impl Running {
    /// Ends the bridge and its thread.
    pub async fn stop(mut self) {
        self.handle.stop(true).await;
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
