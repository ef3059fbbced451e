//! A shop, through traits.
use std::sync::Arc;
pub trait Store: Send { type Key; fn get(&self, key: &Self::Key) -> Option<u64>; fn has(&self, key: &Self::Key) -> bool { self.get(key).is_some() } }
struct Memory { items: Vec<Item>, next: Option<Box<Memory>> }
#[derive(Clone, Default)]
struct Item { id: u64, count: u32 }
impl Store for Memory { type Key = u64; fn get(&self, key: &u64) -> Option<u64> { self.items.iter().find(|item| item.is(*key)).map(Item::total) } }
impl Item { const NONE: Item = Item { id: 0, count: 0 }; fn is(&self, key: u64) -> bool { self.id == key } fn total(&self) -> u64 { u64::from(self.count) } }
impl From<u64> for Item { fn from(id: u64) -> Self { Item { id, ..Self::NONE } } }
fn any<S: Store<Key = u64> + ?Sized>(store: &S) -> bool where S: Sync { store.has(&1) && S::get(store, &2).is_some() }
fn dynamic(store: Arc<dyn Store<Key = u64>>) -> impl Fn(u64) -> bool { move |key| store.has(&key) }
