//! Fields of all sizes, some of which record something themselves while they are written down. A program
//! of its own, since `tracing` lets a value do that only under a subscriber that is the program's.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use raftlens_tracer::model::{Span, Value};
use raftlens_tracer::recorder::FlightRecorder;
use tracing::info_span;

/// A value that records while it is shown.
struct Recording(usize);

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = info_span!("inner", number = self.0, text = "a text in between").entered();
        tracing::info!(number = self.0, "shown");
        drop(inner);
        write!(f, "value {}", self.0)
    }
}

/// Within a span, fields are written where they stay as far as they fit, and go on elsewhere.
#[test]
fn fields_come_back_wherever_they_were_written() {
    let long = "0123456789abcdef".repeat(64);
    let lengths = [0, 3, 8, 12, 13, 40, 200, 500, 800];
    let recorder = FlightRecorder::builder().poll_every(None).build();
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    tracing::subscriber::set_global_default(recorder.clone()).unwrap();
    info_span!("root").in_scope(|| {
        for (number, length) in lengths.into_iter().cycle().take(60).enumerate() {
            let text = &long[..length];
            let outer = info_span!(
                "outer",
                number,
                large = u64::MAX,
                text,
                value = ?Recording(number),
                after = text,
                last = -1,
            );
            outer.in_scope(|| drop(info_span!("leaf", number, after = text)));
        }
    });
    assert_eq!(recorder.counts().lost(), 0);
    let traces = recorder.kept();
    let of = |name: &str| -> Vec<&Span> {
        let spans = traces.spans.iter().filter(|span| &*span.name == name);
        spans.collect()
    };
    let (outer, inner, leaf) = (of("outer"), of("inner"), of("leaf"));
    assert_eq!((outer.len(), inner.len(), leaf.len()), (60, 60, 60));
    for (number, ((outer, inner), leaf)) in outer.into_iter().zip(inner).zip(leaf).enumerate() {
        let text = Value::Str(long[..lengths[number % lengths.len()]].into());
        let number_value = Value::Int(number as i64);
        for (key, value) in [
            ("number", &number_value),
            ("large", &Value::Str("18446744073709551615".into())),
            ("text", &text),
            ("value", &Value::Str(format!("value {number}").into())),
            ("after", &text),
            ("last", &Value::Int(-1)),
        ] {
            assert_eq!(outer.attribute(key), Some(value), "{number} {key}");
        }
        assert_eq!(inner.attribute("number"), Some(&number_value));
        assert_eq!(inner.text("text"), Some("a text in between"));
        assert_eq!(inner.events.len(), 1);
        assert_eq!(
            (leaf.attribute("number"), leaf.attribute("after")),
            (Some(&number_value), Some(&text))
        );
        assert_eq!(leaf.parent_span_id, Some(outer.span_id));
    }
}
