//! The commands besides `magic serve`, and what all of them share: settings, the store, words on the terminal.

use crate::cli::{self, Common};
use crate::settings::{self, Settings};
use magic_domain::secret::Secret;
use magic_store::{Store, StoreError};
use std::io::{BufRead, Write};
use tokio::runtime::Runtime;

pub(crate) type Outcome = Result<(), String>;

/// Prints a line of an error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "magic: {line}");
}

/// Prints a line that another process has written.
pub(crate) fn repeat(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

pub(crate) fn load(common: &Common) -> Result<Settings, String> {
    settings::load(common, &|name| std::env::var(name).ok()).map_err(|faults| faults.to_string())
}

/// `magic upgrade`.
pub fn upgrade(common: &Common, args: &crate::handover::command::Upgrade) -> Outcome {
    crate::handover::command::run(common, args).map(|done| say(&done))
}

/// `magic check-config`.
pub fn check_config(common: &Common) -> Outcome {
    let settings = load(common)?;
    let file =
        settings.file.map_or_else(|| "no file, all defaults".to_owned(), |file| file.display().to_string());
    say(&format!("the configuration is sound ({file})"));
    Ok(())
}

pub(crate) async fn open_store(settings: &Settings) -> Result<Store, String> {
    connect(settings).await.map_err(|error| format!("{}: {error}", settings.dsn))
}

pub(crate) async fn connect(settings: &Settings) -> Result<Store, StoreError> {
    let config = magic_store::Config {
        dsn: settings.dsn.clone(),
        log_dsn: settings.log_dsn.clone(),
        max_connections: settings.max_connections,
        redis: settings.redis.clone(),
        keys: settings.keys.clone(),
        bootstrap: settings.bootstrap.clone(),
        follower: settings.follower,
    };
    Store::open(config).await
}

pub(crate) fn runtime() -> Result<Runtime, String> {
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
