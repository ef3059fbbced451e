//! Asks Jaeger, and tells its kinds of answers apart: traces, none, a refusal, or no Jaeger at all.

use std::io::{BufRead, BufReader, Read as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::blocking::{Client, Response};
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::{Api, JaegerQuery, LiveError, time};
use crate::format::{Format, ReadReport, read_as};
use crate::model::{TraceId, TraceSet};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The clock of whoever made the spans may be ahead of this one.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);
/// How much of a refusal is looked at.
const MOST_REFUSAL_BYTES: u64 = 4 << 10;
/// How much of it is shown.
const SHOWN_CHARACTERS: usize = 200;

/// What Jaeger gave.
#[derive(Debug)]
pub struct Fetched {
    /// The spans, and what is odd about them. Its `error` is empty.
    pub report: ReadReport,
    /// The interface that answered.
    pub api: Api,
    /// Whether there are as many traces as were asked for, so that there may be more.
    pub is_limit_reached: bool,
}

/// What one request gave.
enum Answer {
    Traces(ReadReport),
    /// Jaeger answered, and there is nothing.
    Nothing,
    /// This interface is not there.
    Absent(LiveError),
}

impl JaegerQuery {
    /// Fetches the traces.
    ///
    /// # Errors
    ///
    /// [`LiveError`], also when there are no traces.
    pub fn fetch(&self) -> Result<Fetched, LiveError> {
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout)
            .build()
            .map_err(|error| self.unreachable(&error))?;
        let asked = Asked { query: self, client };
        if self.trace_ids.is_empty() && self.service.is_none() {
            return Err(LiveError::NoService { services: asked.services()? });
        }
        let mut absent = None;
        for api in self.apis() {
            match asked.traces(*api)? {
                Answer::Traces(report) => return Ok(self.fetched(report, *api)),
                Answer::Nothing => return Err(asked.why_nothing()?),
                Answer::Absent(error) => absent = absent.or(Some(error)),
            }
        }
        Err(absent.unwrap_or_else(|| LiveError::NoTraces { query: self.to_string() }))
    }

    fn fetched(&self, report: ReadReport, api: Api) -> Fetched {
        let mut ids: Vec<TraceId> = report.traces.spans.iter().map(|span| span.trace_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let is_limit_reached = self.trace_ids.is_empty() && ids.len() >= self.limit as usize;
        Fetched { report, api, is_limit_reached }
    }

    fn address(&self) -> String {
        self.base.to_string()
    }

    fn unreachable(&self, error: &reqwest::Error) -> LiveError {
        if error.is_timeout() && !error.is_connect() {
            return LiveError::Timeout { address: self.address(), waited: self.timeout };
        }
        // The innermost cause is the one that says something: connection refused, no such host.
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        LiveError::Unreachable { address: self.address(), reason: cause.to_string() }
    }
}

/// A query with what it is asked through.
struct Asked<'a> {
    query: &'a JaegerQuery,
    client: Client,
}

