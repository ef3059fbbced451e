//! What std's containers hand out: as much as tells the types of what is called on it.
//!
//! Names are the last ones of their paths, so that containers of other crates that are used in the
//! same way (`IndexMap`, `SmallVec`, `LruCache`) are among them.

use std::rc::Rc;

use super::ty::Ty;

/// What kind of container a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Option,
    Result,
    List,
    Map,
    Iterator,
    Lock,
    Cell,
    Future,
    Other,
}

fn kind(name: &str) -> Kind {
    match name {
        "Option" => Kind::Option,
        "Result" => Kind::Result,
        "Vec" | "VecDeque" | "BTreeSet" | "HashSet" | "BinaryHeap" | "LinkedList" | "IndexSet"
        | "SmallVec" | "ArrayVec" | "Punctuated" => Kind::List,
        "HashMap" | "BTreeMap" | "IndexMap" | "LruCache" | "DashMap" | "FxHashMap" | "AHashMap"
        | "StringMap" => Kind::Map,
        "Iterator" | "Peekable" | "Enumerate" | "Range" | "RangeInclusive" | "Chars" | "Iter"
        | "IterMut" | "IntoIter" | "Drain" => Kind::Iterator,
        "Mutex" | "RwLock" => Kind::Lock,
        "RefCell" | "Cell" | "OnceLock" | "OnceCell" => Kind::Cell,
        "Future" | "JoinHandle" => Kind::Future,
        _ => Kind::Other,
    }
}

/// Whether the methods of this type are all outside of the source.
pub(super) fn is_known(name: &str) -> bool {
    kind(name) != Kind::Other
}

/// Whether a wrapper answers this call itself, whatever is in it.
pub(super) fn has_method(wrapper: &str, name: &str) -> bool {
    match wrapper {
        "Arc" | "Rc" => matches!(name, "clone" | "as_ref" | "fmt"),
        "Pin" => matches!(name, "as_mut" | "as_ref" | "get_mut" | "set"),
        "Cow" => matches!(name, "into_owned" | "to_mut"),
        "ArcSwap" => matches!(name, "load" | "store" | "swap" | "load_full"),
        _ => false,
    }
}

/// What one gets on going through a value with `for`.
pub(super) fn item(ty: &Ty) -> Ty {
    match ty {
        Ty::Foreign(name, args) => match kind(name) {
            Kind::Map => Ty::Tuple(args.clone()),
            Kind::List | Kind::Iterator | Kind::Option | Kind::Result => ty.argument(0),
            _ if super::lookup::is_wrapper(name) => item(&ty.argument(0)),
            _ if matches!(&**name, "Receiver" | "IterMut" | "Iter") => ty.argument(0),
            _ if ty.is_opaque() => Ty::opaque(),
            _ => Ty::Unknown,
        },
        _ => Ty::Unknown,
    }
}

/// What a closure gives.
fn given(args: &[Ty], at: usize) -> Ty {
    match args.get(at) {
        Some(Ty::Function(signature)) => signature.output.clone(),
        _ => Ty::Unknown,
    }
}

