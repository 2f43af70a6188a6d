//! Calls of a function over HTTP, tried again as the scenario's `[platform.retry]` says.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rand::RngExt as _;

use super::clock::duration;
use super::deliver::Route;
#[cfg(feature = "lambda")]
use super::lambda::Lambda;
use super::metrics::Metrics;
use super::protocol::error_body;
use crate::numeric::streams::Stream;
use crate::scenario::platform::RetrySpec;
use crate::units::{MemoryMb, Span};

/// The largest answer to a call \[bytes\].
const LARGEST_ANSWER: usize = 256 << 20;
/// A connection that takes longer is none.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// So much of an upstream's complaint is passed on \[bytes\].
const EXCERPT: usize = 300;

/// A client of HTTP.
pub type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A client that keeps connections open.
pub fn http_client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

/// Where a function is.
#[derive(Debug, Clone)]
pub enum Place {
    /// Scheme, host and the path before the client's, without a slash at the end.
    Url(String),
    /// A function of Lambda: a batch is its event, whatever paths the clients asked for.
    #[cfg(feature = "lambda")]
    Lambda(Box<Lambda>),
}

/// A function that is called.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: HttpClient,
    place: Place,
    timeout: Span,
    retry: RetrySpec,
    backoff: Arc<Mutex<Stream>>,
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What the client is told.
    pub status: StatusCode,
    /// The same in words, as the protocol's body.
    pub body: Bytes,
    /// When it may try again \[s\].
    pub retry_after: Option<u64>,
    /// The function says that the input is at fault.
    pub blames_input: bool,
    /// The function did not take the call: another try may succeed.
    passing: bool,
}

impl Failure {
    /// A failure that another try would not mend.
    pub fn new(status: StatusCode, reason: impl AsRef<str>) -> Failure {
        let body = error_body(reason.as_ref());
        Failure { status, body, retry_after: None, blames_input: false, passing: false }
    }

    /// Calls come too fast: another try may succeed, after so many seconds.
    pub(super) fn busy(reason: String, retry_after: Option<u64>) -> Failure {
        let refused = Failure::new(StatusCode::SERVICE_UNAVAILABLE, reason);
        Failure { passing: true, retry_after: Some(retry_after.unwrap_or(1)), ..refused }
    }

    /// The input is at fault.
    pub(super) fn of_input(status: StatusCode, reason: String) -> Failure {
        Failure { blames_input: true, ..Failure::new(status, reason) }
    }
}

impl Upstream {
    /// A function at `url`; `backoff` draws the waits between tries.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str, timeout: Span, retry: RetrySpec, backoff: Stream) -> Result<Upstream, String> {
        let base = plain_http(url)?;
        Ok(Upstream::at(Place::Url(base), timeout, retry, backoff))
    }

    /// A function at a place that is known to be one.
    pub fn at(place: Place, timeout: Span, retry: RetrySpec, backoff: Stream) -> Upstream {
        Upstream { client: http_client(), place, timeout, retry, backoff: Arc::new(Mutex::new(backoff)) }
    }

    /// Gives a function of Lambda another memory size.
    ///
    /// # Errors
    /// Why it has not.
    pub async fn set_memory(&self, memory: MemoryMb) -> Result<(), String> {
        match &self.place {
            #[cfg(feature = "lambda")]
            Place::Lambda(lambda) => {
                let change = tokio::time::timeout(duration(self.timeout), lambda.set_memory(memory));
                change.await.unwrap_or_else(|_| Err(format!("there was no answer within {}", self.timeout)))
            }
            Place::Url(base) => Err(format!("only a function of Lambda can be given {memory}, not {base}")),
        }
    }

    async fn post(&self, base: &str, route: &Route, body: Bytes) -> Result<Bytes, Failure> {
        let mut request = Request::post(format!("{base}{}", route.path))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &route.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|e| {
            Failure::new(StatusCode::BAD_REQUEST, format!("the path cannot be passed on: {e}"))
        })?;
        read(self.client.request(request).await.map_err(|e| lost(&e))?).await
    }

    /// Posts `body`, as often as the retries allow. The body of the answer.
    ///
    /// # Errors
    /// What the clients are told.
    pub async fn call(&self, route: &Route, body: Bytes, metrics: &Metrics) -> Result<Bytes, Failure> {
        let mut tries = 1;
        loop {
            match self.try_once(route, body.clone()).await {
                Err(failure) if failure.passing && tries < self.retry.attempts => {
                    metrics.retries.inc();
                    tokio::time::sleep(self.back_off(tries)).await;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Exponential back-off with full jitter, as the engine's.
    fn back_off(&self, tries: u32) -> Duration {
        let longest = self.retry.base.0.saturating_mul(1 << (tries - 1).min(40)).min(self.retry.cap.0);
        let mut backoff = self.backoff.lock().expect("nothing panics while it draws");
        duration(Span(backoff.random_range(0..=longest)))
    }

    async fn try_once(&self, route: &Route, body: Bytes) -> Result<Bytes, Failure> {
        let exchange = async {
            match &self.place {
                #[cfg(feature = "lambda")]
                Place::Lambda(lambda) => lambda.invoke(&body).await,
                Place::Url(base) => self.post(base, route, body).await,
            }
        };
        tokio::time::timeout(duration(self.timeout), exchange).await.unwrap_or_else(|_| {
            let reason = format!("the upstream gave no answer within {}", self.timeout);
            Err(Failure::new(StatusCode::GATEWAY_TIMEOUT, reason))
        })
    }
}

/// A URL of plain HTTP, without a slash at the end.
///
/// # Errors
/// What is wrong with it.
fn plain_http(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|e| format!("`{url}` is no URL: {e}"))?;
    match (uri.scheme_str(), uri.authority(), uri.query()) {
        (Some("http"), Some(_), None) => Ok(url.trim_end_matches('/').to_owned()),
        (Some("https"), ..) => {
            Err("https is not spoken here: let a proxy in front of the function end TLS".to_owned())
        }
        _ => Err(format!("`{url}` is no URL such as http://127.0.0.1:9000")),
    }
}

/// There was no answer.
pub(super) fn lost(error: &(dyn Error + 'static)) -> Failure {
    let reason = format!("the upstream could not be reached: {}", causes(error));
    Failure { passing: true, ..Failure::new(StatusCode::BAD_GATEWAY, reason) }
}

/// An error with its causes, in a line.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut causes = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.join(": ")
}

/// The beginning of a complaint.
pub(super) fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]).trim().to_owned()
}

async fn read(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|e| lost(e.as_ref()))?.to_bytes();
    let status = head.status;
    if status.is_success() {
        return Ok(body);
    }
    let reason = format!("the upstream answered {status}: {}", excerpt(&body));
    Err(match status.as_u16() {
        429 | 503 => Failure::busy(
            reason,
            head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()),
        ),
        400 | 413 | 422 => Failure::of_input(status, reason),
        400..500 => Failure::new(status, reason),
        _ => Failure::new(StatusCode::BAD_GATEWAY, reason),
    })
}
