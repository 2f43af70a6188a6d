//! Fields in quotes, as CSV has them (RFC 4180): a doubled quote stands for one.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

/// The text of a field of `record`, whose place is without the quotes around it.
pub(super) fn unquoted<'a>(record: &'a [u8], field: &Range<usize>) -> Cow<'a, [u8]> {
    let text = &record[field.clone()];
    let is_quoted = field.start > 0 && record[field.start - 1] == b'"';
    if !is_quoted || memchr(b'"', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(quote) = memchr(b'"', rest) {
        plain.extend_from_slice(&rest[..=quote]);
        rest = &rest[quote + 1..];
        rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

/// The same as text.
pub(super) fn unquoted_text(record: &[u8], field: &Range<usize>) -> String {
    String::from_utf8_lossy(&unquoted(record, field)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::lines::Fields;
    use super::*;
    use proptest::prelude::*;

    fn fields(record: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
        let fields = Fields::new(record, delimiter).map(|field| field.unwrap());
        fields.map(|field| unquoted(record, &field).into_owned()).collect()
    }

    #[test]
    fn only_quotes_within_quotes_are_doubled() {
        let record = br#""a ""b""",""""" c",d""e,"","plain""#;
        let expected: [&[u8]; 5] = [br#"a "b""#, br#""" c"#, br#"d""e"#, b"", b"plain"];
        assert_eq!(fields(record, b','), expected);
        assert!(matches!(unquoted(record, &(record.len() - 6..record.len() - 1)), Cow::Borrowed(b"plain")));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What the csv crate writes and reads, in quotes everywhere or only where they are needed. Blanks around a field
        /// without quotes are none of it here, and are of it there.
        #[test]
        fn fields_are_what_the_csv_crate_reads(
            rows in prop::collection::vec(prop::collection::vec("[ab\",; \n]{0,9}", 3), 1..20),
            always in any::<bool>(),
            delimiter in prop::sample::select(&b",;\t|"[..]),
        ) {
            let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            for row in rows {
                let row: Vec<String> = match always {
                    true => row,
                    false => row.iter().map(|field| field.trim().to_owned()).collect(),
                };
                let mut writer =
                    csv::WriterBuilder::new().quote_style(style).delimiter(delimiter).from_writer(Vec::new());
                writer.write_record(&row).unwrap();
                let text = writer.into_inner().unwrap();
                let mut reader =
                    csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(&text[..]);
                let read = reader.byte_records().next().unwrap().unwrap();
                let expected: Vec<&[u8]> = read.iter().collect();
                prop_assert_eq!(fields(text.strip_suffix(b"\n").unwrap(), delimiter), expected);
            }
        }
    }
}
