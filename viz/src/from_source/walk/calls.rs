//! Calls: which function is meant, and what comes out of it.

use syn::{Expr, ExprCall, ExprMethodCall, GenericArgument};

use super::path::Named;
use super::pattern::merge;
use super::{At, Walker, line, path_line};
use crate::from_source::collect::text;
use crate::from_source::lookup::Found;
use crate::from_source::std_names::is_std;
use crate::from_source::std_types;
use crate::from_source::tables::{Key, Owner};
use crate::from_source::ty::{Known, Ty, unify};
use crate::from_source::{CallKind, WhyUnresolved};

type Args = syn::punctuated::Punctuated<Expr, syn::Token![,]>;

impl Walker<'_, '_> {
    /// `f(..)`, `Type::f(..)`, `(self.f)(..)`.
    pub(super) fn call(&mut self, call: &ExprCall) -> Ty {
        let mut callee = &*call.func;
        while let Expr::Paren(inner) = callee {
            callee = &inner.expr;
        }
        let Expr::Path(path) = callee else {
            let at = At { line: line(call.paren_token.span.open()), kind: CallKind::Direct };
            let ty = self.expr(callee);
            let args = self.arguments(&call.args, &self.inputs_of(&ty));
            return self.value_call(&ty, &args, "a value", at);
        };
        let at = At { line: path_line(&path.path), kind: CallKind::Direct };
        match self.named(path) {
            Named::Variable(ty) => {
                let name = path.path.get_ident().map(|it| it.to_string()).unwrap_or_default();
                let args = self.arguments(&call.args, &self.inputs_of(&ty));
                self.value_call(&ty, &args, &name, at)
            }
            Named::Function(index) => {
                let inputs = self.tables.functions[index].inputs.clone();
                let args = self.arguments(&call.args, &inputs);
                self.edge(index, at, None, false);
                self.returned(index, None, &args)
            }
            Named::Member(ty, name) => self.member_call((&ty, &name), &call.args, at),
            Named::OfTrait(of, name) => match self.tables.declared(of, &name) {
                Some(declared) => {
                    let args = self.arguments(&call.args, &[]);
                    let this = &self.tables.functions[declared];
                    let receiver = args.first().filter(|_| this.has_self);
                    match receiver.map(|ty| self.tables.method(ty, &name)) {
                        Some(Found::Function(index, _)) => self.edge(index, at, None, false),
                        _ => self.dispatch(declared, at),
                    }
                    self.returned(declared, receiver.cloned().as_ref(), &args)
                }
                None => {
                    self.arguments(&call.args, &[]);
                    self.outside(&name, at.line);
                    Ty::Unknown
                }
            },
            Named::Struct(index) => {
                self.mention(index, "", at.line);
                let fields = self.tables.types[index].fields.clone();
                self.made((index, &fields), &call.args)
            }
            Named::Variant(index, variant) => {
                self.mention(index, &variant, at.line);
                let fields = self.tables.types[index].variants.get(&variant).cloned();
                self.made((index, &fields.unwrap_or_default()), &call.args)
            }
            Named::Constant(index) => {
                let ty = self.tables.constants[index].2.clone();
                let args = self.arguments(&call.args, &self.inputs_of(&ty));
                self.value_call(&ty, &args, "a constant", at)
            }
            Named::Outside(above, name) => {
                self.outside_call(above.as_deref(), &name, &call.args, at)
            }
            Named::Nothing => {
                self.arguments(&call.args, &[]);
                let names = crate::from_source::lower::segments(&path.path);
                self.unresolved(names.join("::"), at.line, WhyUnresolved::Path);
                Ty::Unknown
            }
        }
    }

    /// A tuple struct or variant that is made.
    fn made(&mut self, (index, fields): (usize, &[(std::rc::Rc<str>, Ty)]), args: &Args) -> Ty {
        let wanted: Vec<Ty> = fields.iter().map(|(_, ty)| ty.clone()).collect();
        let given = self.arguments(args, &wanted);
        let mut known = Known::new();
        for (wanted, given) in wanted.iter().zip(&given) {
            unify(wanted, given, &mut known);
        }
        let params = self.tables.types[index].params.iter();
        let args = params.map(|param| known.get(param).cloned().unwrap_or(Ty::Unknown));
        Ty::Local(index, args.collect())
    }

