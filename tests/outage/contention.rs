//! F09: one transaction of five that touches a balance fails as if it had met another.

use super::{behind, customers, key};
use crate::harness::{good, request};
use crate::observability::{scrape, value};
use magic_testkit::db::{Engine, sql};
use magic_testkit::vendor::Proto;

/// Lets changes of balances fail, and counts how often where no rollback reaches.
fn jams(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Postgres => &[
            "CREATE SEQUENCE jams",
            "CREATE FUNCTION jam() RETURNS trigger AS $$ BEGIN IF random() < 0.2 THEN PERFORM nextval('jams'); \
             RAISE EXCEPTION 'jammed' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER jam AFTER UPDATE ON magic_users FOR EACH STATEMENT EXECUTE FUNCTION jam()",
        ],
        _ => &[
            "CREATE TABLE jams (n INT) ENGINE=MyISAM",
            "CREATE TRIGGER jam BEFORE UPDATE ON magic_users FOR EACH ROW BEGIN IF RAND() < 0.2 THEN \
             INSERT INTO jams VALUES (1); SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'jammed'; \
             END IF; END",
        ],
    }
}

/// Fails unless there were jams.
fn counted(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "DO $$ BEGIN IF (SELECT last_value FROM jams) < 5 THEN RAISE 'hardly any jam: %', (SELECT last_value FROM jams); END IF; END $$"
        }
        _ => {
            "BEGIN NOT ATOMIC IF (SELECT COUNT(*) FROM jams) < 5 THEN SIGNAL SQLSTATE '45000' \
              SET MESSAGE_TEXT = 'hardly any jam'; END IF; END"
        }
    }
}

/// Calls of a round, which are posted together.
const CALLS: usize = 4;
const ROUNDS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_meet_others_are_tried_again() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let vendor = good(Proto::H1);
        let (database, _relay, world) = behind(engine, &vendor, &customers());
        for statement in jams(engine) {
            sql(&database, statement).await;
        }
        for round in 1..=ROUNDS {
            for n in 0..CALLS {
                let answer = world.chat_as(&key(0), &request(n % 2 == 0)).await;
                assert_eq!(answer.status, 200, "{engine:?}: {}", answer.text());
            }
            super::until_billed(&world, round * CALLS).await;
        }
        sql(&database, counted(engine)).await;
        // None had to be begun anew by who asked for it.
        let page = scrape(&world).await;
        let count = |outcome| value(&page, &format!("magic_database_seconds_count{{outcome=\"{outcome}\"}}"));
        assert!(count("ok").is_some_and(|ok| ok > 0.0), "{page}");
        for outcome in ["refused", "unavailable", "error"] {
            assert_eq!(count(outcome).unwrap_or(0.0), 0.0, "{engine:?}: {outcome}");
        }
        world.verify();
        assert_eq!(vendor.hits(), ROUNDS * CALLS);
    }
}
