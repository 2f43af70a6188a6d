//! Plans a function: the cheapest memory size, batch size and timeout within an SLO, as `sim plan` does.
//!
//! `cargo run --release --example plan`

use batchsim::document::Document;
use batchsim::error::InputError;
use batchsim::outcome::Model;
use batchsim::planner::constraint::{Constraint, Scope};
use batchsim::planner::plan::{Answer, Check, Points, Request, Timeouts, plan};
use batchsim::scenario::Scenario;

const SCENARIO: &str = r#"
[workload]
kind = "mmpp"
rates = [60, 4]                  # requests a second
sojourns = ["10s", "40s"]
duration = "2h"

[profile]
memory_mb = [1024, 2048, 3072]
batch = [1, 8]
service_s = [[0.200, 0.900], [0.100, 0.450], [0.080, 0.300]]
init_s = 1.5

[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
cold_starts = true

[policy]
kind = "unbatched"

[slo]
percentile = 95
latency = "400ms"
"#;

fn main() -> Result<(), InputError> {
    let scenario = Scenario::from_document(&Document::parse("example", SCENARIO)?, "example")?;
    let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix).expect("an SLO is given");
    let request =
        Request { constraint, timeouts: Timeouts::Refined, check: Check::Simulated, points: Points::Left };
    let plan = plan(&scenario, request)?;
    println!("{} configurations evaluated, {} simulated", plan.evaluated, plan.simulated);
    match &plan.answer {
        Answer::Recommended(best) => {
            let setting = best.setting();
            println!("{}, up to {} within {}", setting.memory, setting.batch, setting.timeout);
            println!("p95 {:.3} s, {:.3} $ a million", best.percentile_s(), best.usd_per_million());
        }
        Answer::Infeasible(nearest, ..) => {
            println!("none is within the SLO; the nearest has a p95 of {:.3} s", nearest.percentile_s());
        }
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
