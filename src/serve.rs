//! `magic serve`, the composition: settings → database → journal → routing → services.

mod before;
mod database;
mod ending;

use crate::app::{self, Outcome, say};
use crate::books::Books;
use crate::cli::{Common, Serve};
use crate::edge;
use crate::edge::accept::{Front, Gate, Listening};
use crate::edge::certificates::Certificates;
use crate::edge::door::Door;
use crate::gateway::{Gateway, Parts};
use crate::handover::{self, heir::Heir, keeper::Keeper};
use crate::jobs::{follow, nodes, owners, post::Poster, recover};
use crate::live::{LiveGateway, StoreArchive, StoreBank};
use crate::logging;
use crate::overload::Overload;
use crate::proxy::Edge;
use crate::settings::{self, Listen, Settings};
use crate::wallet::Wallets;
use before::Before;
use ending::{Exit, Signals, Stop};
use magic_admin::Deps;
use magic_admin::endpoints::Endpoints;
use magic_admin::events::Events;
use magic_journal::Journal;
use magic_store::{Dsn, Store, StoreError};
use parking_lot::Mutex;
use pingora_core::apps::HttpServerOptions;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server};
use pingora_core::services::background::background_service;
use pingora_proxy::http_proxy;
use sd_notify::NotifyState;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// `magic serve`.
pub fn serve(common: &Common, args: &Serve) -> Outcome {
    let settings = app::load(common)?;
    logging::init(settings.log_dir.as_deref(), settings.logs.json, settings.logs.keep.clone());
    for dir in [Some(&settings.data_dir), settings.log_dir.as_ref()].into_iter().flatten() {
        settings::prepare_dir(dir)?;
    }
    let control = handover::control_path(&settings.data_dir);
    let mut heir = match args.take_over {
        Some(seconds) => Some(Heir::of(&control, Duration::from_secs(seconds))?),
        None => {
            alone_here(&settings, &control)?;
            None
        }
    };
    let listening = bind(&settings, heir.as_mut())?;
    let certificates = Arc::new(Certificates::default());
    certificates.configure(&settings.listen, &settings.certificates)?;
    for (name, why) in settings::WITHOUT_EFFECT {
        if std::env::var_os(name).is_some() {
            log::info!("{name} has no effect: {why}");
        }
    }
    let jobs = app::runtime()?;
    let stop = Stop::listen(jobs.handle());
    let Some(store) = database::open(&settings, &listening, &stop, &jobs, heir.is_some())? else {
        return Ok(());
    };
    let clock = jobs.block_on(crate::clock::begin(&store));
    // What the file declares is for all nodes. A process that takes over writes it once it does: one that fails before
    // has changed nothing.
    let mut owned = Some(settings.owned.clone()).filter(|_| !settings.follower);
    if heir.is_none()
        && let Some(owned) = owned.take()
    {
        jobs.block_on(store.apply_owned(owned)).map_err(|error| error.to_string())?;
    }

    let epoch = format!("{:x}-{}", chrono::Utc::now().timestamp_micros(), &hex(4)?);
    let recovered = recover::run(&settings.journal_dir(), &epoch, &store, jobs.handle())?;
    if recovered > 0 {
        log::info!("{recovered} calls of a process that died have been settled");
    }
    // A file has one process, and an upgrade two for a while.
    let one_writer = matches!(settings.dsn, Dsn::Sqlite(_));
    let alone = Arc::new(AtomicBool::new(one_writer && heir.is_none()));
    if alone.load(Ordering::Acquire) {
        jobs.block_on(release_dead(&store, &epoch)).map_err(|error| error.to_string())?;
    }
    let journal = Journal::open(magic_journal::Config {
        segment_bytes: settings.segment_bytes,
        fsync_every: settings.fsync_every,
        reserve_bytes: settings.reserve_bytes,
        ..magic_journal::Config::new(settings.journal_dir(), &epoch)
    })
    .map_err(|error| error.to_string())?;
    let journal = Arc::new(journal);
    let events = Events::default();
    let books = (journal.clone(), store.clone());
    let poster = Poster::start(books, events.clone(), epoch.clone(), jobs.handle().clone())
        .map_err(|error| error.to_string())?;

    let bank = Arc::new(StoreBank { store: store.clone(), epoch: epoch.clone(), alone: alone.clone() });
    settings::sweep(&settings.data_dir);
    let socket = settings::socket_path(&settings.data_dir, &format!("admin-{epoch}"));
    let bridge_socket = settings::socket_path(&settings.data_dir, &format!("bridge-{epoch}"));
    let (disable, mut to_disable) = tokio::sync::mpsc::unbounded_channel();
    let (captures, captured) = crate::proxy::capture::Queue::new();
    let edge_secret = hex(32)?;
    let (calls, memory) = settings.capacity();
    let (traces, spans) = crate::telemetry::Traces::new(&settings.telemetry);
    let gateway = Arc::new(Gateway::new(Parts {
        wallets: Wallets::new(bank, alone.clone()),
        alone,
        one_writer,
        books: Arc::new(Books::new(journal.clone())),
        tuning: settings.tuning.clone(),
        admin_socket: socket.clone(),
        bridge_socket: bridge_socket.clone(),
        edge_secret: edge_secret.clone(),
        archive: Arc::new(StoreArchive(store.clone())),
        metrics: crate::metrics::Metrics::new().map_err(|error| error.to_string())?,
        traces,
        database_up: store.up(),
        redis_away: store.redis_away(),
        frontend: settings.frontend.clone(),
        disable,
        captures,
        events: events.clone(),
        certificates: certificates.clone(),
        overload: Arc::new(Overload::new(calls, memory)),
    }));
    crate::metrics::watch(&gateway, &poster, &store);
    let side =
        settings.admin_listen.map(|address| crate::side::start(gateway.clone(), address)).transpose()?;
    if let Some(spans) = spans {
        jobs.spawn(crate::telemetry::run(gateway.clone(), spans, settings.telemetry.clone(), epoch.clone()));
    }
    gateway.sites.configure(&settings.sites);
    let live = LiveGateway::new(
        gateway.clone(),
        store.clone(),
        epoch.clone(),
        common.clone(),
        settings.clone(),
        jobs.handle().clone(),
    );
    jobs.block_on(async {
        live.refresh().await?;
        live.load_spent().await
    })
    .map_err(|error| error.to_string())?;
    log::info!(
        "magic {VERSION}: {} channels, {} tokens, {} database",
        gateway.routing.load().table.channels().count(),
        gateway.principals.tokens(),
        settings.dsn.engine()
    );
    let endpoints = Endpoints::from_env(&|name| std::env::var(name).ok());
    let admin = magic_admin::start(
        Deps {
            store: store.clone(),
            live: live.clone(),
            events,
            edge_secret,
            api_rate: settings.api_rate,
            started: chrono::Utc::now().timestamp(),
            version: VERSION,
            endpoints: endpoints.clone(),
        },
        &socket,
    )
    .map_err(|error| format!("the management service can't be started: {error}"))?;

    let bridge = crate::bridge::start(gateway.clone(), &bridge_socket)
        .map_err(|error| format!("the bridge can't be started: {error}"))?;

    let keeper = live.clone();
    jobs.spawn(async move {
        while let Some(dead) = to_disable.recv().await {
            crate::notices::disable(&keeper, dead).await;
        }
    });
    jobs.spawn(crate::clock::run(store.clone(), clock));
    poster.on_rewind({
        let (live, jobs) = (live.clone(), jobs.handle().clone());
        move || drop(jobs.spawn(live.clone().rewound()))
    });
    jobs.spawn(follow::run(live.clone(), poster.clone()));
    jobs.spawn(crate::jobs::captures::run(live.clone(), captured));
    jobs.spawn(crate::jobs::verify::run(live.clone(), settings.verify_every));
    jobs.spawn(crate::jobs::counts::run(live.clone(), settings.redis.is_some()));
    jobs.spawn(crate::sites::health::run(gateway.clone()));
    jobs.spawn(crate::jobs::certificates::run(certificates));
    // What a process that has begun to end leaves to others.
    let ending = [
        jobs.spawn(crate::jobs::rounds::run(live.clone(), settings.test_minutes, settings.balance_minutes)),
        jobs.spawn(crate::jobs::retention::run(live.clone())),
        jobs.spawn(crate::jobs::payments::run(live.clone(), endpoints)),
        jobs.spawn(crate::jobs::stats::run(live.clone())),
        jobs.spawn(crate::notices::remind(live.clone())),
        jobs.spawn(owners::run(live.clone())),
        jobs.spawn(crate::acme::run(live.clone())),
    ];
    let pulse = nodes::Pulse::new(nodes::Node {
        id: epoch.clone(),
        follower: settings.follower,
        drain: settings.drain,
        version: VERSION,
        journal: journal.clone(),
        poster: poster.clone(),
        live: live.clone(),
    });
    jobs.spawn(nodes::run(pulse.clone()));

    let exit = Exit {
        gateway: gateway.clone(),
        poster,
        journal,
        store: store.clone(),
        admin: tokio::sync::Mutex::new(Some(admin)),
        bridge: tokio::sync::Mutex::new(Some(bridge)),
        sockets: [socket, bridge_socket],
        control: control.clone(),
        drain: settings.drain,
        epoch: epoch.clone(),
        pulse,
    };
    let gate = watch::Sender::new(if heir.is_some() { Gate::Waiting } else { Gate::Open });
    let (leave, runtime) = (stop.clone(), jobs.handle().clone());
    let sockets = Arc::new(Mutex::new(copies(&listening)?));
    let keeper = Keeper {
        gateway: gateway.clone(),
        version: VERSION,
        sockets: sockets.clone(),
        gate: gate.clone(),
        runtime: jobs.handle().clone(),
        leave: Box::new(move || {
            if let Some(side) = &side {
                runtime.block_on(side.close());
            }
            leave.ask();
        }),
    };
    let journals = settings.journal_dir();
    let before = Before { heir, keeper, control, store, epoch, journals, owned, live: live.clone() };
    let (started, all_listen) = tokio::sync::oneshot::channel();
    let (first, runtime) = (settings.listen.first().cloned(), jobs.handle().clone());
    std::thread::spawn(move || {
        if all_listen.blocking_recv().is_err() {
            return;
        }
        if let Err(why) = before.follow(&runtime) {
            app::complain(&why);
            std::process::exit(1);
        }
        if let Some(first) = first {
            announce(&first);
        }
    });
    let ending = ending.iter().map(|job| job.abort_handle()).collect();
    let signals =
        Signals { gateway: gateway.clone(), stop, delay: settings.drain_delay, sockets, jobs: ending };
    run_server(&settings, gateway, (listening, gate.subscribe(), started), exit, signals);
    Ok(())
}

