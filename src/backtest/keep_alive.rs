//! Which keep-alive the sights of idle environments speak for.
//!
//! Each sight says whether an environment that had been idle for some time was still there. A fixed keep-alive k
//! splits them: there up to k, gone beyond. Where sights contradict any k, it lies between the shortest idle time that
//! ended one and the longest that did not, and the value is what the fewest contradict. Environments that go after much
//! less than others outlive do not go for being idle: they give the age at which environments are replaced. The forms are compared by their likelihood, where each
//! sight is believed to 98 %, less half the logarithm of the sights for each figure that is fitted (Schwarz, Annals of
//! Statistics 6(2), 1978).

use super::idle::{Seen, Sight};
use super::stats::Estimate;

/// A keep-alive, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Always this long.
    Fixed(Estimate),
    /// A half of the idle ones goes at the end of every such period.
    Halving(Estimate),
    /// Lognormal: mean, and coefficient of variation.
    Random(Estimate, f64),
    /// The only environment, and one beside others.
    LastAndSpare(Estimate, Estimate),
}

/// What was learnt of how long environments stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Stays {
    /// The form that the sights speak for; `None` where none was seen to go.
    pub form: Option<Form>,
    /// No idle time was outlived by more than this \[s\].
    pub longest_outlived: f64,
    /// The age at which environments go, where that is seen.
    pub max_age: Option<Estimate>,
    /// The oldest that was seen to serve \[s\].
    pub oldest: f64,
    /// Environments that were seen idle and there, and that were seen to be gone.
    pub there: usize,
    /// See `there`.
    pub gone: usize,
}

/// Fewer environments that were seen to go say too little.
pub const FEW: usize = 5;
/// A sight is believed so far.
const BELIEF: f64 = 0.98;

impl Stays {
    /// Learns from what was seen.
    pub fn of(seen: &Seen) -> Stays {
        let sights = &seen.sights;
        let count = |is_there: bool| sights.iter().filter(|sight| sight.is_there == is_there).count();
        let most = |of: fn(&Sight) -> f64| sights.iter().filter(|s| s.is_there).map(of).fold(0.0, f64::max);
        let (longest_outlived, oldest) = (most(|s| s.idle), most(|s| s.age));
        let (there, gone) = (count(true), count(false));
        let sights = &telling(sights);
        let mut form = (gone > 0).then(|| best(sights));
        let early =
            |sight: &Sight, form: &Form| !sight.is_there && sight.idle < too_soon(form, sight.has_others);
        let mut max_age = None;
        if let Some(found) = form {
            let (soon, rest): (Vec<Sight>, Vec<Sight>) =
                sights.iter().partition(|sight| early(sight, &found));
            if soon.len() >= FEWEST_EARLY {
                max_age = Some(lifetime(&soon, sights, &seen.left));
                form = rest.iter().any(|sight| !sight.is_there).then(|| best(&rest));
            }
        }
        Stays { form, longest_outlived, max_age, oldest, there, gone }
    }

    /// Were too few seen to go for a form to be told from others?
    pub fn are_few(&self) -> bool {
        self.gone < FEW
    }
}

/// Sights that tell something: all that were gone, and the longest idle of those that were there. What had hardly been
/// idle is there by every form.
fn telling(sights: &[Sight]) -> Vec<Sight> {
    const MOST: usize = 20_000;
    let mut there: Vec<f64> = sights.iter().filter(|s| s.is_there).map(|s| s.idle).collect();
    if there.len() <= MOST {
        return sights.to_vec();
    }
    there.sort_unstable_by(|a, b| b.total_cmp(a));
    let least = there[MOST];
    sights.iter().filter(|sight| !sight.is_there || sight.idle > least).copied().collect()
}

/// So many must have gone too soon for an age limit.
const FEWEST_EARLY: usize = 3;

/// An environment that goes after so little idle time does not go for being idle \[s\].
fn too_soon(form: &Form, has_others: bool) -> f64 {
    match form {
        Form::Fixed(keep) => 0.6 * keep.value,
        Form::LastAndSpare(last, spare) => {
            0.6 * if has_others { spare.value.min(last.value) } else { last.value }
        }
        // Within the first period none goes.
        Form::Halving(every) => 0.6 * every.value,
        // Some go at once.
        Form::Random(mean, _) => 0.05 * mean.value,
    }
}

