//! Handing the sockets of a running process over to a new one, without closing them in between ([ADR 6] in `docs/adr`).
//!
//! A new process asks three times over one connection: for the sockets, to take over, and to say that it serves. Until
//! the last of these the old one can go on as if nothing had been.

pub mod command;
pub mod heir;
pub mod keeper;
pub mod wire;

use crate::settings::socket_path;
use std::path::{Path, PathBuf};

/// Where the process of a data directory can be talked to.
pub fn control_path(data_dir: &Path) -> PathBuf {
    socket_path(data_dir, "control")
}
