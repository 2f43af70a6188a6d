//! What chance may do to a sum over slices of time.
//!
//! Batch means with the two corrections of Skart: for skewness, by the Cornish-Fisher expansion of Student's t
//! (Willink 2005), and for what neighbouring slices have in common, by a first-order autoregression (Tafazzoli and
//! Wilson, "Skart: A skewness- and autoregression-adjusted batch-means procedure for simulation analysis", IIE
//! Transactions 43 (2011) 110-128; "N-Skart", IEEE Transactions on Automatic Control 56 (2011) 254-264, for a run of
//! given length).
//!
//! Let z_i be the residuals of the slices of a stratum of m slices, s^2 their variance, n its length in slices,
//! tau its relaxation time and c the time from one burst to the next. Then
//!
//! - the variance of the sum is V = sum over strata of n s^2 A, where A is the larger of (1 + phi) / (1 - phi), phi
//!   the correlation of neighbours, and u / (u - 1 + e^-u), u = width / tau: what an exponential correlation adds;
//! - Student's t has f degrees of freedom, V^2 / f = sum (n s^2 A)^2 / f_m (Satterthwaite 1946), with
//!   2 / f_m = 2 / (m - 1) + 3 / bursts: a burst of exponential length has excess kurtosis 3 or so, and it is
//!   the fourth moment that decides how well a variance is known (Box 1953);
//! - where bursts are unknown, the excess kurtosis of the residuals of all strata takes the place of 3 / bursts.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::strata::{Neighbours, Strata, Stratum};
use crate::arrivals::rhythm::Beat;

/// So many independent pieces a run must hold at least.
pub const LEAST_PIECES: f64 = 10.0;
/// The excess kurtosis of what a burst adds.
const BURST_KURTOSIS: f64 = 3.0;

/// The law of a sum's deviation from its mean: t-like, but skewed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Luck {
    /// The standard deviation of the sum.
    pub deviation: f64,
    /// Degrees of freedom of Student's t.
    pub freedom: f64,
    /// A sixth of the skewness of the sum.
    pub skew: f64,
    /// So many independent pieces the run holds; fewer than [`LEAST_PIECES`] are too few.
    pub pieces: f64,
}

impl Luck {
    /// Of the sum of the residuals `z`, one a slice.
    pub fn of(z: &[f64], strata: &Strata) -> Luck {
        let groups: Vec<Group> = strata.all.iter().map(|stratum| Group::of(z, stratum)).collect();
        let sum = |part: &dyn Fn(&Group) -> f64| groups.iter().map(part).sum::<f64>();
        let own = sum(&|g| g.length * g.variance);
        if own <= 0.0 {
            return Luck { deviation: 0.0, freedom: 1.0, skew: 0.0, pieces: f64::INFINITY };
        }
        let common = sum(&|g| g.neighbours) / sum(&|g| g.freedom * g.variance);
        let measured = match strata.neighbours {
            Neighbours::Related => ((1.0 + common) / (1.0 - common).max(1e-9)).max(1.0),
            Neighbours::Independent => 1.0,
        };
        let weighed: Vec<(f64, &Group)> = groups
            .iter()
            .map(|group| (group.length * group.variance * group.stretch(strata.width_s).max(measured), group))
            .collect();
        let variance: f64 = weighed.iter().map(|(v, _)| v).sum();
        let slices = sum(&|g| g.length);
        let over = |part: &dyn Fn(&Group) -> f64| {
            variance * variance / weighed.iter().map(|(v, group)| v * v * part(group)).sum::<f64>()
        };
        let (freedom, bursts) = if groups.iter().all(|group| group.beat.is_some()) {
            let rare = |group: &Group| group.bursts_inverse(strata.width_s);
            (over(&|group| 1.0 / group.freedom + BURST_KURTOSIS / 2.0 * rare(group)), over(&rare))
        } else {
            let excess = kurtosis(&groups) - 3.0;
            let bursts = slices * (BURST_KURTOSIS / excess.max(BURST_KURTOSIS));
            let freedom = 2.0 / (2.0 / sum(&|g| g.freedom) + excess.max(0.0) / slices);
            (freedom, bursts)
        };
        Luck {
            deviation: variance.sqrt(),
            freedom: freedom.max(1.0),
            // Of a few runs it cannot be known.
            skew: if slices < LEAST_PIECES { 0.0 } else { sum(&|g| g.length * g.third) / own.powf(1.5) / 6.0 },
            pieces: match strata.neighbours {
                Neighbours::Related => bursts.min(slices / measured),
                Neighbours::Independent => bursts,
            },
        }
    }

