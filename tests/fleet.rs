//! `sim fleet`: rows beside trying the whole grid, beside `sim run` of the function alone, and the same bytes from shards
//! and from an interrupted run.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use batchsim::arrivals::trace::FunctionsSpec;
use batchsim::fleet_plan::decide::distinct;
use batchsim::numeric::streams::Streams;
use batchsim::outcome::Model;
use batchsim::planner::constraint::{Constraint, Scope};
use batchsim::planner::plan::grid;
use batchsim::planner::replayed::Replayed;
use batchsim::planner::search::{Candidate, Space, order};
use batchsim::planner::trial::Trials;
use batchsim::scenario::{Scenario, Setting};
use batchsim::units::Time;
use rand::RngExt as _;
use serde_json::Value;

const TEMPLATE: &str = r#"
name = "t"
seed = 5
[profile]
memory_mb = [1024, 2048, 3072]
batch = [1, 16]
service_s = [[0.40, 2.2], [0.22, 1.2], [0.18, 0.8]]
init_s = INIT
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 2048
cold_starts = true
[policy]
kind = "unbatched"
[slo]
percentile = 95
latency = "LATENCY"
[sweep]
memory_mb = [1024, 2048, 3072]
batch = [1, 2, 3, 4, 8, 16]
timeout = ["20ms", "100ms", "300ms", "800ms"]
"#;

/// Without INIT's line where environments are always warm.
fn template(folder: &Path, init: &str, latency: &str) -> PathBuf {
    let path = folder.join("t.toml");
    let text = TEMPLATE.replace("INIT", init).replace("LATENCY", latency);
    std::fs::write(&path, text).unwrap();
    path
}

/// Functions of every kind: silent, rare, steady, bursty, busy.
fn trace(folder: &Path, minutes: usize) -> PathBuf {
    let mut draw = Streams::new(11).stream("test");
    let mut text = "HashFunction".to_owned();
    (1..=minutes).for_each(|minute| text.push_str(&format!(",{minute}")));
    text.push('\n');
    for function in 0..24 {
        text.push_str(&format!("f{function}"));
        // From one in ten hours to some 30 a second.
        let mean = 0.002 * 1.9_f64.powi(function);
        for _ in 0..minutes {
            let burst =
                if function % 3 == 0 { 10.0 * f64::from(u8::from(draw.random_bool(0.1))) } else { 1.0 };
            let expected = if function == 0 { 0.0 } else { mean * burst };
            let count = (expected + draw.random::<f64>()) as u64;
            text.push_str(&format!(",{count}"));
        }
        text.push('\n');
    }
    let path = folder.join("trace.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn fleet(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.current_dir(folder).args([
        "fleet",
        "trace.csv",
        "--scenario",
        "t.toml",
        "--quiet",
        "--no-charts",
    ]);
    command.args(options);
    command
}

fn rows(path: &Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
}

fn number(row: &csv::StringRecord, column: usize) -> f64 {
    row[column].parse().unwrap()
}

const COST: usize = 8;
const ALONE: usize = 9;

/// The best of all configurations, each tried: of those that meet what is asked, else the nearest.
fn exhausted(scenario: &Scenario, times: &[Time], only: impl Fn(&Setting) -> bool) -> Option<Candidate> {
    let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix).unwrap();
    let space = Space::new(&grid(scenario).unwrap(), &scenario.profile, &scenario.platform.tariff).unwrap();
    let mut settings = space.settings(&[0]);
    settings.retain(only);
    let replayed = Replayed::of(scenario, times.to_vec());
    let all = Trials::new(scenario, constraint, &replayed).of(&settings).unwrap();
    let nearest = || all.iter().min_by(|a, b| a.late.total_cmp(&b.late).then_with(|| order(a, b)));
    all.iter().filter(|c| c.meets).min_by(|a, b| order(a, b)).or_else(nearest).copied()
}

fn scenario(path: &Path) -> Scenario {
    use batchsim::scenario::workload::Workload;
    let nothing = Workload::of(std::sync::Arc::new(Vec::<Time>::new()));
    Scenario::read_with(path, &[], Some(nothing)).unwrap()
}

