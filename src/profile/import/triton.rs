//! CSV of NVIDIA's perf_analyzer (`-f FILE`) and model_analyzer (`metrics-model-inference.csv`): service times by batch.

use std::path::Path;

use super::text::read_text;
use super::{Observation, Observations, SECONDS};
use crate::error::InputError;
use crate::profile::LARGEST_BATCH;
use crate::profile::instance::NO_MEMORY;

/// A table's columns that matter, by their place.
struct Columns {
    batch: Option<usize>,
    concurrency: Option<usize>,
    /// Parts of the time that add up to the service time.
    parts: Vec<usize>,
    /// What those parts are, if they are not the server's own.
    instead: Option<&'static str>,
    /// Seconds that one of the times is.
    unit: f64,
}

struct Measured {
    batch: u32,
    concurrency: f64,
    service_s: f64,
}

/// Reads one file. `batch` is what perf_analyzer's `-b` was, for files without a column of it; `memory_mb` the memory
/// size that the times are for, none for an instance.
///
/// The service time is the server's compute time (input, infer and output) at the least concurrency of each batch size:
/// at higher ones requests share the instance, or the server makes batches of its own.
///
/// # Errors
/// No table of the two programs; a row without its figures.
pub fn read(path: &Path, batch: Option<u32>, memory_mb: Option<u32>) -> Result<Observations, InputError> {
    parse(&read_text(path)?, &path.display().to_string(), batch, memory_mb)
}

fn parse(
    text: &str,
    file: &str,
    batch: Option<u32>,
    memory_mb: Option<u32>,
) -> Result<Observations, InputError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut all = Observations::default();
    let (mut columns, mut rows): (Option<Columns>, Vec<Measured>) = (None, Vec::new());
    for record in reader.records().map_while(Result::ok) {
        let line = record.position().map_or(0, |p| p.line() as usize);
        if is_header(&record) {
            columns = Columns::of(&record);
            *all.others.entry("header".into()).or_default() += 1;
            continue;
        }
        match &columns {
            Some(columns) => {
                let row = columns.row(&record, batch).map_err(|message| {
                    let excerpt = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
                    InputError::at_line(file, line, excerpt, message).help("mend the row, or remove it")
                })?;
                rows.push(row);
            }
            None => *all.others.entry("row of a table without latencies".into()).or_default() += 1,
        }
    }
    if rows.is_empty() {
        return Err(InputError::new(file, "is no CSV of perf_analyzer or model_analyzer with a measurement").help(
            "expected perf_analyzer's columns (Concurrency, Inferences/Second, .., Server Compute Infer, ..) or model_analyzer's \
             (Model, Batch, Concurrency, .., p99 Latency (ms))",
        ));
    }
    if let Some(what) = columns.and_then(|columns| columns.instead) {
        all.notes.push(format!("{file} has no compute times of the server: {what} is taken, which includes the way there and back"));
    }
    for row in &rows {
        let least = rows
            .iter()
            .filter(|other| other.batch == row.batch)
            .map(|other| other.concurrency)
            .fold(f64::MAX, f64::min);
        if row.concurrency > least {
            all.skip("at a higher concurrency, where requests wait for each other");
            continue;
        }
        let memory_mb = memory_mb.unwrap_or(NO_MEMORY.0);
        all.found.push(Observation { memory_mb, batch: row.batch, service_s: row.service_s, init_s: None });
    }
    Ok(all)
}

fn is_header(record: &csv::StringRecord) -> bool {
    record.iter().any(|name| name.starts_with("Inferences/Second")) || record.iter().next() == Some("Model")
}

