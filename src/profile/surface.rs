//! A parametric surface S(k, M) of service times, fitted to few measurements, so that they fill a table.
//!
//! Two families compete and the one with the least leave-one-out error wins:
//! - the polynomial of the BATCH paper (Ali et al., SC 2020, section IV), `S = sum c_ij k^i M^j`, `i + j <= d`;
//! - a physical form, `S = o + (c + w k) / share(M)` with the CPU share `min(M / V, threads)` (V the memory that buys a whole one), whose
//!   coefficients are never negative, so that it is safe with few points.
//!
//! Both minimise the relative error, since that is what a plan feels.

use std::sync::OnceLock;

use crate::numeric::least_squares::least_squares;
use crate::price::Book;

/// Memory that buys one vCPU \[MB\], as the newest book has it.
pub fn mb_per_vcpu() -> f64 {
    static KNEE: OnceLock<f64> = OnceLock::new();
    let of_book = || Book::newest().limits.mb_per_vcpu.map_or(f64::INFINITY, f64::from);
    *KNEE.get_or_init(of_book)
}

/// One known service time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Memory size \[MB\].
    pub memory_mb: u32,
    /// Batch size.
    pub batch: u32,
    /// Service time of the batch \[s\].
    pub service_s: f64,
}

/// A fitted surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    family: Family,
    coefficients: Vec<f64>,
    /// Mean absolute relative error of each sample under a fit without it; infinite if that cannot be known.
    pub held_out_error: f64,
    /// How many samples were fitted.
    pub samples: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Family {
    /// Exponents of the terms in batch and memory, both scaled to [-1, 1].
    Polynomial { terms: Vec<(i32, i32)>, batch: Scale, memory: Scale },
    /// Which of the terms 1, 1/share, k/share are in use, and the threads that the share is capped at.
    Physical { terms: Vec<usize>, threads: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    middle: f64,
    half: f64,
}

/// The highest total degree that is tried; one of the published surfaces has it.
const HIGHEST: i32 = 4;
/// Lambda's largest function has 6 vCPUs.
const MOST_THREADS: u32 = 6;

impl Surface {
    /// Fits `samples`. `None` with fewer than three or where no form fits them with positive times.
    pub fn fit(samples: &[Sample]) -> Option<Surface> {
        if samples.len() < 3 {
            return None;
        }
        let polynomials = (1..=HIGHEST).filter_map(|degree| Surface::polynomial(samples, degree));
        let physical = (1..=MOST_THREADS).filter_map(|threads| Surface::physical(samples, threads));
        // The first of equals wins: the physical form before the polynomials, low degrees before high.
        physical
            .chain(polynomials)
            .reduce(|best, next| if next.held_out_error < best.held_out_error { next } else { best })
    }

    /// The paper's form of one total degree.
    pub fn polynomial(samples: &[Sample], degree: i32) -> Option<Surface> {
        let scale = |of: fn(&Sample) -> u32| Scale::of(samples.iter().map(of));
        let ((batch, batches), (memory, memories)) = (scale(|s| s.batch), scale(|s| s.memory_mb));
        let terms = (0..=degree).flat_map(|total| (0..=total).map(move |j| (total - j, j)));
        let terms = terms.filter(|(i, j)| *i < batches && *j < memories).collect();
        Surface::solve(Family::Polynomial { terms, batch, memory }, samples)
    }

    /// The physical form for a model that uses up to `threads` vCPUs.
    pub fn physical(samples: &[Sample], threads: u32) -> Option<Surface> {
        let mut terms = vec![0, 1, 2];
        loop {
            // Where the columns depend on each other (one memory or one batch size), the later ones suffice.
            let surface = Surface::solve(Family::Physical { terms: terms.clone(), threads }, samples);
            let lowest = match &surface {
                Some(found) => found.coefficients.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)),
                None => None,
            };
            match lowest {
                Some((_, least)) if *least >= 0.0 => return surface,
                Some((at, _)) if terms.len() > 1 => terms.remove(at),
                None if terms.len() > 1 => terms.remove(0),
                _ => return None,
            };
        }
    }

    fn solve(family: Family, samples: &[Sample]) -> Option<Surface> {
        let rows: Vec<Vec<f64>> =
            samples.iter().map(|s| family.terms_at(f64::from(s.memory_mb), f64::from(s.batch))).collect();
        let column =
            |j: usize| rows.iter().zip(samples).map(|(row, s)| row[j] / s.service_s).collect::<Vec<_>>();
        let columns: Vec<Vec<f64>> = (0..rows[0].len()).map(column).collect();
        let solution = least_squares(&columns, &vec![1.0; samples.len()])?;
        let error = solution.left_out.iter().map(|r| r.abs()).sum::<f64>() / samples.len() as f64;
        let coefficients = solution.coefficients;
        let surface = Surface { family, coefficients, held_out_error: error, samples: samples.len() };
        samples.iter().all(|s| surface.at(s.memory_mb, s.batch) > 0.0).then_some(surface)
    }

    /// The service time \[s\] of a batch of `batch` at `memory_mb`.
    pub fn at(&self, memory_mb: u32, batch: u32) -> f64 {
        let terms = self.family.terms_at(f64::from(memory_mb), f64::from(batch));
        terms.iter().zip(&self.coefficients).map(|(term, c)| term * c).sum()
    }

    /// Mean absolute relative error on `samples`, which may be others than the fitted ones.
    pub fn error_on(&self, samples: &[Sample]) -> f64 {
        let error = |s: &Sample| (self.at(s.memory_mb, s.batch) / s.service_s - 1.0).abs();
        samples.iter().map(error).sum::<f64>() / samples.len() as f64
    }

    /// The form in words.
    pub fn describe(&self) -> String {
        let form = match &self.family {
            Family::Polynomial { terms, .. } => {
                let degree = terms.iter().map(|(i, j)| i + j).max().unwrap_or(0);
                format!("polynomial of total degree {degree}")
            }
            Family::Physical { threads, .. } => {
                format!("overhead + work / CPU share, up to {threads} vCPU")
            }
        };
        let (samples, error) = (self.samples, 100.0 * self.held_out_error);
        format!("{form}, fitted on {samples} cells, leave-one-out error {error:.2} %")
    }
}

