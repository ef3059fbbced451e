//! Parses one file, whatever it holds: what is nested beyond any real program is refused before the
//! parser, which recurses, gets to see it.

use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::Item;
use syn::parse::{ParseStream, Parser as _};

/// Most tokens that may stand inside or before each other without an end of a statement between
/// them: each may be one step deeper for a parser.
const DEEPEST: usize = 6_000;

/// Why a file was not parsed, and where.
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) why: String,
}

/// The syntax of a file.
pub(super) fn file(text: &str) -> Result<syn::File, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A first line `#!/usr/bin/env` is no attribute; its length is kept, so that lines are right.
    let is_script = text.starts_with("#!") && !text[2..].trim_start().starts_with('[');
    let text = if is_script { text.find('\n').map_or("", |end| &text[end..]) } else { text };
    let tokens = TokenStream::from_str(text).map_err(|error| {
        let place = error.span().start();
        let why = "this is no Rust: a quote, bracket or character has no match".to_owned();
        Fault { line: place.line, column: place.column + 1, why }
    })?;
    if let Some((line, column)) = too_deep(&tokens) {
        let why = format!("nested deeper than {DEEPEST} steps: split it up");
        return Err(Fault { line, column, why });
    }
    let mut parsed: syn::File = syn::parse2(tokens).map_err(|error| {
        let place = error.span().start();
        Fault { line: place.line, column: place.column + 1, why: format!("{error}") }
    })?;
    open_wrappers(&mut parsed.items);
    Ok(parsed)
}

/// Puts the items in a macro in its place, where it holds items and nothing else: `cfg_rt! { .. }`,
/// `thread_local! { .. }`.
fn open_wrappers(items: &mut Vec<Item>) {
    let mut open: Vec<Item> = std::mem::take(items).into_iter().rev().collect();
    while let Some(item) = open.pop() {
        match item {
            Item::Macro(item) if item.ident.is_none() => {
                let inside = all_items.parse2(item.mac.tokens.clone());
                match inside {
                    Ok(inside) if !inside.is_empty() => open.extend(inside.into_iter().rev()),
                    Ok(_) | Err(_) => items.push(Item::Macro(item)),
                }
            }
            Item::Mod(mut item) => {
                if let Some((_, inside)) = &mut item.content {
                    open_wrappers(inside);
                }
                items.push(Item::Mod(item));
            }
            item => items.push(item),
        }
    }
}

fn all_items(input: ParseStream<'_>) -> syn::Result<Vec<Item>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(input.parse()?);
    }
    Ok(items)
}

/// Line and column where the nesting is too deep for a parser.
///
/// The depth of a place is the number of tokens since the last end of a statement, in its group and
/// in all groups around it.
pub(super) fn too_deep(tokens: &TokenStream) -> Option<(usize, usize)> {
    // The depth outside of each open group, its run so far, and what of it is still to be seen.
    let mut open = vec![(0usize, 0usize, tokens.clone().into_iter().peekable())];
    while let Some((outside, run, rest)) = open.last_mut() {
        let Some(token) = rest.next() else {
            open.pop();
            continue;
        };
        *run += 1;
        let depth = *outside + *run;
        if depth > DEEPEST {
            let place = token.span().start();
            return Some((place.line, place.column + 1));
        }
        match token {
            TokenTree::Punct(mark) if matches!(mark.as_char(), ',' | ';') => *run = 0,
            TokenTree::Group(group) => {
                // Behind `}` a statement ends, unless the next word goes on with it.
                let goes_on = match rest.peek() {
                    Some(TokenTree::Ident(word)) => word == "else" || word == "as",
                    Some(TokenTree::Punct(mark)) => mark.as_char() != '#',
                    Some(TokenTree::Group(_) | TokenTree::Literal(_)) | None => false,
                };
                if group.delimiter() == Delimiter::Brace && !goes_on {
                    *run = 0;
                }
                open.push((depth, 0, group.stream().into_iter().peekable()));
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
    None
}
