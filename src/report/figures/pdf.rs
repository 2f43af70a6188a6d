//! The same bytes for the same figure.
//!
//! svg2pdf keeps fonts and resources in hash tables, so the numbers of a PDF's objects and the order of names in a dictionary
//! differ from one call to the next. Here objects are numbered in the order in which the trailer reaches them, and names
//! that stand in a row are sorted.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;

/// An object: its dictionary and what follows it.
struct Object<'a> {
    head: Vec<u8>,
    stream: &'a [u8],
}

/// The PDF in the one order; `None` if it is not written as svg2pdf writes.
pub fn ordered(pdf: &[u8]) -> Option<Vec<u8>> {
    let table = 1 + pdf.windows(6).rposition(|window| window == b"\nxref\n")?;
    let trailer = table + find(&pdf[table..], b"trailer\n")?;
    let (first, objects) = objects(pdf, table, trailer)?;
    let end = trailer + find(&pdf[trailer..], b"startxref\n")?;
    let trailer = &pdf[trailer..end];
    let mut numbers = BTreeMap::new();
    references(trailer).try_for_each(|(_, number)| reach(&objects, number, &mut numbers))?;
    if numbers.len() != objects.len() {
        return None;
    }
    let mut out = pdf[..first].to_vec();
    let mut by_number: Vec<(usize, &Object)> =
        objects.iter().map(|(old, object)| (numbers[old], object)).collect();
    by_number.sort_by_key(|(number, _)| *number);
    let mut xref = format!("xref\n0 {}\n0000000000 65535 f\r\n", objects.len() + 1);
    for (number, object) in by_number {
        xref += &format!("{:010} 00000 n\r\n", out.len());
        // Writing to memory cannot fail.
        let _ = writeln!(out, "{number} 0 obj");
        out.extend(renumbered(&object.head, &numbers));
        out.extend(object.stream);
    }
    let start = out.len();
    out.extend(xref.into_bytes());
    out.extend(renumbered(trailer, &numbers));
    let _ = write!(out, "startxref\n{start}\n%%EOF");
    Some(out)
}

/// Where the first object begins, and all of them by their numbers.
fn objects(pdf: &[u8], table: usize, trailer: usize) -> Option<(usize, BTreeMap<usize, Object<'_>>)> {
    let lines = pdf[table..trailer].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut starts: Vec<usize> =
        lines.filter(|line| line.ends_with(b" n")).filter_map(|line| number(line.get(..10)?)).collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([table]);
    let objects = starts.iter().zip(ends).map(|(start, end)| {
        let text = pdf.get(*start..end)?;
        let name = find(text, b" 0 obj\n")?;
        let body = &text[name + 7..];
        let (head, stream) = body.split_at(find(body, b"\nstream\n").unwrap_or(body.len()));
        Some((number(&text[..name])?, Object { head: sorted(head), stream }))
    });
    Some((*starts.first()?, objects.collect::<Option<_>>()?))
}

/// Numbers an object that was not reached before, then those that it refers to.
fn reach(
    objects: &BTreeMap<usize, Object<'_>>,
    number: usize,
    numbers: &mut BTreeMap<usize, usize>,
) -> Option<()> {
    if numbers.contains_key(&number) {
        return Some(());
    }
    numbers.insert(number, numbers.len() + 1);
    references(&objects.get(&number)?.head).try_for_each(|(_, number)| reach(objects, number, numbers))
}

/// A dictionary with names such as `/fo1 7 0 R` sorted where they stand in a row.
fn sorted(head: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let is_name = |line: &&[u8]| {
        let text = line.trim_ascii();
        text.starts_with(b"/") && references(text).next().is_some_and(|(place, _)| place.end == text.len())
    };
    lines
        .chunk_by_mut(|a, b| is_name(a) && is_name(b))
        .for_each(|row| row.sort_by_key(|line| (line.len(), *line)));
    lines.join(&b'\n')
}

fn renumbered(text: &[u8], numbers: &BTreeMap<usize, usize>) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    for (place, number) in references(text) {
        out.extend(&text[at..place.start]);
        // All that is referred to was reached.
        let _ = write!(out, "{} 0 R", numbers.get(&number).unwrap_or(&number));
        at = place.end;
    }
    out.extend(&text[at..]);
    out
}

/// The references `7 0 R` in a text: where they stand, and to which object.
fn references(text: &[u8]) -> impl Iterator<Item = (Range<usize>, usize)> {
    let ends = text.windows(4).enumerate().filter(|(_, window)| *window == b" 0 R").map(|(at, _)| at);
    ends.filter_map(|end| {
        let digits = text[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        Some((end - digits..end + 4, number(&text[end - digits..end])?))
    })
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ways in which the same could have been written.
    #[test]
    fn numbers_and_names_are_put_in_order() {
        let written = |numbers: [usize; 3], names: [&str; 2]| {
            let [root, a, b] = numbers;
            let refer = |name: &str| format!("    /{name} {} 0 R", if name == "fo0" { a } else { b });
            let bodies = [
                (root, format!("<<\n{}\n{}\n>>\nendobj\n\n", refer(names[0]), refer(names[1]))),
                (a, "<<\n  /A 1\n>>\nstream\n 9 0 R\nendstream\nendobj\n\n".to_owned()),
                (b, "<<\n  /B 2\n>>\nendobj\n\n".to_owned()),
            ];
            let mut text = "%PDF-1.7\n\n".to_owned();
            let mut places = BTreeMap::new();
            for (number, body) in bodies {
                places.insert(number, text.len());
                text += &format!("{number} 0 obj\n{body}");
            }
            let start = text.len();
            let lines: String = places.values().map(|at| format!("{at:010} 00000 n\r\n")).collect();
            text + &format!(
                "xref\n0 4\n0000000000 65535 f\r\n{lines}trailer\n<<\n  /Size 4\n  /Root {root} 0 R\n>>\nstartxref\n{start}\n%%EOF"
            )
        };
        let first = ordered(written([3, 1, 2], ["fo1", "fo0"]).as_bytes()).unwrap();
        let second = ordered(written([1, 2, 3], ["fo0", "fo1"]).as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&first), String::from_utf8_lossy(&second));
        assert_eq!(String::from_utf8_lossy(&second), written([1, 2, 3], ["fo0", "fo1"]));
        // What is in a stream is not looked at.
        assert!(String::from_utf8_lossy(&first).contains("\n 9 0 R\nendstream"));
        assert_eq!(ordered(b"%PDF-1.7\n"), None);
    }
}
