//! Systems of functions: one setting, settings by a plan or a list, or an adaptive policy.

use super::Run;
use super::choice::{chosen, planned};
use crate::engine::observer::Observer;
use crate::engine::simulate::{simulate, simulate_with};
use crate::error::InputError;
use crate::fitting::Counts;
use crate::numeric::streams::Streams;
use crate::planner::adaptive;
use crate::policy::adaptive::{Decision, Settings};
use crate::policy::batch::BatchPolicy;
use crate::policy::forecast::Forecast;
use crate::policy::scheduled::{Scheduled, Step};
use crate::scenario::platform::{Environments, LambdaSpec};
use crate::scenario::policy::PolicySpec;
use crate::scenario::system::FunctionSpec;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// Runs functions in place of the scenario's own.
pub(super) fn run<O: Observer + Send>(
    scenario: &Scenario,
    spec: &FunctionSpec,
    observer: &mut O,
) -> Result<Run, InputError> {
    let found = on_its_own(scenario, spec, observer)?;
    let setting = found.setting + &apart(&scenario.platform, &spec.platform);
    Ok(Run { setting, ..found })
}

/// What of a system's platform is not the scenario's, in words.
fn apart(scenario: &LambdaSpec, system: &LambdaSpec) -> String {
    let mut words = Vec::new();
    match (&scenario.environments, &system.environments) {
        (Environments::AlwaysWarm, Environments::Pool(_)) => words.push("with cold starts".to_owned()),
        (Environments::Pool(_), Environments::AlwaysWarm) => words.push("always warm".to_owned()),
        (Environments::Pool(a), Environments::Pool(b)) if a.keep_alive != b.keep_alive => {
            words.push("other keep-alive".to_owned());
        }
        _ => {}
    }
    let provisioned = system.environments.provisioned();
    if provisioned != scenario.environments.provisioned() {
        words.push(format!("{provisioned} provisioned"));
    }
    if system.book.name != scenario.book.name {
        words.push(format!("prices of {}", system.book.name));
    } else if system.tariff != scenario.tariff && provisioned == scenario.environments.provisioned() {
        words.push("other prices".to_owned());
    }
    words.into_iter().map(|word| format!(", {word}")).collect()
}

/// As [`run`], but for what of its platform is not the scenario's.
fn on_its_own<O: Observer + Send>(
    scenario: &Scenario,
    spec: &FunctionSpec,
    observer: &mut O,
) -> Result<Run, InputError> {
    let mut own = scenario.clone();
    own.platform = spec.platform.clone();
    own.policy = spec.policy.clone();
    if own.policy != scenario.policy {
        // Those are of the scenario's own.
        own.decisions.clear();
    }
    own.profile.mb_per_vcpu = own.platform.book.limits.mb_per_vcpu;
    own.platform.memory = chosen(&own, spec.memory)?;
    let memory = own.platform.memory;
    match &spec.policy {
        PolicySpec::Fixed(buffer) => {
            let setting = match buffer.batch {
                1 => format!("{memory}, unbatched"),
                n => format!("{memory}, up to {n} within {}", buffer.timeout),
            };
            let simulation = simulate(&own, observer)?;
            Ok(Run { setting, simulation, decisions: Vec::new() })
        }
        PolicySpec::Adaptive { .. } if !own.decisions.is_empty() => follow(&own, observer),
        PolicySpec::Adaptive { settings, .. } => adapt(&own, *settings, observer),
        PolicySpec::Planned { model, batch } => {
            let plan = planned(&own, *model, batch.as_deref())?;
            let words = match plan.as_slice() {
                [(_, s)] => format!("planned: {}, up to {} within {}", s.memory, s.batch, s.timeout),
                steps => format!("planned by the {} model in {} parts", model.name(), steps.len()),
            };
            in_turn(&own, words, &plan, observer)
        }
        PolicySpec::Listed { every, settings } => {
            let from = |i: usize| Time(every.0.saturating_mul(i as u64));
            let step = |(i, (memory, BatchPolicy { batch, timeout })): (usize, &(_, BatchPolicy))| {
                (from(i), Setting::new(*memory, *batch, *timeout))
            };
            let steps: Vec<_> = settings.iter().enumerate().map(step).collect();
            let words = format!("{} listed settings, each for {every}", settings.len());
            in_turn(&own, words, &steps, observer)
        }
    }
}

