//! Lambda's API, signed: Invoke with the batch as the event, and a new memory size.
//!
//! Requests are signed by AWS Signature Version 4 (IAM user guide, "Create a signed AWS API request"). TLS is the business
//! of a proxy, as on the gateway's other side: the endpoint is plain HTTP, and the host that is signed is the service's own
//! unless the endpoint is a stand-in's.

use std::fmt::{self, Write as _};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use sha2::{Digest, Sha256};

use crate::units::MemoryMb;

/// Who calls.
#[derive(Clone)]
pub struct Credentials {
    /// The access key's id.
    pub key: String,
    /// The secret access key.
    pub secret: String,
    /// Of credentials that end: the session's token.
    pub token: Option<String>,
}

/// Keeps the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A function of Lambda.
#[derive(Debug, Clone)]
pub struct Lambda {
    /// Its name, `name:alias`, or ARN.
    pub function: String,
    /// Where the service, or a stand-in, listens: scheme and authority.
    pub endpoint: String,
    /// The host that the service knows itself by.
    pub host: String,
    /// The region whose service it is.
    pub region: String,
    /// Who calls.
    pub credentials: Credentials,
}

/// What is signed besides the request itself.
struct Scope<'a> {
    credentials: &'a Credentials,
    /// `20150830T123600Z`.
    at: &'a str,
    region: &'a str,
    service: &'a str,
}

impl Lambda {
    /// A call with the event in `body`, made at a time such as `20150830T123600Z`.
    ///
    /// # Errors
    /// What cannot stand in a header or URL.
    pub fn invoke(&self, body: Bytes, at: &str) -> Result<Request<Full<Bytes>>, String> {
        self.signed("POST", "/2015-03-31/functions/", "/invocations", body, at)
    }

    /// The change of the function's memory size.
    ///
    /// # Errors
    /// As [`Lambda::invoke`].
    pub fn set_memory(&self, memory: MemoryMb, at: &str) -> Result<Request<Full<Bytes>>, String> {
        let body = Bytes::from(format!("{{\"MemorySize\":{}}}", memory.0));
        self.signed("PUT", "/2015-03-31/functions/", "/configuration", body, at)
    }

    fn signed(
        &self,
        method: &str,
        before: &str,
        after: &str,
        body: Bytes,
        at: &str,
    ) -> Result<Request<Full<Bytes>>, String> {
        let path = format!("{before}{}{after}", encoded(&self.function));
        // The path is encoded once more before it is signed.
        let canonical = path.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let scope = Scope { credentials: &self.credentials, at, region: &self.region, service: "lambda" };
        let authorization = scope.authorization(method, &canonical, &self.host, &body);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("x-amz-date", at)
            .header("authorization", authorization);
        if let Some(token) = &self.credentials.token {
            request = request.header("x-amz-security-token", token);
        }
        request.body(Full::new(body)).map_err(|e| e.to_string())
    }
}

impl Scope<'_> {
    fn authorization(&self, method: &str, path: &str, host: &str, body: &[u8]) -> String {
        let mut headers = vec![("host", host), ("x-amz-date", self.at)];
        headers.extend(self.credentials.token.as_deref().map(|token| ("x-amz-security-token", token)));
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{}", hex(&Sha256::digest(body)));
        let day = self.at.get(..8).unwrap_or(self.at);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.at, hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = format!("AWS4{}", self.credentials.secret).into_bytes();
        for part in [day, self.region, self.service, "aws4_request"] {
            key = hmac(&key, part.as_bytes()).to_vec();
        }
        let signature = hex(&hmac(&key, to_sign.as_bytes()));
        let id = &self.credentials.key;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut padded = [0; BLOCK];
    match key.len() > BLOCK {
        true => padded[..32].copy_from_slice(&Sha256::digest(key)),
        false => padded[..key.len()].copy_from_slice(key),
    }
    let with = |mask: u8| padded.map(|byte| byte ^ mask);
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As a part of a path.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            _ => _ = write!(all, "%{byte:02X}"),
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials {
            key: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// The provider's published test suite, "get-vanilla".
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let credentials = credentials(None);
        let scope = Scope {
            credentials: &credentials,
            at: "20150830T123600Z",
            region: "us-east-1",
            service: "service",
        };
        assert_eq!(
            scope.authorization("GET", "/", "example.amazonaws.com", b""),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }

    /// RFC 4231, cases 2 and 6.
    #[test]
    fn keyed_hashes_are_those_of_the_rfc() {
        let short = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&short), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_call_names_its_function_and_shows_no_secret() {
        let lambda = Lambda {
            function: "arn:aws:lambda:us-east-1:1:function:f".to_owned(),
            endpoint: "http://127.0.0.1:1".to_owned(),
            host: "lambda.us-east-1.amazonaws.com".to_owned(),
            region: "us-east-1".to_owned(),
            credentials: credentials(Some("T")),
        };
        let call = lambda.invoke(Bytes::from_static(b"{}"), "20260101T000000Z").unwrap();
        let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/invocations";
        assert_eq!((call.method().as_str(), call.uri().path()), ("POST", path));
        let header = |name: &str| call.headers()[name].to_str().unwrap();
        assert_eq!((header("host"), header("x-amz-security-token")), ("lambda.us-east-1.amazonaws.com", "T"));
        assert!(header("authorization").contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "));
        let change = lambda.set_memory(MemoryMb(2048), "20260101T000000Z").unwrap();
        assert!(change.method() == "PUT" && change.uri().path().ends_with("/configuration"));
        assert!(!format!("{lambda:?}").contains("wJalr"));
    }
}