    /// A function that is held by a value.
    fn value_call(&mut self, ty: &Ty, _args: &[Ty], name: &str, at: At) -> Ty {
        let mut ty = self.as_outside(&self.looked_through(ty));
        if let Ty::Foreign(_, args) = &ty
            && let [inner @ Ty::Function(_)] = &args[..]
        {
            ty = inner.clone();
        }
        match &ty {
            Ty::Function(signature) => {
                if !signature.is_known {
                    self.unresolved(name.to_owned(), at.line, WhyUnresolved::Value);
                }
                self.tables.normal(&signature.output)
            }
            _ => {
                self.unresolved(name.to_owned(), at.line, WhyUnresolved::Value);
                Ty::Unknown
            }
        }
    }

    /// `Type::f(..)`.
    fn member_call(&mut self, (ty, name): (&Ty, &str), args: &Args, at: At) -> Ty {
        let ty = &self.tables.normal(ty);
        match self.tables.method(ty, name) {
            Found::Function(index, _) => {
                let known = self.known_of(index, ty);
                let inputs = self.inputs_with_self(index, &known);
                let args = self.arguments(args, &inputs);
                // The argument decides between `From<A>` and `From<B>`.
                let index = self.overload(index, name, &args);
                self.edge(index, at, None, false);
                self.returned(index, Some(ty), &args)
            }
            Found::Trait(declared, _) => {
                let args = self.arguments(args, &[]);
                self.dispatch(declared, at);
                self.returned(declared, Some(ty), &args)
            }
            Found::Outside(_) | Found::Unknown => {
                let args = self.arguments(args, &[]);
                self.outside(name, at.line);
                match (ty, name) {
                    (Ty::Local(..), "default" | "from" | "clone" | "from_iter") => ty.clone(),
                    (Ty::Local(..), "try_from" | "from_str") => {
                        Ty::foreign("Result", [ty.clone(), Ty::Unknown])
                    }
                    (Ty::Foreign(outer, _), _) => {
                        merge(ty, &std_types::constructed(outer, name, &args))
                    }
                    _ => Ty::Unknown,
                }
            }
        }
    }

    /// Types of the arguments of `f`, with `self` first where it has one.
    fn inputs_with_self(&self, index: usize, known: &Known) -> Vec<Ty> {
        let this = &self.tables.functions[index];
        let own = this.inputs.iter().map(|ty| ty.with(known));
        match this.has_self {
            true => std::iter::once(Ty::Unknown).chain(own).collect(),
            false => own.collect(),
        }
    }

    /// Of several functions of one name, from several implementations of one trait for one type, the
    /// one that takes such arguments.
    fn overload(&self, index: usize, name: &str, args: &[Ty]) -> usize {
        let Owner::Impl(of) = self.tables.functions[index].owner else { return index };
        let key = match &self.tables.impls[of].self_ty {
            Ty::Local(index, _) => Key::Local(*index),
            Ty::Foreign(name, _) => Key::Foreign(name.clone()),
            _ => return index,
        };
        let all = self.tables.methods.get(&key).and_then(|methods| methods.get(name));
        let Some(all) = all.filter(|all| all.len() > 1) else { return index };
        let fits = |function: &&usize| {
            let this = &self.tables.functions[**function];
            let given = if this.has_self { args.get(1..).unwrap_or(&[]) } else { args };
            this.inputs.len() == given.len()
                && this.inputs.iter().zip(given).all(|(wanted, given)| {
                    let (wanted, given) = (self.looked_through(wanted), self.looked_through(given));
                    match (&wanted, &given) {
                        (Ty::Local(a, _), Ty::Local(b, _)) => a == b,
                        (Ty::Foreign(a, _), Ty::Foreign(b, _)) => a == b,
                        (Ty::Local(..), Ty::Foreign(..)) | (Ty::Foreign(..), Ty::Local(..)) => {
                            false
                        }
                        _ => true,
                    }
                })
        };
        all.iter().find(fits).copied().unwrap_or(index)
    }

