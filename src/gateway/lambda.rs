//! A function of Lambda, called through the provider's SDK: Invoke with the batch as the event, and a new memory size.
//!
//! The SDK finds region and credentials as the provider's other tools do (environment, profiles, the machine's role), renews
//! what ends, signs and speaks TLS. Its own retries are off: `[platform.retry]` says how often a call is tried.

use std::error::Error;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{ProvideCredentials as _, SharedHttpClient};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;
use hyper::StatusCode;
use tokio::runtime::Builder;

use super::upstream::{CONNECT_TIMEOUT, Failure, causes, excerpt, lost};
use crate::units::MemoryMb;

/// A function of Lambda.
#[derive(Debug, Clone)]
pub struct Lambda {
    client: Client,
    /// Its name, `name:alias`, or ARN.
    function: String,
}

impl Lambda {
    /// The function of that name, `name:alias`, or ARN, with the region and the credentials that the SDK finds; at `endpoint`
    /// if that is not the service's own.
    ///
    /// # Errors
    /// What is not found.
    pub fn find(function: &str, endpoint: Option<&str>) -> Result<Lambda, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(Lambda::found(function, endpoint))
    }

    async fn found(function: &str, endpoint: Option<&str>) -> Result<Lambda, String> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            // A function may think for minutes before the first byte; the gateway has its own time-out.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let found = loader.load().await;
        if found.region().is_none() {
            return Err("no region of AWS is set".to_owned());
        }
        let provider = found.credentials_provider().ok_or("no credentials of AWS are set")?;
        let missing = |error| format!("no credentials of AWS are found: {}", causes(&error));
        provider.provide_credentials().await.map_err(missing)?;
        // What was asked so far used connections of a runtime that ends here.
        let config = aws_sdk_lambda::config::Builder::from(&found).http_client(http_client()).build();
        Ok(Lambda { client: Client::from_conf(config), function: function.to_owned() })
    }

    /// A call with that event. What the function answers.
    ///
    /// # Errors
    /// What the clients are told.
    pub async fn invoke(&self, event: &Bytes) -> Result<Bytes, Failure> {
        let call = self.client.invoke().function_name(&self.function).payload(Blob::new(event.to_vec()));
        let answer = call.send().await.map_err(|error| failure(&error))?;
        let body = Bytes::from(answer.payload.map(Blob::into_inner).unwrap_or_default());
        match answer.function_error {
            Some(_) => {
                let reason = format!("the function failed: {}", excerpt(&body));
                Err(Failure::new(StatusCode::BAD_GATEWAY, reason))
            }
            None => Ok(body),
        }
    }

    /// Gives the function another memory size.
    ///
    /// # Errors
    /// Why it has not.
    pub async fn set_memory(&self, memory: MemoryMb) -> Result<(), String> {
        let size = i32::try_from(memory.0).map_err(|e| e.to_string())?;
        let change = self.client.update_function_configuration().function_name(&self.function);
        let done = change.memory_size(size).send().await;
        done.map(|_| ()).map_err(|error| String::from_utf8_lossy(&failure(&error).body).into_owned())
    }
}

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// What the clients are told of a call that failed.
fn failure<E: ProvideErrorMetadata + Error + Send + Sync + 'static>(error: &SdkError<E>) -> Failure {
    let Some(answer) = error.raw_response() else {
        return match error {
            SdkError::ConstructionFailure(_) => Failure::new(StatusCode::BAD_GATEWAY, causes(error)),
            _ => lost(error),
        };
    };
    let status = answer.status().as_u16();
    let said = error.meta().message().map_or_else(
        || answer.body().bytes().map(excerpt).unwrap_or_default(),
        |message| excerpt(message.as_bytes()),
    );
    let reason = format!("Lambda answered {status}: {said}");
    match status {
        429 | 503 => {
            Failure::busy(reason, answer.headers().get("retry-after").and_then(|value| value.parse().ok()))
        }
        // Lambda says of calls, not of their instances, that they are wrong; but one may be too long together.
        413 => Failure::of_input(StatusCode::PAYLOAD_TOO_LARGE, reason),
        _ => Failure::new(StatusCode::BAD_GATEWAY, reason),
    }
}
