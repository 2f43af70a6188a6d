//! Reads text in large blocks and hands out its lines and fields without copying them.

use std::io::Read;
use std::ops::Range;

use memchr::{memchr, memrchr};

use super::reading::Reading;
use super::source::unreadable;
use crate::error::{Excerpt, InputError};

/// Bytes read at a time: large enough that a call costs nothing, small enough for the cache.
const BLOCK_BYTES: usize = 256 << 10;
/// The longest line: a row of a day in minutes has about 10 kB.
const LONGEST_LINE: usize = 4 << 20;
/// The longest quoted field with line breaks.
const LONGEST_QUOTE: usize = 1 << 20;
/// Bytes of a line that an error shows on either side of the token.
const EXCERPT_BYTES: usize = 60;

/// The lines of a text.
pub(super) struct Lines {
    name: String,
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The part of `buffer` that is not handed out yet starts here,
    start: usize,
    /// its complete lines end here,
    complete: usize,
    /// and what has been read ends here.
    filled: usize,
    /// The block that was read last starts here.
    block: usize,
    ended: bool,
    /// Lines handed out so far; the number of the last one.
    line: usize,
    /// The number of the first line of the record that was handed out last.
    first: usize,
    /// Empty lines and comments that were skipped: how many, and the first of them.
    empty: (u64, usize),
    comments: (u64, usize),
    /// The number of the last line that was skipped because it was empty; 0 for none.
    last_empty: usize,
    /// As of [`Lines::keep`].
    kept: Range<usize>,
}

/// Why a line cannot be split into fields.
#[derive(Debug)]
pub(super) struct OpenQuote;

