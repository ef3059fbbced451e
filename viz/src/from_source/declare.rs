//! The second pass: fields, signatures, bounds and implementations, now that every name has its place.

use std::rc::Rc;

use syn::{FnArg, GenericParam, ImplItem, TraitItem, WherePredicate};

use super::collect::text;
use super::lower::Scope;
use super::tables::Def;
use super::tables::{Fields, Generics, Key, Owner, ParamDef, Space, Tables, TypeSyntax};
use super::ty::{TraitRef, Ty};

/// Fills the tables.
pub(super) fn declare(tables: &mut Tables<'_>) {
    aliases(tables);
    for index in 0..tables.types.len() {
        type_def(tables, index);
    }
    for index in 0..tables.constants.len() {
        let (module, ty, ..) = tables.constants[index];
        let scope = Scope { module, self_ty: None, generics: &Vec::new() };
        tables.constants[index].2 = tables.lower(ty, scope);
    }
    for index in 0..tables.traits.len() {
        trait_def(tables, index);
    }
    close_supers(tables);
    for index in 0..tables.impls.len() {
        impl_def(tables, index);
    }
    for index in 0..tables.impls.len() {
        assoc_types(tables, index);
    }
    for index in 0..tables.functions.len() {
        function(tables, index);
    }
}

/// Adds the parameters of `syntax` to those that are known around it.
fn generics(
    tables: &mut Tables<'_>,
    syntax: &syn::Generics,
    (module, self_ty): (usize, Option<&Ty>),
    around: &Generics,
) -> (Generics, Vec<usize>) {
    let mut all = around.clone();
    let mut own = Vec::new();
    for param in &syntax.params {
        if let GenericParam::Type(param) = param {
            let index = tables.params.len();
            tables.params.push(ParamDef::default());
            all.push((param.ident.to_string(), index));
            own.push(index);
        }
    }
    let mut bounds: Vec<(usize, Vec<TraitRef>)> = Vec::new();
    let scope = Scope { module, self_ty, generics: &all };
    let types = syntax.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(param),
        _ => None,
    });
    for (param, index) in types.zip(&own) {
        bounds.push((*index, tables.bounds(param.bounds.iter(), scope, 0)));
    }
    for predicate in syntax.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let WherePredicate::Type(predicate) = predicate
            && let Ty::Param(index) = tables.lower(&predicate.bounded_ty, scope)
        {
            bounds.push((index, tables.bounds(predicate.bounds.iter(), scope, 0)));
        }
    }
    for (index, more) in bounds {
        let mut known = tables.params[index].bounds.to_vec();
        known.extend(more);
        tables.params[index].bounds = known.into();
    }
    (all, own)
}

/// Aliases first, a few times over, since one may stand for another.
fn aliases(tables: &mut Tables<'_>) {
    for round in 0..4 {
        for index in 0..tables.types.len() {
            let TypeSyntax::Alias(item) = tables.types[index].syntax else { continue };
            let module = tables.types[index].module;
            if round == 0 {
                let (_, own) = generics(tables, &item.generics, (module, None), &Vec::new());
                tables.types[index].params = own;
            }
            let names = item.generics.type_params().map(|param| param.ident.to_string());
            let all: Generics = names.zip(tables.types[index].params.iter().copied()).collect();
            let scope = Scope { module, self_ty: None, generics: &all };
            let lowered = tables.lower(&item.ty, scope);
            tables.types[index].alias = Some(lowered);
        }
    }
}

fn type_def(tables: &mut Tables<'_>, index: usize) {
    let module = tables.types[index].module;
    let syntax = match tables.types[index].syntax {
        TypeSyntax::Struct(item) => &item.generics,
        TypeSyntax::Enum(item) => &item.generics,
        TypeSyntax::Union(item) => &item.generics,
        TypeSyntax::Alias(_) => return,
    };
    let (all, own) = generics(tables, syntax, (module, None), &Vec::new());
    let args: Rc<[Ty]> = own.iter().map(|param| Ty::Param(*param)).collect();
    let self_ty = Ty::Local(index, args);
    tables.types[index].params = own;
    let scope = Scope { module, self_ty: Some(&self_ty), generics: &all };
    match tables.types[index].syntax {
        TypeSyntax::Struct(item) => {
            let fields = fields(tables, item.fields.iter(), scope);
            tables.types[index].fields = fields;
        }
        TypeSyntax::Union(item) => {
            let fields = fields(tables, item.fields.named.iter(), scope);
            tables.types[index].fields = fields;
        }
        TypeSyntax::Enum(item) => {
            for variant in &item.variants {
                let fields = fields(tables, variant.fields.iter(), scope);
                tables.types[index].variants.insert(text(&variant.ident), fields);
            }
        }
        TypeSyntax::Alias(_) => {}
    }
}

fn fields<'f>(
    tables: &Tables<'_>,
    fields: impl Iterator<Item = &'f syn::Field>,
    scope: Scope<'_>,
) -> Fields {
    let named = fields.enumerate().map(|(at, field)| {
        let name = field.ident.as_ref().map_or_else(|| at.to_string().as_str().into(), text);
        (name, tables.lower(&field.ty, scope))
    });
    named.collect()
}

