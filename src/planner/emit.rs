//! A configuration as infrastructure code: the function, and its queue where a queue can do the batching.
//!
//! An SQS event source mapping takes up to 10 messages without a window, and up to 10,000 with a window of 1 to
//! 300 whole seconds (AWS, "Using Lambda with Amazon SQS").

mod servers;

use std::fmt::Write as _;

use self::servers::{Server, server};
use crate::scenario::{Scenario, Setting};
use crate::text::{hcl, line};
use crate::units::Span;

/// A language for infrastructure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// AWS Serverless Application Model, YAML.
    Sam,
    /// Terraform, HCL.
    Terraform,
    /// A server that batches by itself.
    Server(Server),
}

impl Emit {
    /// The languages by their names on the command line.
    pub const NAMES: [(&str, Emit); 9] = [
        ("sam", Emit::Sam),
        ("terraform", Emit::Terraform),
        ("ray-serve", Emit::Server(Server::RayServe)),
        ("triton", Emit::Server(Server::Triton)),
        ("kserve", Emit::Server(Server::KServe)),
        ("mosec", Emit::Server(Server::Mosec)),
        ("bentoml", Emit::Server(Server::BentoMl)),
        ("modal", Emit::Server(Server::Modal)),
        ("torchserve", Emit::Server(Server::TorchServe)),
    ];
}

/// Batches of a queue that waits for no others.
const MOST_WITHOUT_WINDOW: u32 = 10;
/// The largest batch of a queue.
const MOST_WITH_WINDOW: u32 = 10_000;
/// The longest window [s].
const LONGEST_WINDOW: u64 = 300;
const SECOND: u64 = 1_000_000_000;
/// Of a function's name, in characters.
const LONGEST_NAME: usize = 64;

/// The window \[s\] with which an SQS event source mapping does the batching; else why it cannot.
///
/// # Errors
/// The reason, a sentence without a full stop.
pub fn queue_window(setting: Setting) -> Result<u64, String> {
    let Setting { batch, timeout, .. } = setting;
    let window = timeout.0 / SECOND;
    match (batch, timeout) {
        (1, _) => Ok(0),
        (_, Span::ZERO) if batch <= MOST_WITHOUT_WINDOW => Ok(0),
        (_, Span::ZERO) => Err(format!(
            "SQS gives batches of more than {MOST_WITHOUT_WINDOW} only with a window of at least 1 s"
        )),
        _ if !timeout.0.is_multiple_of(SECOND) => Err(format!("SQS waits in whole seconds, not {timeout}")),
        _ if window > LONGEST_WINDOW => Err(format!("SQS waits {LONGEST_WINDOW} s at most, not {timeout}")),
        _ if batch > MOST_WITH_WINDOW => {
            Err(format!("SQS gives batches of {MOST_WITH_WINDOW} at most, not {batch}"))
        }
        _ => Ok(window),
    }
}

/// The configuration in a language; `serving` is the time of its longest step: a full batch after a cold start.
pub fn emit(language: Emit, scenario: &Scenario, setting: Setting, serving: Span) -> String {
    // Twice the expected time; the platform ends what takes longer.
    let longest = scenario.platform.book.limits.longest_run.as_secs_f64();
    let timeout_s = (2.0 * serving.as_secs_f64()).ceil().clamp(1.0, longest.max(1.0)) as u64;
    let window = queue_window(setting);
    // A function's name holds no more than these, and 64 of them.
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = scenario.name.chars().map(plain).take(LONGEST_NAME).collect();
    let mut text = format!("# Recommended by sim plan for {}.\n", line(&scenario.name));
    let function = Function { setting, timeout_s, architecture: architecture(scenario) };
    match language {
        Emit::Sam => sam(&mut text, function, &window),
        Emit::Terraform => terraform(&mut text, &hcl(&name), function, &window),
        Emit::Server(kind) => server(&mut text, kind, &line(&scenario.name), setting),
    }
    .expect("writing to a string");
    text
}

/// A function as it is deployed.
#[derive(Debug, Clone, Copy)]
struct Function {
    setting: Setting,
    timeout_s: u64,
    /// As AWS calls it.
    architecture: &'static str,
}

