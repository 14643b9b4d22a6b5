//! A store on each engine; the books are proved after each test.
#![allow(dead_code, reason = "each test file uses its part")]

use magic_domain::secret::Secret;
use magic_store::users::Page;
use magic_store::vault::KeySources;
use magic_store::{Bootstrap, Config, Dsn, Store};
use magic_testkit::db::{Database, ENGINES, database};
use std::path::Path;

pub fn config(database: &Database) -> Config {
    Config {
        dsn: Dsn::parse(&database.dsn, Path::new("unused")).unwrap(),
        log_dsn: None,
        max_connections: 10,
        redis: None,
        keys: KeySources { file: Some(database.dir.path().join("master.key")), ..KeySources::default() },
        bootstrap: Bootstrap { root_token: Some(Secret::new("sk-initialroottoken")), ..Bootstrap::default() },
    }
}

pub async fn each(test: impl AsyncFn(Store, &Database)) {
    for engine in ENGINES {
        let database = database(*engine);
        let store =
            Store::open(config(&database)).await.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        test(store.clone(), &database).await;
        let faults: Vec<_> = store.verify().await.unwrap().into_iter().filter(|check| !check.ok).collect();
        assert!(faults.is_empty(), "{engine:?}: {faults:?}");
        store.close().await;
    }
}

pub fn page() -> Page {
    Page { offset: 0, limit: 10, order: String::new() }
}
