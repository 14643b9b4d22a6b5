//! The end of the process: signals, the drain, and what is settled before it leaves.

use crate::gateway::Gateway;
use crate::handover::keeper::Sockets;
use crate::jobs::{nodes, post::Poster};
use async_trait::async_trait;
use magic_journal::Journal;
use magic_store::Store;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use pingora_core::services::background::BackgroundService;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What asks the process to end: SIGTERM, SIGINT, and a process that has taken over. Heard from the start on, so that
/// what comes early is not lost.
#[derive(Clone)]
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    pub fn listen(runtime: &Handle) -> Stop {
        let tell = watch::Sender::new(false);
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let _runtime = runtime.enter();
            match signal(kind) {
                Ok(mut signal) => {
                    let tell = tell.clone();
                    runtime.spawn(async move {
                        signal.recv().await;
                        tell.send_replace(true);
                    });
                }
                Err(error) => log::error!("a signal can't be awaited: {error}"),
            }
        }
        Stop(tell)
    }

    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    pub async fn asked(&self) {
        if self.0.subscribe().wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Begins an orderly end when it is asked for.
pub(super) struct Signals {
    pub gateway: Arc<Gateway>,
    pub stop: Stop,
    /// How long balancers get to notice that no more should come.
    pub delay: Duration,
    /// Copies of the listening sockets.
    pub sockets: Sockets,
    /// Work that another process does from now on, or nobody.
    pub jobs: Vec<AbortHandle>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        self.stop.asked().await;
        self.gateway.draining.store(true, Ordering::Release);
        self.jobs.iter().for_each(AbortHandle::abort);
        if !self.gateway.handed_over.load(Ordering::Acquire) {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        }
        if !self.gateway.handed_over.load(Ordering::Acquire) {
            tokio::time::sleep(self.delay).await;
        }
        self.sockets.lock().clear();
        self.gateway.events.close();
        log::info!("ending: {} calls are still open", self.gateway.in_flight.load(Ordering::Acquire));
        ShutdownSignal::GracefulTerminate
    }
}

/// How long idle connections get to close once no call is left.
const LINGER: Duration = Duration::from_millis(1500);

/// Waits until nothing is in flight, settles the books, and ends the process.
pub(super) struct Exit {
    pub gateway: Arc<Gateway>,
    pub poster: Poster,
    pub journal: Arc<Journal>,
    pub store: Store,
    pub admin: tokio::sync::Mutex<Option<magic_admin::Running>>,
    pub bridge: tokio::sync::Mutex<Option<crate::bridge::Running>>,
    pub sockets: [PathBuf; 2],
    pub control: PathBuf,
    pub drain: Duration,
    pub epoch: String,
    pub pulse: Arc<nodes::Pulse>,
}

#[async_trait]
impl BackgroundService for Exit {
    async fn start(&self, mut shutdown: pingora_core::server::ShutdownWatch) {
        if shutdown.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let deadline = Instant::now() + self.drain;
        while self.gateway.in_flight.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let open = self.gateway.in_flight.load(Ordering::Acquire);
        // Idle connections close by themselves; who sends a request just now is still answered.
        let patience = (Instant::now() + LINGER).min(deadline);
        while self.gateway.places.open() > 0 && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if open > 0 {
            log::warn!("{open} calls are cut off: the drain deadline has passed");
        }
        if let Some(admin) = self.admin.lock().await.take() {
            let _ = tokio::time::timeout(Duration::from_secs(6), admin.stop()).await;
        }
        if let Some(bridge) = self.bridge.lock().await.take() {
            let _ = tokio::time::timeout(Duration::from_secs(2), bridge.stop()).await;
        }
        for socket in &self.sockets {
            let _ = std::fs::remove_file(socket);
        }
        if !self.gateway.handed_over.load(Ordering::Acquire) {
            let _ = std::fs::remove_file(&self.control);
        }
        let end = self.journal.position();
        let patience = Instant::now() + Duration::from_secs(10);
        while !self.poster.has_posted(end) && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while self.gateway.captures.waiting() > 0 && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A record may come as late as this: what is not posted when the poster has ended is left to the next process.
        self.poster.stop();
        let patience = Instant::now() + Duration::from_secs(3);
        while !self.poster.has_ended() && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let posted = self.poster.has_ended() && self.poster.has_posted(self.journal.position());
        let clean = posted && open == 0;
        self.gateway.wallets.recall_all().await;
        if clean {
            let _ = self.store.release_epoch(&self.epoch).await;
            self.journal.remove_posted();
        }
        self.pulse.stop().await;
        self.gateway.traces.flush(Duration::from_secs(3)).await;
        self.store.close().await;
        log::info!("ended");
        crate::logging::flush(Duration::from_secs(1));
        std::process::exit(0);
    }
}
