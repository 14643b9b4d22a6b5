//! Taking a one-api installation over while everything runs: one import at a time, and how it stands.

use crate::live::LiveGateway;
use magic_admin::{ImportPhase, ImportState, Live};
use magic_store::import::{Plan, Progress, Report};
use magic_store::{Dsn, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;

/// The import under way, or the last one.
#[derive(Default)]
pub struct Importing(Mutex<ImportState>);

impl Importing {
    pub fn state(&self) -> ImportState {
        self.0.lock().clone()
    }

    /// False: one is under way.
    fn begin(&self, plan: &Plan) -> bool {
        let mut state = self.0.lock();
        if state.phase == ImportPhase::Running {
            return false;
        }
        *state = ImportState {
            phase: ImportPhase::Running,
            from: plan.from.to_string(),
            dry_run: plan.dry_run,
            started: chrono::Utc::now().timestamp(),
            ..ImportState::default()
        };
        true
    }

    fn end(&self, outcome: Result<Report, String>) {
        let mut state = self.0.lock();
        state.ended = chrono::Utc::now().timestamp();
        match outcome {
            Ok(report) => {
                state.phase = ImportPhase::Done;
                state.keep(report);
            }
            Err(error) => (state.phase, state.error) = (ImportPhase::Failed, error),
        }
    }
}

/// Begins an import in the background; false: one is under way.
pub fn start(live: Arc<LiveGateway>, plan: Plan) -> bool {
    if !live.importing().begin(&plan) {
        return false;
    }
    let handle = live.runtime().clone();
    handle.clone().spawn(async move {
        let dsns: Vec<Dsn> =
            [Some(&plan.from), plan.logs_from.as_ref()].into_iter().flatten().cloned().collect();
        let (from, dry) = (plan.from.to_string(), plan.dry_run);
        log::info!("{from} is being {}", if dry { "looked at" } else { "taken over" });
        // In a task of its own: however it ends, the state tells.
        let outcome = match handle.spawn(run(live.clone(), plan)).await {
            Ok(outcome) => outcome.map_err(|error| without_passwords(error.to_string(), &dsns)),
            Err(_) => Err("the import was cut off".to_owned()),
        };
        match &outcome {
            Ok(_) => log::info!("{from} has been {}", if dry { "looked at" } else { "taken over" }),
            Err(error) => log::warn!("{from} could not be taken over: {error}"),
        }
        live.importing().end(outcome);
    });
    true
}

async fn run(live: Arc<LiveGateway>, plan: Plan) -> Result<Report, StoreError> {
    let (watcher, dry) = (live.clone(), plan.dry_run);
    let progress: Progress = Arc::new(move |kind, done, all| {
        watcher.importing().0.lock().progress = (kind, done, all);
    });
    let outcome = live.store().import_one_api(plan, progress).await;
    if !dry {
        // Also after one that failed: what was taken over before stays.
        live.reload_all().await?;
    }
    outcome
}

/// Drivers should not say passwords; here it is made sure of.
fn without_passwords(mut error: String, dsns: &[Dsn]) -> String {
    for dsn in dsns {
        let (Dsn::MySql(url) | Dsn::Postgres(url)) = dsn else { continue };
        let login = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        let Some((_, encoded)) = login.and_then(|(login, _)| login.split_once(':')) else { continue };
        let plain = magic_store::dsn::decode(encoded);
        for password in [encoded, plain.as_str()] {
            if !password.is_empty() {
                error = error.replace(password, "•••");
            }
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn errors_say_no_password() {
        let dsn = Dsn::parse("root:p@ss/w0rd@tcp(db:3306)/one", Path::new("")).unwrap();
        let error = "p@ss/w0rd, p%40ss%2Fw0rd and db:3306".to_owned();
        assert_eq!(without_passwords(error, &[dsn]), "•••, ••• and db:3306");
    }
}
