//! Patterns: which names they bind, to which types, and what they mention.

use syn::{Member, Pat};

use super::{Walker, line, path_line};
use crate::from_source::collect::text;
use crate::from_source::lower::segments;
use crate::from_source::std_types;
use crate::from_source::tables::{Def, Fields, Space};
use crate::from_source::ty::{Known, Ty};

impl Walker<'_, '_> {
    /// Binds the names in `pat`, which meets a value of type `ty`.
    pub(super) fn bind(&mut self, pat: &Pat, ty: &Ty) {
        match pat {
            Pat::Ident(pat) => {
                // A name of a unit struct, variant or constant is no variable.
                let name = text(&pat.ident);
                let path = [name.to_string()];
                let is_upper = name.starts_with(char::is_uppercase);
                if is_upper && pat.subpat.is_none() {
                    match self.tables.resolve(self.module, &path, Space::Value) {
                        Some((Def::Variant(of, variant), [])) => {
                            self.mention(of, &variant, line(pat.ident.span()));
                            return;
                        }
                        Some((Def::Constant(_) | Def::Type(_), [])) => return,
                        _ => {}
                    }
                }
                if let Some((_, inner)) = &pat.subpat {
                    self.bind(inner, ty);
                }
                self.variables.push((name, ty.clone()));
            }
            Pat::Type(pat) => {
                let written = self.tables.lower(&pat.ty, self.scope());
                let ty = merge(&written, ty);
                self.bind(&pat.pat, &ty);
            }
            Pat::Reference(pat) => self.bind(&pat.pat, ty),
            Pat::Paren(pat) => self.bind(&pat.pat, ty),
            Pat::Guard(pat) => {
                self.bind(&pat.pat, ty);
                self.expr(&pat.guard);
            }
            Pat::Or(pat) => {
                // Each alternative binds the same names; the first tells their types best.
                for case in pat.cases.iter().rev() {
                    self.bind(case, ty);
                }
            }
            Pat::Tuple(pat) => {
                let rest = pat.elems.iter().position(|it| matches!(it, Pat::Rest(_)));
                let parts = self.parts(ty);
                for (at, inner) in pat.elems.iter().enumerate() {
                    let at = from_end(at, rest, pat.elems.len(), parts.len());
                    let ty = parts.get(at).cloned().unwrap_or(unknown_of(ty));
                    self.bind(inner, &ty);
                }
            }
            Pat::Slice(pat) => {
                let item = match ty {
                    Ty::Unknown => Ty::Unknown,
                    ty => std_types::item(ty),
                };
                for inner in &pat.elems {
                    match inner {
                        Pat::Ident(rest) if rest.subpat.is_some() => self.bind(inner, ty),
                        inner => self.bind(inner, &item),
                    }
                }
            }
            Pat::TupleStruct(pat) => {
                let at = path_line(&pat.path);
                let fields = self.fields_of_path(&pat.path, ty, at);
                let rest = pat.elems.iter().position(|it| matches!(it, Pat::Rest(_)));
                for (at, inner) in pat.elems.iter().enumerate() {
                    let ty = match &fields {
                        Some(fields) => {
                            let at = from_end(at, rest, pat.elems.len(), fields.len());
                            fields.get(at).map_or(Ty::Unknown, |(_, ty)| ty.clone())
                        }
                        None => unknown_of(ty),
                    };
                    self.bind(inner, &ty);
                }
            }
            Pat::Struct(pat) => {
                let at = path_line(&pat.path);
                let fields = self.fields_of_path(&pat.path, ty, at);
                for field in &pat.fields {
                    let name = match &field.member {
                        Member::Named(name) => text(name),
                        Member::Unnamed(index) => index.index.to_string().as_str().into(),
                    };
                    let known = fields.as_ref().and_then(|fields| {
                        fields.iter().find(|(known, _)| *known == name).map(|(_, ty)| ty.clone())
                    });
                    self.bind(&field.pat, &known.unwrap_or(unknown_of(ty)));
                }
            }
            Pat::Path(pat) => {
                let at = path_line(&pat.path);
                if pat.qself.is_none() {
                    self.fields_of_path(&pat.path, ty, at);
                }
            }
            Pat::Macro(pat) => {
                self.macro_call(&pat.mac);
            }
            Pat::Const(_) | Pat::Lit(_) | Pat::Range(_) | Pat::Rest(_) | Pat::Wild(_) => {}
            _ => {}
        }
    }

