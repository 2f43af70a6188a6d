//! Profiles from measurements that people already have: Lambda's logs, AWS Lambda Power Tuning, tables.

mod container;
pub mod lambda_logs;
pub mod power_tuning;
pub mod raw_csv;
pub mod text;
pub mod triton;

use std::collections::BTreeMap;

use super::beside::Beside;
use super::file::{Fact, How, Measurement, Origin};
use super::quantiles::{Quantiles, SHARES};
use super::surface::{Sample, Surface};
use super::{LARGEST_CV, Profile};
use crate::error::InputError;

/// One invocation, or a summary of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Memory size \[MB\].
    pub memory_mb: u32,
    /// Requests in the batch.
    pub batch: u32,
    /// Time to serve it \[s\].
    pub service_s: f64,
    /// Time to initialise \[s\], where the invocation was a cold start.
    pub init_s: Option<f64>,
}

/// What was found in the files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observations {
    /// The usable ones.
    pub found: Vec<Observation>,
    /// How many records were skipped, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// How many of the skipped ones are calls that failed.
    pub failed: usize,
    /// How many lines hold no measurement, by what they are.
    pub others: BTreeMap<String, usize>,
    /// The first line that is none of the platform's.
    pub first_other: Option<String>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// The times [s] that are taken: a profile's, and not below the clock's nanosecond.
const SECONDS: std::ops::RangeInclusive<f64> = 1e-9..=1e6;
/// A missing cell is filled by the fitted surface if that is at least this good (leave-one-out error).
const TRUSTED: f64 = 0.10;
/// Below this many observations a cell's mean says little, and the profile says so.
const FEW: usize = 10;
/// Cells with fewer observations say nothing of how times vary.
const FEWEST_POOLED: usize = 4;
/// A normal distribution's interquartile range in standard deviations.
const IQR_PER_SIGMA: f64 = 1.349;

/// The most cells of a profile that is imported.
const MOST_CELLS: usize = 100_000;

impl Observations {
    /// Adds those of another file.
    pub fn append(&mut self, other: Observations) {
        self.found.extend(other.found);
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        for (what, count) in other.others {
            *self.others.entry(what).or_default() += count;
        }
        self.failed += other.failed;
        self.first_other = self.first_other.take().or(other.first_other);
        self.notes.extend(other.notes);
    }

    fn skip(&mut self, reason: impl Into<String>) {
        *self.skipped.entry(reason.into()).or_default() += 1;
    }

    /// "1204 records used, 3 skipped: 2 status timeout, 1 no batch size; other lines: 1204 START".
    pub fn summary(&self) -> String {
        let skipped: usize = self.skipped.values().sum();
        let reasons: Vec<String> = self.skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        let why = if skipped == 0 { String::new() } else { format!(": {}", reasons.join(", ")) };
        let others: Vec<String> = self.others.iter().map(|(what, n)| format!("{n} {what}")).collect();
        let rest =
            if others.is_empty() { String::new() } else { format!("; other lines: {}", others.join(", ")) };
        format!("{} records used, {skipped} skipped{why}{rest}", self.found.len())
    }

