//! `[[published]]`: figures from a paper, to be set beside ours by `sim compare`.

use crate::document::Value;
use crate::error::{InputError, expected};

/// One published figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Where it stands, such as `Fig. 14`.
    pub figure: String,
    /// The system that it is about.
    pub system: String,
    /// What was measured.
    pub metric: Metric,
    /// The published number, in the metric's unit.
    pub value: f64,
    /// Both numbers are ratios to this system's; absent for plain figures.
    pub over: Option<String>,
    /// Why ours differs.
    pub why: String,
}

/// What can be set beside a published figure, by its column in compare.csv.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The cost over that of the first system.
    RelativeCost,
    /// The cost of a million requests [$].
    CostPerMillion,
    /// The share of requests over the SLO.
    ViolationShare,
    /// The 95th percentile of the latency \[s\].
    P95,
    /// The least of the SLO's percentile in slices of the run, over the SLO.
    WindowLeast,
    /// The largest of them.
    WindowMost,
    /// Of classes: the cost over that of the first system, both by a formula for full batches.
    RelativeFormulaCost,
    /// Of classes: the exact expected cost over the formula's, less 1.
    CostOverFormula,
}

impl Metric {
    /// The metrics by their columns in compare.csv.
    pub const NAMES: [(&str, Metric); 8] = [
        ("relative_cost", Metric::RelativeCost),
        ("cost_usd_per_million", Metric::CostPerMillion),
        ("slo_violation_share", Metric::ViolationShare),
        ("p95_s", Metric::P95),
        ("window_least", Metric::WindowLeast),
        ("window_most", Metric::WindowMost),
        ("relative_formula_cost", Metric::RelativeFormulaCost),
        ("cost_over_formula", Metric::CostOverFormula),
    ];
}

impl Published {
    /// Reads the list.
    ///
    /// # Errors
    /// A field that is missing or unknown, a system that the scenario does not have.
    pub fn list(value: &Value<'_>, names: &[&str]) -> Result<Vec<Published>, InputError> {
        let system = |value: &Value<'_>| match value.str()? {
            name if names.contains(&name) => Ok(name.to_owned()),
            name => Err(value.error(format!("no system `{name}`")).help(expected(name, names))),
        };
        let entry = |value: &Value<'_>| {
            let section = value.section()?;
            let published = Published {
                figure: section.required("figure")?.str()?.to_owned(),
                system: system(&section.required("system")?)?,
                metric: section.required("metric")?.choice(&Metric::NAMES)?,
                value: section.required("value")?.positive()?,
                over: section.optional("over").map(|value| system(&value)).transpose()?,
                why: section.optional("why").map_or(Ok(""), |value| value.str())?.to_owned(),
            };
            section.finish()?;
            Ok(published)
        };
        value.list()?.iter().map(entry).collect()
    }
}
