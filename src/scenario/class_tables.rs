//! `[[class]]`, and what other tables say of classes, as they are read.

use super::class::{Class, ClassSlo, Classes, Marks, Sizes};
use super::class_sizes::{WrittenSizes, sizes};
use super::class_system::{ListedGroup, On, listed_groups};
use super::process::process_from_section;
use super::workload::{Source, Workload, within_the_clock};
use crate::arrivals::map::Map;
use crate::arrivals::marked::{MarkedError, MarkedMap};
use crate::arrivals::schedule::{MOST_PHASES, plausible};
use crate::arrivals::stop::Stop;
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::numeric::matrix::Matrix;
use crate::policy::batch::BatchPolicy;
use crate::profile::device::Size;
use crate::profile::{LARGEST_BATCH, Profile};
use crate::scenario::grid::memory_and_batch;
use crate::scenario::policy::{PolicySpec, within_a_year};
use crate::scenario::slo::Slo;
use crate::units::{MemoryMb, Span};

/// More classes than this are refused: a class's number is kept beside each request.
const MOST_CLASSES: usize = 1000;
/// How far the shares may be from a sum of 1: people write three digits.
const SHARE_TOLERANCE: f64 = 1e-3;

/// What `[policy]` says of classes.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The longest wait of each.
    of_classes: Vec<Span>,
    groups: Vec<ListedGroup>,
}

/// What `[[class]]` says, before the other sections are known.
#[derive(Debug)]
pub(super) struct Written<'a> {
    value: Value<'a>,
    list: Vec<WrittenClass<'a>>,
}

#[derive(Debug)]
struct WrittenClass<'a> {
    value: Value<'a>,
    name: String,
    share: Option<f64>,
    own: Option<Map>,
    longest_wait: Option<Span>,
    slo: Option<ClassSlo>,
    size: Option<WrittenSizes<'a>>,
}

impl<'a> Written<'a> {
    pub(super) fn read(value: &Value<'a>) -> Result<Written<'a>, InputError> {
        let items = value.list()?;
        if !(1..=MOST_CLASSES).contains(&items.len()) {
            return Err(value.error(format!("has {} classes, not 1 to {MOST_CLASSES}", items.len())));
        }
        let mut list: Vec<WrittenClass<'a>> = Vec::new();
        for item in &items {
            let class = WrittenClass::read(item)?;
            if list.iter().any(|other| other.name == class.name) {
                return Err(item.error(format!("there are two classes `{}`", class.name)));
            }
            list.push(class);
        }
        Ok(Written { value: value.clone(), list })
    }

    /// Reads `[workload]`: how the requests of the classes come.
    pub(super) fn workload(&self, section: &Section<'_>) -> Result<(Workload, Marks), InputError> {
        let of_process = section.names().any(|name| name == "d1_by_class");
        if let Some(class) = self.list.iter().find(|class| class.own.is_some()) {
            if let Some(other) = self.list.iter().find(|class| class.own.is_none()) {
                let message =
                    format!("class `{}` has a workload of its own, `{}` none", class.name, other.name);
                return Err(other
                    .value
                    .error(message)
                    .help("give each class a `workload`, or each a `share`"));
            }
            return self.own(section);
        }
        if of_process {
            return self.process(section);
        }
        if let Some(column) = section.optional("size_column") {
            self.sizes_of_records(section, &column)?;
        }
        if let Some(column) = section.optional("class_column") {
            return self.column(section, &column);
        }
        let workload = Workload::from_section(section)?;
        if workload.closed().is_some() {
            return Err(section
                .required("kind")?
                .error("users know no classes: who sends next follows from who was answered")
                .help("leave the classes out, or give [workload] a process, a schedule or a trace"));
        }
        let missing = |class: &WrittenClass<'_>| {
            let message = format!("class `{}` has neither a `share` nor a `workload`", class.name);
            class.value.error(message).help("shares of the requests of [workload] sum to 1")
        };
        // All requests of a trace with sizes are of the only class.
        let whole = (self.list.len() == 1 && workload.size_column().is_some()).then_some(1.0);
        let shares: Vec<f64> = self
            .list
            .iter()
            .map(|class| class.share.or(whole).ok_or_else(|| missing(class)))
            .collect::<Result<_, _>>()?;
        let total: f64 = shares.iter().sum();
        if (total - 1.0).abs() > SHARE_TOLERANCE {
            return Err(self.value.error(format!("the shares of the classes sum to {total}, not to 1")));
        }
        Ok((workload, Marks::Shares(shares.iter().map(|share| share / total).collect())))
    }