    /// The profile of these observations: means and quantiles by cell, the median initialisation.
    ///
    /// `file` stands for the input in errors. Cells of the grid (all memory sizes by all batch sizes) without an
    /// observation are filled by a [`Surface`] whose leave-one-out error is at most 10 %, else it is an error.
    pub fn profile(&self, model: &str, file: &str) -> Result<(Profile, Measurement), InputError> {
        let cells = self.by_cell(file)?;
        let memory_mb = distinct(cells.keys().map(|(memory, _)| *memory));
        let batch = distinct(cells.keys().map(|(_, batch)| *batch));
        if memory_mb.len() * batch.len() > MOST_CELLS {
            let sizes = format!("{} memory sizes by {} batch sizes", memory_mb.len(), batch.len());
            return Err(InputError::new(file, format!("has {sizes}: more than {MOST_CELLS} cells"))
                .help("choose some with --memory and --only-batch"));
        }
        let mut notes = vec![self.summary()];
        let means: BTreeMap<(u32, u32), f64> = cells.iter().map(|(at, all)| (*at, mean(all))).collect();
        let missing = missing_cells(&memory_mb, &batch, &means);
        let surface = match missing.is_empty() {
            true => None,
            false => Some(filling(&means, &missing, file)?),
        };
        if let Some(surface) = &surface {
            notes.push(format!("not measured: {}; filled by {}", list(&missing), surface.describe()));
        }
        let few: Vec<(u32, u32)> =
            cells.iter().filter(|(_, all)| all.len() < FEW).map(|(at, _)| *at).collect();
        if !few.is_empty() {
            notes.push(format!("fewer than {FEW} observations: {}", list(&few)));
        }
        let cell = |m: u32, k: u32| match means.get(&(m, k)) {
            Some(mean) => (*mean, How::Measured),
            None => (surface.as_ref().expect("cells are missing").at(m, k), How::Fitted),
        };
        let grid: Vec<Vec<(f64, How)>> =
            memory_mb.iter().map(|m| batch.iter().map(|k| cell(*m, *k)).collect()).collect();
        let service_s: Vec<Vec<f64>> = grid.iter().map(|row| row.iter().map(|(s, _)| *s).collect()).collect();
        let origin = |(_, how): &(f64, How)| Origin { how: *how, calls: 1 };
        let origins = grid.iter().map(|row| row.iter().map(origin).collect()).collect();
        let init_s = self.initialisation(&memory_mb, &mut notes);
        let service_quantiles = quantiles(&cells, &memory_mb, &batch, &service_s);
        let service_cv = service_quantiles.as_ref().map_or(0.0, Quantiles::cv);
        if service_cv > 0.0 {
            notes.push(format!(
                "service times vary as they did (service_quantiles): simulations draw from that, predictions take lognormal \
                 times of a variation of {service_cv:.3}"
            ));
        }
        notes.extend(self.notes.iter().cloned());
        notes.extend(alone(&batch));
        let source = format!("imported from {file}");
        let model = model.to_owned();
        let facts = vec![("observations", Fact::Count(self.found.len() as u64))];
        let profile = Profile {
            model,
            source,
            memory_mb,
            batch,
            service_s,
            service_cv,
            service_quantiles,
            init_s,
            beside: Beside::default(),
            mb_per_vcpu: None,
            by_size: None,
            image_mb: None,
        };
        Ok((profile, Measurement { facts, cells: origins, notes }))
    }

    fn by_cell(&self, file: &str) -> Result<BTreeMap<(u32, u32), Vec<f64>>, InputError> {
        let mut cells = BTreeMap::<(u32, u32), Vec<f64>>::new();
        for seen in &self.found {
            cells.entry((seen.memory_mb, seen.batch)).or_default().push(seen.service_s);
        }
        if cells.is_empty() {
            let first = match (&self.first_other, self.skipped.is_empty()) {
                (Some(line), true) => format!(", the first of them `{line}`"),
                _ => String::new(),
            };
            let message = format!("holds no usable measurement ({}{first})", self.summary());
            return Err(InputError::new(file, message).help(self.mend()));
        }
        cells.values_mut().for_each(|all| all.sort_by(f64::total_cmp));
        Ok(cells)
    }

    fn mend(&self) -> &'static str {
        if self.failed > 0 && self.failed == self.skipped.values().sum::<usize>() {
            return "all its calls failed, so that none says how long a call takes: export a stretch in which calls succeed";
        }
        match self.skipped.keys().any(|reason| reason.contains("batch")) {
            true => {
                "say the batch size with --batch N, or name the log field that holds it with --batch-field NAME"
            }
            false => {
                "expected Lambda REPORT lines (text or JSON), Power Tuning's JSON, or a CSV of measurements"
            }
        }
    }

    /// The median initialisation by memory size; sizes without a cold start take the nearest size's.
    fn initialisation(&self, memory_mb: &[u32], notes: &mut Vec<String>) -> Vec<f64> {
        let mut seen = BTreeMap::<u32, Vec<f64>>::new();
        for (memory, init) in self.found.iter().filter_map(|o| Some((o.memory_mb, o.init_s?))) {
            seen.entry(memory).or_default().push(init);
        }
        if seen.is_empty() {
            notes.push("no initialisation was seen: init_s is 0".into());
            return vec![0.0; memory_mb.len()];
        }
        seen.values_mut().for_each(|all| all.sort_by(f64::total_cmp));
        let nearest = |m: u32| seen.keys().min_by_key(|known| known.abs_diff(m)).expect("some were seen");
        let borrowed: Vec<u32> = memory_mb.iter().copied().filter(|m| !seen.contains_key(m)).collect();
        if !borrowed.is_empty() {
            notes.push(format!("no initialisation seen at {borrowed:?} MB: the nearest size's is taken"));
        }
        memory_mb.iter().map(|m| median(&seen[nearest(*m)])).collect()
    }
}

