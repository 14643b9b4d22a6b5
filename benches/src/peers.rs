//! The processes that are compared, each pinned to core 1; the vendor and the load share core 0.

use crate::measure::{Process, free, have};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The token of the load.
pub const KEY: &str = "sk-benchkey0123456789";
/// Root's, for the management API.
pub const ACCESS: &str = "benchaccesstoken0123456789abcdef";
/// What the gateway seals its secrets under, where the data is not its own folder's.
pub const MASTER_KEY: &str = "a master key of the benches";

fn own() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

/// A folder that goes with its handle.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Result<Folder, String> {
        let dir = std::env::temp_dir().join(format!("magic-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        Ok(Folder(dir))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn vendor() -> Result<Process, String> {
    let address = free()?;
    let mut command = Command::new(own()?);
    command.args(["vendor", "--listen", &address.to_string()]);
    Process::start(command, 0, address)
}

pub fn bare(vendor: &Process) -> Result<Process, String> {
    let address = free()?;
    let mut command = Command::new(own()?);
    command.args(["bare", "--listen", &address.to_string(), "--vendor", &vendor.address.to_string()]);
    Process::start(command, 1, address)
}

/// nginx with one worker and kept connections; `None` where it is not installed.
pub fn nginx(vendor: &Process, dir: &Path) -> Result<Option<Process>, String> {
    if !have("nginx") {
        return Ok(None);
    }
    let address = free()?;
    let at = |name: &str| dir.join(name).display().to_string();
    let config = format!(
        "daemon off; master_process off; pid {}; error_log {} crit;\n\
         events {{ worker_connections 30000; }}\n\
         http {{ access_log off; client_max_body_size 64m; client_body_buffer_size 2m; client_body_temp_path {}; proxy_temp_path {};\n\
           fastcgi_temp_path {}; uwsgi_temp_path {}; scgi_temp_path {};\n\
           keepalive_requests 1000000000; keepalive_time 10h;\n\
           upstream vendor {{ server {}; keepalive 1024; keepalive_requests 1000000000; keepalive_time 10h; }}\n\
           server {{ listen {address}; location / {{ proxy_pass http://vendor; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_buffering off; proxy_read_timeout 600s; }} }} }}\n",
        at("nginx.pid"),
        at("nginx.log"),
        at("body"),
        at("proxy"),
        at("fastcgi"),
        at("uwsgi"),
        at("scgi"),
        vendor.address
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, config).map_err(|error| error.to_string())?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg(dir.join("nginx.log")).arg("-p").arg(dir).arg("-c").arg(&file);
    Process::start(command, 1, address).map(Some)
}

/// The gateway with everything on: a customer with a balance, prices, a journal, a database. `dir` may hold
/// the data of an earlier life.
pub fn magic(binary: &Path, vendor: &Process, dir: &Path) -> Result<Process, String> {
    magic_on(binary, vendor, dir, None)
}

/// [`magic`] on a database elsewhere, and on all cores: the lists are the database's work.
pub fn magic_on(binary: &Path, vendor: &Process, dir: &Path, dsn: Option<&str>) -> Result<Process, String> {
    let address = free()?;
    let config = format!(
        "[server]\nlisten = [\"{address}\"]\nthreads = 1\ndata_dir = {:?}\n\
         [security]\ninitial_root_password = \"bench password\"\ninitial_root_access_token = \"{ACCESS}\"\n\
         [[channels]]\nname = \"bench\"\ntype = \"custom\"\nbase_url = \"http://{}\"\nkey = \"sk-vendor\"\nmodels = [\"gpt-4o-mini\"]\n\
         [[users]]\nname = \"bench\"\nbalance_usd = 100000\n[[tokens]]\nname = \"b\"\nuser = \"bench\"\nkey = \"{KEY}\"\nunlimited = true\n",
        dir.join("data"),
        vendor.address
    );
    let file = dir.join("magic.toml");
    std::fs::write(&file, config).map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(&file).env("RUST_LOG", "warn").env("GLOBAL_API_RATE_LIMIT", "0");
    command.stdout(Stdio::null());
    let Some(dsn) = dsn else { return Process::start(command, 1, address) };
    command.env("SQL_DSN", dsn).env("MAGIC_MASTER_KEY", MASTER_KEY);
    Process::start_on(command, "0-1023", address, Duration::from_secs(600))
}