/// The type that a method of a type from outside gives, as far as that is known.
pub(super) fn result(receiver: &Ty, method: &str, args: &[Ty]) -> Ty {
    // What a guard or a box holds answers, where the name is not for any value.
    if matches!(method, "get_mut" | "into_inner")
        && let Ty::Foreign(name, held) = receiver
        && super::lookup::is_wrapper(name)
        && let Some(held) = held.first()
    {
        return match held {
            Ty::Foreign(..) => result(held, method, args),
            held => held.clone(),
        };
    }
    if matches!(
        method,
        "clone"
            | "to_owned"
            | "as_ref"
            | "as_mut"
            | "borrow"
            | "borrow_mut"
            | "by_ref"
            | "into_boxed"
            | "deref"
            | "deref_mut"
            | "to_vec"
            | "as_slice"
            | "as_deref"
            | "as_deref_mut"
            | "into_owned"
            | "fuse"
            | "cloned"
            | "copied"
            | "as_mut_slice"
            | "into_boxed_slice"
            | "get_mut"
            | "instrument"
            | "in_current_span"
            | "into_inner"
    ) && !(matches!(method, "get_mut" | "into_inner") && has_places(receiver))
    {
        return match (receiver, method) {
            (Ty::Foreign(name, _), "into_inner" | "get_mut" | "borrow" | "borrow_mut")
                if matches!(kind(name), Kind::Lock | Kind::Cell) =>
            {
                receiver.argument(0)
            }
            _ => receiver.clone(),
        };
    }
    let Ty::Foreign(name, _) = receiver else { return Ty::Unknown };
    let known = match kind(name) {
        Kind::Option => of_option(receiver, method, args),
        Kind::Result => of_result(receiver, method, args),
        Kind::List => of_list(receiver, method, args),
        Kind::Map => of_map(receiver, method),
        Kind::Iterator => of_iterator(receiver, method, args),
        Kind::Lock => match method {
            "lock" | "read" | "write" | "try_lock" => Some(Ty::foreign(
                "Result",
                [receiver.argument(0), Ty::foreign("PoisonError", [receiver.argument(0)])],
            )),
            _ => None,
        },
        Kind::Cell => match method {
            "take" | "replace" | "get_or_init" => Some(receiver.argument(0)),
            "get" if &**name == "Cell" => Some(receiver.argument(0)),
            "get" => Some(Ty::option(receiver.argument(0))),
            _ => None,
        },
        Kind::Future => {
            (method == "join").then(|| Ty::foreign("Result", [receiver.argument(0), Ty::opaque()]))
        }
        Kind::Other => of_other(name, receiver, method, args),
    };
    // Of something that is not known, what is in it may come out: `raft.store()`.
    known.unwrap_or_else(|| match receiver {
        _ if receiver.is_opaque() => Ty::opaque(),
        Ty::Foreign(name, args) if kind(name) == Kind::Other => {
            Ty::Foreign("?".into(), args.clone())
        }
        _ => Ty::Unknown,
    })
}

/// Containers with places, of which `get_mut` gives one.
fn has_places(ty: &Ty) -> bool {
    matches!(ty, Ty::Foreign(name, _) if matches!(kind(name), Kind::List | Kind::Map))
}

fn of_other(name: &str, receiver: &Ty, method: &str, args: &[Ty]) -> Option<Ty> {
    Some(match (name, method) {
        ("Entry" | "OccupiedEntry" | "VacantEntry", "and_modify") => receiver.clone(),
        ("Entry" | "VacantEntry" | "OccupiedEntry", "key") => receiver.argument(0),
        ("Entry" | "VacantEntry" | "OccupiedEntry", _) => receiver.argument(1),
        ("Weak", "upgrade") => Ty::option(receiver.argument(0)),
        (
            "Receiver" | "UnboundedReceiver",
            "recv" | "try_recv" | "recv_timeout" | "blocking_recv",
        ) => {
            // Of std a result, of tokio an option: both are looked into in the same way.
            Ty::foreign("Result", [receiver.argument(0), Ty::opaque()])
        }
        ("Receiver", "try_iter" | "iter") => Ty::iterator(receiver.argument(0)),
        ("PoisonError", "get_mut") => receiver.argument(0),
        ("bool", "then") => Ty::option(given(args, 0)),
        ("bool", "then_some") => Ty::option(args.first()?.clone()),
        (_, "chars" | "lines" | "bytes" | "split" | "split_whitespace" | "char_indices") => {
            Ty::iterator(Ty::opaque())
        }
        (_, "map" | "rev" | "step_by" | "filter") if receiver.is_opaque() => {
            Ty::iterator(Ty::opaque())
        }
        (name, _) if super::lookup::is_wrapper(name) => result(&receiver.argument(0), method, args),
        _ => return None,
    })
}

