//! Columns of figures packed so that a page can carry tens of thousands of configurations, every bit of them.
//!
//! A figure is given as the difference of its 64 bits from an expectation: the figure some rows before, since neighbours on
//! a grid are alike, or another column's times a factor, since a month's bill is a multiple of a million's. Differences are
//! zigzag-coded, so that small ones have zeros above, and stored byte by byte of the same weight, which deflate then finds.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;

/// What a column's figures are told from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum From {
    /// The figure so many rows before; nothing for the first rows.
    Before(usize),
    /// The same row's figure of an earlier column, times a factor.
    Times(usize, f64),
}

/// Packed columns: how each is told, and the bytes as text.
#[derive(Debug)]
pub(super) struct Packed {
    pub from: Vec<From>,
    pub text: String,
}

/// Packs columns of equal length. `strides` are distances at which rows may be alike.
pub(super) fn pack(columns: &[Vec<f64>], strides: &[usize]) -> Packed {
    let mut bytes = Vec::new();
    let mut from = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let before = strides.iter().map(|stride| From::Before(*stride));
        let factor = |of: usize| column.first().zip(columns[of].first()).map(|(a, b)| a / b);
        let times = (0..index).filter_map(|of| Some(From::Times(of, factor(of)?)));
        let found = before.chain(times.filter(|from| matches!(from, From::Times(_, f) if f.is_normal())));
        let coded = found.map(|from| (differences(columns, index, from), from));
        let Some((differences, best)) = coded.min_by_key(|(differences, _)| bits(differences)) else {
            continue;
        };
        for plane in 0..8 {
            bytes.extend(differences.iter().map(|difference| difference.to_le_bytes()[plane]));
        }
        from.push(best);
    }
    Packed { from, text: BASE64_STANDARD.encode(deflated(&bytes)) }
}

fn differences(columns: &[Vec<f64>], index: usize, from: From) -> Vec<u64> {
    let column = &columns[index];
    let expected = |row: usize| match from {
        From::Before(stride) => row.checked_sub(stride).map_or(0, |before| column[before].to_bits()),
        From::Times(of, factor) => (columns[of][row] * factor).to_bits(),
    };
    let zigzag = |difference: u64| (difference << 1) ^ (0_u64.wrapping_sub(difference >> 63));
    column
        .iter()
        .enumerate()
        .map(|(row, figure)| zigzag(figure.to_bits().wrapping_sub(expected(row))))
        .collect()
}

/// About how many bits they need.
fn bits(differences: &[u64]) -> u64 {
    differences.iter().map(|difference| u64::from(64 - difference.leading_zeros())).sum()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all that is written")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::DeflateDecoder;
    use proptest::prelude::*;

    use super::*;

    /// As grid.js does it.
    fn unpacked(packed: &Packed, rows: usize) -> Vec<Vec<f64>> {
        let mut bytes = Vec::new();
        let deflated = BASE64_STANDARD.decode(&packed.text).unwrap();
        DeflateDecoder::new(&deflated[..]).read_to_end(&mut bytes).unwrap();
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for (index, from) in packed.from.iter().enumerate() {
            let mut column: Vec<f64> = Vec::new();
            for row in 0..rows {
                let byte = |plane: usize| u64::from(bytes[(index * 8 + plane) * rows + row]) << (8 * plane);
                let code = (0..8).map(byte).sum::<u64>();
                let difference = (code >> 1) ^ 0_u64.wrapping_sub(code & 1);
                let expected = match *from {
                    From::Before(stride) => {
                        row.checked_sub(stride).map_or(0, |before| column[before].to_bits())
                    }
                    From::Times(of, factor) => (columns[of][row] * factor).to_bits(),
                };
                column.push(f64::from_bits(expected.wrapping_add(difference)));
            }
            columns.push(column);
        }
        columns
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(
            rows in prop::collection::vec((any::<f64>(), -1e6f64..1e6, 0u8..3), 1..60), factor in 0.1f64..10.0,
        ) {
            let columns: Vec<Vec<f64>> = vec![
                rows.iter().map(|(any, ..)| *any).collect(),
                rows.iter().map(|(_, figure, _)| *figure).collect(),
                rows.iter().map(|(_, figure, _)| figure * factor).collect(),
                rows.iter().map(|(.., which)| [f64::NAN, 0.0, 1.0][usize::from(*which)]).collect(),
            ];
            let bits = |columns: &[Vec<f64>]| -> Vec<u64> {
                columns.iter().flatten().map(|figure| figure.to_bits()).collect()
            };
            let packed = pack(&columns, &[1, 3]);
            prop_assert_eq!(bits(&unpacked(&packed, rows.len())), bits(&columns));
        }
    }

    #[test]
    fn a_grid_takes_little_room() {
        // Three axes, and figures that depend on them.
        let rows: Vec<(f64, f64, f64)> = (0..28)
            .flat_map(|m| {
                (0..20).flat_map(move |b| (0..49).map(move |t| (f64::from(m), f64::from(b), f64::from(t))))
            })
            .collect();
        let column = |of: &dyn Fn(&(f64, f64, f64)) -> f64| -> Vec<f64> { rows.iter().map(of).collect() };
        let columns = [
            column(&|r| 1280.0 + 64.0 * r.0),
            column(&|r| 1.0 + r.1),
            column(&|r| 0.01 * (1.0 + r.2)),
            column(&|r| (2.0 + r.1).ln() / (3.0 + r.0) + 0.01 * r.2),
            column(&|r| 152.0 / 34.0 * ((2.0 + r.1).ln() / (3.0 + r.0) + 0.01 * r.2)),
            // The same at every memory size.
            column(&|r| (1.0 + r.1 * r.2).sqrt()),
        ];
        let packed = pack(&columns, &[1, 49, 980]);
        assert!(matches!(packed.from[4], From::Times(3, _)), "{:?}", packed.from);
        assert_eq!(packed.from[5], From::Before(980));
        // One column of full figures [8 bytes], and next to nothing for the other five.
        let full = rows.len() * 8 * 4 / 3;
        assert!(packed.text.len() < full, "{} of {full}", packed.text.len());
    }
}