/// Two processes would spend the same balances from one SQLite file.
fn alone_here(settings: &Settings, control: &Path) -> Outcome {
    match handover::command::status(control) {
        Ok(running) if matches!(settings.dsn, Dsn::Sqlite(_)) => Err(format!(
            "process {} already serves with this data directory; `magic upgrade` takes over from it",
            running.pid
        )),
        _ => Ok(()),
    }
}

/// Gives back the leases of processes that are dead and left no journal.
async fn release_dead(store: &Store, own: &str) -> Result<(), StoreError> {
    for epoch in store.lease_epochs().await? {
        if epoch != own {
            store.release_epoch(&epoch).await?;
        }
    }
    Ok(())
}

fn hex(bytes: usize) -> Result<String, String> {
    let id = uuid::Uuid::new_v4().simple().to_string() + &uuid::Uuid::new_v4().simple().to_string();
    Ok(id.chars().take(bytes * 2).collect())
}

/// One line when the gateway answers.
fn announce(first: &Listen) {
    let mut local = first.address;
    if local.ip().is_unspecified() {
        local = SocketAddr::from(([127, 0, 0, 1], local.port()));
    }
    let scheme = if first.tls.is_some() { "https" } else { "http" };
    say(&format!("MAGIC ready on {scheme}://{local}"));
    // Whoever started it may want to know, and which process it is now: a new one after an upgrade.
    let pid = std::process::id();
    let told = sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(pid)]);
    if let Err(error) = told {
        log::debug!("the service manager can't be told: {error}");
    }
}

