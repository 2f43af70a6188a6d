//! How the time of whole commands grows with what they are given, as tables in Markdown.
//!
//! Run with `cargo bench --bench growth`. Each group is one thing that grows; its exponent is the slope of log time over log
//! size, by least squares. 0 is "does not grow", 1 "in proportion". The table has processor seconds of the command where
//! the system counts them, which a busy machine changes least; else seconds.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};

/// A profile up to batches of `largest`.
fn profile(largest: u64, init: &str) -> String {
    let n = largest as f64;
    let slow = 0.1 + 0.03 * (n - 1.0);
    let columns = if largest == 1 { "[1]".to_owned() } else { format!("[1, {largest}]") };
    let row = |factor: f64| match largest {
        1 => format!("[{}]", 0.1 * factor),
        _ => format!("[{}, {}]", 0.1 * factor, slow * factor),
    };
    format!(
        "[profile]\nmemory_mb = [1024, 2048]\nbatch = {columns}\nservice_s = [{}, {}]\n{init}\n",
        row(1.0),
        row(0.6)
    )
}

/// A scenario; `rate` a second, `requests` of them.
fn scenario(rate: f64, requests: u64, (profile, platform): (&str, &str), rest: &str) -> String {
    format!(
        "seed = 7\n[workload]\nkind = \"poisson\"\nrate = {rate:?}\nrequests = {requests}\n{profile}\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n{platform}\n{rest}"
    )
}

const UNBATCHED: &str = "[policy]\nkind = \"unbatched\"\n[slo]\nlatency = \"2s\"\n";
const COLD: &str = "cold_starts = true\nconcurrency = 10000000\nscaling_per_10s = 10000000";
const REQUESTS: u64 = 200_000;

fn warm(requests: u64) -> String {
    let policy = "[policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"50ms\"\n";
    scenario(200.0, requests, (&profile(8, ""), "cold_starts = false"), policy)
}

fn cold(requests: u64) -> String {
    scenario(200.0, requests, (&profile(1, "init_s = 0.5"), COLD), UNBATCHED)
}

/// So many environments are busy in the mean.
fn busy(environments: u64) -> String {
    scenario(environments as f64 * 10.0, 10 * REQUESTS, (&profile(1, ""), COLD), UNBATCHED)
}

/// The same, where no two batches take as long.
fn busy_at_random(environments: u64) -> String {
    scenario(environments as f64 * 10.0, 10 * REQUESTS, (&profile(1, "service_cv = 0.3"), COLD), UNBATCHED)
}

/// So many instances, each with the same load.
fn fleet(kind: &'static str) -> impl Fn(u64) -> String {
    move |instances| {
        let serves = |batch: &str| {
            format!(
                "instance = \"sagemaker-ml.c5.4xlarge\"\ninitial = {instances}\nprofile = {{ workers = 2, {batch} }}\n"
            )
        };
        let (one, eight) = ("batch = [1], service_s = [0.1]", "batch = [1, 8], service_s = [0.1, 0.4]");
        let system = match kind {
            "hybrid" => format!("kind = \"hybrid\"\nmemory_mb = \"largest\"\n{}", serves(one)),
            "mark" => {
                format!(
                    "kind = \"mark\"\nmemory_mb = \"largest\"\n[[system.types]]\nlaunch = \"4min\"\n{}",
                    serves(eight)
                )
            }
            _ => format!(
                "kind = \"endpoint\"\nlaunch = \"4min\"\nmin = {instances}\nmax = {instances}\nsustainable_per_s = 12.0\n{}",
                serves(eight)
            ),
        };
        let rest = format!("{UNBATCHED}[[system]]\nname = \"it\"\n{system}");
        scenario(instances as f64 * 12.0, REQUESTS, (&profile(1, ""), "cold_starts = false"), &rest)
    }
}

/// A grid that nobody gave, for a profile up to batches of `largest`.
fn plan(largest: u64) -> String {
    scenario(
        500.0,
        100_000_000,
        (&profile(largest, ""), "cold_starts = false"),
        "[policy]\nkind = \"unbatched\"\n[slo]\nlatency = \"5s\"\n",
    )
}

/// The same of two phases, with an SLO that lets the largest batch through.
fn plan_of_two_phases(largest: u64) -> String {
    let slowest = 0.1 + 0.03 * (largest as f64 - 1.0);
    let poisson = scenario(
        500.0,
        100_000_000,
        (&profile(largest, ""), "cold_starts = false"),
        &format!("[policy]\nkind = \"unbatched\"\n[slo]\nlatency = \"{}s\"\n", slowest + 1.0),
    );
    poisson.replace(
        "kind = \"poisson\"\nrate = 500.0",
        "kind = \"mmpp\"\nrates = [200.0, 900.0]\nsojourns = [20, 10]",
    )
}