/// How old environments become that do not go for being idle. Where all of them go at one age, that; else their mean life
/// by Kaplan and Meier (Journal of the American Statistical Association 53, 1958), in which those that went for being
/// idle, or had not gone yet, are censored: with it, as many are replaced as were.
fn lifetime(soon: &[Sight], sights: &[Sight], left: &[f64]) -> Estimate {
    let ages: Vec<f64> = soon.iter().map(|sight| sight.age).collect();
    let there: Vec<f64> = sights.iter().filter(|s| s.is_there).map(|s| s.age).collect();
    let sharp = threshold(there, ages.clone());
    if sharp.to.is_some_and(|to| sharp.from <= to) && !is_contradicted(soon, sights) {
        return sharp;
    }
    // Age and whether it went too soon.
    let mut lives: Vec<(f64, bool)> = soon.iter().map(|sight| (sight.age, true)).collect();
    let is_soon = |sight: &Sight| soon.iter().any(|other| other == sight);
    lives.extend(sights.iter().filter(|s| !s.is_there && !is_soon(s)).map(|s| (s.age - s.idle, false)));
    lives.extend(left.iter().map(|age| (*age, false)));
    lives.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let (mut share, mut mean, mut before) = (1.0, 0.0, 0.0);
    for (at, (age, went)) in lives.iter().enumerate() {
        mean += share * (age - before);
        before = *age;
        if *went {
            share *= 1.0 - 1.0 / (lives.len() - at) as f64;
        }
    }
    let sorted = super::stats::sorted(ages);
    let observations = lives.len();
    Estimate { value: mean, from: sorted[0].min(mean), to: Some(before.max(mean)), observations }
}

/// Did some serve at an age at which others went?
fn is_contradicted(soon: &[Sight], sights: &[Sight]) -> bool {
    let youngest = soon.iter().map(|sight| sight.age).fold(f64::INFINITY, f64::min);
    sights.iter().any(|sight| sight.is_there && sight.age > youngest)
}

/// The threshold between what was there and what was gone: each at most, and at least, so large.
fn threshold(there: Vec<f64>, gone: Vec<f64>) -> Estimate {
    let (there, gone) = (super::stats::sorted(there), super::stats::sorted(gone));
    let observations = there.len() + gone.len();
    let longest = there.last().copied().unwrap_or(0.0);
    let Some(shortest) = gone.first().copied() else {
        return Estimate { value: longest, from: longest, to: None, observations };
    };
    if longest <= shortest {
        return Estimate {
            value: (longest + shortest) / 2.0,
            from: longest,
            to: Some(shortest),
            observations,
        };
    }
    // The split that the fewest contradict.
    let mut best = (usize::MAX, shortest);
    for k in there.iter().chain(&gone) {
        let beyond = there.len() - there.partition_point(|x| x <= k);
        let before = gone.partition_point(|x| x <= k);
        if beyond + before < best.0 {
            best = (beyond + before, *k);
        }
    }
    // Up to the next observation nothing changes.
    let low = best.1;
    let next = |list: &[f64]| list.get(list.partition_point(|x| *x <= low)).copied();
    let high = [next(&there), next(&gone)].into_iter().flatten().fold(f64::INFINITY, f64::min);
    let high = if high.is_finite() { high } else { low };
    let value = (low + high) / 2.0;
    Estimate { value, from: shortest.min(low), to: Some(longest.max(high)), observations }
}

/// The form with the best likelihood, less what its figures cost.
fn best(sights: &[Sight]) -> Form {
    let cost = (sights.len() as f64).ln() / 2.0;
    let fixed = split(sights, |_| true);
    let mut best = (likelihood(sights, |s| step(s, fixed.value)) - cost, Form::Fixed(fixed));
    let mut offer = |score: f64, form: Form| {
        if score > best.0 + 1e-9 {
            best = (score, form);
        }
    };
    let (last, spare) = (split(sights, |s| !s.has_others), split(sights, |s| s.has_others));
    if last.observations > 0 && spare.observations > 0 {
        let by_others = |s: &Sight| step(s, if s.has_others { spare.value } else { last.value });
        offer(likelihood(sights, by_others) - 2.0 * cost, Form::LastAndSpare(last, spare));
    }
    if let Some((score, every)) = halving(sights) {
        offer(score - cost, Form::Halving(every));
    }
    if let Some((score, mean, cv)) = lognormal(sights) {
        offer(score - 2.0 * cost, Form::Random(mean, cv));
    }
    best.1
}

fn split(sights: &[Sight], of: impl Fn(&Sight) -> bool) -> Estimate {
    let idle = |is_there: bool| {
        let of_kind = sights.iter().filter(|s| s.is_there == is_there && of(s));
        of_kind.map(|s| s.idle).collect::<Vec<f64>>()
    };
    threshold(idle(true), idle(false))
}

