//! Where a sweep, a fleet or a shard of either is written, and the rows that are kept there until it is whole.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::ProgressBar;

use super::lock::Lock;
use super::{INTERRUPTED, OutputArgs, heartbeat, progress, tell};
use crate::error::InputError;
use crate::report::files::write_atomically;
use crate::sweep::journal::{Journal, Part};
use crate::sweep::shard::Shard;

/// The files of a sweep, a fleet or a shard.
pub(super) struct Place {
    pub folder: PathBuf,
    /// Without their ends.
    name: String,
}

impl Place {
    /// For all of `whole`, or a shard.
    pub fn new(folder: PathBuf, whole: &str, shard: Option<Shard>) -> Place {
        let name = match shard {
            Some(shard) => format!("shard-{}-of-{}", shard.index, shard.count),
            None => whole.to_owned(),
        };
        Place { folder, name }
    }

    pub fn shard_file(&self) -> PathBuf {
        self.folder.join(format!("{}.csv", self.name))
    }

    pub fn partial_file(&self) -> PathBuf {
        self.folder.join(format!("{}.partial.csv", self.name))
    }

    /// Takes the place, after whoever works there; `meanwhile` is called before each pause.
    pub fn lock(&self, output: &OutputArgs, meanwhile: impl FnMut()) -> Result<Lock, InputError> {
        Lock::take(&self.folder, &format!(".sim-lock-{}", self.name), output, meanwhile)
    }

    /// Begins to keep rows.
    pub fn begun<P: Part>(&self, part: &P) -> Result<Journal<P>, InputError> {
        Journal::create(&self.partial_file(), part)
    }

    /// Goes on with the `wanted` rows that are there, and says how many of `all` they are.
    pub fn resumed<P: Part>(
        &self,
        part: &P,
        wanted: impl Fn(&P::Key) -> bool,
        all: &str,
        output: &OutputArgs,
    ) -> Result<Journal<P>, InputError> {
        let journal = Journal::resume(&self.partial_file(), part, wanted)?;
        output.note(&format!("{}{all} rows were there", journal.len()));
        if journal.dropped() > 0 {
            let lines = if journal.dropped() == 1 { "line was" } else { "lines were" };
            output.note(&format!("{} {lines} no row of this {}, and left out", journal.dropped(), P::NAME));
        }
        Ok(journal)
    }
}

/// Work whose rows are kept, with its lock and its bar.
#[derive(Debug)]
pub(super) struct Work<P: Part> {
    pub journal: Journal<P>,
    pub lock: Lock,
    pub bar: ProgressBar,
}

impl<P: Part> Work<P> {
    /// Ctrl-C ends the process between two rows; `all` follows their number: ` of 12`.
    pub fn exit_on_interrupt(self: &Arc<Self>, all: String) -> Result<(), InputError> {
        let work = Arc::downgrade(self);
        let handler = move || {
            let Some(work) = work.upgrade() else { std::process::exit(INTERRUPTED) };
            work.bar.finish_and_clear();
            let say = |kept| {
                tell(&format!("interrupted: {kept}{all} rows are kept; go on with `--resume`"));
                work.lock.release();
            };
            work.journal.exit(say, INTERRUPTED)
        };
        ctrlc::set_handler(handler).map_err(|e| InputError::new("interrupt", e.to_string()))
    }

    /// All rows are elsewhere now.
    pub fn done(&self) -> Result<(), InputError> {
        self.journal.remove().map(|()| self.lock.release())
    }

    /// Writes the text of a whole shard.
    pub fn finish_shard(
        &self,
        file: &Path,
        rows: usize,
        text: String,
        output: &OutputArgs,
    ) -> Result<(), InputError> {
        write_atomically(file, text)?;
        self.done()?;
        output.note(&format!("{rows} rows in {}", file.display()));
        Ok(())
    }
}

/// A bar of rows on a terminal.
pub(super) fn bar(output: &OutputArgs, bar: ProgressBar, style: &str) -> ProgressBar {
    let bar = match !output.quiet && std::io::stderr().is_terminal() {
        true => bar,
        false => ProgressBar::hidden(),
    };
    if !bar.is_hidden() {
        heartbeat::bar_is_shown();
    }
    bar.set_style(progress::style(style));
    bar
}
