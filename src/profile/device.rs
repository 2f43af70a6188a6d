//! Functions with processors, or with a share of a GPU: their service times and prices by batch size.
//!
//! The model is that of HarmonyBatch (Chen et al., IWQoS 2024) and of its release. With c vCPU a batch of b takes
//! `alpha_b exp(-c / beta_b) + gamma_b`, one fit for the mean and one for the longest time. Alone on a GPU it takes
//! `L = xi_1 b + xi_2`. With m of its M GB it gets slices of `m tau` in turn with others: `M / m L` in the mean and
//! `ceil(L / (m tau)) (M - m) tau + L` at most, to which a margin is added unless m = M.

use std::fmt;

use crate::document::{Section, Value};
use crate::error::InputError;
use crate::units::{MemoryMb, Price, Span};

/// The size of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// Memory, which processors come with.
    Memory(MemoryMb),
    /// Hundredths of a vCPU.
    Processors(u32),
    /// GB of a GPU's memory.
    Gpu(u32),
}

/// A size with what its batches take and cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// The size.
    pub size: Size,
    /// The longest time of a batch of n, at `n - 1` \[s\].
    pub slowest: Vec<f64>,
    /// The price of a batch of n, at `n - 1` [$].
    pub usd: Vec<f64>,
}

/// What is known of a model on such functions, and their prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Devices {
    processors: Processors,
    gpu: Gpu,
    prices: Prices,
}

#[derive(Debug, Clone, PartialEq)]
struct Processors {
    /// alpha, beta, gamma by batch size less one.
    mean: Vec<[f64; 3]>,
    slowest: Vec<[f64; 3]>,
    /// Hundredths of a vCPU: least, most and step.
    from: u32,
    to: u32,
    step: u32,
    /// What the model needs \[MB\], by request of a batch and besides.
    memory_mb: [f64; 2],
}

#[derive(Debug, Clone, PartialEq)]
struct Gpu {
    /// xi_1, xi_2 \[s\].
    time_s: [f64; 2],
    memory_gb: u32,
    least_gb: u32,
    slice: f64,
    margin: f64,
    largest: u32,
    vcpu_by_gb: f64,
    ram_gb: f64,
    granule: Span,
}

#[derive(Debug, Clone, PartialEq)]
struct Prices {
    vcpu_s: Price,
    gb_s: Price,
    gpu_gb_s: Price,
    call: Price,
    /// What one unit of the prices is worth [$].
    usd: f64,
}

/// Memory comes in such steps \[MB\], and at least so much with each vCPU.
const MEMORY_STEP_MB: f64 = 64.0;
const MB_A_VCPU: f64 = 1024.0;
/// Sizes beyond this are no function.
const MOST: u32 = 100_000;

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Memory(memory) => write!(f, "{memory}"),
            Size::Processors(hundredths) => write!(f, "{} vCPU", f64::from(*hundredths) / 100.0),
            Size::Gpu(gb) => write!(f, "{gb} GB of GPU"),
        }
    }
}

impl Devices {
    /// Reads `[functions]`.
    ///
    /// # Errors
    /// A field that is missing or cannot be.
    pub fn from_section(section: &Section<'_>) -> Result<Devices, InputError> {
        // For people.
        let _ = section.optional("source");
        let part = |name| section.required(name).and_then(|value| value.section());
        let (cpu, gpu, prices) = (part("cpu")?, part("gpu")?, part("prices")?);
        let devices = Devices {
            processors: Processors::from_section(&cpu)?,
            gpu: Gpu::from_section(&gpu)?,
            prices: Prices::from_section(&prices)?,
        };
        [cpu, gpu, prices].iter().try_for_each(Section::finish)?;
        Ok(devices)
    }

    /// Every size on offer.
    pub fn all(&self) -> Vec<Offered> {
        let Processors { from, to, step, .. } = self.processors;
        let processors = (from..=to).step_by(step as usize).map(Size::Processors);
        processors
            .chain((self.gpu.least_gb..=self.gpu.memory_gb).map(Size::Gpu))
            .filter_map(|size| self.offered(size))
            .collect()
    }

