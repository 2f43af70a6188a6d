//! A file that changes between two shards, or before `--resume`: it is refused, wherever the figures depend on it.
//!
//! `FLIPS=200 cargo test --test changed_inputs` flips so many bits of each file.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The files that the two scenarios read, in a folder of their own.
const BOOK: &str = include_str!("../profiles/books/aws-2026.toml");
const PROFILE: &str = "model = \"m\" # a comment\nmemory_mb = [1024, 3072]\nbatch = [1, 8]\n\
    service_s = [[0.2, 0.9], [0.1, 0.35]]\n";
const SCHEDULE: &str = "[[segment]]\nduration = \"100s\"\nkind = \"poisson\"\nrate = 30\n\
    [[segment]]\nduration = \"50s\"\nkind = \"mmpp\"\nrates = [0, 20]\nsojourns = [1.0, 1.5]\n";

fn scenario(workload: &str) -> String {
    format!(
        "# A sweep of two shards.\nseed = 3\n[workload]\n{workload}\n[profile]\nfile = \"profile.toml\"\n\
         [platform]\nkind = \"lambda\"\nbook = \"book.toml\"\nmemory_mb = 1024\n\
         [policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"100ms\"\n[slo]\nlatency = \"500ms\"\n\
         [sweep]\nmemory_mb = [1024, 2048]\nbatch = [1, 8]\ntimeout = [\"50ms\"]\n"
    )
}

fn inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("trace.toml", &scenario("kind = \"trace\"\nfile = \"t.csv\""));
    write("schedule-of.toml", &scenario("kind = \"schedule\"\nfile = \"schedule.toml\""));
    write("profile.toml", PROFILE);
    write("book.toml", BOOK);
    write("schedule.toml", SCHEDULE);
    let times: String =
        (0..900).map(|i| format!("{}\n", f64::from(i) * 0.04 + f64::from(i % 7) * 0.003)).collect();
    write("t.csv", &format!("timestamp\n{times}"));
    folder
}

/// The exit status and what was said.
fn sim(folder: &Path, words: &str) -> (bool, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_sim")).current_dir(folder).args(words.split(' ')).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn succeeds(folder: &Path, words: &str) {
    let (good, said) = sim(folder, words);
    assert!(good, "sim {words}: {said}");
}

fn flips() -> usize {
    std::env::var("FLIPS").map_or(6, |text| text.parse().expect("FLIPS is a number"))
}

/// One bit of the byte at `at` changed, for as long as `within` runs.
fn flipped<T>(path: &Path, at: usize, within: impl FnOnce() -> T) -> T {
    let before = fs::read(path).unwrap();
    let mut changed = before.clone();
    changed[at] ^= 1;
    fs::write(path, changed).unwrap();
    let result = within();
    fs::write(path, before).unwrap();
    result
}

/// Bits of a file that are flipped: some on a regular walk through it, and the digit after `value`.
fn places(text: &[u8], value: &str) -> Vec<usize> {
    let found = text.windows(value.len()).position(|window| window == value.as_bytes());
    let digit = found.unwrap_or_else(|| panic!("no {value}")) + value.len();
    // Steps by the golden ratio come near to every place.
    let walk = |i: usize| (text.len() as f64 * (0.618_033_988_75 * (i + 1) as f64).fract()) as usize;
    std::iter::once(digit).chain((0..flips()).map(walk)).collect()
}

/// What changes in each file, where a change of one bit gives a valid file with another meaning.
const FILES: [(&str, &str, &str); 7] = [
    ("trace", "trace.toml", "latency = \"5"),
    ("trace", "profile.toml", "0.3"),
    ("trace", "book.toml", "usd_per_request = "),
    ("trace", "t.csv", "\n0.04"),
    ("schedule-of", "schedule-of.toml", "seed = "),
    ("schedule-of", "schedule.toml", "rate = 3"),
    ("schedule-of", "profile.toml", "[[0."),
];

