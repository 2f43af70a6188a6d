//! How the confidence intervals were made, and why some are missing, in words.

use super::super::format;
use crate::outcome::{Intervals, Needed, Simulation, Withheld};

/// Field names and what tables call them.
const NAMES: [(&str, &str); 8] = [
    ("latency_s.mean", "mean latency"),
    ("latency_s.p50", "p50"),
    ("latency_s.p90", "p90"),
    ("latency_s.p95", "p95"),
    ("latency_s.p99", "p99"),
    ("cost_usd_per_million", "cost"),
    ("mean_batch", "mean batch"),
    ("slo_violation_share", "share over the SLO"),
];

/// What a reader must know of the intervals.
pub fn notes(simulation: &Simulation) -> Vec<String> {
    let Intervals { pieces, withheld, .. } = &simulation.simulated.intervals;
    let mut notes = Vec::new();
    if withheld.as_ref().is_none_or(|withheld| withheld.figures.len() < NAMES.len()) {
        notes.push(match simulation.replications {
            1 => format!(
                "Intervals are 95 %, by batch means of {pieces} slices of the run, adjusted for skewness and autocorrelation."
            ),
            n => format!("Intervals are 95 %, from {n} independent replications."),
        });
    }
    notes.extend(withheld.as_ref().map(missing));
    notes
}

fn missing(withheld: &Withheld) -> String {
    let name = |field: &&'static str| NAMES.iter().find(|(name, _)| name == field).map_or(*field, |(_, n)| n);
    let figures = match withheld.figures.len() {
        n if n == NAMES.len() => String::new(),
        _ => format!(" of {}", withheld.figures.iter().map(name).collect::<Vec<_>>().join(", ")),
    };
    match withheld.needed {
        Some(Needed { pieces, piece_s, run_s, requests }) => format!(
            "No 95 % interval{figures}: the run holds {} independent bursts, of {} each; {} ({} requests) would do.",
            format::number(pieces),
            format::duration(piece_s),
            format::duration(run_s),
            format::count(requests),
        ),
        None => format!("No 95 % interval{figures}: the run is too short."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_length_that_would_do() {
        let needed = Needed { pieces: 5.0, piece_s: 660.0, run_s: 6_600.0, requests: 119_900 };
        let mut withheld = Withheld { figures: vec!["latency_s.p99", "mean_batch"], needed: Some(needed) };
        assert_eq!(
            missing(&withheld),
            "No 95 % interval of p99, mean batch: the run holds 5 independent bursts, of 11 min each; 110 min \
             (119,900 requests) would do."
        );
        withheld = Withheld { figures: NAMES.map(|(field, _)| field).to_vec(), needed: None };
        assert_eq!(missing(&withheld), "No 95 % interval: the run is too short.");
    }
}
