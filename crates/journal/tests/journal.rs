//! The journal's promises, over real files.

use magic_journal::{Config, Journal, JournalError, orphans};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn config(dir: &Path, epoch: &str) -> Config {
    Config { fsync_every: Duration::from_millis(1), ..Config::new(dir, epoch) }
}

fn records(dir: &Path) -> Result<Vec<Vec<u8>>, JournalError> {
    let orphans = orphans(dir, "other")?;
    orphans.first().map_or(Ok(Vec::new()), |orphan| orphan.read().map(|remains| remains.records))
}

#[test]
fn what_was_appended_is_read_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(config(dir.path(), "a")).unwrap();
    for n in 0..100u32 {
        journal.append(&n.to_le_bytes()).unwrap();
    }
    drop(journal); // no checkpoint, no orderly close: as after kill -9
    let found = records(dir.path()).unwrap();
    assert_eq!(found.len(), 100);
    assert_eq!(found[99], 99u32.to_le_bytes());
}

#[test]
fn a_living_epoch_is_nobodys_orphan() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = Journal::open(config(dir.path(), "a")).unwrap();
    assert!(orphans(dir.path(), "b").unwrap().is_empty());
    assert!(matches!(Journal::open(config(dir.path(), "a")), Err(JournalError::Locked(_))));
}

#[test]
fn segments_rotate_and_posted_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Config { segment_bytes: 256, ..config(dir.path(), "a") }).unwrap();
    let mut follower = journal.follow();
    for n in 0..200u32 {
        journal.append(&[n as u8; 20]).unwrap();
    }
    let mut seen = 0;
    let mut middle = None;
    while let Some((position, payload)) = follower.next_record().unwrap() {
        assert_eq!(payload, [seen as u8; 20]);
        seen += 1;
        if seen == 100 {
            middle = Some(position);
        }
    }
    assert_eq!(seen, 200);
    journal.checkpoint(middle.unwrap()).unwrap();
    drop(journal);
    assert_eq!(records(dir.path()).unwrap().len(), 100);
    assert!(!dir.path().join("a-0000000001.wal").exists());
}

#[test]
fn what_is_ahead_is_measured_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Config { segment_bytes: 256, ..config(dir.path(), "a") }).unwrap();
    let mut follower = journal.follow();
    let mut ahead = journal.bytes_after(follower.position());
    assert_eq!(ahead, journal.bytes_after(journal.position()));
    for n in 0..100u32 {
        journal.append(&[n as u8; 20]).unwrap();
    }
    ahead = ahead.max(journal.bytes_after(follower.position()));
    assert!((2_800..4_000).contains(&ahead), "{ahead}");
    while let Some((position, _)) = follower.next_record().unwrap() {
        let left = journal.bytes_after(position);
        assert!(left + 28 <= ahead, "{left} after {ahead}");
        ahead = left;
    }
    assert_eq!(ahead, 0);
}

#[test]
fn a_follower_sees_what_other_threads_append() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Config { segment_bytes: 4096, ..config(dir.path(), "a") }).unwrap();
    let mut follower = journal.follow();
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let journal = &journal;
            scope.spawn(move || (0..250).for_each(|_| assert!(journal.append(&[thread; 33]).is_ok())));
        }
        let mut counts = [0; 4];
        while counts.iter().sum::<i32>() < 1000 {
            match follower.next_record().unwrap() {
                Some((_, payload)) => counts[payload[0] as usize] += 1,
                None => assert!(follower.wait(Duration::from_secs(10)), "nothing came"),
            }
        }
        assert_eq!(counts, [250; 4]);
    });
}

#[test]
fn records_become_durable() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(config(dir.path(), "a")).unwrap();
    let position = journal.append(b"x").unwrap();
    assert!(journal.wait_durable(position));
}

#[test]
fn an_orderly_end_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Config { reserve_bytes: 4096, ..config(dir.path(), "a") }).unwrap();
    journal.append(b"x").unwrap();
    journal.remove_posted();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn damage_in_the_middle_is_never_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(config(dir.path(), "a")).unwrap();
    (0..10u8).for_each(|n| assert!(journal.append(&[n; 50]).is_ok()));
    drop(journal);
    let file = dir.path().join("a-0000000001.wal");
    let mut bytes = fs::read(&file).unwrap();
    bytes[8 + 58 * 3 + 20] ^= 1;
    fs::write(&file, bytes).unwrap();
    match records(dir.path()) {
        Err(JournalError::Corrupt { offset, .. }) => assert_eq!(offset, 8 + 58 * 3),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_cut_at_any_byte_keeps_every_whole_record(sizes in proptest::collection::vec(1usize..60, 1..12), cut in any::<usize>()) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(config(dir.path(), "a")).unwrap();
        let ends: Vec<u64> = sizes.iter().map(|size| journal.append(&vec![*size as u8; *size]).unwrap().offset).collect();
        drop(journal);
        let file = dir.path().join("a-0000000001.wal");
        let mut bytes = fs::read(&file).unwrap();
        let cut = cut % (bytes.len() + 1);
        bytes.truncate(cut);
        fs::write(&file, &bytes).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut as u64).count();
        prop_assert_eq!(records(dir.path()).unwrap().len(), whole);
    }
}
