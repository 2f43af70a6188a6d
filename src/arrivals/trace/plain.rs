//! Plain numbers in the lines of a text: what most traces are made of, read without looking at anything else. Where there
//! are threads for it, a block is read in two halves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use memchr::{memchr, memchr2, memrchr};

use super::decimal;

/// Which numbers are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    /// The number of the field, from 0, and what stands between fields.
    pub index: usize,
    pub delimiter: u8,
    /// One is `10^digits` ns.
    pub digits: u32,
}

/// Numbers that were read ahead of their turn.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    values: Vec<i64>,
    /// Where the line of each ends, from where reading began.
    ends: Vec<usize>,
    given: usize,
}

/// A second thread that reads.
#[derive(Debug)]
pub(super) struct Helper {
    jobs: SyncSender<Job>,
    done: Receiver<Job>,
    /// Room that is used again.
    spare: (Vec<u8>, Ahead),
    turn: u64,
}

#[derive(Debug)]
struct Job {
    plain: Plain,
    text: Vec<u8>,
    read: Ahead,
    turn: u64,
    /// Has one of the two begun with it?
    begun: Arc<AtomicBool>,
}

impl Plain {
    /// The number on the line at `at`, and where its line ends; `None` where anything else stands there.
    #[inline(always)]
    pub fn next(&self, text: &[u8], at: usize) -> Option<(i64, usize)> {
        let start = skip_fields(text, at, self.delimiter, self.index)?;
        let (value, length) = decimal::prefix(&text[start..], self.digits)?;
        let end = start + length;
        let next = match text[end] {
            b'\n' => end + 1,
            b'\r' if text[end + 1] == b'\n' => end + 2,
            other if other == self.delimiter => end + memchr(b'\n', &text[end..])? + 1,
            _ => return None,
        };
        Some((value as i64, next))
    }

    /// The numbers of lines that are complete, until anything else comes; from `offset` on.
    fn all(&self, text: &[u8], offset: usize, into: &mut Ahead) {
        let mut at = 0;
        while let Some((value, end)) = self.next(text, at) {
            into.values.push(value);
            into.ends.push(offset + end);
            at = end;
        }
    }
}

/// Where field `index` of the line at `at` starts, if all before it are there and unquoted.
#[inline]
fn skip_fields(text: &[u8], mut at: usize, delimiter: u8, index: usize) -> Option<usize> {
    for _ in 0..index {
        let end = at + memchr2(delimiter, b'\n', &text[at..])?;
        if text[end] == b'\n' {
            return None;
        }
        at = end + 1;
    }
    (at < text.len()).then_some(at)
}

impl Ahead {
    /// Is there none that was not given?
    pub fn is_empty(&self) -> bool {
        self.given == self.values.len()
    }

    /// Gives up to `most` numbers that are not less than `floor`: how many, and the bytes of their lines. What comes after
    /// one that is less is dropped.
    pub fn give(&mut self, floor: i64, most: usize, block: &mut Vec<i64>) -> (usize, usize) {
        let next = &self.values[self.given..];
        let next = &next[..most.min(next.len())];
        let kept = next.iter().position(|value| *value < floor).unwrap_or(next.len());
        block.extend_from_slice(&next[..kept]);
        let end = |given: usize| given.checked_sub(1).map_or(0, |last| self.ends[last]);
        let bytes = end(self.given + kept) - end(self.given);
        if kept < next.len() {
            self.clear();
        } else {
            self.given += kept;
        }
        (kept, bytes)
    }

    fn clear(&mut self) {
        self.values.clear();
        self.ends.clear();
        self.given = 0;
    }
}

impl Helper {
    /// A helper, where there are threads for it.
    pub fn new() -> Option<Helper> {
        if rayon::current_num_threads() == 1 {
            return None;
        }
        let (jobs, receiver) = sync_channel::<Job>(1);
        let (sender, done) = channel();
        let work = move || {
            for mut job in receiver {
                job.read.clear();
                if !job.begun.swap(true, Ordering::AcqRel) {
                    job.plain.all(&job.text, 0, &mut job.read);
                }
                if sender.send(job).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("reader".to_owned()).spawn(work).ok()?;
        Some(Helper { jobs, done, spare: (Vec::new(), Ahead::default()), turn: 0 })
    }

    /// Reads the numbers of complete lines until anything else comes, the second half of the text elsewhere. What the other
    /// thread has not begun with by then, because the machine is busy, is read here.
    pub fn read(&mut self, plain: Plain, text: &[u8], into: &mut Ahead) {
        into.clear();
        while let Ok(late) = self.done.try_recv() {
            self.spare = (late.text, late.read);
        }
        let half = memrchr(b'\n', &text[..text.len() / 2]).map_or(0, |end| end + 1);
        let (mut second, read) = std::mem::take(&mut self.spare);
        second.clear();
        second.extend_from_slice(&text[half..]);
        self.turn += 1;
        let (turn, begun) = (self.turn, Arc::new(AtomicBool::new(false)));
        let job = Job { plain, text: second, read, turn, begun: begun.clone() };
        let is_sent = self.jobs.try_send(job).is_ok();
        plain.all(&text[..half], 0, into);
        if into.ends.last().copied().unwrap_or(0) < half {
            // The second half is not asked for.
            begun.store(true, Ordering::Release);
            return;
        }
        if !is_sent || !begun.swap(true, Ordering::AcqRel) {
            return plain.all(&text[half..], half, into);
        }
        loop {
            match self.done.recv() {
                Ok(job) if job.turn == turn => {
                    into.values.extend_from_slice(&job.read.values);
                    into.ends.extend(job.read.ends.iter().map(|end| half + end));
                    self.spare = (job.text, job.read);
                    return;
                }
                Ok(_) => {}
                // The other thread is gone.
                Err(_) => return plain.all(&text[half..], half, into),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_halves_are_one_text_up_to_what_is_not_plain() {
        let plain = Plain { index: 0, delimiter: b',', digits: 3 };
        let lines = |odd: Option<usize>| -> String {
            let line = |i: usize| if Some(i) == odd { "x\n".to_owned() } else { format!("{i}.5,a\r\n") };
            (0..100).map(line).collect()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let mut helper = pool.install(Helper::new).unwrap();
        for odd in [None, Some(0), Some(20), Some(49), Some(80), Some(99)] {
            let text = lines(odd);
            let (mut alone, mut both) = (Ahead::default(), Ahead::default());
            plain.all(text.as_bytes(), 0, &mut alone);
            helper.read(plain, text.as_bytes(), &mut both);
            assert_eq!((&alone.values, &alone.ends), (&both.values, &both.ends));
            assert_eq!(alone.values.len(), odd.unwrap_or(100));
        }
    }

    #[test]
    fn what_is_given_ends_before_a_number_below_the_floor() {
        let plain = Plain { index: 0, delimiter: b',', digits: 0 };
        let mut ahead = Ahead::default();
        plain.all(b"5\n16\n7\n1\n9\n", 0, &mut ahead);
        let mut block = Vec::new();
        assert_eq!(ahead.give(2, 2, &mut block), (2, 5));
        assert_eq!(ahead.give(2, 9, &mut block), (1, 2));
        assert!(ahead.is_empty() && block == [5, 16, 7]);
    }
}
