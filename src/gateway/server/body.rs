//! Reads the body of a request within its limits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, EXPECT};
use hyper::{Request, StatusCode};
use tokio::time::timeout;

use super::Refused;
use crate::gateway::Gateway;

/// A body must come within this.
const LONGEST_READ: Duration = Duration::from_secs(30);
/// The rest of a body that is too long is read for so long, so that its sender sees the answer: most clients look for one
/// only when they have sent all.
const LONGEST_DISCARD: Duration = Duration::from_secs(10);

/// A body that is counted as held until it is dropped.
pub(super) struct Body {
    gateway: Arc<Gateway>,
    held: usize,
    pub(super) bytes: Bytes,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.gateway.bytes.fetch_sub(self.held, Ordering::Relaxed);
    }
}

impl Body {
    pub(super) async fn read(gateway: &Arc<Gateway>, request: Request<Incoming>) -> Result<Body, Refused> {
        if let Some(encoding) = request.headers().get(CONTENT_ENCODING) {
            let reason = format!("send the body as it is, not as {encoding:?}");
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding", reason));
        }
        let asks = request.headers().contains_key(EXPECT);
        let mut incoming = request.into_body();
        let longest = gateway.longest_body;
        let announced_too_long = incoming.size_hint().lower() > longest as u64;
        let result = match announced_too_long {
            true => Err(too_long(longest)),
            false => {
                let body = Body { gateway: Arc::clone(gateway), held: 0, bytes: Bytes::new() };
                let read = timeout(LONGEST_READ, body.fill(&mut incoming));
                read.await.unwrap_or_else(|_| {
                    let reason = format!("the body did not come within {} s", LONGEST_READ.as_secs());
                    Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "slow body", reason))
                })
            }
        };
        // Whoever asks first has sent nothing yet.
        if result.is_err() && !(asks && announced_too_long) {
            let discard = async { while let Some(Ok(_)) = incoming.frame().await {} };
            // Who sends on and on is cut off.
            let _ = timeout(LONGEST_DISCARD, discard).await;
        }
        result
    }

    async fn fill(mut self, incoming: &mut Incoming) -> Result<Body, Refused> {
        let mut bytes = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|e| {
                Refused::new(StatusCode::BAD_REQUEST, "broken body", format!("the body broke off: {e}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.gateway.longest_body {
                return Err(too_long(self.gateway.longest_body));
            }
            if !self.gateway.hold_bytes(data.len()) {
                let reason = "as many bytes are held as --max-bytes allows";
                return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "bytes", reason));
            }
            self.held += data.len();
            bytes.extend_from_slice(&data);
        }
        self.bytes = bytes.freeze();
        Ok(self)
    }
}

fn too_long(longest: usize) -> Refused {
    let reason = format!("the body is longer than {longest} bytes (--max-body)");
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too long", reason)
}
