//! The files of price books, and those that come with the program.

use std::path::Path;

use crate::document::{Document, Section, Value};
use crate::error::{InputError, expected};
use crate::price::billing::{BillingRule, InitBilling};
use crate::price::{
    Architecture, ArchitecturePrices, Book, FreeTier, InstancePrice, Limits, ProvisionedPrices, RateLimit,
};
use crate::units::{Price, Span};

/// The books that come with the program, by name.
const BOOKS: [(&str, &str); 2] = [
    ("aws-2020", include_str!("../../profiles/books/aws-2020.toml")),
    ("aws-2026", include_str!("../../profiles/books/aws-2026.toml")),
];

/// The largest memory size of a book: the memory-time of one invocation stays within 64 bits.
const LARGEST_MEMORY_MB: u32 = 100_000;
/// The largest price, so that no bill is beyond 128 bits.
const LARGEST_PRICE: Price = Price(1_000_000_000_000_000_000);

impl Book {
    /// A book of the program by its name, or one from a file.
    pub fn open(name: &Value<'_>) -> Result<Book, InputError> {
        let text = name.str()?;
        match Book::named(text) {
            Some(book) => Ok(book),
            None if text.ends_with(".toml") => Book::read(&name.file()?),
            None => {
                let names = BOOKS.map(|(name, _)| name);
                let help = format!("{}; or the path of a .toml file", expected(text, &names));
                Err(name.error(format!("no price book `{text}`")).help(help))
            }
        }
    }

    /// A book that comes with the program.
    pub fn named(name: &str) -> Option<Book> {
        let (name, text) = BOOKS.iter().find(|(known, _)| *known == name)?;
        let document = Document::parse(name, text).expect("a test reads every book");
        Some(Book::from_document(&document).expect("a test reads every book"))
    }

    /// The newest of those that come with the program.
    pub fn newest() -> Book {
        let (name, _) = BOOKS[BOOKS.len() - 1];
        Book::named(name).expect("it is among them")
    }

    /// Reads a book from a file.
    pub fn read(path: &Path) -> Result<Book, InputError> {
        Book::from_document(&Document::read(path)?)
    }

    /// Reads a book from a document.
    pub fn from_document(document: &Document) -> Result<Book, InputError> {
        let root = document.root();
        root.optional("region");
        let name = root.required("name")?.str()?.to_owned();
        let date = root.required("date")?.date()?.to_owned();
        let lambda = root.required("lambda")?.section()?;
        let granule = lambda.required("granule")?;
        let billing = BillingRule {
            granule: whole_milliseconds(&granule)?,
            init: match lambda.required("init_billed")?.bool()? {
                true => InitBilling::Billed,
                false => InitBilling::Free,
            },
        };
        let mut architectures = Vec::new();
        for (field, architecture) in Architecture::NAMES {
            if let Some(value) = lambda.optional(field) {
                architectures.push((architecture, architecture_prices(&value.section()?)?));
            }
        }
        let per_request = price(&lambda.required("usd_per_request")?)?;
        let free_tier = free_tier(&lambda.required("free_tier")?.section()?)?;
        let limits = limits(&lambda)?;
        lambda.finish()?;
        let list = root.optional("instance").map_or(Ok(Vec::new()), |v| v.list())?;
        let instances = list.iter().map(|v| instance(&v.section()?)).collect::<Result<_, _>>()?;
        let spot_notice = root.optional("spot_notice").map(|value| value.span()).transpose()?;
        root.finish()?;
        Ok(Book {
            name,
            date,
            billing,
            architectures,
            per_request,
            free_tier,
            limits,
            instances,
            spot_notice,
        })
    }
}

fn price(value: &Value<'_>) -> Result<Price, InputError> {
    let text = value.decimal()?;
    let price = Price::parse(text).filter(|price| *price <= LARGEST_PRICE);
    price.ok_or_else(|| value.error("expected a price in dollars with at most 12 decimals, up to 1e6"))
}

fn whole_milliseconds(value: &Value<'_>) -> Result<Span, InputError> {
    let span = value.span()?;
    match span.0 > 0 && span.0.is_multiple_of(1_000_000) {
        true => Ok(span),
        false => Err(value.error("expected whole milliseconds above 0")),
    }
}

