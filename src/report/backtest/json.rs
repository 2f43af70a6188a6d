//! backtest.json.

use serde_json::{Map, Value as Json, json};

use super::BacktestReport;
use crate::backtest::attribute::PARTS;
use crate::backtest::keep_alive::Form;
use crate::backtest::learn::Known;
use crate::backtest::predict::{Figures, NAMES};
use crate::backtest::stats::Estimate;

pub(super) fn text(report: &BacktestReport<'_>) -> String {
    let found = report.found;
    let noise = |at: usize| json!([found.noise[at].0, found.noise[at].1]);
    let (observed, predicted) = (found.observed.named(), found.predicted.named());
    let difference = |at: usize| match observed[at] {
        0.0 if predicted[at] == 0.0 => json!(0.0),
        0.0 => Json::Null,
        seen => json!(predicted[at] / seen - 1.0),
    };
    let requests = found.predicted.requests / found.observed.requests - 1.0;
    let hits =
        found.hits.map(|[hit, missed, alarm]| json!({ "hit": hit, "missed": missed, "false_alarms": alarm }));
    let hour = |(hour, seen, model): &(u64, Figures, Figures)| json!({ "hour": hour, "observed": seen, "predicted": model });
    let root = json!({
        "log": report.log.name,
        "split": report.split,
        "seeds": report.seeds,
        "calls": { "learnt": found.learnt.calls, "predicted": found.calls.len() },
        "within_tolerance": found.verdict.is_good(),
        "outside": found.verdict.outside,
        "causes": found.verdict.causes,
        "observed": with_busy(&found.observed, found.busy.0),
        "predicted": with_busy(&found.predicted, found.busy.1),
        "difference": nested(difference, Some(json!(requests))),
        "noise": nested(noise, None),
        "tolerance": nested(|at| json!(report.tolerance.0[at]), None),
        "attribution": attribution(report),
        "cold_starts_by_request": hits,
        "learnt": learnt(report),
        "used": { "profile": found.used.0, "platform": found.used.1 },
        "drift": {
            "service_times": found.verdict.change.map(|c| json!({ "at_s": c.at, "ratio": c.ratio, "p": c.p })),
            "keep_alive": found.verdict.stays_changed,
        },
        "hours": found.hours.iter().map(hour).collect::<Vec<Json>>(),
        "left_out": report.log.skipped,
        "notes": report.notes(),
    });
    let mut text = serde_json::to_string_pretty(&root).expect("plain data");
    text.push('\n');
    text
}

fn with_busy(figures: &Figures, busy: f64) -> Json {
    let mut value = serde_json::to_value(figures).expect("plain data");
    value["mean_busy_environments"] = json!(busy);
    value
}

/// Figures in the shape of the observed ones: latencies by themselves.
fn nested(of: impl Fn(usize) -> Json, requests: Option<Json>) -> Json {
    let (mut latency, mut root) = (Map::new(), Map::new());
    for (at, name) in NAMES.iter().enumerate() {
        let into = if at < 5 { &mut latency } else { &mut root };
        into.insert((*name).to_owned(), of(at));
    }
    root.insert("latency_s".into(), Json::Object(latency));
    if let Some(requests) = requests {
        root.insert("requests".into(), requests);
    }
    Json::Object(root)
}

fn attribution(report: &BacktestReport<'_>) -> Vec<Json> {
    let Some(parts) = report.found.attribution else { return Vec::new() };
    let (observed, predicted) = (report.found.observed.named(), report.found.predicted.named());
    let of = |at: usize| {
        let part = |(name, part): (&&str, &[f64; 7])| json!({ "part": name, "change": part[at] });
        json!({
            "figure": NAMES[at],
            "difference": if observed[at] == 0.0 { Json::Null } else { json!(predicted[at] / observed[at] - 1.0) },
            "parts": PARTS.iter().zip(&parts).map(part).collect::<Vec<Json>>(),
        })
    };
    report.shown().map(of).collect()
}

fn learnt(report: &BacktestReport<'_>) -> Json {
    let learnt = &report.found.learnt;
    let stays = &learnt.stays;
    let keep_alive = match stays.form {
        None => json!({ "form": "unknown", "at_least_s": stays.longest_outlived }),
        Some(Form::Fixed(keep)) => json!({ "form": "fixed", "keep_alive_s": keep }),
        Some(Form::Halving(every)) => json!({ "form": "half_every", "half_every_s": every }),
        Some(Form::Random(mean, cv)) => json!({ "form": "random", "mean_s": mean, "cv": cv }),
        Some(Form::LastAndSpare(last, spare)) => {
            json!({ "form": "last_and_spare", "last_s": last, "spare_s": spare })
        }
    };
    let (order, agree, of) = learnt.reuse;
    let estimate = |found: Option<Estimate>| serde_json::to_value(found).expect("plain data");
    json!({
        "memory_mb": learnt.memory.0.0,
        "memory_is_assumed": learnt.memory.1 == Known::Assumed,
        "book": learnt.book.0,
        "book_is_assumed": learnt.book.1 == Known::Assumed,
        "rate_per_s": learnt.rate,
        "service_s": learnt.service,
        "init_s": estimate(learnt.init),
        "init_cv": if learnt.inits.is_empty() { Json::Null } else {
            let mean = crate::backtest::stats::mean(&learnt.inits);
            json!(if mean > 0.0 { crate::backtest::stats::deviation(&learnt.inits) / mean } else { 0.0 })
        },
        "first_call_s": estimate(learnt.first_call),
        "overhead_s": estimate(learnt.overhead),
        "overhead_cv": learnt.profile.beside.overhead_cv,
        "keep_alive": keep_alive,
        "keep_alive_too_few_to_tell": stays.are_few(),
        "environments_seen": { "there": stays.there, "gone": stays.gone },
        "max_age_s": estimate(stays.max_age),
        "oldest_s": stays.oldest,
        "reuse": { "order": order, "agree": agree, "of": of, "too_few_to_tell": of < 8 },
    })
}