    /// A trace that says of each record how large it is.
    fn sizes_of_records(&self, section: &Section<'_>, column: &Value<'_>) -> Result<(), InputError> {
        if column.str()?.is_empty() {
            return Err(column.error("is empty").help("name the column or field that has the size"));
        }
        if section.required("kind")?.str()? != "trace" {
            return Err(column
                .error("is of kind = \"trace\" alone")
                .help("give each [[class]] a `size`, or choose kind = \"trace\""));
        }
        let passes = section.optional("repeat");
        if let Some(repeat) = passes.filter(|repeat| repeat.integer().is_ok_and(|passes: u32| passes != 1)) {
            let message = "cannot act: the sizes of a trace are read beside its times, once";
            return Err(repeat.error(message).help("remove `repeat`"));
        }
        match self.list.iter().find_map(|class| class.size.as_ref()) {
            Some(size) => Err(size
                .error("cannot act: `size_column` says how large each request is")
                .help("remove one of the two")),
            None => Ok(()),
        }
    }

    /// A trace that says of each record what class it is of.
    fn column(&self, section: &Section<'_>, column: &Value<'_>) -> Result<(Workload, Marks), InputError> {
        let name = match column.str()? {
            "" => return Err(column.error("is empty").help("name the column or field that has the class")),
            name => name.to_owned(),
        };
        if let Some(class) = self.list.iter().find(|class| class.share.is_some()) {
            let message = "a share cannot act: `class_column` says of which class each request is";
            return Err(class.value.error(message).help("remove the share"));
        }
        let workload = Workload::from_section(section)?;
        let Source::Trace(trace) = &workload.source else {
            return Err(column
                .error("is of kind = \"trace\" alone")
                .help("remove it, or choose kind = \"trace\""));
        };
        if trace.spec.repeat != 1 {
            let message = "`repeat` cannot act: the classes of a trace are read side by side, each once";
            return Err(column.error(message).help("remove `repeat`"));
        }
        Ok((workload, Marks::Column(name)))
    }

    fn own(&self, section: &Section<'_>) -> Result<(Workload, Marks), InputError> {
        let kind = section.required("kind")?;
        kind.choice(&[("classes", ())]).map_err(|e| {
            e.help("each class has a workload of its own: write kind = \"classes\" and when they end")
        })?;
        let factor = rate_factor(section)?;
        let own: Vec<Map> =
            self.list.iter().filter_map(|class| Some(class.own.as_ref()?.scaled(factor))).collect();
        let phases = own.iter().try_fold(1_usize, |phases, map| phases.checked_mul(map.order()));
        if phases.is_none_or(|phases| phases > MOST_PHASES) {
            let message = format!("together the workloads of the classes have over {MOST_PHASES} phases");
            return Err(self.value.error(message).help("use processes of fewer phases, or Poisson"));
        }
        let source = Source::Process(MarkedMap::merged(&own).unmarked());
        Ok((ended(section, source)?, Marks::Own(own)))
    }

