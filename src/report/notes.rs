//! Sentences that more than one report says.

use statrs::distribution::{ContinuousCDF, LogNormal};

use super::format;
use crate::outcome::Simulated;
use crate::planner::predict::{Misfit, Prediction};
use crate::price::Architecture;
use crate::profile::Profile;
use crate::scenario::Scenario;
use crate::scenario::class::{Classes, Grouped, Recorded};
use crate::scenario::slo::Slo;
use crate::scenario::workload::Source;
use crate::units::Span;

/// What is assumed where cold starts are not simulated.
pub fn always_warm(profile: &Profile) -> String {
    let idle = match profile.init_s.iter().any(|init| *init > 0.0) {
        true => ": the profile's init_s is not used",
        false => "",
    };
    format!("Environments are always warm (cold_starts = false){idle}.")
}

/// What came of a run, in a sentence: whether it met what is asked, by its counts; its latency; its bill.
pub fn answer(slo: &Slo, simulated: &Simulated) -> String {
    let (latency, million) = (simulated.latency_s.slo, simulated.cost_usd_per_million);
    let figures = format!(
        "{} {}, {} a million requests, {} a month (730 h at this rate)",
        slo.name(),
        format::duration(latency),
        format::money(million),
        format::money(simulated.cost_usd_per_month)
    );
    let Some(met) = slo.verdict(simulated.slo_violation_share, million) else { return figures + "." };
    let mut reasons = Vec::new();
    if let Some(latency) = slo.latency {
        reasons.push(late(simulated.slo_violation_share, latency, slo.allowed()));
    }
    if let Some(budget) = slo.budget_usd_per_million {
        reasons.push(format!("{} a million of {}", format::money(million), format::money(budget)));
    }
    format!("{}: {}. {figures}.", if met { "SLO met" } else { "SLO missed" }, reasons.join("; "))
}

/// The share of the requests that is over a latency, beside the share that may be.
pub(in crate::report) fn late(share: f64, latency: Span, allowed: f64) -> String {
    format!("{} over {latency}, {} may be", format::percent(share), format::percent(allowed))
}

/// Where prices are of another processor than the times may be.
pub fn processor(scenario: &Scenario) -> Option<String> {
    (scenario.platform.tariff.architecture() == Architecture::Arm64).then(|| {
        "Prices are those of arm64. A profile does not say its processor: measured on x86, its times are not those of arm64."
            .to_owned()
    })
}

/// Where the fits behind a prediction miss the trace, at the time scales that matter to the timeout.
pub fn misfit(prediction: &Prediction) -> Option<String> {
    let Misfit { scale, ratio, share } = prediction.misfit?;
    Some(format!(
        "The fits miss the trace: at {scale} their index of dispersion is {} times the measured one, in hours with {} of \
         the requests. Trust the simulated figures.",
        format::number(ratio),
        format::percent(share)
    ))
}

/// What a reader must know of sizes that stand in a trace.
pub fn sizes(classes: &Classes) -> Option<String> {
    let sizes = classes.sizes.as_ref()?;
    let Recorded { column, grouped } = sizes.recorded.as_ref()?;
    let (least, most) = (sizes.values[0], sizes.values[sizes.values.len() - 1]);
    let found = match sizes.values.len() {
        1 => format!("all are {least}"),
        count => format!("{} different ones from {least} to {most}", format::count(count as u64)),
    };
    let fewer = grouped.as_ref().map_or_else(String::new, |Grouped { sizes, longer: (mean, most) }| {
        format!(
            ", and rounds them up to {}, which makes batches {} longer in the mean and {} at most",
            sizes.values.len(),
            format::percent(*mean),
            format::percent(*most)
        )
    });
    Some(format!(
        "Each simulated request has the size of its record (`{column}`, {found}). The law takes sizes as independent of times \
         and of one another{fewer}."
    ))
}

/// What a scenario's own setting leaves without effect, or makes doubtful.
pub fn cautions(scenario: &Scenario) -> Vec<String> {
    let mut cautions: Vec<String> = processor(scenario).into_iter().collect();
    cautions.extend(scenario.classes.as_ref().and_then(sizes));
    let timeout = scenario.setting().timeout;
    if scenario.setting().batch == 1 && timeout.0 > 0 {
        cautions.push(format!("A batch of 1 leaves at once: the timeout of {timeout} never runs out."));
    }
    if let Source::Schedule(schedule) = &scenario.workload.source {
        let short = schedule.segments.iter().filter(|segment| segment.duration < timeout).count();
        if short > 0 && scenario.setting().batch > 1 {
            let all = schedule.segments.len();
            cautions.push(format!(
                "Caution: {short} of the schedule's {all} segments are shorter than the timeout of {timeout}. The \
                 prediction takes each as if it lasted, so batches that cross into the next are predicted wrongly."
            ));
        }
    }
    if let Some(share) = beyond_the_limit(scenario) {
        cautions.push(format!(
            "Caution: {} of the largest batches run longer than the {} after which {} ends a call; they are \
             simulated as if it did not.",
            format::percent(share),
            scenario.platform.book.limits.longest_run,
            scenario.platform.book.name
        ));
    }
    cautions
}

/// The share of random service times of the largest batch that is beyond the longest run, where it matters.
fn beyond_the_limit(scenario: &Scenario) -> Option<f64> {
    let limit = scenario.platform.book.limits.longest_run.as_secs_f64();
    let times = scenario.covered(scenario.setting()).ok()?;
    let square = times.cv.powi(2).ln_1p();
    let mean = times.mean.last()?.as_secs_f64();
    let law = LogNormal::new(mean.ln() - square / 2.0, square.sqrt()).ok().filter(|_| times.cv > 0.0)?;
    Some(1.0 - law.cdf(limit)).filter(|share| *share > NOTICEABLE)
}

/// A share of requests that a percentile such as 99.9 would feel.
const NOTICEABLE: f64 = 1e-4;
