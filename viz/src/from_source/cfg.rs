//! Which code is left out: what is compiled for tests, and under tools that check instead of run.

use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token};

/// Conditions that no ordinary build sets.
const NEVER: [&str; 6] = ["test", "loom", "miri", "kani", "fuzzing", "doctest"];

/// Whether the attributes keep something out of an ordinary build.
pub(super) fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let last = path.segments.last().map(|segment| segment.ident.to_string());
        // `#[test]`, and those of frameworks: `#[tokio::test]`.
        if matches!(last.as_deref(), Some("test" | "bench")) {
            return true;
        }
        path.is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|meta| value(&meta, 0) == Some(false))
    })
}

/// Whether a condition holds; `None` when that depends on the build.
fn value(meta: &Meta, depth: usize) -> Option<bool> {
    if depth > 32 {
        return None;
    }
    match meta {
        Meta::Path(path) => NEVER.iter().any(|name| path.is_ident(name)).then_some(false),
        Meta::List(list) => {
            let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
            let parts = list.parse_args_with(parser).ok()?;
            let mut parts = parts.iter().map(|part| value(part, depth + 1));
            if list.path.is_ident("not") {
                parts.next()?.map(|holds| !holds)
            } else if list.path.is_ident("all") {
                parts.any(|part| part == Some(false)).then_some(false)
            } else if list.path.is_ident("any") {
                parts.all(|part| part == Some(false)).then_some(false)
            } else {
                None
            }
        }
        Meta::NameValue(_) => None,
    }
}

/// The attributes of an item, of whatever kind.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
