//! Why no configuration does what is asked, and what would do. Nothing is said before it was simulated.

use super::chooser::{Chooser, Ranking};
use super::constraint::Constraint;
use super::plan::Check;
use super::refine::Lines;
use super::search::{self, Candidate, SearchOutcome};
use super::verify::{Evidence, Verdict};
use crate::error::InputError;
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};
use crate::units::Span;

/// What stands in the way of what is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cause {
    /// A lone request takes this long \[s\] at best, without any wait.
    ServiceTime(f64),
    /// With environments always warm the nearest would do: this share of its invocations starts cold.
    ColdStarts(f64),
    /// Tries are refused by the platform's limits: how many, and the share of the requests that fail.
    Limits(u64, f64),
    /// The latency is kept, but only by dearer ones: the least cost of a million requests [$].
    Budget(f64),
    /// This run keeps it, but another one might not: the upper end of the interval of the share over the target.
    Uncertain(f64),
    /// The platform ends a call that runs for longer than this \[s\]: so many configurations were left out.
    LongestRun(f64, usize),
}

/// What would make a plan possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Remedy {
    /// A latency target of this \[s\], with this configuration.
    Latency(f64, Setting),
    /// A budget of this for a million requests [$], with this configuration.
    Budget(f64, Setting),
}

/// A target is raised so often before it is given up.
const TRIES: u32 = 24;

/// The configuration that comes nearest, why it misses, and what would do.
///
/// # Errors
/// As those of evaluating a configuration.
pub fn explain(
    chooser: &mut Chooser<'_>,
    lines: &Lines,
) -> Result<(Candidate, Vec<Cause>, Vec<Remedy>), InputError> {
    let mut remedies = Vec::new();
    let constraint = chooser.request.constraint;
    let fastest = fastest(chooser, lines)?;
    if let (Some(fastest), true) = (&fastest, constraint.latency.is_some()) {
        remedies.extend(latency(chooser, fastest)?);
    }
    if constraint.budget.is_finite()
        && let Some(cheapest) = cheapest(chooser, lines)?
    {
        remedies.extend(budget(chooser, &cheapest)?);
    }
    let dearest = |a: &&Candidate, b: &&Candidate| a.cost.total_cmp(&b.cost);
    let nearest = fastest.or_else(|| lines.candidates().min_by(dearest).copied());
    let nearest = nearest.expect("a grid has candidates");
    let causes = causes(chooser, lines, &nearest)?;
    Ok((nearest, causes, remedies))
}

/// The configuration within the budget that keeps the lowest latency target.
fn fastest(chooser: &mut Chooser<'_>, lines: &Lines) -> Result<Option<Candidate>, InputError> {
    let constraint = chooser.request.constraint;
    if chooser.ranking == Ranking::Predicted {
        let parts = chooser.parts();
        let Some(found) = search::fastest(&parts, &chooser.space, &constraint)? else { return Ok(None) };
        return Ok(chooser.shown(&[found.setting])?.into_iter().next());
    }
    let needed = |c: &Candidate| c.trial.map_or(f64::INFINITY, |trial| trial.needed_s);
    let affordable = lines.candidates().filter(|c| constraint.affords(c.cost));
    let order = |a: &&Candidate, b: &&Candidate| {
        needed(a).total_cmp(&needed(b)).then(a.late.total_cmp(&b.late)).then(search::order(a, b))
    };
    Ok(affordable.min_by(order).copied())
}

/// The cheapest configuration that keeps the latency, whatever it costs.
fn cheapest(chooser: &mut Chooser<'_>, lines: &Lines) -> Result<Option<Candidate>, InputError> {
    let constraint = Constraint { budget: f64::INFINITY, ..chooser.request.constraint };
    if chooser.ranking == Ranking::Predicted {
        let parts = chooser.parts();
        let Some(found) = search::cheapest(&parts, &chooser.space, &constraint)? else { return Ok(None) };
        return Ok(chooser.shown(&[found.setting])?.into_iter().next());
    }
    let keeping = lines.candidates().filter(|c| constraint.is_kept(c.late));
    Ok(keeping.min_by(|a, b| a.cost.total_cmp(&b.cost).then(search::order(a, b))).copied())
}

/// The least target of three digits that a simulation confirms.
fn latency(chooser: &mut Chooser<'_>, fastest: &Candidate) -> Result<Option<Remedy>, InputError> {
    let setting = fastest.setting;
    if chooser.request.check == Check::Predicted {
        let parts = chooser.parts();
        let choice = search::choice(&parts, &chooser.space, &chooser.request.constraint, setting)?;
        return Ok(Some(Remedy::Latency(above(choice.latency), setting)));
    }
    let mut target = above(fastest.trial.map_or(f64::INFINITY, |trial| trial.needed_s));
    for _ in 0..TRIES {
        let Some(span) = Span::from_secs_f64(target).filter(|_| target.is_finite()) else { return Ok(None) };
        let mut scenario = chooser.scenario.clone();
        scenario.slo.latency = Some(span);
        if would_do(chooser, &scenario, setting)? {
            return Ok(Some(Remedy::Latency(target, setting)));
        }
        target = above(target * 1.004);
    }
    Ok(None)
}