/// The quantiles of every cell: its own where it was observed often enough, else those of all cells about their means.
fn quantiles(
    cells: &BTreeMap<(u32, u32), Vec<f64>>,
    memory_mb: &[u32],
    batch: &[u32],
    service_s: &[Vec<f64>],
) -> Option<Quantiles> {
    let mut pooled: Vec<f64> = Vec::new();
    for sorted in cells.values().filter(|all| all.len() >= FEWEST_POOLED) {
        let mean = mean(sorted);
        pooled.extend(sorted.iter().map(|s| s / mean));
    }
    if pooled.is_empty() {
        return None;
    }
    pooled.sort_by(f64::total_cmp);
    let pooled = Quantiles::of_sorted(&pooled);
    let row = |m: &u32, k: &u32, mean: f64| match cells.get(&(*m, *k)) {
        Some(all) if all.len() >= FEW => Quantiles::of_sorted(all),
        _ => pooled.iter().map(|factor| (factor * mean).min(*SECONDS.end())).collect(),
    };
    let of_memory = |(m, means): (&u32, &Vec<f64>)| -> Vec<Vec<f64>> {
        batch.iter().zip(means).map(|(k, mean)| row(m, k, *mean)).collect()
    };
    let rows = memory_mb.iter().zip(service_s).flat_map(of_memory).collect();
    Some(Quantiles { shares: SHARES.to_vec(), rows })
}

/// What cannot be judged from a single batch size, and what to measure.
fn alone(batch: &[u32]) -> Option<String> {
    match batch {
        [1] => Some(
            "only batch 1 was measured: whether batching pays cannot be judged from this profile; measure calls of 2, 4 \
             and 8 items as well, and import all sizes together"
                .into(),
        ),
        [only] => Some(format!(
            "only batch {only} was measured: smaller batches, which every timeout makes, are outside this profile; measure \
             calls of 1 item and of some sizes between as well"
        )),
        _ => None,
    }
}

fn missing_cells(memory: &[u32], batch: &[u32], known: &BTreeMap<(u32, u32), f64>) -> Vec<(u32, u32)> {
    let all = memory.iter().flat_map(|m| batch.iter().map(move |k| (*m, *k)));
    all.filter(|at| !known.contains_key(at)).collect()
}

fn filling(
    means: &BTreeMap<(u32, u32), f64>,
    missing: &[(u32, u32)],
    file: &str,
) -> Result<Surface, InputError> {
    let sample = |(at, s): (&(u32, u32), &f64)| Sample { memory_mb: at.0, batch: at.1, service_s: *s };
    let surface = Surface::fit(&means.iter().map(sample).collect::<Vec<_>>());
    let why = match surface {
        Some(found) if found.held_out_error > TRUSTED => {
            format!("the best fit to the others misses by {:.0} %", 100.0 * found.held_out_error)
        }
        Some(found) if missing.iter().any(|(m, k)| !SECONDS.contains(&found.at(*m, *k))) => {
            "the fit to the others is no possible time there".into()
        }
        Some(found) => return Ok(found),
        None => "there are too few others to fit them".into(),
    };
    Err(InputError::new(file, format!("no measurement of {}, and {why}", list(missing)))
        .help("measure these cells, or leave that memory or batch size out with --memory or --only-batch"))
}

/// "batch 4 at 1024 MB, ..." and how many more.
fn list(cells: &[(u32, u32)]) -> String {
    const SHOWN: usize = 6;
    let names: Vec<String> = cells.iter().take(SHOWN).map(|(m, k)| format!("batch {k} at {m} MB")).collect();
    let more = match cells.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    names.join(", ") + &more
}

