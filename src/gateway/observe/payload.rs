//! The bodies of the requests that an observer sends.

use bytes::Bytes;

/// One text, or several in turn. `{{i}}` stands for the request's number, from 0.
#[derive(Debug, Clone)]
pub struct Payload {
    texts: Vec<Text>,
}

#[derive(Debug, Clone)]
enum Text {
    Fixed(Bytes),
    Numbered(Vec<String>),
}

const NUMBER: &str = "{{i}}";

impl Payload {
    /// Bodies in turn; there must be one at least.
    ///
    /// # Errors
    /// There is none.
    pub fn new(texts: &[&str]) -> Result<Payload, String> {
        if texts.is_empty() {
            return Err("there is no body to send".to_owned());
        }
        let text = |text: &&str| match text.contains(NUMBER) {
            false => Text::Fixed(Bytes::from((*text).to_owned())),
            true => Text::Numbered(text.split(NUMBER).map(str::to_owned).collect()),
        };
        Ok(Payload { texts: texts.iter().map(text).collect() })
    }

    /// The body of a request.
    pub fn body(&self, i: usize) -> Bytes {
        match &self.texts[i % self.texts.len()] {
            Text::Fixed(text) => text.clone(),
            Text::Numbered(parts) => Bytes::from(parts.join(&i.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_in_turn_with_their_number() {
        let payload = Payload::new(&["[1]", "[{{i}}, {{i}}]"]).unwrap();
        assert_eq!(payload.body(0), "[1]");
        assert_eq!(payload.body(1), "[1, 1]");
        assert_eq!(payload.body(12), "[1]");
        assert_eq!(payload.body(13), "[13, 13]");
        assert!(Payload::new(&[]).is_err());
    }
}
