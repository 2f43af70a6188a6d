//! Simulates a function on arrivals that are in memory, and predicts it from what is fitted to them.
//!
//! `cargo run --release --example simulate`

use std::sync::Arc;

use batchsim::document::Document;
use batchsim::engine::simulate::Unwatched;
use batchsim::error::InputError;
use batchsim::outcome::Model;
use batchsim::planner::predict::predict;
use batchsim::scenario::Scenario;
use batchsim::scenario::workload::Workload;
use batchsim::systems;
use batchsim::units::Time;

const SCENARIO: &str = r#"
[profile]
memory_mb = [1024, 2048]
batch = [1, 8]
service_s = [[0.200, 0.900], [0.100, 0.450]]    # seconds, by memory size and batch size
init_s = 1.5

[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 2048
cold_starts = true

[policy]
kind = "batch"
batch = 4
timeout = "50ms"

[slo]
percentile = 95
latency = "400ms"
"#;

fn main() -> Result<(), InputError> {
    // A minute with a request every 20 ms, a minute with one every 100 ms, and so on for an hour.
    let gap = |k: u64| if (k / 3000).is_multiple_of(2) { 20_000_000 } else { 100_000_000 };
    let mut now = 0;
    let next = |k| {
        now += gap(k);
        Time(now)
    };
    let times: Vec<Time> = (0..100_000).map(next).collect();

    let document = Document::parse("example", SCENARIO)?;
    let workload = Workload::of(Arc::new(times));
    let scenario = Scenario::from_document_with(document, "example", &[], Some(workload))?;

    let run = systems::run(&scenario, &scenario.system().kind, &mut Unwatched)?;
    let simulated = &run.simulation.simulated;
    println!("{}: {} requests, {} cold starts", run.setting, run.simulation.requests, simulated.cold_starts);
    println!("p95 {:.3} s, {:.4} $ a million", simulated.latency_s.p95, simulated.cost_usd_per_million);
    if let Some(prediction) = predict(&scenario, scenario.setting(), Model::Exact)? {
        println!("predicted p95 {:.3} s, without cold starts", prediction.predicted.latency_s.p95);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
