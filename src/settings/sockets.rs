//! Where the unix sockets of a process are: in its data directory, which is the one place that can surely be written to
//! (a container's other files may be read-only).

use sha2::{Digest, Sha256};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Longer paths don't fit into the address of a unix socket.
const PATH_MAX: usize = 100;

/// The path of a socket, in the data directory where that is short enough, else in the system's folder for such files.
pub fn socket_path(data_dir: &Path, name: &str) -> PathBuf {
    let dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let path = dir.join(format!("{name}.sock"));
    if path.as_os_str().len() <= PATH_MAX {
        return path;
    }
    let digest = Sha256::digest(dir.as_os_str().as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    std::env::temp_dir().join(format!("magic-{digest}-{name}.sock"))
}

/// Takes away what processes that were killed have left: sockets that nobody answers at.
pub fn sweep(data_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(data_dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let ours = name.ends_with(".sock") && (name.starts_with("admin-") || name.starts_with("bridge-"));
        let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
        if ours && UnixStream::connect(&path).is_err_and(refused) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn sockets_stay_short_and_the_dead_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, alive) = (socket_path(dir.path(), "admin-1"), socket_path(dir.path(), "admin-2"));
        drop(UnixListener::bind(&dead).unwrap());
        let _listener = UnixListener::bind(&alive).unwrap();
        sweep(dir.path());
        assert!(!dead.exists() && alive.exists());
        let long = socket_path(&dir.path().join("x".repeat(100)), "control");
        assert!(long.as_os_str().len() <= PATH_MAX && long.starts_with(std::env::temp_dir()));
    }
}
