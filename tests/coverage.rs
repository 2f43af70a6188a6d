//! Confidence intervals hold the truth as often as they say, or are withheld.
//!
//! The truth is the exact law's. By default each process is drawn 20 times and held to 90 % less what a binomial
//! draw of that size allows; `COVERAGE_SEEDS=200 cargo test --test coverage -- --nocapture` holds the
//! shares themselves to 90 % and prints them.

use batchsim::arrivals::schedule::Schedule;
use batchsim::document::Document;
use batchsim::engine::paired::paired;
use batchsim::engine::simulate::{Unwatched, simulate, simulate_at};
use batchsim::outcome::{Model, Predicted, Simulation};
use batchsim::planner::predict::predict;
use batchsim::scenario::workload::Source;
use batchsim::scenario::{Scenario, Setting};
use batchsim::units::Span;
use rayon::prelude::*;
use statrs::distribution::{Binomial, DiscreteCDF};

const CLAIMED: f64 = 0.90;

fn seeds() -> u64 {
    std::env::var("COVERAGE_SEEDS").map_or(20, |text| text.parse().expect("a number of seeds"))
}

/// The fewest hits of `draws` that 90 % coverage leaves possible; all of 90 % in the full draw.
fn fewest(draws: u64) -> u64 {
    match draws {
        0 => 0,
        1..200 => Binomial::new(CLAIMED, draws).unwrap().inverse_cdf(0.002),
        _ => (CLAIMED * draws as f64).ceil() as u64,
    }
}

fn scenario(workload: &str, policy: &str) -> Scenario {
    let text = format!(
        "[workload]\n{workload}\n[profile]\nmemory_mb = [1024]\nbatch = [1, 128]\nservice_s = [[0.026, 0.788]]\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
         [policy]\nkind = \"batch\"\n{policy}\n[slo]\npercentile = 95\nlatency = \"180ms\"\n"
    );
    Scenario::from_document(&Document::parse("test.toml", &text).unwrap(), "test").unwrap()
}

fn mmpp(rates: &str, sojourns: &str, end: &str) -> Scenario {
    scenario(&format!("kind = \"mmpp\"\nrates = {rates}\nsojourns = {sojourns}\n{end}"), WIDE)
}

const WIDE: &str = "batch = 8\ntimeout = \"200ms\"";

/// Half an hour of a low and a high rate, and of two bursty processes.
const SCHEDULE: &str = r#"
[[segment]]
duration = "10min"
kind = "poisson"
rate = 8

[[segment]]
duration = "400s"
kind = "mmpp"
rates = [10, 100]
sojourns = [6, 0.5]

[[segment]]
duration = "5min"
kind = "poisson"
rate = 90

[[segment]]
duration = "500s"
kind = "mmpp"
rates = [2, 200]
sojourns = [0.5, 0.05]
"#;

fn schedule(end: Option<Span>) -> Scenario {
    let mut scenario = scenario("kind = \"poisson\"\nrate = 1\nrequests = 1", WIDE);
    let document = Document::parse("schedule.toml", SCHEDULE).unwrap();
    scenario.workload.source = Source::Schedule(Schedule::from_document(&document).unwrap());
    (scenario.workload.requests, scenario.workload.duration) = (None, end);
    scenario
}

/// May the run be withheld?
#[derive(Clone, Copy, PartialEq)]
enum Length {
    /// It holds so little that it must be.
    TooShort,
    /// Either.
    Short,
    /// It holds 100 bursts or more.
    Enough,
}

const FIGURES: [&str; 8] = ["mean", "p50", "p90", "p95", "p99", "cost", "batch", "share"];

fn truths(p: &Predicted) -> [f64; 8] {
    let l = &p.latency_s;
    let share = p.slo_violation_share.expect("there is an SLO");
    [l.mean, l.p50, l.p90, l.p95, l.p99, p.cost_usd_per_million, p.mean_batch, share]
}

fn intervals(simulation: &Simulation) -> [Option<[f64; 2]>; 8] {
    let s = &simulation.simulated;
    let l = s.latency_ci95_s.unwrap_or_default();
    let (cost, batch, share) = (s.cost_usd_per_million_ci95, s.mean_batch_ci95, s.slo_violation_share_ci95);
    [l.mean, l.p50, l.p90, l.p95, l.p99, cost, batch, share]
}

fn law(scenario: &Scenario, setting: Setting) -> [f64; 8] {
    truths(&predict(scenario, setting, Model::Exact).unwrap().unwrap().predicted)
}

/// Of a figure: (intervals given, intervals that hold the truth).
type Count = (u64, u64);

/// Prints a line of the table and holds it to what is claimed.
fn judge(name: &str, length: Length, counts: &[(&str, Count)]) {
    let draws = seeds();
    let shares = counts.iter().map(|(figure, (given, held))| match given {
        0 => format!("{figure} -"),
        _ => format!("{figure} {:.1}", 100.0 * *held as f64 / *given as f64),
    });
    let given: u64 = counts.iter().map(|(_, (given, _))| given).sum();
    let withheld = 100.0 - 100.0 * given as f64 / (draws * counts.len() as u64) as f64;
    println!("{name}: {}; withheld {withheld:.1} %", shares.collect::<Vec<_>>().join(", "));
    for (figure, (given, held)) in counts {
        assert!(*held >= fewest(*given), "{name}, {figure}: {held} of {given} intervals hold the truth");
        match length {
            Length::TooShort => assert_eq!(*given, 0, "{name}, {figure}: too short for an interval"),
            Length::Short => {}
            Length::Enough => assert_eq!(*given, draws, "{name}, {figure}: long enough for an interval"),
        }
    }
}

