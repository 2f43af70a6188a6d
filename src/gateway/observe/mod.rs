//! An open-loop client: every request goes out at its intended time, whether or not others have been answered, and its
//! latency counts from that time. A slow server cannot slow the client down and so look better than it is. Where the
//! workload is a closed loop, users send when they have thought over their last answer.

pub mod measured;
pub mod payload;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response, body::Incoming};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;

use self::payload::Payload;
use super::clock::{Clock, duration};
use super::upstream::{HttpClient, http_client};
use crate::arrivals::closed::{Closed, Users};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::units::{Span, Time};

/// What is sent.
#[derive(Debug)]
pub struct Plan {
    /// Where to.
    pub target: String,
    /// When.
    pub sends: Sends,
    /// What.
    pub payload: Payload,
    /// Without an answer for so long, a request has failed.
    pub timeout: Span,
    /// Threads that send and receive.
    pub threads: usize,
}

/// When requests are sent.
#[derive(Debug, Clone)]
pub enum Sends {
    /// At these times, in order.
    At(Vec<Time>),
    /// By users who wait for their answers, each with a stream of its own.
    Users {
        /// The users.
        closed: Closed,
        /// So many requests at most.
        requests: u64,
        /// None is sent at this time or later.
        end: Time,
        /// How long they think.
        streams: Streams,
    },
}

/// What became of one request. Times count from the beginning of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When it should have been sent.
    pub intended: Time,
    /// When it was.
    pub sent: Time,
    /// When its answer had come, or when it was given up.
    pub answered: Time,
    /// The answer's status; 0 if there was none.
    pub status: u16,
    /// What the gateway told of the batch.
    pub batch: Option<BatchNote>,
}

/// What `sim serve` tells of a request's batch in the headers of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchNote {
    /// The batch's number.
    pub number: u64,
    /// Requests in it.
    pub size: u64,
    /// How long the request waited for it to leave.
    pub waited: Span,
    /// How long the call took.
    pub upstream: Span,
}

impl Exchange {
    /// From the intended time to the answer.
    pub fn latency(&self) -> Span {
        self.answered.since(self.intended)
    }

    /// Did the server answer as it should?
    pub fn is_answered(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The start of the workload is so far ahead that everything is ready for it.
const AHEAD: Span = Span::from_millis(50);

/// Sends everything and waits for the answers. `passed` is told how many have been sent.
///
/// # Errors
/// The target is no URL of plain HTTP; threads cannot be started.
pub fn observe(plan: &Plan, mut passed: impl FnMut(usize)) -> Result<Vec<Exchange>, InputError> {
    let target = plan.target.parse::<hyper::Uri>().map_err(|e| e.to_string());
    let usable = target.and_then(|uri| match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(_)) => Ok(uri),
        _ => Err("expected a URL such as http://127.0.0.1:8080/v1/models/m:predict".to_owned()),
    });
    let target = usable.map_err(|reason| InputError::new(format!("--target {}", plan.target), reason))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(plan.threads.max(1))
        .enable_all()
        .build()
        .map_err(|e| InputError::new("threads", e.to_string()))?;
    let clock = Clock::start();
    let sender = Arc::new(Sender {
        client: {
            let _inside = runtime.enter();
            http_client()
        },
        target,
        timeout: plan.timeout,
        clock,
    });
    let mut tasks: Vec<JoinHandle<Vec<Exchange>>> = Vec::new();
    match &plan.sends {
        Sends::At(times) => {
            for (i, intended) in times.iter().enumerate() {
                let body = plan.payload.body(i);
                clock.wait_until(*intended + AHEAD);
                let sender = Arc::clone(&sender);
                let intended = *intended;
                tasks.push(runtime.spawn(async move { vec![sender.send(intended, body).await] }));
                passed(i + 1);
            }
        }
        Sends::Users { closed, requests, end, streams } => {
            let sent = Arc::new(AtomicU64::new(0));
            for user in 0..closed.users {
                let stream = streams.part(u64::from(user)).stream("arrivals");
                let one = Users::new(Closed { users: 1, ..*closed }, u64::MAX, *end, stream);
                let (sender, payload, sent) = (Arc::clone(&sender), plan.payload.clone(), Arc::clone(&sent));
                let numbered = Numbered { payload, sent, requests: *requests };
                tasks.push(runtime.spawn(async move { sender.serve_user(one, numbered).await }));
            }
        }
    }
    runtime.block_on(async {
        let mut exchanges = Vec::new();
        for task in tasks {
            exchanges.extend(task.await.map_err(|e| InputError::new("a request", e.to_string()))?);
            if let Sends::Users { .. } = plan.sends {
                passed(exchanges.len());
            }
        }
        // Users take turns; their requests are told in the order of their times.
        exchanges.sort_by_key(|exchange: &Exchange| (exchange.intended, exchange.answered));
        Ok(exchanges)
    })
}

/// The bodies of users' requests, of which there are so many.
struct Numbered {
    payload: Payload,
    sent: Arc<AtomicU64>,
    requests: u64,
}

impl Numbered {
    /// The next, if there is one.
    fn next(&self) -> Option<Bytes> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        (number < self.requests).then(|| self.payload.body(number as usize))
    }
}

struct Sender {
    client: HttpClient,
    target: hyper::Uri,
    timeout: Span,
    clock: Clock,
}

impl Sender {
    /// The time of the workload.
    fn now(&self) -> Time {
        Time::ZERO + self.clock.now().since(Time::ZERO + AHEAD)
    }

    /// One user: thinks, sends, waits. What it sends is intended for when it is sent.
    async fn serve_user(&self, mut user: Users, bodies: Numbered) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        while let Some(at) = user.next() {
            user.send();
            tokio::time::sleep(duration((at + AHEAD).since(self.clock.now()))).await;
            let Some(body) = bodies.next() else { break };
            let exchange = self.send(self.now(), body).await;
            user.answered(exchange.answered, 1);
            exchanges.push(exchange);
        }
        exchanges
    }

    async fn send(&self, intended: Time, body: Bytes) -> Exchange {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = self.target.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sent = self.now();
        let answer = async {
            let response = self.client.request(request).await.ok()?;
            whole(response).await
        };
        let answer = tokio::time::timeout(duration(self.timeout), answer).await.ok().flatten();
        let answered = self.now();
        let (status, batch) = answer.unwrap_or((0, None));
        Exchange { intended, sent, answered, status, batch }
    }
}

/// The status when the whole body has come, and what the headers tell; `None` if it breaks off.
async fn whole(response: Response<Incoming>) -> Option<(u16, Option<BatchNote>)> {
    let (head, mut body) = response.into_parts();
    while let Some(frame) = body.frame().await {
        frame.ok()?;
    }
    Some((head.status.as_u16(), note(&head.headers)))
}

fn note(headers: &HeaderMap) -> Option<BatchNote> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    Some(BatchNote {
        number: number("batchsim-batch")?,
        size: number("batchsim-batch-size")?,
        waited: Span(number("batchsim-wait-ns")?),
        upstream: Span(number("batchsim-upstream-ns")?),
    })
}
