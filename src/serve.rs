//! `magic serve`, the composition: settings → database → journal → routing → services.

mod ending;

use crate::app::{self, Outcome, say};
use crate::books::Books;
use crate::cli::Common;
use crate::edge;
use crate::edge::accept::{Front, Gate, Listening};
use crate::edge::certificates::Certificates;
use crate::edge::door::Door;
use crate::gateway::{Gateway, Parts};
use crate::jobs::{follow, nodes, owners, post::Poster, recover};
use crate::live::{LiveGateway, StoreArchive, StoreBank};
use crate::logging;
use crate::proxy::Edge;
use crate::settings::{self, Listen, Settings};
use crate::wallet::Wallets;
use ending::{Exit, Signals, Stop};
use magic_admin::Deps;
use magic_admin::endpoints::Endpoints;
use magic_admin::events::Events;
use magic_domain::money::Nano;
use magic_journal::Journal;
use magic_store::Dsn;
use pingora_core::apps::HttpServerOptions;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server};
use pingora_core::services::background::background_service;
use pingora_proxy::http_proxy;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a node in a fleet asks for beyond its need: enough that the database is seldom asked.
const FLEET_SURPLUS: Nano = Nano(1_000_000_000);
/// `magic serve`.
pub fn serve(common: &Common) -> Outcome {
    let settings = app::load(common)?;
    logging::init(
        settings.log_dir.as_deref(),
        std::env::var("MAGIC_LOG_FORMAT").is_ok_and(|form| form == "json"),
    );
    for dir in [Some(&settings.data_dir), settings.log_dir.as_ref()].into_iter().flatten() {
        settings::prepare_dir(dir)?;
    }
    let listening = bind(&settings)?;
    let certificates = Arc::new(Certificates::default());
    certificates.configure(&settings.listen, &settings.certificates)?;
    for (name, why) in settings::WITHOUT_EFFECT {
        if std::env::var_os(name).is_some() {
            log::info!("{name} has no effect: {why}");
        }
    }
    let jobs = app::runtime()?;
    let stop = Stop::listen(jobs.handle());
    let store = jobs.block_on(app::open_store(&settings))?;
    jobs.block_on(store.apply_owned(settings.owned.clone())).map_err(|error| error.to_string())?;

    let epoch = format!("{:x}-{}", chrono::Utc::now().timestamp_micros(), &hex(4)?);
    let recovered = recover::run(&settings.journal_dir(), &epoch, &store, jobs.handle())?;
    if recovered > 0 {
        log::info!("{recovered} calls of a process that died have been settled");
    }
    let alone = matches!(settings.dsn, Dsn::Sqlite(_));
    if alone {
        // Nobody else writes this file: leases without a journal are a dead process's.
        jobs.block_on(async {
            for dead in store.lease_epochs().await? {
                store.release_epoch(&dead).await?;
            }
            Ok(())
        })
        .map_err(|error: magic_store::StoreError| error.to_string())?;
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

    let bank = Arc::new(StoreBank { store: store.clone(), epoch: epoch.clone(), alone });
    let socket = std::env::temp_dir().join(format!("magic-admin-{epoch}.sock"));
    let bridge_socket = std::env::temp_dir().join(format!("magic-bridge-{epoch}.sock"));
    let (disable, mut to_disable) = tokio::sync::mpsc::unbounded_channel();
    let (captures, captured) = crate::proxy::capture::Queue::new();
    let edge_secret = hex(32)?;
    let gateway = Arc::new(Gateway::new(Parts {
        wallets: Wallets::new(bank, if alone { Nano::MAX } else { FLEET_SURPLUS }),
        books: Arc::new(Books::new(journal.clone())),
        tuning: settings.tuning.clone(),
        admin_socket: socket.clone(),
        bridge_socket: bridge_socket.clone(),
        edge_secret: edge_secret.clone(),
        archive: Arc::new(StoreArchive(store.clone())),
        metrics: crate::metrics::Metrics::new().map_err(|error| error.to_string())?,
        database_up: store.up(),
        disable,
        captures,
        events: events.clone(),
        certificates: certificates.clone(),
    }));
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
    let disabling = jobs.spawn(async move {
        while let Some(dead) = to_disable.recv().await {
            crate::notices::disable(&keeper, dead).await;
        }
    });
    let rounds =
        jobs.spawn(crate::jobs::rounds::run(live.clone(), settings.test_minutes, settings.balance_minutes));
    let retaining = jobs.spawn(crate::jobs::retention::run(live.clone()));
    let capturing = jobs.spawn(crate::jobs::captures::run(live.clone(), captured));
    let paying = jobs.spawn(crate::jobs::payments::run(live.clone(), endpoints));
    let summing = jobs.spawn(crate::jobs::stats::run(live.clone()));
    let reminding = jobs.spawn(crate::notices::remind(live.clone()));
    let following = jobs.spawn(follow::run(live.clone(), alone));
    let nursing = jobs.spawn(crate::sites::health::run(gateway.clone()));
    let owning = jobs.spawn(owners::run(live.clone()));
    jobs.spawn(crate::jobs::certificates::run(certificates));
    let pulse = nodes::Pulse::new(nodes::Node {
        id: epoch.clone(),
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
        store,
        admin: tokio::sync::Mutex::new(Some(admin)),
        bridge: tokio::sync::Mutex::new(Some(bridge)),
        sockets: [socket, bridge_socket],
        drain: settings.drain,
        epoch,
        pulse,
    };
    let (started, all_listen) = tokio::sync::oneshot::channel();
    let first = settings.listen.first().cloned();
    jobs.spawn(async move {
        if let (Ok(()), Some(first)) = (all_listen.await, first) {
            announce(&first);
        }
    });
    run_server(&settings, gateway, listening, (exit, stop, started))?;
    disabling.abort();
    following.abort();
    rounds.abort();
    capturing.abort();
    paying.abort();
    reminding.abort();
    retaining.abort();
    summing.abort();
    owning.abort();
    nursing.abort();
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
}

/// Binds every address, before anything is begun that would have to be taken back.
fn bind(settings: &Settings) -> Result<Vec<Listening>, String> {
    let listen = settings.listen.iter().enumerate();
    listen
        .map(|(at, listen)| {
            let socket = edge::listen::bind(listen.address)
                .map_err(|error| format!("{} can't be listened on: {error}", listen.address))?;
            Ok(Listening { listen: listen.clone(), socket, at })
        })
        .collect()
}

fn run_server(
    settings: &Settings,
    gateway: Arc<Gateway>,
    listening: Vec<Listening>,
    (exit, stop, started): (Exit, Stop, tokio::sync::oneshot::Sender<()>),
) -> Outcome {
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
    let door = Door { proxy: Arc::new(proxy), gateway: gateway.clone() };
    let connections = settings.connections.unwrap_or_else(edge::places::by_resources);
    let (_gate, opened) = watch::channel(Gate::Open);
    let front = Front::new(door, listening, gateway.certificates.clone(), connections, opened, started);
    let handle = server.add_service(background_service("exit", exit));
    let edge = server.add_service(front);
    edge.add_dependency(&handle);
    server.run(RunArgs { shutdown_signal: Box::new(Signals { gateway, stop, delay: settings.drain_delay }) });
    Ok(())
}
