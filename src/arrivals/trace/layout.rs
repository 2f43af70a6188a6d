//! Records of any layout as points in time, filtered: what the quick reader of plain columns cannot read.

use std::borrow::Cow;
use std::ops::Range;

use super::filter::Filter;
use super::lines::Lines;
use super::order::Raw;
use super::reading::{NOT_MET, Reading};
use super::table::SAMPLE_ROWS;
use crate::arrivals::BLOCK;
use crate::error::{InputError, nearest};

/// Takes the records of a text apart.
pub(super) trait Layout: Send {
    /// The next record.
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Range<usize>>, InputError> {
        lines.next()
    }

    /// Takes a record apart; the reason, if it is none.
    fn take(&mut self, record: &[u8]) -> Result<(), &'static str>;

    /// The key of a field by its name; else the names that there are.
    fn key(&mut self, name: &str) -> Result<usize, Vec<String>>;

    /// A field of the record that was taken apart last; none if it has none.
    fn value<'a>(&'a self, record: &'a [u8], key: usize) -> Option<Cow<'a, [u8]>>;

    /// When the request of that record came \[ns\].
    fn arrival(&self, record: &[u8]) -> Result<i64, Fault>;

    /// What is done with a record that has no time.
    fn strictness(&self) -> Strictness;

    /// What to do if the times are wrong.
    fn others(&self) -> String;

    /// Says what was recognised and assumed.
    fn describe(&self, reading: &mut Reading);
}

/// Why a record has no time.
#[derive(Debug)]
pub(super) struct Fault {
    /// Where it stands in the record.
    pub(super) token: Range<usize>,
    pub(super) reason: String,
}

/// What is done with a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// A table is wrong if one of its rows is.
    Refuse,
    /// Logs have lines of other kinds: they are left out and counted.
    LeaveOut,
}

/// How fine the stamps of a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// Whole seconds.
    Seconds,
    /// Finer.
    Fine,
}

impl Grain {
    /// What the first stamps show.
    pub(super) fn of(stamps: &[i64]) -> Grain {
        if stamps.iter().all(|stamp| stamp % SECOND == 0) { Grain::Seconds } else { Grain::Fine }
    }

    /// What is subtracted for a request that took so long: of whole seconds whole seconds, so that the rest of the
    /// second stays as unknown as it was.
    pub(super) fn of_duration(self, taken: i64) -> i64 {
        match self {
            Grain::Seconds => (taken + SECOND / 2) / SECOND * SECOND,
            Grain::Fine => taken,
        }
    }
}

const SECOND: i64 = 1_000_000_000;

/// The first lines of a text that are neither empty nor comments.
pub(super) fn sample(lines: &mut Lines) -> Result<Vec<&[u8]>, InputError> {
    let texts = lines.ready()?.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let texts = texts.filter(|text| !text.is_empty() && text[0] != b'#');
    Ok(texts.take(SAMPLE_ROWS).collect())
}

/// The points in time of a layout.
pub(super) struct Records<L> {
    lines: Lines,
    layout: L,
    filter: Option<Filter>,
    /// The keys of the filter's conditions.
    keys: Vec<usize>,
    found: Reading,
    used: u64,
}

impl<L: Layout> Records<L> {
    /// # Errors
    /// The filter has a name that the records do not have.
    pub(super) fn new(lines: Lines, mut layout: L, filter: Option<Filter>) -> Result<Records<L>, InputError> {
        let conditions = filter.iter().flat_map(|filter| &filter.conditions);
        let keys = conditions.map(|condition| {
            layout.key(&condition.name).map_err(|names| no_field(lines.name(), &condition.name, &names))
        });
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Records { lines, layout, filter, keys, found: Reading::default(), used: 0 })
    }

    /// The time of a record that counts.
    fn take(&mut self, place: &Range<usize>, floor: i64) -> Result<Option<i64>, InputError> {
        let Records { lines, layout, filter, keys, found, .. } = self;
        let line = lines.number();
        let record = lines.text(place);
        if let Err(reason) = layout.take(record) {
            match layout.strictness() {
                Strictness::LeaveOut => found.leave_out(reason, line),
                Strictness::Refuse => {
                    return Err(lines.error(place, 0..place.len(), format!("this row {reason}")));
                }
            }
            return Ok(None);
        }
        let conditions = filter.iter().flat_map(|filter| &filter.conditions);
        let mut met = conditions.zip(keys).map(|(condition, key)| match layout.value(record, *key) {
            Some(value) => condition.holds(&value),
            None => false,
        });
        if !met.all(|met| met) {
            let filter = filter.as_ref().expect("it has conditions");
            found.leave_out(format!("{NOT_MET} `{filter}`"), line);
            return Ok(None);
        }
        match layout.arrival(record) {
            Ok(at) if at >= floor => Ok(Some(at)),
            Ok(_) => Err(too_late(lines.error(place, 0..place.len(), "this record".into()))),
            Err(Fault { token, reason }) => match layout.strictness() {
                Strictness::Refuse => Err(lines.error(place, token, reason).help(layout.others())),
                Strictness::LeaveOut => {
                    found.leave_out(reason, line);
                    Ok(None)
                }
            },
        }
    }
}

impl<L: Layout> Raw for Records<L> {
    fn fill(&mut self, floor: i64, block: &mut Vec<i64>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        while block.len() < full {
            let Some(place) = self.layout.next(&mut self.lines)? else {
                if self.used == 0 {
                    return Err(self.nothing_used());
                }
                return Ok(());
            };
            self.found.records += 1;
            if let Some(at) = self.take(&place, floor)? {
                self.used += 1;
                block.push(at);
            }
        }
        Ok(())
    }

    fn report(&self, reading: &mut Reading) {
        reading.merge(self.found.clone());
        self.lines.report(reading);
        self.layout.describe(reading);
    }

    fn name(&self) -> &str {
        self.lines.name()
    }

    fn others(&self) -> String {
        self.layout.others()
    }
}

impl<L: Layout> Records<L> {
    fn nothing_used(&self) -> InputError {
        let reasons = self.found.left_out.iter().map(|left| format!("{} {}", left.lines, left.reason));
        let reasons: Vec<String> = reasons.collect();
        let message =
            format!("has no record that can be used: of {}, {}", self.found.records, reasons.join("; "));
        InputError::new(self.lines.name(), message).help(self.layout.others())
    }
}

/// An error about a record that comes too late to be put in order.
pub(super) fn too_late(at: InputError) -> InputError {
    let window = super::order::WINDOW;
    InputError { message: format!("{} is earlier than one more than {window} records before it", at.message), ..at }
        .help("set `sort = true` (`--sort`) to sort the whole file; or set `format`, if these are no points in time")
}

/// An error about a field that no record has.
pub(super) fn no_field(file: &str, wanted: &str, names: &[String]) -> InputError {
    const SHOWN: usize = 24;
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let meant = nearest(wanted, &known).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let more = if known.len() > SHOWN { format!(", ... ({} in all)", known.len()) } else { String::new() };
    let list = known[..known.len().min(SHOWN)].join(", ");
    InputError::new(file, format!("has no field `{wanted}`")).help(format!("{meant}there are: {list}{more}"))
}
