//! A file as text, whatever it was packed in: gzip, base64, UTF-16.

use std::io::Read as _;
use std::path::Path;

use crate::bounded::read_bounded;
use crate::error::InputError;

/// The largest file of measurements [bytes], decompressed: it is read as a whole.
pub(super) const LARGEST_TEXT: u64 = 1 << 30;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The whole text of a file; gzip is recognised by its first bytes. Bytes that are no UTF-8 are replaced.
pub fn read_text(path: &Path) -> Result<String, InputError> {
    let bytes = read_bounded(path, LARGEST_TEXT)?;
    if !bytes.starts_with(&GZIP) {
        return Ok(decoded(&bytes));
    }
    let plain = inflated(&bytes)
        .map_err(|e| InputError::io(path, &e).help("the gzip file seems cut short: fetch it again"))?;
    if plain.len() as u64 > LARGEST_TEXT {
        let message = format!("is larger than {} MB when it is decompressed", LARGEST_TEXT >> 20);
        return Err(InputError::new(path.display().to_string(), message).help("split the file"));
    }
    Ok(decoded(&plain))
}

/// The text of a log subscription's payload: base64 of gzip. `None` if it is none.
pub(super) fn payload(text: &str) -> Option<String> {
    let bytes = base64(text.trim())?;
    let plain = bytes.starts_with(&GZIP).then(|| inflated(&bytes).ok())??;
    (plain.len() as u64 <= LARGEST_TEXT).then(|| decoded(&plain))
}

/// Bytes of base64, standard or for URLs, padded or not, across line breaks. `None` if it is none.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for letter in text.trim_end_matches(['=', '\n', '\r']).bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

/// At most one byte more than [`LARGEST_TEXT`].
fn inflated(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).take(LARGEST_TEXT + 1).read_to_end(&mut plain)?;
    Ok(plain)
}

/// PowerShell's `>` writes UTF-16 with a byte-order mark.
fn decoded(bytes: &[u8]) -> String {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        String::from_utf16_lossy(&units.collect::<Vec<u16>>())
    };
    match bytes {
        [0xff, 0xfe, _, 0, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, 0, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_both_alphabets_with_and_without_padding() {
        for (text, bytes) in [("TWFu", "Man"), ("TWE=", "Ma"), ("TQ==", "M"), ("TW\nFu", "Man"), ("TQ", "M")]
        {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        assert_eq!(base64("-_+/"), Some(vec![0xfb, 0xff, 0xbf]));
        assert_eq!(base64("a b"), None);
    }

    #[test]
    fn utf_16_and_byte_order_marks() {
        let wide: Vec<u8> =
            [0xfeff].into_iter().chain("Zeit".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&wide), "Zeit");
        assert_eq!(decoded(b"\xef\xbb\xbfa"), "a");
        assert_eq!(decoded(b"\xff\xfe\nx"), "\u{fffd}\u{fffd}\nx");
    }
}