/// Plans that were made before, each from when it took effect.
fn follow<O: Observer + Send>(scenario: &Scenario, observer: &mut O) -> Result<Run, InputError> {
    let mut steps = vec![(Time::ZERO, scenario.setting())];
    for taken in &scenario.decisions {
        let Decision { memory, buffer: BatchPolicy { batch, timeout }, .. } = taken.decision;
        let step = (taken.effective, Setting { memory, batch, timeout, ..scenario.setting() });
        match taken.effective {
            Time::ZERO => steps[0] = step,
            _ => steps.push(step),
        }
    }
    let words = format!("{} plans that were made before", scenario.decisions.len());
    let run = in_turn(scenario, words, &steps, observer)?;
    Ok(Run { decisions: scenario.decisions.iter().map(|taken| taken.decision).collect(), ..run })
}

/// The adaptive policy.
fn adapt<O: Observer + Send>(
    scenario: &Scenario,
    settings: Settings,
    observer: &mut O,
) -> Result<Run, InputError> {
    let policy = |streams: Streams| {
        let future = match settings.forecast {
            Forecast::Oracle => {
                Counts::read(&mut *scenario.workload.open(streams)?, Span::from_secs(1))?.counts
            }
            Forecast::Last | Forecast::Yesterday | Forecast::Smoothing => Vec::new(),
        };
        adaptive::policy(scenario, settings, future)
    };
    let setting = scenario.setting();
    let times = scenario.service(Setting { batch: scenario.largest_batch(setting), ..setting })?;
    let (simulation, policy) = simulate_with(scenario, &times, observer, policy)?;
    let words = format!("adaptive, planned anew every {}", settings.period);
    Ok(Run { setting: words, simulation, decisions: policy.decisions().to_vec() })
}

/// Settings that hold one after the other.
fn in_turn<O: Observer + Send>(
    scenario: &Scenario,
    setting: String,
    steps: &[(Time, Setting)],
    observer: &mut O,
) -> Result<Run, InputError> {
    let largest = steps.iter().map(|(_, setting)| setting.batch).max().unwrap_or(1);
    let step = |(from, setting): &(Time, Setting)| {
        scenario.service(*setting)?;
        // A batch that is open at a change keeps its size, so that the times of each step reach to the largest.
        let times = scenario.covered(Setting { batch: largest, ..*setting })?;
        let batch = BatchPolicy { batch: setting.batch, timeout: setting.timeout };
        Ok(Step { from: *from, batch, times })
    };
    let policy = Scheduled::new(steps.iter().map(step).collect::<Result<_, InputError>>()?);
    let times = policy.first_times();
    let (simulation, _) = simulate_with(scenario, &times, observer, |_| Ok(policy.clone()))?;
    Ok(Run { setting, simulation, decisions: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::engine::simulate::Unwatched;
    use crate::units::MemoryMb;

    /// Ten a second, evenly: a batch of eight is open when the minute is over.
    const SCENARIO: &str = r#"
        [workload]
        kind = "constant"
        rate = 10
        duration = "2min"
        [profile]
        memory_mb = [1024, 2048]
        batch = [1, 8]
        service_s = [[0.1, 0.4], [0.1, 0.4]]
        init_s = 1.0
        [platform]
        kind = "lambda"
        book = "aws-2026"
        memory_mb = 1024
        cold_starts = true
        [policy]
        kind = "unbatched"
    "#;

    fn cold_starts(second: u32) -> u64 {
        let scenario = Scenario::from_document(&Document::parse("s.toml", SCENARIO).unwrap(), "s").unwrap();
        let setting = |mb, batch| Setting::new(MemoryMb(mb), batch, Span::from_secs(1));
        let steps = [(Time::ZERO, setting(1024, 8)), (Time(60_000_000_000), setting(second, 1))];
        let found = in_turn(&scenario, String::new(), &steps, &mut Unwatched).unwrap();
        assert_eq!(found.simulation.requests, 1200);
        found.simulation.simulated.cold_starts
    }

    #[test]
    fn batches_that_shrink_leave_the_function_as_it_is_and_another_memory_size_replaces_it() {
        // A batch of eight every 0.8 s, on functions that take 0.4 s, after 1 + 0.2 s to start: two. Then one request
        // every 0.1 s that takes as long, on those two; a new function starts while the requests of 1.2 s pile up.
        assert_eq!(cold_starts(1024), 2);
        assert!(cold_starts(2048) > 10, "{}", cold_starts(2048));
    }
}
