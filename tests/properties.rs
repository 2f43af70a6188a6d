//! Simulation and prediction agree on random MAPs within the simulation's own interval.

use batchsim::arrivals::map::Map;
use batchsim::document::Document;
use batchsim::engine::simulate::{Unwatched, simulate};
use batchsim::numeric::matrix::Matrix;
use batchsim::outcome::Model;
use batchsim::planner::predict::predict;
use batchsim::scenario::Scenario;
use batchsim::scenario::workload::Source;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A MAP of 1 to 4 phases: rates over two decades, phases that change from at every arrival (no burstiness)
/// to once in some thousand (extreme burstiness), with and without an arrival.
fn any_map() -> impl Strategy<Value = Map> {
    (1usize..=4, 0.0f64..3.5).prop_flat_map(|(order, slowness)| {
        let cells = prop::collection::vec((0.05f64..1.0, 0.05f64..1.0), order * order);
        let rates = prop::collection::vec(0.0f64..2.0, order);
        (cells, rates).prop_map(move |(cells, rates)| {
            let rate = |i: usize| 10f64.powf(rates[i]);
            let change = |i: usize| rate(i) * 10f64.powf(-slowness) / order as f64;
            let off = |i: usize, j: usize| cells[i * order + j];
            let d1 = Matrix::from_fn(order, |i, j| if i == j { rate(i) } else { change(i) * off(i, j).1 });
            let leaving = |i: usize| {
                let hidden = (0..order).filter(|j| *j != i).map(|j| change(i) * off(i, j).0);
                hidden.sum::<f64>() + d1.row(i).iter().sum::<f64>()
            };
            let d0 = Matrix::from_fn(order, |i, j| match i == j {
                true => -leaving(i),
                false => change(i) * off(i, j).0,
            });
            Map::new(d0, d1).expect("a MAP by construction")
        })
    })
}

fn scenario(map: Map, batch: u32, timeout_ms: u32, seed: u64) -> Scenario {
    let text = format!(
        "seed = {seed}\n[workload]\nkind = \"poisson\"\nrate = 1\nrequests = 400000\n[profile]\n\
         memory_mb = [1024]\nbatch = [1, 128]\nservice_s = [[0.026, 0.788]]\n[platform]\nkind = \"lambda\"\n\
         book = \"aws-2026\"\nmemory_mb = 1024\n[policy]\nkind = \"batch\"\nbatch = {batch}\n\
         timeout = \"{timeout_ms}ms\"\n"
    );
    let mut scenario = Scenario::from_document(&Document::parse("p.toml", &text).unwrap(), "p").unwrap();
    scenario.workload.source = Source::Process(map);
    scenario
}

proptest! {
    // Always the same cases: an interval holds in 95 of 100 runs, so that among ever new ones some must fall out.
    #![proptest_config(ProptestConfig {
        cases: 24,
        rng_seed: RngSeed::Fixed(2020),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn simulation_and_prediction_agree_within_the_interval(
        map in any_map(), batch in 1u32..=16, timeout_ms in 0u32..400, seed in 0u64..1000,
    ) {
        let scenario = scenario(map, batch, timeout_ms, seed);
        let predicted = predict(&scenario, scenario.setting(), Model::Exact).unwrap().unwrap().predicted;
        let simulated = simulate(&scenario, &mut Unwatched).unwrap().simulated;
        let intervals = simulated.latency_ci95_s.unwrap();
        // Twice the interval's width (four standard errors), and the histogram's 0.05 %.
        let check = |name: &str, predicted: f64, simulated: f64, interval: Option<[f64; 2]>| {
            let [low, high] = interval.expect("a long run");
            let slack = (high - low) + 0.0005 * predicted;
            prop_assert!(
                (predicted - simulated).abs() <= slack,
                "{}: predicted {}, simulated {} in [{}, {}]", name, predicted, simulated, low, high
            );
            Ok(())
        };
        let (p, s) = (&predicted.latency_s, &simulated.latency_s);
        check("mean", p.mean, s.mean, intervals.mean)?;
        check("p95", p.p95, s.p95, intervals.p95)?;
        check("mean batch", predicted.mean_batch, simulated.mean_batch, simulated.mean_batch_ci95)?;
        let cost = simulated.cost_usd_per_million_ci95;
        check("cost", predicted.cost_usd_per_million, simulated.cost_usd_per_million, cost)?;
        prop_assert!(p.p50 <= p.p90 && p.p90 <= p.p95 && p.p95 <= p.p99);
    }
}
