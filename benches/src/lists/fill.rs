//! Fills a database behind the program's back, with few statements: rows come out of the engine's own series.

use crate::peers;
use magic_domain::secret::Secret;
use magic_store::vault::KeySources;
use magic_store::{Bootstrap, Config, Dsn, Store, digest};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// The access token of the busiest user.
pub const ACCESS: &str = "busiestuseraccesstoken0123456789";

const USERS: u64 = 100_000;
const CHANNELS: u64 = 10_000;
/// Half of them are root's, whose lists are measured.
const TOKENS: u64 = 100_000;
const VOUCHERS: u64 = 100_000;
const AUDIT: u64 = 100_000;
/// Rows of one statement: what a SQLite file takes at once without a journal.
const PIECE: u64 = 1_000_000;
/// The log's rows are spread evenly over so many seconds.
const SPAN: u64 = 365 * 86_400;

/// What is in the database.
pub struct Sizes {
    pub rows: u64,
    /// When the newest row was written.
    pub now: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    fn series(self, from: u64, to: u64) -> String {
        match self {
            Kind::Sqlite => format!(
                "(WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) SELECT i FROM n)"
            ),
            Kind::Postgres => {
                format!("(SELECT i FROM generate_series({from}::bigint, {to}::bigint) AS n(i))")
            }
        }
    }

    fn hex(self, number: &str, width: usize) -> String {
        match self {
            Kind::Sqlite => format!("printf('%0{width}x', {number})"),
            Kind::Postgres => format!("lpad(to_hex({number}), {width}, '0')"),
        }
    }

    /// A number from 0 to `below`, small ones far more often; the same for the same row.
    fn skewed(self, seed: u64, power: usize, below: u64) -> String {
        let part = format!("(((i * {seed} + 104729) % 999983) / 999983.0)");
        let product = vec![part; power].join(" * ");
        match self {
            Kind::Sqlite => format!("CAST({below} * {product} AS INTEGER)"),
            Kind::Postgres => format!("CAST(FLOOR({below} * {product}) AS BIGINT)"),
        }
    }
}

/// A program of the engine, fed with statements; what it prints.
fn sql(dsn: &str, text: &str) -> Result<String, String> {
    let mut command = match dsn.strip_prefix("sqlite:") {
        Some(path) => {
            let mut command = Command::new("sqlite3");
            command.arg(path);
            command
        }
        None => {
            let mut command = Command::new("psql");
            command.args([dsn, "-qAt", "-v", "ON_ERROR_STOP=1"]);
            command
        }
    };
    let said = |error: std::io::Error| error.to_string();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(said)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(said)?;
    }
    let output = child.wait_with_output().map_err(said)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err("a statement failed".to_owned()),
    }
}

/// The schema, root, and the key of the vault.
fn schema(dsn: &str, data: &Path) -> Result<(), String> {
    std::fs::create_dir_all(data).map_err(|error| error.to_string())?;
    let config = Config {
        dsn: Dsn::parse(dsn, data).map_err(|error| error.to_string())?,
        log_dsn: None,
        max_connections: 2,
        redis: None,
        follower: false,
        keys: KeySources { master_key: Some(Secret::new(peers::MASTER_KEY)), ..KeySources::default() },
        bootstrap: Bootstrap {
            root_password: Some(Secret::new("bench password")),
            root_access_token: Some(Secret::new(peers::ACCESS)),
            root_token: None,
        },
    };
    crate::compare::runtime()?.block_on(async {
        let store = Store::open(config).await.map_err(|error| error.to_string())?;
        store.close().await;
        Ok(())
    })
}

