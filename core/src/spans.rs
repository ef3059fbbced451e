//! The spans and events of the read path: one macro for each kind, one place for their names.
//!
//! | kind | level | when |
//! |---|---|---|
//! | stage: `async_snapshot`, `route`, `propose`, `inspect`, `apply_reads` | INFO | always |
//! | message: `step`, for a message that a read caused | INFO | always |
//! | function: every other box of the charts | TRACE | when charts are drawn |
//! | event `case`, `variable`, `struct`: the boxes that are no functions | TRACE | likewise |
//!
//! Every span carries `owner` (the clusters of its box, outermost first, joined by `/`) and
//! `code.function.name` (the box, `Type::function`). Further attributes:
//!
//! | attribute | unit | meaning |
//! |---|---|---|
//! | `raft.store_id`, `raft.region_id`, `raft.peer_id` | | where it happened |
//! | `raft.term`, `raft.role`, `raft.commit_index`, `raft.applied_index` | | the peer at that moment |
//! | `read.id` | | the `Uuid` of a read index |
//! | `read.mode` | | how the read was served: the names of `ReadMode` |
//! | `read.policy` | | `ReadLocal`, `ReadIndex`, `StaleRead`, `Propose...` |
//! | `read.index` | | the index that the read waited for |
//! | `lease.state`, `lease.remaining_ns`, `lease.renewed_by` | ns | the lease when it was inspected |
//! | `reject.reason` | | why a local read was refused or sent to the raftstore |
//! | `wait.snapshot_ns` | ns | where the time went: taking the engine's snapshot |
//! | `wait.mailbox_ns`, `wait.quorum_ns`, `wait.apply_ns` | ns | likewise, of what a raft thread has seen |
//! | `wait.disk_ns`, `wait.poller_ns` | ns | of `wait.mailbox_ns`: the raft threads waited for the disk, or served regions |
//! | `poller.region_id` | | the region that kept them longest |
//! | `wait.apply_disk_ns` | ns | of `wait.apply_ns`: the raft threads waited for the disk |
//! | `message.kept_ns`, `message.kept_disk_ns`, `message.kept_poller_ns` | ns | how long its sender kept the message before it left, and what for |
//! | `wait.install_ns` | ns | of `wait.apply_ns`: the replica put in a snapshot |
//! | `wait.reader_snapshot_ns` | ns | a snapshot that the reader's thread took and that no lease covered |
//! | `wait.engine_ns` | ns | reading the engine for a get or a scan |
//! | `engine.thread` | | whose time that was: the `caller`'s, or that of the `raft` thread |
//! | `engine.block_reads`, `engine.block_read_ns` | , ns | blocks that were not in the cache; the time for them, of a scan |
//! | `engine.tombstones`, `engine.keys` | | deleted keys that a scan passed, keys that it found |
//! | `message.type`, `message.from_store` | | what a `step` handled |

use std::mem::ManuallyDrop;

use tracing::callsite::{Callsite as _, DefaultCallsite};
use tracing::span::EnteredSpan;

/// A stage span: always on. The box is `$function`, standing in the clusters `$owner`.
macro_rules! stage_span {
    (root: $name:literal, $owner:literal, $function:literal $(, $($fields:tt)*)?) => {
        tracing::info_span!(
            parent: None, $name, owner = $owner, code.function.name = $function $(, $($fields)*)?
        )
    };
    ($name:literal, $owner:literal, $function:literal $(, $($fields:tt)*)?) => {
        tracing::info_span!($name, owner = $owner, code.function.name = $function $(, $($fields)*)?)
    };
}

/// A stage that every lease read passes: as `stage_span!`, with the fields that may become known later
/// behind `later`, by their names alone: `lean_stage_span!("async_snapshot", "RaftKV",
/// "RaftKv::async_snapshot", of_store: "raft.store_id" = id; later: "read.mode", "error")`, where
/// `of_store` is any name that the values do not use.
///
/// `tracing`'s own macros give such a field a value that says nothing, and show all of those to the
/// subscriber for every span; most stages of reads have a dozen that they do not need.
macro_rules! lean_stage_span {
    (
        $name:literal, $owner:literal, $function:literal
        $(, $field:ident: $key:literal = $value:expr)* ; later: $($later:literal),*
    ) => {{
        use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
        static METADATA: tracing::Metadata<'static> = tracing::Metadata::new(
            $name,
            module_path!(),
            tracing::Level::INFO,
            Some(file!()),
            Some(line!()),
            Some(module_path!()),
            tracing::field::FieldSet::new(
                &["owner", "code.function.name", $($key,)* $($later,)*],
                tracing::callsite::Identifier(&CALLSITE),
            ),
            tracing::metadata::Kind::SPAN,
        );
        static CALLSITE: tracing::callsite::DefaultCallsite =
            tracing::callsite::DefaultCallsite::new(&METADATA);
        static FIELDS: std::sync::OnceLock<
            Option<[tracing::field::Field; 2 + [$($key),*].len()]>
        > = std::sync::OnceLock::new();
        let is_wanted = tracing::Level::INFO <= STATIC_MAX_LEVEL
            && tracing::Level::INFO <= LevelFilter::current()
            && $crate::spans::is_wanted(&CALLSITE);
        let fields = METADATA.fields();
        let known = || Some([
            fields.field("owner")?, fields.field("code.function.name")?, $(fields.field($key)?),*
        ]);
        match is_wanted.then(|| FIELDS.get_or_init(known)) {
            Some(Some([of_owner, of_function, $($field),*])) => {
                let values = [
                    (of_owner, Some(&$owner as &dyn tracing::field::Value)),
                    (of_function, Some(&$function as &dyn tracing::field::Value)),
                    $(($field, Some(&$value as &dyn tracing::field::Value))),*
                ];
                tracing::Span::new(&METADATA, &fields.value_set(&values))
            }
            _ => tracing::Span::none(),
        }
    }};
}

