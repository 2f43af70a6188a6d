//! Published figures beside ours.

use super::format;
use crate::scenario::Scenario;
use crate::scenario::published::{Metric, Published};

pub(super) const HEADERS: [&str; 7] =
    ["figure", "system", "what", "published", "ours", "difference", "why they differ"];

/// One row for each published figure; `figure` says ours of a system.
pub(super) fn rows(scenario: &Scenario, figure: impl Fn(&str, Metric) -> Option<f64>) -> Vec<Vec<String>> {
    let row = |published: &Published| {
        let Published { figure: place, system, metric, value, over, why } = published;
        let (shown, title) = words(*metric);
        let whole = over.as_ref().map_or(Some(1.0), |over| figure(over, *metric));
        let ours = figure(system, *metric).zip(whole).map(|(ours, whole)| ours / whole);
        let shown = if over.is_some() { format::number } else { shown };
        let system = match over {
            Some(over) => format!("{system} / {over}"),
            None => system.clone(),
        };
        let (ours, difference) = match ours {
            Some(ours) => (shown(ours), format::percent(ours / value - 1.0)),
            None => (String::new(), String::new()),
        };
        vec![place.clone(), system, title.to_owned(), shown(*value), ours, difference, why.clone()]
    };
    scenario.published.iter().map(row).collect()
}

/// How a metric is shown, and what it is called.
fn words(metric: Metric) -> (fn(f64) -> String, &'static str) {
    match metric {
        Metric::RelativeCost => (format::number, "cost, relative to the first system"),
        Metric::CostPerMillion => (format::money, "cost per million requests"),
        Metric::ViolationShare => (format::percent, "requests over the SLO"),
        Metric::P95 => (format::duration, "p95 latency"),
        Metric::WindowLeast => (format::number, "windowed percentile / SLO, least"),
        Metric::WindowMost => (format::number, "windowed percentile / SLO, most"),
        Metric::RelativeFormulaCost => (format::number, "cost by formula, relative to the first system"),
        Metric::CostOverFormula => (format::percent, "exact cost over the formula's"),
    }
}
