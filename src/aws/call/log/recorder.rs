//! What listens to the events: one layer that writes the lines and the trace.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use super::CALL;
use super::fields::Fields;
use super::lines::Lines;
use super::trace::{Group, Trace};
use crate::engine::events::OBJECT;

/// Writes calls down from now on: lines up to a level, and a trace of all. Once in a process.
#[must_use]
pub fn start(lines: Option<(LevelFilter, Box<dyn Write + Send>)>, trace: Option<Box<dyn Write + Send>>) -> Recording {
    let (recording, dispatch) = recorder(lines, trace);
    // It fails when something is listening already, which then goes on.
    let _ = tracing::dispatcher::set_global_default(dispatch);
    recording
}

/// The same, for whoever wants to listen elsewhere than in the whole process.
pub(super) fn recorder(
    lines: Option<(LevelFilter, Box<dyn Write + Send>)>,
    trace: Option<Box<dyn Write + Send>>,
) -> (Recording, Dispatch) {
    let level = lines.as_ref().map_or(LevelFilter::OFF, |(level, _)| *level);
    let level = if trace.is_some() { level.max(LevelFilter::DEBUG) } else { level };
    let lines = lines.map(|(level, to)| Lines { level, to });
    let written = Arc::new(Mutex::new(Written { lines, trace: trace.map(Trace::new) }));
    let ours = Targets::new().with_target(CALL, level).with_target(OBJECT, level);
    let recorder = Recorder { written: written.clone() }.with_filter(ours);
    (Recording { written }, Dispatch::new(Registry::default().with(recorder)))
}

/// What is being written.
struct Written {
    lines: Option<Lines>,
    trace: Option<Trace>,
}

fn locked(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Completes the trace when it is dropped.
pub struct Recording {
    written: Arc<Mutex<Written>>,
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(trace) = &mut locked(&self.written).trace {
            trace.complete();
        }
    }
}

struct Recorder {
    written: Arc<Mutex<Written>>,
}

/// What is kept of a span until it closes.
struct Open {
    began: Instant,
    fields: Fields,
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.0.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The object that a span is about.
fn key<'a, S: LookupSpan<'a>>(span: SpanRef<'a, S>) -> Option<String> {
    text(&span.extensions().get::<Open>()?.fields, "key")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Open { began: Instant::now(), fields });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let object = context.event_scope(event).and_then(|mut spans| spans.find_map(key));
        let mut written = locked(&self.written);
        if let Some(lines) = &mut written.lines {
            lines.write(*event.metadata().level(), object.as_deref(), &fields);
        }
        let Some(trace) = &mut written.trace else { return };
        // Only what took time is a bar.
        let Some(took) = fields.take("took_ms").as_ref().and_then(Value::as_f64) else { return };
        fields.take("message");
        let service = fields.take("service").and_then(|service| service.as_str().map(str::to_owned)).unwrap_or_default();
        let operation = text(&fields, "operation").unwrap_or_else(|| service.clone());
        fields.take("operation");
        fields.0.extend(object.map(|object| ("object".to_owned(), object.into())));
        trace.add(Group::Calls, &service, &operation, Duration::from_secs_f64(took / 1000.0), fields.0);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let extensions = span.extensions();
        let Some(open) = extensions.get::<Open>() else { return };
        if let Some(trace) = &mut locked(&self.written).trace {
            let lane = text(&open.fields, "key").unwrap_or_default();
            let name = text(&open.fields, "verb").unwrap_or_else(|| span.name().to_owned());
            trace.add(Group::Objects, &lane, &name, open.began.elapsed(), open.fields.0.clone());
        }
    }
}
