//! The files of the recorder that touch blocks, as they are.

#[path = "../../src/recorder/address.rs"]
mod address;
#[path = "../../src/recorder/block.rs"]
mod block;
#[path = "../../src/recorder/claim.rs"]
mod claim;
#[path = "../../src/recorder/copy.rs"]
mod copy;
#[path = "../../src/recorder/entry.rs"]
mod entry;
#[path = "../../src/recorder/fields.rs"]
mod fields;
#[path = "../../src/recorder/lease.rs"]
mod lease;
#[path = "../../src/recorder/parked.rs"]
mod parked;
#[path = "../../src/recorder/pool.rs"]
mod pool;
#[path = "../../src/recorder/scratch.rs"]
mod scratch;
#[path = "../../src/recorder/sync.rs"]
mod sync;
#[path = "../../src/recorder/thread.rs"]
mod thread;

#[path = "models.rs"]
pub(crate) mod models;