#[test]
fn a_changed_file_is_refused_before_resume() {
    let folder = inputs();
    let folder = folder.path();
    for (scenario, file, value) in FILES {
        let whole = folder.join(format!("{scenario}-whole"));
        if !whole.exists() {
            succeeds(
                folder,
                &format!("sweep {scenario}.toml --no-charts --shard 1/1 --out {scenario}-shard"),
            );
            succeeds(folder, &format!("sweep {scenario}.toml --no-charts --out {scenario}-whole"));
        }
        let journal = fs::read(folder.join(format!("{scenario}-shard/shard-1-of-1.csv"))).unwrap();
        let result = fs::read(whole.join("sweep.csv")).unwrap();
        let path = folder.join(file);
        let text = fs::read(&path).unwrap();
        let (mut refused, places) = (0, places(&text, value));
        for (index, at) in places.iter().enumerate() {
            let out = folder.join("out");
            fs::create_dir(&out).unwrap();
            fs::write(out.join("sweep.partial.csv"), &journal).unwrap();
            let words = format!("sweep {scenario}.toml --no-charts --out out --resume");
            let (good, said) = flipped(&path, *at, || sim(folder, &words));
            let what = format!("{file}, byte {at} ({:?}): {said}", char::from(text[*at]));
            match good {
                // A comment: the figures are what they were.
                true => assert_eq!(fs::read(out.join("sweep.csv")).unwrap(), result, "{what}"),
                false => {
                    refused += 1;
                    assert!(said.starts_with("error: "), "{what}");
                    assert_eq!(fs::read(out.join("sweep.partial.csv")).unwrap(), journal, "{what}");
                }
            }
            assert!(index > 0 || said.contains("belongs to another sweep"), "{what}");
            assert!(!good || file != "t.csv", "{what}");
            fs::remove_dir_all(out).unwrap();
        }
        println!("{file}: {} flips, {refused} refused, the others change no figure", places.len());
    }
}

#[test]
fn a_changed_file_is_refused_between_shards() {
    let folder = inputs();
    let folder = folder.path();
    for (scenario, file, value) in FILES {
        let path = folder.join(file);
        let at = places(&fs::read(&path).unwrap(), value)[0];
        let shard = |index: u32| format!("sweep {scenario}.toml --no-charts --out out --shard {index}/2");
        succeeds(folder, &shard(1));
        flipped(&path, at, || succeeds(folder, &shard(2)));
        let (good, said) = sim(folder, "merge out --no-charts");
        assert!(!good && said.contains("is of another sweep than"), "{file}: {said}");
        fs::remove_dir_all(folder.join("out")).unwrap();
    }
}

#[test]
fn a_trace_of_the_same_length_is_not_the_same_trace() {
    let folder = inputs();
    let folder = folder.path();
    succeeds(folder, "sweep trace.toml --no-charts --out out --shard 1/2");
    let text = fs::read_to_string(folder.join("t.csv")).unwrap();
    let other: String = text.replace("0.0", "0.1");
    assert_eq!(other.len(), text.len());
    fs::write(folder.join("t.csv"), &other).unwrap();
    let (good, said) = sim(folder, "sweep trace.toml --no-charts --out out --shard 2/2");
    if good {
        let (good, said) = sim(folder, "merge out");
        assert!(!good && said.contains("another sweep"), "{said}");
    } else {
        assert!(said.contains("earlier than the arrival before"), "{said}");
    }
}

#[test]
fn an_edited_shard_is_refused() {
    let folder = inputs();
    let folder = folder.path();
    for index in [1, 2] {
        succeeds(folder, &format!("sweep trace.toml --no-charts --out out --shard {index}/2"));
    }
    let path = folder.join("out/shard-2-of-2.csv");
    let text = fs::read_to_string(&path).unwrap();
    let row = text.lines().nth(2).unwrap();
    let (first, rest) = row.split_once(',').unwrap();
    let end = text.rfind("# end").unwrap();
    for (bad, why) in [
        (text.replace(row, &format!("512,{rest}")), "its check sum does not agree"),
        (text.replace(row, &format!("{},{rest}", &first[2..])), "its check sum does not agree"),
        (text.replace(&format!("{row}\n"), ""), "is not whole"),
        (text.replace(&format!("{row}\n"), &format!("{row}\n{row}\n")), "beyond the"),
        (text[..end].to_owned(), "is not whole"),
        (text[..end - 1].to_owned(), "is not whole"),
        (text.trim_end().to_owned(), "is not whole"),
        (format!("{text}{row}\n"), "follows the end"),
    ] {
        fs::write(&path, bad).unwrap();
        let (good, said) = sim(folder, "merge out --no-charts");
        assert!(!good && said.contains(why), "{why}: {said}");
    }
    fs::write(&path, text).unwrap();
    succeeds(folder, "merge out --no-charts");
}
