//! Check sums of files and of lines: they tell what was changed by accident, not what was forged.

use std::io::Write;

/// FNV-1a over words of eight bytes, 128 bits: a step for each word, which maps different states to different states.
/// A change within one word is therefore always seen.
#[derive(Debug, Clone)]
pub struct Sum {
    hash: u128,
    word: [u8; 8],
    filled: usize,
    length: u64,
}

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Sum {
    /// Of nothing yet.
    pub fn new() -> Sum {
        Sum { hash: BASIS, word: [0; 8], filled: 0, length: 0 }
    }

    /// Of a text.
    pub fn of(text: &str) -> Sum {
        let mut sum = Sum::new();
        sum.add(text.as_bytes());
        sum
    }

    /// Adds bytes; how they are cut does not matter.
    pub fn add(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.filled > 0 {
            let taken = bytes.len().min(8 - self.filled);
            self.word[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < 8 {
                return;
            }
            self.hash = step(self.hash, self.word);
        }
        let (words, rest) = bytes.as_chunks::<8>();
        self.hash = words.iter().fold(self.hash, |hash, word| step(hash, *word));
        self.filled = rest.len();
        self.word[..rest.len()].copy_from_slice(rest);
    }

    /// The sum.
    pub fn value(&self) -> u128 {
        let mut last = [0; 8];
        last[..self.filled].copy_from_slice(&self.word[..self.filled]);
        // The length tells a last zero from none.
        step(step(self.hash, last), self.length.to_le_bytes())
    }

    /// The sum in half as many digits, for a line.
    pub fn short(&self) -> u64 {
        let value = self.value();
        value as u64 ^ (value >> 64) as u64
    }
}

impl Default for Sum {
    fn default() -> Sum {
        Sum::new()
    }
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn step(hash: u128, word: [u8; 8]) -> u128 {
    (hash ^ u128::from(u64::from_le_bytes(word))).wrapping_mul(PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_flipped_bit_and_every_lost_byte_is_seen_however_the_bytes_are_cut(
            bytes in proptest::collection::vec(any::<u8>(), 1..100), at: usize, bit in 0..8, cut: usize,
        ) {
            let of = |bytes: &[u8]| {
                let mut sum = Sum::new();
                sum.add(bytes);
                sum.value()
            };
            let whole = of(&bytes);
            let (first, second) = bytes.split_at(cut % bytes.len());
            let mut sum = Sum::new();
            sum.add(first);
            sum.add(second);
            prop_assert_eq!(sum.value(), whole);
            let mut flipped = bytes.clone();
            flipped[at % bytes.len()] ^= 1_u8 << bit;
            prop_assert_ne!(of(&flipped), whole);
            prop_assert_ne!(of(&bytes[..bytes.len() - 1]), whole);
            prop_assert_ne!(of(&[&bytes[..], &[0]].concat()), whole);
        }
    }
}