    /// A function from outside.
    fn outside_call(&mut self, above: Option<&str>, name: &str, args: &Args, at: At) -> Ty {
        if let Some(above) = above {
            let ty = Ty::Foreign(above.into(), std::rc::Rc::new([]));
            if let found @ (Found::Function(..) | Found::Trait(..)) = self.tables.method(&ty, name)
            {
                let args = self.arguments(args, &[]);
                let index = match found {
                    Found::Function(index, _) => {
                        let index = self.overload(index, name, &args);
                        self.edge(index, at, None, false);
                        index
                    }
                    Found::Trait(index, _) => {
                        self.dispatch(index, at);
                        index
                    }
                    Found::Outside(_) | Found::Unknown => return Ty::Unknown,
                };
                return self.returned(index, Some(&ty), &args);
            }
        }
        let args = self.arguments(args, &[]);
        let first = || args.first().cloned().unwrap_or(Ty::Unknown);
        match (above, name) {
            (_, "Some") => return Ty::option(first()),
            (_, "Ok") => return Ty::foreign("Result", [first(), Ty::Unknown]),
            (_, "Err") => return Ty::foreign("Result", [Ty::Unknown, first()]),
            _ => {}
        }
        self.outside(name, at.line);
        match (above, name) {
            (_, "replace" | "take" | "identity" | "black_box" | "min" | "max") => first(),
            (_, "from_fn" | "repeat_with") => match (name, &first()) {
                ("repeat_with", Ty::Function(made)) => Ty::iterator(made.output.clone()),
                (_, Ty::Function(made)) => Ty::iterator(made.output.argument(0)),
                _ => Ty::Unknown,
            },
            (_, "successors" | "once" | "repeat" | "repeat_n") => match name {
                "successors" => Ty::iterator(first().argument(0)),
                _ => Ty::iterator(first()),
            },
            (_, "zip") => {
                let second = args.get(1).cloned().unwrap_or(Ty::Unknown);
                let (a, b) = (std_types::item(&first()), std_types::item(&second));
                Ty::iterator(Ty::Tuple(std::rc::Rc::new([a, b])))
            }
            (_, "spawn") => Ty::foreign(
                "JoinHandle",
                [match first() {
                    Ty::Function(made) => made.output.clone(),
                    future => future.argument(0),
                }],
            ),
            (_, "spawn_blocking" | "timeout" | "block_on" | "pin" | "scope" | "catch_unwind") => {
                args.last().cloned().unwrap_or(Ty::Unknown)
            }
            (Some(above), _) => std_types::constructed(above, name, &args),
            (None, _) if args.iter().all(Ty::is_opaque) => Ty::opaque(),
            (None, _) => Ty::Unknown,
        }
    }

    /// `x.f(..)`.
    pub(super) fn method_call(&mut self, call: &ExprMethodCall) -> Ty {
        let receiver = self.expr(&call.receiver);
        let receiver = self.tables.normal(&receiver);
        let name = text(&call.method);
        let at = At { line: line(call.method.span()), kind: CallKind::Method };
        match self.tables.method(&receiver, &name) {
            Found::Function(index, of) => {
                let known = self.known_of(index, &of);
                let inputs: Vec<Ty> = {
                    let this = &self.tables.functions[index];
                    this.inputs.iter().map(|ty| ty.with(&known)).collect()
                };
                let args = self.arguments(&call.args, &inputs);
                let mut all = vec![of.clone()];
                all.extend(args);
                let index = self.overload(index, &name, &all);
                // Something that is not known holds a value with such a method.
                let is_by_name = matches!(&receiver, Ty::Foreign(outer, _) if &**outer == "?");
                self.edge(index, at, None, is_by_name);
                self.returned(index, Some(&of), &all)
            }
            Found::Trait(declared, of) => {
                let inputs = self.tables.functions[declared].inputs.clone();
                let mut all = vec![of.clone()];
                all.extend(self.arguments(&call.args, &inputs));
                self.dispatch(declared, at);
                self.returned(declared, Some(&of), &all)
            }
            Found::Outside(_) => self.outside_method(call, &receiver, &name),
            Found::Unknown => self.method_of_unknown(call, &name, at),
        }
    }

    fn outside_method(&mut self, call: &ExprMethodCall, receiver: &Ty, name: &str) -> Ty {
        let outer = self.as_outside(receiver);
        let args =
            self.arguments_with(&call.args, |at| std_types::closure_inputs(&outer, name, at));
        self.outside(name, line(call.method.span()));
        // What is put into a list tells what is in it.
        if let Expr::Path(path) = &*call.receiver
            && let Some(variable) = path.path.get_ident()
            && matches!(name, "push" | "push_back" | "push_front" | "insert" | "extend")
        {
            let filled = match name {
                "extend" => args.iter().map(std_types::item).collect(),
                _ => args.clone(),
            };
            if let Ty::Foreign(outer, known) = receiver
                && known.len() == filled.len()
            {
                let learned = Ty::Foreign(outer.clone(), filled.into());
                self.learn(&text(variable), &learned);
            }
        }
        let found = std_types::result(&outer, name, &args);
        let turbofish = call.turbofish.as_ref().and_then(|generics| generics.args.first());
        match turbofish {
            Some(GenericArgument::Type(ty)) => {
                let written = self.tables.lower(ty, self.scope());
                match name {
                    "parse" => Ty::foreign("Result", [written, Ty::Unknown]),
                    "collect" | "into" | "sum" | "product" => merge(&written, &found),
                    _ => found,
                }
            }
            _ => found,
        }
    }

