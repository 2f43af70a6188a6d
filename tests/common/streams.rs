//! Streams of arrivals as lists.

use batchsim::arrivals::BLOCK;
use batchsim::error::InputError;

/// All that a stream hands over, in blocks of at most [`BLOCK`].
pub fn all<T>(mut fill: impl FnMut(&mut Vec<T>) -> Result<(), InputError>) -> Result<Vec<T>, InputError> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        fill(&mut all)?;
        assert!(all.len() <= before + BLOCK, "a block of {}", all.len() - before);
        if all.len() == before {
            return Ok(all);
        }
    }
}
