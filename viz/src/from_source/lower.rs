//! From types as they are written to [`Ty`].

use std::rc::Rc;

use syn::punctuated::Punctuated;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

use super::tables::{Def, Generics, Space, Tables};
use super::ty::{Known, Signature, TraitRef, Ty};

/// Deepest type that is looked into.
const DEEPEST: usize = 48;

/// What a type may name at its place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) module: usize,
    pub(super) self_ty: Option<&'s Ty>,
    pub(super) generics: &'s Generics,
}

/// The names of a path.
pub(super) fn segments(path: &syn::Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(path.segments.len() + 1);
    if path.leading_colon.is_some() {
        names.push(String::new());
    }
    for segment in &path.segments {
        let name = segment.ident.to_string();
        names.push(name.strip_prefix("r#").map(str::to_owned).unwrap_or(name));
    }
    names
}

impl Tables<'_> {
    pub(super) fn lower(&self, ty: &Type, scope: Scope<'_>) -> Ty {
        self.lower_at(ty, scope, 0)
    }

    fn lower_at(&self, ty: &Type, scope: Scope<'_>, depth: usize) -> Ty {
        if depth > DEEPEST {
            return Ty::Unknown;
        }
        let inner = |ty: &Type| self.lower_at(ty, scope, depth + 1);
        match ty {
            Type::Reference(ty) => inner(&ty.elem),
            Type::Ptr(ty) => inner(&ty.elem),
            Type::Paren(ty) => inner(&ty.elem),
            Type::Group(ty) => inner(&ty.elem),
            Type::Slice(ty) => Ty::foreign("Vec", [inner(&ty.elem)]),
            Type::Array(ty) => Ty::foreign("Vec", [inner(&ty.elem)]),
            Type::Tuple(ty) => Ty::Tuple(ty.elems.iter().map(inner).collect()),
            Type::FnPtr(ty) => {
                let inputs = ty.inputs.iter().map(|input| inner(&input.ty)).collect();
                let output = self.output(&ty.output, scope, depth);
                Ty::Function(Rc::new(Signature { inputs, output, is_known: false }))
            }
            Type::ImplTrait(ty) => self.bound(&ty.bounds, scope, depth),
            Type::TraitObject(ty) => self.bound(&ty.bounds, scope, depth),
            Type::Path(ty) => self.path(ty, scope, depth),
            Type::Never(_) => Ty::opaque(),
            _ => Ty::Unknown,
        }
    }

    pub(super) fn output(&self, output: &ReturnType, scope: Scope<'_>, depth: usize) -> Ty {
        match output {
            ReturnType::Default => Ty::Tuple(Rc::new([])),
            ReturnType::Type(_, ty) => self.lower_at(ty, scope, depth + 1),
        }
    }

    /// `dyn A + B`: a type of its own where a single trait from outside says what is in it.
    fn bound(
        &self,
        bounds: &Punctuated<TypeParamBound, syn::Token![+]>,
        scope: Scope<'_>,
        depth: usize,
    ) -> Ty {
        let bounds = self.bounds(bounds.iter(), scope, depth);
        match bounds.iter().find_map(|bound| match bound {
            TraitRef::Call(signature) => Some(Ty::Function(signature.clone())),
            TraitRef::Foreign(name, args) if !args.is_empty() => {
                Some(Ty::Foreign(name.clone(), args.clone()))
            }
            TraitRef::Foreign(..) | TraitRef::Local(..) => None,
        }) {
            Some(ty) => ty,
            None => Ty::Bound(bounds.into()),
        }
    }

    pub(super) fn bounds<'b>(
        &self,
        bounds: impl Iterator<Item = &'b TypeParamBound>,
        scope: Scope<'_>,
        depth: usize,
    ) -> Vec<TraitRef> {
        let traits = bounds.filter_map(|bound| match bound {
            TypeParamBound::Trait(bound) => Some(&bound.path),
            _ => None,
        });
        traits.filter_map(|path| self.trait_ref(path, scope, depth + 1)).collect()
    }

    pub(super) fn trait_ref(
        &self,
        path: &syn::Path,
        scope: Scope<'_>,
        depth: usize,
    ) -> Option<TraitRef> {
        let last = path.segments.last()?;
        if let PathArguments::Parenthesized(args) = &last.arguments {
            let inputs = args.inputs.iter().map(|input| self.lower_at(&input.ty, scope, depth + 1));
            let output = self.output(&args.output, scope, depth);
            let signature = Signature { inputs: inputs.collect(), output, is_known: false };
            return Some(TraitRef::Call(Rc::new(signature)));
        }
        let names = segments(path);
        match self.resolve(scope.module, &names, Space::Type) {
            Some((Def::Trait(index), [])) => {
                let fixed = self.fixed(&last.arguments, scope, depth);
                Some(TraitRef::Local(index, fixed.into()))
            }
            _ => {
                let mut args = self.arguments(&last.arguments, scope, depth);
                args.extend(self.fixed(&last.arguments, scope, depth).into_iter().map(|it| it.1));
                let name = last.ident.to_string();
                // What hands out items is one kind of thing here.
                let name = match name.as_str() {
                    "IntoIterator"
                    | "DoubleEndedIterator"
                    | "ExactSizeIterator"
                    | "Stream"
                    | "FusedIterator" => "Iterator",
                    name => name,
                };
                Some(TraitRef::Foreign(name.into(), args.into()))
            }
        }
    }

    /// Types among the arguments of a path.
    pub(super) fn arguments(
        &self,
        arguments: &PathArguments,
        scope: Scope<'_>,
        depth: usize,
    ) -> Vec<Ty> {
        let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
        let types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(self.lower_at(ty, scope, depth + 1)),
            _ => None,
        });
        types.collect()
    }

    /// Associated types among the arguments of a path: `Item = u64`.
    fn fixed(
        &self,
        arguments: &PathArguments,
        scope: Scope<'_>,
        depth: usize,
    ) -> Vec<(Rc<str>, Ty)> {
        let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
        let types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::AssocType(assoc) => {
                let ty = self.lower_at(&assoc.ty, scope, depth + 1);
                Some((assoc.ident.to_string().as_str().into(), ty))
            }
            _ => None,
        });
        types.collect()
    }

    fn path(&self, ty: &syn::TypePath, scope: Scope<'_>, depth: usize) -> Ty {
        let Some(last) = ty.path.segments.last() else { return Ty::Unknown };
        if let Some(of) = &ty.qself {
            let base = self.lower_at(&of.ty, scope, depth + 1);
            return self.assoc(&base, &last.ident.to_string(), 0);
        }
        let names = segments(&ty.path);
        let generic = |name: &str| {
            let found = scope.generics.iter().rev().find(|(known, _)| known == name);
            found.map(|(_, index)| Ty::Param(*index))
        };
        let first = match names[0].as_str() {
            "Self" => scope.self_ty.cloned().or(Some(Ty::Unknown)),
            name => generic(name),
        };
        if let Some(base) = first {
            return match names.get(1) {
                Some(name) => self.assoc(&base, name, 0),
                None => base,
            };
        }
        let args = || self.arguments(&last.arguments, scope, depth);
        match self.resolve(scope.module, &names, Space::Type) {
            Some((Def::Type(index), [])) => self.type_of(index, &args()),
            Some((Def::Type(index), [name, ..])) => {
                self.assoc(&self.type_of(index, &args()), name, 0)
            }
            Some((Def::Trait(index), [])) => {
                Ty::Bound(Rc::new([TraitRef::Local(index, Rc::new([]))]))
            }
            Some((Def::Foreign(name), [])) if names.len() == 1 => foreign(&name, args()),
            _ => foreign(&last.ident.to_string(), args()),
        }
    }

    /// A type of the source with its arguments; an alias is what it stands for.
    pub(super) fn type_of(&self, index: usize, args: &[Ty]) -> Ty {
        let of = &self.types[index];
        if let Some(alias) = &of.alias {
            let known: Known = of.params.iter().copied().zip(args.iter().cloned()).collect();
            return alias.with(&known);
        }
        let missing = of.params.len().saturating_sub(args.len());
        let args = args.iter().cloned().chain(std::iter::repeat_n(Ty::Unknown, missing));
        Ty::Local(index, args.collect())
    }
}

/// A type from outside under the name that `std_types` knows it by.
fn foreign(name: &str, args: Vec<Ty>) -> Ty {
    let name = match name {
        "BoxFuture" | "LocalBoxFuture" => "Future",
        "BoxStream" => "Iterator",
        name => name,
    };
    Ty::Foreign(name.into(), args.into())
}