impl Lines {
    pub(super) fn new(name: String, source: Box<dyn Read + Send>) -> Result<Lines, InputError> {
        let buffer = vec![0; BLOCK_BYTES];
        let (start, complete, filled, ended) = (0, 0, 0, false);
        let (line, first, empty, comments, last_empty) = (0, 0, (0, 0), (0, 0), 0);
        let mut lines = Lines {
            name,
            source,
            buffer,
            start,
            complete,
            filled,
            block: 0,
            ended,
            line,
            first,
            empty,
            comments,
            last_empty,
            kept: 0..0,
        };
        let head = lines.ready()?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(InputError::new(&lines.name, "is UTF-16 text").help("save it as UTF-8"));
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            lines.start += 3;
        }
        Ok(lines)
    }

    /// The name of the file in errors.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The complete lines at hand, each with its end; empty only at the end of the text.
    #[inline]
    pub(super) fn ready(&mut self) -> Result<&[u8], InputError> {
        if self.start == self.complete {
            self.read()?;
        }
        Ok(&self.buffer[self.start..self.complete])
    }

    /// Reads larger blocks from now on.
    pub(super) fn widen(&mut self, bytes: usize) {
        self.buffer.resize(self.buffer.len().max(bytes), 0);
    }

    /// Is nothing taken yet of the block that was read last, or is read now?
    pub(super) fn is_new_block(&mut self) -> Result<bool, InputError> {
        self.ready()?;
        Ok(self.start == self.block)
    }

    /// Takes `bytes` that hold `lines` complete lines from what is ready.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize, lines: usize) {
        debug_assert!(self.start + bytes <= self.complete);
        self.start += bytes;
        self.line += lines;
    }

    /// The next line that is neither empty nor a `#` comment, as its place for [`Lines::text`].
    pub(super) fn next(&mut self) -> Result<Option<Range<usize>>, InputError> {
        loop {
            let ready = self.ready()?;
            let Some(length) = memchr(b'\n', ready) else { return Ok(None) };
            let text = ready[..length].trim_ascii_end();
            let (used, comment) = (text.len(), text.first() == Some(&b'#'));
            let start = self.start;
            self.take(length + 1, 1);
            self.first = self.line;
            let skipped = match used {
                0 => {
                    self.last_empty = self.line;
                    &mut self.empty
                }
                _ if comment => &mut self.comments,
                _ => return Ok(Some(start..start + used)),
            };
            *skipped = (skipped.0 + 1, if skipped.0 == 0 { self.line } else { skipped.1 });
        }
    }

    /// The next record of a table: a line, with those that follow while a quoted field is open.
    pub(super) fn next_record(&mut self, delimiter: u8) -> Result<Option<Range<usize>>, InputError> {
        let Some(mut place) = self.next()? else { return Ok(None) };
        while has_open_quote(self.text(&place), delimiter)
            && place.len() <= LONGEST_QUOTE
            && self.extend(&mut place)?
        {}
        Ok(Some(place))
    }

    /// Adds one more line to the record at `place`, which was handed out last; false at the end of the text.
    pub(super) fn extend(&mut self, place: &mut Range<usize>) -> Result<bool, InputError> {
        if self.start == self.complete {
            self.read_keeping(place.start)?;
            *place = 0..place.len();
        }
        let ready = &self.buffer[self.start..self.complete];
        let Some(length) = memchr(b'\n', ready) else { return Ok(false) };
        place.end = place.end.max(self.start + ready[..length].trim_ascii_end().len());
        self.take(length + 1, 1);
        Ok(true)
    }

    /// The next line, if it is at hand.
    pub(super) fn peek(&self) -> &[u8] {
        let ready = &self.buffer[self.start..self.complete];
        &ready[..memchr(b'\n', ready).unwrap_or(0)]
    }

    /// Keeps the place of a record of which more will be asked.
    pub(super) fn keep(&mut self, place: Range<usize>) {
        self.kept = place;
    }

    /// The place that was kept last.
    pub(super) fn kept(&self) -> Range<usize> {
        self.kept.clone()
    }

    /// The number of the first line of the record that was handed out last.
    pub(super) fn number(&self) -> usize {
        self.first
    }

    /// Counts the lines that were skipped.
    pub(super) fn report(&self, reading: &mut Reading) {
        for ((lines, first), reason) in [(self.empty, "are empty"), (self.comments, "begin with #")] {
            if lines > 0 {
                reading.leave_out_some(reason, lines, first);
            }
        }
    }

    /// The text of the line that [`Lines::next`] gave last.
    pub(super) fn text(&self, place: &Range<usize>) -> &[u8] {
        &self.buffer[place.clone()]
    }

    /// The number of the last line that was skipped because it was empty; 0 for none.
    pub(super) fn last_empty(&self) -> usize {
        self.last_empty
    }

    /// An error about `token` (within the line) of the line that [`Lines::next`] gave last.
    pub(super) fn error(&self, place: &Range<usize>, token: Range<usize>, message: String) -> InputError {
        let line = self.text(place);
        let from = token.start.saturating_sub(EXCERPT_BYTES);
        let until = (token.end.min(token.start + EXCERPT_BYTES) + EXCERPT_BYTES).min(line.len());
        let lossy = |range: Range<usize>| String::from_utf8_lossy(&line[range]).into_owned();
        let (before, marked) = (lossy(from..token.start), lossy(token.start..token.end.min(until)));
        let after = lossy(token.end.min(until)..until);
        let token = before.len()..before.len() + marked.len();
        let excerpt = Excerpt { line: self.first.max(1), text: before + &marked + &after, token };
        InputError { excerpt: Some(excerpt), ..InputError::new(&self.name, message) }
    }

    /// The place of field `index`, or an error that names `label`.
    pub(super) fn field(
        &self,
        place: &Range<usize>,
        delimiter: u8,
        index: usize,
        label: &str,
    ) -> Result<Range<usize>, InputError> {
        let line = self.text(place);
        let mut count = 0;
        for field in Fields::new(line, delimiter) {
            let field = field.map_err(|OpenQuote| self.open_quote(place))?;
            if count == index {
                return Ok(field);
            }
            count += 1;
        }
        let message = format!("this row has {count} fields, but {label} is number {}", index + 1);
        Err(self.error(place, 0..line.len(), message).help("mend the row, or remove it"))
    }

    fn open_quote(&self, place: &Range<usize>) -> InputError {
        let message = "a quoted field does not end on its line, nor on those that follow".to_owned();
        self.error(place, 0..place.len(), message)
            .help("close the quote, or double it where it is part of the text")
    }

    fn read(&mut self) -> Result<(), InputError> {
        self.read_keeping(self.complete)
    }

    /// Reads on, and keeps what was handed out from `from` on: it is then at the start of the buffer.
    fn read_keeping(&mut self, from: usize) -> Result<(), InputError> {
        let kept = self.complete - from;
        self.buffer.copy_within(from..self.filled, 0);
        self.filled -= from;
        (self.start, self.complete, self.block) = (kept, kept, kept);
        // Full blocks only, as pipes hand over little at a time and the first block has to show the format.
        while self.complete == kept && !self.ended {
            if self.filled == self.buffer.len() {
                if self.filled >= LONGEST_LINE {
                    let message = format!("line {} is longer than {LONGEST_LINE} bytes", self.line + 1);
                    return Err(InputError::new(&self.name, message).help("is this a text file?"));
                }
                self.buffer.resize(2 * self.filled, 0);
            }
            self.fill_buffer()?;
            let last = memrchr(b'\n', &self.buffer[kept..self.filled]);
            self.complete = kept + last.map_or(0, |last| last + 1);
        }
        // A last line without an end gets one, so that all lines are alike.
        if self.ended && self.complete < self.filled {
            self.buffer[self.filled] = b'\n';
            self.filled += 1;
            self.complete = self.filled;
        }
        Ok(())
    }

    fn fill_buffer(&mut self) -> Result<(), InputError> {
        while self.filled < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => self.filled += read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => (),
                Err(e) => return Err(self.unreadable(&e)),
            }
        }
        Ok(())
    }

    fn unreadable(&self, error: &std::io::Error) -> InputError {
        let mut error = unreadable(&self.name, error);
        error.message += &format!(", after line {}", self.line);
        error
    }
}