impl Asked<'_> {
    fn traces(&self, api: Api) -> Result<Answer, LiveError> {
        if self.query.trace_ids.is_empty() {
            let url = match api {
                Api::V3 => self.search_v3(),
                Api::Legacy => self.search_legacy(),
            };
            return self.request(url, api);
        }
        // One request a trace: several in one are known to the legacy interface only.
        let mut all: Option<ReadReport> = None;
        for id in &self.query.trace_ids {
            let (path, raw) = match api {
                Api::V3 => (format!("/api/v3/traces/{id}"), "raw_traces"),
                Api::Legacy => (format!("/api/traces/{id}"), "raw"),
            };
            let mut url = self.query.url(&path);
            url.query_pairs_mut().append_pair(raw, "true");
            match (self.request(url, api)?, &mut all) {
                (Answer::Traces(report), None) => all = Some(report),
                (Answer::Traces(report), Some(all)) => {
                    append(&mut all.traces, report.traces);
                    all.warnings.extend(report.warnings);
                }
                (Answer::Nothing, _) => {}
                (absent @ Answer::Absent(_), _) => return Ok(absent),
            }
        }
        Ok(all.map_or(Answer::Nothing, Answer::Traces))
    }

    fn search_v3(&self) -> Url {
        let query = self.query;
        let (start_ns, end_ns) = self.window_ns();
        let mut url = query.url("/api/v3/traces");
        let mut pairs = url.query_pairs_mut();
        let mut add = |name: &str, value: &str| {
            pairs.append_pair(&format!("query.{name}"), value);
        };
        query.service.iter().for_each(|service| add("service_name", service));
        query.operation.iter().for_each(|operation| add("operation_name", operation));
        add("start_time_min", &time::rfc3339(start_ns));
        add("start_time_max", &time::rfc3339(end_ns));
        add("num_traces", &query.limit.to_string());
        add("search_depth", &query.limit.to_string());
        query.min_duration.iter().for_each(|min| add("duration_min", &in_ns(*min)));
        query.max_duration.iter().for_each(|max| add("duration_max", &in_ns(*max)));
        add("raw_traces", "true");
        drop(pairs);
        url
    }

    fn search_legacy(&self) -> Url {
        let query = self.query;
        let (start_ns, end_ns) = self.window_ns();
        let mut url = query.url("/api/traces");
        let mut pairs = url.query_pairs_mut();
        let mut add = |name: &str, value: &str| {
            pairs.append_pair(name, value);
        };
        query.service.iter().for_each(|service| add("service", service));
        query.operation.iter().for_each(|operation| add("operation", operation));
        add("start", &(start_ns / 1_000).to_string());
        add("end", &(end_ns / 1_000).to_string());
        add("limit", &query.limit.to_string());
        query.min_duration.iter().for_each(|min| add("minDuration", &in_ns(*min)));
        query.max_duration.iter().for_each(|max| add("maxDuration", &in_ns(*max)));
        if !query.tags.is_empty() {
            let tags = query.tags.iter();
            let tags = tags.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
            add("tags", &Value::Object(tags.collect()).to_string());
        }
        add("raw", "true");
        drop(pairs);
        url
    }

    /// From when to when a span may have started, in nanoseconds since the epoch.
    fn window_ns(&self) -> (u64, u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ns = |moment: Duration| u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX);
        (ns(now.saturating_sub(self.query.lookback)), ns(now + CLOCK_TOLERANCE))
    }

    fn get(&self, url: Url) -> Result<Response, LiveError> {
        self.client.get(url).send().map_err(|error| self.query.unreachable(&error))
    }

    fn request(&self, url: Url, api: Api) -> Result<Answer, LiveError> {
        let response = self.get(url.clone())?;
        let status = response.status();
        if !status.is_success() {
            return self.refusal(response, &url);
        }
        let mut body = BufReader::with_capacity(1 << 16, response);
        let start = body.fill_buf().map_err(|error| self.cut(&url, error))?;
        if start.trim_ascii_start().first() != Some(&b'{') {
            // Jaeger's pages answer for every path that its server does not know.
            let found = shown(&String::from_utf8_lossy(start));
            return Ok(Answer::Absent(LiveError::NotJaeger { url: url.to_string(), found }));
        }
        let format = match api {
            Api::V3 => Format::OtlpJsonLines,
            Api::Legacy => Format::JaegerJson,
        };
        let mut report = read_as(body, format);
        match report.error.take() {
            Some(crate::format::FormatError::Io(error)) => Err(self.cut(&url, error)),
            Some(error) => Err(LiveError::Format { url: url.to_string(), source: Box::new(error) }),
            None if report.traces.spans.is_empty() => Ok(Answer::Nothing),
            None => Ok(Answer::Traces(report)),
        }
    }

    /// An answer that ended too early.
    fn cut(&self, url: &Url, error: std::io::Error) -> LiveError {
        let waited = self.query.timeout;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
        let is_timeout = error.kind() == std::io::ErrorKind::TimedOut
            || inner.is_some_and(reqwest::Error::is_timeout);
        match is_timeout {
            true => LiveError::Timeout { address: self.query.address(), waited },
            false => LiveError::Unreachable { address: url.to_string(), reason: error.to_string() },
        }
    }

    fn refusal(&self, response: Response, url: &Url) -> Result<Answer, LiveError> {
        let status = response.status();
        let mut bytes = Vec::new();
        response
            .take(MOST_REFUSAL_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| self.cut(url, error))?;
        let text = String::from_utf8_lossy(&bytes);
        let json: Option<Value> = serde_json::from_str(&text).ok();
        // Both interfaces say so when they find nothing; a server without them says only 404.
        let message = json.as_ref().and_then(|json| {
            let v3 = json.pointer("/error/message");
            v3.or_else(|| json.pointer("/errors/0/msg")).and_then(Value::as_str)
        });
        let body = shown(message.unwrap_or(&text));
        let (url, code) = (url.to_string(), status.as_u16());
        if status == StatusCode::NOT_FOUND {
            return Ok(match message {
                Some(_) => Answer::Nothing,
                None => Answer::Absent(LiveError::NotJaeger { url, found: body }),
            });
        }
        Err(LiveError::Status { url, status: code, body })
    }

    /// Nothing was found: does the service exist?
    fn why_nothing(&self) -> Result<LiveError, LiveError> {
        if let (Some(service), true) = (&self.query.service, self.query.trace_ids.is_empty()) {
            let services = self.services()?;
            if !services.contains(service) {
                return Ok(LiveError::UnknownService { service: service.clone(), services });
            }
        }
        Ok(LiveError::NoTraces { query: self.query.to_string() })
    }

    /// The services that Jaeger knows, by whichever interface has them.
    fn services(&self) -> Result<Vec<String>, LiveError> {
        let mut absent = None;
        for (path, member) in [("/api/v3/services", "services"), ("/api/services", "data")] {
            let url = self.query.url(path);
            let response = self.get(url.clone())?;
            let status = response.status();
            let text = response.text().map_err(|error| self.query.unreachable(&error))?;
            let json: Option<Value> = serde_json::from_str(&text).ok();
            match json {
                Some(json) if status.is_success() && json.is_object() => {
                    let names = json.get(member).and_then(Value::as_array);
                    let names = names.into_iter().flatten().filter_map(Value::as_str);
                    let mut names: Vec<String> = names.map(str::to_owned).collect();
                    names.sort();
                    return Ok(names);
                }
                _ => absent = Some((url, text)),
            }
        }
        let (url, text) = absent.unwrap_or_else(|| (self.query.base.clone(), String::new()));
        Err(LiveError::NotJaeger { url: url.to_string(), found: shown(&text) })
    }
}

/// Nanoseconds, as both interfaces read them.
fn in_ns(duration: Duration) -> String {
    format!("{}ns", duration.as_nanos())
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN_CHARACTERS).collect()
}

/// Adds the spans of `more`, whose resources come after those that are there.
fn append(traces: &mut TraceSet, more: TraceSet) {
    let before = traces.resources.len() as u32;
    traces.resources.extend(more.resources);
    traces.spans.extend(more.spans.into_iter().map(|mut span| {
        span.resource += before;
        span
    }));
}
