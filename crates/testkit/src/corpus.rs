//! Recorded vendor traffic, read where it lies (`MAGIC_CORPUS`); never copied into the project.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// One recorded exchange.
pub struct Exchange {
    pub id: String,
    pub vendor: String,
    pub endpoint: String,
    pub stream: bool,
    pub fidelity: String,
    pub request: Value,
    pub response: Value,
}

impl Exchange {
    pub fn status(&self) -> u16 {
        self.response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0)
    }

    /// The body of the request as JSON, if it is that.
    pub fn body(&self) -> Option<&Value> {
        Some(&self.request["body"]).filter(|body| body.is_object())
    }

    /// The body of the answer as bytes.
    pub fn answer(&self) -> Option<Vec<u8>> {
        match &self.response["body"] {
            Value::String(text) => Some(text.clone().into_bytes()),
            Value::Null => None,
            other => Some(other.to_string().into_bytes()),
        }
    }
}

/// The folder, or `None` with a line on why the test is skipped.
pub fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("MAGIC_CORPUS").map(PathBuf::from);
    let path = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"));
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: the recorded traffic is not at {} (set MAGIC_CORPUS)", path.display());
    None
}

/// Every exchange that `wanted` takes, by name.
pub fn exchanges(wanted: impl Fn(&Exchange) -> bool) -> Vec<Exchange> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let read = |path: &PathBuf| -> Option<Exchange> {
        let value: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let text = |key: &str| value[key].as_str().unwrap_or("").to_owned();
        Some(Exchange {
            id: text("id"),
            vendor: text("vendor"),
            endpoint: text("endpoint"),
            stream: value["stream"].as_bool().unwrap_or(false),
            fidelity: text("fidelity"),
            request: value["request"].clone(),
            response: value["response"].clone(),
        })
    };
    files.iter().filter_map(read).filter(wanted).collect()
}