/// Does a quoted field of the line go on beyond it?
pub(super) fn has_open_quote(line: &[u8], delimiter: u8) -> bool {
    memchr(b'"', line).is_some() && Fields::new(line, delimiter).any(|field| field.is_err())
}

/// The fields of one line, without their quotes and the blanks around them.
pub(super) struct Fields<'a> {
    line: &'a [u8],
    delimiter: u8,
    /// Where the next field starts; past the end when there is none.
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(line: &'a [u8], delimiter: u8) -> Self {
        Fields { line, delimiter, at: 0 }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Range<usize>, OpenQuote>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.line.get(self.at..)?;
        let blanks = rest.iter().take_while(|b| **b == b' ').count();
        let mut quoted = 0;
        if rest.get(blanks) == Some(&b'"') {
            quoted = blanks + 1;
            // A doubled quote stands for a quote inside the field.
            loop {
                let Some(close) = memchr(b'"', &rest[quoted..]) else {
                    self.at = self.line.len() + 1;
                    return Some(Err(OpenQuote));
                };
                quoted += close + 1;
                if rest.get(quoted) != Some(&b'"') {
                    break;
                }
                quoted += 1;
            }
        }
        // Where blanks are between fields, several are one.
        let begun = quoted.max(blanks);
        let end = begun + memchr(self.delimiter, &rest[begun..]).unwrap_or(rest.len() - begun);
        let (mut from, mut until) = (blanks.min(end), end);
        while until > from && rest[until - 1].is_ascii_whitespace() {
            until -= 1;
        }
        if quoted > 0 && until >= from + 2 && rest[until - 1] == b'"' {
            (from, until) = (from + 1, until - 1);
        }
        let field = self.at + from..self.at + until;
        self.at += end + 1;
        Some(Ok(field))
    }
}
