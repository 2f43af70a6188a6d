//! `[[system]]` where there are classes: ways to put them into buffers, on the platform's functions or on those of
//! `[functions]`.

use super::class::Classes;
use super::devices::hundredths;
use crate::document::{Section, Value};
use crate::error::{InputError, expected};
use crate::profile::LARGEST_BATCH;
use crate::profile::device::{Devices, Size};
use crate::scenario::policy::within_a_year;
use crate::units::{MemoryMb, Span};

/// A way to put the classes into buffers.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSystem {
    /// Its name in tables and files.
    pub name: String,
    /// What the batches run on.
    pub on: On,
    /// Which classes share.
    pub grouping: Grouping,
}

/// What batches run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The functions of `[platform]`.
    Platform,
    /// Those of `[functions]`.
    Functions,
}

/// Which classes share.
#[derive(Debug, Clone, PartialEq)]
pub enum Grouping {
    /// Each has a buffer of its own.
    Alone,
    /// All are in one buffer.
    Together,
    /// The best of all partitions, by the exact law.
    Best,
    /// As HarmonyBatch groups them.
    HarmonyBatch,
    /// As MBS groups them: so many buffers for ranges of sizes, cut to equal load.
    Mbs(u32),
    /// As the file says.
    Listed(Vec<ListedGroup>),
}

/// A group with all its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedGroup {
    /// The classes, by their places in the scenario.
    pub members: Vec<usize>,
    /// The function.
    pub size: Size,
    /// Largest batch.
    pub batch: u32,
    /// The longest wait of each member.
    pub longest_wait: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Alone,
    Together,
    Best,
    HarmonyBatch,
    Mbs,
    Listed,
}

impl ClassSystem {
    /// Reads the list.
    ///
    /// # Errors
    /// A field that is missing or unknown; a class, or a function, that there is not.
    pub fn list(
        value: &Value<'_>,
        classes: &Classes,
        devices: Option<&Devices>,
    ) -> Result<Vec<ClassSystem>, InputError> {
        let mut systems: Vec<ClassSystem> = Vec::new();
        for item in value.list()? {
            let section = item.section()?;
            let system = system(&section, classes, devices)?;
            section.finish()?;
            if systems.iter().any(|other| other.name == system.name) {
                return Err(item.error(format!("there are two systems `{}`", system.name)));
            }
            systems.push(system);
        }
        Ok(systems)
    }
}

fn system(
    section: &Section<'_>,
    classes: &Classes,
    devices: Option<&Devices>,
) -> Result<ClassSystem, InputError> {
    let name = section.required("name")?.str()?.to_owned();
    section.required("kind")?.choice(&[("classes", ())])?;
    let on = section.optional("on").map_or(Ok(On::Platform), |value| {
        match value.choice(&[("platform", On::Platform), ("functions", On::Functions)])? {
            On::Functions if devices.is_none() => Err(value.error("there is no [functions]")),
            on => Ok(on),
        }
    })?;
    let ways = [
        ("alone", Way::Alone),
        ("together", Way::Together),
        ("best", Way::Best),
        ("harmonybatch", Way::HarmonyBatch),
        ("mbs", Way::Mbs),
        ("listed", Way::Listed),
    ];
    let grouping = match section.required("grouping")?.choice(&ways)? {
        Way::Alone => Grouping::Alone,
        Way::Together => Grouping::Together,
        Way::Best => Grouping::Best,
        Way::HarmonyBatch => Grouping::HarmonyBatch,
        Way::Mbs => Grouping::Mbs(buffers(&section.required("buffers")?, classes)?),
        Way::Listed => {
            let names: Vec<&str> = classes.list.iter().map(|class| class.name.as_str()).collect();
            Grouping::Listed(listed_groups(&section.required("group")?, &names, on, devices)?)
        }
    };
    if classes.sizes.is_some() && (on == On::Functions || matches!(grouping, Grouping::HarmonyBatch)) {
        let message = "[functions] and HarmonyBatch know no sizes of requests";
        return Err(section.error(message).help("take `on = \"platform\"` and another grouping"));
    }
    Ok(ClassSystem { name, on, grouping })
}