/// Fills the database, unless an earlier run has.
pub fn fill(dsn: &str, data: &Path, rows: u64) -> Result<Sizes, String> {
    let kind = if dsn.starts_with("sqlite:") { Kind::Sqlite } else { Kind::Postgres };
    schema(dsn, data)?;
    let filled = sql(dsn, "SELECT MAX(id), MAX(created_at) FROM magic_logs WHERE type = 2;")?;
    let mut numbers = filled.trim().split('|').filter_map(|text| text.parse::<i64>().ok());
    if let (Some(last), Some(now)) = (numbers.next(), numbers.next()) {
        return Ok(Sizes { rows: last.unsigned_abs(), now });
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs();
    let before =
        if kind == Kind::Sqlite { "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;\n" } else { "" };
    sql(dsn, &format!("{before}{}", everything_else(kind, now)))?;
    // With the indexes in place every row would be looked for in each of them.
    let indexes = match kind {
        Kind::Sqlite => {
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'magic_logs' AND sql IS NOT NULL;"
        }
        Kind::Postgres => {
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'magic_logs' AND indexname <> 'magic_logs_pkey';"
        }
    };
    let indexes = sql(dsn, indexes)?;
    let indexes: Vec<(&str, &str)> = indexes.lines().filter_map(|line| line.split_once('|')).collect();
    let dropped: String = indexes.iter().map(|(name, _)| format!("DROP INDEX {name};\n")).collect();
    sql(dsn, &format!("{before}{dropped}"))?;
    let mut from = 1;
    while from <= rows {
        let to = (from + PIECE - 1).min(rows);
        sql(dsn, &format!("{before}{}", logs(kind, from, to, rows, now)))?;
        from = to + 1;
    }
    sql(dsn, &format!("{before}{}", sums(now, rows)))?;
    let made: String = indexes.iter().map(|(_, create)| format!("{create};\n")).collect();
    // PostgreSQL does this by itself, but not before the measurement.
    let after = match kind {
        Kind::Sqlite => "",
        Kind::Postgres => {
            "SELECT setval('magic_logs_id_seq', (SELECT MAX(id) FROM magic_logs));\n\
             SELECT setval('magic_users_id_seq', (SELECT MAX(id) FROM magic_users));\nVACUUM ANALYZE;\n"
        }
    };
    let sorting = if kind == Kind::Sqlite { "" } else { "SET maintenance_work_mem = '512MB';\n" };
    sql(dsn, &format!("{before}{sorting}{made}{after}"))?;
    Ok(Sizes { rows, now: i64::try_from(now).unwrap_or(0) })
}

fn logs(kind: Kind, from: u64, to: u64, rows: u64, now: u64) -> String {
    let detail = r#"{"model":"model","group":"default","ratio":1000000000,"reserved":4500000,"usage":{"input":120,"output":80},"rates":{"input":150000000,"output":600000000},"price_version":12,"unpriced":false,"attempts":[{"channel":17,"name":"channel 17","status":200,"ms":812,"outcome":"success"}],"timings":{"queue":0,"connected":34,"first_byte":420,"total":812},"ip":"203.0.113.7"}"#;
    let (user, model) = (kind.skewed(7919, 3, USERS), kind.skewed(15_485_863, 2, 50));
    let (channel, name) = (kind.skewed(32_452_843, 2, CHANNELS), kind.skewed(49_979_687, 1, 1000));
    format!(
        "INSERT INTO magic_logs (id, user_id, created_at, type, content, username, token_name, model_name, quota, cost, prompt_tokens, \
           completion_tokens, channel_id, request_id, elapsed_time, is_stream, mark, status, error, endpoint, detail) \
         SELECT i, u, {start} + i * {SPAN} / {rows}, CASE WHEN i % 100 < 96 THEN 2 WHEN i % 100 = 96 THEN 1 WHEN i % 100 = 97 THEN 3 \
           WHEN i % 100 = 98 THEN 4 ELSE 5 END, 'model ratio 0.07, group ratio 1.00, completion ratio 4.00', 'user' || u, \
           CASE WHEN t < 700 THEN 'default' ELSE 'key-' || (t - 700) END, 'model-' || m, 3, 4500 + i % 1000, 120, 80, c, {id}, 812, i % 2, \
           'exact', 200, '', 'chat', '{detail}' \
         FROM (SELECT i, {user} + 2 AS u, {model} AS m, {channel} + 1 AS c, {name} AS t FROM {series} AS s) AS r;\n",
        start = now - SPAN,
        id = kind.hex("i", 32),
        series = kind.series(from, to),
    )
}

fn everything_else(kind: Kind, now: u64) -> String {
    let (token, busiest) = (kind.hex("i", 64), digest(ACCESS));
    format!(
        "INSERT INTO magic_users (id, username, password_hash, display_name, email, github_id, wechat_id, lark_id, oidc_id, access_token_hash, \
           access_token_tail, balance, used, request_count, grp, aff_code, owner, created_time) \
         SELECT i, 'user' || i, '', 'User ' || i, 'user' || i || '@example.com', '', '', '', '', CASE WHEN i = 2 THEN '{busiest}' END, '', \
           i * 7919 % 1000003, i * 104729 % 1000003, i % 5000, 'default', '', 'db', {now} FROM {users} AS s;\n\
         INSERT INTO magic_channels (uid, kind, key_sealed, key_tail, disabled_reason, name, created_time, base_url, other, models, grps, \
           model_mapping, config, system_prompt, tags, proxy_sealed, ca_pem, limits, timeouts, headers, params, owner) \
         SELECT 'uid' || i, 8, '', '', '', 'channel ' || i, {now}, 'http://127.0.0.1:9', '', 'model-' || (i % 50) || ',model-' || (i % 49), \
           'default', '', '', '', 'tag' || (i % 10), '', '', '', '', '', '', 'db' FROM {channels} AS s;\n\
         INSERT INTO magic_tokens (user_id, key_hash, key_prefix, key_tail, name, created_time, accessed_time, remain, unlimited, used, models, \
           subnet, grps, limits, owner) SELECT CASE WHEN i % 2 = 0 THEN 1 ELSE i % {USERS} + 2 END, {token}, 'abcd', 'wxyz', 'token ' || i, {now}, \
           {now}, i * 7919 % 1000003, i % 10 / 9, i * 104729 % 1000003, '', '', '', '', 'db' FROM {tokens} AS s;\n\
         INSERT INTO magic_vouchers (code_hash, code_sealed, code_prefix, code_tail, user_id, status, name, amount, created_time, batch, owner) \
           SELECT {token}, '', 'abcd', 'wxyz', 1, i % 3 + 1, 'promo ' || i, 1000000000, {now}, 'batch' || (i / 100), 'db' FROM {vouchers} AS s;\n\
         INSERT INTO magic_audit (id, at_ms, user_id, username, ip, method, path, request_id, status, detail, prev_hash, hash) \
           SELECT i, ({start} + i * 300) * 1000, i % 20 + 1, 'user' || (i % 20 + 1), '127.0.0.1', 'PUT', \
           CASE WHEN i % 3 = 0 THEN '/api/channel' ELSE '/api/user' END, '', 200, '{{}}', '', '' FROM {audit} AS s;\n\
         INSERT INTO magic_state (name, value) VALUES ('audit_head', '{AUDIT}:');\n",
        start = now - SPAN,
        users = kind.series(2, USERS + 1),
        channels = kind.series(1, CHANNELS),
        tokens = kind.series(1, TOKENS),
        vouchers = kind.series(1, VOUCHERS),
        audit = kind.series(1, AUDIT),
    )
}

/// What the program would sum up by itself, in some minutes.
fn sums(now: u64, rows: u64) -> String {
    let dims = [
        ("1", "0", "'default'", "''", "1"),
        ("2", "0", "''", "model_name", "model_name"),
        ("3", "channel_id", "''", "''", "channel_id"),
        ("4", "user_id", "token_name", "model_name", "user_id, token_name, model_name"),
    ];
    let mut text = String::new();
    for (step, days) in [(60, 2), (3_600, 90), (86_400, 400)] {
        for (dim, num, name, model, group) in dims {
            // Groups are named, not numbered: a number would be a column's.
            let group = if group == "1" { String::new() } else { format!(", {group}") };
            text.push_str(&format!(
                "INSERT INTO magic_stats (dim, step, num, slot, name, model, calls, failed, cost, prompt_tokens, completion_tokens) \
                 SELECT {dim}, {step}, {num}, created_at / {step} * {step} AS at, {name}, {model}, COUNT(*), 0, SUM(cost), \
                 SUM(prompt_tokens), SUM(completion_tokens) FROM magic_logs WHERE type = 2 AND created_at >= {since} GROUP BY at{group};\n",
                since = now - days * 86_400,
            ));
        }
    }
    text + &format!("UPDATE magic_state SET value = '{rows}' WHERE name = 'stats_upto';\n")
}