fn trait_def(tables: &mut Tables<'_>, index: usize) {
    let (module, item) = (tables.traits[index].module, tables.traits[index].syntax);
    let self_ty = Ty::Param(tables.traits[index].self_param);
    let (all, _) = generics(tables, &item.generics, (module, Some(&self_ty)), &Vec::new());
    let scope = Scope { module, self_ty: Some(&self_ty), generics: &all };
    let supers = tables.bounds(item.supertraits.iter(), scope, 0);
    let above = supers.iter().filter_map(|above| match above {
        TraitRef::Local(above, _) => Some(*above),
        TraitRef::Foreign(..) | TraitRef::Call(_) => None,
    });
    tables.traits[index].with_supers.extend(above);
    for inner in &item.items {
        if let TraitItem::Type(inner) = inner {
            let bounds = tables.bounds(inner.bounds.iter(), scope, 0);
            tables.traits[index].assoc.insert(text(&inner.ident), bounds.into());
        }
    }
    tables.traits[index].generics = all;
}

/// From the traits right above each to all above it, each once however many ways lead there.
fn close_supers(tables: &mut Tables<'_>) {
    let direct: Vec<Vec<usize>> = tables.traits.iter().map(|it| it.with_supers.clone()).collect();
    for (index, of) in tables.traits.iter_mut().enumerate() {
        let mut all = vec![index];
        let mut at = 0;
        while let Some(next) = all.get(at).copied() {
            let more: Vec<usize> =
                direct[next].iter().copied().filter(|above| !all.contains(above)).collect();
            all.extend(more);
            at += 1;
        }
        of.with_supers = all;
    }
}

fn impl_def(tables: &mut Tables<'_>, index: usize) {
    let (module, item) = (tables.impls[index].module, tables.impls[index].syntax);
    let (all, _) = generics(tables, &item.generics, (module, None), &Vec::new());
    let scope = Scope { module, self_ty: None, generics: &all };
    let self_ty = tables.lower(&item.self_ty, scope);
    let key = match &self_ty {
        Ty::Local(index, _) => Key::Local(*index),
        Ty::Foreign(name, _) => Key::Foreign(name.clone()),
        Ty::Tuple(_) => Key::Foreign("(,)".into()),
        Ty::Function(_) => Key::Foreign("fn".into()),
        // `impl dyn Trait`: found through the trait.
        Ty::Bound(_) | Ty::Param(_) | Ty::Unknown | Ty::Assoc(..) => Key::Any,
    };
    if let Some((path, _)) = &item.trait_ {
        let names = super::lower::segments(path);
        if let Some((Def::Trait(of), [])) = tables.resolve(module, &names, Space::Type) {
            tables.impls[index].of_trait = Some(of);
            tables.traits[of].impls.push(index);
        }
    }
    let methods = tables.impls[index].methods.clone();
    let known = tables.methods.entry(key.clone()).or_default();
    for (name, function) in methods {
        let found = known.entry(name).or_default();
        // What is the type's own counts before what a trait gives it.
        match item.trait_.is_some() {
            true => found.push(function),
            false => found.insert(0, function),
        }
    }
    tables.impls_of.entry(key).or_default().push(index);
    let this = &mut tables.impls[index];
    (this.generics, this.self_ty) = (all, self_ty);
}

fn assoc_types(tables: &mut Tables<'_>, index: usize) {
    let item = tables.impls[index].syntax;
    for inner in &item.items {
        let (ident, ty) = match inner {
            ImplItem::Type(inner) => (&inner.ident, &inner.ty),
            ImplItem::Const(inner) => (&inner.ident, &inner.ty),
            _ => continue,
        };
        let this = &tables.impls[index];
        let scope =
            Scope { module: this.module, self_ty: Some(&this.self_ty), generics: &this.generics };
        let ty = tables.lower(ty, scope);
        tables.impls[index].assoc.insert(text(ident), ty);
    }
}

/// The type that `Self` is in a function, and the parameters around it.
pub(super) fn surroundings(tables: &Tables<'_>, owner: Owner) -> (Option<Ty>, Generics) {
    match owner {
        Owner::Module => (None, Generics::new()),
        Owner::Impl(index) => {
            let this = &tables.impls[index];
            (Some(this.self_ty.clone()), this.generics.clone())
        }
        Owner::Trait(index) => {
            let this = &tables.traits[index];
            (Some(Ty::Param(this.self_param)), this.generics.clone())
        }
    }
}

fn function(tables: &mut Tables<'_>, index: usize) {
    let (module, signature, owner) = {
        let this = &tables.functions[index];
        (this.module, this.signature, this.owner)
    };
    let (self_ty, around) = surroundings(tables, owner);
    let self_ty = self_ty.as_ref();
    let (all, _) = generics(tables, &signature.generics, (module, self_ty), &around);
    let scope = Scope { module, self_ty, generics: &all };
    let inputs = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => Some(tables.lower(&input.ty, scope)),
        FnArg::Receiver(_) => None,
    });
    let inputs = inputs.collect();
    let output = tables.output(&signature.output, scope, 0);
    let output = match signature.asyncness {
        Some(_) => Ty::foreign("Future", [output]),
        None => output,
    };
    let has_self = tables.functions[index].has_self;
    if has_self {
        tables.by_name.entry(text(&signature.ident)).or_default().push(index);
    }
    let this = &mut tables.functions[index];
    (this.generics, this.inputs, this.output) = (all, inputs, output);
}
