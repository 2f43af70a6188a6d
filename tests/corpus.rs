//! The first inputs of the fuzzers, replayed: the same checks on every input of fuzz/corpus.

use std::path::Path;

#[path = "../fuzz/bodies/documents.rs"]
mod documents;
#[path = "../fuzz/bodies/lines.rs"]
mod lines;
#[path = "../fuzz/bodies/logs.rs"]
mod logs;
#[path = "../fuzz/bodies/scratch.rs"]
mod scratch;
#[path = "../fuzz/bodies/seeds.rs"]
mod seeds;
#[path = "../fuzz/bodies/sweeps.rs"]
mod sweeps;
#[path = "../fuzz/bodies/trace.rs"]
mod trace;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(CORPUS).join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 3, "{} has {} inputs", folder.display(), paths.len());
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
fn lines_of_logs() {
    replay("lines", lines::check);
}

#[test]
fn toml_documents() {
    replay("documents", documents::check);
}

#[test]
fn measurements() {
    replay("logs", logs::check);
}

#[test]
fn journals() {
    replay("journal", sweeps::journal);
}

#[test]
fn shards() {
    replay("merge", sweeps::merge);
}

#[test]
fn results() {
    replay("diff", sweeps::compare);
}

#[test]
fn the_first_inputs_are_what_the_writers_make() {
    if std::env::var_os("BLESS").is_some() {
        seeds::write_all(Path::new(CORPUS));
    }
    let fresh = tempfile::tempdir().unwrap();
    seeds::write_all(fresh.path());
    let targets = std::fs::read_dir(fresh.path()).unwrap();
    let files = targets.flat_map(|target| std::fs::read_dir(target.unwrap().path()).unwrap());
    for path in files.map(|file| file.unwrap().path()) {
        let kept = Path::new(CORPUS).join(path.strip_prefix(fresh.path()).unwrap());
        assert!(
            std::fs::read(&path).ok() == std::fs::read(&kept).ok(),
            "{} is out of date: `BLESS=1 cargo test --test corpus`",
            kept.display()
        );
    }
}
