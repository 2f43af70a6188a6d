//! What a reader must know to trust a plan, and why none does what is asked.

use super::PlanReport;
use crate::planner::chooser::Ranking;
use crate::planner::constraint::Scope;
use crate::planner::infeasible::Cause;
use crate::planner::plan::Check;
use crate::planner::verify::Evidence;
use crate::report::format;
use crate::report::notes::{always_warm, misfit, processor};
use crate::report::omitted::omitted;
use crate::report::run::intervals;
use crate::scenario::platform::Environments;

impl PlanReport<'_> {
    pub(super) fn cause(&self, cause: Cause) -> String {
        match cause {
            Cause::ServiceTime(seconds) => {
                format!("Service alone takes {} at best, without any wait.", format::duration(seconds))
            }
            Cause::ColdStarts(share) => format!(
                "Cold starts stand in the way: {} of its invocations; with warm environments it would do.",
                format::percent(share)
            ),
            Cause::Limits(throttled, failed) => format!(
                "The platform's limits stand in the way: {} tries are refused, {} of the requests fail.",
                format::count(throttled),
                format::percent(failed)
            ),
            Cause::Budget(usd) => match self.scenario.slo.latency {
                Some(latency) => {
                    format!("The cheapest that keeps {latency} costs {} a million.", format::money(usd))
                }
                None => format!("The cheapest costs {} a million.", format::money(usd)),
            },
            Cause::Uncertain(upper) => format!(
                "This run keeps it, but another might not: up to {} would be over. A longer run would tell.",
                format::percent(upper)
            ),
            Cause::LongestRun(seconds, count) => format!(
                "{} configurations are left out, as a call may run for {} at most.",
                format::count(count as u64),
                format::duration(seconds)
            ),
        }
    }

    /// What a reader must know to trust the figures.
    pub(super) fn notes(&self) -> Vec<String> {
        let plan = self.plan;
        let mut notes = vec![
            match plan.ranking {
                Ranking::Predicted => "Ranked by prediction".to_owned(),
                Ranking::Simulated => "Ranked by simulation on the scenario's own arrivals".to_owned(),
                Ranking::SimulatedSooner => {
                    "Ranked by simulation on the scenario's own arrivals, as the exact law of such large batches would \
                     take longer"
                        .to_owned()
                }
                Ranking::SimulatedWithinLaw => {
                    "Ranked by simulation, among those of which the exact law agrees that they do".to_owned()
                }
            } + &self.verified(),
        ];
        notes.extend(processor(self.scenario));
        let evaluated = plan.evaluated();
        match &evaluated.simulation {
            Some((simulation, _)) if evaluated.prediction.is_some() => {
                notes.extend(omitted(self.scenario, &simulation.simulated));
            }
            Some(_) => notes.push("Not predicted: no process is known or can be fitted.".to_owned()),
            None => notes.extend(unknown(self.scenario.platform.environments.clone())),
        }
        notes.extend(evaluated.prediction.as_ref().and_then(misfit));
        if plan.too_long > 0 {
            notes.push(format!(
                "{} configurations were left out: a call may run for {} at most.",
                format::count(plan.too_long as u64),
                self.scenario.platform.book.limits.longest_run
            ));
        }
        if let Environments::AlwaysWarm = self.scenario.platform.environments {
            notes.push(always_warm(&self.scenario.profile));
        }
        if let Some((simulation, _)) = &evaluated.simulation {
            notes.extend(intervals::notes(simulation));
            notes.push("A month is 730 hours at the mean rate of the run.".to_owned());
        }
        if self.scenario.sweep.is_none() {
            notes
                .push("Without [sweep], the grid is made from the profile, the book and the SLO.".to_owned());
        }
        notes
    }

    fn verified(&self) -> String {
        let Some((_, verdict)) = &self.plan.evaluated().simulation else {
            return match self.plan.request.check {
                Check::Predicted => ": nothing was simulated.".to_owned(),
                Check::Simulated => ".".to_owned(),
            };
        };
        let hours = match self.plan.request.constraint.scope {
            Scope::Mix => "",
            Scope::EveryPart => " in every simulated hour",
        };
        match verdict.evidence {
            Evidence::Counts => {
                format!(". Verified means: the counts of this run keep what is asked{hours}.")
            }
            // The rule of three would refuse every short run.
            Evidence::UpperEnds if verdict.late == 0.0 && verdict.late_upper > Some(verdict.allowed) => {
                format!(
                    ". Verified means: the counts of this run keep what is asked{hours}, and no request was late. So few \
                 requests cannot tell more than that: up to {} % of others might be late (95 %). A longer run would.",
                    format::number(verdict.late_upper.unwrap_or(1.0) * 100.0)
                )
            }
            Evidence::UpperEnds => format!(
                ". Verified means: the counts of this run keep what is asked{hours}, and so do the upper ends of their \
                 95 % intervals."
            ),
        }
    }
}

/// What a prediction that nothing was simulated beside may leave out.
fn unknown(environments: Environments) -> Option<String> {
    match environments {
        Environments::AlwaysWarm => None,
        Environments::Pool(_) => Some(
            "The prediction leaves out cold starts, provisioned environments, throttling and waiting for capacity; \
             what they amount to only a simulation tells."
                .to_owned(),
        ),
    }
}
