//! The part of a page that one plays with: limits to drag, over the whole grid that the page carries.
//!
//! The scripts build it (`grid.js` unpacks and chooses, `scene.js` draws, `explorer.js` shows): where they do not run, the page is without.

mod pack;

use serde::Serialize;

use self::pack::{From, pack};
use crate::scenario::Setting;

/// In this order: each uses what is before it.
pub(super) const SCRIPTS: [&str; 3] =
    [include_str!("grid.js"), include_str!("scene.js"), include_str!("explorer.js")];
pub(super) const STYLE: &str = include_str!("explorer.css");
/// More configurations than this would make a page that is slow to open and to send.
pub(super) const MOST: usize = 50_000;

/// One configuration as the explorer knows it. What is not known is NaN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub setting: Setting,
    /// Latency at the percentile \[s\] and cost of a million requests [$].
    pub predicted: [f64; 2],
    /// As `predicted`.
    pub simulated: [f64; 2],
    pub p50_s: f64,
    pub p99_s: f64,
    pub late: f64,
    pub mean_batch: f64,
    pub cold_starts: f64,
    pub usd_per_month: f64,
    pub meets: Option<bool>,
    pub on_front: bool,
}

/// What is asked, and how the page speaks of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Question {
    /// `p95`.
    pub percentile: String,
    pub slo_s: Option<f64>,
    pub budget_usd_per_million: Option<f64>,
    /// How many configurations there were in all: the page may carry fewer.
    pub of: usize,
    /// The row of the page's own answer.
    pub best: Option<usize>,
    /// Whose rows these are: `sweep.csv`; empty if no file has them.
    pub file: &'static str,
    /// The columns that `file` has, in its order; empty without one.
    pub columns: Vec<String>,
}

#[derive(Serialize)]
struct About<'a> {
    rows: usize,
    names: [&'static str; NAMES.len()],
    from: Vec<From>,
    #[serde(flatten)]
    question: &'a Question,
}

const NAMES: [&str; 16] = [
    "memory_mb",
    "batch",
    "timeout_s",
    "provisioned",
    "predicted_s",
    "predicted_usd",
    "simulated_s",
    "simulated_usd",
    "p50_s",
    "p99_s",
    "late",
    "mean_batch",
    "cold_starts",
    "usd_per_month",
    "meets",
    "on_front",
];

/// The markup that a page carries: what is asked, and the packed grid.
pub(super) fn markup(entries: &[Entry], question: &Question) -> String {
    let columns = columns(entries);
    let packed = pack(&columns, &strides(entries));
    let about = About { rows: entries.len(), names: NAMES, from: packed.from, question };
    // Within a script element, only `<` could end it early.
    let about = serde_json::to_string(&about).expect("plain data").replace('<', "\\u003c");
    format!(
        "<div id=\"explorer\"></div>\n<script type=\"application/json\" id=\"explorer-about\">{about}</script>\n\
         <script type=\"text/plain\" id=\"explorer-grid\">{}</script>\n",
        packed.text
    )
}

fn columns(entries: &[Entry]) -> Vec<Vec<f64>> {
    let of = |figure: &dyn Fn(&Entry) -> f64| entries.iter().map(figure).collect::<Vec<f64>>();
    vec![
        of(&|e| f64::from(e.setting.memory.0)),
        of(&|e| f64::from(e.setting.batch)),
        of(&|e| e.setting.timeout.as_secs_f64()),
        of(&|e| f64::from(e.setting.provisioned)),
        of(&|e| e.predicted[0]),
        of(&|e| e.predicted[1]),
        of(&|e| e.simulated[0]),
        of(&|e| e.simulated[1]),
        of(&|e| e.p50_s),
        of(&|e| e.p99_s),
        of(&|e| e.late),
        of(&|e| e.mean_batch),
        of(&|e| e.cold_starts),
        of(&|e| e.usd_per_month),
        of(&|e| e.meets.map_or(f64::NAN, |meets| f64::from(u8::from(meets)))),
        of(&|e| f64::from(u8::from(e.on_front))),
    ]
}

/// The next row, the row of the next batch size, and that of the next memory size.
fn strides(entries: &[Entry]) -> [usize; 3] {
    let run = |same: &dyn Fn(&Setting, &Setting) -> bool| {
        let first = entries.first().map(|e| e.setting);
        first.map_or(1, |first| entries.iter().take_while(|e| same(&first, &e.setting)).count())
    };
    [1, run(&|a, b| (a.memory, a.batch) == (b.memory, b.batch)), run(&|a, b| a.memory == b.memory)]
}
