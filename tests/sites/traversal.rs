//! Ways out of a folder that must not lead there.

use super::{ask, files, folder, get, put, until};
use crate::harness::World;
use std::os::unix::fs::symlink;

/// Targets that other servers have fallen for.
const CORPUS: &[&str] = &[
    "/../secret.txt",
    "/../../secret.txt",
    "/sub/../../secret.txt",
    "/sub/../../../../../../secret.txt",
    "/./../secret.txt",
    "/..",
    "/../",
    "/sub/..",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/.%2e/secret.txt",
    "/%2e./secret.txt",
    "/sub/%2e%2e/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/%2e%2e%2fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/..\\secret.txt",
    "/..%5csecret.txt",
    "/%2e%2e%5csecret.txt",
    "/sub\\..\\..\\secret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%e0%80%ae%e0%80%ae/secret.txt",
    "/..%c0%afsecret.txt",
    "/%uff0e%uff0e/secret.txt",
    "/..%00/secret.txt",
    "/secret.txt%00.html",
    "/index.html%00",
    "/..;/secret.txt",
    "/.../secret.txt",
    "/....//secret.txt",
    "//../secret.txt",
    "///secret.txt",
    "//secret.txt",
    "/sub//../../secret.txt",
    "/~/secret.txt",
    "/%2f%2e%2e%2fsecret.txt",
    "/.git/config",
    "/%2egit/config",
    "/sub/.hidden",
    "/.env",
    "/link.txt",
    "/up/secret.txt",
    "/up/",
    "/hop/secret.txt",
    "/chain.txt",
    "/absolute.txt",
    "/dotted.txt",
    "/proc.txt",
    "http://x/../secret.txt",
];

#[tokio::test]
async fn nothing_leads_out_of_the_folder() {
    let outside = files(&[("secret.txt", b"SECRET"), ("root/index.html", b"home"), ("root/sub/x.txt", b"x")]);
    let root = outside.path().join("root");
    put(&root, ".git/config", b"SECRET");
    put(&root, ".env", b"SECRET");
    put(&root, "sub/.hidden", b"SECRET");
    symlink("../secret.txt", root.join("link.txt")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("up", root.join("hop")).unwrap();
    symlink("link.txt", root.join("chain.txt")).unwrap();
    symlink(outside.path().join("secret.txt"), root.join("absolute.txt")).unwrap();
    symlink(".env", root.join("dotted.txt")).unwrap();
    symlink("/proc/self/environ", root.join("proc.txt")).unwrap();
    symlink("sub/x.txt", root.join("inside.txt")).unwrap();
    symlink(root.join("sub"), root.join("within")).unwrap();
    let world = World::new(folder(&root, ""));
    for target in CORPUS {
        for fields in [&[][..], &[("accept-encoding", "gzip, br")], &[("range", "bytes=0-2")]] {
            let answer = ask(world.gateway.address, "GET", target, "x", fields).await;
            assert!((400..500).contains(&answer.status), "{target}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("SECRET") && !answer.text().contains("PATH="), "{target}");
        }
    }
    // What stays inside is fine.
    assert_eq!(get(&world, "/inside.txt", &[]).await.text(), "x");
    assert_eq!(get(&world, "/within/x.txt", &[]).await.text(), "x");
}

/// `current -> releases/1`, and then to another.
#[tokio::test]
async fn a_release_is_swapped_by_its_link() {
    let dir = files(&[("1/a.txt", b"one"), ("2/a.txt", b"two")]);
    let current = dir.path().join("current");
    symlink("1", &current).unwrap();
    let world = World::new(folder(&current, ""));
    assert_eq!(get(&world, "/a.txt", &[]).await.text(), "one");
    symlink("2", dir.path().join("next")).unwrap();
    std::fs::rename(dir.path().join("next"), &current).unwrap();
    until(&world, "/a.txt", |answer| answer.text() == "two").await;
}

/// Nobody writes into it: opening it must not wait.
#[tokio::test]
async fn a_pipe_is_no_file() {
    let dir = files(&[("a.txt", b"one")]);
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
    assert!(made.success());
    let world = World::new(folder(dir.path(), ""));
    assert_eq!(get(&world, "/pipe", &[]).await.status, 404);
}
