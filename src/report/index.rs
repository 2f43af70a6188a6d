//! The page that links every result below a folder, with headline figures.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::diff::{cheapest, read_json, read_sweep};
use super::files::write_atomically;
use super::format;
use super::html::Page;
use super::pages;
use super::plan::named;
use crate::error::InputError;
use crate::scenario::Setting;
use crate::text::line;
use crate::units::{MemoryMb, Span};

/// A kind of result: the file that holds it, its heading and caption, the columns after the name, and how to fill them.
struct Kind {
    file: &'static str,
    heading: &'static str,
    /// Which figures these are.
    caption: &'static str,
    columns: &'static [&'static str],
    row: fn(&Path) -> Option<Vec<String>>,
    /// The command whose page it has.
    command: &'static str,
}

const KINDS: [Kind; 8] = [
    Kind {
        file: "summary.json",
        heading: "Runs",
        caption: "as simulated",
        columns: &["configuration", "requests", "percentile", "cost/million", "cost/month", "over the SLO"],
        row: run,
        command: "run",
    },
    Kind {
        file: "plan.json",
        heading: "Plans",
        caption: "as simulated, or predicted where nothing was simulated",
        columns: &["recommended", "percentile", "cost/million", "cost/month"],
        row: plan,
        command: "plan",
    },
    Kind {
        file: "sweep.csv",
        heading: "Sweeps",
        caption: "as simulated, or predicted where nothing was simulated",
        columns: &["configurations", "meet the SLO", "the cheapest of them", "cost/million"],
        row: sweep,
        command: "sweep",
    },
    Kind {
        file: "compare.json",
        heading: "Comparisons",
        caption: "as simulated",
        columns: &["systems", "the cheapest that meets the SLO", "cost/million", "cost/month"],
        row: compare,
        command: "compare",
    },
    Kind {
        file: "fit.json",
        heading: "Fits",
        caption: "of traces",
        columns: &["process", "rate [1/s]"],
        row: fit,
        command: "fit",
    },
    Kind {
        file: "fleet.json",
        heading: "Fleets",
        caption: "functions that keep the SLO, as simulated",
        columns: &["functions", "cost/month", "saved/month"],
        row: fleet,
        command: "fleet",
    },
    Kind {
        file: "backtest.json",
        heading: "Backtests",
        caption: "predicted beside observed",
        columns: &["requests", "p95 observed", "p95 predicted", "bill observed", "bill predicted"],
        row: backtest,
        command: "backtest",
    },
    Kind {
        file: "max-rate.json",
        heading: "Largest rates",
        caption: "within the SLO, as simulated",
        columns: &["requests [1/s]"],
        row: max_rate,
        command: "plan",
    },
];

/// Writes `root`/index.html: all results below `root`, by kind and name. It holds no date, so the same results give
/// the same bytes. A result that cannot be read is listed as such, and so is a folder; returns why.
///
/// # Errors
/// If the page cannot be written.
pub fn write(root: &Path) -> Result<Vec<InputError>, InputError> {
    let (mut folders, unread) = find(root);
    folders.sort();
    let (mut page, mut results) = (Page::new("Results"), 0);
    for kind in &KINDS {
        let headers: Vec<&str> = [&["result"], kind.columns].concat();
        let here = folders.iter().filter(|folder| root.join(folder).join(kind.file).is_file());
        let rows: Vec<(String, Vec<String>)> = here.map(|folder| row(root, folder, kind)).collect();
        results += rows.len();
        if !rows.is_empty() {
            page = page.heading(kind.heading).linked_table(kind.caption, &headers, &rows);
        }
    }
    let count = format::count(results as u64);
    let subtitle = if results == 1 { "1 result".to_owned() } else { format!("{count} results") };
    let mut page =
        page.subtitle(subtitle).note("sim diff A B says how two runs, two plans or two sweeps differ.");
    for error in &unread {
        page = page.note(&format!("Not listed: {}: {}", line(&error.file), error.message));
    }
    write_atomically(&root.join("index.html"), page.render())?;
    Ok(unread)
}

