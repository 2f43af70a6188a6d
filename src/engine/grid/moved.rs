//! Requests whose latency is not their wait and their service time: counted by size of batch and bucket of wait.

/// More buckets than a size has.
const BUCKET_BITS: u32 = 17;
/// So many wait to be sorted at least.
const PENDING: usize = 1024;

/// Counts by size and bucket, of which few are touched.
#[derive(Debug, Clone, Default)]
pub struct Moved {
    pending: Vec<u32>,
    /// In ascending order; numbers of requests, running sums once they are closed.
    counts: Vec<(u32, u64)>,
}

fn key(size: usize, bucket: usize) -> u32 {
    (size as u32) << BUCKET_BITS | bucket as u32
}

impl Moved {
    /// Counts a request of a batch of `size + 1`.
    pub fn add(&mut self, size: usize, bucket: usize) {
        self.pending.push(key(size, bucket));
        if self.pending.len() >= PENDING.max(self.counts.len()) {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.pending.sort_unstable();
        let old = std::mem::take(&mut self.counts);
        let mut old = old.into_iter().peekable();
        for same in self.pending.chunk_by(|a, b| a == b) {
            while let Some(before) = old.next_if(|(key, _)| *key < same[0]) {
                self.counts.push(before);
            }
            let known = old.next_if(|(key, _)| *key == same[0]).map_or(0, |(_, count)| count);
            self.counts.push((same[0], known + same.len() as u64));
        }
        self.counts.extend(old);
        self.pending.clear();
    }

    /// Turns counts into running sums.
    pub fn close(&mut self) {
        self.sort();
        self.pending = Vec::new();
        let mut sum = 0;
        for (_, count) in &mut self.counts {
            sum += *count;
            *count = sum;
        }
    }

    /// The requests of a size in the buckets before `bucket`, and in it.
    pub fn at(&self, size: usize, bucket: usize) -> (u64, u64) {
        if self.counts.is_empty() {
            return (0, 0);
        }
        let before = |key| {
            let place = self.counts.partition_point(|(other, _)| *other < key);
            if place == 0 { 0 } else { self.counts[place - 1].1 }
        };
        let (first, from, until) =
            (before(key(size, 0)), before(key(size, bucket)), before(key(size, bucket) + 1));
        (from - first, until - from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_those_of_a_list(
            added in prop::collection::vec((0usize..4, 0usize..40), 0..5_000), size in 0usize..4, bucket in 0usize..41,
        ) {
            let mut moved = Moved::default();
            added.iter().for_each(|(size, bucket)| moved.add(*size, *bucket));
            moved.close();
            let count = |is: &dyn Fn(usize) -> bool| added.iter().filter(|(s, b)| *s == size && is(*b)).count() as u64;
            prop_assert_eq!(moved.at(size, bucket), (count(&|b| b < bucket), count(&|b| b == bucket)));
        }
    }
}
