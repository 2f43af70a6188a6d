//! Finishes by the batch that finds them.

use super::later::Later;
use super::pool::Run;
use super::starts::Starts;
use crate::platform::Capacity;
use crate::units::Time;

/// The pages of a stretch of batches, one a batch and one for what finishes later; room that is used again.
///
/// An entry belongs to a batch, of this stretch or before; those of one page are linked. Entry 0 is none.
#[derive(Debug, Default)]
pub struct Calendar {
    /// The first entry of each.
    pages: Vec<u32>,
    finish: Vec<Time>,
    /// The next entry of the same page, and whether this one is of a provisioned environment.
    next: Vec<u32>,
    /// So many entries come before those of the stretch.
    before: usize,
    few: Vec<Run>,
    due: Vec<Run>,
}

const PROVISIONED: u32 = 1 << 31;

/// What is on a page.
pub enum Page {
    /// Up to two finishes, in the order of time: whether there is each, and which.
    Few([(bool, Run); 2]),
    /// More.
    Many,
}

impl Calendar {
    /// Opens the pages of a stretch, with what was left for later and may finish in it.
    pub fn open(&mut self, starts: &Starts<'_>, later: &mut Later) {
        let batches = starts.sizes.len();
        let mut due = std::mem::take(&mut self.due);
        starts.batches.left.last().into_iter().for_each(|last| later.take(*last, &mut due));
        self.pages.clear();
        self.pages.resize(batches + 1, 0);
        self.before = 1 + due.len();
        self.finish.resize(self.before + batches, Time::ZERO);
        self.next.resize(self.before + batches, 0);
        for (i, run) in due.drain(..).enumerate() {
            self.link(starts.first_from(run.finish), i + 1, run);
        }
        self.due = due;
    }

    /// Enters the finish of a batch of the stretch.
    #[inline(always)]
    pub fn enter(&mut self, page: usize, batch: usize, run: Run) {
        self.link(page, self.before + batch, run);
    }

    #[inline(always)]
    fn link(&mut self, page: usize, entry: usize, run: Run) {
        let provisioned = if run.capacity == Capacity::Provisioned { PROVISIONED } else { 0 };
        self.finish[entry] = run.finish;
        self.next[entry] = self.pages[page] | provisioned;
        self.pages[page] = entry as u32;
    }

    /// A batch's page.
    #[inline(always)]
    pub fn page(&self, batch: usize) -> Page {
        let one = self.pages[batch];
        let other = self.next[one as usize] & !PROVISIONED;
        if self.next[other as usize] & !PROVISIONED != 0 {
            return Page::Many;
        }
        // Entry 0 finishes no later than any other.
        let (a, b) = (self.run(one), self.run(other));
        let (earlier, later) = if b.finish <= a.finish { (b, a) } else { (a, b) };
        Page::Few([(other != 0, earlier), (one != 0, later)])
    }

    #[inline(always)]
    fn run(&self, entry: u32) -> Run {
        let is_provisioned = self.next[entry as usize] & PROVISIONED != 0;
        let capacity = if is_provisioned { Capacity::Provisioned } else { Capacity::OnDemand };
        Run { finish: self.finish[entry as usize], capacity }
    }

    /// The finishes of a batch's page in the order of time.
    #[inline]
    pub fn sorted(&mut self, batch: usize) -> &[Run] {
        self.few.clear();
        let mut entry = self.pages[batch];
        while entry != 0 {
            let run = self.run(entry);
            self.few.push(run);
            entry = self.next[entry as usize] & !PROVISIONED;
        }
        self.few.sort_unstable_by_key(|run| run.finish);
        &self.few
    }

    /// Keeps what is on the pages from one on.
    pub fn keep(&mut self, from: usize, later: &mut Later) {
        for page in from..self.pages.len() {
            let mut entry = self.pages[page];
            while entry != 0 {
                later.push(self.run(entry));
                entry = self.next[entry as usize] & !PROVISIONED;
            }
        }
    }
}
