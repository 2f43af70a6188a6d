//! Two processes in one folder, killed at random moments: the bytes of the single run, or a message and nothing lost.
//!
//! `RACES=100 cargo test --test races -- --nocapture` runs a hundred of each pair and tells what happened.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use crate::common::sim;

const SCENARIO: &str = r#"
name = "s"
seed = 3
workload = { kind = "mmpp", rates = [20.0, 200.0], sojourns = [20.0, 5.0], requests = 30000 }
profile = { memory_mb = [1024, 3072], batch = [1, 8], service_s = [[0.2, 0.9], [0.1, 0.35]], service_cv = 0.1 }
platform = { kind = "lambda", book = "aws-2026", memory_mb = 1024 }
policy = { kind = "batch", batch = 8, timeout = "100ms" }
slo = { latency = "1s" }
sweep = { memory_mb = [1024, 2048, 3072], batch = [1, 4, 8], timeout = ["10ms", "100ms"] }
output = { batches = true }
"#;
const ROWS: usize = 3 * 3 * 2;

/// So many races of each pair.
fn races() -> u64 {
    std::env::var("RACES").map_or(2, |text| text.parse().expect("RACES is a number"))
}

/// A draw below `most` from a race's number: SplitMix64.
fn draw(race: u64, what: u64, most: u64) -> u64 {
    let mut x = (race << 8 | what).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % most
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs to the end, which must be a good one.
fn finished(folder: &Path, words: &str) -> Output {
    let output = sim(folder, words.split(' ')).output().unwrap();
    assert!(output.status.success(), "sim {words}: {}", said(&output));
    output
}

/// A page that leads to others says its folder's name; races have a folder each.
fn unnamed(folder: &Path, bytes: Vec<u8>) -> Vec<u8> {
    let name = folder.file_name().unwrap().to_string_lossy();
    match String::from_utf8(bytes) {
        Ok(text) => ["title", "h1"]
            .iter()
            .fold(text, |text, tag| text.replace(&format!("<{tag}>{name}</{tag}>"), tag))
            .into_bytes(),
        Err(other) => other.into_bytes(),
    }
}

/// All files below a folder but the locks, and what a killed process left unfinished under a temporary name.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut left) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = left.pop() {
        // Both may have been killed before there was a folder.
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true => left.push(path),
                false if name.ends_with(".tmp") || name.starts_with(".sim-lock") => {}
                false => {
                    let bytes = unnamed(folder, fs::read(&path).unwrap());
                    found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
                }
            }
        }
    }
    found
}

/// The files of a folder in which the commands ran one after the other.
fn single(place: &Path, name: &str, commands: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    for words in commands {
        finished(place, &words.replace("OUT", name));
    }
    files(&place.join(name))
}

struct Race {
    folder: tempfile::TempDir,
    number: u64,
    /// How long one of them takes by itself.
    alone: Duration,
    tally: BTreeMap<&'static str, u32>,
}

impl Race {
    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join(self.out_name())
    }

    fn out_name(&self) -> String {
        format!("race-{}", self.number)
    }

    fn words(&self, words: &str) -> String {
        words.replace("OUT", &self.out_name())
    }

    fn no_lock_is_left(&self) {
        let names = fs::read_dir(self.out()).unwrap().map(|entry| entry.unwrap().file_name());
        let locks: Vec<_> = names.filter(|name| name.to_string_lossy().contains("lock")).collect();
        assert!(locks.is_empty(), "{locks:?}");
    }

    fn pause(&self, what: u64) {
        let most = self.alone.as_micros() as u64 * 3 / 2;
        std::thread::sleep(Duration::from_micros(draw(self.number, what, most.max(1))));
    }

    /// Starts both, the second a moment later, and kills none, one or both at some moment. Each output, `None` if killed.
    fn run(&mut self, first: &str, second: &str) -> [Option<Output>; 2] {
        let start = |words: &str| sim(self.folder.path(), self.words(words).split(' ')).spawn().unwrap();
        let one = start(first);
        if draw(self.number, 1, 3) > 0 {
            std::thread::sleep(Duration::from_micros(draw(self.number, 2, self.alone.as_micros() as u64)));
        }
        let two = start(second);
        let mut both = [Some(one), Some(two)];
        let (kills, victim) = (draw(self.number, 3, 3), draw(self.number, 4, 2) as usize);
        for kill in 0..kills as usize {
            self.pause(5 + kill as u64);
            let index = (victim + kill) % 2;
            let child = both[index].as_mut().unwrap();
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                self.count("killed");
            }
        }
        both.each_mut().map(|child| ended(child.take().unwrap()))
    }
}

