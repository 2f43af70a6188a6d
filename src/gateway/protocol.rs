//! The v1 predict protocol: `{"instances": [..]}` in, `{"predictions": [..]}` out. TensorFlow Serving, KServe, MLServer
//! and TorchServe speak it.
//!
//! Instances and predictions are kept as they were written, so that no number changes on the way through.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    /// The elements of the list as they were written, with commas between.
    pub text: Bytes,
    /// How many.
    pub count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestBody<'a> {
    #[serde(borrow)]
    instances: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    predictions: Vec<&'a RawValue>,
}

/// Reads a client's body.
///
/// # Errors
/// What is wrong with it.
pub fn read_request(body: &[u8]) -> Result<Instances, String> {
    let text = std::str::from_utf8(body).map_err(|e| format!("the body is no UTF-8: {e}"))?;
    let asked: RequestBody<'_> = serde_json::from_str(text)
        .map_err(|e| format!("expected {{\"instances\": [..]}} and no other field: {e}"))?;
    match asked.instances.len() {
        0 => Err("`instances` is empty: there is nothing to predict".to_owned()),
        count => Ok(Instances { text: joined(&asked.instances), count }),
    }
}

/// The body of a call with the instances of several clients.
pub fn write_request<'a>(parts: impl Iterator<Item = &'a Instances> + Clone) -> Bytes {
    let length: usize = parts.clone().map(|part| part.text.len() + 1).sum();
    let mut body = Vec::with_capacity(length + 16);
    body.extend_from_slice(b"{\"instances\":[");
    for (i, part) in parts.enumerate() {
        if i > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&part.text);
    }
    body.extend_from_slice(b"]}");
    Bytes::from(body)
}

/// Splits the answer to a call: a body for each client, who asked for as many predictions as `counts` says.
///
/// # Errors
/// It is not the protocol's, or has another number of predictions.
pub fn split_answer(body: &[u8], counts: &[usize]) -> Result<Vec<Bytes>, String> {
    let answered: Answered<'_> = serde_json::from_slice(body)
        .map_err(|e| format!("its answer is not {{\"predictions\": [..]}}: {e}"))?;
    let (got, wanted) = (answered.predictions.len(), counts.iter().sum::<usize>());
    if got != wanted {
        return Err(format!("it gave {got} predictions for {wanted} instances"));
    }
    let mut rest = &answered.predictions[..];
    let part = |count: &usize| {
        let (own, others) = rest.split_at(*count);
        rest = others;
        let text = joined(own);
        Bytes::from([b"{\"predictions\":[", &text[..], b"]}"].concat())
    };
    Ok(counts.iter().map(part).collect())
}

/// The protocol's body of an error.
pub fn error_body(reason: &str) -> Bytes {
    Bytes::from(serde_json::json!({ "error": reason }).to_string())
}

fn joined(values: &[&RawValue]) -> Bytes {
    let length: usize = values.iter().map(|value| value.get().len() + 1).sum();
    let mut text = Vec::with_capacity(length);
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            text.push(b',');
        }
        text.extend_from_slice(value.get().as_bytes());
    }
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_joined_and_predictions_split_as_they_were_written() {
        let a = read_request(br#"{"instances": [[1.10, 2e3], {"k": "v,]"}]}"#).unwrap();
        let b = read_request(b"{\"instances\":[ 12345678901234567890123 ]}").unwrap();
        assert_eq!((a.count, b.count), (2, 1));
        let call = write_request([&a, &b].into_iter());
        assert_eq!(call, &br#"{"instances":[[1.10, 2e3],{"k": "v,]"},12345678901234567890123]}"#[..]);
        let answer = br#"{"model": "m", "predictions": [0.10, [2], {"c": 3}]}"#;
        let parts = split_answer(answer, &[2, 1]).unwrap();
        assert_eq!(parts[0], &br#"{"predictions":[0.10,[2]]}"#[..]);
        assert_eq!(parts[1], &br#"{"predictions":[{"c": 3}]}"#[..]);
    }

    #[test]
    fn what_is_not_the_protocol_is_refused_with_the_reason() {
        let refused = |body: &[u8]| read_request(body).unwrap_err();
        assert!(refused(b"{\"instances\": [1").contains("EOF"));
        assert!(refused(b"{\"instances\": [1,]}").contains("trailing comma"));
        assert!(refused(b"{\"instances\": []}").contains("nothing to predict"));
        assert!(refused(b"{\"instances\": [1], \"signature_name\": \"s\"}").contains("signature_name"));
        assert!(refused(b"{\"inputs\": [1]}").contains("inputs"));
        assert!(refused(&[0xff]).contains("UTF-8"));
        assert!(
            split_answer(b"{\"predictions\": [1]}", &[1, 1]).unwrap_err().contains("1 predictions for 2")
        );
        assert!(split_answer(b"<html>", &[1]).unwrap_err().contains("not {\"predictions\""));
    }
}