fn of_option(receiver: &Ty, method: &str, args: &[Ty]) -> Option<Ty> {
    let inner = || receiver.argument(0);
    Some(match method {
        "unwrap" | "expect" | "unwrap_or" | "unwrap_or_else" | "unwrap_or_default"
        | "get_or_insert_with" | "insert" | "get_or_insert" => known_of(inner(), args),
        "take" | "filter" | "or" | "or_else" | "xor" | "replace" | "inspect" | "take_if" => {
            receiver.clone()
        }
        "map" => Ty::option(given(args, 0)),
        "and_then" => given(args, 0),
        "map_or" | "map_or_else" => match given(args, 1) {
            Ty::Unknown => args.first()?.clone(),
            ty => ty,
        },
        "ok_or" => Ty::foreign("Result", [inner(), args.first()?.clone()]),
        "ok_or_else" => Ty::foreign("Result", [inner(), given(args, 0)]),
        "iter" | "iter_mut" | "into_iter" => Ty::iterator(inner()),
        "flatten" => inner(),
        "transpose" => {
            Ty::foreign("Result", [Ty::option(inner().argument(0)), inner().argument(1)])
        }
        "zip" => Ty::option(Ty::Tuple(Rc::new([inner(), args.first()?.argument(0)]))),
        "is_some" | "is_none" | "is_some_and" | "is_none_or" => Ty::foreign("bool", []),
        _ => return None,
    })
}

/// What comes out of the container, else what is given in its place.
fn known_of(inner: Ty, args: &[Ty]) -> Ty {
    match (&inner, args.first()) {
        (Ty::Unknown, Some(Ty::Function(signature))) => signature.output.clone(),
        (Ty::Unknown, Some(other)) => other.clone(),
        _ => inner,
    }
}

fn of_result(receiver: &Ty, method: &str, args: &[Ty]) -> Option<Ty> {
    let (good, bad) = (|| receiver.argument(0), || receiver.argument(1));
    Some(match method {
        "unwrap" | "expect" | "unwrap_or" | "unwrap_or_else" | "unwrap_or_default" => {
            known_of(good(), args)
        }
        "ok" => Ty::option(good()),
        "err" => Ty::option(bad()),
        "unwrap_err" | "expect_err" => bad(),
        "map" => Ty::foreign("Result", [given(args, 0), bad()]),
        "map_err" => Ty::foreign("Result", [good(), given(args, 0)]),
        "and_then" => given(args, 0),
        "or_else" | "inspect" | "inspect_err" => receiver.clone(),
        "map_or" | "map_or_else" => match given(args, 1) {
            Ty::Unknown => args.first()?.clone(),
            ty => ty,
        },
        "iter" | "into_iter" => Ty::iterator(good()),
        "transpose" => Ty::option(Ty::foreign("Result", [good().argument(0), bad()])),
        "is_ok" | "is_err" | "is_ok_and" | "is_err_and" => Ty::foreign("bool", []),
        _ => return None,
    })
}

fn of_list(receiver: &Ty, method: &str, args: &[Ty]) -> Option<Ty> {
    let inner = || receiver.argument(0);
    Some(match method {
        "iter" | "iter_mut" | "into_iter" | "drain" | "range" | "union" | "intersection"
        | "difference" | "extract_if" | "into_sorted_vec" | "splice" => Ty::iterator(inner()),
        "get" | "get_mut" if matches!(args.first(), Some(Ty::Foreign(name, _)) if kind(name) == Kind::Iterator) => {
            Ty::option(receiver.clone())
        }
        "get" | "get_mut" | "first" | "last" | "first_mut" | "last_mut" | "front" | "back"
        | "front_mut" | "back_mut" | "pop" | "pop_front" | "pop_back" | "peek" | "peek_mut"
        | "pop_first" | "pop_last" | "take" | "pop_if" => Ty::option(inner()),
        "remove" | "swap_remove" => inner(),
        "split_first" | "split_last" | "split_first_mut" | "split_last_mut" => {
            Ty::option(Ty::Tuple(Rc::new([inner(), receiver.clone()])))
        }
        "split_at" | "split_at_mut" => Ty::Tuple(Rc::new([receiver.clone(), receiver.clone()])),
        "split_off" | "concat" => receiver.clone(),
        "windows" | "chunks" | "chunks_exact" | "rchunks" | "chunks_mut" | "split" | "chunk_by" => {
            Ty::iterator(receiver.clone())
        }
        "len" | "is_empty" | "contains" | "binary_search" | "starts_with" => Ty::opaque(),
        "join" => Ty::opaque(),
        _ => return None,
    })
}

