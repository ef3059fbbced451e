//! The flight recorder in the same builder: what it keeps goes where `init` says.
//!
//! ```text
//! tracing macros -> FlightRecorder -> kept traces -> kept.rs -> pipeline.rs -> file, memory, OTLP
//! ```

use std::sync::Arc;

use super::builder::Init;
use super::error::InitError;
use super::guard::{Guard, Way};
use super::kept::ToProcessor;
use super::pipeline::{Pipeline, Processor};
use super::store::{MemoryHandle, Store};
use crate::conventions::SERVICE_NAME;
use crate::recorder::{Builder, FlightRecorder};

impl Init {
    /// Records with a flight recorder instead: every trace is recorded at little cost, and only
    /// what `recorder` keeps goes to the destinations. The level and the service's name are those
    /// of this builder.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("slow.jaeger.json");
    /// use std::time::Duration;
    ///
    /// use raftlens_tracer::recorder::FlightRecorder;
    /// use raftlens_tracer::{format::Format, init};
    ///
    /// let rules = FlightRecorder::builder().keep_all_slower_than(Duration::from_millis(20));
    /// let (recorder, guard) = init()
    ///     .service_name("shop")
    ///     .file(path, Format::JaegerJson)
    ///     .recorder(rules)
    ///     .install()?;
    /// tracing::info_span!("checkout", items = 3_u64).in_scope(|| {});
    /// assert_eq!(recorder.counts().lost(), 0);
    /// guard.shutdown()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recorder(self, recorder: Builder) -> InitRecorder {
        InitRecorder { init: self, recorder }
    }
}

/// Recording with a flight recorder that is being set up; see [`Init::recorder`].
#[derive(Debug)]
#[must_use = "nothing is recorded before .build() or .install()"]
pub struct InitRecorder {
    init: Init,
    recorder: Builder,
}

impl InitRecorder {
    /// Makes the recorder, for programs that install it themselves: as it is, in a
    /// [`tee`](FlightRecorder::tee) with another subscriber, or as a
    /// [`layer`](FlightRecorder::layer).
    ///
    /// # Errors
    ///
    /// [`InitError`] when kept traces would go nowhere or a destination is unusable.
    pub fn build(self) -> Result<(FlightRecorder, Guard), InitError> {
        let InitRecorder { init, recorder } = self;
        let resource = init.resource();
        let memory = Arc::new(Store::new(init.most_spans, resource.clone()));
        let pipeline = Arc::new(Pipeline::new(init.sinks(&resource, &memory)?));
        let name = resource.get(&SERVICE_NAME.into()).map(|name| name.to_string());
        let recorder = recorder.level(init.level).service_name(name.unwrap_or_default()).build();
        recorder.add_sink(ToProcessor::new(Processor(Arc::clone(&pipeline))));
        let way = Way::Recorder(recorder.clone());
        let memory = MemoryHandle(memory);
        Ok((recorder, Guard { pipeline, way, memory, is_shut_down: false }))
    }

    /// Makes the recorder and installs it for the whole program.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build), and [`InitError::AlreadyInstalled`].
    pub fn install(self) -> Result<(FlightRecorder, Guard), InitError> {
        let (recorder, guard) = self.build()?;
        tracing::subscriber::set_global_default(recorder.clone())
            .map_err(|_| InitError::AlreadyInstalled)?;
        Ok((recorder, guard))
    }
}
