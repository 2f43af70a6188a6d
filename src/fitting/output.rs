//! A fit as JSON for scripts, and fitted windows as a schedule for scenarios.

use std::fmt::Write;

use serde_json::{Map as Object, Value, json};

use super::candidate::{COMPARED_S, Candidate};
use super::fit::Fit;
use super::piecewise::Piece;
use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

impl Fit {
    /// The content of fit.json: one block a process (`d0`, `d1`, `rate`, `scv`, `lag1_acf`, `idc` by scale
    /// in seconds, ...), `trace` with the same figures measured, `best` and `reason`.
    pub fn to_json(&self) -> Value {
        let mut all = Object::new();
        for candidate in &self.candidates {
            all.insert(candidate.family.name(), candidate.to_json());
        }
        let trace = &self.trace;
        let idc = COMPARED_S.iter().filter_map(|s| trace.idc(*s).map(|idc| (s.to_string(), json!(idc))));
        let mut measured = json!({
            "rate": trace.rate,
            "scv": trace.scv(),
            "skewness": trace.gaps.as_ref().map(|gaps| gaps.skewness),
            "lag1_acf": trace.lag1(),
            "idc": idc.collect::<Object<_, _>>(),
        });
        if let (Value::Object(into), Ok(Value::Object(rest))) = (&mut measured, serde_json::to_value(trace)) {
            rest.into_iter().for_each(|(name, value)| {
                into.entry(name).or_insert(value);
            });
        }
        all.insert("trace".into(), measured);
        all.insert("best".into(), json!(self.best().family.name()));
        all.insert("reason".into(), json!(self.reason));
        Value::Object(all)
    }
}

impl Candidate {
    fn to_json(&self) -> Value {
        let stats = &self.stats;
        let mut idc: Object<_, _> =
            COMPARED_S.iter().map(|s| (s.to_string(), json!(stats.idc(*s)))).collect();
        idc.insert("limit".into(), json!(stats.idc_limit()));
        json!({
            "d0": self.map.d0().rows(),
            "d1": self.map.d1().rows(),
            "rate": stats.rate(),
            "scv": stats.scv(),
            "skewness": stats.skewness(),
            "lag1_acf": stats.autocorrelation(1),
            "idc": idc,
            "method": self.means.name(),
            "log_likelihood": self.log_likelihood,
            "bic": self.bic,
            "idc_ratio": self.scales,
            "warning": self.warning(),
        })
    }
}

/// The windows as a schedule file: one `[[segment]]` a window. A window too empty to fit is Poisson of
/// its mean rate, and one without arrivals of one in ten windows.
pub fn schedule_toml(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        let _ = writeln!(text, "[[segment]]\nduration = \"{}\"", piece.duration.written());
        match &piece.fit {
            Ok(fit) => text += &process(&fit.best().map),
            Err(super::FitError::TooFew { arrivals, .. }) => {
                let rate = (*arrivals as f64).max(0.1) / piece.duration.as_secs_f64();
                let _ = writeln!(text, "kind = \"poisson\"\nrate = {rate:?}");
            }
            Err(error) => panic!("a window is fitted by the default method: {error}"),
        }
        text.push('\n');
    }
    text
}

fn process(map: &Map) -> String {
    if map.order() == 1 {
        return format!("kind = \"poisson\"\nrate = {:?}\n", map.rate());
    }
    let rows = |m: &Matrix| format!("{:?}", m.rows());
    format!("kind = \"map\"\nd0 = {}\nd1 = {}\n", rows(map.d0()), rows(map.d1()))
}