/// So many configurations on the same arrivals.
fn sweep(configurations: u64) -> String {
    let grid = format!(
        "{UNBATCHED}[sweep]\nmemory_mb = [1024, 2048]\nbatch = [4]\ntimeout = {{ from = \"1ms\", to = \"{}ms\", step = \"1ms\" }}\n",
        configurations / 2
    );
    scenario(200.0, REQUESTS, (&profile(8, ""), "cold_starts = false"), &grid)
}

/// What was measured: group, size, seconds.
type Measured = RefCell<Vec<(&'static str, u64, f64)>>;

struct Bench<'a> {
    criterion: &'a mut Criterion,
    measured: &'a Measured,
    folder: &'a Path,
}

impl Bench<'_> {
    fn grows(&mut self, name: &'static str, sizes: &[u64], arguments: &[&str], text: impl Fn(u64) -> String) {
        let mut group = self.criterion.benchmark_group(name);
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(1))
            .measurement_time(Duration::from_millis(500));
        for size in sizes {
            let file = self.folder.join(format!("{name}-{size}.toml").replace([' ', ','], "-"));
            std::fs::write(&file, text(*size)).expect("a scenario");
            let (mut seconds, mut runs) = (0.0, 0);
            group.bench_with_input(BenchmarkId::from_parameter(size), size, |b, _| {
                b.iter_custom(|times| {
                    let (started, before) = (Instant::now(), processor_s());
                    (0..times).for_each(|_| sim(arguments, &file, self.folder));
                    let elapsed = started.elapsed();
                    let used = processor_s().zip(before).map(|(after, before)| after - before);
                    seconds += used.unwrap_or(elapsed.as_secs_f64());
                    runs += times;
                    elapsed
                })
            });
            // A group that was filtered out was not measured.
            if runs > 0 {
                self.measured.borrow_mut().push((name, *size, seconds / runs as f64));
            }
        }
        group.finish();
    }
}

/// What the programs that were run have used \[s\], where Linux tells, in its 1/100 s.
fn processor_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold anything, in parentheses: the user's and the system's time of children.
    let numbers: Vec<f64> =
        stat.rsplit(')').next()?.split_whitespace().map(|text| text.parse().unwrap_or(0.0)).collect();
    Some((numbers.get(13)? + numbers.get(14)?) / 100.0)
}

fn sim(arguments: &[&str], file: &Path, folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    let output = command
        .arg(arguments[0])
        .arg(file)
        .args(&arguments[1..])
        .args(["--quiet", "--no-charts", "--threads", "1", "--out"])
        .arg(folder.join("out"))
        .output()
        .expect("sim runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The slope of log seconds over log size.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let logs: Vec<(f64, f64)> = points.iter().map(|(size, seconds)| (size.ln(), seconds.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let along: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    along / logs.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

fn table(measured: &[(&'static str, u64, f64)]) -> String {
    let mut names: Vec<&str> = measured.iter().map(|(name, ..)| *name).collect();
    names.dedup();
    let mut table = "| what grows | seconds | exponent |\n|---|---|---|\n".to_owned();
    for name in names {
        let points: Vec<(f64, f64)> =
            measured.iter().filter(|(of, ..)| *of == name).map(|(_, n, s)| (*n as f64, *s)).collect();
        let cells: Vec<String> =
            points.iter().map(|(size, seconds)| format!("{size}: {seconds:.3}")).collect();
        writeln!(table, "| {name} | {} | {:.2} |", cells.join(", "), exponent(&points)).expect("text");
    }
    table
}

fn growth(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let measured = Measured::default();
    let mut bench = Bench { criterion, measured: &measured, folder: folder.path() };
    bench.grows("requests, warm", &[1_000_000, 10_000_000], &["run"], warm);
    bench.grows("requests, cold", &[300_000, 3_000_000], &["run"], cold);
    bench.grows("busy environments", &[10, 1_000, 100_000], &["run"], busy);
    bench.grows("busy environments, random times", &[10, 1_000, 100_000], &["run"], busy_at_random);
    for (name, kind) in
        [("instances, endpoint", "endpoint"), ("instances, hybrid", "hybrid"), ("instances, MArk", "mark")]
    {
        bench.grows(name, &[8, 80, 800], &["compare"], fleet(kind));
    }
    let to_1024 = [128, 256, 512, 1024];
    bench.grows("largest batch, default grid", &to_1024, &["plan", "--predict-only"], plan);
    bench.grows(
        "largest batch, two phases, all within the SLO",
        &to_1024,
        &["plan", "--predict-only"],
        plan_of_two_phases,
    );
    bench.grows("configurations", &[20, 80, 320], &["sweep"], sweep);
    println!("\n{}", table(&measured.borrow()));
}

criterion_group!(benches, growth);
criterion_main!(benches);