fn architecture(scenario: &Scenario) -> &'static str {
    match scenario.written.pointer("/platform/architecture").and_then(serde_json::Value::as_str) {
        Some("arm64") => "arm64",
        _ => "x86_64",
    }
}

/// A text in double quotes, as Python, YAML and protocol buffers read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Why there is no queue, and what does the batching instead.
fn buffer(text: &mut String, indent: &str, setting: Setting, reason: &str) -> std::fmt::Result {
    writeln!(text, "{indent}# No SQS event source mapping: {reason}.")?;
    writeln!(
        text,
        "{indent}# Put a buffer in front that sends {} requests, or what has come {} after the first: `sim serve`, with",
        setting.batch, setting.timeout
    )?;
    writeln!(
        text,
        "{indent}# [policy] kind = \"batch\", batch = {}, timeout = \"{}\".",
        setting.batch,
        setting.timeout.written()
    )
}

/// A message stays hidden while it is worked on: six times the function's timeout and the window, as AWS advises.
fn visibility(timeout_s: u64, window: u64) -> u64 {
    6 * timeout_s + window
}

fn sam(text: &mut String, function: Function, window: &Result<u64, String>) -> std::fmt::Result {
    let Function { setting, timeout_s, architecture } = function;
    writeln!(text, "AWSTemplateFormatVersion: \"2010-09-09\"\nTransform: AWS::Serverless-2016-10-31")?;
    writeln!(text, "Parameters:\n  ImageUri:   # of the function's image\n    Type: String")?;
    writeln!(text, "Resources:\n  Inference:\n    Type: AWS::Serverless::Function\n    Properties:")?;
    writeln!(text, "      PackageType: Image\n      ImageUri: !Ref ImageUri")?;
    writeln!(text, "      Architectures:\n        - {architecture}")?;
    writeln!(text, "      MemorySize: {}\n      Timeout: {timeout_s}", setting.memory.0)?;
    if setting.provisioned > 0 {
        writeln!(text, "      AutoPublishAlias: live\n      ProvisionedConcurrencyConfig:")?;
        writeln!(text, "        ProvisionedConcurrentExecutions: {}", setting.provisioned)?;
    }
    match window {
        Err(reason) => buffer(text, "      ", setting, reason),
        Ok(window) => {
            writeln!(text, "      Events:\n        Requests:\n          Type: SQS\n          Properties:")?;
            writeln!(text, "            Queue: !GetAtt RequestQueue.Arn")?;
            writeln!(text, "            BatchSize: {}", setting.batch)?;
            writeln!(text, "            MaximumBatchingWindowInSeconds: {window}")?;
            writeln!(text, "  RequestQueue:\n    Type: AWS::SQS::Queue\n    Properties:")?;
            writeln!(text, "      VisibilityTimeout: {}", visibility(timeout_s, *window))
        }
    }
}

