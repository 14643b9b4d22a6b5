//! The composition: settings → database → journal → routing → services; and the way back out.

use crate::books::Books;
use crate::cli::{self, Common};
use crate::door::Door;
use crate::gateway::{Gateway, Parts};
use crate::jobs::{follow, nodes, owners, post::Poster, recover};
use crate::live::{LiveGateway, StoreArchive, StoreBank};
use crate::logging;
use crate::proxy::Edge;
use crate::settings::{self, Listen, Settings};
use crate::wallet::Wallets;
use async_trait::async_trait;
use magic_admin::Deps;
use magic_admin::endpoints::Endpoints;
use magic_admin::events::Events;
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use magic_journal::Journal;
use magic_store::{Dsn, Store};
use pingora_core::apps::HttpServerOptions;
use pingora_core::listeners::ListenerConfig;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::protocols::l4::stream::L4BufferSettings;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_core::services::listening::Service;
use pingora_proxy::http_proxy;
use std::io::{BufRead, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// What a node in a fleet asks for beyond its need: enough that the database is seldom asked.
const FLEET_SURPLUS: Nano = Nano(1_000_000_000);
/// A TLS record fits in this, and longer reads go past it. Pingora's own default is 64 KiB.
const TLS_READ_BUFFER: usize = 16 << 10;
const VERSION: &str = env!("CARGO_PKG_VERSION");

type Outcome = Result<(), String>;

/// Prints a line of an error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "magic: {line}");
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn load(common: &Common) -> Result<Settings, String> {
    settings::load(common, &|name| std::env::var(name).ok()).map_err(|faults| faults.to_string())
}

/// `magic check-config`.
pub fn check_config(common: &Common) -> Outcome {
    let settings = load(common)?;
    let file =
        settings.file.map_or_else(|| "no file, all defaults".to_owned(), |file| file.display().to_string());
    say(&format!("the configuration is sound ({file})"));
    Ok(())
}

async fn open_store(settings: &Settings) -> Result<Store, String> {
    let config = magic_store::Config {
        dsn: settings.dsn.clone(),
        log_dsn: settings.log_dsn.clone(),
        max_connections: settings.max_connections,
        redis: settings.redis.clone(),
        keys: settings.keys.clone(),
        bootstrap: settings.bootstrap.clone(),
    };
    Store::open(config).await.map_err(|error| format!("{}: {error}", settings.dsn))
}

fn runtime() -> Result<Runtime, String> {
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("jobs")
        .enable_all()
        .build();
    built.map_err(|error| format!("no runtime: {error}"))
}

/// `magic ledger verify`.
pub fn verify(common: &Common) -> Outcome {
    let settings = load(common)?;
    let checks = runtime()?.block_on(async {
        let store = open_store(&settings).await?;
        store.verify().await.map_err(|error| error.to_string())
    })?;
    let mut broken = 0;
    for check in &checks {
        let mark = if check.ok { "ok " } else { "BAD" };
        say(&format!("{mark} {} {}", check.name, check.what));
        if !check.ok {
            broken += 1;
            say(&format!("      {}", check.detail));
        }
    }
    if broken > 0 { Err(format!("{broken} of {} invariants do not hold", checks.len())) } else { Ok(()) }
}

/// `magic import one-api`: the report, on the standard output.
pub fn import_one_api(common: &Common, args: &cli::import::OneApi) -> Outcome {
    let plan = args.plan()?;
    let settings = load(common)?;
    settings::prepare_dir(&settings.data_dir)?;
    let report = runtime()?.block_on(async {
        let store = open_store(&settings).await?;
        let report =
            store.import_one_api(plan, cli::import::progress()).await.map_err(|error| error.to_string());
        store.close().await;
        report
    })?;
    args.report(&report).lines().for_each(say);
    Ok(())
}

/// `magic export`: the file, on the standard output.
pub fn export(common: &Common) -> Outcome {
    let settings = load(common)?;
    let loaded = runtime()?.block_on(async {
        let store = open_store(&settings).await?;
        store.load().await.map_err(|error| error.to_string())
    })?;
    crate::export::toml(&loaded).lines().for_each(say);
    Ok(())
}

/// `magic conformance`. The access token is taken from `MAGIC_ACCESS_TOKEN`: flags are seen by others.
pub fn conformance(args: &cli::conformance::Conformance) -> Outcome {
    let token = std::env::var("MAGIC_ACCESS_TOKEN").ok().map(|token| Secret::new(token.trim()));
    let (text, failed) = runtime()?.block_on(cli::conformance::run(args, token))?;
    say(&text);
    match failed.as_slice() {
        [] => Ok(()),
        _ => {
            let names: Vec<&str> = failed.iter().map(|feature| feature.name()).collect();
            Err(format!("does not work: {}", names.join(", ")))
        }
    }
}

/// `magic reset-root-password`: the new one is the first line of standard input.
pub fn reset_root_password(common: &Common) -> Outcome {
    let settings = load(common)?;
    complain("type the new password for root and press Enter");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    let password = Secret::new(line.trim_end_matches(['\r', '\n']));
    if !magic_store::password::LENGTHS.contains(&password.expose().chars().count()) {
        return Err("a password has 8 to 256 characters".into());
    }
    let name = runtime()?.block_on(async {
        let store = open_store(&settings).await?;
        store.reset_root_password(password).await.map_err(|error| error.to_string())
    })?;
    say(&format!("the password of {name} is set; its sessions have ended"));
    Ok(())
}

/// `magic rotate-master-key`.
pub fn rotate_master_key(common: &Common) -> Outcome {
    let settings = load(common)?;
    let count = runtime()?.block_on(async {
        let store = open_store(&settings).await?;
        store.rotate_master_key().await.map_err(|error| error.to_string())
    })?;
    say(&format!(
        "{count} secrets are sealed with the new master key. Next: run this once more, then start every node with it as \
         MAGIC_MASTER_KEY and without MAGIC_MASTER_KEY_NEXT"
    ));
    Ok(())
}

/// `magic serve`.
pub fn serve(common: &Common) -> Outcome {
    let settings = load(common)?;
    logging::init(
        settings.log_dir.as_deref(),
        std::env::var("MAGIC_LOG_FORMAT").is_ok_and(|form| form == "json"),
    );
    for dir in [Some(&settings.data_dir), settings.log_dir.as_ref()].into_iter().flatten() {
        settings::prepare_dir(dir)?;
    }
    for listen in &settings.listen {
        // Pingora would panic in a thread of its own; this is one clear line.
        TcpListener::bind(listen.address)
            .map_err(|error| format!("{} can't be listened on: {error}", listen.address))?;
    }
    for (name, why) in settings::WITHOUT_EFFECT {
        if std::env::var_os(name).is_some() {
            log::info!("{name} has no effect: {why}");
        }
    }
    let jobs = runtime()?;
    let store = jobs.block_on(open_store(&settings))?;
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
    }));
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
    let owning = jobs.spawn(owners::run(live.clone()));
    let pulse = nodes::Pulse::new(nodes::Node {
        id: epoch.clone(),
        version: VERSION,
        certificates: settings
            .listen
            .iter()
            .filter_map(|listen| listen.tls.clone())
            .map(|tls| tls.0)
            .collect(),
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
    announce(&settings.listen);
    run_server(&settings, gateway, exit)?;
    disabling.abort();
    following.abort();
    rounds.abort();
    capturing.abort();
    paying.abort();
    reminding.abort();
    retaining.abort();
    summing.abort();
    owning.abort();
    Ok(())
}

fn hex(bytes: usize) -> Result<String, String> {
    let id = uuid::Uuid::new_v4().simple().to_string() + &uuid::Uuid::new_v4().simple().to_string();
    Ok(id.chars().take(bytes * 2).collect())
}

/// One line when the gateway answers.
fn announce(listen: &[Listen]) {
    let addresses: Vec<Listen> = listen.to_vec();
    std::thread::spawn(move || {
        let Some(first) = addresses.first() else { return };
        let mut local = first.address;
        if local.ip().is_unspecified() {
            local = SocketAddr::from(([127, 0, 0, 1], local.port()));
        }
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect_timeout(&local, Duration::from_millis(100)).is_err() {
            if Instant::now() > until {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let scheme = if first.tls.is_some() { "https" } else { "http" };
        say(&format!("MAGIC ready on {scheme}://{local}"));
    });
}

fn run_server(settings: &Settings, gateway: Arc<Gateway>, exit: Exit) -> Outcome {
    let mut conf = ServerConf {
        threads: settings.threads,
        // Our own watcher ends the process as soon as it is empty; this is only the fence behind it.
        grace_period_seconds: Some(settings.drain.as_secs() + 60),
        graceful_shutdown_timeout_seconds: Some(5),
        max_retries: 64,
        upstream_keepalive_pool_size: 1024,
        ..ServerConf::default()
    };
    conf.listener_tasks_per_fd = 1;
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut options = HttpServerOptions::default();
    options.keepalive_request_limit = Some(10_000);
    options.h2_idle_timeout = Some(Duration::from_secs(60));
    let mut proxy = http_proxy(&server.configuration, Edge(gateway.clone()));
    proxy.server_options = Some(options);
    let mut service =
        Service::new("edge".to_owned(), Door { proxy: Arc::new(proxy), gateway: gateway.clone() });
    for listen in &settings.listen {
        let address = listen.address.to_string();
        // HTTP/1 reads into buffers of its own; one more in front is a page per idle stream, and a copy.
        let read = if listen.tls.is_some() { TLS_READ_BUFFER } else { 0 };
        let mut endpoint = ListenerConfig::tcp(&address).l4_buffer(L4BufferSettings::default().read(read));
        if let Some((cert, key)) = &listen.tls {
            let mut tls = TlsSettings::intermediate(&cert.to_string_lossy(), &key.to_string_lossy())
                .map_err(|error| format!("the certificate for {address} can't be used: {error}"))?;
            tls.enable_h2();
            endpoint = endpoint.tls(tls);
        }
        service.add_listener(endpoint);
    }
    let handle = server.add_service(background_service("exit", exit));
    let edge = server.add_service(service);
    edge.add_dependency(&handle);
    server.run(RunArgs { shutdown_signal: Box::new(Signals { gateway }) });
    Ok(())
}

/// SIGTERM and SIGINT begin an orderly end.
struct Signals {
    gateway: Arc<Gateway>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let never = Notify::new();
        let wait = |kind| async move {
            match signal(kind) {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = wait(SignalKind::terminate()) => {}
            _ = wait(SignalKind::interrupt()) => {}
            () = never.notified() => {}
        }
        self.gateway.draining.store(true, Ordering::Release);
        self.gateway.events.close();
        log::info!("ending: {} calls are still open", self.gateway.in_flight.load(Ordering::Acquire));
        ShutdownSignal::GracefulTerminate
    }
}

/// Waits until nothing is in flight, settles the books, and ends the process.
struct Exit {
    gateway: Arc<Gateway>,
    poster: Poster,
    journal: Arc<Journal>,
    store: Store,
    admin: tokio::sync::Mutex<Option<magic_admin::Running>>,
    bridge: tokio::sync::Mutex<Option<crate::bridge::Running>>,
    sockets: [PathBuf; 2],
    drain: Duration,
    epoch: String,
    pulse: Arc<nodes::Pulse>,
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
        let end = self.journal.position();
        let patience = Instant::now() + Duration::from_secs(10);
        while !self.poster.has_posted(end) && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while self.gateway.captures.waiting() > 0 && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let clean = self.poster.has_posted(end) && open == 0;
        self.poster.stop();
        self.gateway.wallets.recall_all().await;
        if clean {
            let _ = self.store.release_epoch(&self.epoch).await;
            self.journal.remove_posted();
        }
        self.pulse.stop().await;
        self.store.close().await;
        log::info!("ended");
        std::process::exit(0);
    }
}