    fn process(&self, section: &Section<'_>) -> Result<(Workload, Marks), InputError> {
        section.required("kind")?.choice(&[("map", ())])?;
        if let Some(class) = self.list.iter().find(|class| class.share.is_some()) {
            return Err(class.value.error("a share cannot act: `d1_by_class` says what comes of each class"));
        }
        let (d0, by_class) = (section.required("d0")?, section.required("d1_by_class")?);
        let matrix = |value: &Value<'_>| {
            Matrix::from_rows(&value.rows()?).ok_or_else(|| value.error("must be a square matrix"))
        };
        let items = by_class.list()?;
        if items.len() != self.list.len() {
            let message = format!("has {} matrices for {} classes", items.len(), self.list.len());
            return Err(by_class.error(message).help("give one matrix a class, in the order of [[class]]"));
        }
        let matrices = items.iter().map(matrix).collect::<Result<Vec<_>, _>>()?;
        let m0 = matrix(&d0)?;
        if m0.order() > MOST_PHASES {
            return Err(
                d0.error(format!("a process has at most {MOST_PHASES} phases, this one {}", m0.order()))
            );
        }
        let factor = rate_factor(section)?;
        let scaled = matrices.iter().map(|d1| d1.scaled(factor)).collect();
        let marked = MarkedMap::new(m0.scaled(factor), scaled).map_err(|e| {
            let at = match e {
                MarkedError::Shape { class }
                | MarkedError::Sign { class, .. }
                | MarkedError::Silent { class } => &items[class],
                MarkedError::Together(_) => &d0,
            };
            at.error(e.to_string()).help("the diagonal of d0 is minus the sum of the other rates of its row")
        })?;
        plausible(&marked.unmarked()).map_err(|reason| d0.error(reason))?;
        Ok((ended(section, Source::Process(marked.unmarked()))?, Marks::Process(marked)))
    }

    /// Reads `[policy]`: the largest batch, and the longest wait of the classes that have none of their own.
    pub(super) fn policy(
        &self,
        section: &Section<'_>,
        profile: &Profile,
        memory: MemoryMb,
    ) -> Result<(PolicySpec, Waits), InputError> {
        #[derive(Clone, Copy, PartialEq)]
        enum Kind {
            Unbatched,
            BatchPolicy,
            Groups,
        }
        let kind = section.required("kind")?;
        let kinds = [("unbatched", Kind::Unbatched), ("batch", Kind::BatchPolicy), ("groups", Kind::Groups)];
        let chosen = kind.choice(&kinds).map_err(|e| {
            let help =
                "with [[class]] the policy is batch, unbatched or groups; the others know one class only";
            e.help(help)
        })?;
        if chosen == Kind::Groups {
            return self.groups(section, profile);
        }
        if chosen == Kind::Unbatched {
            let waits = vec![Span::ZERO; self.list.len()];
            profile.at(memory, 1).map_err(|e| kind.error(e.to_string()))?;
            if let Some(class) = self.list.iter().find(|class| class.longest_wait.is_some()) {
                return Err(class.value.error("`longest_wait` cannot act: the policy is unbatched"));
            }
            let waits = Waits { of_classes: waits, groups: Vec::new() };
            return Ok((PolicySpec::Fixed(BatchPolicy::UNBATCHED), waits));
        }
        let value = section.required("batch")?;
        let batch: u32 = value.integer()?;
        if !(1..=LARGEST_BATCH).contains(&batch) {
            return Err(value.error(format!("must be 1 to {LARGEST_BATCH}, is {batch}")));
        }
        profile.at(memory, batch).map_err(|e| value.error(e.to_string()))?;
        let waits = self.waits(section)?;
        let timeout = waits.iter().copied().max().unwrap_or(Span::ZERO);
        let waits = Waits { of_classes: waits, groups: Vec::new() };
        Ok((PolicySpec::Fixed(BatchPolicy { batch, timeout }), waits))
    }

    /// Several buffers, each for some of the classes.
    fn groups(&self, section: &Section<'_>, profile: &Profile) -> Result<(PolicySpec, Waits), InputError> {
        if let Some(class) = self.list.iter().find(|class| class.longest_wait.is_some()) {
            return Err(class
                .value
                .error("`longest_wait` cannot act: the groups of [policy] say how long each waits"));
        }
        let list = section.required("group")?;
        let names: Vec<&str> = self.list.iter().map(|class| class.name.as_str()).collect();
        let groups = listed_groups(&list, &names, On::Platform, None)?;
        let mut of_classes = vec![Span::ZERO; names.len()];
        let mut buffer = BatchPolicy::UNBATCHED;
        for (group, value) in groups.iter().zip(list.list()?) {
            if let Size::Memory(memory) = group.size {
                profile.at(memory, group.batch).map_err(|e| value.error(e.to_string()).help(e.mend()))?;
            }
            for (member, wait) in group.members.iter().zip(&group.longest_wait) {
                of_classes[*member] = *wait;
                buffer.timeout = buffer.timeout.max(*wait);
            }
            buffer.batch = buffer.batch.max(group.batch);
        }
        Ok((PolicySpec::Fixed(buffer), Waits { of_classes, groups }))
    }

    fn waits(&self, section: &Section<'_>) -> Result<Vec<Span>, InputError> {
        let default = match self.list.iter().all(|class| class.longest_wait.is_some()) {
            true => match section.optional("timeout") {
                Some(value) => {
                    return Err(value.error("cannot act: every class has a `longest_wait` of its own"));
                }
                None => Span::ZERO,
            },
            false => within_a_year(&section.required("timeout").map_err(|e| {
                e.help("it is the longest wait of the classes without a `longest_wait` of their own")
            })?)?,
        };
        Ok(self.list.iter().map(|class| class.longest_wait.unwrap_or(default)).collect())
    }

    /// The objectives; `[slo]` is that of the classes without one of their own.
    pub(super) fn objectives(
        &self,
        default: Option<(&Slo, &Value<'_>)>,
    ) -> Result<Vec<Option<ClassSlo>>, InputError> {
        let default = match default {
            None => None,
            Some((_, value)) if self.list.iter().all(|class| class.slo.is_some()) => {
                return Err(value.error("cannot act: every class has an `slo` of its own"));
            }
            Some((slo, value)) => match (slo.latency, slo.budget_usd_per_million, slo.max_violations) {
                (Some(latency), None, None) => Some(ClassSlo { percentile: slo.percentile, latency }),
                _ => {
                    let message = "with [[class]] an objective is `latency` and `percentile` only";
                    return Err(value.error(message).help("leave out the budget and `max_violations`"));
                }
            },
        };
        Ok(self.list.iter().map(|class| class.slo.or(default)).collect())
    }

    /// The names of the classes, in the order of the file.
    pub(super) fn names(&self) -> Vec<String> {
        self.list.iter().map(|class| class.name.clone()).collect()
    }

    /// The sizes of requests: the profile has them and each class, or none.
    pub(super) fn sizes(&self, profile: &Profile) -> Result<Option<Sizes>, InputError> {
        let list: Vec<_> = self.list.iter().map(|class| (&class.value, class.size.as_ref())).collect();
        sizes(profile, &list)
    }

    pub(super) fn classes(
        &self,
        marks: Marks,
        waits: Waits,
        objectives: Vec<Option<ClassSlo>>,
        grid: Option<(Vec<MemoryMb>, Vec<u32>)>,
        sizes: Option<Sizes>,
    ) -> Classes {
        let class = |((class, longest_wait), slo): ((&WrittenClass<'_>, Span), Option<ClassSlo>)| Class {
            name: class.name.clone(),
            longest_wait,
            slo,
        };
        let list = self.list.iter().zip(waits.of_classes).zip(objectives).map(class).collect();
        Classes { list, marks, sizes, grid, devices: None, systems: Vec::new(), groups: waits.groups }
    }
}

impl<'a> WrittenClass<'a> {
    fn read(value: &Value<'a>) -> Result<WrittenClass<'a>, InputError> {
        let section = value.section()?;
        let name = section.required("name")?;
        let share = section.optional("share").map(|value| match value.positive()? {
            share if share <= 1.0 => Ok(share),
            share => Err(value.error(format!("is a share of the requests, at most 1, not {share}"))),
        });
        let own = section.optional("workload").map(|value| {
            let section = value.section()?;
            let map = process_from_section(&section)?;
            section.finish()?;
            Ok(map)
        });
        let class = WrittenClass {
            value: value.clone(),
            name: match name.str()? {
                "" => return Err(name.error("is empty")),
                name => name.to_owned(),
            },
            share: share.transpose()?,
            own: own.transpose()?,
            longest_wait: section.optional("longest_wait").map(|v| within_a_year(&v)).transpose()?,
            slo: section.optional("slo").map(|v| slo(&v)).transpose()?,
            size: section.optional("size").map(|v| WrittenSizes::read(&v)).transpose()?,
        };
        section.finish()?;
        match (&class.share, &class.own) {
            (Some(_), Some(_)) => {
                Err(value.error("has a `share` and a `workload`").help("a class has one of the two"))
            }
            _ => Ok(class),
        }
    }
}

/// Reads `[sweep]`: among what `sim plan` chooses.
pub(super) fn grid(section: &Section<'_>) -> Result<(Vec<MemoryMb>, Vec<u32>), InputError> {
    match section.optional("timeout") {
        Some(value) => {
            Err(value.error("cannot act: with [[class]] the longest waits follow from the objectives"))
        }
        None => memory_and_batch(section),
    }
}

fn slo(value: &Value<'_>) -> Result<ClassSlo, InputError> {
    let section = value.section()?;
    let percentile = section.optional("percentile").map_or(Ok(95.0), |value| match value.positive()? {
        percent if percent <= 100.0 => Ok(percent),
        _ => Err(value.error("must be above 0 and at most 100; 100: no request may be over the latency")),
    })?;
    let latency = section.required("latency")?.span()?;
    section.finish()?;
    Ok(ClassSlo { percentile: percentile / 100.0, latency })
}

/// The factor of all rates.
fn rate_factor(section: &Section<'_>) -> Result<f64, InputError> {
    section.optional("scale").map_or(Ok(1.0), |v| match v.positive()? {
        factor if (1e-9..=1e9).contains(&factor) => Ok(factor),
        factor => Err(v.error(format!("is a factor of the rate from 1e-9 to 1e9, not {factor}"))),
    })
}

fn ended(section: &Section<'_>, source: Source) -> Result<Workload, InputError> {
    let requests = section.optional("requests").map(|v| v.integer()).transpose()?;
    let duration = section.optional("duration").map(|v| within_the_clock(&v)).transpose()?;
    match requests.is_none() && duration.is_none() {
        true => Err(section
            .error("[workload] has no end")
            .help("give `requests = 400000` or `duration = \"24h\"`")),
        false => Ok(Workload { source, requests, duration, stop: Stop::default() }),
    }
}
