//! OTLP: where spans are sent and how, by argument or by the standard environment variables.
//!
//! Over HTTP it is protobuf bodies and a blocking client: an asynchronous one would need a runtime
//! on the thread that exports, and without it dies unheard. Over gRPC, `otlp_grpc.rs` brings one.

use std::env;
use std::sync::Arc;

use opentelemetry_otlp::{Protocol as Encoding, SpanExporter, WithExportConfig as _};
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
const DEFAULT_HTTP: &str = "http://localhost:4318";
const DEFAULT_GRPC: &str = "http://localhost:4317";

/// How spans travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// POST requests with protobuf bodies.
    Http,
    /// Calls of the trace service.
    Grpc,
}

/// The destination that the argument or the environment names, if any does.
pub(super) fn sink(
    argument: Option<&(Protocol, String)>,
    resource: &Resource,
) -> Result<Option<Arc<dyn Sink>>, InitError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some((protocol, endpoint)) = destination(argument, &variable)? else { return Ok(None) };
    let fault = |reason: String| InitError::Otlp { endpoint: endpoint.clone(), reason };
    check(&endpoint, protocol).map_err(fault)?;
    let resource = resource.clone();
    let target = endpoint.clone();
    // Headers, timeout and compression are read from the environment by the exporters themselves.
    let queue = match protocol {
        Protocol::Http => ExportQueue::start(endpoint.clone(), move || {
            let mut exporter = SpanExporter::builder()
                .with_http()
                .with_protocol(Encoding::HttpBinary)
                .with_endpoint(target)
                .build()
                .map_err(|error| error.to_string())?;
            // There is no batch processor that would do this; without it the service has no name.
            exporter.set_resource(&resource);
            Ok(exporter)
        }),
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => ExportQueue::start(endpoint.clone(), move || {
            super::otlp_grpc::GrpcExporter::new(&target, &resource)
        }),
        #[cfg(not(feature = "otlp-grpc"))]
        Protocol::Grpc => Err("this build has no gRPC (feature `otlp-grpc`)".to_owned()),
    };
    Ok(Some(Arc::new(queue.map_err(fault)?)))
}

