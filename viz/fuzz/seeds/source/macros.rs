macro_rules! id { ($name:ident, $($rest:tt)*) => { struct $name(u64); impl $name { fn get(&self) -> u64 { self.0 } } id!($($rest)*); }; () => {} }
id!(StoreId, RegionId,);
cfg_if! { if #[cfg(unix)] { fn unix() { plain() } } }
thread_local! { static COUNT: std::cell::Cell<u32> = const { std::cell::Cell::new(start()) }; }
const fn start() -> u32 { 3 }
fn plain() { info!(target: "x", id = %name().len(), "{}: {:?}", name(), r#"raw"#); assert_eq!(name(), vec![name(); 2].concat(), "{}", b'\n'); }
fn name() -> String { concat!("a", 'b', 1.0e3, 0x_ff).to_owned() }
#[tracing::instrument(skip_all, fields(a = start()))]
async fn asks() { tokio::select! { x = later() => plain(), else => { later().await; } } async move { plain() }.await; }
async fn later() -> u32 { start() }