/// A function's span: only there when charts are drawn, and only inside another span, so that the
/// background work of a store starts no traces of its own.
macro_rules! function_span {
    ($name:literal, $owner:literal, $function:literal $(, $($fields:tt)*)?) => {
        if $crate::spans::draws_functions() && $crate::spans::is_inside_span() {
            tracing::trace_span!(
                $name, owner = $owner, code.function.name = $function $(, $($fields)*)?
            )
        } else {
            tracing::Span::none()
        }
    };
}

/// As `function_span!`, and entered until what it gives goes. A read passes a dozen of these, so where
/// no charts are drawn each is a comparison and no span that records nothing.
macro_rules! enter_function {
    ($($what:tt)*) => {
        $crate::spans::Entered::new(
            $crate::spans::draws_functions()
                .then(|| $crate::spans::function_span!($($what)*).entered()),
        )
    };
}

/// A function's span while it is entered, or nothing. What it takes to leave one is kept out of the
/// way of those who have entered none.
pub(crate) struct Entered(ManuallyDrop<Option<EnteredSpan>>);

impl Entered {
    #[inline(always)]
    pub(crate) fn new(span: Option<EnteredSpan>) -> Self {
        Entered(ManuallyDrop::new(span))
    }
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0.is_some() {
            leave(&mut self.0);
        }
    }
}

#[cold]
#[inline(never)]
fn leave(span: &mut Option<EnteredSpan>) {
    drop(span.take());
}

/// A function's span that starts a trace: one round of work that reads wait for.
macro_rules! round_span {
    ($name:literal, $owner:literal, $function:literal) => {
        tracing::trace_span!(parent: None, $name, owner = $owner, code.function.name = $function)
    };
}

/// Whether the subscriber wants the spans of a callsite.
#[inline]
pub(crate) fn is_wanted(callsite: &'static DefaultCallsite) -> bool {
    let interest = callsite.interest();
    interest.is_always()
        || (interest.is_sometimes()
            && tracing::dispatcher::get_default(|it| it.enabled(callsite.metadata())))
}

/// Whether anybody wants functions.
#[inline(always)]
pub(crate) fn draws_functions() -> bool {
    tracing::level_filters::LevelFilter::current() >= tracing::level_filters::LevelFilter::TRACE
}

/// Whether there is a span that a function's may stand in.
pub(crate) fn is_inside_span() -> bool {
    !tracing::Span::current().is_none()
}

/// Records several fields of a span in one go: `record_fields!(span, of_mode: "read.mode" = mode)`,
/// where `of_mode` is any name that the values do not use.
///
/// Each use is for the spans of one `stage_span!`, whose fields it looks up by name once, where
/// `tracing::record_all!` does so for every span: a third of what recording them takes.
macro_rules! record_fields {
    ($span:expr, $($field:ident: $name:literal = $value:expr),+ $(,)?) => {
        if let Some(metadata) = $span.metadata() {
            static FIELDS: std::sync::OnceLock<Option<[tracing::field::Field; [$($name),+].len()]>> =
                std::sync::OnceLock::new();
            let fields = metadata.fields();
            let found = FIELDS.get_or_init(|| Some([$(fields.field($name)?),+]));
            if let Some([$($field),+]) = found {
                let values = [$(($field, Some(&$value as &dyn tracing::field::Value))),+];
                $span.record_all(&fields.value_set(&values));
            }
        }
    };
}

/// A branch that was taken: `case!("LeaseState::Valid", "Peer")`.
macro_rules! case {
    ($title:expr, $owner:literal $(, from = $from:expr)?) => {
        tracing::trace!(title = $title, owner = $owner, $(from = $from, flow = "call",)? "case")
    };
}

/// A value that was read or made, with no function of its own.
macro_rules! variable {
    ($title:expr, $owner:literal $(, $key:ident = $value:expr)*) => {
        tracing::trace!(title = $title, owner = $owner, $($key = $value,)* "variable")
    };
}

/// A record that was read or made.
macro_rules! record {
    ($title:expr, $owner:literal $(, $key:ident = $value:expr)*) => {
        tracing::trace!(title = $title, owner = $owner, $($key = $value,)* "struct")
    };
}

pub(crate) use {
    case, enter_function, function_span, lean_stage_span, record, record_fields, round_span,
    stage_span, variable,
};