/// The folders below `root`, relative to it, and those that cannot be listed. Links are not followed.
fn find(root: &Path) -> (Vec<PathBuf>, Vec<InputError>) {
    let (mut found, mut unread, mut left) = (Vec::new(), Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = left.pop() {
        let path = root.join(&folder);
        let listed = std::fs::read_dir(&path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        match listed {
            Ok(entries) => {
                // One that vanished meanwhile is no folder.
                let folders =
                    entries.iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
                left.extend(folders.map(|entry| folder.join(entry.file_name())));
                found.push(folder);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => unread.push(InputError::io(&path, &e)),
        }
    }
    unread.sort_by(|a, b| a.file.cmp(&b.file));
    (found, unread)
}

/// The address of a result's page, or of its file where it has no page, and its cells.
fn row(root: &Path, folder: &Path, kind: &Kind) -> (String, Vec<String>) {
    let in_root = root.join(folder);
    let names: Vec<String> = folder.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let page = pages::of(&in_root, kind.command).filter(|_| !names.is_empty());
    let target = page.unwrap_or_else(|| kind.file.to_owned());
    let name = if names.is_empty() { ".".to_owned() } else { names.join("/") };
    let address: Vec<String> = names.iter().map(|name| encoded(name)).chain([target]).collect();
    let cells = (kind.row)(&in_root.join(kind.file)).unwrap_or_else(|| vec!["cannot be read".to_owned()]);
    (address.join("/"), [vec![name], cells].concat())
}

/// A name as a part of an address: all but letters, digits and `-_.~` as %XX.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let part = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(part).collect()
}

fn run(path: &Path) -> Option<Vec<String>> {
    let run = read_json(path).ok()?;
    let simulated = run.get("simulated")?;
    let configuration = match run.get("adaptive") {
        Some(_) => "adaptive".to_owned(),
        None => named(setting(&run)?),
    };
    Some(vec![
        configuration,
        format::count(run.get("requests")?.as_u64()?),
        percentile(simulated, run.get("slo_percentile").and_then(Value::as_f64).unwrap_or(95.0))?,
        format::money(simulated.get("cost_usd_per_million")?.as_f64()?),
        month(simulated),
        format::percent(simulated.get("slo_violation_share")?.as_f64()?),
    ])
}

fn plan(path: &Path) -> Option<Vec<String>> {
    let plan = read_json(path).ok()?;
    if let Some(groups) = plan.get("groups").and_then(Value::as_array) {
        let cost = plan.pointer("/cost_usd_per_million/best").and_then(Value::as_f64);
        let groups = match groups.len() {
            1 => "all classes share one buffer".to_owned(),
            n => format!("{n} groups of classes"),
        };
        return Some(vec![groups, String::new(), cost.map_or_else(String::new, format::money)]);
    }
    let Some(best) = plan.get("recommended")?.as_object() else {
        return Some(vec!["no configuration meets the SLO".to_owned()]);
    };
    let asked = plan.pointer("/slo/percentile")?.as_f64()?;
    let simulated = best.get("simulated").filter(|simulated| !simulated.is_null());
    let figures = simulated.or_else(|| best.get("predicted"))?;
    Some(vec![
        named(setting(plan.get("recommended")?)?),
        self::percentile(figures, asked)?,
        format::money(figures.get("cost_usd_per_million")?.as_f64()?),
        month(figures),
    ])
}

/// The SLO's own percentile; p95 of a result that was written before there was another.
fn percentile(figures: &Value, asked: f64) -> Option<String> {
    let latency =
        ["/latency_s/slo", "/latency_s/p95"].iter().find_map(|name| figures.pointer(name)?.as_f64());
    Some(format!("p{} {}", (asked * 1e6).round() / 1e6, format::duration(latency?)))
}

/// What a month costs; nothing where only a prediction is there.
fn month(figures: &Value) -> String {
    figures.get("cost_usd_per_month").and_then(Value::as_f64).map_or_else(String::new, format::money)
}

fn sweep(path: &Path) -> Option<Vec<String>> {
    let rows = read_sweep(path).ok()?;
    let asked = rows.iter().any(|row| row.meets_slo.is_some());
    let meeting = rows.iter().filter(|row| row.meets_slo == Some(true)).count();
    let best = cheapest(&rows);
    Some(vec![
        format::count(rows.len() as u64),
        if asked { format::count(meeting as u64) } else { "–".to_owned() },
        best.map_or(String::new(), |row| named(row.setting)),
        best.map_or(String::new(), |row| format::money(row.figures().usd_per_million)),
    ])
}

fn compare(path: &Path) -> Option<Vec<String>> {
    let systems = read_json(path).ok()?;
    let cost = |system: &Value| {
        let paths = ["/simulated/cost_usd_per_million", "/costs/simulated_cost_usd_per_million"];
        paths.iter().find_map(|path| system.pointer(path)?.as_f64())
    };
    let all = systems.as_object()?;
    let count = format::count(all.len() as u64);
    let meets = |system: &Value| system.get("meets_slo").and_then(Value::as_bool) != Some(false);
    let costs = all.iter().map(|(name, system)| Some((cost(system)?, name, system)));
    let costs = costs.collect::<Option<Vec<_>>>()?;
    let meeting = costs.iter().filter(|(_, _, system)| meets(system));
    let Some((least, name, best)) = meeting.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return Some(vec![count, "none".to_owned()]);
    };
    let month = best.get("simulated").map_or_else(String::new, month);
    Some(vec![count, (*name).clone(), format::money(*least), month])
}

fn fit(path: &Path) -> Option<Vec<String>> {
    let fit = read_json(path).ok()?;
    let rate = fit.pointer("/trace/rate")?.as_f64()?;
    Some(vec![fit.get("best")?.as_str()?.to_owned(), format::number(rate)])
}

fn fleet(path: &Path) -> Option<Vec<String>> {
    let fleet = read_json(path).ok()?;
    let usd = |name: &str| Some(format::money(fleet.pointer(&format!("/within_slo/{name}"))?.as_f64()?));
    let functions = format::count(fleet.get("functions")?.as_u64()?);
    Some(vec![functions, usd("cost_usd_per_month")?, usd("saving_usd_per_month")?])
}

fn backtest(path: &Path) -> Option<Vec<String>> {
    let found = read_json(path).ok()?;
    let figure = |block: &str, name: &str| found.pointer(&format!("/{block}/{name}"))?.as_f64();
    Some(vec![
        format::count(figure("observed", "requests")?.round() as u64),
        format::duration(figure("observed", "latency_s/p95")?),
        format::duration(figure("predicted", "latency_s/p95")?),
        format::money(figure("observed", "cost_usd")?),
        format::money(figure("predicted", "cost_usd")?),
    ])
}

fn max_rate(path: &Path) -> Option<Vec<String>> {
    let found = read_json(path).ok()?;
    let rate = found.get("rate_per_s")?.as_f64();
    Some(vec![rate.map_or_else(|| "none meets the SLO".to_owned(), format::number)])
}

fn setting(value: &Value) -> Option<Setting> {
    let whole = |name| value.get(name)?.as_u64()?.try_into().ok();
    let timeout = Span::from_secs_f64(value.get("timeout_s")?.as_f64()?)?;
    Some(Setting::new(MemoryMb(whole("memory_mb")?), whole("batch")?, timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn results_are_linked_by_kind_and_broken_ones_are_named() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let place = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        place(
            "b #1/x/summary.json",
            r#"{ "requests": 1234, "memory_mb": 1024, "batch": 8, "timeout_s": 0.2, "simulated": {
                "latency_s": { "p95": 0.5 }, "cost_usd_per_million": 2.5, "slo_violation_share": 0.04 } }"#,
        );
        place("b #1/x/index.html", "");
        place("a/summary.json", "{ half");
        place("a/max-rate.json", r#"{ "rate_per_s": null }"#);
        place("a/charts/other.svg", "");
        write(root).unwrap();
        let page = fs::read_to_string(root.join("index.html")).unwrap();
        assert!(page.contains("<a href=\"b%20%231/x/index.html\">b #1/x</a>"), "{page}");
        assert!(page.contains("1,024 MB, batches of up to 8 within 200 ms") && page.contains("$2.50"));
        assert!(
            page.contains("<a href=\"a/summary.json\">a</a></th><td class=\"t\">cannot be read</td>"),
            "{page}"
        );
        assert!(page.contains("none meets the SLO") && page.contains("3 results"));
        write(root).unwrap();
        assert_eq!(page, fs::read_to_string(root.join("index.html")).unwrap());
    }
}
