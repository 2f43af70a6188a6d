//! The first inputs of the fuzzers, replayed: the same checks on every input of fuzz/corpus.

use std::path::Path;

#[path = "../fuzz/bodies/documents.rs"]
mod documents;
#[path = "../fuzz/bodies/logs.rs"]
mod logs;
#[path = "../fuzz/bodies/scratch.rs"]
mod scratch;
#[path = "../fuzz/bodies/trace.rs"]
mod trace;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 5, "{} has {} inputs", folder.display(), paths.len());
    for path in paths {
        let data = std::fs::read(&path).unwrap();
        // The failing input is the last that was printed.
        println!("{}", path.display());
        check(&data);
    }
}

#[test]
fn traces() {
    replay("trace", trace::check);
}

#[test]
fn toml_documents() {
    replay("documents", documents::check);
}

#[test]
fn logs_and_parts_of_sweeps() {
    replay("logs", logs::check);
}
