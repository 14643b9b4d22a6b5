//! What the tests need on the machine: installed with apt-get where that is possible, named plainly where not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs, where they may be besides the PATH, and the Debian package that has them.
const TOOLS: &[(&str, &[&str], &str)] = &[
    ("cc", &[], "gcc"),
    ("cmake", &[], "cmake"),
    ("make", &[], "make"),
    ("redis-server", &[], "redis-server"),
    ("mariadbd", &["/usr/sbin/mariadbd"], "mariadb-server"),
    ("mariadb", &[], "mariadb-client"),
    ("postgres", &["/usr/lib/postgresql"], "postgresql"),
    ("psql", &[], "postgresql-client"),
    ("python3", &[], "python3-venv"),
    ("kill", &["/bin/kill"], "procps"),
    ("openssl", &[], "openssl"),
    ("node", &[], "nodejs"),
    ("npm", &[], "npm"),
    ("chromium", &[], "chromium"),
    ("pebble", &[], "pebble"),
];

fn found(name: &str, places: &[&str]) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').any(|dir| Path::new(dir).join(name).exists())
        || places.iter().any(|place| Path::new(place).exists())
}

/// Makes sure that the programs are there.
pub fn ensure(names: &[&str]) -> Result<(), String> {
    let missing: Vec<&(&str, &[&str], &str)> =
        TOOLS.iter().filter(|(name, places, _)| names.contains(name) && !found(name, places)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, _, package)| *package).collect();
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    if !is_root || !found("apt-get", &[]) {
        return Err(format!(
            "please install these first: {} (Debian: apt-get install {})",
            packages.join(", "),
            packages.join(" ")
        ));
    }
    super::say(&format!("installing {}", packages.join(" ")));
    let quiet = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    quiet(&["update", "-q"]);
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&packages);
    if quiet(&install) { Ok(()) } else { Err(format!("apt-get could not install {}", packages.join(" "))) }
}

pub fn has_cargo_deny() -> bool {
    Command::new("cargo-deny").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A Python of its own with the SDKs that the tests use.
pub fn python(root: &Path, target: &Path) -> Result<PathBuf, String> {
    let venv = target.join("sdk-venv");
    let python = venv.join("bin/python");
    let requirements = root.join("tests/sdk/requirements.txt");
    let stamp = venv.join("installed.txt");
    let wanted = std::fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    super::step("Python environment", Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"]).arg(&requirements);
    super::step("Python SDKs", &mut pip)?;
    std::fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// The packages of a folder, as its lock file names them; only when they are not there yet.
pub fn node(folder: &Path) -> Result<(), String> {
    let stamp = folder.join("node_modules/installed.json");
    let wanted =
        std::fs::read_to_string(folder.join("package-lock.json")).map_err(|error| error.to_string())?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    super::step("Node packages", &mut npm)?;
    std::fs::write(&stamp, wanted).map_err(|error| error.to_string())
}