/// Binds every address that the process before does not hand over, before anything is begun that would have to be
/// taken back.
fn bind(settings: &Settings, mut heir: Option<&mut Heir>) -> Result<Vec<Listening>, String> {
    let listen = settings.listen.iter().enumerate();
    listen
        .map(|(at, listen)| {
            let taken = heir.as_mut().and_then(|heir| heir.socket(listen.address));
            let socket = match taken {
                Some(socket) => socket,
                None => edge::listen::bind(listen.address)
                    .map_err(|error| format!("{} can't be listened on: {error}", listen.address))?,
            };
            Ok(Listening { listen: listen.clone(), socket, at })
        })
        .collect()
}

fn copies(listening: &[Listening]) -> Result<Vec<(SocketAddr, TcpListener)>, String> {
    let copy = |one: &Listening| Ok((one.listen.address, one.socket.try_clone()?));
    listening.iter().map(copy).collect::<std::io::Result<_>>().map_err(|error| error.to_string())
}

type Started = tokio::sync::oneshot::Sender<()>;

fn run_server(
    settings: &Settings,
    gateway: Arc<Gateway>,
    (listening, gate, started): (Vec<Listening>, watch::Receiver<Gate>, Started),
    exit: Exit,
    signals: Signals,
) {
    let conf = ServerConf {
        threads: settings.threads,
        // Our own watcher ends the process as soon as it is empty; this is only the fence behind it.
        grace_period_seconds: Some(settings.drain.as_secs() + 60),
        graceful_shutdown_timeout_seconds: Some(5),
        max_retries: 64,
        upstream_keepalive_pool_size: 1024,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut options = HttpServerOptions::default();
    options.keepalive_request_limit = Some(10_000);
    options.h2_idle_timeout = Some(Duration::from_secs(60));
    let mut proxy = http_proxy(&server.configuration, Edge(gateway.clone()));
    proxy.server_options = Some(options);
    proxy.h2_options = Some(edge::door::http2());
    let certificates = gateway.certificates.clone();
    let door = Door { proxy: Arc::new(proxy), gateway };
    let connections = settings.connections.unwrap_or_else(edge::places::by_resources);
    let front = Front::new(door, listening, certificates, connections, gate, started);
    let handle = server.add_service(background_service("exit", exit));
    let edge = server.add_service(front);
    edge.add_dependency(&handle);
    server.run(RunArgs { shutdown_signal: Box::new(signals) });
}
