//! `where`: which records of a trace count.

use std::fmt;

/// Conditions that all must hold, such as `status < 500 and path = /v1/embed`.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    pub(super) conditions: Vec<Condition>,
}

/// A value of a record compared with a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// The column or field.
    pub(super) name: String,
    test: Test,
    value: String,
    /// The value as a number, if it is one.
    number: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Differs,
    Below,
    AtMost,
    Above,
    AtLeast,
    Contains,
    Begins,
}

const TESTS: [(&str, Test); 9] = [
    ("==", Test::Equal),
    ("=", Test::Equal),
    ("!=", Test::Differs),
    ("<", Test::Below),
    ("<=", Test::AtMost),
    (">", Test::Above),
    (">=", Test::AtLeast),
    ("contains", Test::Contains),
    ("begins", Test::Begins),
];

impl Filter {
    /// Reads conditions: a name, one of `= != < <= > >= contains begins`, and a value, joined by `and`. Names and
    /// values with blanks stand in quotes.
    ///
    /// # Errors
    /// What is wrong, with an example.
    pub fn parse(text: &str) -> Result<Filter, String> {
        let tokens = tokens(text)?;
        let mut conditions = Vec::new();
        let mut rest = &tokens[..];
        loop {
            let [name, test, value, after @ ..] = rest else { return Err(example(text)) };
            let found = TESTS.iter().find(|(known, _)| !test.quoted && *known == test.text);
            let Some((_, test)) = found else { return Err(example(text)) };
            let number = value.text.parse().ok().filter(|n: &f64| n.is_finite());
            let (name, value) = (name.text.clone(), value.text.clone());
            conditions.push(Condition { name, test: *test, value, number });
            rest = match after {
                [] => return Ok(Filter { text: text.trim().to_owned(), conditions }),
                [and, more @ ..] if !and.quoted && and.text.eq_ignore_ascii_case("and") => more,
                [or, ..] if !or.quoted && or.text.eq_ignore_ascii_case("or") => {
                    return Err("conditions are joined by `and` only".into());
                }
                _ => return Err(example(text)),
            };
        }
    }

    /// Records whose `name` is `value`.
    pub(super) fn equal(name: &str, value: &str) -> Filter {
        let number = value.parse().ok().filter(|n: &f64| n.is_finite());
        let condition =
            Condition { name: name.to_owned(), test: Test::Equal, value: value.to_owned(), number };
        Filter { text: format!("{name} = {value}"), conditions: vec![condition] }
    }

    /// Both.
    pub(super) fn and(self, other: Filter) -> Filter {
        Filter {
            text: format!("{} and {}", self.text, other.text),
            conditions: [self.conditions, other.conditions].concat(),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    /// Does a value meet the condition? Two numbers are compared as such, else as text.
    pub(super) fn holds(&self, value: &[u8]) -> bool {
        let number = || self.number.zip(fast_float2::parse::<f64, _>(value).ok());
        let ordering = || match number() {
            Some((wanted, found)) => found.partial_cmp(&wanted),
            None => Some(value.cmp(self.value.as_bytes())),
        };
        match self.test {
            Test::Equal => ordering().is_some_and(|o| o.is_eq()),
            Test::Differs => ordering().is_none_or(|o| o.is_ne()),
            Test::Below => ordering().is_some_and(|o| o.is_lt()),
            Test::AtMost => ordering().is_some_and(|o| o.is_le()),
            Test::Above => ordering().is_some_and(|o| o.is_gt()),
            Test::AtLeast => ordering().is_some_and(|o| o.is_ge()),
            Test::Contains => memchr::memmem::find(value, self.value.as_bytes()).is_some(),
            Test::Begins => value.starts_with(self.value.as_bytes()),
        }
    }
}

fn example(text: &str) -> String {
    format!("`{text}` is no condition such as `status < 500` or `path = \"/v1/embed\" and status != 429`")
}

struct Token {
    text: String,
    quoted: bool,
}

/// Words, quoted texts and comparisons.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let is_sign = |c: char| matches!(c, '=' | '!' | '<' | '>');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => {
                let end =
                    rest[1..].find(first).ok_or_else(|| format!("the quote of `{rest}` does not end"))?;
                tokens.push(Token { text: rest[1..=end].to_owned(), quoted: true });
                rest = rest[end + 2..].trim_start();
                continue;
            }
            c if is_sign(c) => rest.find(|c| !is_sign(c)),
            _ => rest.find(|c: char| is_sign(c) || c.is_whitespace()),
        };
        let (word, after) = rest.split_at(length.unwrap_or(rest.len()));
        tokens.push(Token { text: word.to_owned(), quoted: false });
        rest = after.trim_start();
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(filter: &str, value: &str) -> bool {
        Filter::parse(filter).unwrap().conditions[0].holds(value.as_bytes())
    }

    #[test]
    fn numbers_compare_as_numbers_and_text_as_text() {
        for (filter, value, met) in [
            ("status < 500", "200", true),
            ("status<500", "500", false),
            ("status <= 500", "500", true),
            ("status = 200", "200.0", true),
            ("status != 200", "404", true),
            ("size > 9", "10", true),
            ("size >= 10.5", "10.5", true),
            ("path = /v1/embed", "/v1/embed", true),
            ("path = '/v1/a b'", "/v1/a b", true),
            ("path == \"/v1\"", "/v1/", false),
            ("path begins /v1", "/v1/x", true),
            ("agent contains bot", "a robot", true),
            ("`a b` = 1", "1", true),
        ] {
            assert_eq!(meets(filter, value), met, "{filter} {value}");
        }
        let both = Filter::parse("status < 500 and path = /x AND a.b != 'and'").unwrap();
        assert_eq!(
            both.conditions.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
            ["status", "path", "a.b"]
        );
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, part) in [
            ("", "no condition"),
            ("status", "no condition"),
            ("status < 500 path = x", "no condition"),
            ("status < 500 or path = x", "by `and` only"),
            ("status ~ 5", "no condition"),
            ("path = 'x", "does not end"),
        ] {
            assert!(Filter::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
