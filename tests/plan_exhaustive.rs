//! A plan beside choosing by exhaustion: random scenarios, whose whole grid is simulated one configuration at a time.
//!
//! `PLAN_DRAWS=200 cargo test --release --test plan_exhaustive -- --nocapture` draws more, and
//! prints the share within 1 % and the worst.

use std::fmt::Write as _;

use batchsim::document::Document;
use batchsim::engine::simulate::simulate_at;
use batchsim::outcome::{Model, Simulation};
use batchsim::planner::chooser::is_exact;
use batchsim::planner::constraint::{Constraint, Scope};
use batchsim::planner::plan::{Answer, Check, Points, Request, Timeouts, plan};
use batchsim::planner::predict::predict;
use batchsim::scenario::workload::Source;
use batchsim::scenario::{Scenario, Setting};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A plan may cost so much more than the best configuration.
const WITHIN: f64 = 1.01;

/// One draw after another.
struct Draw(Xoshiro256PlusPlus);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    fn is(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Between two values, evenly on a logarithmic scale.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + self.unit() * (high / low).ln()).exp()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.random_range(0..of.len())]
    }
}

/// A scenario in TOML; a trace that it names is written to `folder`.
fn scenario(draw: &mut Draw, folder: &std::path::Path) -> String {
    let rate = draw.between(0.001, 1000.0);
    let requests = draw.0.random_range(1500..8000);
    let mut text = format!("seed = {}\n[workload]\n", draw.0.random_range(1..1000));
    match draw.0.random_range(0..4) {
        0 => writeln!(text, "kind = \"poisson\"\nrate = {rate}\nrequests = {requests}").unwrap(),
        1 => {
            let (low, high) = (rate * draw.between(0.05, 1.0), rate * draw.between(1.0, 20.0));
            let (long, short) = (draw.between(1.0, 300.0) / rate, draw.between(1.0, 60.0) / rate);
            writeln!(
                text,
                "kind = \"mmpp\"\nrates = [{low}, {high}]\nsojourns = [{long}, {short}]\nrequests = {requests}"
            )
            .unwrap();
        }
        _ => {
            std::fs::write(folder.join("made.csv"), trace(draw, rate, requests)).unwrap();
            text.push_str("kind = \"trace\"\nfile = \"made.csv\"\n");
        }
    }
    let base = draw.between(0.01, 1.5);
    let each = base * draw.between(0.1, 0.9);
    let row = |share: f64| format!("[{}, {}]", (base + each) / share, (base + 16.0 * each) / share);
    let rows: Vec<String> = [0.3, 0.6, 1.0, 1.2].map(row).into();
    writeln!(
        text,
        "[profile]\nmemory_mb = [512, 1024, 2048, 3008]\nbatch = [1, 16]\nservice_s = [{}]\nservice_cv = {}",
        rows.join(", "),
        draw.one(&[0.0, 0.0, 0.0, 0.1, 0.6])
    )
    .unwrap();
    let cold = draw.is(0.5);
    if cold {
        writeln!(text, "init_s = {}", draw.one(&[0.0, 0.3, 3.0])).unwrap();
    }
    writeln!(text, "[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024").unwrap();
    if cold {
        text.push_str("cold_starts = true\n");
        writeln!(text, "keep_alive = \"{}s\"", draw.between(1.0, 2000.0).ceil()).unwrap();
        if draw.is(0.25) {
            let load = rate * (base + each);
            writeln!(text, "concurrency = {}", (load * draw.between(0.3, 3.0)).ceil().max(1.0)).unwrap();
        }
    }
    if draw.is(0.15) {
        text.push_str("free_tier = true\n");
    }
    text.push_str("[policy]\nkind = \"batch\"\nbatch = 4\ntimeout = \"50ms\"\n[slo]\n");
    let percentile = draw.one(&[50.0, 90.0, 95.0, 95.0, 99.0, 99.9]);
    writeln!(text, "percentile = {percentile}").unwrap();
    let asks_latency = draw.is(0.85);
    if asks_latency {
        writeln!(text, "latency = \"{}ms\"", ((base + each) * draw.between(0.9, 16.0) * 1e3).ceil()).unwrap();
    }
    if !asks_latency || draw.is(0.15) {
        writeln!(text, "budget_usd_per_million = {}", (base + each) * draw.between(4.0, 40.0)).unwrap();
    }
    if asks_latency && draw.is(0.15) {
        writeln!(text, "max_violations = {}", draw.between(0.001, 0.2)).unwrap();
    }
    text.push_str("[sweep]\nmemory_mb = [512, 1024, 2048, 3008]\nbatch = [1, 2, 4, 8, 16]\ntimeout = [");
    let waits = [0.2, 1.0, 4.0, 12.0].map(|gaps: f64| (gaps / rate * 1e3).clamp(1.0, 2e4).ceil());
    let waits: Vec<String> = waits.iter().map(|ms| format!("\"{ms}ms\"")).collect();
    writeln!(text, "{}]", waits.join(", ")).unwrap();
    if cold && draw.is(0.2) {
        text.push_str("provisioned = [0, 1, 3]\n");
    }
    text
}

