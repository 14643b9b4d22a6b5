//! How long the lists of the management API take on an installation that has grown: millions of log rows, and tens of
//! thousands of everything else. Each list is asked for with the filters and orders that people use, one call at a
//! time and eight at a time.

mod fill;

use crate::compare::runtime;
use crate::measure::Process;
use crate::peers::{self, ACCESS, Folder};
use crate::say;
use fill::Sizes;
use magic_testkit::db::{Engine, database};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The goal for the 95th percentile, in milliseconds.
const GOAL: f64 = 150.0;
/// A list that is slow is not waited for through all its calls.
const PATIENCE: Duration = Duration::from_secs(30);
/// Calls at a time in the second round.
const TOGETHER: usize = 8;
/// How long the newest rows are left to those who write them, and a little more.
const LAST: Duration = Duration::from_secs(90);
/// By then the log is summed up.
const SUMMED: Duration = Duration::from_secs(3600);

/// A list and who asks for it.
struct Ask {
    name: &'static str,
    path: String,
    token: &'static str,
}

/// What is asked: every list, with each filter alone, together, with matches and without.
fn asks(sizes: &Sizes) -> Vec<Ask> {
    let (now, middle) = (sizes.now, sizes.rows / 2);
    let (hour, day, week) = (now - 3_600, now - 86_400, now - 7 * 86_400);
    let june = now - 180 * 86_400;
    let month = june + 30 * 86_400;
    let root = [
        ("log: newest", "/api/log/?p=0".to_owned()),
        ("log: page 900", "/api/log/?p=900".to_owned()),
        ("log: cursor in the middle", format!("/api/log/?cursor={middle}")),
        ("log: calls", "/api/log/?type=2".to_owned()),
        ("log: top-ups", "/api/log/?type=1".to_owned()),
        ("log: busiest user", "/api/log/?username=user2".to_owned()),
        ("log: some user", "/api/log/?username=user70000".to_owned()),
        ("log: nobody's name", "/api/log/?username=nobody".to_owned()),
        ("log: token name of most", "/api/log/?token_name=default".to_owned()),
        ("log: some token name", "/api/log/?token_name=key-7".to_owned()),
        ("log: unknown token name", "/api/log/?token_name=none".to_owned()),
        ("log: busiest model", "/api/log/?model_name=model-0".to_owned()),
        ("log: rarest model", "/api/log/?model_name=model-49".to_owned()),
        ("log: unknown model", "/api/log/?model_name=none".to_owned()),
        ("log: busiest channel", "/api/log/?channel=1".to_owned()),
        ("log: some channel", "/api/log/?channel=9000".to_owned()),
        ("log: last hour", format!("/api/log/?start_timestamp={hour}")),
        ("log: last week", format!("/api/log/?start_timestamp={week}")),
        ("log: a month half a year ago", format!("/api/log/?start_timestamp={june}&end_timestamp={month}")),
        ("log: calls of a day", format!("/api/log/?type=2&start_timestamp={day}")),
        (
            "log: calls of a user with a model",
            "/api/log/?type=2&username=user2&model_name=model-0".to_owned(),
        ),
        ("log: busiest user, rarest model", "/api/log/?username=user2&model_name=model-49".to_owned()),
        ("log: busiest user, some channel", "/api/log/?username=user2&channel=9000".to_owned()),
        ("log: busiest user, some token name", "/api/log/?username=user2&token_name=key-7".to_owned()),
        ("log: busiest user, unknown model", "/api/log/?username=user2&model_name=none".to_owned()),
        (
            "log: some user of a month",
            format!("/api/log/?username=user500&start_timestamp={june}&end_timestamp={month}"),
        ),
        ("log: rarest model on a channel", "/api/log/?model_name=model-49&channel=9000".to_owned()),
        ("log: busiest model on the busiest channel", "/api/log/?model_name=model-0&channel=1".to_owned()),
        ("log: rarest model of a week", format!("/api/log/?model_name=model-49&start_timestamp={week}")),
        ("log: top-ups of the busiest user", "/api/log/?type=1&username=user2".to_owned()),
        ("log: tests of a channel", "/api/log/?type=5&channel=9000".to_owned()),
        ("log: token name and rarest model", "/api/log/?token_name=default&model_name=model-49".to_owned()),
        (
            "log: every filter",
            format!(
                "/api/log/?type=2&username=user2&token_name=default&model_name=model-0&channel=1&start_timestamp={june}"
            ),
        ),
        ("log: a user's cursor", format!("/api/log/?username=user2&cursor={middle}")),
        ("log: a request", format!("/api/log/?request_id={middle:032x}")),
        ("log search: a text", "/api/log/search?keyword=model%20ratio".to_owned()),
        ("log search: no such text", "/api/log/search?keyword=nothing".to_owned()),
        ("log search: a type", "/api/log/search?keyword=2".to_owned()),
        ("log search: a request", format!("/api/log/search?keyword={:032x}", sizes.rows - 5)),
        ("log sum: all", "/api/log/stat".to_owned()),
        ("log sum: busiest user", "/api/log/stat?username=user2".to_owned()),
        ("log sum: busiest model", "/api/log/stat?model_name=model-0".to_owned()),
        ("log sum: a day", format!("/api/log/stat?start_timestamp={day}")),
        ("log sum: a week", format!("/api/log/stat?start_timestamp={week}")),
        ("log sum: a user's week", format!("/api/log/stat?username=user2&start_timestamp={week}")),
        ("chart: models by hour", "/api/stats?by=model&step=hour".to_owned()),
        ("chart: models by day, a year", format!("/api/stats?by=model&step=day&from={}", now - 365 * 86_400)),
        ("chart: users by day, a month", "/api/stats?by=user&step=day".to_owned()),
        ("chart: tokens by hour", "/api/stats?by=token&step=hour".to_owned()),
        ("chart: channels by day, a month", "/api/stats?by=channel&step=day".to_owned()),
        ("chart: groups by minute", "/api/stats?by=group&step=minute".to_owned()),
        ("users: newest", "/api/user/?p=0".to_owned()),
        ("users: last page", "/api/user/?p=9990".to_owned()),
        ("users: by balance", "/api/user/?order=quota".to_owned()),
        ("users: by use, page 5,000", "/api/user/?order=used_quota&p=5000".to_owned()),
        ("users: by calls", "/api/user/?order=request_count".to_owned()),
        ("users: search, many", "/api/user/search?keyword=user1".to_owned()),
        ("users: search, one", "/api/user/search?keyword=user77777".to_owned()),
        ("users: search, none", "/api/user/search?keyword=nobody".to_owned()),
        ("channels: newest", "/api/channel/?p=0".to_owned()),
        ("channels: last page, 100", "/api/channel/?p=99&page_size=100".to_owned()),
        ("channels: search, many", "/api/channel/search?keyword=channel%201".to_owned()),
        ("channels: search, none", "/api/channel/search?keyword=nothing".to_owned()),
        ("tokens: newest", "/api/token/?p=0".to_owned()),
        ("tokens: last page", "/api/token/?p=4990".to_owned()),
        ("tokens: by what remains", "/api/token/?order=remain_quota".to_owned()),
        ("tokens: by use, page 2,000", "/api/token/?order=used_quota&p=2000".to_owned()),
        ("tokens: search, many", "/api/token/search?keyword=token%201".to_owned()),
        ("tokens: search, none", "/api/token/search?keyword=nothing".to_owned()),
        ("vouchers: newest", "/api/redemption/?p=0".to_owned()),
        ("vouchers: last page", "/api/redemption/?p=9990".to_owned()),
        ("vouchers: used", "/api/redemption/?status=3".to_owned()),
        ("vouchers: search, many", "/api/redemption/search?keyword=promo%201".to_owned()),
        ("vouchers: search, none", "/api/redemption/search?keyword=nothing".to_owned()),
        ("audit: newest", "/api/audit".to_owned()),
        ("audit: cursor in the middle", "/api/audit?cursor=50000".to_owned()),
        ("audit: a path", "/api/audit?path=/api/channel".to_owned()),
        ("audit: no such path", "/api/audit?path=/nothing".to_owned()),
        ("audit: an administrator's", "/api/audit?user_id=7".to_owned()),
        ("audit: a day", format!("/api/audit?start_timestamp={june}&end_timestamp={}", june + 86_400)),
    ];
    let own = [
        ("own log: newest", "/api/log/self/?p=0".to_owned()),
        ("own log: a model", "/api/log/self/?model_name=model-49".to_owned()),
        ("own log: a week", format!("/api/log/self/?start_timestamp={week}")),
        ("own log search: a type", "/api/log/self/search?keyword=2".to_owned()),
        ("own log sum: all", "/api/log/self/stat".to_owned()),
        ("own log sum: a week", format!("/api/log/self/stat?start_timestamp={week}")),
        ("own chart: models by day, a year", format!("/api/stats?step=day&from={}", now - 365 * 86_400)),
        ("own dashboard", "/api/user/dashboard".to_owned()),
    ];
    let root = root.into_iter().map(|(name, path)| Ask { name, path, token: ACCESS });
    root.chain(own.into_iter().map(|(name, path)| Ask { name, path, token: fill::ACCESS })).collect()
}

