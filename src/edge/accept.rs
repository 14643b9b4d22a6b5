//! Accepting connections: counted, within deadlines, and given to the proxy with the address that is really theirs.

use super::certificates::{ACME_TLS, Certificates, ForListener, provider};
use super::door::Door;
use super::listen;
use super::places::{self, Place, Places};
use super::proxy_protocol;
use super::socket::Socket;
use crate::settings::Listen;
use async_trait::async_trait;
use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::l4::stream::Stream as L4;
use pingora_core::protocols::{GetSocketDigest, SocketDigest};
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::Service;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot, watch};

/// After an error of accepting that is not the connection's own: the process has no file left, for example.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the process accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Not yet: another process still does.
    Waiting,
    Open,
    /// Another process takes over.
    Shut,
}

/// A socket with what the configuration says of it.
pub struct Listening {
    pub listen: Listen,
    pub socket: TcpListener,
    /// Its place in the configuration.
    pub at: usize,
}

/// The service that accepts.
pub struct Front {
    door: Arc<Door>,
    shared: Arc<Shared>,
    listening: Vec<Listening>,
    gate: watch::Receiver<Gate>,
    /// How many there may be.
    connections: usize,
    /// Told once, when all listen.
    started: Option<oneshot::Sender<()>>,
}

/// What all listeners share.
struct Shared {
    certificates: Arc<Certificates>,
    places: Arc<Places>,
    /// One for each connection that may be open.
    room: Arc<Semaphore>,
    /// Said once: there was no room, or no file.
    full: AtomicBool,
    /// So much room is room again: a place that is free for a moment is not told of.
    enough: usize,
}

impl Front {
    pub fn new(
        door: Door,
        listening: Vec<Listening>,
        certificates: Arc<Certificates>,
        connections: usize,
        gate: watch::Receiver<Gate>,
        started: oneshot::Sender<()>,
    ) -> Front {
        let places = door.gateway.places.clone();
        let room = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let enough = connections / 20;
        let shared = Shared { certificates, places, room, full: AtomicBool::new(false), enough };
        Front {
            door: Arc::new(door),
            shared: Arc::new(shared),
            listening,
            gate,
            connections,
            started: Some(started),
        }
    }
}

#[async_trait]
impl Service for Front {
    async fn start_service(&mut self, _fds: Option<ListenFds>, shutdown: ShutdownWatch, _tasks: usize) {
        let mut loops = Vec::new();
        for Listening { listen, socket, at } in self.listening.drain(..) {
            let address = listen.address;
            let ready = listen::start(&socket)
                .and_then(|()| socket.set_nonblocking(true))
                .and_then(|()| tokio::net::TcpListener::from_std(socket));
            let socket = match ready {
                Ok(socket) => socket,
                Err(error) => {
                    log::error!("{address} can't be listened on: {error}");
                    continue;
                }
            };
            let tls = match listen.tls {
                Some(_) => match acceptor(&self.shared.certificates, at) {
                    Ok(tls) => Some(Arc::new(tls)),
                    Err(error) => {
                        log::error!("{address} can't speak TLS: {error}");
                        continue;
                    }
                },
                None => None,
            };
            let lane = Arc::new(Lane { listen, tls, door: self.door.clone(), shared: self.shared.clone() });
            loops.push(tokio::spawn(lane.run(socket, self.gate.clone(), shutdown.clone())));
        }
        let (places, room) = (self.shared.places.clone(), self.connections);
        tokio::spawn(self.door.gateway.overload.clone().watch(move || (places.open(), room)));
        if let Some(started) = self.started.take() {
            let _ = started.send(());
        }
        for ended in loops {
            if let Err(error) = ended.await {
                log::error!("a listener has ended: {error}");
            }
        }
    }

    fn name(&self) -> &str {
        "edge"
    }
}

fn acceptor(certificates: &Arc<Certificates>, at: usize) -> Result<Acceptor, rustls::Error> {
    let resolver = Arc::new(ForListener { certificates: certificates.clone(), at });
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), ACME_TLS.to_vec()];
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(Acceptor::from_server_config(Arc::new(config)))
}