impl Columns {
    /// `None` for tables without latencies, such as those of GPU memory.
    fn of(header: &csv::StringRecord) -> Option<Columns> {
        let place = |name: &str| header.iter().position(|own| own.eq_ignore_ascii_case(name));
        let any = |names: &[&str]| names.iter().find_map(|name| place(name));
        let of_server = [
            ["Server Compute Input", "Server Compute Input time (ms)"],
            ["Server Compute Infer", "Server Compute Infer time (ms)"],
            ["Server Compute Output", "Server Compute Output time (ms)"],
        ];
        let unit = if header.iter().any(|name| name.contains("(ms)")) { 1e-3 } else { 1e-6 };
        let mut parts: Vec<usize> = match any(&of_server[1]) {
            Some(_) => of_server.iter().filter_map(|names| any(names)).collect(),
            None => place("Server Compute").into_iter().collect(),
        };
        let mut instead = None;
        for (name, what) in [
            ("Avg Latency (ms)", "the client's mean latency"),
            ("Avg latency", "the client's mean latency"),
            ("p50 latency", "the client's median latency"),
            ("p99 Latency (ms)", "the client's p99 latency"),
        ] {
            if let (true, Some(at)) = (parts.is_empty(), place(name)) {
                (parts, instead) = (vec![at], Some(what));
            }
        }
        let batch = any(&["Batch", "Batch Size", "Client Batch", "batch"]);
        let concurrency = any(&["Concurrency", "Request Rate"]);
        (!parts.is_empty()).then_some(Columns { batch, concurrency, parts, instead, unit })
    }

    fn row(&self, record: &csv::StringRecord, batch: Option<u32>) -> Result<Measured, String> {
        let number =
            |at: usize| record.get(at).and_then(|text| text.parse::<f64>().ok()).filter(|x| x.is_finite());
        let times: Option<f64> = self.parts.iter().map(|at| number(*at)).sum();
        let service_s = times.map(|sum| sum * self.unit).filter(|s| SECONDS.contains(s));
        let service_s = service_s.ok_or("has no time above 0 in its columns of compute time or latency")?;
        let own = self.batch.map(|at| {
            let whole =
                number(at).filter(|n| n.fract() == 0.0 && (1.0..=f64::from(LARGEST_BATCH)).contains(n));
            whole.map(|n| n as u32).ok_or(format!("its batch is no whole number from 1 to {LARGEST_BATCH}"))
        });
        let batch =
            own.transpose()?.or(batch).ok_or("no column says the batch size: give it with --batch")?;
        Ok(Measured { batch, concurrency: self.concurrency.and_then(number).unwrap_or(1.0), service_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERF: &str = "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,\
        Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency\n\
        1,40,100,900,50,300,20000,200,0,22000,23000,24000,25000\n\
        4,90,100,900,30000,300,26000,200,0,44000,45000,46000,47000\n";

    #[test]
    fn perf_analyzer_s_compute_time_at_the_least_concurrency() {
        let all = parse(PERF, "p.csv", Some(8), Some(4096)).unwrap();
        let wanted = Observation { memory_mb: 4096, batch: 8, service_s: 0.0205, init_s: None };
        assert_eq!(all.found.len(), 1);
        assert!((all.found[0].service_s - wanted.service_s).abs() < 1e-12 && all.found[0].batch == 8);
        assert!(all.summary().contains("1 at a higher concurrency"), "{}", all.summary());
        let error = parse(PERF, "p.csv", None, None).unwrap_err().to_string();
        assert!(error.contains("p.csv:2") && error.contains("--batch"), "{error}");
    }

    #[test]
    fn model_analyzer_s_batches_among_tables_of_other_things() {
        let text = "Model,GPU ID,Batch,Concurrency,GPU Utilization (%)\nm,0,1,1,16.2\n\n\
            Model,Batch,Concurrency,Model Config Path,Instance Group,Satisfies Constraints,Throughput (infer/sec),p99 Latency (ms)\n\
            m,1,1,m_i0,1/GPU,Yes,164.0,8.1\nm,4,1,m_i0,1/GPU,Yes,264.0,14.5\nm,4,2,m_i0,1/GPU,Yes,264.0,30\n";
        let all = parse(text, "m.csv", None, None).unwrap();
        let found: Vec<(u32, f64)> = all.found.iter().map(|o| (o.batch, o.service_s)).collect();
        assert_eq!(found, [(1, 0.0081), (4, 0.0145)]);
        assert!(all.notes[0].contains("p99 latency is taken"), "{:?}", all.notes);
        assert!(all.summary().contains("1 row of a table without latencies"), "{}", all.summary());
        let infer = text.replace("p99 Latency (ms)", "Server Compute Infer time (ms)");
        assert!(parse(&infer, "m.csv", None, None).unwrap().notes.is_empty());
        assert!(parse("a,b\n1,2\n", "m.csv", None, None).unwrap_err().to_string().contains("perf_analyzer"));
    }
}
