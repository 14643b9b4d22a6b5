//! A server's database as it was: what a replica has that took over before it had heard of the last commits.

use crate::db::{Database, Engine, client_args, postgres_program, run};
use std::path::PathBuf;
use std::process::Command;

/// A copy of one database of MariaDB or PostgreSQL, all as of one moment.
pub struct Dump {
    engine: Engine,
    dsn: String,
    file: PathBuf,
    _dir: tempfile::TempDir,
}

impl Dump {
    pub fn of(database: &Database) -> Dump {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("dump.sql");
        let dump = Dump { engine: database.engine, dsn: database.dsn.clone(), file, _dir: dir };
        match dump.engine {
            Engine::Sqlite => panic!("a file has no replica"),
            Engine::MySql => dump.mariadb("mariadb-dump", &["--single-transaction"], '>'),
            Engine::Postgres => {
                let mut command = Command::new(postgres_program("pg_dump"));
                run(command.args(["--clean", "--if-exists", &dump.dsn, "-f"]).arg(&dump.file));
            }
        }
        dump
    }

    /// Puts the database back to what it was. Nobody may be connected to it.
    pub fn restore(&self) {
        match self.engine {
            Engine::Sqlite => {}
            Engine::MySql => self.mariadb("mariadb", &[], '<'),
            Engine::Postgres => {
                let mut command = Command::new("psql");
                run(command.args([&self.dsn, "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&self.file));
            }
        }
    }

    fn mariadb(&self, program: &str, options: &[&str], way: char) {
        let (server, name) = self.dsn.rsplit_once('/').expect("a database");
        let words = [options.join(" "), client_args(server).join(" "), name.to_owned()].join(" ");
        run(Command::new("sh").args(["-c", &format!("{program} {words} {way}{}", self.file.display())]));
    }
}
