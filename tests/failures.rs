//! What happens when the machine fails: a full disk, a closed pipe, a kill in the middle of a sweep, a folder that may not
//! be read, a pipe into which nobody writes.

#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::sim;

const SCENARIO: &str = r#"
seed = 3
[workload]
kind = "mmpp"
rates = [20.0, 200.0]
sojourns = [20.0, 5.0]
requests = 300000
[profile]
memory_mb = [1024, 3072]
batch = [1, 8]
service_s = [[0.2, 0.9], [0.1, 0.35]]
service_cv = 0.1
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
[policy]
kind = "batch"
batch = 8
timeout = "100ms"
[slo]
latency = "500ms"
[sweep]
memory_mb = { from = 1024, to = 3072, step = 512 }
batch = [1, 2, 4, 8]
timeout = ["0ms", "50ms", "100ms"]
[output]
batches = true
"#;

fn scenario() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    folder
}

/// The exit status and all that was said.
fn end(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = [output.stderr, output.stdout].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_full_standard_output_is_an_error() {
    let folder = scenario();
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return eprintln!("not tried: there is no /dev/full here");
    };
    let mut command = sim(folder.path(), "run s.toml --no-charts --set workload.requests=500".split(' '));
    let (status, said) = {
        command.stdout(full);
        end(command)
    };
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("error: standard output: No space left"), "{said}");
}

/// A file system of some kB, unmounted at the end.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn new() -> Option<Tiny> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Tiny(folder))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_named_and_leaves_no_half_file() {
    let folder = scenario();
    let Some(disk) = Tiny::new() else {
        return eprintln!("not tried: a small file system cannot be mounted here");
    };
    let out = disk.0.path().display();
    let (status, said) = end(sim(folder.path(), format!("run s.toml --out {out}").split(' ')));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("batches.csv: cannot write: No space left"), "{said}");
    assert!(
        said.contains("the disk is full: free some space, or write elsewhere with `--out DIR`"),
        "{said}"
    );
    assert_eq!(fs::read_dir(disk.0.path()).unwrap().count(), 0);
}

#[test]
fn a_sweep_on_a_full_disk_goes_on_when_there_is_space() {
    let folder = scenario();
    let Some(disk) = Tiny::new() else {
        return eprintln!("not tried: a small file system cannot be mounted here");
    };
    let filler = disk.0.path().join("filler");
    // Space for the journal's head and some rows.
    fs::write(&filler, vec![0; 56 << 10]).unwrap();
    let out = disk.0.path().join("out");
    let fine = "sweep.timeout={ from = \"0ms\", to = \"60ms\", step = \"1ms\" }";
    let sweep = |out: &Path, more: &[&str]| {
        let mut command =
            sim(folder.path(), "sweep s.toml --predict-only --no-charts --quiet --set".split(' '));
        command.arg(fine).arg("--out").arg(out).args(more);
        end(command)
    };
    let (status, said) = sweep(&out, &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("free some space, then go on with `--resume`"), "{said}");
    let journal = fs::read_to_string(out.join("sweep.partial.csv")).unwrap();
    assert!(journal.ends_with('\n') && journal.lines().count() > 2, "{journal}");
    // The finished tables need more than this disk has.
    let copy = folder.path().join("out");
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("sweep.partial.csv"), journal).unwrap();
    assert_eq!(sweep(&copy, &["--resume"]).0, Some(0));
    assert_eq!(sweep(&folder.path().join("whole"), &[]).0, Some(0));
    assert_eq!(results(&copy), results(&folder.path().join("whole")));
}

#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    let folder = scenario();
    let (status, said) = end(sim(
        folder.path(),
        "run s.toml --set workload.requests=500 --set output.batches=false --out /proc/none".split(' '),
    ));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("/proc/none: cannot create the folder: "), "{said}");
    assert!(said.contains("--out DIR"), "{said}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = scenario();
    for words in [
        "run s.toml --no-charts --set workload.requests=500",
        "run s.toml --json --quiet --no-charts --set workload.requests=500",
        "sweep s.toml --predict-only --no-charts --json",
    ] {
        let mut child = sim(folder.path(), words.split(' ')).spawn().unwrap();
        // Nobody reads either of the two.
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{words}");
    }
    let mut child = sim(folder.path(), "run absent.toml".split(' ')).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// sweep.csv and pareto.csv.
fn results(out: &Path) -> [Vec<u8>; 2] {
    ["sweep.csv", "pareto.csv"].map(|name| fs::read(out.join(name)).unwrap())
}

/// Kills a sweep once its journal has `rows` lines and gives the lines that were there whole; `None` if the
/// sweep was done before.
fn kill_at(mut child: Child, journal: &Path, rows: usize) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut seen = String::new();
    while seen.lines().count() < rows {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < deadline, "no {rows} lines within two minutes:\n{seen}");
        std::thread::sleep(Duration::from_millis(1));
        seen = fs::read_to_string(journal).unwrap_or_default();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    seen.truncate(seen.rfind('\n').map_or(0, |at| at + 1));
    Some(seen)
}

