//! Files of a bounded size, read whole.

use std::io::Read as _;
use std::path::Path;

use crate::error::InputError;

/// The bytes of a file, if there are at most `most`.
///
/// # Errors
/// It cannot be read, is a folder, or larger.
pub fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, InputError> {
    let failed = |e: std::io::Error| InputError::io(path, &e);
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(InputError::new(path.display().to_string(), "is a folder").help("name a file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => Err(InputError::new(path.display().to_string(), format!("is larger than {} MB", most >> 20))
            .help("is this the right file?")),
        false => Ok(bytes),
    }
}
