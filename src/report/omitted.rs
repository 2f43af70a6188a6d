//! What a prediction leaves out of a scenario, by name, with what it amounted to in a run.

use super::format;
use crate::outcome::Simulated;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;

/// A sentence that names what the prediction leaves out; `None` if it leaves out nothing.
pub fn omitted(scenario: &Scenario, simulated: &Simulated) -> Option<String> {
    let mut left_out = Vec::new();
    let bill = &simulated.cost_components_usd;
    let a_million = |usd: f64| format::money(usd / simulated.cost_usd * simulated.cost_usd_per_million);
    if let Environments::Pool(pool) = &scenario.platform.environments {
        let share = format::percent(simulated.cold_start_share);
        left_out.push(match bill.initialisation > 0.0 {
            true => format!(
                "cold starts ({share} of the invocations, {} a million)",
                a_million(bill.initialisation)
            ),
            false => format!("cold starts ({share} of the invocations)"),
        });
        if bill.provisioned > 0.0 {
            let what = "provisioned environments";
            left_out.push(format!("{what} ({} a million)", a_million(bill.provisioned)));
        }
        left_out.push(match simulated.throttled {
            0 => format!("limits (concurrency {}: nothing was refused)", format::count(pool.concurrency)),
            tries => format!(
                "limits ({} tries refused, {} requests failed)",
                format::count(tries),
                format::count(simulated.rejected)
            ),
        });
    }
    if !scenario.platform.tariff.is_flat() {
        left_out.push("the month's tiers and free tier".to_owned());
    }
    (!left_out.is_empty()).then(|| format!("The prediction leaves out {}.", left_out.join(", ")))
}