fn step(sight: &Sight, keep_alive: f64) -> f64 {
    if sight.idle <= keep_alive { 1.0 } else { 0.0 }
}

/// How much better what was seen is explained by one keep-alive than by another: the difference of the logarithms of
/// their likelihoods. Each says which share of the environments with a sight's idle time, and others or none, is left.
pub fn evidence(sights: &[Sight], one: impl Fn(&Sight) -> f64, other: impl Fn(&Sight) -> f64) -> f64 {
    likelihood(sights, one) - likelihood(sights, other)
}

/// The share of a form that is left.
pub fn left(form: &Form, sight: &Sight) -> f64 {
    match form {
        Form::Fixed(keep) => step(sight, keep.value),
        Form::Halving(every) => halved(sight.idle, every.value),
        Form::Random(mean, cv) => left_of_lognormal(sight.idle, mean.value, *cv),
        Form::LastAndSpare(last, spare) => {
            step(sight, if sight.has_others { spare.value } else { last.value })
        }
    }
}

/// The share that is left where stays are lognormal.
pub fn left_of_lognormal(idle: f64, mean: f64, cv: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, LogNormal};
    let square = (cv * cv).ln_1p();
    let law = LogNormal::new(mean.ln() - square / 2.0, square.sqrt());
    law.map_or(if idle <= mean { 1.0 } else { 0.0 }, |law| 1.0 - law.cdf(idle))
}

/// The logarithm of the likelihood where `survival` is the share that is still there.
fn likelihood(sights: &[Sight], survival: impl Fn(&Sight) -> f64) -> f64 {
    let of = |sight: &Sight| {
        let there = survival(sight);
        let share = if sight.is_there { there } else { 1.0 - there };
        (BELIEF * share + (1.0 - BELIEF) * (1.0 - share)).ln()
    };
    sights.iter().map(of).sum()
}

/// The share of idle environments that are left after a time, where a half goes at the end of every period.
pub fn halved(idle: f64, every: f64) -> f64 {
    0.5_f64.powf((idle / every).ceil() - 1.0).min(1.0)
}

/// Twice the fall of the likelihood that 95 % of samples stay within.
const CHI_SQUARE: f64 = 3.841;

fn halving(sights: &[Sight]) -> Option<(f64, Estimate)> {
    let grid = logarithmic(sights, 600)?;
    let tried: Vec<(f64, f64)> =
        grid.iter().map(|every| (likelihood(sights, |s| halved(s.idle, *every)), *every)).collect();
    Some(profile(&tried, sights.len()))
}

fn lognormal(sights: &[Sight]) -> Option<(f64, Estimate, f64)> {
    let grid = logarithmic(sights, 60)?;
    let groups = grouped(sights);
    let mut best: Option<(f64, f64)> = None;
    let mut tried = Vec::new();
    for mean in &grid {
        let mut of_mean = f64::NEG_INFINITY;
        for cv in [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0] {
            let of = |(sight, count): &(Sight, usize)| {
                *count as f64 * likelihood(&[*sight], |s| left_of_lognormal(s.idle, *mean, cv))
            };
            let score = groups.iter().map(of).sum();
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, cv));
            }
            of_mean = of_mean.max(score);
        }
        tried.push((of_mean, *mean));
    }
    let (score, mean) = profile(&tried, sights.len());
    best.map(|(_, cv)| (score, mean, cv))
}

/// Environments that were there, in at most some hundred groups of about the same idle time, and each that was gone: for
/// a smooth law that is as good as all of them.
fn grouped(sights: &[Sight]) -> Vec<(Sight, usize)> {
    const GROUPS: usize = 150;
    let (mut there, gone): (Vec<Sight>, Vec<Sight>) = sights.iter().partition(|sight| sight.is_there);
    there.sort_by(|a, b| a.idle.total_cmp(&b.idle));
    let size = there.len().div_ceil(GROUPS).max(1);
    let group = |part: &[Sight]| {
        let idle = part.iter().map(|sight| sight.idle).sum::<f64>() / part.len() as f64;
        (Sight { idle, ..part[0] }, part.len())
    };
    there.chunks(size).map(group).chain(gone.into_iter().map(|sight| (sight, 1))).collect()
}

/// Even steps of the logarithm over the idle times.
fn logarithmic(sights: &[Sight], steps: usize) -> Option<Vec<f64>> {
    let idle = || sights.iter().map(|sight| sight.idle).filter(|idle| *idle > 1e-3);
    let (least, most) = (idle().fold(f64::INFINITY, f64::min).max(1.0), 2.0 * idle().fold(0.0, f64::max));
    let at = |i: usize| least * (most / least).powf(i as f64 / steps as f64);
    (most > least).then(|| (0..=steps).map(at).collect())
}