fn terraform(
    text: &mut String,
    name: &str,
    function: Function,
    window: &Result<u64, String>,
) -> std::fmt::Result {
    let Function { setting, timeout_s, architecture } = function;
    writeln!(text, "resource \"aws_lambda_function\" \"inference\" {{")?;
    writeln!(text, "  function_name = {name}\n  package_type  = \"Image\"")?;
    writeln!(text, "  image_uri     = var.image_uri\n  role          = var.role_arn")?;
    writeln!(text, "  architectures = [\"{architecture}\"]")?;
    let publish = if setting.provisioned > 0 { "\n  publish       = true" } else { "" };
    writeln!(text, "  memory_size   = {}\n  timeout       = {timeout_s}{publish}\n}}\n", setting.memory.0)?;
    let mut called = "aws_lambda_function.inference.arn";
    if setting.provisioned > 0 {
        called = "aws_lambda_alias.live.arn";
        writeln!(text, "resource \"aws_lambda_alias\" \"live\" {{\n  name             = \"live\"")?;
        writeln!(text, "  function_name    = aws_lambda_function.inference.function_name")?;
        writeln!(text, "  function_version = aws_lambda_function.inference.version\n}}\n")?;
        writeln!(text, "resource \"aws_lambda_provisioned_concurrency_config\" \"live\" {{")?;
        writeln!(text, "  function_name                     = aws_lambda_function.inference.function_name")?;
        writeln!(text, "  qualifier                         = aws_lambda_alias.live.name")?;
        writeln!(text, "  provisioned_concurrent_executions = {}\n}}\n", setting.provisioned)?;
    }
    match window {
        Err(reason) => buffer(text, "", setting, reason)?,
        Ok(window) => {
            writeln!(text, "resource \"aws_sqs_queue\" \"requests\" {{")?;
            writeln!(text, "  visibility_timeout_seconds = {}\n}}\n", visibility(timeout_s, *window))?;
            writeln!(text, "resource \"aws_lambda_event_source_mapping\" \"requests\" {{")?;
            writeln!(text, "  event_source_arn                   = aws_sqs_queue.requests.arn")?;
            writeln!(text, "  function_name                      = {called}")?;
            writeln!(text, "  batch_size                         = {}", setting.batch)?;
            writeln!(text, "  maximum_batching_window_in_seconds = {window}\n}}")?;
        }
    }
    writeln!(
        text,
        "\nvariable \"image_uri\" {{\n  type = string\n}}\n\nvariable \"role_arn\" {{\n  type = string\n}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MemoryMb;

    fn window(batch: u32, timeout: &str) -> Result<u64, String> {
        let timeout = Span::parse(timeout).unwrap();
        queue_window(Setting::new(MemoryMb(1024), batch, timeout))
    }

    const SCENARIO: &str = r#"
        name = "e"
        workload = { kind = "poisson", rate = 5, requests = 10 }
        profile = { memory_mb = [1024], batch = [1, 8], service_s = [[0.2, 0.9]] }
        platform = { kind = "lambda", book = "aws-2026", memory_mb = 1024, architecture = "ARCH" }
        policy = { kind = "unbatched" }
    "#;

    #[test]
    fn architecture_and_provisioned_concurrency_are_carried() {
        let read = |architecture: &str| {
            let text = SCENARIO.replace("ARCH", architecture);
            let document = crate::document::Document::parse("e.toml", &text).unwrap();
            Scenario::from_document(&document, "e").unwrap()
        };
        let setting =
            |provisioned| Setting { provisioned, ..Setting::new(MemoryMb(1024), 8, Span::from_secs(2)) };
        for (architecture, named) in [("arm64", "arm64"), ("x86", "x86_64")] {
            let scenario = read(architecture);
            for provisioned in [0, 3] {
                let text = |language| emit(language, &scenario, setting(provisioned), Span::from_secs(1));
                let (sam, terraform) = (text(Emit::Sam), text(Emit::Terraform));
                assert!(sam.contains("Transform: AWS::Serverless-2016-10-31"), "{sam}");
                assert!(sam.contains(&format!("- {named}\n")), "{sam}");
                assert!(terraform.contains(&format!("architectures = [\"{named}\"]")), "{terraform}");
                let carried = provisioned > 0;
                assert_eq!(sam.contains("ProvisionedConcurrentExecutions: 3"), carried, "{sam}");
                assert_eq!(
                    terraform.contains("provisioned_concurrent_executions = 3"),
                    carried,
                    "{terraform}"
                );
                let called = if carried { "aws_lambda_alias.live.arn" } else { "inference.arn" };
                assert!(terraform.lines().any(|line| line.ends_with(called)), "{terraform}");
            }
        }
    }

    #[test]
    fn a_queue_batches_within_its_limits_only() {
        assert_eq!(window(1, "120ms"), Ok(0));
        assert_eq!(window(10, "0s"), Ok(0));
        assert_eq!(window(64, "2s"), Ok(2));
        assert_eq!(window(10_000, "300s"), Ok(300));
        assert!(window(11, "0s").unwrap_err().contains("window of at least 1 s"));
        assert!(window(8, "120ms").unwrap_err().contains("whole seconds, not 120 ms"));
        assert!(window(8, "301s").is_err());
        assert!(window(10_001, "2s").is_err());
    }
}
