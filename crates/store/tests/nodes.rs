//! The rows of nodes on SQLite, MariaDB and PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::each;
use magic_store::nodes::{Beat, NodeState};
use magic_testkit::db::sql;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_come_and_go() {
    each(async |store, database| {
        let beat = |id: &str, uptime| Beat {
            id: id.into(),
            name: "machine".into(),
            version: "1".into(),
            uptime,
            data: NodeState { in_flight: 3, certificate_until: Some(7), ..NodeState::default() },
        };
        for (id, uptime) in [("b", 10), ("a", 100), ("a", 100), ("c", 5)] {
            store.beat(beat(id, uptime)).await.unwrap();
        }
        let nodes = store.nodes().await.unwrap();
        assert_eq!(nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let now = chrono::Utc::now().timestamp();
        for node in &nodes {
            assert!((0..=20).contains(&node.silent) && (now - node.seen_at).abs() < 30, "{node:?}");
            assert_eq!((node.data.in_flight, node.data.certificate_until), (3, Some(7)));
        }
        assert!((nodes[0].seen_at - nodes[0].started - 100).abs() <= 2, "{nodes:?}");

        // One falls silent, one is of a version that says other things, one was forgotten a day ago.
        let silent =
            "UPDATE magic_nodes SET seen_at = seen_at - 3600, data = '{\"later\": 1}' WHERE id = 'a'";
        sql(database, silent).await;
        sql(database, "UPDATE magic_nodes SET seen_at = seen_at - 90000 WHERE id = 'b'").await;
        store.beat(beat("c", 6)).await.unwrap();
        let nodes = store.nodes().await.unwrap();
        assert_eq!(nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert!(nodes[0].silent >= 3600 && nodes[0].data == NodeState::default(), "{nodes:?}");
        store.forget_node("c").await.unwrap();
        assert_eq!(store.nodes().await.unwrap().len(), 1);
    })
    .await;
}