    fn parts(&self, ty: &Ty) -> Vec<Ty> {
        match self.tables.normal(ty) {
            Ty::Tuple(parts) => parts.to_vec(),
            Ty::Foreign(name, args) if super::super::lookup::is_wrapper(&name) => {
                args.first().map(|inner| self.parts(inner)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The fields of the struct or variant that a pattern names, as those of a value of type `ty`.
    fn fields_of_path(&mut self, path: &syn::Path, ty: &Ty, at: u32) -> Option<Fields> {
        let names = segments(path);
        let last = names.last()?.clone();
        // `Some`, `Ok` and `Err` are everybody's.
        let of_std = |at: usize| Some(vec![("0".into(), ty.argument(at))]);
        if names.len() == 1 {
            match (last.as_str(), ty) {
                ("Some" | "Ok" | "Ready" | "Break", Ty::Foreign(..)) => return of_std(0),
                ("Err", Ty::Foreign(..)) => return of_std(1),
                _ => {}
            }
        }
        let (of, fields) = self.struct_or_variant(&names, at)?;
        let known: Known = match self.looked_through(ty) {
            Ty::Local(index, args) if index == of => {
                self.tables.types[of].params.iter().copied().zip(args.iter().cloned()).collect()
            }
            _ => Known::new(),
        };
        Some(fields.iter().map(|(name, ty)| (name.clone(), ty.with(&known))).collect())
    }

    /// The type behind wrappers.
    pub(super) fn looked_through(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Foreign(name, args) if super::super::lookup::is_wrapper(name) => {
                args.first().map_or(Ty::Unknown, |inner| self.looked_through(inner))
            }
            Ty::Assoc(..) => self.tables.normal(ty),
            other => other.clone(),
        }
    }

    /// The struct or variant that a path names, its type and its fields; it is mentioned.
    pub(super) fn struct_or_variant(
        &mut self,
        names: &[String],
        at: u32,
    ) -> Option<(usize, Fields)> {
        let (first, rest) = names.split_first()?;
        let found = match (first.as_str(), &self.self_ty) {
            ("Self", Some(Ty::Local(index, _))) => match rest {
                [] => Def::Type(*index),
                [variant, ..] => Def::Variant(*index, variant.as_str().into()),
            },
            _ => match self.tables.resolve(self.module, names, Space::Type)? {
                (def, []) => def,
                _ => return None,
            },
        };
        match found {
            Def::Type(index) => {
                // An alias may stand for a struct.
                if let Some(Ty::Local(index, _)) = self.tables.types[index].alias {
                    return Some((index, self.tables.types[index].fields.clone()));
                }
                self.mention(index, "", at);
                Some((index, self.tables.types[index].fields.clone()))
            }
            Def::Variant(index, variant) => {
                self.mention(index, &variant, at);
                Some((index, self.tables.types[index].variants.get(&variant)?.clone()))
            }
            _ => None,
        }
    }
}

/// The place of part `at` of a pattern with `..` at `rest` among `count` parts of a value.
fn from_end(at: usize, rest: Option<usize>, parts: usize, count: usize) -> usize {
    match rest {
        Some(rest) if at > rest => (count + at).saturating_sub(parts),
        _ => at,
    }
}

/// What is known of a part of a value of which only `ty` is known.
pub(super) fn unknown_of(ty: &Ty) -> Ty {
    if !ty.is_unknown() && ty.is_opaque() { Ty::opaque() } else { Ty::Unknown }
}

/// The type that was written, where it leaves something open filled from the one that was found.
pub(super) fn merge(written: &Ty, found: &Ty) -> Ty {
    match (written, found) {
        (Ty::Unknown, found) => found.clone(),
        (Ty::Local(a, left), Ty::Local(b, right)) if a == b && left.len() == right.len() => {
            Ty::Local(*a, left.iter().zip(right.iter()).map(|(a, b)| merge(a, b)).collect())
        }
        (Ty::Foreign(a, left), Ty::Foreign(b, right)) => {
            if left.len() == 2 && matches!(right.first(), Some(Ty::Tuple(_))) {
                // A map that pairs are collected into.
                let Some(Ty::Tuple(pair)) = right.first() else { return written.clone() };
                let filled = left.iter().zip(pair.iter()).map(|(a, b)| merge(a, b));
                return Ty::Foreign(a.clone(), filled.collect());
            }
            if matches!(&**a, "Option" | "Result") && a != b {
                // What is collected may be results of what is wanted.
                let inner = right.first().map(|item| item.argument(0)).unwrap_or(Ty::Unknown);
                let inner = Ty::foreign("Vec", [inner]);
                let filled = left.iter().enumerate().map(|(at, arg)| match at {
                    0 => merge(arg, &inner),
                    _ => arg.clone(),
                });
                return Ty::Foreign(a.clone(), filled.collect());
            }
            let fill = |(at, arg): (usize, &Ty)| match right.get(at) {
                Some(found) => merge(arg, found),
                None => arg.clone(),
            };
            Ty::Foreign(a.clone(), left.iter().enumerate().map(fill).collect())
        }
        (Ty::Tuple(left), Ty::Tuple(right)) if left.len() == right.len() => {
            Ty::Tuple(left.iter().zip(right.iter()).map(|(a, b)| merge(a, b)).collect())
        }
        (written, _) => written.clone(),
    }
}