/// Each row against the whole grid; the relative difference of the worst.
fn worst_beside_the_grid(template: &Path, trace: &Path, fleet: &[csv::StringRecord]) -> f64 {
    let scenario = scenario(template);
    let spec = FunctionsSpec { paths: vec![trace.to_owned()], ..FunctionsSpec::default() };
    let mut functions = spec.open().unwrap();
    let seconds = functions.length().as_secs_f64();
    let (mut worst, mut seen) = (0.0_f64, 0);
    while let Some(function) = functions.next().unwrap() {
        let row = fleet.iter().find(|row| row[0] == *function.name).unwrap();
        let stream = Streams::new(scenario.seed).part(0).stream("trace");
        let times = function.arrivals(stream).unwrap();
        assert_eq!(row[1], times.len().to_string());
        if times.is_empty() {
            assert_eq!(&row[12], "never called");
            continue;
        }
        seen += 1;
        let month = |c: &Candidate| c.cost * c.trial.unwrap().served as f64 / seconds * 730.0 * 3600.0;
        let best = exhausted(&scenario, &times, |_| true).unwrap();
        let alone = exhausted(&scenario, &times, |setting| setting.batch == 1).unwrap();
        assert_eq!(best.meets, !row[12].starts_with("misses"), "{row:?}");
        assert!((number(row, ALONE) / month(&alone) - 1.0).abs() < 1e-9, "{row:?}");
        if best.meets {
            worst = worst.max(number(row, COST) / month(&best) - 1.0);
        } else {
            assert_eq!(number(row, 7), best.late, "{row:?}");
        }
    }
    assert!(seen > 20, "{seen} functions were called");
    worst
}

#[test]
fn the_race_finds_what_the_whole_grid_has() {
    for (init, latency) in [("1.5", "3s"), ("1.5", "1s"), ("0.1", "600ms"), ("0.0", "150ms")] {
        let folder = tempfile::tempdir().unwrap();
        let (template, trace) = (template(folder.path(), init, latency), trace(folder.path(), 600));
        fleet(folder.path(), &["--out", "out"]).assert().success();
        let found = rows(&folder.path().join("out/fleet.csv"));
        assert_eq!(found.len(), 24);
        let worst = worst_beside_the_grid(&template, &trace, &found);
        assert!(worst < 1e-9, "{init} {latency}: {worst}");
        // Sorted by saving.
        let savings: Vec<f64> = found.iter().map(|row| row[10].parse().unwrap_or(0.0)).collect();
        assert!(savings.is_sorted_by(|a, b| a >= b), "{savings:?}");
    }
}

/// Within 1 % on the functions of a sample of Azure's trace, which $BATCHSIM_AZURE_2019 names where it lies elsewhere.
#[test]
fn functions_of_azure_are_within_a_percent_of_their_grid() {
    let beside = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        root.join("../shared/traces/azure_functions_2019_sample_per_minute.csv.gz")
    };
    let sample = std::env::var("BATCHSIM_AZURE_2019").map_or_else(|_| beside(), PathBuf::from);
    if !sample.exists() {
        eprintln!("skipped: {} is not there", sample.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let template = template(folder.path(), "1.0", "2s");
    let trace = folder.path().join("trace.csv");
    std::fs::copy(&sample, &trace).unwrap();
    fleet(folder.path(), &["--out", "out"]).assert().success();
    let worst = worst_beside_the_grid(&template, &trace, &rows(&folder.path().join("out/fleet.csv")));
    eprintln!("the worst is {worst:e} above its grid");
    assert!(worst <= 0.01, "{worst}");
}

#[test]
fn twins_have_the_figures_of_what_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenario(&template(folder.path(), "0.5", "1s"));
    let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix).unwrap();
    let space = Space::new(&grid(&scenario).unwrap(), &scenario.profile, &scenario.platform.tariff).unwrap();
    let settings = space.settings(&[0]);
    let mut draw = Streams::new(2).stream("test");
    for mean_gap in [0.05, 0.3, 3.0] {
        let mut now = 0.0;
        let times: Vec<Time> = (0..80)
            .map(|_| {
                now -= mean_gap * draw.random::<f64>().ln();
                Time((now * 1e9) as u64)
            })
            .collect();
        let kept = distinct(&times, &settings);
        let replayed = Replayed::of(&scenario, times);
        let mut trials = Trials::new(&scenario, constraint, &replayed);
        let all = trials.of(&settings).unwrap();
        let tried = trials.of(&kept).unwrap();
        for left_out in all.iter().filter(|c| !kept.contains(&c.setting)) {
            let twin = tried.iter().any(|c| {
                c.setting.memory == left_out.setting.memory
                    && c.cost == left_out.cost
                    && c.late <= left_out.late
            });
            assert!(twin, "{mean_gap}: {left_out:?}");
        }
        assert!(kept.len() < settings.len(), "{mean_gap}");
    }
}

