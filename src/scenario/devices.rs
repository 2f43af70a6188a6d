//! `[functions]`: functions with processors or with a share of a GPU.

use crate::document::{Section, Value};
use crate::error::InputError;
use crate::profile::device::{Devices, Gpu, Prices, Processors};
use crate::units::{Price, Span};

/// Sizes beyond this are no function.
const MOST: u32 = 100_000;

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
    use crate::profile::device::Size;

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
