//! Handing the sockets of a running process over to a new one, without closing them in between ([ADR 6] in `docs/adr`).
//!
//! A new process asks three times over one connection: for the sockets, to take over, and to say that it serves. Until
//! the last of these the old one can go on as if nothing had been.

pub mod command;
pub mod heir;
pub mod keeper;
pub mod wire;

use std::path::{Path, PathBuf};

/// Longer paths don't fit into the address of a unix socket.
const PATH_MAX: usize = 100;

/// Where the process of a data directory can be talked to.
pub fn control_path(data_dir: &Path) -> PathBuf {
    let path = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()).join("control.sock");
    if path.as_os_str().len() <= PATH_MAX {
        return path;
    }
    use sha2::{Digest, Sha256};
    use std::os::unix::ffi::OsStrExt;
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    std::env::temp_dir().join(format!("magic-{name}.sock"))
}
