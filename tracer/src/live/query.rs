//! What to ask a running Jaeger for, as written in one address.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

use super::{LiveError, SCHEME};
use crate::model::TraceId;

/// The parameters that an address may have.
pub(super) const PARAMETERS: [&str; 10] = [
    "service",
    "operation",
    "lookback",
    "limit",
    "minDuration",
    "maxDuration",
    "tags",
    "traceID",
    "api",
    "timeout",
];

const DEFAULT_LIMIT: u32 = 20;
const DEFAULT_LOOKBACK: Duration = Duration::from_secs(3_600);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Which interface of Jaeger to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OTLP JSON, under `/api/v3`.
    V3,
    /// Jaeger JSON, under `/api`.
    Legacy,
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Api::V3 { "v3" } else { "legacy" })
    }
}

/// An address of a running Jaeger with what is wanted from it; made by [`FromStr`].
#[derive(Clone, Debug, PartialEq)]
pub struct JaegerQuery {
    /// Without parameters; its path is where Jaeger's interfaces begin.
    pub(super) base: Url,
    pub(super) service: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) lookback: Duration,
    pub(super) limit: u32,
    pub(super) min_duration: Option<Duration>,
    pub(super) max_duration: Option<Duration>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) trace_ids: Vec<TraceId>,
    pub(super) api: Option<Api>,
    pub(super) timeout: Duration,
}

impl FromStr for JaegerQuery {
    type Err = LiveError;

    fn from_str(text: &str) -> Result<Self, LiveError> {
        let address = text.strip_prefix(SCHEME).unwrap_or(text);
        let fault = |reason: String| LiveError::Address { address: address.to_owned(), reason };
        let mut base = Url::parse(address).map_err(|error| fault(error.to_string()))?;
        match base.scheme() {
            "http" => {}
            "https" => return Err(fault("this build has no TLS".to_owned())),
            other => return Err(fault(format!("{other}: is not http:"))),
        }
        let pairs: Vec<(String, String)> = base.query_pairs().into_owned().collect();
        base.set_query(None);
        base.set_fragment(None);
        let mut query = JaegerQuery {
            base,
            service: None,
            operation: None,
            lookback: DEFAULT_LOOKBACK,
            limit: DEFAULT_LIMIT,
            min_duration: None,
            max_duration: None,
            tags: Vec::new(),
            trace_ids: Vec::new(),
            api: None,
            timeout: DEFAULT_TIMEOUT,
        };
        for (name, value) in pairs {
            query.set(name, value)?;
        }
        query.check()?;
        Ok(query)
    }
}

impl JaegerQuery {
    fn set(&mut self, name: String, value: String) -> Result<(), LiveError> {
        match name.as_str() {
            "service" => self.service = Some(value),
            "operation" => self.operation = Some(value),
            "lookback" => self.lookback = duration("lookback", &value)?,
            "minDuration" => self.min_duration = Some(duration("minDuration", &value)?),
            "maxDuration" => self.max_duration = Some(duration("maxDuration", &value)?),
            "timeout" => self.timeout = duration("timeout", &value)?,
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                self.limit =
                    limit.ok_or_else(|| bad("limit", &value, "expected a number from 1 on"))?;
            }
            "tags" => match value.split_once('=') {
                Some((key, value)) if !key.is_empty() => {
                    self.tags.push((key.to_owned(), value.to_owned()));
                }
                _ => return Err(bad("tags", &value, "expected key=value")),
            },
            "traceID" => self.trace_ids.push(trace_id(&value)?),
            "api" => {
                self.api = Some(match value.as_str() {
                    "v3" => Api::V3,
                    "legacy" => Api::Legacy,
                    _ => return Err(bad("api", &value, "expected v3 or legacy")),
                });
            }
            _ => return Err(LiveError::UnknownParameter { name }),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), LiveError> {
        if self.api == Some(Api::V3) && !self.tags.is_empty() {
            let reason = "Jaeger's v3 interface cannot search by tags; leave api= out";
            return Err(bad("api", "v3", reason));
        }
        if let (Some(min), Some(max)) = (self.min_duration, self.max_duration)
            && max < min
        {
            return Err(bad("maxDuration", &format!("{max:?}"), "it is less than minDuration"));
        }
        Ok(())
    }