/// The answer to one call.
async fn said(address: SocketAddr, ask: &Ask) -> Result<String, String> {
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: bench\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
        ask.path, ask.token
    );
    let said = |error: std::io::Error| format!("{}: {error}", ask.name);
    let mut stream = tokio::net::TcpStream::connect(address).await.map_err(said)?;
    stream.write_all(request.as_bytes()).await.map_err(said)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(said)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        let text = String::from_utf8_lossy(&answer);
        return Err(format!("{}: {}", ask.name, text.lines().next().unwrap_or_default()));
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// One call; milliseconds.
async fn call(address: SocketAddr, ask: &Ask) -> Result<f64, String> {
    let begun = Instant::now();
    said(address, ask).await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

/// Up to `calls` calls, so many at a time: p50, p95, and how many there were. A refusal counts as endless.
async fn times(address: SocketAddr, ask: &Ask, calls: usize, together: usize) -> (f64, f64, usize) {
    let begun = Instant::now();
    let worker = async || {
        let mut took = Vec::new();
        while took.len() < calls.div_ceil(together) && begun.elapsed() < PATIENCE {
            match call(address, ask).await {
                Ok(ms) => took.push(ms),
                Err(error) => {
                    say(&format!("<!-- {error} -->"));
                    took.push(f64::INFINITY);
                }
            }
        }
        took
    };
    let mut workers = Vec::new();
    for _ in 0..together {
        workers.push(worker());
    }
    let mut all: Vec<f64> = join_all(workers).await.into_iter().flatten().collect();
    all.sort_by(f64::total_cmp);
    let at = |part: f64| all.get((all.len() as f64 * part) as usize).copied().unwrap_or(f64::INFINITY);
    (at(0.5), at(0.95), all.len())
}

/// Runs futures beside each other on this thread.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        match running.iter().all(|(_, done)| done.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}

/// Waits until the log that came behind the program's back is summed up.
async fn summed(address: SocketAddr, dsn: &str) -> Result<Duration, String> {
    let begun = Instant::now();
    let ask = Ask { name: "a chart", path: "/api/stats?step=day".into(), token: ACCESS };
    while !said(address, &ask).await?.contains("\"whole\":true") {
        if begun.elapsed() > SUMMED {
            return Err("the log is not summed up".into());
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let took = begun.elapsed();
    // The last of it is summed up when nobody can be writing it any more; in SQLite at once.
    if !dsn.starts_with("sqlite:") {
        tokio::time::sleep(LAST).await;
    }
    Ok(took)
}

fn measure(magic: &Process, sizes: &Sizes, calls: usize, only: &str) -> Result<usize, String> {
    say("| list | p50, ms | p95, ms | p50, eight at a time | p95, eight at a time | calls |");
    say("|---|---|---|---|---|---|");
    let runtime = runtime()?;
    let mut missed = 0;
    for ask in asks(sizes).iter().filter(|ask| only.split(',').any(|part| ask.name.contains(part))) {
        // The first call after a start finds no page in memory and no statement prepared.
        let _ = runtime.block_on(call(magic.address, ask));
        let (p50, p95, count) = runtime.block_on(times(magic.address, ask, calls, 1));
        let (p50s, p95s, counts) = runtime.block_on(times(magic.address, ask, calls, TOGETHER));
        let shown = |ms: f64| if ms > GOAL { format!("**{ms:.1}**") } else { format!("{ms:.1}") };
        missed += usize::from(p95 > GOAL) + usize::from(p95s > GOAL);
        say(&format!(
            "| {} | {p50:.1} | {} | {p50s:.1} | {} | {} |",
            ask.name,
            shown(p95),
            shown(p95s),
            count + counts
        ));
    }
    Ok(missed)
}

/// The tables. `dsn`: a database to be kept, filled by the first run; without, a new SQLite file and a new PostgreSQL
/// database, gone at the end.
pub fn run(binary: &Path, rows: u64, calls: usize, dsn: Option<String>, only: &str) -> Result<(), String> {
    let folder = Folder::new("lists")?;
    let dsns = match dsn {
        Some(dsn) => vec![dsn],
        None => vec![format!("sqlite:{}", folder.0.join("lists.db").display()), "postgres".to_owned()],
    };
    for dsn in dsns {
        let fresh = (dsn == "postgres").then(|| database(Engine::Postgres));
        let dsn = fresh.as_ref().map_or(dsn, |database| database.dsn.clone());
        let dir = folder.0.join(dsn.split(':').next().unwrap_or_default());
        let begun = Instant::now();
        let sizes = fill::fill(&dsn, &dir.join("data"), rows)?;
        let engine = dsn.split(':').next().unwrap_or_default();
        say(&format!("\n{engine}, {} rows, made in {:.0} s\n", sizes.rows, begun.elapsed().as_secs_f64()));
        let vendor = peers::vendor()?;
        let begun = Instant::now();
        let magic = peers::magic_on(binary, &vendor, &dir, Some(&dsn))?;
        let ready = begun.elapsed();
        let summing = runtime()?.block_on(summed(magic.address, &dsn))?;
        let missed = measure(&magic, &sizes, calls, only)?;
        say(&format!(
            "\nready after {:.1} s, summed up after {:.0} s, {} MB resident; {missed} of the figures are above {GOAL} ms",
            ready.as_secs_f64(),
            summing.as_secs_f64(),
            magic.rss() / 1024
        ));
    }
    Ok(())
}
