//! Records of any layout as points in time, filtered: what the quick reader of plain columns cannot read.

use std::borrow::Cow;
use std::ops::Range;

use super::filter::Filter;
use super::lines::Lines;
use super::order::Raw;
use super::point::{Mark, Point};
use super::reading::{NOT_MET, OF_NO_CLASS, Reading};
use super::sized::{ClassColumn, SizeColumn};
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

    /// The number that a field is.
    fn number(&self, text: &[u8]) -> Option<f64> {
        fast_float2::parse(text.trim_ascii()).ok().filter(|number: &f64| number.is_finite())
    }

    /// When the request of that record came \[ns\].
    fn arrival(&self, record: &[u8]) -> Result<i64, Fault>;

    /// What is done with a record that has no time.
    fn strictness(&self) -> Strictness;

    /// What to do if the times are wrong.
    fn others(&self) -> String;

    /// Says what was recognised and assumed.
    fn describe(&self, reading: &mut Reading);
}

/// Why a record has no time, or no size.
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
    /// The column of sizes with its key.
    size: Option<(SizeColumn, usize)>,
    /// The column of classes with its key.
    class: Option<(ClassColumn, usize)>,
    found: Reading,
    used: u64,
    /// Other files are of the same trace: this one may have nothing to use.
    is_part: bool,
}

impl<L: Layout> Records<L> {
    /// # Errors
    /// The filter has a name that the records do not have, or there is no such column of sizes or classes.
    pub(super) fn new(
        lines: Lines,
        mut layout: L,
        filter: Option<Filter>,
        (size, class): (Option<&SizeColumn>, Option<&ClassColumn>),
    ) -> Result<Records<L>, InputError> {
        let mut key = |name: &str| layout.key(name).map_err(|names| no_field(lines.name(), name, &names));
        let conditions = filter.iter().flat_map(|filter| &filter.conditions);
        let keys = conditions.map(|condition| key(&condition.name)).collect::<Result<_, _>>()?;
        let size = size.map(|size| Ok((size.clone(), key(&size.name)?))).transpose()?;
        let class = class.map(|class| Ok((class.clone(), key(&class.name)?))).transpose()?;
        Ok(Records {
            lines,
            layout,
            filter,
            keys,
            size,
            class,
            found: Reading::default(),
            used: 0,
            is_part: false,
        })
    }

    /// The time of a record that counts, with what it says of itself where that is read.
    fn take(&mut self, place: &Range<usize>, floor: i64) -> Result<Option<(i64, Mark)>, InputError> {
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
        let class =
            self.class.as_ref().map_or(0, |(column, key)| column.class_of(layout.value(record, *key)));
        if class == Mark::OF_NONE {
            return Ok(self.take_of_none(place, floor));
        }
        let (fault, help) = match layout.arrival(record) {
            Ok(at) if at >= floor => match self.size(place)? {
                Ok(size) => return Ok(Some((at, Mark { size, class }))),
                Err(fault) => (fault, SIZE_MEND.to_owned()),
            },
            Ok(_) => return Err(too_late(lines.error(place, 0..place.len(), "this record".into()))),
            Err(fault) => (fault, layout.others()),
        };
        match self.layout.strictness() {
            Strictness::Refuse => Err(self.lines.error(place, fault.token, fault.reason).help(help)),
            Strictness::LeaveOut => {
                self.found.leave_out_faulty(fault.reason, line);
                Ok(None)
            }
        }
    }

    /// The time of a record of no class, which is left out once time 0 and the clock are known; whatever else is the matter
    /// with it.
    fn take_of_none(&mut self, place: &Range<usize>, floor: i64) -> Option<(i64, Mark)> {
        self.found.leave_out(OF_NO_CLASS, self.lines.number());
        let at = self.layout.arrival(self.lines.text(place)).ok().filter(|at| *at >= floor)?;
        Some((at, Mark { size: 0.0, class: Mark::OF_NONE }))
    }

    /// The size of a record, 0 where sizes are not read; else why it has none.
    ///
    /// # Errors
    /// A size outside of the profile.
    fn size(&self, place: &Range<usize>) -> Result<Result<f64, Fault>, InputError> {
        let Some((column, key)) = &self.size else { return Ok(Ok(0.0)) };
        let record = self.lines.text(place);
        let (name, is_strict) = (&column.name, self.layout.strictness() == Strictness::Refuse);
        let fault = |token: Range<usize>, of_row: String, of_lines: String| {
            Ok(Err(Fault { token, reason: if is_strict { of_row } else { of_lines } }))
        };
        let value = self.layout.value(record, *key).filter(|value| !value.trim_ascii().is_empty());
        let Some(value) = value else {
            return fault(
                0..record.len(),
                format!("this row has no size in `{name}`"),
                format!("have no size in `{name}`"),
            );
        };
        let token = place_of(&value, record);
        let Some(size) = self.layout.number(&value) else {
            let shown = String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
            return fault(
                token,
                format!("`{shown}` in `{name}` is no size"),
                format!("have a `{name}` that is no number"),
            );
        };
        if (column.least..=column.most).contains(&size) {
            return Ok(Ok(size));
        }
        let (least, most) = (column.least, column.most);
        let message =
            format!("size {size} in `{name}` is outside the profile, which covers {least} to {most}");
        let kept = if size < least { format!("{name} >= {least}") } else { format!("{name} <= {most}") };
        Err(self
            .lines
            .error(place, token, message)
            .help(format!("measure that size too, or leave such requests out: where = \"{kept}\"")))
    }
}

/// What to do about a row without a size.
const SIZE_MEND: &str = "mend the row, leave such rows out by `where`, or choose another `size_column`";

/// Where a value stands in its record; all of it, if the value was made of it.
fn place_of(value: &[u8], record: &[u8]) -> Range<usize> {
    let start = (value.as_ptr() as usize).checked_sub(record.as_ptr() as usize);
    match start.filter(|start| start + value.len() <= record.len()) {
        Some(start) => start..start + value.len(),
        None => 0..record.len(),
    }
}

impl<L: Layout, P: Point> Raw<P> for Records<L> {
    fn fill(&mut self, floor: i64, block: &mut Vec<P>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        while block.len() < full {
            let Some(place) = self.layout.next(&mut self.lines)? else {
                if self.used == 0 && !(self.is_part && self.found.records > 0) {
                    return Err(self.nothing_used());
                }
                return Ok(());
            };
            self.found.records += 1;
            if let Some((at, mark)) = self.take(&place, floor)? {
                self.used += u64::from(mark.class != Mark::OF_NONE);
                block.push(P::new(at, mark));
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
    /// The same as one of several files, of which one may have nothing to use.
    pub(super) fn part(self, is_part: bool) -> Records<L> {
        Records { is_part, ..self }
    }

    fn nothing_used(&self) -> InputError {
        let reasons = self.found.all_left_out().map(|left| format!("{} {}", left.lines, left.reason));
        let reasons: Vec<String> = reasons.collect();
        let message =
            format!("has no record that can be used: of {}, {}", self.found.records, reasons.join("; "));
        let is_chosen = |reason: &str| reason.starts_with(NOT_MET) || reason == OF_NO_CLASS;
        let error = InputError::new(self.lines.name(), message);
        match self.found.all_left_out().all(|left| is_chosen(&left.reason)) {
            true => error.help("look at `where`, at `class_column` and at the names of the [[class]]"),
            false => error.help(self.layout.others()),
        }
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