fn count(runs: &[Vec<Option<[f64; 2]>>], truth: &[f64], figure: usize) -> Count {
    let given: Vec<[f64; 2]> = runs.iter().filter_map(|run| run[figure]).collect();
    // Sums of floats differ in their last digits.
    let slack = 1e-9 * truth[figure].abs();
    let held =
        given.iter().filter(|[low, high]| low - slack <= truth[figure] && truth[figure] <= high + slack);
    (given.len() as u64, held.count() as u64)
}

fn cover(name: &str, length: Length, scenario: &Scenario) {
    let truth = law(scenario, scenario.setting());
    let draw = |seed| {
        let scenario = Scenario { seed, ..scenario.clone() };
        intervals(&simulate(&scenario, &mut Unwatched).unwrap()).to_vec()
    };
    let runs: Vec<_> = (0..seeds()).into_par_iter().map(draw).collect();
    let counts: Vec<_> =
        FIGURES.iter().enumerate().map(|(i, figure)| (*figure, count(&runs, &truth, i))).collect();
    judge(name, length, &counts);
}

#[test]
fn one_run_of_a_stationary_process() {
    let poisson = scenario("kind = \"poisson\"\nrate = 40\nrequests = 20000", WIDE);
    cover("Poisson, 20,000 requests", Length::Enough, &poisson);
    let larger =
        scenario("kind = \"poisson\"\nrate = 40\nrequests = 20000", "batch = 16\ntimeout = \"500ms\"");
    cover("Poisson, 20,000 requests, B = 16", Length::Enough, &larger);
    let slow = |end| mmpp("[10, 100]", "[60, 5]", end);
    cover("10|100, 60|5 s, 20,000 requests", Length::Short, &slow("requests = 20000"));
    cover("10|100, 60|5 s, 1 h", Length::Short, &slow("duration = \"1h\""));
    cover("10|100, 60|5 s, 2 h", Length::Enough, &slow("duration = \"2h\""));
    let slower = |end| mmpp("[10, 100]", "[600, 60]", end);
    cover("10|100, 600|60 s, 1 h", Length::TooShort, &slower("duration = \"1h\""));
    cover("10|100, 600|60 s, 10 h", Length::Short, &slower("duration = \"10h\""));
    cover(
        "2|200, 0.5|0.05 s, 20,000 requests",
        Length::Enough,
        &mmpp("[2, 200]", "[0.5, 0.05]", "requests = 20000"),
    );
}

#[test]
fn what_a_short_run_asks_for_is_enough() {
    let short = mmpp("[10, 100]", "[600, 60]", "duration = \"1h\"");
    let withheld = simulate(&short, &mut Unwatched).unwrap().simulated.intervals.withheld.unwrap();
    assert_eq!(withheld.figures.len(), FIGURES.len());
    let needed = withheld.needed.unwrap();
    // A burst each 660 s, ten of them.
    assert!((needed.piece_s - 660.0).abs() < 1e-3 && (needed.run_s - 6_600.0).abs() < 1e-3, "{needed:?}");
    let mut longer = short.clone();
    longer.workload.duration = Some(Span((needed.run_s * 1e9).round() as u64));
    let simulated = simulate(&longer, &mut Unwatched).unwrap().simulated;
    assert_eq!(simulated.intervals.withheld, None);
}

#[test]
fn one_run_of_a_schedule() {
    cover("schedule, once", Length::Enough, &schedule(None));
    cover("schedule, 3 h", Length::Enough, &schedule(Some(Span::from_secs(10_800))));
}

#[test]
fn replications() {
    for requests in [5_000, 20_000] {
        let mut replicated = mmpp("[10, 100]", "[60, 5]", &format!("requests = {requests}"));
        replicated.replications = 10;
        cover(&format!("10|100, 60|5 s, 10 x {requests} requests"), Length::Short, &replicated);
    }
    let mut few = scenario("kind = \"poisson\"\nrate = 40\nrequests = 2000", WIDE);
    few.replications = 3;
    cover("Poisson, 3 x 2,000 requests", Length::Enough, &few);
}

#[test]
fn differences_on_the_same_arrivals() {
    let cases = [
        ("10|100, 60|5 s, 20,000 requests", Length::Short, mmpp("[10, 100]", "[60, 5]", "requests = 20000")),
        ("10|100, 60|5 s, 2 h", Length::Enough, mmpp("[10, 100]", "[60, 5]", "duration = \"2h\"")),
        ("10|100, 600|60 s, 10 h", Length::Short, mmpp("[10, 100]", "[600, 60]", "duration = \"10h\"")),
        ("schedule, once", Length::Enough, schedule(None)),
    ];
    for (name, length, scenario) in cases {
        let own = scenario.setting();
        let other = Setting { batch: 5, timeout: Span::from_millis(120), ..own };
        let (a, b) = (law(&scenario, own), law(&scenario, other));
        let figures = [("cost", 5), ("mean", 0), ("p95", 3), ("share", 7)];
        let truth = figures.map(|(_, i)| a[i] - b[i]);
        let draw = |seed| {
            let scenario = Scenario { seed, ..scenario.clone() };
            let at = |setting| simulate_at(&scenario, setting).unwrap();
            let found = paired(&at(own), &at(other));
            let shown = [
                found.cost_usd_per_million,
                found.mean_latency_s,
                found.p95_latency_s,
                found.slo_violation_share,
            ];
            shown.map(|difference| difference.ci95).to_vec()
        };
        let runs: Vec<_> = (0..seeds()).into_par_iter().map(draw).collect();
        let counts: Vec<_> =
            figures.iter().enumerate().map(|(i, (figure, _))| (*figure, count(&runs, &truth, i))).collect();
        judge(&format!("difference, {name}"), length, &counts);
    }
}
