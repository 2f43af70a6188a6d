//! The gateway's side to its clients: connections, bodies, refusals, and the end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use self::body::Body;
use super::Gateway;
use super::clock::duration;
use super::deliver::{Answer, CLIENT_LEFT, Route};
use super::hold::{Refusal, Waiting};
use super::log::RefusedRow;
use super::protocol::{error_body, read_request};
use crate::error::InputError;
use crate::text;
use crate::units::Span;

mod body;

/// A connection on which no request comes is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Without file descriptors, new connections wait.
const BREATH: Duration = Duration::from_millis(10);

/// Why a request ends without a batch.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    /// In one word or two, for the log.
    name: &'static str,
    /// For the client.
    reason: String,
}

impl Refused {
    fn new(status: StatusCode, name: &'static str, reason: impl Into<String>) -> Refused {
        Refused { status, name, reason: reason.into() }
    }
}

/// Listens at an address.
///
/// # Errors
/// Why that is not possible.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, InputError> {
    TcpListener::bind(address).await.map_err(|e| {
        InputError::new(format!("--listen {address}"), e.to_string())
            .help("choose another port; port 0 takes any that is free")
    })
}

/// Serves connections until a signal comes, then drains for at most `drain`.
pub(super) async fn accept(gateway: &Arc<Gateway>, listener: &TcpListener, connections: usize, drain: Span) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(connections));
    let mut end = pin!(told_to_end());
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut end => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => connect(gateway, stream, place, &graceful),
            Err(_) => sleep(BREATH).await,
        }
    }
    gateway.hold.drain();
    let last = async {
        graceful.shutdown().await;
        // Batches of clients that have left are under way all the same.
        while gateway.hold.load().batches > 0 {
            sleep(BREATH).await;
        }
    };
    // What is cut off is counted.
    let _ = timeout(duration(drain), last).await;
}

async fn told_to_end() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn connect(
    gateway: &Arc<Gateway>,
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    graceful: &GracefulShutdown,
) {
    // A small answer must not wait for an acknowledgement; if that cannot be had, it is only slower.
    let _ = stream.set_nodelay(true);
    let service = {
        let gateway = Arc::clone(gateway);
        service_fn(move |request| {
            let gateway = Arc::clone(&gateway);
            async move { Ok::<_, std::convert::Infallible>(respond(gateway, request).await) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    let gateway = Arc::clone(gateway);
    gateway.metrics.connections.inc();
    tokio::spawn(async move {
        // A client that broke off has been counted where its request was.
        let _ = connection.await;
        gateway.metrics.connections.dec();
        drop(place);
    });
}

async fn respond(gateway: Arc<Gateway>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, _) => {}
        (&Method::GET, "/healthz") => return plain(StatusCode::OK, "ok\n".into()),
        (&Method::GET, "/metrics") => {
            let text = gateway.metrics.text(gateway.hold.load(), gateway.log.dropped());
            return plain(StatusCode::OK, text);
        }
        _ => {
            let reason = "POST {\"instances\": [..]} to any path; GET /healthz and /metrics";
            let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", reason);
            let mut response = refuse(&gateway, refused);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
    }
    match predict(&gateway, request).await {
        Ok(answer) => answered(answer),
        Err(refused) => refuse(&gateway, refused),
    }
}

/// A request that waits for its batch. Dropped without an answer, its client has left.
struct Place<'a> {
    gateway: &'a Gateway,
    id: u64,
    answered: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // If its batch is under way, that counts it.
        if let Some(time) = self.gateway.hold.withdraw(self.id) {
            self.gateway.metrics.refused(CLIENT_LEFT);
            self.gateway.log.refused(RefusedRow { time, status: CLIENT_LEFT, reason: "client left" });
        }
    }
}

async fn predict(gateway: &Arc<Gateway>, request: Request<Incoming>) -> Result<Answer, Refused> {
    let mut route = route(gateway, &request);
    let class = class(gateway, &request, &mut route)?;
    let body = Body::read(gateway, request).await?;
    let instances = read_request(&body.bytes)
        .map_err(|reason| Refused::new(StatusCode::BAD_REQUEST, "malformed", reason))?;
    let (answer, answered) = oneshot::channel();
    let joined = gateway.hold.join(Waiting { route, class, instances, answer });
    let (id, _) = joined.map_err(|refusal| match refusal {
        Refusal::Draining => {
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "the gateway shuts down")
        }
        Refusal::Requests => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "requests",
            "as many requests are held as --max-requests allows",
        ),
        Refusal::Batches => Refused::new(
            StatusCode::TOO_MANY_REQUESTS,
            "batches",
            "as many batches are under way as --max-batches allows",
        ),
    })?;
    let mut place = Place { gateway, id, answered: false };
    let answer = answered.await;
    place.answered = true;
    answer.map_err(|_| {
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "lost", "the gateway failed to answer this request")
    })
}

fn route(gateway: &Gateway, request: &Request<Incoming>) -> Route {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let passed = gateway.headers.iter().flat_map(|name| {
        let values = request.headers().get_all(name).iter();
        values.map(|value| (name.clone(), value.clone()))
    });
    Route { path, headers: passed.collect() }
}

/// The header that says the class of a request.
const CLASS: &str = "batchsim-class";

/// The class that a request says: by its header, else by the first part of its path, which then is not passed on.
fn class(gateway: &Gateway, request: &Request<Incoming>, route: &mut Route) -> Result<u16, Refused> {
    let names = &gateway.classes;
    if names.is_empty() {
        return Ok(0);
    }
    let known = |name: &str| names.iter().position(|known| known == name).map(|class| class as u16);
    let refused = |what: String| {
        let all = names.join(", ");
        let reason = format!(
            "{what}: a request says its class in the header {CLASS} or first in its path; there are {all}"
        );
        Refused::new(StatusCode::BAD_REQUEST, "class", reason)
    };
    if let Some(said) = request.headers().get(CLASS) {
        let name = said.to_str().unwrap_or("");
        return known(name).ok_or_else(|| refused(format!("there is no class `{}`", text::line(name))));
    }
    let path = route.path.trim_start_matches('/');
    let first = path.split(['/', '?']).next().unwrap_or("");
    match known(first) {
        Some(class) => {
            let rest = &path[first.len()..];
            route.path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
            Ok(class)
        }
        None => Err(refused("the request says no class".to_owned())),
    }
}

fn answered(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("batchsim-batch", answer.batch.into());
    headers.insert("batchsim-batch-size", answer.size.into());
    headers.insert("batchsim-wait-ns", answer.waited.0.into());
    headers.insert("batchsim-upstream-ns", answer.upstream.0.into());
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn refuse(gateway: &Gateway, refused: Refused) -> Response<Full<Bytes>> {
    let Refused { status, name, reason } = refused;
    gateway.metrics.refused(status.as_u16());
    gateway.log.refused(RefusedRow { time: gateway.hold.now(), status: status.as_u16(), reason: name });
    let mut response = Response::new(Full::new(error_body(&reason)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

impl Gateway {
    /// So many more bytes are held, if they may be.
    fn hold_bytes(&self, more: usize) -> bool {
        let before = self.bytes.fetch_add(more, Ordering::Relaxed);
        if before + more <= self.most_bytes {
            return true;
        }
        self.bytes.fetch_sub(more, Ordering::Relaxed);
        false
    }
}
