struct Pool<T, const N: usize> { jobs: [Option<Job<T>>; N], done: Box<dyn FnMut(T) -> bool> }
type Job<T> = Box<dyn FnOnce(&mut Pool<T, 4>) -> T>;
impl<T: Clone + Default, const N: usize> Pool<T, N> {
    fn run<F>(&mut self, job: F) -> T where F: FnOnce(&Self) -> T { let result = job(self); (self.done)(result.clone()); self.map(|it| it.clone()).next().unwrap_or_else(T::default) }
    fn map<'a, U: 'a>(&'a self, f: impl Fn(&T) -> U + 'a) -> impl Iterator<Item = U> + 'a { std::iter::empty::<T>().map(move |it| f(&it)) }
}
fn make() -> Pool<u8, 4> { Pool { jobs: Default::default(), done: Box::new(|x| check(x)) } }
fn check(x: u8) -> bool { let add = |a: u8, b| -> u8 { a + b }; let pick = if x > 3 { check } else { deny }; pick(add(x, 1)) || [1u8, 2].iter().copied().any(check) }
fn deny(_: u8) -> bool { 'outer: loop { let z = loop { break 'outer true }; } }