/// Protocol and full address, by the rules of the specification. Over HTTP, the variable for traces
/// is taken as it is, and the general one and the default get the path of the signal; over gRPC
/// there is no path.
fn destination(
    argument: Option<&(Protocol, String)>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(Protocol, String)>, InitError> {
    match argument {
        Some((Protocol::Http, url)) => return Ok(Some((Protocol::Http, with_default_path(url)))),
        Some((Protocol::Grpc, url)) => return Ok(Some((Protocol::Grpc, with_scheme(url)))),
        None => {}
    }
    let exporter = variable(EXPORTER);
    if exporter.as_deref() == Some("none") {
        return Ok(None);
    }
    let (own, general) = (variable(TRACES_ENDPOINT), variable(ENDPOINT));
    if own.is_none() && general.is_none() && exporter.as_deref() != Some("otlp") {
        return Ok(None);
    }
    let named = variable(TRACES_PROTOCOL).map(|value| (TRACES_PROTOCOL, value));
    let named = named.or_else(|| variable(PROTOCOL).map(|value| (PROTOCOL, value)));
    let protocol = match &named {
        None => Protocol::Http,
        Some((_, value)) if value == "http/protobuf" => Protocol::Http,
        Some((_, value)) if value == "grpc" && cfg!(feature = "otlp-grpc") => Protocol::Grpc,
        Some((name, value)) => {
            let known = match cfg!(feature = "otlp-grpc") {
                true => "grpc (port 4317) and http/protobuf (port 4318) are built in",
                false => "only http/protobuf is built in (port 4318)",
            };
            let endpoint = own.or(general).unwrap_or_else(|| DEFAULT_HTTP.to_owned());
            return Err(InitError::Otlp {
                endpoint,
                reason: format!("{name} is {value:?}; {known}"),
            });
        }
    };
    let endpoint = match protocol {
        Protocol::Http => {
            own.unwrap_or_else(|| with_path(general.as_deref().unwrap_or(DEFAULT_HTTP)))
        }
        Protocol::Grpc => with_scheme(&own.or(general).unwrap_or_else(|| DEFAULT_GRPC.to_owned())),
    };
    Ok(Some((protocol, endpoint)))
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

/// gRPC clients also take a bare host and port.
fn with_scheme(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

fn check(endpoint: &str, protocol: Protocol) -> Result<(), String> {
    if endpoint.starts_with("https://") {
        return Err(
            "this build has no TLS; send to a collector on this machine over http://, and \
                    have it forward"
                .to_owned(),
        );
    }
    if !endpoint.starts_with("http://") {
        let example = if protocol == Protocol::Http { "4318" } else { "4317" };
        return Err(format!("expected an address like http://127.0.0.1:{example}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<Option<(Protocol, String)>, InitError>;

    fn resolve(argument: Option<(Protocol, &str)>, variables: &[(&str, &str)]) -> Outcome {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let argument = argument.map(|(protocol, url)| (protocol, url.to_owned()));
        destination(argument.as_ref(), &variable)
    }

    #[track_caller]
    fn assert_leads(variables: &[(&str, &str)], expected: Option<(Protocol, &str)>) {
        let found = resolve(None, variables).unwrap();
        let found = found.as_ref().map(|(protocol, endpoint)| (*protocol, endpoint.as_str()));
        assert_eq!(found, expected, "{variables:?}");
    }

    #[test]
    fn the_endpoint_follows_the_specification() {
        let http = |endpoint| Some((Protocol::Http, endpoint));
        assert_leads(&[], None);
        assert_leads(&[(PROTOCOL, "http/protobuf")], None);
        assert_leads(&[(ENDPOINT, "http://a:1/")], http("http://a:1/v1/traces"));
        assert_leads(&[(TRACES_ENDPOINT, "http://a:1/x")], http("http://a:1/x"));
        let both = [(ENDPOINT, "http://a:1"), (TRACES_ENDPOINT, "http://b:2/own")];
        assert_leads(&both, http("http://b:2/own"));
        assert_leads(&[(ENDPOINT, "http://a:1"), (EXPORTER, "none")], None);
        assert_leads(&[(EXPORTER, "otlp")], http("http://localhost:4318/v1/traces"));
        for (url, expected) in
            [("http://c:3", "http://c:3/v1/traces"), ("http://c:3/own", "http://c:3/own")]
        {
            let found = resolve(Some((Protocol::Http, url)), &both).unwrap();
            assert_eq!(found, Some((Protocol::Http, expected.to_owned())));
        }
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn the_protocol_follows_the_specification() {
        let grpc = |endpoint| Some((Protocol::Grpc, endpoint));
        let by_grpc = (PROTOCOL, "grpc");
        assert_leads(&[by_grpc], None);
        assert_leads(&[by_grpc, (EXPORTER, "otlp")], grpc("http://localhost:4317"));
        assert_leads(&[by_grpc, (ENDPOINT, "http://a:1/")], grpc("http://a:1"));
        assert_leads(&[by_grpc, (ENDPOINT, "a:1")], grpc("http://a:1"));
        let own = (TRACES_PROTOCOL, "http/protobuf");
        let expected = Some((Protocol::Http, "http://a:1/v1/traces"));
        assert_leads(&[by_grpc, own, (ENDPOINT, "http://a:1")], expected);
        let argument = resolve(Some((Protocol::Grpc, "c:3")), &[own]).unwrap();
        assert_eq!(argument, Some((Protocol::Grpc, "http://c:3".to_owned())));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let https = check("https://a:1/v1/traces", Protocol::Http);
        assert!(https.unwrap_err().contains("TLS"));
        assert!(check("a:1", Protocol::Http).unwrap_err().contains("http://"));
        let json = (PROTOCOL, "http/json");
        let error = resolve(None, &[json, (ENDPOINT, "http://a:1")]).unwrap_err().to_string();
        assert!(error.contains(PROTOCOL) && error.contains("http/protobuf"), "{error}");
        let argument = resolve(Some((Protocol::Http, "http://a:1")), &[json]);
        assert!(argument.is_ok(), "the variable is not about the argument");
    }
}
