//! Many sizes rounded up to few, so that batches run longer by that as little as can be.

use super::class::{Grouped, Sizes};
use super::class_sizes::MOST_SIZES;
use crate::profile::Profile;

/// What the law takes in place of `values`, of which there are `counts` requests and in each class the `shares`; none where
/// they are few enough. Batches are of at most `largest`.
///
/// Of all ways to cut the ascending sizes into groups, each taken as its largest, the one is found that makes the service
/// times of batches of 1, 2, .. `largest` requests, as many of each, longer in the mean the least. The largest of n
/// independent requests is up to the i-th size with probability F_i^n; times are means over the table's cells.
pub(super) fn grouped(
    values: &[f64],
    counts: &[u64],
    shares: &[Vec<f64>],
    (profile, largest): (&Profile, u32),
) -> Option<Grouped> {
    if values.len() <= MOST_SIZES {
        return None;
    }
    let table = profile.by_size.as_ref()?;
    let cells: Vec<Vec<f64>> = values.iter().filter_map(|size| Some(table.at(*size)?.concat())).collect();
    let time: Vec<f64> = cells.iter().map(|cells| cells.iter().sum::<f64>() / cells.len() as f64).collect();
    let weights = weights(counts, largest);
    let tops = cuts(&time, &weights, MOST_SIZES);
    let mut longer = (0.0, 0.0_f64);
    let mut group = 0;
    for at in 0..values.len() {
        if at > tops[group] {
            group += 1;
        }
        let ratios = cells[tops[group]].iter().zip(&cells[at]).map(|(top, own)| top / own - 1.0);
        let (sum, most) = ratios.fold((0.0, 0.0_f64), |(sum, most), ratio| (sum + ratio, most.max(ratio)));
        longer = (longer.0 + weights[at] * sum / cells[at].len() as f64, longer.1.max(most));
    }
    let of_groups = |shares: &Vec<f64>| -> Vec<f64> {
        let from = std::iter::once(0).chain(tops.iter().map(|top| top + 1));
        from.zip(&tops).map(|(from, top)| shares[from..=*top].iter().sum()).collect()
    };
    let sizes = Sizes {
        values: tops.iter().map(|top| values[*top]).collect(),
        shares: shares.iter().map(of_groups).collect(),
        recorded: None,
    };
    Some(Grouped { sizes: Box::new(sizes), longer })
}

/// How often each size is the largest of a batch.
fn weights(counts: &[u64], largest: u32) -> Vec<f64> {
    let total: u64 = counts.iter().sum();
    let (mut below, mut sum) = (0.0, 0_u64);
    let batches = f64::from(largest);
    let powers = |share: f64| match share < 1.0 {
        true => share * (1.0 - share.powf(batches)) / (1.0 - share),
        false => batches,
    };
    let one = |count: &u64| {
        sum += count;
        let up_to = powers(sum as f64 / total as f64);
        let own = ((up_to - below) / batches).max(0.0);
        below = up_to;
        own
    };
    counts.iter().map(one).collect()
}

/// The last place of each of at most `most` groups of neighbours whose sum of `weights[i] * (time[top] - time[i])` is least.
///
/// Where times rise with the size, the best place for a cut moves up with the end of what is cut; so each round of
/// dynamic programming halves its range of places, in n log n steps.
fn cuts(time: &[f64], weights: &[f64], most: usize) -> Vec<usize> {
    let n = time.len();
    let summed = |of: &dyn Fn(usize) -> f64| {
        let mut sums = vec![0.0; n + 1];
        (0..n).for_each(|i| sums[i + 1] = sums[i] + of(i));
        sums
    };
    let (weight, loaded) = (summed(&|i| weights[i]), summed(&|i| weights[i] * time[i]));
    // Of a group of the places from..to.
    let cost =
        |from: usize, to: usize| time[to - 1] * (weight[to] - weight[from]) - (loaded[to] - loaded[from]);
    let mut least: Vec<f64> = (0..=n).map(|to| if to == 0 { 0.0 } else { cost(0, to) }).collect();
    let mut starts: Vec<Vec<usize>> = vec![vec![0; n + 1]];
    for groups in 2..=most.min(n) {
        let (mut next, mut start) = (vec![f64::INFINITY; n + 1], vec![0; n + 1]);
        let mut ranges = vec![(groups, n, groups - 1, n - 1)];
        while let Some((low, high, first, last)) = ranges.pop() {
            let to = low.midpoint(high);
            for (from, before) in least.iter().enumerate().take(last.min(to - 1) + 1).skip(first) {
                let sum = before + cost(from, to);
                if sum < next[to] {
                    (next[to], start[to]) = (sum, from);
                }
            }
            if low < to {
                ranges.push((low, to - 1, first, start[to]));
            }
            if to < high {
                ranges.push((to + 1, high, start[to], last));
            }
        }
        least = next;
        starts.push(start);
    }
    let (mut tops, mut to) = (Vec::new(), n);
    for start in starts.iter().rev() {
        tops.push(to - 1);
        to = start[to];
    }
    tops.reverse();
    tops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;
    use rand::RngExt;

    /// All ways to cut, tried one by one.
    fn by_trying(time: &[f64], weights: &[f64], most: usize) -> f64 {
        let n = time.len();
        let ways = (0_u32..1 << (n - 1)).filter(|cut| cut.count_ones() as usize == most - 1);
        let cost = |cut: u32| {
            let top = |i: usize| (i..n).find(|j| *j == n - 1 || cut >> j & 1 == 1).unwrap();
            (0..n).map(|i| weights[i] * (time[top(i)] - time[i])).sum::<f64>()
        };
        ways.map(cost).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_cuts_are_the_best_of_all() {
        let mut stream = Streams::new(4).stream("cuts");
        for n in [3, 7, 12] {
            let mut time: Vec<f64> = (0..n).map(|_| stream.random()).collect();
            time.sort_by(f64::total_cmp);
            let weights: Vec<f64> = (0..n).map(|_| stream.random()).collect();
            for most in 1..=n.min(5) {
                let tops = cuts(&time, &weights, most);
                assert!(tops.is_sorted_by(|a, b| a < b) && tops.len() == most && tops[most - 1] == n - 1);
                let top = |i: usize| *tops.iter().find(|top| **top >= i).unwrap();
                let found: f64 = (0..n).map(|i| weights[i] * (time[top(i)] - time[i])).sum();
                let best = by_trying(&time, &weights, most);
                assert!((found - best).abs() < 1e-12, "{n} {most}: {found} {best}");
            }
        }
    }

    #[test]
    fn weights_are_those_of_the_largest_of_a_batch() {
        // Of sizes 1 and 2, 3 to 1, in batches of 1 and 2: the largest is 1 with 3/4 and 9/16.
        let found = weights(&[3, 1], 2);
        assert!(
            (found[0] - (0.75 + 0.5625) / 2.0).abs() < 1e-15 && (found[0] + found[1] - 1.0).abs() < 1e-15
        );
    }
}
