//! A copy of SQLite's database is private, passing, and of one moment.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::each;
use magic_store::StoreError;
use magic_store::users::NewUser;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_nobody_elses_and_gone_with_its_handle() {
    each(async |store, _| {
        let dir = tempfile::tempdir().unwrap();
        let copied = store.snapshot(dir.path().to_owned()).await;
        if store.engine() != "sqlite" {
            assert!(matches!(copied, Err(StoreError::Conflict(_))), "{copied:?}");
            assert_eq!(store.database_bytes().await.unwrap(), None);
            return;
        }
        let mut file = copied.unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!((meta.mode() & 0o777, meta.nlink()), (0o600, 0));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(store.database_bytes().await.unwrap().unwrap() > 100_000);
        store.create_user(NewUser { username: "later".into(), ..NewUser::default() }).await.unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes.starts_with(b"SQLite format 3\0") && bytes.len() as u64 == meta.len());
        assert!(!bytes.windows(5).any(|part| part == b"later"), "it is of the moment it was made");
        // Where nothing can be made, nothing is left either.
        let nowhere = store.snapshot(dir.path().join("nowhere")).await;
        assert!(matches!(nowhere, Err(StoreError::Internal(_))), "{nowhere:?}");
    })
    .await;
}