#[test]
fn a_sweep_killed_again_and_again_ends_with_the_same_bytes() {
    let folder = scenario();
    let path = |name: &str| folder.path().join(name);
    let words = "sweep s.toml --no-charts --quiet --out";
    assert_eq!(end(sim(folder.path(), format!("{words} whole").split(' '))).0, Some(0));
    let journal = path("killed/sweep.partial.csv");
    let mut kills = 0;
    // At once, at its head, and after more and more rows: head and columns are two lines.
    for rows in [0, 1, 3, 10, 25, 40] {
        let child = sim(folder.path(), format!("{words} killed --resume").split(' ')).spawn().unwrap();
        let Some(seen) = kill_at(child, &journal, rows) else { continue };
        kills += 1;
        let kept = fs::read_to_string(&journal).unwrap_or_default();
        assert!(kept.starts_with(&seen), "rows were lost:\n{seen}\n{kept}");
    }
    assert!(kills > 2, "killed {kills} times only");
    assert_eq!(end(sim(folder.path(), format!("{words} killed --resume").split(' '))).0, Some(0));
    assert_eq!(results(&path("killed")), results(&path("whole")));
    assert!(!journal.exists());
}

/// Root may read anything, so the program runs as somebody else then; `None` if that cannot be.
fn as_nobody(mut command: Command, folder: &Path) -> Option<(Option<i32>, String)> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    // The second time, the folder is nobody's already.
    if [0, NOBODY].contains(&fs::metadata(folder).unwrap().uid()) {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().ok()?;
    Some((output.status.code(), String::from_utf8([output.stderr, output.stdout].concat()).unwrap()))
}

#[test]
fn a_folder_that_cannot_be_read_keeps_no_result_back() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = scenario();
    let small = "--set workload.requests=500 --set sweep.batch=[1] --predict-only";
    for words in ["run s.toml --set workload.requests=500", "plan s.toml", "sweep s.toml"] {
        let words = if words.starts_with("run") { words.to_owned() } else { format!("{words} {small}") };
        let Some((status, said)) = as_nobody(sim(folder.path(), words.split(' ')), folder.path()) else {
            return eprintln!("not tried: nobody cannot run the program");
        };
        assert_eq!(status, Some(0), "{said}");
        let locked = folder.path().join("output/locked");
        if !locked.exists() {
            fs::create_dir(&locked).unwrap();
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
            std::os::unix::fs::chown(&locked, Some(0), Some(0)).ok();
        }
        let (status, said) = as_nobody(sim(folder.path(), words.split(' ')), folder.path()).unwrap();
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("not in output/index.html: output/locked: Permission denied"), "{said}");
        assert!(
            said.contains("always warm") || said.contains("configurations of"),
            "the result is not shown: {said}"
        );
        assert!(!folder.path().join("output/s/sweep.partial.csv").exists());
        let page = fs::read_to_string(folder.path().join("output/index.html")).unwrap();
        assert!(page.contains("Not listed: output/locked: Permission denied"));
        assert!(page.contains("href=\"s/"), "the result is not linked");
    }
    fs::set_permissions(folder.path().join("output/locked"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_pipe_without_a_writer_is_said_to_be_waited_for() {
    use std::io::Write as _;
    let folder = scenario();
    let pipe = folder.path().join("pipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = sim(folder.path(), "run pipe.toml --no-charts --set workload.requests=500".split(' '))
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert_eq!(line, "pipe.toml is a pipe: waiting for what is written to it\n");
    fs::OpenOptions::new().write(true).open(&pipe).unwrap().write_all(SCENARIO.as_bytes()).unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_plan_file_holds_nothing_of_the_machine() {
    let folder = scenario();
    let plan = |out: &str| {
        let words = format!("plan s.toml --predict-only --no-charts --json --quiet --out {out}");
        let output = sim(folder.path(), words.split(' ')).output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (printed, fs::read(folder.path().join(out).join("plan.json")).unwrap())
    };
    let ((mut printed, first), (_, second)) = (plan("a"), plan("b"));
    assert_eq!(first, second);
    assert!(printed.as_object_mut().unwrap().remove("elapsed_s").unwrap().as_f64().unwrap() >= 0.0);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&first).unwrap(), printed);
}

#[test]
fn who_waits_is_told_for_whom_and_what_ended_early_is_told() {
    let folder = scenario();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let lock = fs::File::create(out.join(".sim-lock")).unwrap();
    lock.lock().unwrap();
    fs::write(out.join(".sim-lock"), "`sim plan x` (process 1 on h\u{1b}, since t)\n").unwrap();
    let words = "run s.toml --no-charts --set workload.requests=500 --set output.batches=false --out out";
    let mut child = sim(folder.path(), words.split(' ')).spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert_eq!(line, "waiting: out is in use by `sim plan x` (process 1 on h\\u{1b}, since t)\n");
    assert!(!out.join("summary.json").exists());
    // As if it had been killed: its file stays, its lock does not.
    drop(lock);
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
    assert!(rest.starts_with("`sim plan x` (process 1 on h"), "{rest}");
    assert!(rest.contains("ended while it wrote its results"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}