/// A row is what `sim run` says of that function alone, at the configuration of the row.
#[test]
fn a_row_is_a_run_of_its_function() {
    let folder = tempfile::tempdir().unwrap();
    template(folder.path(), "1.5", "3s");
    trace(folder.path(), 600);
    fleet(folder.path(), &["--out", "out"]).assert().success();
    for row in rows(&folder.path().join("out/fleet.csv")).iter().step_by(5) {
        if row[3].is_empty() {
            continue;
        }
        let set = |field: &str, value: &str| ["--set".to_owned(), format!("{field}={value}")];
        let workload = "workload={ kind = \"trace\", file = \"trace.csv\", format = \"azure-2019\" }";
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.current_dir(folder.path()).args(["run", "t.toml", "--json", "--quiet", "--no-charts"]);
        command.args(["--set", workload]).args(set("workload.row", &row[0]));
        command.args(set("platform.memory_mb", &row[3])).args(["--set", "policy.kind=batch"]);
        command.args(set("policy.batch", &row[4])).args(set("policy.timeout", &format!("\"{}s\"", &row[5])));
        let json: Value = serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap();
        let simulated = |name: &str| json["simulated"][name].as_f64().unwrap();
        assert_eq!(json["requests"].as_u64(), row[1].parse().ok());
        assert_eq!(simulated("slo_violation_share"), number(row, 7));
        assert!((simulated("cold_start_share") - number(row, 11)).abs() < 1e-12);
        let month = simulated("cost_usd") / 36_000.0 * 730.0 * 3600.0;
        assert!((month / number(row, COST) - 1.0).abs() < 1e-9);
        let slo = json["simulated"]["latency_s"]["slo"].as_f64().unwrap();
        assert!((slo / number(row, 6) - 1.0).abs() < 2e-3, "{slo} {row:?}");
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn shards_threads_and_an_interrupted_run_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    template(root, "1.5", "3s");
    trace(root, 240);
    fleet(root, &["--out", "whole", "--threads", "1"]).assert().success();
    let whole = bytes(&root.join("whole/fleet.csv"));
    fleet(root, &["--out", "threads", "--threads", "3"]).assert().success();
    assert_eq!(bytes(&root.join("threads/fleet.csv")), whole);
    for shard in 1..=8 {
        fleet(root, &["--out", "shards", "--shard", &format!("{shard}/8")]).assert().success();
    }
    let merge = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.current_dir(root).args(["merge", "shards", "--quiet", "--no-charts"]);
        command
    };
    merge().assert().success();
    assert_eq!(bytes(&root.join("shards/fleet.csv")), whole);
    assert_eq!(bytes(&root.join("shards/fleet.json")), bytes(&root.join("whole/fleet.json")));
    // Half of a shard, a shard that was changed, one that is missing: none is taken.
    let path = root.join("shards/shard-3-of-8.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    for broken in
        [text[..text.len() / 2].to_owned(), text.replacen(",alone", ",Alone", 1).replacen("0.", "1.", 1)]
    {
        std::fs::write(&path, broken).unwrap();
        merge().assert().failure();
    }
    std::fs::remove_file(&path).unwrap();
    merge().assert().failure();
    // An interrupted run: its journal holds some rows and half of one; one of another fleet is refused.
    let journal = root.join("again/fleet.partial.csv");
    std::fs::create_dir(root.join("again")).unwrap();
    fleet(root, &["--out", "shards", "--shard", "3/8"]).assert().success();
    fleet(root, &["--out", "again", "--shard", "1/1"]).assert().success();
    let part = std::fs::read_to_string(root.join("again/shard-1-of-1.csv")).unwrap();
    std::fs::write(&journal, &part[..part.len() / 2]).unwrap();
    fleet(root, &["--out", "again"]).assert().failure();
    fleet(root, &["--out", "again", "--resume", "--set", "slo.latency=4s"]).assert().failure();
    fleet(root, &["--out", "again", "--resume"]).assert().success();
    assert_eq!(bytes(&root.join("again/fleet.csv")), whole);
    assert!(!journal.exists());
}

#[test]
fn profiles_and_durations_by_function_act() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    template(root, "0.5", "3s");
    trace(root, 120);
    let costs = |options: &[&str]| {
        fleet(root, options).assert().success();
        let mut costs: Vec<(String, String)> = rows(&root.join("out/fleet.csv"))
            .iter()
            .map(|row| (row[0].to_owned(), row[COST].to_owned()))
            .collect();
        costs.sort();
        costs
    };
    let plain = costs(&["--out", "out"]);
    let changed = |a: &[(String, String)]| -> Vec<String> {
        a.iter().zip(&plain).filter(|(a, b)| a != b).map(|(a, _)| a.0.clone()).collect()
    };
    let own =
        "memory_mb = [1024, 3072]\nbatch = [1, 16]\nservice_s = [[0.8, 4.4], [0.4, 2.0]]\ninit_s = 0.5\n";
    std::fs::write(root.join("slow.toml"), own).unwrap();
    std::fs::write(root.join("p.csv"), "function,profile\nf20,slow.toml\nf21,slow.toml\n").unwrap();
    assert_eq!(changed(&costs(&["--out", "out", "--profiles", "p.csv"])), ["f20", "f21"]);
    // The template's time of a lone request at 2048 MB is 220 ms: the same figures again, and twice as long.
    std::fs::write(root.join("d.csv"), "HashFunction,Average\nf19,220\nf20,440\n").unwrap();
    assert_eq!(changed(&costs(&["--out", "out", "--durations", "d.csv"])), ["f20"]);
    std::fs::write(root.join("d.csv"), "HashFunction,Average\nf19,x\n").unwrap();
    let error = fleet(root, &["--durations", "d.csv"]).assert().failure();
    assert!(String::from_utf8_lossy(&error.get_output().stderr).contains("d.csv:2: `x` is no duration"));
}

