//! Access logs of AWS load balancers: application (ALB) and classic (ELB).
//!
//! Source: Elastic Load Balancing user guides, "Access logs". An ALB writes a line when it has answered, and says
//! when the request came in `request_creation_time`; a classic one says when it received the request.

use std::borrow::Cow;

use super::Unit;
use super::datetime::date_time;
use super::decimal;
use super::layout::{Fault, Layout, Strictness};
use super::reading::Reading;
use super::tokens::{self, Mark, Request, Token};

/// The fields of an ALB's line.
const ALB: &[&str] = &[
    "type",
    "time",
    "elb",
    "client:port",
    "target:port",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
];
/// The fields of a classic balancer's line.
const CLASSIC: &[&str] = &[
    "time",
    "elb",
    "client:port",
    "backend:port",
    "request_processing_time",
    "backend_processing_time",
    "response_processing_time",
    "elb_status_code",
    "backend_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
];
const CREATED: usize = 21;
const STAGES: std::ops::Range<usize> = 5..8;

/// The layout of a load balancer's log.
pub(super) struct Balancer {
    fields: &'static [&'static str],
    tokens: Vec<Token>,
    request: Option<Request>,
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Field(usize),
    Method,
    Path,
    Url,
}

impl Balancer {
    /// The layout of a log that begins with `lines`, if most of them are of a load balancer.
    pub(super) fn recognise(lines: &[&[u8]]) -> Option<Balancer> {
        [ALB, CLASSIC].into_iter().find_map(|fields| {
            let mut layout = Balancer { fields, tokens: Vec::new(), request: None, keys: Vec::new() };
            let fits = lines.iter().filter(|line| layout.take(line).is_ok()).count();
            (2 * fits > lines.len()).then_some(layout)
        })
    }

    fn text<'a>(&self, record: &'a [u8], index: usize) -> Option<&'a [u8]> {
        self.tokens.get(index).map(|token| &record[token.place.clone()])
    }

    fn index(&self, name: &str) -> usize {
        self.fields.iter().position(|known| *known == name).expect("both kinds have it")
    }
}

impl Layout for Balancer {
    fn take(&mut self, record: &[u8]) -> Result<(), &'static str> {
        tokens::split(record, &mut self.tokens);
        let (time, request) = (self.index("time"), self.index("request"));
        let is_dated = self.text(record, time).is_some_and(|text| date_time(text).is_some());
        let quoted = self.tokens.get(request).filter(|token| token.mark == Mark::Quotes);
        let Some(quoted) = quoted.filter(|_| is_dated) else { return Err("are of no load balancer") };
        self.request = tokens::request(record, &quoted.place);
        Ok(())
    }

    fn key(&mut self, name: &str) -> Result<usize, Vec<String>> {
        let field = match name {
            "status" => "elb_status_code",
            "client" => "client:port",
            "agent" => "user_agent",
            other => other,
        };
        let key = match (name, self.fields.iter().position(|known| *known == field)) {
            ("method", _) => Key::Method,
            ("path", _) => Key::Path,
            ("url", _) => Key::Url,
            (_, Some(index)) => Key::Field(index),
            (_, None) => {
                let more = ["method", "path", "url", "status"];
                return Err(more.iter().chain(self.fields).map(|name| (*name).to_owned()).collect());
            }
        };
        self.keys.push(key);
        Ok(self.keys.len() - 1)
    }

    fn value<'a>(&'a self, record: &'a [u8], key: usize) -> Option<Cow<'a, [u8]>> {
        let request = self.request.as_ref();
        let text = match self.keys[key] {
            Key::Field(index) => self.text(record, index),
            Key::Method => request.map(|request| &record[request.method.clone()]),
            Key::Path => request.map(|request| &record[request.path.clone()]),
            Key::Url => request.map(|request| &record[request.url.clone()]),
        };
        text.map(Cow::Borrowed)
    }

    fn arrival(&self, record: &[u8]) -> Result<i64, Fault> {
        let text = |index| self.text(record, index);
        let missing = || Fault { token: 0..record.len(), reason: "have no time".into() };
        let time = text(self.index("time")).and_then(date_time).ok_or_else(missing)?;
        if self.fields == CLASSIC {
            return Ok(time);
        }
        if let Some(created) = text(CREATED).and_then(date_time) {
            return Ok(created);
        }
        // A stage that did not happen is -1.
        let seconds = |index| text(index).and_then(|text| decimal::parse(text, Unit::Seconds.kind()).ok());
        Ok(time - STAGES.filter_map(seconds).sum::<i64>())
    }

    fn strictness(&self) -> Strictness {
        Strictness::LeaveOut
    }

    fn others(&self) -> String {
        "the file reads as the log of a load balancer; if it is none, set `format` and `column`".into()
    }

    fn describe(&self, reading: &mut Reading) {
        reading.format = "alb";
        if self.fields == CLASSIC {
            reading.times = "the time at which the request was received".into();
        } else {
            reading.times = "request_creation_time".into();
            reading.assume(
                "Arrivals are the request_creation_time of the balancer's log, else its time less the processing times"
                    .into(),
            );
        }
    }
}
