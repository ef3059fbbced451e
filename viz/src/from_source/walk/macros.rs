//! Macros: arguments that are expressions are read as such, whatever the macro does with them; of a
//! macro of the source what it becomes is called as well.

use std::collections::HashSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, Macro, Pat, Token};

use super::{At, Walker, path_line};
use crate::from_source::lower::segments;
use crate::from_source::tables::{Def, Space};
use crate::from_source::ty::Ty;
use crate::from_source::{CallKind, WhyUnresolved};

impl Walker<'_, '_> {
    pub(super) fn macro_call(&mut self, call: &Macro) -> Ty {
        if self.depth >= super::DEEPEST {
            return Ty::Unknown;
        }
        self.depth += 1;
        let ty = self.macro_inside(call);
        self.depth -= 1;
        ty
    }

    fn macro_inside(&mut self, call: &Macro) -> Ty {
        let names = segments(&call.path);
        let at = path_line(&call.path);
        let name = names.last().map(String::as_str).unwrap_or_default();
        let records = usize::from(is_recording(name));
        self.records += records;
        let is_own = self.expansion(self.module, &names, at, &mut HashSet::new());
        if !is_own {
            self.outside(&format!("{name}!"), at);
        }
        match name {
            "matches" | "assert_matches" => self.matches(&call.tokens, name, at),
            "vec" if records == 0 => {
                let item = self.list(&call.tokens).unwrap_or_else(|| {
                    self.pieces(&call.tokens, name, at);
                    Ty::Unknown
                });
                return Ty::foreign("Vec", [item]);
            }
            _ => self.pieces(&call.tokens, name, at),
        }
        self.records -= records;
        match name {
            "try_join" | "join" | "select" => Ty::Unknown,
            // What a macro makes is hardly ever called upon.
            _ => Ty::opaque(),
        }
    }

    /// Notes what a macro of the source calls when it is expanded. Says whether it is one.
    fn expansion(
        &mut self,
        module: usize,
        names: &[String],
        at: u32,
        seen: &mut HashSet<usize>,
    ) -> bool {
        let tables = self.tables;
        let Some((Def::Macro(index), [])) = tables.resolve(module, names, Space::Macro) else {
            return false;
        };
        if !seen.insert(index) {
            return true;
        }
        let of = &tables.macros[index];
        for path in &of.calls {
            if let Some((Def::Function(to), [])) = tables.resolve(of.module, path, Space::Value) {
                self.edge(to, At { line: at, kind: CallKind::Macro }, None, false);
            }
        }
        for inner in &of.macros {
            self.expansion(of.module, inner, at, seen);
        }
        true
    }

    /// `vec![a, b]` and `vec![a; n]`.
    fn list(&mut self, tokens: &TokenStream) -> Option<Ty> {
        let repeat = |input: ParseStream<'_>| {
            let item = Expr::parse(input)?;
            input.parse::<Token![;]>()?;
            Ok((item, Expr::parse(input)?))
        };
        if let Ok((item, count)) = repeat.parse2(tokens.clone()) {
            let item = self.expr(&item);
            self.expr(&count);
            return Some(item);
        }
        let items = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens.clone()).ok()?;
        let items: Vec<Ty> = items.iter().map(|item| self.expr(item)).collect();
        Some(items.into_iter().find(|item| !item.is_unknown()).unwrap_or(Ty::Unknown))
    }

    /// `matches!(value, pattern if guard)`.
    fn matches(&mut self, tokens: &TokenStream, name: &str, at: u32) {
        let parser = |input: ParseStream<'_>| {
            let value = Expr::parse(input)?;
            input.parse::<Token![,]>()?;
            let pattern = Pat::parse_multi_with_leading_vert(input)?;
            let guard = match input.parse::<Option<Token![if]>>()? {
                Some(_) => Some(Expr::parse(input)?),
                None => None,
            };
            let _rest: TokenStream = input.parse()?;
            Ok((value, pattern, guard))
        };
        match parser.parse2(tokens.clone()) {
            Ok((value, pattern, guard)) => self.scoped(|walker| {
                let ty = walker.expr(&value);
                walker.bind(&pattern, &ty);
                if let Some(guard) = &guard {
                    walker.expr(guard);
                }
            }),
            Err(_) => self.pieces(tokens, name, at),
        }
    }

    /// Arguments between commas; what of them is no expression is looked into for some.
    fn pieces(&mut self, tokens: &TokenStream, name: &str, at: u32) {
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(all) = parser.parse2(tokens.clone()) {
            for expr in &all {
                match expr {
                    // A named argument is no variable.
                    Expr::Assign(named) => self.expr(&named.right),
                    expr => self.expr(expr),
                };
            }
            return;
        }
        for piece in split(tokens.clone()) {
            self.piece(&piece, name, at);
        }
    }

    fn piece(&mut self, piece: &[TokenTree], name: &str, at: u32) {
        let stream = |tokens: &[TokenTree]| tokens.iter().cloned().collect::<TokenStream>();
        // `%value`, `?value`, `name: value` and `name = %value` of tracing.
        let is_mark = |token: &TokenTree, mark: char| matches!(token, TokenTree::Punct(it) if it.as_char() == mark);
        let mut rest = piece;
        for mark in ['=', ':'] {
            if let Some(place) = rest.iter().position(|token| is_mark(token, mark)) {
                let is_name = rest[..place].iter().all(|token| {
                    matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_))
                        || is_mark(token, '.')
                });
                if is_name && place > 0 && !rest.get(place + 1).is_some_and(|it| is_mark(it, mark))
                {
                    rest = &rest[place + 1..];
                    break;
                }
            }
        }
        let rest = match rest {
            [first, behind @ ..] if is_mark(first, '%') || is_mark(first, '?') => behind,
            rest => rest,
        };
        if rest.is_empty() {
            return;
        }
        if let Ok(expr) = syn::parse2::<Expr>(stream(rest)) {
            self.expr(&expr);
            return;
        }
        if let Ok(statements) = syn::Block::parse_within.parse2(stream(rest)) {
            self.scoped(|walker| walker.statements(&statements));
            return;
        }
        for (place, token) in rest.iter().enumerate() {
            let TokenTree::Group(group) = token else { continue };
            let before = place.checked_sub(1).and_then(|before| rest.get(before));
            let is_call = group.delimiter() == Delimiter::Parenthesis
                && matches!(before, Some(TokenTree::Ident(_)));
            if is_call {
                let text = format!(
                    "{name}!(.. {}(..) ..)",
                    before.map_or(String::new(), |it| it.to_string())
                );
                self.unresolved(text, at, WhyUnresolved::Macro);
            }
            self.depth += 1;
            if self.depth < super::DEEPEST {
                self.pieces(&group.stream(), name, at);
            }
            self.depth -= 1;
        }
    }
}

/// Whether a macro of this name writes something down and changes nothing.
fn is_recording(name: &str) -> bool {
    name.ends_with("span")
        || matches!(name, "trace" | "debug" | "info" | "warn" | "error" | "event" | "log" | "crit")
}

/// Tokens between commas, semicolons and `=>`.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut pieces = vec![Vec::new()];
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_arrow = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '=')
            && matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '>');
        match &token {
            TokenTree::Punct(mark) if matches!(mark.as_char(), ',' | ';') => {
                pieces.push(Vec::new());
            }
            _ if is_arrow => {
                tokens.next();
                pieces.push(Vec::new());
            }
            _ => {
                if let Some(last) = pieces.last_mut() {
                    last.push(token);
                }
            }
        }
    }
    pieces
}