/// The best of what was tried, with the interval of those that are nearly as good, a step wider on both sides.
fn profile(tried: &[(f64, f64)], observations: usize) -> (f64, Estimate) {
    let best = tried.iter().fold(tried[0], |best, next| if next.0 > best.0 { *next } else { best });
    let near: Vec<usize> = (0..tried.len()).filter(|i| 2.0 * (best.0 - tried[*i].0) <= CHI_SQUARE).collect();
    let (first, last) = (near[0].saturating_sub(1), (near[near.len() - 1] + 1).min(tried.len() - 1));
    let (from, to) = (tried[first].1, Some(tried[last].1));
    (best.0, Estimate { value: best.1, from, to, observations })
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::numeric::streams::Streams;

    fn only(sights: Vec<Sight>) -> Seen {
        Seen { sights, ..Seen::default() }
    }

    /// Sights at uniform idle times of environments with these stays.
    fn sights(n: usize, mut stay: impl FnMut(bool) -> f64) -> Seen {
        let mut stream = Streams::new(4).stream("sights");
        let mut one = |_| {
            let (idle, has_others) = (stream.random_range(1.0..2000.0), stream.random_bool(0.5));
            let is_there = stay(has_others) >= idle;
            Sight { idle, age: 3000.0, is_there, has_others, at: 0.0 }
        };
        only((0..n).map(&mut one).collect())
    }

    #[test]
    fn every_form_is_told_from_the_others() {
        let mut stream = Streams::new(5).stream("stays");
        let Some(Form::Fixed(fixed)) = Stays::of(&sights(200, |_| 600.0)).form else { panic!() };
        assert!(fixed.holds(600.0) && fixed.to.unwrap() - fixed.from < 100.0, "{fixed:?}");
        let by_others = |has_others| if has_others { 900.0 } else { 640.0 };
        let Some(Form::LastAndSpare(last, spare)) = Stays::of(&sights(200, by_others)).form else { panic!() };
        assert!(last.holds(640.0) && spare.holds(900.0), "{last:?} {spare:?}");
        let half = |_| 380.0 * (1.0 + f64::from(stream.random::<u64>().trailing_zeros()));
        let Some(Form::Halving(every)) = Stays::of(&sights(600, half)).form else { panic!() };
        assert!(every.holds(380.0) && (every.value / 380.0 - 1.0).abs() < 0.1, "{every:?}");
        let none = Stays::of(&sights(50, |_| 1e9));
        assert!(none.form.is_none() && none.are_few() && none.longest_outlived > 1500.0);
    }

    #[test]
    fn an_age_limit_is_seen_where_environments_go_that_were_hardly_idle() {
        let sight = |idle: f64, age: f64, is_there| Sight { idle, age, is_there, has_others: false, at: 0.0 };
        let mut all: Vec<Sight> =
            (0..200).map(|i| sight(f64::from(i) * 3.0, f64::from(i) * 36.0, true)).collect();
        assert_eq!(Stays::of(&only(all.clone())).max_age, None);
        // The keep-alive is seen, too.
        all.extend((0..20).map(|i| sight(700.0 + f64::from(i), 2000.0, false)));
        all.extend((0..4).map(|i| sight(20.0, 7250.0 + 10.0 * f64::from(i), false)));
        let found = Stays::of(&only(all.clone()));
        let limit = found.max_age.unwrap();
        assert_eq!((limit.from, limit.to), (7164.0, Some(7250.0)));
        let Some(Form::Fixed(keep)) = found.form else { panic!() };
        assert_eq!((keep.from, keep.to), (597.0, Some(700.0)));
        // Where they go at any age, their mean life: half at 1,000 and half at 3,000 s.
        all.retain(|sight| sight.is_there || sight.idle > 100.0);
        all.extend((0..40).map(|i| sight(20.0, if i % 2 == 0 { 1000.0 } else { 3000.0 }, false)));
        let life =
            Stays::of(&only(all.iter().filter(|s| s.is_there || s.idle < 100.0).copied().collect())).max_age;
        assert!(life.is_none_or(|life| (life.value - 2000.0).abs() < 1.0), "{life:?}");
    }

    #[test]
    fn the_share_left_falls_at_the_end_of_every_period() {
        let left = [0.0, 380.0, 380.1, 760.0, 760.1].map(|idle| halved(idle, 380.0));
        assert_eq!(left, [1.0, 1.0, 0.5, 0.5, 0.25]);
    }
}