    /// A method of a value whose type is not known: only a name that one function has tells.
    fn method_of_unknown(&mut self, call: &ExprMethodCall, name: &str, at: At) -> Ty {
        let args = self.arguments(&call.args, &[]);
        let count = call.args.len();
        let tables = self.tables;
        let candidates: Vec<usize> = tables
            .by_name
            .get(name)
            .into_iter()
            .flatten()
            .copied()
            .filter(|index| tables.functions[*index].inputs.len() == count)
            .collect();
        if candidates.is_empty() {
            self.outside(name, at.line);
            let unknown = std_types::result(&Ty::Unknown, name, &args);
            return unknown;
        }
        if is_std(name) {
            self.unresolved(format!(".{name}()"), at.line, WhyUnresolved::StdName);
            return Ty::Unknown;
        }
        // All of one trait are one function too.
        let declared: Vec<Option<usize>> =
            candidates.iter().map(|index| self.declaration(*index, name)).collect();
        if let Some(Some(first)) = declared.first()
            && declared.iter().all(|it| *it == Some(*first))
        {
            for to in tables.implementations(*first) {
                self.edge(to, At { kind: CallKind::Trait, ..at }, Some(*first), true);
            }
            return self.returned(*first, None, &args);
        }
        match candidates.as_slice() {
            [only] => {
                self.edge(*only, at, None, true);
                let mut all = vec![Ty::Unknown];
                all.extend(args);
                self.returned(*only, None, &all)
            }
            several => {
                let why = WhyUnresolved::Receiver { candidates: several.len() };
                self.unresolved(format!(".{name}()"), at.line, why);
                Ty::Unknown
            }
        }
    }

    /// The declaration of a method that a trait of the source has.
    fn declaration(&self, index: usize, name: &str) -> Option<usize> {
        match self.tables.functions[index].owner {
            Owner::Trait(_) => Some(index),
            Owner::Impl(of) => {
                let of = self.tables.impls[of].of_trait?;
                self.tables.declared(of, name)
            }
            Owner::Module => None,
        }
    }

    /// Types of arguments; `wanted` tells closures what they are given.
    pub(super) fn arguments(&mut self, args: &Args, wanted: &[Ty]) -> Vec<Ty> {
        let inputs: Vec<Vec<Ty>> = wanted.iter().map(|ty| self.inputs_of(ty)).collect();
        self.arguments_with(args, |at| inputs.get(at).cloned().unwrap_or_default())
    }

    fn arguments_with(&mut self, args: &Args, inputs: impl Fn(usize) -> Vec<Ty>) -> Vec<Ty> {
        let mut types = Vec::with_capacity(args.len());
        for (at, arg) in args.iter().enumerate() {
            types.push(match arg {
                Expr::Closure(closure) => self.closure(closure, &inputs(at)),
                Expr::Path(path) => self.path_value(path, CallKind::Callback),
                arg => self.expr(arg),
            });
        }
        types
    }

    /// What the parameters around a method stand for, where it is called on `receiver`.
    pub(super) fn known_of(&self, index: usize, receiver: &Ty) -> Known {
        let mut known = Known::new();
        match self.tables.functions[index].owner {
            Owner::Impl(of) => unify(&self.tables.impls[of].self_ty, receiver, &mut known),
            Owner::Trait(of) => {
                known.insert(self.tables.traits[of].self_param, receiver.clone());
            }
            Owner::Module => {}
        }
        known
    }

    /// What a function gives, as far as its receiver and arguments tell; the latter have `self` first.
    fn returned(&self, index: usize, receiver: Option<&Ty>, args: &[Ty]) -> Ty {
        let this = &self.tables.functions[index];
        let mut known = receiver.map(|ty| self.known_of(index, ty)).unwrap_or_default();
        let given = if this.has_self { args.get(1..).unwrap_or(&[]) } else { args };
        for (wanted, given) in this.inputs.iter().zip(given) {
            unify(wanted, given, &mut known);
            // `F: Fn() -> T`: what the closure gives is what `T` is.
            if let (Ty::Param(param), Ty::Function(made)) = (wanted, given) {
                for bound in self.tables.params[*param].bounds.iter() {
                    if let crate::from_source::ty::TraitRef::Call(signature) = bound {
                        unify(&signature.output, &made.output, &mut known);
                    }
                }
            }
        }
        self.tables.normal(&this.output.with(&known))
    }
}
