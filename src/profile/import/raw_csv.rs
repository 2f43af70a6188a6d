//! A CSV of measurements with the columns memory_mb, batch, service_s and, where known, init_s.

use std::path::Path;

use super::text::read_text;
use super::{Observation, Observations, SECONDS};
use crate::error::{InputError, expected};
use crate::profile::LARGEST_BATCH;

const COLUMNS: [&str; 4] = ["memory_mb", "batch", "service_s", "init_s"];

/// Reads a file: a header, then one measurement a line. Further columns are left alone.
pub fn read(path: &Path) -> Result<Observations, InputError> {
    parse(&read_text(path)?, &path.display().to_string())
}

fn parse(text: &str, file: &str) -> Result<Observations, InputError> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(text.as_bytes());
    let broken = |e: csv::Error| {
        let line = e.position().map_or(1, |p| p.line() as usize);
        let excerpt = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
        let message = match e.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("this row has {len} fields, the header {expected_len}")
            }
            _ => e.to_string(),
        };
        InputError::at_line(file, line, excerpt, message).help("mend the row, or remove it")
    };
    let header = reader.headers().map_err(broken)?.clone();
    let column = |name: &str| header.iter().position(|h| h == name);
    let needed = |name: &str| {
        column(name).ok_or_else(|| {
            let line = text.lines().next().unwrap_or("");
            InputError::at_line(file, 1, line, format!("the header lacks `{name}`"))
                .help(format!("{}; times in seconds", expected("", &COLUMNS)))
        })
    };
    let (memory, batch, service) = (needed("memory_mb")?, needed("batch")?, needed("service_s")?);
    let init = column("init_s");
    let mut all = Observations::default();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, |p| p.line() as usize);
        let cell = |at: usize| record.get(at).unwrap_or("");
        let wrong = |at: usize, wanted: &str| {
            let text = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
            let message = format!("`{}` is `{}`", &header[at], cell(at));
            InputError::at_line(file, line, text, message).help(format!("expected {wanted}"))
        };
        let count = |at: usize, most: u32| {
            let value = cell(at).parse().ok().filter(|n: &u32| (1..=most).contains(n));
            value.ok_or_else(|| wrong(at, &format!("a whole number from 1 to {most}")))
        };
        let seconds = |at: usize| {
            let value = cell(at).parse().ok().filter(|s: &f64| SECONDS.contains(s));
            value.ok_or_else(|| wrong(at, "seconds above 0, at most 1e6"))
        };
        all.found.push(Observation {
            memory_mb: count(memory, u32::MAX)?,
            batch: count(batch, LARGEST_BATCH)?,
            service_s: seconds(service)?,
            init_s: init.filter(|at| !cell(*at).is_empty()).map(seconds).transpose()?,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_observations_and_bad_ones_are_named() {
        let text = "batch, memory_mb,service_s,init_s,note\n1,512,0.25,1.5,first\n2,512,0.4,,\n";
        let all = parse(text, "m.csv").unwrap();
        assert_eq!(
            all.found[0],
            Observation { memory_mb: 512, batch: 1, service_s: 0.25, init_s: Some(1.5) }
        );
        assert_eq!(all.found[1].init_s, None);
        let error = parse(&text.replace("0.4", "-0.4"), "m.csv").unwrap_err().to_string();
        assert!(error.starts_with("m.csv:3: `service_s` is `-0.4`"), "{error}");
        let error = parse(&text.replace("memory_mb", "memory"), "m.csv").unwrap_err().to_string();
        assert!(error.contains("the header lacks `memory_mb`"), "{error}");
    }
}
