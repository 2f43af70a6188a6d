//! Draws of one of several with given probabilities, most of them by one random byte.
//!
//! A uniform draw u is a whole number of 2^-53, and the i-th is drawn if u is at least i of the cumulated probabilities. The
//! first eight bits of u decide, but where a cumulated probability lies among the draws that begin with them: then the other
//! 45 bits are drawn as well. So one random number of 64 bits serves up to eight draws, whose law is that of whole draws.

use rand::Rng;

use super::streams::Stream;

/// The bits of a uniform draw, and those behind its first byte.
const BITS: u32 = f64::MANTISSA_DIGITS;
const REST: u32 = BITS - u8::BITS;

/// In place of the drawn where a byte does not decide.
const UNDECIDED: u16 = u16::MAX;

/// One of several with given probabilities.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The cumulated probabilities but the last [2^-53].
    bounds: Vec<u64>,
    /// What the first byte of a draw decides.
    by_byte: [u16; 256],
}

/// A stream of random numbers from which bytes are taken.
#[derive(Debug, Clone)]
pub struct Bytes {
    stream: Stream,
    drawn: u64,
    left: u32,
}

impl Choice {
    /// The i-th with probability `shares[i]`; of fewer than 65,535, which sum to one.
    pub fn new(shares: &[f64]) -> Choice {
        // Behind the last one that comes at all, rounding is none.
        let last = shares.iter().rposition(|share| *share > 0.0).unwrap_or(0);
        let mut sum = 0.0;
        let bounds = shares[..last].iter().map(|share| {
            sum += share;
            (sum * (1_u64 << BITS) as f64).ceil() as u64
        });
        let mut choice = Choice { bounds: bounds.collect(), by_byte: [UNDECIDED; 256] };
        for byte in 0..=u8::MAX {
            let [first, last] = [0, (1 << REST) - 1].map(|rest| choice.place(byte, rest));
            if first == last {
                choice.by_byte[usize::from(byte)] = first;
            }
        }
        choice
    }

    /// What a whole draw is.
    fn place(&self, byte: u8, rest: u64) -> u16 {
        let draw = (u64::from(byte) << REST) | rest;
        self.bounds.partition_point(|bound| draw >= *bound) as u16
    }

    /// Draws one, from 0.
    #[inline(always)]
    pub fn draw(&self, bytes: &mut Bytes) -> u16 {
        let byte = bytes.next();
        match self.by_byte[usize::from(byte)] {
            UNDECIDED => self.place(byte, bytes.rest()),
            decided => decided,
        }
    }
}

impl Bytes {
    /// The bytes of a stream.
    pub fn new(stream: Stream) -> Bytes {
        Bytes { stream, drawn: 0, left: 0 }
    }

    #[inline(always)]
    fn next(&mut self) -> u8 {
        if self.left == 0 {
            (self.drawn, self.left) = (self.stream.next_u64(), 8);
        }
        let byte = self.drawn as u8;
        (self.drawn, self.left) = (self.drawn >> 8, self.left - 1);
        byte
    }

    /// What follows the first byte of a draw.
    fn rest(&mut self) -> u64 {
        self.stream.next_u64() >> (u64::BITS - REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;
    use proptest::prelude::*;

    fn shares(weights: &[u32]) -> Vec<f64> {
        let sum: u32 = weights.iter().sum();
        weights.iter().map(|weight| f64::from(*weight) / f64::from(sum)).collect()
    }

    proptest! {
        /// The byte decides what any whole draw that begins with it is, or nothing.
        #[test]
        fn a_byte_decides_as_a_whole_draw(
            weights in prop::collection::vec(0_u32..1_000, 1..40),
            draws in prop::collection::vec((any::<u8>(), 0_u64..1 << REST), 100),
        ) {
            prop_assume!(weights.iter().sum::<u32>() > 0);
            let shares = shares(&weights);
            let choice = Choice::new(&shares);
            for (byte, rest) in draws {
                let uniform = (f64::from(byte) + rest as f64 / (1_u64 << REST) as f64) / 256.0;
                let place = usize::from(choice.place(byte, rest));
                let below: f64 = shares[..place].iter().sum();
                prop_assert!(shares[place] > 0.0);
                prop_assert!(below <= uniform + 1e-12 && uniform <= below + shares[place] + 1e-12);
                let decided = choice.by_byte[usize::from(byte)];
                prop_assert!(decided == UNDECIDED || usize::from(decided) == place);
            }
            let undecided = choice.by_byte.iter().filter(|decided| **decided == UNDECIDED).count();
            prop_assert!(undecided <= choice.bounds.len());
        }
    }

    /// Counts are within five standard deviations, bytes that do not decide included: the chance of a draw beyond is 6e-7.
    #[test]
    fn each_is_drawn_as_often_as_its_share() {
        let draws = 1_000_000;
        for weights in [&[1, 1][..], &[1, 3_000], &[5, 0, 7, 1, 0], &[1; 300]] {
            let (shares, mut bytes) = (shares(weights), Bytes::new(Streams::new(5).stream("choice")));
            let (choice, mut counts) = (Choice::new(&shares), vec![0_u32; weights.len()]);
            (0..draws).for_each(|_| counts[usize::from(choice.draw(&mut bytes))] += 1);
            for (count, share) in counts.iter().zip(&shares) {
                let deviation = (f64::from(draws) * share * (1.0 - share)).sqrt();
                assert!(
                    (f64::from(*count) - f64::from(draws) * share).abs() <= 5.0 * deviation,
                    "{counts:?}"
                );
            }
        }
    }

    #[test]
    fn one_is_always_drawn_where_there_is_no_other() {
        let mut bytes = Bytes::new(Streams::new(5).stream("choice"));
        assert!((0..1_000).all(|_| Choice::new(&[1.0]).draw(&mut bytes) == 0));
    }
}
