//! The dashboard's files are embedded in optimised builds: those are made anew when `web/dist` is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        // A folder that is not there would count as changed each time.
        let _ = std::fs::create_dir_all("../web/dist");
        println!("cargo:rerun-if-changed=../web/dist");
    }
}