/// Reads the number of MBS's buffers, which take ranges of sizes.
fn buffers(value: &Value<'_>, classes: &Classes) -> Result<u32, InputError> {
    let Some(sizes) = &classes.sizes else {
        return Err(value
            .error("buffers are for ranges of sizes, and the classes have none")
            .help("give each a `size`"));
    };
    let of_one = |shares: &Vec<f64>| shares.iter().filter(|share| **share > 0.0).count() == 1;
    if let Some(class) = sizes.shares.iter().position(|shares| !of_one(shares)) {
        let message = format!(
            "class `{}` has several sizes, which may be in several buffers",
            classes.list[class].name
        );
        return Err(value.error(message).help("make each size a class of its own"));
    }
    match value.integer()? {
        count if (1..=classes.list.len() as u32).contains(&count) => Ok(count),
        count => Err(value.error(format!("must be 1 to the {} classes, is {count}", classes.list.len()))),
    }
}

/// Reads groups that hold every class once.
pub(super) fn listed_groups(
    list: &Value<'_>,
    names: &[&str],
    on: On,
    devices: Option<&Devices>,
) -> Result<Vec<ListedGroup>, InputError> {
    let read = |group: &Value<'_>| listed(group, names, on, devices);
    let groups = list.list()?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let named = |class: usize| groups.iter().filter(|group| group.members.contains(&class)).count();
    match (0..names.len()).find(|class| named(*class) != 1) {
        None => Ok(groups),
        Some(class) => {
            let (name, count) = (names[class], named(class));
            Err(list.error(format!("class `{name}` is in {count} groups, not in one")))
        }
    }
}

fn listed(
    value: &Value<'_>,
    names: &[&str],
    on: On,
    devices: Option<&Devices>,
) -> Result<ListedGroup, InputError> {
    let section = value.section()?;
    let member = |value: &Value<'_>| {
        let name = value.str()?;
        let place = names.iter().position(|known| *known == name);
        place.ok_or_else(|| value.error(format!("no class `{name}`")).help(expected(name, names)))
    };
    let members = section.required("classes")?.list()?.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    let size = size(&section, on)?;
    let batch_value = section.required("batch")?;
    let batch: u32 = batch_value.integer()?;
    let largest = match devices.filter(|_| on == On::Functions).map(|devices| devices.offered(size)) {
        None => LARGEST_BATCH,
        Some(Some(offered)) => offered.slowest.len() as u32,
        Some(None) => return Err(section.error(format!("[functions] offers no {size}"))),
    };
    if !(1..=largest).contains(&batch) {
        return Err(batch_value.error(format!("must be 1 to {largest}, is {batch}")));
    }
    let waits_value = section.required("longest_wait")?;
    let waits = waits_value.list()?.iter().map(within_a_year).collect::<Result<Vec<_>, _>>()?;
    if waits.len() != members.len() {
        return Err(waits_value.error(format!("has {} waits for {} classes", waits.len(), members.len())));
    }
    section.finish()?;
    Ok(ListedGroup { members, size, batch, longest_wait: waits })
}

fn size(section: &Section<'_>, on: On) -> Result<Size, InputError> {
    if on == On::Platform {
        let reason = "a group on [platform] has `memory_mb`";
        section.refuse(&["vcpu", "gpu_gb"], reason, "remove it, and give `memory_mb`")?;
        return Ok(Size::Memory(MemoryMb(section.required("memory_mb")?.integer()?)));
    }
    let reason = "a group on [functions] has either `vcpu` or `gpu_gb`";
    section.refuse(&["memory_mb"], reason, "remove it, and give one of those")?;
    match (section.optional("vcpu"), section.optional("gpu_gb")) {
        (Some(vcpu), None) => Ok(Size::Processors(hundredths(&vcpu)?)),
        (None, Some(gpu)) => Ok(Size::Gpu(gpu.integer()?)),
        _ => Err(section.error(reason)),
    }
}