/// The output of a process that ended by itself; a wait without end is a failure.
fn ended(mut child: Child) -> Option<Output> {
    let deadline = Instant::now() + Duration::from_secs(300);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "a process waits for ever");
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    output.status.code().is_some().then_some(output)
}

/// Races of one pair; `check` is told what each said.
fn pair(
    name: &str,
    (first, second): (&str, &str),
    prepare: impl Fn(&Race),
    check: impl Fn(&mut Race, [Option<Output>; 2]),
) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    let mut race = Race { folder, number: 0, alone: Duration::ZERO, tally: BTreeMap::new() };
    prepare(&race);
    let started = Instant::now();
    finished(race.folder.path(), &race.words(first));
    race.alone = started.elapsed();
    for number in 1..=races() {
        race.number = number;
        prepare(&race);
        let outputs = race.run(first, second);
        for output in outputs.iter().flatten() {
            if said(output).contains("waiting: ") {
                race.count("waited");
            }
            race.count(if output.status.success() { "ended well" } else { "refused" });
        }
        check(&mut race, outputs);
        fs::remove_dir_all(race.out()).unwrap();
    }
    println!("{name}: {} races, {:?} alone: {:?}", races(), race.alone, race.tally);
}

/// The rows of a journal that are whole.
fn rows_in(journal: &Path) -> usize {
    let text = fs::read_to_string(journal).unwrap_or_default();
    text.matches('\n').count().saturating_sub(2)
}

/// `N of M rows were there`.
fn rows_found(output: &Output) -> usize {
    let text = said(output);
    let line =
        text.lines().find(|line| line.contains(" rows were there")).unwrap_or_else(|| panic!("{text}"));
    line.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn two_sweeps_that_resume() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let whole = single(place.path(), "whole", &["sweep s.toml --out OUT"]);
    assert!(whole.len() > 5, "{:?}", whole.keys());
    let (one, two) =
        ("sweep s.toml --out OUT --resume --threads 1", "sweep s.toml --out OUT --resume --threads 3");
    pair(
        "resume+resume",
        (one, two),
        |_| (),
        |race, outputs| {
            for output in outputs.iter().flatten() {
                assert!(output.status.success(), "{}", said(output));
                assert!(!said(output).contains("left out"), "a line was broken: {}", said(output));
            }
            let kept = rows_in(&race.out().join("sweep.partial.csv"));
            let killed = outputs.iter().any(Option::is_none);
            assert!(kept == 0 || killed, "a journal is left");
            if kept > 0 {
                race.count("left a journal");
            }
            if killed {
                let output = finished(race.folder.path(), &race.words(one));
                assert!(rows_found(&output) >= kept, "rows were lost");
            }
            assert_eq!(files(&race.out()), whole);
            race.no_lock_is_left();
        },
    );
}

#[test]
fn two_runs() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let words = "run s.toml --out OUT";
    let whole = single(place.path(), "whole", &[words]);
    pair(
        "run+run",
        (words, words),
        |_| (),
        |race, outputs| {
            outputs.iter().flatten().for_each(|output| assert!(output.status.success(), "{}", said(output)));
            // What is there is right, and if one got to its end, all is there.
            let found = files(&race.out());
            assert!(found.iter().all(|(path, bytes)| whole.get(path) == Some(bytes)));
            assert!(outputs.iter().flatten().next().is_none() || found == whole);
            if outputs.iter().any(Option::is_none) {
                finished(race.folder.path(), &race.words(words));
            }
            assert_eq!(files(&race.out()), whole);
            race.no_lock_is_left();
        },
    );
}

