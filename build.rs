//! The version that `sim --version` prints: the crate's, and the commit where one is known.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env!("CARGO_PKG_VERSION");
    match commit() {
        Some(commit) => println!("cargo::rustc-env=SIM_VERSION={version} ({commit})"),
        None => println!("cargo::rustc-env=SIM_VERSION={version}"),
    }
}

/// A packed crate carries the commit in a file; elsewhere git knows it.
fn commit() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packed = root.join(".cargo_vcs_info.json");
    if let Ok(text) = std::fs::read_to_string(&packed) {
        let (_, after) = text.split_once("\"sha1\"")?;
        return after.split('"').nth(1).and_then(|hash| hash.get(..9)).map(str::to_owned);
    }
    // A crate that lies in somebody else's repository does not have its commit.
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // A commit or a checkout changes these. A file that is missing would rebuild the crate each time.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]).unwrap_or_default();
    for name in ["HEAD", "logs/HEAD", branch.as_str()].into_iter().filter(|name| !name.is_empty()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| root.join(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=9", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