fn of_map(receiver: &Ty, method: &str) -> Option<Ty> {
    let (key, value) = (|| receiver.argument(0), || receiver.argument(1));
    let pair = || Ty::Tuple(Rc::new([key(), value()]));
    Some(match method {
        "get" | "get_mut" | "remove" | "insert" | "peek" | "peek_mut" | "pop" | "put"
        | "get_or_insert_mut" => Ty::option(value()),
        "get_or_insert" => value(),
        "values" | "values_mut" | "into_values" => Ty::iterator(value()),
        "keys" | "into_keys" => Ty::iterator(key()),
        "iter" | "iter_mut" | "into_iter" | "drain" | "range" | "range_mut" | "extract_if" => {
            Ty::iterator(pair())
        }
        "entry" => Ty::foreign("Entry", [key(), value()]),
        "get_key_value" | "first_key_value" | "last_key_value" | "pop_first" | "pop_last"
        | "remove_entry" | "pop_lru" | "peek_lru" | "push" => Ty::option(pair()),
        "first_entry" | "last_entry" => Ty::option(Ty::foreign("OccupiedEntry", [key(), value()])),
        "split_off" => receiver.clone(),
        "len" | "is_empty" | "contains_key" => Ty::opaque(),
        _ => return None,
    })
}

fn of_iterator(receiver: &Ty, method: &str, args: &[Ty]) -> Option<Ty> {
    let inner = || receiver.argument(0);
    let pair = |a: Ty, b: Ty| Ty::Tuple(Rc::new([a, b]));
    Some(match method {
        "filter" | "rev" | "skip" | "take" | "chain" | "step_by" | "inspect" | "take_while"
        | "skip_while" | "peekable" | "cycle" | "into_iter" | "iter" | "boxed" | "dedup"
        | "sorted" | "sorted_by_key" | "sorted_by" => receiver.clone(),
        "map" | "then" => Ty::iterator(given(args, 0)),
        "filter_map" | "map_while" => Ty::iterator(given(args, 0).argument(0)),
        "flat_map" => Ty::iterator(item(&given(args, 0))),
        "flatten" => Ty::iterator(item(&inner())),
        "scan" => Ty::iterator(given(args, 1).argument(0)),
        "enumerate" => Ty::iterator(pair(Ty::opaque(), inner())),
        "zip" => Ty::iterator(pair(inner(), item(args.first()?))),
        "next" | "last" | "min" | "max" | "nth" | "min_by_key" | "max_by_key" | "min_by"
        | "max_by" | "find" | "peek" | "peek_mut" | "next_back" | "reduce" | "next_if"
        | "rfind" | "try_next" => Ty::option(inner()),
        "find_map" => given(args, 0),
        "fold" => match args.first()? {
            Ty::Unknown => given(args, 1),
            first => first.clone(),
        },
        "try_fold" => given(args, 1),
        "try_for_each" => given(args, 0),
        // What it is collected into is what the place wants; mostly a list.
        "collect" => Ty::foreign("Vec", [inner()]),
        "partition" => pair(Ty::foreign("Vec", [inner()]), Ty::foreign("Vec", [inner()])),
        "unzip" => match inner() {
            Ty::Tuple(parts) if parts.len() == 2 => {
                pair(Ty::foreign("Vec", [parts[0].clone()]), Ty::foreign("Vec", [parts[1].clone()]))
            }
            _ => return None,
        },
        "any" | "all" | "count" | "position" | "rposition" | "eq" => Ty::opaque(),
        "sum" | "product" if inner().is_opaque() => Ty::opaque(),
        _ => return None,
    })
}