fn distinct(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// The median of an ascending, non-empty list.
pub fn median(sorted: &[f64]) -> f64 {
    quantile(sorted, 0.5)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The quantile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7).
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// The coefficient of variation of a lognormal time, from the interquartile range of `ln(x / median of its cell)`
/// pooled over the cells with at least four observations: `sqrt(exp(s^2) - 1)` with `s = IQR / 1.349`, so that
/// a few outliers do not set it. 0 where no cell has as many.
pub fn spread<'a>(cells: impl Iterator<Item = &'a Vec<f64>>) -> f64 {
    let mut residuals: Vec<f64> = Vec::new();
    for sorted in cells.filter(|all| all.len() >= 4) {
        let middle = median(sorted);
        residuals.extend(sorted.iter().map(|x| (x / middle).ln()));
    }
    if residuals.is_empty() {
        return 0.0;
    }
    residuals.sort_by(f64::total_cmp);
    let sigma = (quantile(&residuals, 0.75) - quantile(&residuals, 0.25)) / IQR_PER_SIGMA;
    (sigma * sigma).exp_m1().sqrt().min(LARGEST_CV)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(memory_mb: u32, batch: u32, service_s: f64) -> Observation {
        Observation { memory_mb, batch, service_s, init_s: None }
    }

    #[test]
    fn means_and_a_filled_cell() {
        let time = |m: u32, k: u32| (0.01 + 0.02 * f64::from(k)) * 1769.0 / f64::from(m);
        let mut all = Observations::default();
        for (m, k) in [(512, 1), (512, 4), (1024, 1), (1024, 4), (1024, 8), (1769, 1), (1769, 4), (1769, 8)] {
            all.found.extend([0.5, 1.0, 1.5].map(|f| seen(m, k, f * time(m, k))));
        }
        all.found[0].init_s = Some(0.4);
        let (profile, measurement) = all.profile("m", "log").unwrap();
        assert!((profile.service_s[1][1] - time(1024, 4)).abs() < 1e-12);
        assert!((profile.service_s[0][2] / time(512, 8) - 1.0).abs() < 1e-6);
        assert_eq!(measurement.cells[0][2].how, How::Fitted);
        assert_eq!(profile.init_s, [0.4; 3]);
        assert_eq!(profile.service_quantiles, None);
        assert!(measurement.notes[1].starts_with("not measured: batch 8 at 512 MB; filled by"));
    }

    #[test]
    fn the_mean_is_the_mean_and_the_tail_is_kept_by_cell() {
        // 19 calls of 100 ms and one of 2 s: mean 195 ms, where the median is 100 ms.
        let mut all = Observations::default();
        all.found.extend((0..20).map(|i| seen(1024, 1, if i == 7 { 2.0 } else { 0.1 })));
        all.found.extend((0..20).map(|i| seen(1024, 4, 0.3 + 0.001 * f64::from(i))));
        let (profile, measurement) = all.profile("m", "log").unwrap();
        assert!((profile.service_s[0][0] - 0.195).abs() < 1e-12);
        let quantiles = profile.service_quantiles.unwrap();
        assert!((quantiles.mean(0) - 0.195).abs() < 1e-12);
        assert!((quantiles.mean(1) / profile.service_s[0][1] - 1.0).abs() < 1e-12);
        let at = |share: f64| quantiles.shares.iter().position(|s| *s == share).unwrap();
        assert!(quantiles.rows[0][at(0.99)] > 1.0 && quantiles.rows[0][at(0.9)] < 0.2);
        assert!(quantiles.rows[1][at(0.99)] < 0.32);
        assert!(!measurement.notes.iter().any(|note| note.contains("only batch")));
    }

    #[test]
    fn one_batch_size_alone_is_said_to_be_too_little() {
        let of = |batch| Observations { found: vec![seen(512, batch, 1.0)], ..Default::default() };
        let notes = |batch| of(batch).profile("m", "log").unwrap().1.notes.join("\n");
        assert!(notes(1).contains("whether batching pays cannot be judged"), "{}", notes(1));
        assert!(notes(8).contains("only batch 8 was measured"), "{}", notes(8));
    }

    #[test]
    fn a_missing_cell_that_cannot_be_filled_names_itself_and_the_mend() {
        let all = Observations { found: vec![seen(512, 1, 1.0), seen(1024, 2, 1.0)], ..Default::default() };
        let error = all.profile("m", "log").unwrap_err().to_string();
        assert!(error.contains("no measurement of batch 2 at 512 MB, batch 1 at 1024 MB"), "{error}");
        assert!(error.contains("--only-batch"), "{error}");
    }

    #[test]
    fn the_spread_of_a_lognormal_is_found_despite_outliers() {
        use rand_distr::{Distribution, StandardNormal};
        let mut stream = crate::numeric::streams::Streams::new(3).stream("spread");
        let mut cell: Vec<f64> = (0..4000)
            .map(|_| {
                0.2 * (0.1 * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut stream))
                    .exp()
            })
            .collect();
        cell.extend([9.0; 20]);
        cell.sort_by(f64::total_cmp);
        assert!((spread([&cell].into_iter()) - 0.1).abs() < 0.006);
    }
}
