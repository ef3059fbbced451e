//! OTLP over HTTP: where spans are sent, by argument or by the standard environment variables.
//!
//! Protobuf bodies and a blocking client: an asynchronous one would need a runtime on the thread
//! that exports, and without it dies unheard.

use std::env;
use std::sync::Arc;

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::error::InitError;
use super::pipeline::Sink;
use super::queue::ExportQueue;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const PATH: &str = "/v1/traces";
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";

/// The destination that the argument or the environment names, if any does.
pub(super) fn sink(
    url: Option<&str>,
    resource: &Resource,
) -> Result<Option<Arc<dyn Sink>>, InitError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some(endpoint) = endpoint(url, &variable) else { return Ok(None) };
    let fault = |reason: String| InitError::Otlp { endpoint: endpoint.clone(), reason };
    check(&endpoint, url.is_none(), &variable).map_err(fault)?;
    let resource = resource.clone();
    let target = endpoint.clone();
    // Headers, timeout and compression are read from the environment by the exporter itself.
    let make = move || {
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(target)
            .build()
            .map_err(|error| error.to_string())?;
        // There is no batch processor that would do this; without it the service has no name.
        exporter.set_resource(&resource);
        Ok(exporter)
    };
    let queue = ExportQueue::start(endpoint.clone(), make).map_err(fault)?;
    Ok(Some(Arc::new(queue)))
}

/// The full address, by the rules of the specification: the variable for traces is taken as it is,
/// the general one and the default get the path of the signal.
fn endpoint(url: Option<&str>, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(url) = url {
        return Some(with_default_path(url));
    }
    let exporter = variable(EXPORTER);
    if exporter.as_deref() == Some("none") {
        return None;
    }
    variable(TRACES_ENDPOINT)
        .or_else(|| variable(ENDPOINT).map(|base| with_path(&base)))
        .or_else(|| (exporter.as_deref() == Some("otlp")).then(|| with_path(DEFAULT_ENDPOINT)))
}

fn with_path(base: &str) -> String {
    format!("{}{PATH}", base.trim_end_matches('/'))
}

/// Appends the path unless the address has one.
fn with_default_path(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    match after_scheme.split_once('/') {
        None | Some((_, "")) => with_path(url),
        Some(_) => url.to_owned(),
    }
}

fn check(
    endpoint: &str,
    from_environment: bool,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    if endpoint.starts_with("https://") {
        return Err(
            "this build has no TLS; send to a collector on this machine over http://, and \
                    have it forward"
                .to_owned(),
        );
    }
    if !endpoint.starts_with("http://") {
        return Err("expected an address like http://127.0.0.1:4318".to_owned());
    }
    let protocol = variable(TRACES_PROTOCOL).or_else(|| variable(PROTOCOL));
    match protocol.as_deref() {
        Some(protocol) if from_environment && protocol != "http/protobuf" => Err(format!(
            "OTEL_EXPORTER_OTLP_PROTOCOL is {protocol:?}; only http/protobuf is built in (port 4318)"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(url: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        endpoint(url, &variable)
    }

    #[test]
    fn the_endpoint_follows_the_specification() {
        let with = |variables: &[(&str, &str)]| resolve(None, variables);
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[(ENDPOINT, "http://a:1/")]).as_deref(), Some("http://a:1/v1/traces"));
        assert_eq!(with(&[(TRACES_ENDPOINT, "http://a:1/x")]).as_deref(), Some("http://a:1/x"));
        let both = [(ENDPOINT, "http://a:1"), (TRACES_ENDPOINT, "http://b:2/own")];
        assert_eq!(with(&both).as_deref(), Some("http://b:2/own"));
        assert_eq!(with(&[(ENDPOINT, "http://a:1"), (EXPORTER, "none")]), None);
        let default = with(&[(EXPORTER, "otlp")]);
        assert_eq!(default.as_deref(), Some("http://localhost:4318/v1/traces"));
        let argument = resolve(Some("http://c:3"), &both);
        assert_eq!(argument.as_deref(), Some("http://c:3/v1/traces"));
        assert_eq!(resolve(Some("http://c:3/own"), &[]).as_deref(), Some("http://c:3/own"));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let grpc = |name: &str| (name == PROTOCOL).then(|| "grpc".to_owned());
        assert!(check("https://a:1/v1/traces", false, &|_| None).unwrap_err().contains("TLS"));
        assert!(check("a:1", false, &|_| None).unwrap_err().contains("http://"));
        assert!(check("http://a:1", true, &grpc).unwrap_err().contains("grpc"));
        assert!(
            check("http://a:1", false, &grpc).is_ok(),
            "the variable is not about the argument"
        );
    }
}