/// Arrival times with a shape: on and off, a day's wave, or crowds.
fn trace(draw: &mut Draw, rate: f64, requests: u32) -> String {
    let shape = draw.0.random_range(0..3);
    let (on, off) = (draw.between(2.0, 200.0) / rate, draw.between(2.0, 2000.0) / rate);
    let length = f64::from(requests) / rate;
    let (mut now, mut text) = (0.0, String::from("time\n"));
    for i in 0..requests {
        let factor = match shape {
            0 => 1.0,
            1 => 1.0 + 0.9 * (now / length * std::f64::consts::TAU * 2.0).sin(),
            // Every so often a crowd comes at once.
            _ if i % 97 < 12 => 1e4,
            _ => 0.9,
        };
        now -= (1.0 - draw.unit()).ln() / rate / factor;
        if shape == 0 && now % (on + off) > on {
            now += off;
        }
        writeln!(text, "{now:.6}").unwrap();
    }
    text
}

/// The cost, if the configuration meets what is asked; by the rules of docs and of nothing else.
fn cost_if_met(scenario: &Scenario, setting: Setting, simulation: &Simulation) -> Option<f64> {
    let (slo, s) = (&scenario.slo, &simulation.simulated);
    let most = slo.max_violations.map_or(1.0 - slo.percentile, |most| most.min(1.0 - slo.percentile)) + 1e-12;
    let budget = slo.budget_usd_per_million.unwrap_or(f64::INFINITY);
    let asked = (simulation.requests + s.rejected) as f64;
    let (mut late, mut cost) = (s.slo_violations as f64 / asked, s.cost_usd_per_million);
    if slo.latency.is_none() {
        late = 0.0;
    }
    let mut meets = late <= most && cost <= budget;
    if !matches!(scenario.workload.source, Source::Trace(_)) {
        if slo.latency.is_some() && s.slo_violations > 0 {
            late = s.slo_violation_share_ci95.map_or(late, |[_, high]| high.max(late));
        }
        cost = s.cost_usd_per_million_ci95.map_or(cost, |[_, high]| high.max(cost));
        meets &= late <= most && cost <= budget;
    }
    if meets && is_exact(scenario) {
        let law = predict(scenario, setting, Model::Exact).unwrap().unwrap().predicted;
        meets = law.slo_violation_share.is_none_or(|late| late <= most) && law.cost_usd_per_million <= budget;
    }
    meets.then_some(s.cost_usd_per_million)
}

/// What a plan minimises: the cost, or the percentile where only a budget is given.
fn figure(scenario: &Scenario, simulation: &Simulation) -> f64 {
    match scenario.slo.latency {
        Some(_) => simulation.simulated.cost_usd_per_million,
        None => simulation.simulated.latency_s.slo,
    }
}

/// The plan's figure over that of the best configuration of the grid; `None` where there is none and the plan says so.
fn ratio(text: &str, folder: &std::path::Path) -> Option<f64> {
    let path = folder.join("s.toml");
    std::fs::write(&path, text).unwrap();
    let scenario = Scenario::from_document(&Document::read(&path).unwrap(), "s").unwrap();
    let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix).unwrap();
    let request = |timeouts| Request { constraint, timeouts, check: Check::Simulated, points: Points::Left };
    let chosen = plan(&scenario, request(Timeouts::Grid)).unwrap();
    let grid = scenario.sweep.as_ref().unwrap();
    let mut best: Option<f64> = None;
    for (memory, provisioned) in grid.functions() {
        for batch in &grid.batch {
            for timeout in &grid.timeout {
                let setting = Setting { provisioned, ..Setting::new(memory, *batch, *timeout) };
                let simulation = simulate_at(&scenario, setting).unwrap();
                if cost_if_met(&scenario, setting, &simulation).is_some() {
                    let figure = figure(&scenario, &simulation);
                    best = Some(best.map_or(figure, |best: f64| best.min(figure)));
                }
            }
        }
    }
    let refined = plan(&scenario, request(Timeouts::Refined)).unwrap();
    match (&chosen.answer, best) {
        (Answer::Infeasible(..), None) => None,
        (Answer::Recommended(chosen), Some(best)) => {
            let (simulation, verdict) = chosen.simulation.as_ref().unwrap();
            assert!(verdict.meets());
            assert!(cost_if_met(&scenario, chosen.setting(), simulation).is_some(), "{text}");
            // A plan between the points of the grid is no worse than one on them.
            let Answer::Recommended(refined) = &refined.answer else { panic!("{text}") };
            let finer = figure(&scenario, &refined.simulation.as_ref().unwrap().0);
            assert!(finer <= figure(&scenario, simulation) * 1.003, "{finer}: {text}");
            // With the free tier, both may cost nothing.
            let chosen = figure(&scenario, simulation);
            Some(if chosen == best { 1.0 } else { chosen / best })
        }
        (answer, best) => panic!("{best:?} against {answer:?}:\n{text}"),
    }
}

#[test]
fn a_plan_is_within_one_percent_of_the_best_of_its_grid() {
    let draws = std::env::var("PLAN_DRAWS").map_or(12, |draws| draws.parse().unwrap());
    let (mut ratios, mut none) = (Vec::new(), 0);
    for seed in 0..draws {
        let folder = tempfile::tempdir().unwrap();
        let text = scenario(&mut Draw(Xoshiro256PlusPlus::seed_from_u64(seed)), folder.path());
        match ratio(&text, folder.path()) {
            Some(ratio) => {
                if ratio > WITHIN {
                    println!("{seed}: {ratio}\n{text}");
                }
                ratios.push(ratio);
            }
            None => none += 1,
        }
    }
    let within = ratios.iter().filter(|ratio| **ratio <= WITHIN).count();
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "{within} of {} plans within 1 %, the worst {worst:.4}; none and none said: {none}",
        ratios.len()
    );
    assert_eq!(within, ratios.len(), "the worst is {worst}");
    assert!(!ratios.is_empty());
}
