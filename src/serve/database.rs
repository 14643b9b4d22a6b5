//! A database that can't be reached when the process starts (F07): where that is wished it is waited for, as long as
//! it takes, for containers that start in any order. Whoever asks meanwhile is told so, so that a balancer looks
//! elsewhere and nobody takes the process for dead.

use super::ending::Stop;
use crate::app;
use crate::edge::accept::Listening;
use crate::proxy::{context, route};
use crate::settings::Settings;
use actix_web::dev::ServerHandle;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::fault::{Code, Fault};
use magic_store::{Dsn, Store, StoreError};
use magic_wire::fault::write_fault;
use sd_notify::NotifyState;
use std::io;
use std::net::TcpListener;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// What a service manager is asked to wait until the next try, in microseconds.
const PATIENCE: u32 = 30_000_000;
/// Callers that are told at once.
const CONNECTIONS: usize = 1024;
/// When a caller is to ask again, in seconds.
const AGAIN: u64 = 5;

/// Opens the database. `None`: the process was asked to end while it waited.
///
/// # Errors
/// In words: the database can't be used. One that is not there is waited for where `database.wait` says so, unless
/// this process takes over from another, which goes on.
pub(super) fn open(
    settings: &Settings,
    listening: &[Listening],
    stop: &Stop,
    jobs: &Runtime,
    takes_over: bool,
) -> Result<Option<Store>, String> {
    let waits = settings.database_wait && !takes_over && !matches!(settings.dsn, Dsn::Sqlite(_));
    let mut room = None;
    jobs.block_on(async {
        let opened = loop {
            match app::connect(settings).await {
                Err(StoreError::Unavailable(why)) if waits => {
                    if room.is_none() {
                        log::warn!("{} can't be reached, and is waited for: {why}", settings.dsn);
                        room = Some(Room::open(listening).map_err(|error| error.to_string())?);
                    }
                }
                other => break other.map(Some).map_err(|error| format!("{}: {error}", settings.dsn)),
            }
            let _ = sd_notify::notify(&[
                NotifyState::Status("waiting for the database"),
                NotifyState::ExtendTimeoutUsec(PATIENCE),
            ]);
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.asked() => break Ok(None),
            }
        };
        if let Some(room) = room {
            room.close().await;
            if let Ok(Some(_)) = &opened {
                log::warn!("{} is there", settings.dsn);
                let _ = sd_notify::notify(&[NotifyState::Status("")]);
            }
        }
        opened
    })
}

/// Answers at the process' own addresses.
struct Room(ServerHandle);

impl Room {
    fn open(listening: &[Listening]) -> io::Result<Room> {
        let socket = |one: &Listening| {
            crate::edge::listen::start(&one.socket)?;
            one.socket.try_clone()
        };
        let sockets: Vec<TcpListener> = listening.iter().map(socket).collect::<io::Result<_>>()?;
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::Builder::new().name("waiting".into()).spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let build = || actix_web::App::new().default_service(web::to(answer));
                let server = actix_web::HttpServer::new(build)
                    .workers(1)
                    .max_connections(CONNECTIONS)
                    .client_request_timeout(Duration::from_secs(5))
                    .keep_alive(actix_web::http::KeepAlive::Disabled)
                    .disable_signals()
                    .shutdown_timeout(1);
                let bound = sockets.into_iter().try_fold(server, |server, socket| server.listen(socket));
                match bound.map(|server| server.run()) {
                    Ok(server) => {
                        let _ = sender.send(Ok(server.handle()));
                        if let Err(error) = server.await {
                            log::error!("who asks while the database is waited for is not answered: {error}");
                        }
                    }
                    Err(error) => drop(sender.send(Err(error))),
                }
            });
        })?;
        receiver.recv().map_err(io::Error::other)?.map(Room)
    }

    /// Answers who has asked, and gives the addresses back.
    async fn close(self) {
        self.0.stop(true).await;
    }
}

async fn answer(request: HttpRequest) -> HttpResponse {
    match request.path() {
        "/healthz" => HttpResponse::Ok().content_type("application/json").body(r#"{"status":"ok"}"#),
        "/readyz" => waiting().body(r#"{"status":"waiting for the database"}"#),
        path => {
            let method = http::Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default();
            let fault = Fault::new(
                Code::QuotaAuthorityUnavailable,
                "this gateway has just started and waits for its database; try again",
            );
            let (face, id) = (route::route(&method, path).face(), context::request_id().to_string());
            waiting().insert_header(("x-request-id", id.as_str())).body(write_fault(face, &fault, &id))
        }
    }
}

fn waiting() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::ServiceUnavailable();
    response.content_type("application/json").insert_header(("retry-after", AGAIN.to_string()));
    response
}