#[test]
fn what_no_function_by_itself_can_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    template(root, "0.5", "3s");
    trace(root, 60);
    for (set, told) in [
        ("platform.free_tier=true", "an account's, not a function's"),
        ("warmup=1h", "every request of a function counts"),
        ("platform.provisioned=2", "one function at a time"),
        ("slo=", "nothing to plan for"),
        ("sweep.memory_mb=[512]", "keep [sweep] within the profile"),
    ] {
        let error = fleet(root, &["--set", set]).assert().failure();
        let text = String::from_utf8_lossy(&error.get_output().stderr).into_owned();
        assert!(text.contains(told), "{set}: {text}");
    }
}

/// The Slurm script, with an `sbatch` that runs each task at once.
#[cfg(unix)]
#[test]
fn the_slurm_script_plans_a_fleet() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    template(root, "1.5", "3s");
    trace(root, 120);
    let stub = "#!/bin/sh\ntasks=0\nwhile [ $# -gt 0 ]; do\ncase $1 in\n--array=*) tasks=${1#--array=1-} ;;\n--wrap) wrap=$2; \
                shift ;;\nesac\nshift\ndone\n[ \"$tasks\" = 0 ] && sh -c \"$wrap\" >&2\nfor i in $(seq \"$tasks\"); do\n\
                SLURM_ARRAY_TASK_ID=$i sh -c \"$wrap\" >&2 || exit 1\ndone\necho 7\n";
    let sbatch = root.join("sbatch");
    std::fs::write(&sbatch, stub).unwrap();
    std::fs::set_permissions(&sbatch, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/slurm-array.sh");
    let path = format!("{}:{}", root.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(script);
    command
        .current_dir(root)
        .env("PATH", path)
        .env("SIM", env!("CARGO_BIN_EXE_sim"))
        .env("TRACE", "trace.csv");
    command.args(["3", "t.toml", "a folder's", "--no-charts", "--quiet"]).assert().success();
    fleet(root, &["--out", "whole"]).assert().success();
    assert_eq!(bytes(&root.join("a folder's/fleet.csv")), bytes(&root.join("whole/fleet.csv")));
}
