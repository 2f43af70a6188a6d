//! A batching policy of one's own, on the functions of a scenario, beside the fixed buffer.
//!
//! One lets a batch leave when nothing has come for a while, or at the latest T after its first request: in a lull nobody
//! waits for the timeout. The other learns its largest batch from the latencies that it sees, as Clipper does (Crankshaw
//! et al., NSDI 2017): one more after each batch within the objective, a tenth less after one over it.
//! `cargo run --release --example own_policy`

use batchsim::document::Document;
use batchsim::engine::simulate::{Unwatched, simulate_with};
use batchsim::error::InputError;
use batchsim::outcome::Simulation;
use batchsim::policy::batch::BatchPolicy;
use batchsim::policy::{Buffer, Dispatch, Finished, Policy};
use batchsim::scenario::Scenario;
use batchsim::units::{Span, Time};

/// Lets a batch go once it is full, or after a lull, or at the timeout.
#[derive(Debug, Clone, Copy)]
struct AfterLull {
    longest: BatchPolicy,
    lull: Span,
}

impl Policy for AfterLull {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        match self.longest.joined(buffer) {
            Dispatch::At(timeout) => Dispatch::At(timeout.min(buffer.now + self.lull)),
            Dispatch::Now => Dispatch::Now,
        }
    }
}

/// Additive increase, multiplicative decrease of the largest batch.
#[derive(Debug, Clone, Copy)]
struct Aimd {
    largest: f64,
    most: f64,
    timeout: Span,
    objective: Span,
}

impl Policy for Aimd {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        BatchPolicy { batch: self.largest as u32, timeout: self.timeout }.joined(buffer)
    }

    fn listens(&self) -> bool {
        true
    }

    fn finished(&mut self, now: Time, batch: Finished) {
        self.largest = match now.since(batch.opened) <= self.objective {
            true => (self.largest + 1.0).min(self.most),
            false => (self.largest * 0.9).max(1.0),
        };
    }
}

const SCENARIO: &str = r#"
[workload]
kind = "mmpp"
rates = [200, 5]
sojourns = ["2s", "10s"]
requests = 200_000

[profile]
memory_mb = [1024, 2048]
batch = [1, 8]
service_s = [[0.200, 0.900], [0.100, 0.450]]

[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 2048

[policy]
kind = "batch"
batch = 8
timeout = "100ms"
"#;

fn main() -> Result<(), InputError> {
    let scenario = Scenario::from_document(&Document::parse("example", SCENARIO)?, "example")?;
    let times = scenario.service(scenario.setting())?;
    let longest = scenario.policy.start();
    let show = |name: &str, simulation: &Simulation| {
        let s = &simulation.simulated;
        println!(
            "{name:12} p50 {:.3} s, p95 {:.3} s, {:.2} requests a batch, {:.3} $ a million",
            s.latency_s.p50, s.latency_s.p95, s.mean_batch, s.cost_usd_per_million
        );
    };
    let (simulation, _) = simulate_with(&scenario, &times, &mut Unwatched, |_| Ok(longest))?;
    show("8 in 100 ms", &simulation);
    for lull in [10, 20, 40] {
        let policy = AfterLull { longest, lull: Span::from_millis(lull) };
        let (simulation, _) = simulate_with(&scenario, &times, &mut Unwatched, |_| Ok(policy))?;
        show(&format!("lull {lull} ms"), &simulation);
    }
    for objective in [250, 350, 450] {
        let (timeout, objective) = (longest.timeout, Span::from_millis(objective));
        let policy = Aimd { largest: 1.0, most: f64::from(longest.batch), timeout, objective };
        let (simulation, _) = simulate_with(&scenario, &times, &mut Unwatched, |_| Ok(policy))?;
        show(&format!("AIMD {objective}"), &simulation);
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
