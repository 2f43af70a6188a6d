//! From times measured on a whole core to those at a memory size: the platform's CPU share.

use crate::profile::surface::mb_per_vcpu;

/// Times of one batch size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// CPU time with one thread \[s\].
    pub single_s: f64,
    /// Wall time \[s\] with several threads, and their number; one thread's again where no more were measured.
    pub several_s: (f64, usize),
}

/// The share of vCPUs that `memory_mb` buys: the memory over that of a whole one.
pub fn share(memory_mb: u32) -> f64 {
    f64::from(memory_mb) / mb_per_vcpu()
}

impl Times {
    /// The service time \[s\] at `memory_mb`.
    ///
    /// Up to one vCPU, `t1 / share`. Above, Amdahl's law through the measured times with one and with `n` threads,
    /// `t(s) = t1 - p + p / s` with the parallel part `p = (t1 - tn) n / (n - 1)`, never beyond `n`. Where more threads
    /// do not help, one is used.
    pub fn at(&self, memory_mb: u32) -> f64 {
        let (share, (several, threads)) = (share(memory_mb), self.several_s);
        if share <= 1.0 {
            return self.single_s / share;
        }
        if threads < 2 || several >= self.single_s {
            return self.single_s;
        }
        let n = threads as f64;
        let parallel = ((self.single_s - several) * n / (n - 1.0)).min(self.single_s);
        self.single_s - parallel + parallel / share.min(n)
    }

    /// Whether [`Times::at`] returns a measured time as it is.
    pub fn measured_at(&self, memory_mb: u32) -> bool {
        let (share, (several, threads)) = (share(memory_mb), self.several_s);
        let parallel = threads >= 2 && several < self.single_s;
        share == 1.0 || (share > 1.0 && (!parallel || share >= threads as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_divides_below_one_vcpu_and_amdahl_holds_above() {
        let times = Times { single_s: 1.0, several_s: (0.6, 2) };
        assert!((times.at(1024) - 1769.0 / 1024.0).abs() < 1e-12);
        assert_eq!(times.at(1769), 1.0);
        // Serial part 0.2, parallel 0.8: at 1.5 vCPU 0.2 + 0.8 / 1.5.
        let at = times.at(2654) - (0.2 + 0.8 / (2654.0 / 1769.0));
        assert!(at.abs() < 1e-12);
        assert!((times.at(3538) - 0.6).abs() < 1e-12);
        assert_eq!(times.at(10240), times.at(3538));
        assert!(times.measured_at(1769) && times.measured_at(10240) && !times.measured_at(3008));
    }

    #[test]
    fn threads_that_do_not_help_are_not_used() {
        let times = Times { single_s: 1.0, several_s: (1.2, 2) };
        assert_eq!((times.at(3008), times.measured_at(3008)), (1.0, true));
    }
}
