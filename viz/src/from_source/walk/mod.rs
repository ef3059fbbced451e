//! The third pass: through every body, with the types of its variables, noting each call.

mod calls;
mod expr;
mod macros;
mod path;
mod pattern;

use std::rc::Rc;
use std::sync::Arc;

use super::declare::surroundings;
use super::lower::Scope;
use super::tables::{Generics, Tables};
use super::ty::{TraitRef, Ty};
use super::{Call, CallKind, External, Mention, Unresolved, WhyUnresolved};

/// Deepest body that is followed.
const DEEPEST: usize = 4_000;

/// What the bodies say.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) calls: Vec<Call>,
    pub(super) mentions: Vec<Mention>,
    pub(super) external: Vec<External>,
    pub(super) unresolved: Vec<Unresolved>,
}

/// Walks the body of one function.
pub(super) fn function(tables: &Tables<'_>, index: usize, noted: &mut Noted) {
    let this = &tables.functions[index];
    let Some(body) = this.body else { return };
    let module = tables.blocks.get(&index).copied().unwrap_or(this.module);
    let (self_ty, _) = surroundings(tables, this.owner);
    let mut walker = Walker {
        tables,
        noted,
        function: index,
        module,
        file: tables.shown[index].file.clone(),
        self_ty,
        generics: &this.generics,
        variables: Vec::new(),
        closures: 0,
        records: 0,
        depth: 0,
    };
    if this.has_self
        && let Some(self_ty) = &walker.self_ty
    {
        walker.variables.push(("self".into(), self_ty.clone()));
    }
    let typed = this.signature.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(input) => Some(input),
        syn::FnArg::Receiver(_) => None,
    });
    for (input, ty) in typed.zip(&this.inputs) {
        walker.bind(&input.pat, ty);
    }
    walker.block(body);
}

/// A walk through one body.
pub(super) struct Walker<'t, 'a> {
    tables: &'t Tables<'a>,
    noted: &'t mut Noted,
    function: usize,
    module: usize,
    file: Arc<str>,
    self_ty: Option<Ty>,
    generics: &'t Generics,
    /// Names that are bound, inner ones last.
    variables: Vec<(Rc<str>, Ty)>,
    /// How many closures are around.
    closures: usize,
    /// How many macros that record something are around.
    records: usize,
    depth: usize,
}

/// A call that is being noted.
#[derive(Clone, Copy)]
struct At {
    line: u32,
    kind: CallKind,
}

impl<'t> Walker<'t, '_> {
    fn scope(&self) -> Scope<'_> {
        Scope { module: self.module, self_ty: self.self_ty.as_ref(), generics: self.generics }
    }

    fn variable(&self, name: &str) -> Option<&Ty> {
        self.variables.iter().rev().find(|(known, _)| &**known == name).map(|(_, ty)| ty)
    }

    /// Notes a call.
    fn edge(&mut self, to: usize, at: At, declared: Option<usize>, is_by_name: bool) {
        // In a closure it runs when that does; what may run is still told by `declared`.
        let kind = match at.kind {
            CallKind::Direct | CallKind::Method if self.records > 0 => CallKind::Macro,
            CallKind::Direct | CallKind::Method if self.closures > 0 => CallKind::Closure,
            kind => kind,
        };
        let (from, file) = (self.function, self.file.clone());
        self.noted.calls.push(Call { from, to, kind, declared, is_by_name, file, line: at.line });
    }

    /// Notes a call through a trait: to all that may run.
    fn dispatch(&mut self, declared: usize, at: At) {
        for to in self.tables.implementations(declared) {
            self.edge(to, At { kind: CallKind::Trait, ..at }, Some(declared), false);
        }
    }

    fn mention(&mut self, ty: usize, name: &str, line: u32) {
        if let Some(to) = self.tables.types[ty].names.get(name) {
            self.noted.mentions.push(Mention { from: self.function, to: *to, line });
        }
    }

    fn outside(&mut self, name: &str, line: u32) {
        let name = name.to_owned();
        self.noted.external.push(External { from: self.function, name, line });
    }

    fn unresolved(&mut self, text: String, line: u32, why: WhyUnresolved) {
        let (from, file) = (self.function, self.file.clone());
        self.noted.unresolved.push(Unresolved { from, text, file, line, why });
    }

    /// A type of the source that only its traits are known of, as the type from outside that those
    /// traits make it: what has `Iterator` hands out items.
    fn as_outside(&self, ty: &Ty) -> Ty {
        let of_bounds = |bounds: &[TraitRef]| {
            let found = bounds.iter().find_map(|bound| match bound {
                TraitRef::Foreign(name, args) if !args.is_empty() => {
                    Some(Ty::Foreign(name.clone(), args.clone()))
                }
                TraitRef::Call(signature) => Some(Ty::Function(signature.clone())),
                TraitRef::Foreign(..) | TraitRef::Local(..) => None,
            });
            found.unwrap_or_else(|| ty.clone())
        };
        match ty {
            Ty::Param(index) => of_bounds(&self.tables.params[*index].bounds),
            Ty::Bound(bounds) => of_bounds(bounds),
            Ty::Local(..) => match self.tables.assoc(ty, "Item", 0) {
                Ty::Assoc(..) => ty.clone(),
                item => Ty::iterator(item),
            },
            Ty::Assoc(base, name) => match self.tables.assoc(base, name, 1) {
                Ty::Bound(bounds) => of_bounds(&bounds),
                _ => ty.clone(),
            },
            other => other.clone(),
        }
    }

    /// Runs `inner` with names of its own.
    fn scoped<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        let bound = self.variables.len();
        let result = inner(self);
        self.variables.truncate(bound);
        result
    }
}

fn line(span: proc_macro2::Span) -> u32 {
    span.start().line as u32
}

/// The line that a path begins on.
fn path_line(path: &syn::Path) -> u32 {
    path.segments.first().map_or(0, |segment| line(segment.ident.span()))
}