/// What a closure is given as argument `at` of a method of a type from outside.
pub(super) fn closure_inputs(receiver: &Ty, method: &str, at: usize) -> Vec<Ty> {
    let Ty::Foreign(name, args) = receiver else { return Vec::new() };
    let inner = || receiver.argument(0);
    match kind(name) {
        Kind::Option | Kind::Result => match method {
            "map_err" | "or_else" | "unwrap_or_else" | "inspect_err" => vec![receiver.argument(1)],
            "map_or_else" if at == 0 => vec![receiver.argument(1)],
            _ => vec![inner()],
        },
        Kind::List | Kind::Iterator => match method {
            "fold" | "try_fold" | "scan" => vec![Ty::Unknown, inner()],
            "sort_by" | "sort_unstable_by" | "min_by" | "max_by" | "dedup_by" | "reduce"
            | "is_sorted_by" | "chunk_by" => vec![inner(), inner()],
            _ => vec![inner()],
        },
        Kind::Map => match method {
            "retain" | "retain_mut" | "extract_if" => args.to_vec(),
            "get_or_insert" | "get_or_insert_mut" => Vec::new(),
            _ => vec![Ty::Tuple(args.clone())],
        },
        Kind::Lock | Kind::Cell | Kind::Future => Vec::new(),
        Kind::Other => match (&**name, method) {
            ("Entry", "and_modify") => vec![receiver.argument(1)],
            (outer, _) if super::lookup::is_wrapper(outer) => {
                closure_inputs(&receiver.argument(0), method, at)
            }
            _ if receiver.is_opaque() => vec![Ty::opaque(), Ty::opaque(), Ty::opaque()],
            _ => Vec::new(),
        },
    }
}

/// What a function of a type from outside makes: `Vec::new()`, `Arc::new(x)`, `String::from(x)`.
pub(super) fn constructed(name: &str, function: &str, args: &[Ty]) -> Ty {
    let first = || args.first().cloned().unwrap_or(Ty::Unknown);
    match (name, function) {
        ("Arc" | "Rc", "clone" | "as_ref") => first(),
        ("Arc" | "Rc", "downgrade") => Ty::foreign("Weak", [first().argument(0)]),
        ("Weak", "upgrade") => Ty::option(first().argument(0)),
        (
            "Arc" | "Rc" | "Box" | "Pin" | "Some" | "Mutex" | "RwLock" | "RefCell" | "Cell" | "Cow",
            _,
        ) if matches!(function, "new" | "from" | "pin" | "leak" | "into_inner" | "new_cyclic") => {
            match (name, function) {
                ("Box", "leak") | (_, "into_inner") => first().argument(0),
                ("Box", "pin") => first(),
                _ => Ty::foreign(name, [first()]),
            }
        }
        ("Vec" | "VecDeque" | "HashSet" | "BTreeSet" | "BinaryHeap", "from" | "from_iter") => {
            Ty::foreign(name, [item(&first())])
        }
        ("HashMap" | "BTreeMap", "from" | "from_iter") => match item(&first()) {
            Ty::Tuple(parts) => Ty::Foreign(name.into(), parts),
            _ => Ty::foreign(name, [Ty::Unknown, Ty::Unknown]),
        },
        _ => match kind(name) {
            Kind::Map => Ty::foreign(name, [Ty::Unknown, Ty::Unknown]),
            Kind::List | Kind::Lock | Kind::Cell => Ty::foreign(name, [Ty::Unknown]),
            _ if args.iter().all(Ty::is_opaque) => Ty::opaque(),
            _ => Ty::Unknown,
        },
    }
}
