//! A real Jaeger with memory for storage, on ports of its own, gone when the test is.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use raftlens_tracer::live::{JaegerQuery, LiveError};

/// A running Jaeger.
pub(crate) struct Jaeger {
    child: Child,
    ports: Ports,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy)]
struct Ports {
    otlp_grpc: u16,
    otlp_http: u16,
    query_http: u16,
    query_grpc: u16,
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        // Also when the test fails; a process that has ended by itself cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Jaeger {
    /// Starts one, and waits until it answers.
    pub(crate) fn start() -> Jaeger {
        Jaeger::start_forwarding(&[])
    }

    /// Starts one that also forwards spans, as the OpenTelemetry Collector that it is: through these
    /// exporters, each with its settings.
    pub(crate) fn start_forwarding(exporters: &[(&str, String)]) -> Jaeger {
        // A port that is free now may be taken when Jaeger wants it.
        let mut attempts = (0..3).filter_map(|_| Jaeger::try_start(exporters));
        attempts.next().expect("Jaeger ends before it answers")
    }

    /// Where it takes spans over gRPC.
    pub(crate) fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_grpc)
    }

    /// Where it takes spans over HTTP.
    pub(crate) fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_http)
    }

    /// Where it is asked for traces.
    pub(crate) fn query(&self, parameters: &str) -> String {
        format!("jaeger:http://127.0.0.1:{}?{parameters}", self.ports.query_http)
    }

    fn try_start(exporters: &[(&str, String)]) -> Option<Jaeger> {
        let program = std::env::var_os("RAFTLENS_JAEGER")
            .map(PathBuf::from)
            .expect("RAFTLENS_JAEGER names no Jaeger: run `make test-jaeger`");
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::free();
        let config = folder.path().join("config.yaml");
        fs::write(&config, ports.config(exporters)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(&program)
            .arg("--config")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut jaeger = Jaeger { child, ports, _folder: folder };
        jaeger.answers().then_some(jaeger)
    }

    /// Waits until it answers; false when it ended instead.
    fn answers(&mut self) -> bool {
        let query: JaegerQuery = self.query("service=none").parse().unwrap();
        loop {
            match query.fetch() {
                Err(LiveError::UnknownService { .. }) => return true,
                Err(LiveError::Unreachable { .. }) => {}
                other => panic!("{other:?}"),
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Ports {
    fn free() -> Ports {
        // Held together, so that they differ.
        let held = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [otlp_grpc, otlp_http, query_http, query_grpc] =
            held.map(|listener| listener.local_addr().unwrap().port());
        Ports { otlp_grpc, otlp_http, query_http, query_grpc }
    }

    /// All in one process. There is no batching and no queue, so what was acknowledged can be read,
    /// and was forwarded.
    fn config(self, exporters: &[(&str, String)]) -> String {
        let Ports { otlp_grpc, otlp_http, query_http, query_grpc } = self;
        let names: String = exporters.iter().map(|(name, _)| format!(", {name}")).collect();
        let forwards: String = exporters
            .iter()
            .map(|(name, settings)| {
                format!("  {name}:\n    sending_queue: {{enabled: false}}\n{settings}")
            })
            .collect();
        format!(
            "
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [jaeger_storage_exporter{names}]
  telemetry:
    metrics:
      level: none
extensions:
  jaeger_storage:
    backends:
      main:
        memory:
          max_traces: 100000
  jaeger_query:
    storage:
      traces: main
    http:
      endpoint: 127.0.0.1:{query_http}
    grpc:
      endpoint: 127.0.0.1:{query_grpc}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:{otlp_grpc}
      http:
        endpoint: 127.0.0.1:{otlp_http}
exporters:
  jaeger_storage_exporter:
    trace_storage: main
{forwards}"
        )
    }
}
