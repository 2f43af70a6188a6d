//! The best partition of classes into groups whose costs are known.

/// Up to so many classes every group is looked at: 4,095.
pub const MOST_SUBSETS: usize = 12;

/// Among which partitions the best is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// All of them.
    All,
    /// Those whose groups are neighbours in the order of the objectives' latencies.
    Contiguous,
}

/// The cheapest partition of `count` classes, each group a set of bits that costs `cost(set)`; `None` if every one costs
/// infinitely much.
///
/// Dynamic programming over subsets: the least of Q is the least, over the groups H in Q that hold Q's first class, of
/// `cost(H)` and the least of the rest. 3^count steps.
pub(super) fn best_of_all(count: usize, cost: impl Fn(usize) -> f64) -> Option<Vec<usize>> {
    let mut least = vec![(0.0, 0); 1 << count];
    for all in 1..least.len() {
        let first = all & all.wrapping_neg();
        let others = all ^ first;
        let mut best = (f64::INFINITY, 0);
        // Every subset of the others, the largest first.
        let mut with = others;
        loop {
            let group = first | with;
            let sum = cost(group) + least[all ^ group].0;
            if sum < best.0 {
                best = (sum, group);
            }
            if with == 0 {
                break;
            }
            with = (with - 1) & others;
        }
        least[all] = best;
    }
    let mut left = least.len() - 1;
    let mut groups = Vec::new();
    while left != 0 {
        let (cost, group) = least[left];
        if cost.is_infinite() {
            return None;
        }
        groups.push(group);
        left ^= group;
    }
    Some(groups)
}

/// The same over runs of neighbours: `cost(i)` is that of the i-th of the runs (0..1), (0..2), .., (1..2), ..; their
/// places.
pub(super) fn best_contiguous(count: usize, cost: impl Fn(usize) -> f64) -> Option<Vec<usize>> {
    // Runs that begin before `from` come first.
    let place = |from: usize, to: usize| from * count - from * from.saturating_sub(1) / 2 + (to - from - 1);
    let mut least = vec![(0.0, 0); count + 1];
    for from in (0..count).rev() {
        let sums = (from + 1..=count).map(|to| (cost(place(from, to)) + least[to].0, to));
        let best = sums.fold((f64::INFINITY, 0), |best, next| if next.0 < best.0 { next } else { best });
        least[from] = best;
    }
    let mut groups = Vec::new();
    let mut from = 0;
    while from < count {
        let (cost, to) = least[from];
        if cost.is_infinite() {
            return None;
        }
        groups.push(place(from, to));
        from = to;
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    /// The least cost over all partitions, one by one.
    fn exhausted(left: usize, cost: &dyn Fn(usize) -> f64) -> f64 {
        if left == 0 {
            return 0.0;
        }
        let first = left & left.wrapping_neg();
        let groups = (1..=left).filter(|group| group & left == *group && group & first != 0);
        groups.map(|group| cost(group) + exhausted(left ^ group, cost)).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_dynamic_programme_finds_what_exhaustion_finds() {
        let mut stream = crate::numeric::streams::Stream::seed_from_u64(3);
        for case in 0..200 {
            let count = 1 + case % 6;
            let costs: Vec<f64> = (0..1 << count)
                .map(|set: usize| {
                    let members = f64::from(set.count_ones());
                    let draw: f64 = stream.random();
                    if draw < 0.2 { f64::INFINITY } else { members.powf(0.8) * (0.7 + draw) }
                })
                .collect();
            let exact = exhausted((1 << count) - 1, &|set| costs[set]);
            match best_of_all(count, |set| costs[set]) {
                None => assert!(exact.is_infinite()),
                Some(groups) => {
                    assert_eq!(groups.iter().fold(0, |all, set| all ^ set), (1 << count) - 1);
                    let sum: f64 = groups.iter().map(|set| costs[*set]).sum();
                    assert!((sum - exact).abs() < 1e-12, "{sum} {exact}");
                }
            }
        }
    }

    #[test]
    fn contiguous_groups_are_the_best_of_their_kind() {
        let mut stream = crate::numeric::streams::Stream::seed_from_u64(4);
        for case in 0..100 {
            let count = 1 + case % 8;
            let runs: Vec<(usize, usize)> =
                (0..count).flat_map(|from| (from + 1..=count).map(move |to| (from, to))).collect();
            let costs: Vec<f64> =
                runs.iter().map(|(from, to)| (to - from) as f64 * stream.random::<f64>()).collect();
            let groups = best_contiguous(count, |at| costs[at]).unwrap();
            let sum: f64 = groups.iter().map(|at| costs[*at]).sum();
            // A partition into runs is a choice of the places where one ends.
            let exact = (0..1_usize << (count - 1)).map(|ends| {
                let (mut from, mut sum) = (0, 0.0);
                for to in 1..=count {
                    if to == count || ends >> (to - 1) & 1 == 1 {
                        sum += costs[runs.iter().position(|run| *run == (from, to)).unwrap()];
                        from = to;
                    }
                }
                sum
            });
            assert!((sum - exact.fold(f64::INFINITY, f64::min)).abs() < 1e-12);
        }
    }
}
