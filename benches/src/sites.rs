//! Files and servers behind a site: nginx and the gateway, one after another in every round, each on one core.

use crate::compare::runtime;
use crate::load::{self, Pace, Work};
use crate::measure::{Process, free, have, median};
use crate::peers::{self, Folder, KEY};
use crate::say;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const WORKS: &[(Work, usize)] = &[
    (Work::File1k, 32),
    (Work::File1k, 256),
    (Work::File1m, 8),
    (Work::Proxy1k, 32),
    (Work::Proxy1k, 256),
    (Work::Proxy1m, 8),
];

/// nginx as its packages set it up: one worker, `sendfile`, kept connections to the server.
fn nginx(vendor: &Process, dir: &Path) -> Result<Process, String> {
    let address = free()?;
    let at = |name: &str| dir.join(name).display().to_string();
    let config = format!(
        "daemon off; master_process off; pid {}; error_log {} crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {}; proxy_temp_path {};\n\
           fastcgi_temp_path {}; uwsgi_temp_path {}; scgi_temp_path {};\n\
           keepalive_requests 1000000000; keepalive_time 10h;\n\
           upstream vendor {{ server {}; keepalive 1024; keepalive_requests 1000000000; keepalive_time 10h; }}\n\
           server {{ listen {address};\n\
             location /files/ {{ root {}; }}\n\
             location /proxy/ {{ proxy_pass http://vendor/; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
               proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;\n\
               proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; }} }} }}\n",
        at("nginx.pid"),
        at("nginx.log"),
        at("body"),
        at("proxy"),
        at("fastcgi"),
        at("uwsgi"),
        at("scgi"),
        vendor.address,
        dir.display(),
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, config).map_err(|error| error.to_string())?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg(dir.join("nginx.log")).arg("-p").arg(dir).arg("-c").arg(&file);
    Process::start(command, 1, address)
}

fn magic(binary: &Path, vendor: &Process, dir: &Path) -> Result<Process, String> {
    let address = free()?;
    let config = format!(
        "[server]\nlisten = [\"{address}\"]\nthreads = 1\ndata_dir = {:?}\n\
         [[server.sites]]\npath = \"/files\"\nroot = {:?}\n\
         [[server.sites]]\npath = \"/proxy\"\nupstreams = [\"http://{}\"]\nstrip_path = true\n\
         [security]\ninitial_root_password = \"bench password\"\n",
        dir.join("data"),
        dir.join("files"),
        vendor.address
    );
    let file = dir.join("magic.toml");
    std::fs::write(&file, config).map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(&file).env("RUST_LOG", "warn").stdout(Stdio::null());
    Process::start(command, 1, address)
}

/// The table of ratios: requests per second of CPU, and per second.
pub fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<(), String> {
    if !have("nginx") {
        return Err("nginx is not installed: there is nothing to compare with".into());
    }
    let folder = Folder::new("sites")?;
    let write = |name: &str, size: usize| {
        let path = folder.0.join("files").join(name);
        std::fs::write(path, vec![b'x'; size]).map_err(|error| error.to_string())
    };
    std::fs::create_dir_all(folder.0.join("files")).map_err(|error| error.to_string())?;
    write("1k.bin", 1 << 10)?;
    write("1m.bin", 1 << 20)?;
    let vendor = peers::vendor()?;
    let peers = [nginx(&vendor, &folder.0)?, magic(binary, &vendor, &folder.0)?];
    let runtime = runtime()?;
    let time = Duration::from_secs(seconds);
    say(
        "| work | connections | | requests/s | CPU-µs | p50 µs | p99 µs | errors | requests per CPU-second vs nginx | requests/s vs nginx |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|");
    for (work, connections) in WORKS {
        let mut figures = [const { Vec::<[f64; 5]>::new() }; 2];
        for _ in 0..rounds {
            for (peer, figures) in peers.iter().zip(&mut figures) {
                let before = peer.cpu();
                let outcome =
                    runtime.block_on(load::run(peer.address, *work, *connections, Pace::Closed, KEY, time));
                let used = (peer.cpu() - before) as f64 / 1000.0;
                figures.push([
                    outcome.per_second(),
                    used / outcome.requests.max(1) as f64,
                    outcome.percentile(0.5) as f64,
                    outcome.percentile(0.99) as f64,
                    outcome.errors as f64,
                ]);
            }
        }
        let [theirs, ours] = &figures;
        let ratio = |of: &dyn Fn(&[f64; 5], &[f64; 5]) -> f64| {
            let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| of(ours, theirs)).collect();
            let low = ratios.iter().copied().fold(f64::MAX, f64::min);
            let high = ratios.iter().copied().fold(0.0, f64::max);
            format!("**{:.2}** ({low:.2}–{high:.2})", median(ratios))
        };
        let per_cpu = ratio(&|ours, theirs| theirs[1] / ours[1].max(1e-9));
        let per_second = ratio(&|ours, theirs| ours[0] / theirs[0].max(1e-9));
        for (name, figures) in [("nginx", theirs), ("magic", ours)] {
            let middle = |at: usize| median(figures.iter().map(|figure| figure[at]).collect());
            let errors: f64 = figures.iter().map(|figure| figure[4]).sum();
            let ratios = if name == "magic" { format!("{per_cpu} | {per_second}") } else { " | ".into() };
            say(&format!(
                "| {work:?} | {connections} | {name} | {:.0} | {:.1} | {:.0} | {:.0} | {errors:.0} | {ratios} |",
                middle(0),
                middle(1),
                middle(2),
                middle(3),
            ));
        }
    }
    Ok(())
}