    /// One size; `None` if it is not on offer.
    pub fn offered(&self, size: Size) -> Option<Offered> {
        match size {
            Size::Memory(_) => None,
            Size::Processors(hundredths) => {
                let Processors { from, to, step, .. } = self.processors;
                let on_offer = (from..=to).contains(&hundredths) && (hundredths - from).is_multiple_of(step);
                on_offer.then(|| self.with_processors(size, f64::from(hundredths) / 100.0))
            }
            Size::Gpu(gb) => (self.gpu.least_gb..=self.gpu.memory_gb)
                .contains(&gb)
                .then(|| self.with_gpu(size, f64::from(gb))),
        }
    }

    fn with_processors(&self, size: Size, vcpu: f64) -> Offered {
        let Processors { mean, slowest, memory_mb: [by_request, base], .. } = &self.processors;
        let time = |[alpha, beta, gamma]: &[f64; 3]| alpha * (-vcpu / beta).exp() + gamma;
        let Prices { vcpu_s, gb_s, call, usd, .. } = &self.prices;
        let price = |(n, fit): (usize, &[f64; 3])| {
            let needed = (by_request * (n + 1) as f64 + base).max(MB_A_VCPU * vcpu);
            let gb = (needed / MEMORY_STEP_MB).ceil() * MEMORY_STEP_MB / 1024.0;
            usd * (time(fit) * (vcpu * vcpu_s.as_f64() + gb * gb_s.as_f64()) + call.as_f64())
        };
        let usd = mean.iter().enumerate().map(price).collect();
        Offered { size, slowest: slowest.iter().map(time).collect(), usd }
    }

    fn with_gpu(&self, size: Size, gb: f64) -> Offered {
        let Gpu { time_s: [slope, offset], slice, margin, largest, vcpu_by_gb, ram_gb, granule, .. } =
            self.gpu;
        let whole = f64::from(self.gpu.memory_gb);
        let alone = |n: u32| slope * f64::from(n) + offset;
        let slowest = |n: u32| {
            let waits = (alone(n) / (gb * slice)).ceil() * (whole - gb) * slice;
            if gb == whole { alone(n) } else { margin * (waits + alone(n)) }
        };
        let Prices { vcpu_s, gb_s, gpu_gb_s, call, usd } = &self.prices;
        let second = gb * (gpu_gb_s.as_f64() + vcpu_by_gb * vcpu_s.as_f64()) + ram_gb * gb_s.as_f64();
        let billed = |n: u32| {
            let granule = granule.as_secs_f64();
            (whole / gb * alone(n) / granule).ceil() * granule
        };
        let price = |n| usd * (billed(n) * second + call.as_f64());
        Offered {
            size,
            slowest: (1..=largest).map(slowest).collect(),
            usd: (1..=largest).map(price).collect(),
        }
    }
}

impl Processors {
    fn from_section(section: &Section<'_>) -> Result<Processors, InputError> {
        let value = section.required("slowest_s")?;
        let (mean, slowest) = (fits(&section.required("mean_s")?)?, fits(&value)?);
        if mean.len() != slowest.len() {
            return Err(value.error("must have a fit for each batch size, as `mean_s` has"));
        }
        let range = section.required("vcpu")?;
        let ends = range.section()?;
        let end = |name| ends.required(name).and_then(|value| hundredths(&value));
        let (from, to, step) = (end("from")?, end("to")?, end("step")?);
        ends.finish()?;
        if from > to {
            return Err(range.error("needs from <= to"));
        }
        Ok(Processors { mean, slowest, from, to, step, memory_mb: pair(&section.required("memory_mb")?)? })
    }
}

impl Gpu {
    fn from_section(section: &Section<'_>) -> Result<Gpu, InputError> {
        let number = |name| section.required(name).and_then(|value| value.positive());
        let whole = |name| {
            let value = section.required(name)?;
            match value.integer::<u32>()? {
                n @ 1..=1024 => Ok(n),
                n => Err(value.error(format!("must be 1 to 1024, is {n}"))),
            }
        };
        let span = |name| {
            let value = section.required(name)?;
            match value.span()? {
                Span::ZERO => Err(value.error("must be above 0")),
                span => Ok(span),
            }
        };
        let (memory_gb, least_gb) = (whole("memory_gb")?, whole("least_gb")?);
        if least_gb > memory_gb {
            return Err(section.error("`least_gb` is more than `memory_gb`"));
        }
        Ok(Gpu {
            time_s: pair(&section.required("time_s")?)?,
            memory_gb,
            least_gb,
            slice: span("slice")?.as_secs_f64(),
            margin: number("margin")?,
            largest: whole("largest_batch")?,
            vcpu_by_gb: number("vcpu_by_gb")?,
            ram_gb: number("ram_gb")?,
            granule: span("granule")?,
        })
    }
}