fn architecture_prices(section: &Section<'_>) -> Result<ArchitecturePrices, InputError> {
    let list = section.required("usd_per_gb_s")?;
    let mut tiers = Vec::new();
    for value in list.list()? {
        let tier = value.section()?;
        let bound = tier.optional("up_to_gb_s").map(|v| v.integer::<u64>()).transpose()?;
        tiers.push((bound, price(&tier.required("price")?)?));
        tier.finish()?;
    }
    if tiers.last().is_none_or(|(bound, _)| bound.is_some()) {
        return Err(list.error("the last tier must have no `up_to_gb_s`"));
    }
    let bounds: Vec<u64> = tiers.iter().filter_map(|(bound, _)| *bound).collect();
    if bounds.len() + 1 != tiers.len() || bounds.windows(2).any(|w| w[0] >= w[1]) {
        return Err(list.error("the bounds of the tiers must rise"));
    }
    let provisioned = section.optional("provisioned").map(|value| {
        let section = value.section()?;
        let prices = ProvisionedPrices {
            idle: price(&section.required("idle")?)?,
            running: price(&section.required("running")?)?,
            granule: whole_milliseconds(&section.required("granule")?)?,
        };
        section.finish()?;
        Ok(prices)
    });
    let provisioned = provisioned.transpose()?;
    section.finish()?;
    Ok(ArchitecturePrices { tiers, provisioned })
}

fn free_tier(section: &Section<'_>) -> Result<FreeTier, InputError> {
    let requests = section.required("requests")?.integer()?;
    let gb_s = section.required("gb_s")?.integer()?;
    section.finish()?;
    Ok(FreeTier { requests, gb_s })
}

fn limits(lambda: &Section<'_>) -> Result<Limits, InputError> {
    let memory = lambda.required("memory_mb")?.section()?;
    let size = |name| memory.required(name)?.integer::<u32>();
    let memory_mb = (size("from")?, size("to")?, size("step")?);
    memory.finish()?;
    if memory_mb.0 > memory_mb.1 || memory_mb.1 > LARGEST_MEMORY_MB || memory_mb.2 == 0 {
        let wanted = format!("needs from <= to <= {LARGEST_MEMORY_MB} and a step above 0");
        return Err(memory.error(wanted));
    }
    let scaling = lambda.required("scaling")?.section()?;
    let rate = RateLimit {
        burst: scaling.required("burst")?.integer()?,
        tokens: scaling.required("tokens")?.integer()?,
        period: scaling.required("period")?.span()?,
    };
    scaling.finish()?;
    if rate.burst == 0 || rate.tokens == 0 || rate.period == Span::ZERO {
        return Err(scaling.error("needs a burst, tokens and a period above 0"));
    }
    Ok(Limits {
        memory_mb,
        keep_alive: lambda.required("keep_alive")?.span()?,
        runtime_init: lambda.required("runtime_init")?.span()?,
        mb_per_vcpu: lambda.optional("mb_per_vcpu").map(|value| above_0(&value)).transpose()?,
        concurrency: lambda.required("concurrency")?.integer()?,
        scaling: rate,
        requests_per_concurrency: lambda.required("requests_per_concurrency")?.integer()?,
        longest_run: lambda.required("longest_run")?.span()?,
        longest_init: lambda.optional("longest_init").map(|value| value.span()).transpose()?,
    })
}

fn above_0(value: &Value<'_>) -> Result<u32, InputError> {
    match value.integer()? {
        0 => Err(value.error("must be above 0")),
        n => Ok(n),
    }
}

fn instance(section: &Section<'_>) -> Result<InstancePrice, InputError> {
    let name = section.required("name")?.str()?.to_owned();
    let per_hour = price(&section.required("usd_per_hour")?)?;
    let spot_per_hour = section.optional("spot_usd_per_hour").map(|v| price(&v)).transpose()?;
    let least_billed = section.optional("least_billed").map_or(Ok(Span::ZERO), |v| v.span())?;
    section.finish()?;
    Ok(InstancePrice { name, per_hour, spot_per_hour, least_billed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_book_reads() {
        for (name, _) in BOOKS {
            assert_eq!(Book::named(name).unwrap().name, name);
        }
    }
}
