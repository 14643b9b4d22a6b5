//! The dashboard: built before the binary that embeds it, tested in a real browser.

use crate::{step, tools};
use std::path::Path;
use std::process::Command;

/// What Vite wants.
const NODE: (u32, u32) = (20, 19);

fn node_version() -> Option<(u32, u32)> {
    let out = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let mut numbers = text.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Whether the dashboard can be built here; else why not.
///
/// # Errors
/// There is no Node.js, or too old a one.
pub fn possible() -> Result<(), String> {
    match node_version() {
        Some(version) if version >= NODE => Ok(()),
        Some((major, minor)) => Err(format!(
            "the dashboard needs Node.js {}.{} or later to be built; here is {major}.{minor}",
            NODE.0, NODE.1
        )),
        None => Err(format!("the dashboard needs Node.js {}.{} or later to be built", NODE.0, NODE.1)),
    }
}

fn npm(root: &Path, args: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(args).current_dir(root.join("web"));
    npm
}

/// Builds `web/dist`.
pub fn build(root: &Path) -> Result<(), String> {
    tools::node(&root.join("web"))?;
    step("dashboard", &mut npm(root, &["run", "--silent", "build"]))
}

/// Lints and unit tests; the browser comes when there is a binary.
pub fn test(root: &Path) -> Result<(), String> {
    build(root)?;
    step("dashboard: lints", &mut npm(root, &["run", "--silent", "check"]))?;
    step("dashboard: units", &mut npm(root, &["run", "--silent", "test"]))
}

/// The flows and pages in a browser, against the binary.
pub fn browse(root: &Path, binary: &Path) -> Result<(), String> {
    let mut flows = Command::new("node");
    flows.arg("e2e/run.mjs").arg(binary).current_dir(root.join("web"));
    step("dashboard: browser", &mut flows)
}