    /// The interfaces to try, in order.
    pub(super) fn apis(&self) -> &'static [Api] {
        match self.api {
            Some(Api::V3) => &[Api::V3],
            Some(Api::Legacy) => &[Api::Legacy],
            None if !self.tags.is_empty() => &[Api::Legacy],
            None => &[Api::V3, Api::Legacy],
        }
    }

    /// The address of one of Jaeger's interfaces.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

/// The parameters as they would be written, to say what was asked for.
impl fmt::Display for JaegerQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.trace_ids.is_empty() {
            let ids: Vec<String> =
                self.trace_ids.iter().map(|id| format!("traceID={id}")).collect();
            return f.write_str(&ids.join("&"));
        }
        write!(f, "service={}", self.service.as_deref().unwrap_or_default())?;
        if let Some(operation) = &self.operation {
            write!(f, "&operation={operation}")?;
        }
        write!(f, "&lookback={:?}", self.lookback)?;
        for (name, limit) in
            [("minDuration", self.min_duration), ("maxDuration", self.max_duration)]
        {
            if let Some(limit) = limit {
                write!(f, "&{name}={limit:?}")?;
            }
        }
        self.tags.iter().try_for_each(|(key, value)| write!(f, "&tags={key}={value}"))
    }
}

fn bad(name: &'static str, value: &str, reason: &str) -> LiveError {
    LiveError::BadParameter { name, value: value.to_owned(), reason: reason.to_owned() }
}

fn duration(name: &'static str, value: &str) -> Result<Duration, LiveError> {
    crate::parse_duration(value).filter(|duration| !duration.is_zero()).ok_or_else(|| {
        bad(name, value, "expected a number with ns, us, ms, s, m, h or d, like 15m")
    })
}

fn trace_id(value: &str) -> Result<TraceId, LiveError> {
    let digits = value.len() <= 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u128::from_str_radix(value, 16) {
        Ok(id) if digits && id != 0 => Ok(TraceId(id)),
        _ => Err(bad("traceID", value, "a trace id is up to 32 hexadecimal digits, not all zero")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<JaegerQuery, LiveError> {
        text.parse()
    }

    #[test]
    fn an_address_says_all_that_is_wanted() {
        let query = parse(
            "jaeger:http://h:1/ui/?service=store%201&operation=read&lookback=2d&limit=7\
             &minDuration=1.5ms&maxDuration=2s&tags=read.mode=lease&tags=a=b=c&timeout=5s",
        )
        .unwrap();
        assert_eq!(query.service.as_deref(), Some("store 1"));
        assert_eq!(query.operation.as_deref(), Some("read"));
        assert_eq!((query.lookback, query.limit), (Duration::from_secs(172_800), 7));
        assert_eq!(query.min_duration, Some(Duration::from_micros(1_500)));
        assert_eq!(query.max_duration, Some(Duration::from_secs(2)));
        assert_eq!(query.timeout, Duration::from_secs(5));
        let tags =
            [("read.mode".to_owned(), "lease".to_owned()), ("a".to_owned(), "b=c".to_owned())];
        assert_eq!(query.tags, tags);
        assert_eq!(query.apis(), [Api::Legacy], "v3 has no tags");
        assert_eq!(query.url("/api/traces").as_str(), "http://h:1/ui/api/traces");
        let one = parse("http://h:1?traceID=0aB&api=v3").unwrap();
        assert_eq!((one.trace_ids.as_slice(), one.apis()), (&[TraceId(0xab)][..], &[Api::V3][..]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (text, expected) in [
            ("jaeger:localhost", "jaeger:http://"),
            ("jaeger:file:///x", "not http"),
            ("jaeger:https://h", "TLS"),
            ("jaeger:http://h?servise=x", "minDuration"),
            ("jaeger:http://h?service=x&limit=0", "from 1"),
            ("jaeger:http://h?service=x&lookback=5", "15m"),
            ("jaeger:http://h?service=x&tags=lease", "key=value"),
            ("jaeger:http://h?traceID=xyz", "hexadecimal"),
            ("jaeger:http://h?traceID=0", "hexadecimal"),
            ("jaeger:http://h?traceID=+1", "hexadecimal"),
            ("jaeger:http://h?service=x&api=v2", "legacy"),
            ("jaeger:http://h?service=x&api=v3&tags=a=b", "tags"),
            ("jaeger:http://h?service=x&minDuration=2s&maxDuration=1s", "less"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
