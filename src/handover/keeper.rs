//! The running process's side: its control socket.

use super::wire::{self, Answer, Ask, Status};
use crate::edge::accept::Gate;
use crate::gateway::Gateway;
use parking_lot::Mutex;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long a new process may take to prepare, from one question to the next.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between taking over and serving only what the file declares is written: longer means that the new process is stuck.
const BETWEEN: Duration = Duration::from_secs(5);
/// How long leases may take to go back; those that don't are settled when this process ends.
const RECALL: Duration = Duration::from_secs(3);

/// Listening sockets that can be handed over.
pub type Sockets = Arc<Mutex<Vec<(SocketAddr, TcpListener)>>>;

/// What the control socket works with.
pub struct Keeper {
    pub gateway: Arc<Gateway>,
    pub version: &'static str,
    /// Copies of the listening sockets. Emptied when the process ends: while one is open, callers get through to nobody.
    pub sockets: Sockets,
    pub gate: watch::Sender<Gate>,
    /// Where balances are given back.
    pub runtime: Handle,
    /// Begins the end of this process: another one serves.
    pub leave: Box<dyn Fn() + Send + Sync>,
}

/// Takes the path of the control socket, from another process too if need be, and answers there for as long as the
/// process lives.
///
/// # Errors
/// The socket can't be made.
pub fn start(keeper: Keeper, path: &Path) -> io::Result<()> {
    let own = own_path(path);
    let _ = std::fs::remove_file(&own);
    let listener = UnixListener::bind(&own)?;
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&own, path)?;
    let keeper = Arc::new(keeper);
    let serve = move || {
        for stream in listener.incoming() {
            let keeper = keeper.clone();
            match stream {
                // A few at a time: only its owner and root get through to here.
                Ok(stream) => drop(std::thread::Builder::new().name("control".into()).spawn(move || {
                    if let Err(error) = keeper.talk(&stream) {
                        log::debug!("a process at the control socket is not understood: {error}");
                    }
                })),
                Err(error) => log::debug!("the control socket can't be listened on: {error}"),
            }
        }
    };
    std::thread::Builder::new().name("control".into()).spawn(serve).map(|_| ())
}

/// Until it takes the place of another one.
fn own_path(path: &Path) -> PathBuf {
    path.with_extension(format!("{}", std::process::id()))
}

impl Keeper {
    fn talk(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_write_timeout(Some(BETWEEN))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let user = rustix::net::sockopt::socket_peercred(stream)?.uid;
        if !user.is_root() && user != rustix::process::geteuid() {
            return wire::send(stream, &Answer::No { why: "the process is another user's".into() }, &[]);
        }
        while let Some((ask, _)) = wire::receive::<Ask>(stream)? {
            match ask {
                Ask::Status => wire::send(stream, &Answer::Status(self.status()), &[])?,
                Ask::Sockets => self.give_sockets(stream)?,
                Ask::TakeOver => return self.give_way(stream),
                Ask::Serving => return Ok(()),
            }
        }
        Ok(())
    }

    fn status(&self) -> Status {
        Status {
            pid: std::process::id(),
            version: self.version.to_owned(),
            in_flight: self.gateway.in_flight.load(Ordering::Acquire),
        }
    }

    fn give_sockets(&self, stream: &UnixStream) -> io::Result<()> {
        let sockets = self.sockets.lock();
        let addresses = sockets.iter().map(|(address, _)| address.to_string()).collect();
        let (out, err) = (io::stdout(), io::stderr());
        let mut files: Vec<BorrowedFd<'_>> = sockets.iter().map(|(_, socket)| socket.as_fd()).collect();
        files.extend([out.as_fd(), err.as_fd()]);
        if files.len() > wire::FILES_MAX {
            let why = format!("{} listeners are more than can be handed over", sockets.len());
            return wire::send(stream, &Answer::No { why }, &[]);
        }
        wire::send(stream, &Answer::Sockets { addresses }, &files)
    }

    fn give_way(&self, stream: &UnixStream) -> io::Result<()> {
        if *self.gate.borrow() != Gate::Open || self.gateway.draining.load(Ordering::Acquire) {
            return wire::send(stream, &Answer::No { why: "it is ending already".into() }, &[]);
        }
        self.gate.send_replace(Gate::Shut);
        self.gateway.alone.store(false, Ordering::Release);
        log::info!("another process takes over");
        let recalled = self.runtime.block_on(async {
            tokio::time::timeout(RECALL, self.gateway.wallets.recall_all()).await.is_ok()
        });
        if !recalled {
            log::warn!(
                "the database is slow: what is set aside here can be spent again when this process ends"
            );
        }
        let serves = wire::send(stream, &Answer::Yours, &[])
            .and_then(|()| stream.set_read_timeout(Some(BETWEEN)))
            .and_then(|()| wire::receive::<Ask>(stream));
        if matches!(serves, Ok(Some((Ask::Serving, _)))) {
            self.gateway.handed_over.store(true, Ordering::Release);
            (self.leave)();
            // The other process learns from the end of this connection that this one is gone.
            stream.set_read_timeout(None)?;
            let _ = wire::receive::<Ask>(stream);
            return Ok(());
        }
        self.gateway.alone.store(self.gateway.one_writer, Ordering::Release);
        self.gate.send_replace(Gate::Open);
        log::warn!("the other process did not come to serve: this one goes on");
        Ok(())
    }
}
