//! Two runs, or the answers of two plans: settings and figures that differ, and whether beyond the confidence intervals.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::relative;
use crate::report::format;
use crate::text::separated;

/// How two runs, or the answers of two plans, differ, B against A.
#[derive(Debug, Serialize)]
pub struct RunDiff {
    kind: &'static str,
    pub(super) a: String,
    pub(super) b: String,
    pub(super) settings: Vec<ChangedSetting>,
    pub(super) figures: Vec<Figure>,
}

/// A setting that differs; absent where a scenario leaves it out.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ChangedSetting {
    pub key: String,
    pub a: Option<Value>,
    pub b: Option<Value>,
}

/// A figure of both runs.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    /// Its place in summary.json.
    #[serde(rename = "key", serialize_with = "key")]
    pub known: &'static Known,
    pub a: f64,
    pub b: f64,
    /// B minus A.
    pub difference: f64,
    /// B / A - 1; absent where A is 0.
    pub relative: Option<f64>,
    /// Of the difference; absent where a run has no interval.
    pub ci95: Option<[f64; 2]>,
    /// Does that interval leave out 0?
    pub beyond_ci95: Option<bool>,
}

/// Name, place in summary.json, place of its interval, and how it is shown.
pub(super) type Known = (&'static str, &'static str, &'static str, fn(f64) -> String);

fn key<S: Serializer>((_, key, ..): &Known, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(key)
}

const SIMULATED: [Known; 27] = [
    ("mean latency", "simulated.latency_s.mean", "simulated.latency_ci95_s.mean", format::duration),
    ("p50 latency", "simulated.latency_s.p50", "simulated.latency_ci95_s.p50", format::duration),
    ("p90 latency", "simulated.latency_s.p90", "simulated.latency_ci95_s.p90", format::duration),
    ("p95 latency", "simulated.latency_s.p95", "simulated.latency_ci95_s.p95", format::duration),
    ("p99 latency", "simulated.latency_s.p99", "simulated.latency_ci95_s.p99", format::duration),
    (
        "latency at the SLO's percentile",
        "simulated.latency_s.slo",
        "simulated.latency_ci95_s.slo",
        format::duration,
    ),
    ("longest latency", "simulated.latency_s.max", "", format::duration),
    (
        "cost per million requests",
        "simulated.cost_usd_per_million",
        "simulated.cost_usd_per_million_ci95",
        format::money,
    ),
    ("mean batch", "simulated.mean_batch", "simulated.mean_batch_ci95", format::number),
    ("over the SLO", "simulated.slo_violation_share", "simulated.slo_violation_share_ci95", format::percent),
    ("hours over the SLO", "hours_over_slo.over", "", whole),
    ("requests", "requests", "", whole),
    ("batches", "batches", "", whole),
    ("full batches", "simulated.full_batches", "", whole),
    ("batches timed out", "simulated.timeout_batches", "", whole),
    ("cold starts", "simulated.cold_starts", "", whole),
    ("throttled tries", "simulated.throttled", "", whole),
    ("failed requests", "simulated.rejected", "", whole),
    ("mean concurrency", "simulated.mean_concurrency", "", format::number),
    ("peak concurrency", "simulated.peak_concurrency", "", whole),
    ("cost per month", "simulated.cost_usd_per_month", "", format::money),
    ("cost of the run", "simulated.cost_usd", "", format::money),
    ("cost of serving", "simulated.cost_components_usd.compute", "", format::money),
    ("cost of initialisation", "simulated.cost_components_usd.initialisation", "", format::money),
    ("cost of calls", "simulated.cost_components_usd.requests", "", format::money),
    ("cost of provisioning", "simulated.cost_components_usd.provisioned", "", format::money),
    ("plans", "adaptive.plans", "", whole),
];

const PREDICTED: [Known; 8] = [
    ("predicted mean latency", "predicted.latency_s.mean", "", format::duration),
    ("predicted p50 latency", "predicted.latency_s.p50", "", format::duration),
    ("predicted p90 latency", "predicted.latency_s.p90", "", format::duration),
    ("predicted p95 latency", "predicted.latency_s.p95", "", format::duration),
    ("predicted p99 latency", "predicted.latency_s.p99", "", format::duration),
    ("predicted cost per million", "predicted.cost_usd_per_million", "", format::money),
    ("predicted mean batch", "predicted.mean_batch", "", format::number),
    ("predicted over the SLO", "predicted.slo_violation_share", "", format::percent),
];

/// What a summary says of its settings besides the scenario's text.
const ALWAYS: [&str; 3] = ["scenario", "seed", "predicted.model"];
/// The same of a summary without the scenario's text.
const WITHOUT_TEXT: [&str; 5] = ["memory_mb", "batch", "timeout_s", "replications", "warmup_s"];
/// What a plan.json says besides: what was asked, and how it was answered.
const OF_PLANS: [&str; 9] = [
    "feasible",
    "provisioned",
    "ranked_by",
    "model",
    "slo.percentile",
    "slo.latency_s",
    "slo.budget_usd_per_million",
    "slo.max_violations",
    "slo.every_hour",
];

impl RunDiff {
    pub(super) fn new(a: (&Path, &Value), b: (&Path, &Value)) -> RunDiff {
        let figures = SIMULATED.iter().chain(&PREDICTED).filter_map(|known| Figure::of(known, a.1, b.1));
        RunDiff {
            kind: "run",
            a: a.0.display().to_string(),
            b: b.0.display().to_string(),
            settings: settings(a.1, b.1),
            figures: figures.collect(),
        }
    }
}

impl RunDiff {
    /// The configurations that two plans recommend, or come nearest to what is asked.
    pub(super) fn of_plans(a: (&Path, &Value), b: (&Path, &Value)) -> RunDiff {
        let (in_a, in_b) = (answer(a.1), answer(b.1));
        RunDiff { kind: "plan", ..RunDiff::new((a.0, &in_a), (b.0, &in_b)) }
    }
}

/// A plan's answer as a run has it: the figures and the setting at the top, beside what was asked.
fn answer(plan: &Value) -> Value {
    let mut all = plan.clone();
    let chosen = ["recommended", "nearest_miss"].iter().find_map(|name| plan.get(name)?.as_object());
    if let (Some(all), Some(chosen)) = (all.as_object_mut(), chosen) {
        all.extend(chosen.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    all
}

impl Figure {
    fn of(known: &'static Known, a: &Value, b: &Value) -> Option<Figure> {
        let (_, key, ci_key, _) = known;
        let number = |run| at(run, key).and_then(Value::as_f64);
        let (x, y) = (number(a)?, number(b)?);
        let interval = |run| {
            let ends = at(run, ci_key)?.as_array()?;
            Some([ends.first()?.as_f64()?, ends.get(1)?.as_f64()?])
        };
        let ci95 = interval(a).zip(interval(b)).map(|(of_x, of_y)| of_difference((x, of_x), (y, of_y)));
        Some(Figure {
            known,
            a: x,
            b: y,
            difference: y - x,
            relative: relative(x, y),
            ci95,
            beyond_ci95: ci95.map(|[low, high]| low > 0.0 || high < 0.0),
        })
    }
}

/// The 95 % interval of y - x from those of x and y, which may be lopsided, as those of quantiles are:
///
/// L = y - x - sqrt((y - l_y)² + (u_x - x)²), U = y - x + sqrt((u_y - y)² + (x - l_x)²)
///
/// for independent estimates (Zou and Donner, "Construction of confidence limits about effect measures: a general
/// approach", Statistics in Medicine 27, 2008). For runs on common random numbers it is too wide, never too narrow,
/// as long as a larger x comes with a larger y.
fn of_difference((x, [low_x, high_x]): (f64, [f64; 2]), (y, [low_y, high_y]): (f64, [f64; 2])) -> [f64; 2] {
    [y - x - (y - low_y).hypot(high_x - x), y - x + (high_y - y).hypot(x - low_x)]
}

fn whole(value: f64) -> String {
    separated(&format!("{value:.0}"))
}

fn at<'a>(run: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(run, |value, name| value.get(name)).filter(|value| !value.is_null())
}

/// The settings that differ, in the order of their names.
fn settings(a: &Value, b: &Value) -> Vec<ChangedSetting> {
    let texts = a.get("settings").zip(b.get("settings"));
    let plain = |key: &&str| (*key).to_owned();
    let of = |run: &Value, text: Option<&Value>| -> BTreeMap<String, Value> {
        let without = if text.is_some() { &[][..] } else { &WITHOUT_TEXT };
        let asked = if run.get("feasible").is_some() { &OF_PLANS[..] } else { &[] };
        let named = ALWAYS
            .iter()
            .chain(without)
            .chain(asked)
            .filter_map(|key| Some((plain(key), at(run, key)?.clone())));
        let mut all: BTreeMap<String, Value> = named.collect();
        if let Some(text) = text {
            leaves(text, "", &mut all);
            // `--seed` replaces the one, the summary's `scenario` is the other.
            all.remove("name");
        }
        if let Some(seed) = run.get("seed") {
            all.insert("seed".to_owned(), seed.clone());
        }
        all
    };
    let (left, right) = (of(a, texts.map(|t| t.0)), of(b, texts.map(|t| t.1)));
    let mut keys: Vec<&String> =
        left.keys().chain(right.keys().filter(|key| !left.contains_key(*key))).collect();
    keys.sort();
    let differing = keys.into_iter().filter(|key| left.get(*key) != right.get(*key));
    differing
        .map(|key| ChangedSetting { key: key.clone(), a: left.get(key).cloned(), b: right.get(key).cloned() })
        .collect()
}

/// Every value below `value` by its path; lists of anything but tables are one value.
fn leaves(value: &Value, path: &str, all: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(field, &path, all);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (i, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}[{i}]"), all);
            }
        }
        leaf => {
            all.insert(path.to_owned(), leaf.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_interval_of_a_difference_adds_the_halves_that_face_each_other() {
        // Halves of 3 and 4 give 5; the other halves 5 and 12 give 13.
        let [low, high] = of_difference((10.0, [5.0, 13.0]), (20.0, [16.0, 32.0]));
        assert_eq!((low, high), (10.0 - 5.0, 10.0 + 13.0));
        // A figure without noise keeps the other's interval.
        assert_eq!(of_difference((1.0, [1.0, 1.0]), (2.0, [1.5, 3.0])), [0.5, 2.0]);
    }

    #[test]
    fn settings_differ_by_their_leaves() {
        let a =
            json!({ "seed": 1, "settings": { "seed": 9, "policy": { "batch": 5 }, "system": [{ "x": 1 }] } });
        let b = json!({ "seed": 2, "settings": { "seed": 9, "policy": { "batch": 8, "timeout": "1s" },
            "system": [{ "x": 1 }] } });
        let found = settings(&a, &b);
        let keys: Vec<&str> = found.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(keys, ["policy.batch", "policy.timeout", "seed"]);
        assert_eq!((&found[1].a, &found[2].b), (&None, &Some(json!(2))));
    }
}
