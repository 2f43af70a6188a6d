//! What becomes of a batch that has left: a call, its answer split, and everyone told.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use super::Gateway;
use super::batcher::{Left, Member};
use super::hold::Waiting;
use super::log::{BatchRow, RequestRow};
use super::protocol::{Instances, split_answer, write_request};
use super::upstream::Failure;
use crate::units::Span;

/// Where a request goes. One batch may go to several places: then there is one call to each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path and query that the client asked for.
    pub path: String,
    /// The headers that are to be passed on.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What came of it.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
    /// After so many seconds the client may try again.
    pub retry_after: Option<u64>,
    /// The batch's number.
    pub batch: u64,
    /// Requests in the batch.
    pub size: usize,
    /// How long it waited in the buffer.
    pub waited: Span,
    /// How long the call took, retries included.
    pub upstream: Span,
}

/// The client has left: nginx's status for it, as HTTP has none.
pub const CLIENT_LEFT: u16 = 499;

type Outcome = Result<Bytes, Failure>;

/// Calls the function for a batch and answers its requests.
pub async fn deliver(gateway: Arc<Gateway>, left: Left<Waiting>) {
    let started = gateway.hold.now();
    let (members, outcomes) = call_each_route(&gateway, left.members).await;
    let answered = gateway.hold.now();
    let size = members.len();
    let mut rows = Vec::with_capacity(size);
    let mut worst = StatusCode::OK.as_u16();
    for (Member { arrived, class, item, .. }, outcome) in members.into_iter().zip(outcomes) {
        let (status, body, retry_after) = match outcome {
            Ok(body) => (StatusCode::OK, body, None),
            Err(failure) => (failure.status, failure.body, failure.retry_after),
        };
        worst = worst.max(status.as_u16());
        let waited = left.left.since(arrived);
        let upstream = answered.since(started);
        let answer = Answer { status, body, retry_after, batch: left.number, size, waited, upstream };
        let status = match item.answer.send(answer) {
            Ok(()) => status.as_u16(),
            Err(_) => CLIENT_LEFT,
        };
        gateway.metrics.answered(status, waited);
        rows.push(RequestRow { arrived, answered, status, class });
    }
    let opened = rows[0].arrived;
    gateway.metrics.batch(left.cause, size, answered.since(started), left.left.since(left.due));
    gateway.log.batch(BatchRow {
        number: left.number,
        opened,
        left: left.left,
        cause: left.cause,
        upstream: answered.since(started),
        status: worst,
        requests: rows,
    });
    gateway.hold.finished(size);
}

/// One call for each route of a batch, at the same time. The members in their order, and what came of each.
async fn call_each_route(
    gateway: &Arc<Gateway>,
    members: Vec<Member<Waiting>>,
) -> (Vec<Member<Waiting>>, Vec<Outcome>) {
    let mut routes: Vec<(Route, Vec<usize>)> = Vec::new();
    for (i, member) in members.iter().enumerate() {
        match routes.iter_mut().find(|(route, _)| *route == member.item.route) {
            Some((_, own)) => own.push(i),
            None => routes.push((member.item.route.clone(), vec![i])),
        }
    }
    let mut calls = Vec::with_capacity(routes.len());
    for (route, own) in routes {
        let parts: Vec<Instances> = own.iter().map(|i| members[*i].item.instances.clone()).collect();
        let gateway = Arc::clone(gateway);
        let size = own.len();
        let call = tokio::spawn(async move { call(&gateway, &route, &parts).await });
        calls.push((own, size, call));
    }
    let mut outcomes: Vec<Option<Outcome>> = members.iter().map(|_| None).collect();
    for (own, size, call) in calls {
        let results = call.await.unwrap_or_else(|e| {
            let reason = format!("the gateway failed: {e}");
            vec![Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, reason)); size]
        });
        own.into_iter().zip(results).for_each(|(i, result)| outcomes[i] = Some(result));
    }
    let outcomes = outcomes.into_iter().map(|outcome| outcome.expect("every member has one route"));
    (members, outcomes.collect())
}

/// One call for several requests. If the function blames the input, each request is tried alone, so that only those fail
/// that deserve it.
async fn call(gateway: &Gateway, route: &Route, parts: &[Instances]) -> Vec<Outcome> {
    let together = once(gateway, route, parts).await;
    match together {
        Ok(bodies) => bodies.into_iter().map(Ok).collect(),
        Err(failure) if failure.blames_input && parts.len() > 1 => {
            gateway.metrics.isolated.inc();
            let mut outcomes = Vec::with_capacity(parts.len());
            for part in parts {
                let alone = once(gateway, route, std::slice::from_ref(part)).await;
                outcomes.push(alone.map(|mut bodies| bodies.remove(0)));
            }
            outcomes
        }
        Err(failure) => vec![Err(failure); parts.len()],
    }
}

async fn once(gateway: &Gateway, route: &Route, parts: &[Instances]) -> Result<Vec<Bytes>, Failure> {
    let answer = gateway.upstream.call(route, write_request(parts.iter()), &gateway.metrics).await?;
    let counts: Vec<usize> = parts.iter().map(|part| part.count).collect();
    split_answer(&answer, &counts).map_err(|reason| {
        Failure::new(StatusCode::BAD_GATEWAY, format!("the upstream cannot be understood: {reason}"))
    })
}
