//! Compression by zstd, in builds that have it: its code is C, which not everyone who builds upon the library wants.

use std::io::{self, Read};

/// Reads what `packed` holds.
///
/// # Errors
/// It is not what zstd writes, or this build does not read that.
#[cfg(feature = "zstd")]
pub fn decoder(packed: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(zstd::stream::read::Decoder::new(packed)?))
}

/// As with the feature, which this build lacks.
#[cfg(not(feature = "zstd"))]
pub fn decoder(_packed: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    Err(missing("read"))
}

/// Why a build without the feature can't.
#[cfg(not(feature = "zstd"))]
pub fn missing(what: &str) -> io::Error {
    io::Error::other(format!(
        "is compressed by zstd, which this build does not {what}: build with the feature `zstd`"
    ))
}
