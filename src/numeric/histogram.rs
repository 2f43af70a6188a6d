//! A histogram of nanoseconds with logarithmic buckets: any quantile within 0.05 %.
//!
//! Values below 2,048 ns have a bucket each; above, each power of two is cut into 2,048 buckets of equal
//! width, so a bucket is at most 1/2048 = 0.049 % of its value wide. Inside a bucket the quantile is
//! interpolated.

/// Buckets a power of two, as a power of two.
const SUB_BITS: u32 = 11;
const SUB: usize = 1 << SUB_BITS;
/// Enough for every `u64`.
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB;

/// The first bits of the float 2,048 less its bucket.
const FLOAT_BIAS: usize = (1023 + SUB_BITS as usize - 1) << SUB_BITS;

/// The bucket of a value.
#[inline(always)]
pub fn bucket(nanos: u64) -> usize {
    // Exponent and first bits of a float are the bucket, and found faster than by counting zeros.
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    if nanos.wrapping_sub(SUB as u64) < EXACT - SUB as u64 {
        let bits = (nanos as i64 as f64).to_bits();
        return (bits >> (f64::MANTISSA_DIGITS - 1 - SUB_BITS)) as usize - FLOAT_BIAS;
    }
    let shift = (nanos | SUB as u64).ilog2() - SUB_BITS;
    ((shift as usize) << SUB_BITS) + (nanos >> shift) as usize
}

/// The least value of a bucket and its width.
pub fn bounds(bucket: usize) -> (u64, u64) {
    if bucket < 2 * SUB {
        return (bucket as u64, 1);
    }
    let shift = bucket / SUB - 1;
    (((bucket - shift * SUB) as u64) << shift, 1 << shift)
}

/// Dense counts for the hot path: one addition a value.
#[derive(Debug, Clone)]
pub struct Recording {
    counts: Vec<u32>,
    least: u64,
    largest: u64,
}

/// The counts of a [`Recording`], at hand.
#[derive(Debug)]
pub struct Counts<'a>(&'a mut [u32]);

impl Counts<'_> {
    /// Counts one value.
    #[inline(always)]
    pub fn count(&mut self, nanos: u64) {
        self.count_many(nanos, 1);
    }

    /// Counts a value so many times.
    #[inline(always)]
    pub fn count_many(&mut self, nanos: u64, times: u32) {
        // In bounds for every u64; the mask-free check is cheaper than a panic path.
        if let Some(count) = self.0.get_mut(bucket(nanos)) {
            *count += times;
        }
    }
}

/// Counts of the touched buckets only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    first: usize,
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Default for Recording {
    fn default() -> Self {
        Recording { counts: vec![0; BUCKETS], least: u64::MAX, largest: 0 }
    }
}

impl Recording {
    /// Where to count values. The caller also calls [`Recording::touch`] for a range that holds them.
    #[inline(always)]
    pub fn counts(&mut self) -> Counts<'_> {
        Counts(&mut self.counts)
    }

    /// Says that of the values just counted none is less than `least`, and that the largest is `most`.
    #[inline(always)]
    pub fn touch(&mut self, least: u64, most: u64) {
        self.least = self.least.min(least);
        self.largest = self.largest.max(most);
    }

    /// Takes the counts out and leaves nothing behind.
    pub fn drain(&mut self) -> Histogram {
        self.drain_into(Histogram::default())
    }

    /// As [`Recording::drain`], in the memory of a histogram that is no longer needed: fresh memory is cleared first, which
    /// takes longer than to count a few requests.
    pub fn drain_into(&mut self, room: Histogram) -> Histogram {
        let mut counts = room.counts;
        counts.clear();
        if self.least > self.largest {
            return Histogram { counts, ..Histogram::default() };
        }
        let low = bucket(self.least);
        let range = &mut self.counts[low..=bucket(self.largest)];
        let first = range.iter().position(|count| *count > 0).unwrap_or(range.len());
        let end = range.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
        counts.extend(range[first..end].iter().map(|count| u64::from(*count)));
        range.fill(0);
        let (total, largest) = (counts.iter().sum(), self.largest);
        let drained = Histogram { first: low + first, total, counts, largest };
        (self.least, self.largest) = (u64::MAX, 0);
        drained
    }
}

