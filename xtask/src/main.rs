//! `cargo xtask run` builds everything and serves on :3000; `cargo xtask test` runs every test against real
//! servers, which it starts and stops itself.

mod tools;
mod web;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let rest = |args: std::iter::Skip<std::env::Args>| args.collect::<Vec<String>>();
    let done = match args.next().as_deref() {
        Some("run") => run(&rest(args)),
        Some("test") => test(&rest(args)),
        _ => {
            say("cargo xtask run [flags of magic …]   build and serve on :3000, data in ./data");
            say("cargo xtask test [--quick]           every test; --quick leaves out format, lints and SDKs");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs a step; an unsuccessful end is an error that names it.
fn step(name: &str, command: &mut Command) -> Result<(), String> {
    say(&format!("\n== {name}"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

fn run(flags: &[String]) -> Result<(), String> {
    tools::ensure(&["cc", "cmake", "make"])?;
    let mut build = cargo(&["build", "--release", "--package", "magic"]);
    match web::possible() {
        Ok(()) => web::build(&root())?,
        Err(why) => {
            say(&format!("{why}: building without it"));
            build.args(["--no-default-features", "--features", "jemalloc"]);
        }
    }
    step("build", &mut build)?;
    let binary = target().join("release/magic");
    step("serve", Command::new(binary).args(flags))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn test(flags: &[String]) -> Result<(), String> {
    let quick = flags.iter().any(|flag| flag == "--quick");
    tools::ensure(&[
        "cc",
        "cmake",
        "make",
        "mariadbd",
        "mariadb",
        "postgres",
        "psql",
        "redis-server",
        "python3",
        "openssl",
        "pebble",
        "kill",
    ])?;
    if !quick {
        tools::ensure(&["node", "npm", "chromium"])?;
        web::possible()?;
        web::test(&root())?;
        step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
        step("lints", &mut cargo(&clippy))?;
        if !tools::has_cargo_deny() && std::env::var_os("CI").is_some() {
            step("cargo-deny", &mut cargo(&["install", "--quiet", "--locked", "cargo-deny"]))?;
        }
        if tools::has_cargo_deny() {
            step("dependencies", &mut cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
        } else {
            say("\n== dependencies: skipped, cargo-deny is not installed (cargo install cargo-deny)");
        }
    }
    say("\n== servers");
    let (mysql, postgres) = (magic_testkit::db::mysql(), magic_testkit::db::postgres());
    let redis = magic_testkit::db::redis();
    say(&format!("MariaDB, PostgreSQL and Redis run on free ports: {mysql}, {postgres}, {redis}"));
    let mut tests = cargo(&["test", "--workspace"]);
    tests.env("MAGIC_TEST_MYSQL", mysql).env("MAGIC_TEST_POSTGRES", postgres).env("MAGIC_TEST_REDIS", redis);
    step("tests", &mut tests)?;
    if !quick {
        let python = tools::python(&root(), &target())?;
        tools::node(&root().join("tests/sdk/node"))?;
        for script in
            ["run.py", "grid.py", "features.py", "errors.py", "schema.py", "identity.py", "passkeys.py"]
        {
            let mut sdk = Command::new(&python);
            sdk.arg(root().join("tests/sdk").join(script))
                .arg(target().join("debug/magic"))
                .current_dir(root());
            step(&format!("SDKs: {script}"), &mut sdk)?;
        }
        web::browse(&root(), &target().join("debug/magic"))?;
    }
    say("\nall passed");
    Ok(())
}
