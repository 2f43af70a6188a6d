//! Opens a trace file or standard input and undoes its compression.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use crate::arrivals::zst;
use crate::error::InputError;

/// Decompressed bytes with their first few known.
pub(super) struct Source {
    /// The first bytes of the content, at most [`HEAD`].
    pub(super) head: Vec<u8>,
    /// All of the content, the head included.
    pub(super) bytes: Box<dyn Read + Send>,
}

/// How many bytes of the content tell a binary trace from text.
const HEAD: usize = 8;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// How a trace is called in errors.
pub(super) fn name_of(path: &Path) -> String {
    if is_standard_input(path) { "standard input".into() } else { path.display().to_string() }
}

/// `-` stands for standard input.
pub(super) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens `path`; compression is recognised by the content, so standard input may be compressed too.
pub(super) fn open(path: &Path) -> Result<Source, InputError> {
    let name = name_of(path);
    let failed = |e: &std::io::Error| InputError::new(&name, e.to_string());
    let raw: Box<dyn Read + Send> = if is_standard_input(path) {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path).map_err(|e| failed(&e))?;
        if file.metadata().map_err(|e| failed(&e))?.is_dir() {
            return Err(InputError::new(&name, "is a folder").help("name a trace file"));
        }
        Box::new(file)
    };
    let packed = peek(raw).map_err(|e| failed(&e))?;
    let plain: Box<dyn Read + Send> = if packed.head.starts_with(GZIP) {
        Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(1 << 16, packed.bytes)))
    } else if packed.head.starts_with(ZSTD) {
        zst::decoder(packed.bytes).map_err(|e| failed(&e))?
    } else {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let kind = [("gz", "gzip"), ("zst", "zstd")].into_iter().find(|(known, _)| *known == extension);
        if let (Some((_, kind)), false) = (kind, packed.head.is_empty()) {
            return Err(InputError::new(
                &name,
                format!("is no {kind} file, although its name ends in .{extension}"),
            )
            .help("rename it, or compress it"));
        }
        return Ok(packed);
    };
    peek(plain).map_err(|e| unreadable(&name, &e))
}

/// An error of reading or decompressing.
pub(super) fn unreadable(name: &str, error: &std::io::Error) -> InputError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return InputError::new(name, "the compressed data ends in the middle")
            .help("the file is cut short: copy or download it again");
    }
    InputError::new(name, error.to_string())
}

fn peek(mut bytes: Box<dyn Read + Send>) -> std::io::Result<Source> {
    let mut head = Vec::with_capacity(HEAD);
    bytes.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let bytes = Box::new(Cursor::new(head.clone()).chain(bytes));
    Ok(Source { head, bytes })
}