impl Histogram {
    /// The number of values.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Forgets all counts, not their memory.
    pub fn clear(&mut self) {
        let Histogram { mut counts, .. } = std::mem::take(self);
        counts.clear();
        self.counts = counts;
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Histogram) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        let first = self.first.min(other.first);
        let end = (self.first + self.counts.len()).max(other.first + other.counts.len());
        if first < self.first {
            self.counts.splice(0..0, std::iter::repeat_n(0, self.first - first));
        }
        self.first = first;
        self.counts.resize(end - first, 0);
        for (mine, theirs) in self.counts[other.first - first..].iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.largest = self.largest.max(other.largest);
    }

    /// Counts one value; a whole [`Recording`] takes more memory.
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        self.add_many(nanos, 1);
    }

    /// Counts a value so many times.
    #[inline]
    pub fn add_many(&mut self, nanos: u64, times: u64) {
        let at = bucket(nanos);
        let place = at.wrapping_sub(self.first);
        let place = if place < self.counts.len() { place } else { self.reach(at) };
        self.counts[place] += times;
        self.total += times;
        self.largest = self.largest.max(nanos);
    }

    /// Widens the range to a bucket; its place.
    #[cold]
    fn reach(&mut self, at: usize) -> usize {
        if self.counts.is_empty() {
            self.first = at;
        }
        if at < self.first {
            // As many again, so that a range that grows downwards is not moved each time.
            let more = (self.first - at).max(self.counts.len().min(self.first));
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first -= more;
        }
        let place = at - self.first;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        place
    }

    /// The smallest value \[ns\] that at least the share `q` of the values do not exceed, interpolated within
    /// its bucket and never above the largest; `None` if there are no values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * self.total as f64).max(1.0);
        let mut below = 0;
        for (i, count) in self.counts.iter().enumerate() {
            if *count > 0 && (below + count) as f64 >= rank {
                let (least, width) = bounds(self.first + i);
                let share = (rank - below as f64) / *count as f64;
                let value = least as f64 + share * (width - 1) as f64;
                return Some(value.min(self.largest as f64));
            }
            below += count;
        }
        unreachable!("the counts sum to the total")
    }

    /// The distance \[ns\] that the buckets cannot tell from none, at `nanos`.
    pub fn resolution(nanos: f64) -> f64 {
        (bounds(bucket(nanos.max(0.0) as u64)).1 - 1) as f64
    }

    /// The values \[ns\] between which the distribution lies within `low..=high`, outwards to the bounds of their
    /// buckets: from the smallest that at least the share `low` does not exceed, to the largest below which at most the
    /// share `high` lies.
    pub fn enclosing(&self, low: f64, high: f64) -> [f64; 2] {
        let total = self.total as f64;
        let (mut below, mut ends) = (0, [None, None]);
        for (i, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            below += count;
            let (least, width) = bounds(self.first + i);
            if ends[0].is_none() && (below as f64 >= low * total || below == self.total) {
                ends[0] = Some(least as f64);
            }
            // The last one holds where none is above.
            if below as f64 > high * total || below == self.total {
                ends[1] = Some((least + (width - 1)) as f64);
                break;
            }
        }
        ends.map(|end| end.unwrap_or(0.0))
    }

    /// The number of values up to `nanos`, interpolated within its bucket.
    pub fn count_up_to(&self, nanos: f64) -> f64 {
        let at = bucket(nanos.max(0.0) as u64);
        if at < self.first {
            return 0.0;
        }
        let whole = (at - self.first).min(self.counts.len());
        let below: u64 = self.counts[..whole].iter().sum();
        let (least, width) = bounds(at);
        let share = ((nanos - least as f64 + 1.0) / width as f64).clamp(0.0, 1.0);
        below as f64 + share * self.counts.get(at - self.first).map_or(0.0, |count| *count as f64)
    }

    /// The cumulative distribution at the upper end of each bucket that holds values: (ns, share).
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, f64)> {
        let mut below = 0;
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(i, count)| {
            below += count;
            let (least, width) = bounds(self.first + i);
            ((least + width - 1).min(self.largest) as f64, below as f64 / self.total as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut recording = Recording::default();
        for value in values {
            recording.counts().count(*value);
            recording.touch(*value, *value);
        }
        recording.drain()
    }

    proptest! {
        #[test]
        fn buckets_are_contiguous_and_narrow(value in 0..u64::MAX, bits in 0u32..64) {
            let value = value >> bits;
            let (least, width) = bounds(bucket(value));
            prop_assert!(least <= value && value - least < width);
            prop_assert!(width == 1 || width as f64 <= least as f64 / 2048.0 + 1.0);
            prop_assert!(bucket(value) < BUCKETS);
        }

        #[test]
        fn quantiles_are_within_half_a_thousandth(mut values in prop::collection::vec(1u64..1_000_000_000_000, 1..300), q in 0.0f64..1.0) {
            let histogram = of(&values);
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            let got = histogram.quantile(q).unwrap();
            prop_assert!((got / exact - 1.0).abs() <= 0.0005, "{got} {exact}");
        }

        #[test]
        fn what_encloses_a_stretch_of_the_distribution_holds_all_its_quantiles(
            mut values in prop::collection::vec(1u64..1_000_000, 1..100),
            (a, b) in (-0.1f64..1.1, -0.1f64..1.1),
        ) {
            let (low, high) = (a.min(b), a.max(b));
            let [from, to] = of(&values).enclosing(low, high);
            values.sort_unstable();
            let count = values.len() as f64;
            for (i, value) in values.iter().enumerate() {
                // The distribution steps from i / n to (i + 1) / n here, at least.
                if i as f64 <= high * count && (i + 1) as f64 >= low * count {
                    prop_assert!(from <= *value as f64 && *value as f64 <= to, "{value} in {from}, {to}");
                }
            }
            prop_assert!(from >= values[0] as f64 * (1.0 - 0.0005) && to <= values[values.len() - 1] as f64 * 1.0005);
        }

        #[test]
        fn merging_is_recording_together(a in prop::collection::vec(0u64..1 << 40, 0..50), b in prop::collection::vec(0u64..1 << 40, 0..50)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }

    #[test]
    fn counts_up_to_a_value_match_the_quantile() {
        let histogram = of(&[100, 200, 200, 300]);
        assert_eq!(histogram.count_up_to(200.0), 3.0);
        assert_eq!(histogram.count_up_to(99.0), 0.0);
        assert_eq!(histogram.count_up_to(1e18), 4.0);
        assert_eq!(histogram.quantile(0.75), Some(200.0));
    }
}