/// One listener at work.
struct Lane {
    listen: Listen,
    tls: Option<Arc<Acceptor>>,
    door: Arc<Door>,
    shared: Arc<Shared>,
}

impl Lane {
    async fn run(
        self: Arc<Self>,
        socket: tokio::net::TcpListener,
        mut gate: watch::Receiver<Gate>,
        shutdown: ShutdownWatch,
    ) {
        let mut ending = shutdown.clone();
        loop {
            let open = *gate.borrow_and_update() == Gate::Open;
            let accepted = tokio::select! {
                () = ended(&mut ending) => return,
                changed = gate.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                accepted = self.accept(&socket), if open => accepted,
            };
            match accepted {
                Ok((stream, peer, place, permit)) => {
                    let (lane, shutdown) = (self.clone(), shutdown.clone());
                    tokio::spawn(async move {
                        lane.serve(stream, peer, place, shutdown).await;
                        drop(permit);
                    });
                }
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// The next connection, once there is room for one. Others wait in the kernel's queue.
    async fn accept(
        &self,
        socket: &tokio::net::TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, Place, tokio::sync::OwnedSemaphorePermit)> {
        if self.shared.room.available_permits() == 0 && !self.shared.full.swap(true, Ordering::Relaxed) {
            log::warn!("there is no room for more connections; new ones wait");
        }
        let room = self.shared.room.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = socket.accept().await?;
        if self.shared.room.available_permits() > self.shared.enough
            && self.shared.full.swap(false, Ordering::Relaxed)
        {
            log::info!("there is room for connections again");
        }
        Ok((stream, peer, self.shared.places.take(), room))
    }

    async fn failed(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset) {
            return;
        }
        if !self.shared.full.swap(true, Ordering::Relaxed) {
            log::error!("connections can't be accepted, they wait: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// From the first byte to the last of a connection.
    async fn serve(&self, stream: TcpStream, peer: SocketAddr, mut place: Place, shutdown: ShutdownWatch) {
        let deadline = self.door.gateway.tuning.load().head_deadline;
        let ready = tokio::time::timeout(deadline, self.greet(stream, peer, &mut place)).await;
        match ready {
            Ok(Ok(stream)) => self.door.serve(stream, &self.listen, shutdown).await,
            Ok(Err(why)) => {
                self.door.gateway.metrics.connection_failed("refused");
                log::debug!("a connection from {peer} is closed: {why}");
            }
            Err(_) => {
                self.door.gateway.metrics.connection_failed("timeout");
                log::debug!("a connection from {peer} is closed: its handshake takes too long");
            }
        }
    }

    /// PROXY head, place, TLS: what comes before HTTP.
    async fn greet(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        place: &mut Place,
    ) -> Result<pingora_core::protocols::Stream, String> {
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let tuning = self.door.gateway.tuning.load_full();
        let (mut client, mut early) = (peer, Vec::new());
        if self.listen.proxy_protocol {
            let ip = peer.ip().to_canonical();
            if !tuning.trusted_proxies.iter().any(|net| net.contains(&ip)) {
                return Err("it is none of the trusted proxies".into());
            }
            let (told, rest) = proxy_protocol::read(&mut stream).await?;
            (client, early) = (told.unwrap_or(peer), rest);
        }
        let most = places::allowed(client.ip(), tuning.connections_per_address, &tuning.trusted_proxies);
        if !place.for_address(client.ip(), most) {
            return Err("its address has too many connections".into());
        }
        let fd = stream.as_raw_fd();
        let mut l4 = L4::from(stream);
        let digest = SocketDigest::from_raw_fd(fd);
        // A new cell is empty.
        let _ = digest.peer_addr.set(Some(client.into()));
        l4.set_socket_digest(digest);
        l4.rewind(&early);
        match &self.tls {
            None => Ok(Box::new(Socket::plain(l4))),
            Some(tls) => match tls.tls_handshake(Socket::under_tls(l4)).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// Waits until the process ends.
async fn ended(shutdown: &mut ShutdownWatch) {
    let _ = shutdown.wait_for(|ending| *ending).await;
}
