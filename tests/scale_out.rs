//! A sweep on several machines: the Slurm script and the Kubernetes job give the bytes of one `sim sweep`.
//!
//! Slurm is tried only if BATCHSIM_SLURM=1; `scripts/try-slurm.sh` starts one on this machine and sets it.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

const SIM: &str = env!("CARGO_BIN_EXE_sim");
const SHARDS: u32 = 4;
/// The grid of scenarios/twitter.toml, reduced: a task takes seconds and writes its rows in many steps.
const GRID: [&str; 2] = ["--set", "sweep.timeout=[\"10ms\", \"100ms\", \"250ms\", \"490ms\"]"];
const LONGEST_WAIT: Duration = Duration::from_secs(600);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder that other machines see where they see the project.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn scenario() -> PathBuf {
    root().join("scenarios/twitter.toml")
}

fn finished(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The results of one `sim sweep` in a folder of its own.
fn single(out: &Path) -> [String; 2] {
    finished(Command::new(SIM).arg("sweep").arg(scenario()).arg("--out").arg(out).args(GRID).arg("--quiet"));
    results(out)
}

fn results(out: &Path) -> [String; 2] {
    ["sweep.csv", "pareto.csv"].map(|name| fs::read_to_string(out.join(name)).unwrap())
}

/// The ids of the array job and of the merge job that the script started.
struct Jobs {
    shards: String,
    merge: String,
}

fn submit(out: &Path) -> Jobs {
    let script = root().join("scripts/slurm-array.sh");
    let mut command = Command::new(script);
    command.env("SIM", SIM).arg(SHARDS.to_string()).arg(scenario()).arg(out).args(GRID);
    let told = finished(&mut command);
    let id = |after: &str| -> String {
        let rest = told.split_once(after).unwrap_or_else(|| panic!("no `{after}` in {told}")).1;
        rest.chars().take_while(char::is_ascii_digit).collect()
    };
    Jobs { shards: id("shards: job "), merge: id("merge: job ") }
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < LONGEST_WAIT, "{what}: not within {LONGEST_WAIT:?}");
        sleep(Duration::from_millis(100));
    }
}

/// The state of a job, such as PENDING, RUNNING or COMPLETED.
fn state(job: &str) -> String {
    let shown = finished(Command::new("scontrol").args(["--oneliner", "show", "job", job]));
    let state = shown.split_once("JobState=").unwrap_or_else(|| panic!("no state in {shown}")).1;
    state.split_whitespace().next().unwrap_or("").to_owned()
}

fn merged(jobs: &Jobs, out: &Path) -> [String; 2] {
    until("the merge job ends", || {
        !matches!(state(&jobs.merge).as_str(), "PENDING" | "RUNNING" | "COMPLETING")
    });
    assert_eq!(state(&jobs.merge), "COMPLETED", "see {}", out.display());
    results(out)
}

/// Waits until shard 1 has rows but not all of them.
fn half_done(out: &Path) {
    let journal = out.join(format!("shard-1-of-{SHARDS}.partial.csv"));
    until("a row of shard 1", || fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 3));
}

