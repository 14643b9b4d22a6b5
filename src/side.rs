//! `server.admin_listen`: metrics and health for those who watch, without a token, away from the public (SR-36).

use crate::gateway::Gateway;
use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Connections at once: a few scrapers, a few probes.
const CONNECTIONS: usize = 64;
/// Between two looks whether the address is free by now.
const PAUSE: Duration = Duration::from_millis(200);

/// The listener while it runs.
#[derive(Clone, Default)]
pub struct Side(Arc<Shared>);

#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    handle: Mutex<Option<ServerHandle>>,
}

impl Side {
    /// Gives the address up, for a process that takes over.
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        let handle = self.0.handle.lock().take();
        if let Some(handle) = handle {
            handle.stop(false).await;
        }
    }
}

/// Starts it. An address that is in use is waited for: during an upgrade the old process still has it.
///
/// # Errors
/// In words: the address can't be listened on.
pub fn start(gateway: Arc<Gateway>, address: SocketAddr) -> Result<Side, String> {
    let side = Side::default();
    let mine = side.clone();
    let (sender, receiver) = channel();
    let thread = std::thread::Builder::new().name("side".into()).spawn(move || {
        let Some(socket) = wait(&mine, address, |outcome| {
            let _ = sender.send(outcome);
        }) else {
            return;
        };
        actix_web::rt::System::new().block_on(serve(gateway, socket, mine));
    });
    let bound = thread.and_then(|_| receiver.recv().map_err(io::Error::other)?);
    bound
        .map(|()| side)
        .map_err(|error| format!("server.admin_listen: {address} can't be listened on: {error}"))
}

/// The socket, once the address is free. `told` hears at once whether it is worth waiting for.
fn wait(side: &Side, address: SocketAddr, told: impl Fn(io::Result<()>)) -> Option<TcpListener> {
    let mut waits = false;
    while !side.0.closed.load(Ordering::Acquire) {
        match TcpListener::bind(address) {
            Ok(socket) => {
                if waits {
                    log::info!("metrics are at {address} now");
                }
                told(Ok(()));
                return Some(socket);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                if !std::mem::replace(&mut waits, true) {
                    log::warn!("metrics wait for {address}: another process has it");
                    told(Ok(()));
                }
                std::thread::sleep(PAUSE);
            }
            Err(error) => {
                told(Err(error));
                return None;
            }
        }
    }
    None
}

async fn serve(gateway: Arc<Gateway>, socket: TcpListener, side: Side) {
    let shared = Data::from(gateway);
    let build = move || {
        actix_web::App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(1024))
            .route("/metrics", web::get().to(metrics))
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .default_service(web::to(nothing))
    };
    let bound = actix_web::HttpServer::new(build)
        .workers(1)
        .max_connections(CONNECTIONS)
        .client_request_timeout(Duration::from_secs(5))
        .disable_signals()
        .shutdown_timeout(1)
        .listen(socket);
    match bound {
        Ok(server) => {
            let server = server.run();
            *side.0.handle.lock() = Some(server.handle());
            if let Err(error) = server.await {
                log::error!("the listener for metrics has ended: {error}");
            }
        }
        Err(error) => log::error!("metrics can't be served: {error}"),
    }
}

async fn metrics(gateway: Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(gateway.metrics.text(&gateway))
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(r#"{"status":"ok"}"#)
}

async fn readyz(gateway: Data<Gateway>) -> HttpResponse {
    let (status, body) = gateway.readiness();
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status).content_type("application/json").body(format!(r#"{{"status":"{body}"}}"#))
}

async fn nothing(_request: HttpRequest) -> HttpResponse {
    HttpResponse::NotFound().finish()
}
