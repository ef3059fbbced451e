//! Where to listen, as written in one argument.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// The addresses to listen on; at least one is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where gRPC is expected.
    pub grpc: Option<SocketAddr>,
    /// Where HTTP is expected.
    pub http: Option<SocketAddr>,
}

/// An argument that says no addresses.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?}: {reason}; expected HOST:PORT for gRPC and after a comma one for HTTP, like \
     127.0.0.1:4317,4318, or grpc=HOST:PORT, or http=HOST:PORT"
)]
pub struct ListenError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Listen {
    type Err = ListenError;

    /// Reads `127.0.0.1:4317,4318`: first gRPC, then HTTP; `grpc=` and `http=` name one alone. A
    /// port without a host is on the host before it, at first 127.0.0.1.
    fn from_str(text: &str) -> Result<Self, ListenError> {
        let fault = |reason: String| ListenError { text: text.to_owned(), reason };
        let mut listen = Listen { grpc: None, http: None };
        let mut host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for item in text.split(',').map(str::trim) {
            let (protocol, address) = match item.split_once('=') {
                Some(("grpc", address)) => ("grpc", address),
                Some(("http", address)) => ("http", address),
                Some((other, _)) => return Err(fault(format!("{other} is no protocol"))),
                None if listen.grpc.is_none() && listen.http.is_none() => ("grpc", item),
                None => ("http", item),
            };
            let address = match address.parse::<u16>() {
                Ok(port) => SocketAddr::new(host, port),
                Err(_) => resolve(address).map_err(fault)?,
            };
            host = address.ip();
            let place = if protocol == "grpc" { &mut listen.grpc } else { &mut listen.http };
            if place.replace(address).is_some() {
                return Err(fault(format!("there are two addresses for {protocol}")));
            }
        }
        Ok(listen)
    }
}

fn resolve(address: &str) -> Result<SocketAddr, String> {
    let mut found = address.to_socket_addrs().map_err(|error| format!("{address:?}: {error}"))?;
    found.next().ok_or_else(|| format!("{address:?} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_in_order_or_by_name() {
        let at = |text: &str| text.parse::<SocketAddr>().ok();
        for (text, grpc, http) in [
            ("127.0.0.1:4317,4318", at("127.0.0.1:4317"), at("127.0.0.1:4318")),
            ("4317", at("127.0.0.1:4317"), None),
            ("0.0.0.0:1, 2", at("0.0.0.0:1"), at("0.0.0.0:2")),
            ("[::1]:1,127.0.0.1:2", at("[::1]:1"), at("127.0.0.1:2")),
            ("http=127.0.0.2:2", None, at("127.0.0.2:2")),
            ("http=2,grpc=0", at("127.0.0.1:0"), at("127.0.0.1:2")),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap(), Listen { grpc, http }, "{text}");
        }
        for (text, reason) in [
            ("", "\"\""),
            ("127.0.0.1", "127.0.0.1"),
            ("1,2,3", "two addresses for http"),
            ("grpc=1,grpc=2", "two addresses for grpc"),
            ("tcp=1", "no protocol"),
            ("1:2:3", "1:2:3"),
            ("70000", "70000"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {error}");
        }
    }
}