#[test]
fn slurm_gives_the_bytes_of_one_machine_also_after_requeue_cancel_and_loss() {
    if std::env::var_os("BATCHSIM_SLURM").is_none() {
        println!("skipped: Slurm is tried only if BATCHSIM_SLURM=1 (scripts/try-slurm.sh sets it)");
        return;
    }
    let folder = folder();
    let whole = single(&folder.path().join("whole"));

    // Words that a shell would take apart.
    let out = folder.path().join("it's one sweep");
    let jobs = submit(&out);
    half_done(&out);
    finished(Command::new("scontrol").args(["requeue", &format!("{}_1", jobs.shards)]));
    assert_eq!(merged(&jobs, &out), whole, "after a task was requeued");
    let log = fs::read_to_string(out.join(format!("slurm-{}-1.log", jobs.shards))).unwrap();
    let there: Vec<&str> = log.lines().filter_map(|line| line.strip_suffix(" rows were there")).collect();
    println!("the requeued task found {there:?} rows");
    assert!(there.len() == 2 && !there[1].starts_with("0 of"), "the task began anew: {log}");

    fs::remove_file(out.join("sweep.csv")).unwrap();
    fs::remove_file(out.join(format!("shard-2-of-{SHARDS}.csv"))).unwrap();
    let jobs = submit(&out);
    assert_eq!(merged(&jobs, &out), whole, "after a shard was lost");
    let log = |task| fs::read_to_string(out.join(format!("slurm-{}-{task}.log", jobs.shards))).unwrap();
    assert!(log(1).contains("rows were there, in "), "a whole shard was evaluated again: {}", log(1));
    assert!(log(2).contains("\n0 of ") || log(2).starts_with("0 of "), "{}", log(2));

    let out = folder.path().join("cancelled");
    let jobs = submit(&out);
    half_done(&out);
    finished(Command::new("scancel").arg(format!("{}_1", jobs.shards)));
    until("the merge job is given up", || state(&jobs.merge) == "CANCELLED");
    assert!(!out.join("sweep.csv").exists(), "merged without a shard");
    assert_eq!(merged(&submit(&out), &out), whole, "after a task was cancelled");
}

/// The shell command of the job's container.
fn kubernetes_command() -> String {
    let job = fs::read_to_string(root().join("scripts/kubernetes-indexed-job.yaml")).unwrap();
    let (_, after) = job.split_once("args:\n").expect("the container has arguments");
    let (arguments, _) = after.split_once("env:\n").expect("the environment comes next");
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let (item, command) = words.split_first().expect("arguments");
    assert_eq!(*item, "-", "one argument, folded over its lines");
    command.join(" ")
}

/// Starts the container's command as the pod of `index`, with `folder` in place of the volume.
fn start_pod(folder: &Path, index: u32) -> Child {
    let paths = [SIM, "/usr/bin", "/bin"].map(Path::new);
    let path = std::env::join_paths([paths[0].parent().unwrap(), paths[1], paths[2]]).unwrap();
    let command = kubernetes_command().replace("/work/", &format!("{}/", folder.display()));
    Command::new("/bin/sh")
        .args(["-c", &command])
        .envs([("JOB_COMPLETION_INDEX", index.to_string()), ("SHARDS", SHARDS.to_string())])
        .envs([("CORES", "1")])
        .env("PATH", path)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_pods_of_the_kubernetes_job_write_shards_that_merge_to_the_bytes_of_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let small = "workload = { kind = \"mmpp\", rates = [20.0, 200.0], sojourns = [20.0, 5.0], requests = 5000 }\n\
        profile = { memory_mb = [1024, 3072], batch = [1, 8], service_s = [[0.2, 0.9], [0.1, 0.35]] }\n\
        platform = { kind = \"lambda\", book = \"aws-2026\", memory_mb = 1024 }\n\
        policy = { kind = \"batch\", batch = 8, timeout = \"100ms\" }\n\
        sweep = { memory_mb = [1024, 2048], batch = [1, 4, 8], timeout = [\"10ms\", \"200ms\"] }\n";
    fs::write(folder.path().join("scenario.toml"), small).unwrap();
    let pods: Vec<Child> = (0..SHARDS).map(|index| start_pod(folder.path(), index)).collect();
    for mut pod in pods {
        assert!(pod.wait().unwrap().success());
    }
    let out = folder.path().join("output");
    finished(Command::new(SIM).arg("merge").arg(&out).arg("--no-charts"));
    let whole = folder.path().join("whole");
    let mut sweep = Command::new(SIM);
    sweep.arg("sweep").arg(folder.path().join("scenario.toml")).arg("--out").arg(&whole).arg("--no-charts");
    finished(&mut sweep);
    assert_eq!(results(&out), results(&whole));
}