#[test]
fn a_run_and_a_plan() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let (run, plan) = ("run s.toml --out OUT", "plan s.toml --out OUT");
    let orders = [single(place.path(), "a", &[run, plan]), single(place.path(), "b", &[plan, run])];
    // The page links to what there is: after one of them was killed, perhaps to that of the other alone.
    let alone = [single(place.path(), "c", &[run]), single(place.path(), "d", &[plan])];
    pair(
        "run+plan",
        (run, plan),
        |_| (),
        |race, outputs| {
            outputs.iter().flatten().for_each(|output| assert!(output.status.success(), "{}", said(output)));
            // No file is of neither, nor are there files of both that the two share a name of.
            let found = files(&race.out());
            for (path, bytes) in &found {
                let mut known = orders.iter().chain(&alone);
                assert!(known.any(|whole| whole.get(path) == Some(bytes)), "{}", path.display());
            }
            if outputs.iter().all(Option::is_some) {
                assert!(orders.contains(&found), "neither one after the other nor the other after the one");
                race.count("as one after the other");
            } else {
                finished(race.folder.path(), &race.words(run));
                finished(race.folder.path(), &race.words(plan));
                // Pages link to those that were there when they were written.
                let data = |all: &BTreeMap<PathBuf, Vec<u8>>| {
                    let is_page = |path: &PathBuf| path.extension().is_some_and(|end| end == "html");
                    let mut all = all.clone();
                    all.retain(|path, _| !is_page(path));
                    all
                };
                let ended = files(&race.out());
                assert!(data(&ended) == data(&orders[0]), "other files than of the two one after the other");
                assert!(ended.keys().eq(orders[0].keys()));
            }
            race.no_lock_is_left();
        },
    );
}

#[test]
fn a_merge_and_a_shard_that_resumes() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let (shard, merge) = ("sweep s.toml --out OUT --resume --shard 2/2", "merge OUT");
    let whole = single(place.path(), "whole", &["sweep s.toml --out OUT --shard 1/2", shard, merge]);
    let text = fs::read_to_string(place.path().join("whole/shard-2-of-2.csv")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let first = fs::read(place.path().join("whole/shard-1-of-2.csv")).unwrap();
    let prepare = |race: &Race| {
        fs::create_dir_all(race.out()).unwrap();
        fs::write(race.out().join("shard-1-of-2.csv"), &first).unwrap();
        // An interrupted shard: its head, its columns, some rows.
        let rows = draw(race.number, 9, ROWS as u64 / 2) as usize;
        fs::write(race.out().join("shard-2-of-2.partial.csv"), lines[..2 + rows].concat()).unwrap();
    };
    pair("merge+resume", (shard, merge), prepare, |race, [resumed, merged]| {
        if let Some(output) = &resumed {
            assert!(output.status.success(), "{}", said(output));
        }
        match &merged {
            Some(output) if output.status.success() => {
                let found = fs::read(race.out().join("sweep.csv")).unwrap();
                assert_eq!(Some(&found), whole.get(Path::new("sweep.csv")));
                race.count("merged");
            }
            Some(output) => assert!(said(output).contains("these are missing: 2"), "{}", said(output)),
            None => {}
        }
        let kept = rows_in(&race.out().join("shard-2-of-2.partial.csv"));
        let output = finished(race.folder.path(), &race.words(shard));
        assert!(rows_found(&output) >= kept, "rows were lost");
        finished(race.folder.path(), &race.words(merge));
        assert_eq!(files(&race.out()), whole);
        race.no_lock_is_left();
    });
}