    /// Itself, unless the run holds too few pieces.
    pub fn enough(self) -> Option<Luck> {
        // Exactly so many bursts are enough, however they were rounded.
        (self.pieces >= LEAST_PIECES * (1.0 - 1e-9)).then_some(self)
    }

    /// The sum less its mean lies between these with 95 % probability.
    pub fn band(&self) -> [f64; 2] {
        let t = StudentsT::new(0.0, 1.0, self.freedom).map_or(f64::INFINITY, |law| law.inverse_cdf(0.975));
        [-t, t].map(|t| self.deviation * self.skewed(t))
    }

    /// The point of the skewed law that corresponds to the point `t` of Student's (Willink's G).
    fn skewed(&self, t: f64) -> f64 {
        let b = self.skew;
        if b.abs() < 1e-6 { t } else { ((1.0 + 6.0 * b * (t - b)).cbrt() - 1.0) / (2.0 * b) }
    }
}

/// Moments of a stratum's residuals.
#[derive(Debug)]
struct Group {
    length: f64,
    beat: Option<Beat>,
    freedom: f64,
    variance: f64,
    third: f64,
    fourth: f64,
    /// The sum of the products of neighbours, without bias for residuals that have nothing in common.
    neighbours: f64,
}

impl Group {
    fn of(z: &[f64], stratum: &Stratum) -> Group {
        let count = stratum.slices.len() as f64;
        let mean = stratum.slices.iter().map(|i| z[*i]).sum::<f64>() / count;
        let moment = |k: i32| stratum.slices.iter().map(|i| (z[*i] - mean).powi(k)).sum::<f64>();
        let variance = moment(2) / (count - 1.0);
        let pairs = || stratum.slices.windows(2).filter(|pair| pair[1] == pair[0] + 1);
        let products: f64 = pairs().map(|pair| (z[pair[0]] - mean) * (z[pair[1]] - mean)).sum();
        Group {
            length: stratum.length,
            beat: stratum.beat,
            freedom: count - 1.0,
            variance,
            third: moment(3) / count,
            fourth: moment(4) / count,
            neighbours: products + pairs().count() as f64 / count * variance,
        }
    }

    /// The factor that the relaxation time asks for.
    fn stretch(&self, width_s: f64) -> f64 {
        let relaxation_s = self.beat.map_or(0.0, |beat| beat.relaxation_s);
        let u = width_s / relaxation_s;
        if u > 1e6 { 1.0 } else { u / (u - 1.0 + (-u).exp()) }
    }

    /// 1 / the number of bursts that it holds.
    fn bursts_inverse(&self, width_s: f64) -> f64 {
        self.beat.map_or(0.0, |beat| beat.burst_s) / (self.length * width_s)
    }
}

/// How far chance does the same to the sums of the residuals `x` and `y`: from -1 to 1, 0 where it does nothing to one.
pub fn correlation(x: &[f64], y: &[f64], strata: &Strata) -> f64 {
    let variance = |z: &[f64]| -> f64 {
        strata.all.iter().map(|stratum| Group::of(z, stratum)).map(|g| g.length * g.variance).sum()
    };
    let together = |sign: f64| x.iter().zip(y).map(|(x, y)| x + sign * y).collect::<Vec<_>>();
    let common = (variance(&together(1.0)) - variance(&together(-1.0))) / 4.0;
    let scale = (variance(x) * variance(y)).sqrt();
    if scale > 0.0 { (common / scale).clamp(-1.0, 1.0) } else { 0.0 }
}

/// Of the residuals of all groups together.
fn kurtosis(groups: &[Group]) -> f64 {
    let mean = |part: &dyn Fn(&Group) -> f64| {
        groups.iter().map(|group| (group.freedom + 1.0) * part(group)).sum::<f64>()
    };
    let square = mean(&|g| g.variance * g.freedom / (g.freedom + 1.0));
    mean(&|g| g.fourth) * mean(&|_| 1.0) / (square * square)
}
