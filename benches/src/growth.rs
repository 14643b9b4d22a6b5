//! What tables of 10, 1,000 and 100,000 tokens cost: per request, in memory, when they are loaded, and while a
//! change is made.

use crate::compare::runtime;
use crate::load::{self, Pace, Work};
use crate::measure::Process;
use crate::peers::{self, ACCESS, Folder, KEY};
use crate::say;
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::ids::{ChannelId, UserId};
use magic_domain::secret::Secret;
use magic_store::channels::NewChannel;
use magic_store::tokens::NewToken;
use magic_store::vault::KeySources;
use magic_store::{Bootstrap, Config, Dsn, Store};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Tokens, and channels beside the one that is called.
const SIZES: &[(usize, usize)] = &[(10, 10), (1_000, 1_000), (100_000, 10_000)];

async fn fill(data: &Path, tokens: usize, channels: usize) -> Result<(), String> {
    let said = |error: magic_store::StoreError| error.to_string();
    std::fs::create_dir_all(data).map_err(|error| error.to_string())?;
    let keys = KeySources { file: Some(data.join("master.key")), ..KeySources::default() };
    let config = Config {
        dsn: Dsn::Sqlite(data.join("magic.db")),
        log_dsn: None,
        max_connections: 2,
        redis: None,
        follower: false,
        keys,
        bootstrap: Bootstrap {
            root_password: Some(Secret::new("bench password")),
            root_access_token: Some(Secret::new(ACCESS)),
            root_token: None,
        },
    };
    let store = Store::open(config).await.map_err(said)?;
    for chunk in (0..channels).collect::<Vec<_>>().chunks(1000) {
        store.create_channels(chunk.iter().map(|n| channel(*n)).collect()).await.map_err(said)?;
    }
    let new = NewToken {
        user_id: UserId(1),
        name: "filler".into(),
        expired_time: -1,
        remain: Default::default(),
        unlimited: true,
        models: String::new(),
        subnet: String::new(),
        groups: String::new(),
        limits: Default::default(),
        capture: false,
        key: None,
    };
    for _ in 0..tokens {
        store.create_token(new.clone()).await.map_err(said)?;
    }
    store.close().await;
    Ok(())
}

fn channel(number: usize) -> NewChannel {
    NewChannel {
        other: String::new(),
        channel: Channel {
            id: ChannelId(0),
            kind: 1,
            name: format!("filler {number}"),
            status: ChannelStatus::Enabled,
            key: Secret::new("sk-filler"),
            key_id: 0,
            keys: vec![],
            base_url: String::new(),
            models: (0..5).map(|n| format!("filler-{}", (number + n) % 500)).collect(),
            model_mapping: Default::default(),
            groups: vec!["default".into()],
            priority: 0,
            weight: 1,
            tags: vec![],
            system_prompt: None,
            proxy: None,
            ca_pem: None,
            limits: Default::default(),
            timeouts: Default::default(),
            headers: Default::default(),
            params: Default::default(),
            config: Default::default(),
        },
    }
}

/// Changes an option through the management API; how long the answer took: the change is in force with it.
async fn change(magic: &Process, number: usize) -> Result<Duration, String> {
    let body = format!(r#"{{"key":"Footer","value":"{number}"}}"#);
    let request = format!(
        "PUT /api/option/ HTTP/1.1\r\nhost: bench\r\nauthorization: {ACCESS}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let begun = Instant::now();
    let said = |error: std::io::Error| error.to_string();
    let mut stream = tokio::net::TcpStream::connect(magic.address).await.map_err(said)?;
    stream.write_all(request.as_bytes()).await.map_err(said)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(said)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(&answer).into_owned());
    }
    Ok(begun.elapsed())
}

/// The table.
pub fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<(), String> {
    let vendor = peers::vendor()?;
    let runtime = runtime()?;
    let time = Duration::from_secs(seconds);
    let mut folders = Vec::new();
    let mut processes = Vec::new();
    for (tokens, channels) in SIZES {
        let folder = Folder::new(&format!("growth-{tokens}"))?;
        runtime.block_on(fill(&folder.0.join("data"), *tokens, *channels))?;
        let begun = Instant::now();
        let magic = peers::magic(binary, &vendor, &folder.0)?;
        let ready = begun.elapsed();
        folders.push(folder);
        processes.push((magic, ready, Vec::new()));
    }
    for _ in 0..rounds {
        for (magic, _, figures) in &mut processes {
            let before = magic.cpu();
            let calm = runtime.block_on(load::run(magic.address, Work::Small, 32, Pace::Closed, KEY, time));
            let cpu = (magic.cpu() - before) as f64 / 1000.0 / calm.requests.max(1) as f64;
            let (busy, changes) = runtime.block_on(async {
                let over = Arc::new(AtomicBool::new(false));
                let end = over.clone();
                let changing = async {
                    let mut took = Vec::new();
                    while !end.load(Ordering::Relaxed) {
                        took.push(change(magic, took.len()).await?.as_secs_f64() * 1000.0);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Ok::<_, String>(took)
                };
                let loading = async {
                    let outcome = load::run(magic.address, Work::Small, 32, Pace::Closed, KEY, time).await;
                    over.store(true, Ordering::Relaxed);
                    outcome
                };
                tokio::join!(loading, changing)
            });
            let changes = changes?;
            figures.push([
                cpu,
                calm.percentile(0.99) as f64,
                busy.percentile(0.99) as f64,
                changes.iter().copied().fold(0.0, f64::max),
                crate::measure::median(changes),
                (calm.errors + busy.errors) as f64,
            ]);
        }
    }
    say(
        "| tokens | channels | CPU-µs per request | against the least | p99 µs | p99 µs during changes | a change in force, ms (worst) | ready after, ms | resident MB | errors |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|");
    let mut least = None;
    for ((tokens, channels), (magic, ready, figures)) in SIZES.iter().zip(&processes) {
        let middle = |at: usize| crate::measure::median(figures.iter().map(|figure| figure[at]).collect());
        let worst = figures.iter().map(|figure| figure[3]).fold(0.0, f64::max);
        let errors: f64 = figures.iter().map(|figure| figure[5]).sum();
        let base = *least.get_or_insert(middle(0));
        say(&format!(
            "| {tokens} | {channels} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} ({worst:.0}) | {:.0} | {:.0} | {errors:.0} |",
            middle(0),
            middle(0) / base,
            middle(1),
            middle(2),
            middle(4),
            ready.as_secs_f64() * 1000.0,
            magic.rss() as f64 / 1024.0
        ));
    }
    Ok(())
}
