//! Why a running Jaeger gave no traces, and what to do about it.

use std::time::Duration;

use crate::format::FormatError;

/// Traces could not be read from a running Jaeger.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The address is none.
    #[error(
        "{address:?} is not the address of a Jaeger: {reason}; expected \
         jaeger:http://HOST:16686?service=NAME"
    )]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no parameter of this name.
    #[error("there is no parameter {name:?}; there are {}", super::query::PARAMETERS.join(", "))]
    UnknownParameter {
        /// The name.
        name: String,
    },
    /// The value of a parameter makes no sense.
    #[error("{name}={value}: {reason}")]
    BadParameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// A search needs a service.
    #[error("say which service: service=NAME, or traceID=HEX for one trace; {}", listed(.services))]
    NoService {
        /// The services that Jaeger knows.
        services: Vec<String>,
    },
    /// Jaeger has no traces of such a service.
    #[error("Jaeger knows no service {service:?}; {}", listed(.services))]
    UnknownService {
        /// The service that was asked for.
        service: String,
        /// The services that Jaeger knows.
        services: Vec<String>,
    },
    /// The service is known, but nothing matches.
    #[error(
        "Jaeger has no trace for this query ({query}); widen it, for instance with a longer lookback"
    )]
    NoTraces {
        /// What was asked for.
        query: String,
    },
    /// Nobody answers.
    #[error(
        "{address} cannot be reached: {reason}; check that Jaeger runs there and that this is its \
         query port (16686), not a port that takes spans"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// What the connection said.
        reason: String,
    },
    /// The answer did not come in time.
    #[error(
        "{address} did not answer within {waited:?}; ask for fewer traces (limit=) or wait longer \
         (timeout=)"
    )]
    Timeout {
        /// Where.
        address: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Jaeger refused.
    #[error("{url} answered {status}: {body}")]
    Status {
        /// What was asked.
        url: String,
        /// The status of HTTP.
        status: u16,
        /// What it said: the message, or how the body begins.
        body: String,
    },
    /// Something answers that is no Jaeger, or not the part of it that was asked for.
    #[error(
        "{url} is not this interface of Jaeger (it begins with {found:?}); check the address, and \
         try api=v3 or api=legacy"
    )]
    NotJaeger {
        /// What was asked.
        url: String,
        /// How the body begins.
        found: String,
    },
    /// The answer is damaged.
    #[error("{url}: {source}")]
    Format {
        /// What was asked.
        url: String,
        /// What is wrong.
        source: Box<FormatError>,
    },
}

fn listed(services: &[String]) -> String {
    match services {
        [] => "it has no services yet".to_owned(),
        _ => format!("it has {}", services.join(", ")),
    }
}