/// The least budget of three digits that a simulation confirms.
fn budget(chooser: &mut Chooser<'_>, cheapest: &Candidate) -> Result<Option<Remedy>, InputError> {
    let setting = cheapest.setting;
    let mut usd = cents(cheapest.cost * 1e6);
    if chooser.request.check == Check::Predicted {
        return Ok(Some(Remedy::Budget(usd, setting)));
    }
    for _ in 0..TRIES {
        let mut scenario = chooser.scenario.clone();
        scenario.slo.budget_usd_per_million = Some(usd);
        if would_do(chooser, &scenario, setting)? {
            return Ok(Some(Remedy::Budget(usd, setting)));
        }
        usd = cents(usd * 1.004);
    }
    Ok(None)
}

/// Does a simulation confirm the configuration under the scenario's own objective, and the law where it covers it?
fn would_do(chooser: &mut Chooser<'_>, scenario: &Scenario, setting: Setting) -> Result<bool, InputError> {
    let asked = chooser.request.constraint;
    let Some(constraint) = Constraint::new(&scenario.slo, asked.model, asked.scope) else { return Ok(false) };
    let simulation = chooser.simulate_as(scenario, setting)?;
    if !Verdict::of(&constraint, &simulation, chooser.evidence()).meets() {
        return Ok(false);
    }
    if chooser.ranking.is_by_trials_alone() {
        return Ok(true);
    }
    let (parts, space) = (chooser.parts(), super::plan::space_of(scenario, setting)?);
    Ok(matches!(search::search(&parts, &space, &constraint)?, SearchOutcome::Meets(_)))
}

fn causes(chooser: &mut Chooser<'_>, lines: &Lines, nearest: &Candidate) -> Result<Vec<Cause>, InputError> {
    let constraint = chooser.request.constraint;
    let mut causes = Vec::new();
    if let Some((longest, count)) = chooser.too_long() {
        causes.push(Cause::LongestRun(longest.as_secs_f64(), count));
    }
    let alone = chooser.space.functions.iter().map(|f| f.service[0]).fold(f64::INFINITY, f64::min);
    if constraint.latency.is_some_and(|latency| alone > latency) && !chooser.scenario.profile.is_random() {
        causes.push(Cause::ServiceTime(alone));
        return Ok(causes);
    }
    if constraint.budget.is_finite()
        && let Some(cheapest) = cheapest(chooser, lines)?
        && !constraint.affords(cheapest.cost)
    {
        causes.push(Cause::Budget(cheapest.cost * 1e6));
    }
    if chooser.request.check == Check::Predicted {
        return Ok(causes);
    }
    let verdict = chooser.confirm(nearest.setting)?;
    let Some(trial) = nearest.trial else { return Ok(causes) };
    if trial.throttled > 0 {
        causes.push(Cause::Limits(trial.throttled, trial.failed));
    }
    if trial.cold_starts > 0.0 && trial.throttled == 0 && !verdict.is_kept() {
        let mut warm = chooser.scenario.clone();
        warm.platform.environments = Environments::AlwaysWarm;
        let simulation = chooser.simulate_as(&warm, nearest.setting)?;
        if Verdict::of(&constraint, &simulation, Evidence::Counts).is_kept() {
            causes.push(Cause::ColdStarts(trial.cold_starts));
        }
    }
    if let (Evidence::UpperEnds, Some(upper), true) = (verdict.evidence, verdict.late_upper, nearest.meets) {
        causes.push(Cause::Uncertain(upper));
    }
    Ok(causes)
}

/// The least figure of three significant digits that is not below `value`.
fn above(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return value;
    }
    let power = value.log10().floor() as i32 - 2;
    let digits = (value / 10_f64.powi(power) - 1e-9).ceil();
    // Divided, where the unit is below 1, so that 0.03 is 0.03 and not 0.030000000000000002.
    if power < 0 { digits / 10_f64.powi(-power) } else { digits * 10_f64.powi(power) }
}

/// The least amount in cents, or of three digits where that is finer, that is not below `usd`.
fn cents(usd: f64) -> f64 {
    if usd < 10.0 { above(usd) } else { (usd * 100.0 - 1e-6).ceil() / 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_never_below() {
        for (value, up) in [(0.03, 0.03), (0.030_01, 0.0301), (1234.0, 1240.0), (9.999, 10.0), (0.0, 0.0)] {
            assert_eq!(above(value), up, "{value}");
        }
    }
}