impl Prices {
    fn from_section(section: &Section<'_>) -> Result<Prices, InputError> {
        let price = |name| {
            let value = section.required(name)?;
            let text = value.decimal()?;
            Price::parse(text).ok_or_else(|| value.error("is a price of at least 1e-12, not negative"))
        };
        Ok(Prices {
            vcpu_s: price("vcpu_s")?,
            gb_s: price("gb_s")?,
            gpu_gb_s: price("gpu_gb_s")?,
            call: price("call")?,
            usd: section.required("usd")?.positive()?,
        })
    }
}

/// alpha, beta and gamma for each batch size from 1.
fn fits(value: &Value<'_>) -> Result<Vec<[f64; 3]>, InputError> {
    let fit = |row: Vec<f64>| <[f64; 3]>::try_from(row).ok().filter(|fit| fit.iter().all(|x| *x > 0.0));
    let rows: Option<Vec<_>> = value.rows()?.into_iter().map(fit).collect();
    rows.ok_or_else(|| value.error("must have alpha, beta and gamma above 0 for each batch size"))
}

fn pair(value: &Value<'_>) -> Result<[f64; 2], InputError> {
    <[f64; 2]>::try_from(value.numbers()?)
        .ok()
        .filter(|pair| pair.iter().all(|x| *x >= 0.0))
        .ok_or_else(|| value.error("must be two numbers of 0 or more: by request of a batch, and besides"))
}

/// A number of vCPU in hundredths.
pub(crate) fn hundredths(value: &Value<'_>) -> Result<u32, InputError> {
    let exact = value.positive()? * 100.0;
    let whole = exact.round();
    match (exact - whole).abs() < 1e-6 && (1.0..=f64::from(MOST)).contains(&whole) {
        true => Ok(whole as u32),
        false => Err(value.error("is a number of vCPU in hundredths, such as 1.55")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    /// A model of one batch size on processors, and round figures.
    const TEXT: &str = "[cpu]\nmean_s = [[2.0, 0.5, 0.2]]\nslowest_s = [[3.0, 0.5, 0.3]]\n\
        vcpu = { from = 0.5, to = 2.0, step = 0.25 }\nmemory_mb = [40, 900]\n[gpu]\ntime_s = [0.002, 0.004]\n\
        memory_gb = 24\nleast_gb = 3\nslice = \"2ms\"\nmargin = 1.5\nlargest_batch = 4\nvcpu_by_gb = 0.5\nram_gb = 0.5\n\
        granule = \"1s\"\n[prices]\nvcpu_s = 1e-4\ngb_s = 1e-5\ngpu_gb_s = 2e-4\ncall = 1e-6\nusd = 0.5\n";

    #[test]
    fn times_and_prices_are_those_of_the_formulas() {
        let document = Document::parse("f.toml", TEXT).unwrap();
        let devices = Devices::from_section(&document.root()).unwrap();
        assert_eq!(devices.all().len(), 7 + 22);
        assert_eq!(devices.offered(Size::Processors(60)), None);
        let cpu = devices.offered(Size::Processors(100)).unwrap();
        let near = |found: f64, exact: f64| assert!((found / exact - 1.0).abs() < 1e-12, "{found} {exact}");
        near(cpu.slowest[0], 3.0 * (-2.0_f64).exp() + 0.3);
        // 940 MB are needed; one vCPU comes with 1,024.
        near(cpu.usd[0], 0.5 * ((2.0 * (-2.0_f64).exp() + 0.2) * (1e-4 + 1e-5) + 1e-6));
        let gpu = devices.offered(Size::Gpu(4)).unwrap();
        // A batch of 2 takes 8 ms alone: one slice of 8 ms, and 40 ms for the others before it.
        near(gpu.slowest[1], 1.5 * (0.040 + 0.008));
        near(gpu.usd[1], 0.5 * (4.0 * (2e-4 + 0.5e-4) + 0.5e-5 + 1e-6));
        near(devices.offered(Size::Gpu(24)).unwrap().slowest[3], 0.012);
        assert_eq!(Size::Processors(155).to_string(), "1.55 vCPU");
    }
}
