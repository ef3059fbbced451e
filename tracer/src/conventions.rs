//! The names of attributes, events and links that give a span its place in a chart.
//!
//! They are plain OpenTelemetry data: any service may record them, and a trace without them is
//! still drawn (a box per operation, a cluster per service).
//!
//! | where | key | meaning |
//! |---|---|---|
//! | span | `owner` | clusters the box stands in, outermost first, joined by `/`: `LocalReader/leader lease` |
//! | span | `code.function.name` | identity of the box: `Peer::inspect` |
//! | span | `code.file.path`, `code.line.number` | where the function stands |
//! | event `case` | `title`, `owner`, `from`, `flow` | a branch taken: `LeaseState::Suspect` |
//! | event `variable` | the same | a value that was read or made: `Lease::bound` |
//! | event `struct` | the same, `fields`, `port` | a record: `fields` are its field names joined by `|`, `port` the one the arrow meets |
//! | link | `link.kind` | the hand-over: `mailbox`, `callback`, `batch`, `read_index_round`, `apply`, `message` |
//!
//! An event's arrow starts at the function of its span, or at the box whose identity is `from`.
//! Its `flow` is `call` or `data`; without it a `case` is `data` and the others are `call`.

/// Clusters of a box, outermost first, joined by `/`.
pub const OWNER: &str = "owner";
/// Identity of a box: `Type::function`.
pub const FUNCTION: &str = "code.function.name";
/// The file of a function.
pub const FILE: &str = "code.file.path";
/// The line of a function.
pub const LINE: &str = "code.line.number";
/// Event: a branch that was taken.
pub const EVENT_CASE: &str = "case";
/// Event: a value that was read or made.
pub const EVENT_VARIABLE: &str = "variable";
/// Event: a record that was read or made.
pub const EVENT_STRUCT: &str = "struct";
/// Event attribute: identity and title of the box.
pub const TITLE: &str = "title";
/// Event attribute: identity of the box that the arrow starts at, if not the span's function.
pub const FROM: &str = "from";
/// Event attribute: `call` or `data`.
pub const FLOW: &str = "flow";
/// Event attribute: field names of a record, joined by `|`.
pub const FIELDS: &str = "fields";
/// Event attribute: the field that the arrow meets.
pub const PORT: &str = "port";
/// Link attribute: which kind of hand-over it was.
pub const LINK_KIND: &str = "link.kind";
/// Service of a resource.
pub const SERVICE_NAME: &str = "service.name";
