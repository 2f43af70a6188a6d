//! The tokens of a line of a log: words, texts in quotes, texts in brackets.

use std::ops::Range;

/// What a token stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Quotes,
    Brackets,
}

/// A token without its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) place: Range<usize>,
    pub(super) mark: Mark,
}

/// Takes `line` apart into `tokens`.
pub(super) fn split(line: &[u8], tokens: &mut Vec<Token>) {
    tokens.clear();
    let mut at = 0;
    while at < line.len() {
        if line[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (mark, close) = match line[at] {
            b'"' => (Mark::Quotes, b'"'),
            b'[' => (Mark::Brackets, b']'),
            _ => (Mark::Plain, b' '),
        };
        let start = if mark == Mark::Plain { at } else { at + 1 };
        let mut end = start;
        while end < line.len() {
            match line[end] {
                b'\\' if mark == Mark::Quotes => end += 1,
                b'\t' if mark == Mark::Plain => break,
                // `key="a b"` is one token.
                b'"' if mark == Mark::Plain && end > at && line[end - 1] == b'=' => {
                    end += memchr::memchr(b'"', &line[end + 1..]).map_or(0, |length| length + 1);
                }
                other if other == close => break,
                _ => (),
            }
            end += 1;
        }
        let end = end.min(line.len());
        tokens.push(Token { place: start..end, mark });
        at = if mark == Mark::Plain { end } else { end + 1 };
    }
}

/// The parts of a request such as `GET /v1/embed?x=1 HTTP/1.1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Range<usize>,
    pub(super) url: Range<usize>,
    /// The URL's path, without host and query.
    pub(super) path: Range<usize>,
}

/// The request at `place` of `line`, if it is one.
pub(super) fn request(line: &[u8], place: &Range<usize>) -> Option<Request> {
    let text = &line[place.clone()];
    let space = memchr::memchr(b' ', text)?;
    let method = &text[..space];
    let is_method = !method.is_empty()
        && method.len() <= 20
        && method.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
    let rest = &text[space + 1..];
    let url_end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    if !is_method || url_end == 0 {
        return None;
    }
    let url = place.start + space + 1..place.start + space + 1 + url_end;
    Some(Request { method: place.start..place.start + space, path: path(line, &url), url })
}

/// The path of a URL.
pub(super) fn path(line: &[u8], url: &Range<usize>) -> Range<usize> {
    let text = &line[url.clone()];
    let start = match memchr::memmem::find(text, b"://") {
        Some(scheme) => {
            let host = scheme + 3;
            host + memchr::memchr(b'/', &text[host..]).unwrap_or(text.len() - host)
        }
        None => 0,
    };
    let length = text[start..].iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(text.len() - start);
    url.start + start..url.start + start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_falls_into_its_tokens() {
        let line = br#"10.0.0.1 - [23/Nov/2026:00:00:00 +0000] "GET https://h:443/a?b=c HTTP/1.1" 200 ua="x y" "say \"hi\"" end"#;
        let mut tokens = Vec::new();
        split(line, &mut tokens);
        let texts: Vec<&[u8]> = tokens.iter().map(|token| &line[token.place.clone()]).collect();
        assert_eq!(texts[2], b"23/Nov/2026:00:00:00 +0000");
        assert_eq!(&texts[4..], [&b"200"[..], b"ua=\"x y\"", br#"say \"hi\""#, b"end"]);
        let request = request(line, &tokens[3].place).unwrap();
        assert_eq!((&line[request.method], &line[request.path]), (&b"GET"[..], &b"/a"[..]));
        split(b"\"never ends", &mut tokens);
        assert_eq!(tokens[0].place, 1..11);
        split(b"[", &mut tokens);
        assert_eq!(tokens[0].place, 1..1);
    }
}