impl Family {
    fn terms_at(&self, memory: f64, batch: f64) -> Vec<f64> {
        match self {
            Family::Polynomial { terms, batch: in_batch, memory: in_memory } => {
                let (k, m) = (in_batch.apply(batch), in_memory.apply(memory));
                terms.iter().map(|(i, j)| k.powi(*i) * m.powi(*j)).collect()
            }
            Family::Physical { terms, threads } => {
                let share = (memory / mb_per_vcpu()).min(f64::from(*threads));
                let all = [1.0, 1.0 / share, batch / share];
                terms.iter().map(|t| all[*t]).collect()
            }
        }
    }
}

impl Scale {
    /// The scale that takes the range of `values` to [-1, 1], and how many distinct values there are.
    fn of(values: impl Iterator<Item = u32>) -> (Scale, i32) {
        let mut values: Vec<u32> = values.collect();
        values.sort_unstable();
        values.dedup();
        let (least, most) = (f64::from(values[0]), f64::from(values[values.len() - 1]));
        let half = ((most - least) / 2.0).max(0.5);
        (Scale { middle: (least + most) / 2.0, half }, values.len() as i32)
    }

    fn apply(self, value: f64) -> f64 {
        (value - self.middle) / self.half
    }
}

/// Which cells of a grid to measure when there is time for `budget` of them.
///
/// The Padua points of the highest degree d <= 4 whose (d + 1)(d + 2)/2 points fit into `budget - 1`, moved to
/// the nearest cells, and the middle cell as a check. They determine a polynomial of total degree d, with a
/// Lebesgue constant that grows as log^2 d (Bos, Caliari, De Marchi, Vianello 2006). With one memory size or
/// one batch size, the Chebyshev-Lobatto points of the other. Returns (memory, batch), sorted, each once.
pub fn sparse_design(memory_mb: &[u32], batch: &[u32], budget: usize) -> Vec<(u32, u32)> {
    let fits = |d: &usize| (d + 1) * (d + 2) / 2 < budget.max(4);
    let degree = (1..=HIGHEST as usize).rev().find(fits).unwrap_or(1);
    let mut cells = vec![(nearest(memory_mb, 0.0), nearest(batch, 0.0))];
    for i in 0..=degree {
        for j in 0..=degree + 1 {
            if memory_mb.len() == 1 || batch.len() == 1 || (i + j) % 2 == 0 {
                cells.push((nearest(memory_mb, lobatto(j, degree + 1)), nearest(batch, lobatto(i, degree))));
            }
        }
    }
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// The `i`-th of the `n + 1` Chebyshev-Lobatto points.
fn lobatto(i: usize, n: usize) -> f64 {
    (std::f64::consts::PI * i as f64 / n as f64).cos()
}

/// The value nearest to `at` in [-1, 1] on the range of `values`, which ascend.
fn nearest(values: &[u32], at: f64) -> u32 {
    let (least, most) = (f64::from(values[0]), f64::from(values[values.len() - 1]));
    let wanted = (least + most) / 2.0 + at * (most - least) / 2.0;
    let distance = |v: &u32| (f64::from(*v) - wanted).abs();
    *values.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("a grid has values")
}

#[cfg(test)]
#[path = "surface_tests.rs"]
mod tests;
