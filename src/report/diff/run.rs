//! Two runs: settings and figures that differ, and whether beyond the confidence intervals.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{relative, signed, signed_percent};
use crate::report::format;
use crate::report::table::text_table;

/// How two runs differ, B against A.
#[derive(Debug, Serialize)]
pub struct RunDiff {
    kind: &'static str,
    a: String,
    b: String,
    settings: Vec<Setting>,
    figures: Vec<Figure>,
}

/// A setting that differs; absent where a scenario leaves it out.
#[derive(Debug, PartialEq, Serialize)]
struct Setting {
    key: String,
    a: Option<Value>,
    b: Option<Value>,
}

/// A figure of both runs.
#[derive(Debug, Serialize)]
struct Figure {
    /// Its place in summary.json.
    key: &'static str,
    #[serde(skip)]
    name: &'static str,
    a: f64,
    b: f64,
    /// B minus A.
    difference: f64,
    /// B / A - 1; absent where A is 0.
    relative: Option<f64>,
    /// Of the difference; absent where a run has no interval.
    ci95: Option<[f64; 2]>,
    /// Does that interval leave out 0?
    beyond_ci95: Option<bool>,
    #[serde(skip)]
    show: fn(f64) -> String,
}

/// Name, place in summary.json, place of its interval, and how it is shown.
type Known = (&'static str, &'static str, &'static str, fn(f64) -> String);

const SIMULATED: [Known; 25] = [
    ("mean latency", "simulated.latency_s.mean", "simulated.latency_ci95_s.mean", format::duration),
    ("p50 latency", "simulated.latency_s.p50", "simulated.latency_ci95_s.p50", format::duration),
    ("p90 latency", "simulated.latency_s.p90", "simulated.latency_ci95_s.p90", format::duration),
    ("p95 latency", "simulated.latency_s.p95", "simulated.latency_ci95_s.p95", format::duration),
    ("p99 latency", "simulated.latency_s.p99", "simulated.latency_ci95_s.p99", format::duration),
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

    pub(super) fn text(&self) -> String {
        let mut text = format!("A: {}\nB: {}\n\n", self.a, self.b);
        if !self.settings.is_empty() {
            let rows: Vec<Vec<String>> =
                self.settings.iter().map(|s| vec![s.key.clone(), shown(&s.a), shown(&s.b)]).collect();
            text.push_str(&text_table(&["setting", "A", "B"], &rows));
            text.push('\n');
        }
        let (changed, same): (Vec<&Figure>, Vec<&Figure>) =
            self.figures.iter().partition(|figure| figure.difference != 0.0);
        if changed.is_empty() {
            return text + "All figures are the same.\n";
        }
        let rows: Vec<Vec<String>> = changed.iter().map(|figure| figure.row()).collect();
        text.push_str(&text_table(&HEADERS, &rows));
        text.push('\n');
        if !same.is_empty() {
            let names: Vec<&str> = same.iter().map(|figure| figure.name).collect();
            text.push_str(&format!("The same: {}.\n", names.join(", ")));
        }
        let known = changed.iter().filter(|figure| figure.beyond_ci95.is_some()).count();
        let beyond = changed.iter().filter(|figure| figure.beyond_ci95 == Some(true)).count();
        if known == 0 {
            return text + "A run without intervals: nothing can be said of chance.\n";
        }
        text + &format!(
            "{beyond} of {known} changed figures with intervals differ beyond them.\n\
             The interval of a difference takes the runs as independent; those of one seed are closer than that.\n"
        )
    }
}

const HEADERS: [&str; 7] = ["", "A", "B", "B - A", "relative", "95 % interval of B - A", "beyond it"];

impl Figure {
    fn of((name, key, ci_key, show): &Known, a: &Value, b: &Value) -> Option<Figure> {
        let number = |run| at(run, key).and_then(Value::as_f64);
        let (x, y) = (number(a)?, number(b)?);
        let interval = |run| {
            let ends = at(run, ci_key)?.as_array()?;
            Some([ends.first()?.as_f64()?, ends.get(1)?.as_f64()?])
        };
        let ci95 = interval(a).zip(interval(b)).map(|(of_x, of_y)| of_difference((x, of_x), (y, of_y)));
        Some(Figure {
            key,
            name,
            a: x,
            b: y,
            difference: y - x,
            relative: relative(x, y),
            ci95,
            beyond_ci95: ci95.map(|[low, high]| low > 0.0 || high < 0.0),
            show: *show,
        })
    }

    fn row(&self) -> Vec<String> {
        let show = self.show;
        vec![
            self.name.to_owned(),
            show(self.a),
            show(self.b),
            signed(self.difference, show),
            self.relative.map_or(String::new(), signed_percent),
            self.ci95.map_or(String::new(), |[low, high]| {
                format!("{} – {}", signed(low, show), signed(high, show))
            }),
            self.beyond_ci95.map_or("", |beyond| if beyond { "yes" } else { "no" }).to_owned(),
        ]
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
    format::separated(&format!("{value:.0}"))
}

fn at<'a>(run: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(run, |value, name| value.get(name)).filter(|value| !value.is_null())
}

/// The settings that differ, in the order of their names.
fn settings(a: &Value, b: &Value) -> Vec<Setting> {
    let texts = a.get("settings").zip(b.get("settings"));
    let plain = |key: &&str| (*key).to_owned();
    let of = |run: &Value, text: Option<&Value>| -> BTreeMap<String, Value> {
        let without = if text.is_some() { &[][..] } else { &WITHOUT_TEXT };
        let named = ALWAYS.iter().chain(without).filter_map(|key| Some((plain(key), at(run, key)?.clone())));
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
        .map(|key| Setting { key: key.clone(), a: left.get(key).cloned(), b: right.get(key).cloned() })
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

/// The longest value that a table shows whole, in characters.
const WIDEST: usize = 40;

fn shown(value: &Option<Value>) -> String {
    let text = match value {
        None => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.chars().count() > WIDEST {
        true => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        false => text,
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
