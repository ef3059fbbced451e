//! From a type and the name of a method or associated type to what is meant.

use super::tables::{Key, Owner, Tables};
use super::ty::{Known, TraitRef, Ty, unify};

/// How far wrappers, parameters and supertraits are followed.
const DEEPEST: usize = 16;

/// What a method call means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// This function, called on a value of this type.
    Function(usize, Ty),
    /// This declaration of a trait: any implementation may run.
    Trait(usize, Ty),
    /// Something outside of the source, of this type.
    Outside(Ty),
    /// The type of the receiver does not tell.
    Unknown,
}

/// Wrappers that a call looks through, to their first argument.
pub(super) fn is_wrapper(name: &str) -> bool {
    matches!(
        name,
        "Arc"
            | "Rc"
            | "Box"
            | "Pin"
            | "Cow"
            | "MutexGuard"
            | "RwLockReadGuard"
            | "RefMut"
            | "Ref"
            | "RwLockWriteGuard"
            | "OwnedMutexGuard"
            | "LazyLock"
            | "Lazy"
            | "ManuallyDrop"
            | "CachePadded"
            | "Guard"
            | "ArcSwap"
            | "LazyCell"
            | "MappedMutexGuard"
            | "AssertUnwindSafe"
            | "Wrapping"
            | "MaybeUninit"
            | "NonNull"
            | "UniquePtr"
    )
}

impl Tables<'_> {
    pub(super) fn method(&self, ty: &Ty, name: &str) -> Found {
        self.method_at(ty, name, 0)
    }

    fn method_at(&self, ty: &Ty, name: &str, depth: usize) -> Found {
        if depth > DEEPEST {
            return Found::Unknown;
        }
        match ty {
            Ty::Unknown => Found::Unknown,
            Ty::Local(index, _) => self.method_of_local((*index, ty), name, depth),
            Ty::Foreign(outer, args) => self.method_of_foreign((outer, args, ty), name, depth),
            Ty::Param(index) => {
                let bounds = self.params[*index].bounds.clone();
                self.method_of_bounds(&bounds, ty, name, depth)
            }
            Ty::Bound(bounds) => self.method_of_bounds(bounds, ty, name, depth),
            Ty::Assoc(base, assoc) => match self.assoc(base, assoc, depth + 1) {
                Ty::Assoc(..) => Found::Outside(ty.clone()),
                known => self.method_at(&known, name, depth + 1),
            },
            Ty::Tuple(_) | Ty::Function(_) => {
                let key = if matches!(ty, Ty::Tuple(_)) { "(,)" } else { "fn" };
                let own = self.own_method(&Key::Foreign(key.into()), ty, name);
                own.or_else(|| self.own_method(&Key::Any, ty, name))
                    .unwrap_or_else(|| Found::Outside(ty.clone()))
            }
        }
    }

    /// A method in the implementations under `key`, or that a trait gives to them.
    fn own_method(&self, key: &Key, ty: &Ty, name: &str) -> Option<Found> {
        let own = self.methods.get(key).and_then(|methods| methods.get(name));
        // Of several the one whose implementation is for such a type: `impl Foo<A>`, `impl Foo<B>`.
        if let Some(functions) = own {
            let fits = |function: &&usize| match self.functions[**function].owner {
                Owner::Impl(index) => could_be(&self.impls[index].self_ty, ty, 0),
                Owner::Module | Owner::Trait(_) => true,
            };
            let function = functions.iter().find(fits).or(functions.first())?;
            return Some(Found::Function(*function, ty.clone()));
        }
        let traits = self.impls_of.get(key)?.iter().filter_map(|it| self.impls[*it].of_trait);
        for of in traits {
            if let Some(function) = self.declared(of, name) {
                return Some(Found::Function(function, ty.clone()));
            }
        }
        None
    }

    fn method_of_local(&self, (index, ty): (usize, &Ty), name: &str, depth: usize) -> Found {
        let key = Key::Local(index);
        if let Some(found) = self.own_method(&key, ty, name) {
            return found;
        }
        let target = self.assoc(ty, "Target", depth + 1);
        if !matches!(target, Ty::Assoc(..)) {
            let found = self.method_at(&target, name, depth + 1);
            if let Found::Function(..) | Found::Trait(..) = found {
                return found;
            }
        }
        self.own_method(&Key::Any, ty, name).unwrap_or_else(|| Found::Outside(ty.clone()))
    }

    fn method_of_foreign(
        &self,
        (outer, args, ty): (&std::rc::Rc<str>, &[Ty], &Ty),
        name: &str,
        depth: usize,
    ) -> Found {
        if let Some(found) = self.own_method(&Key::Foreign(outer.clone()), ty, name) {
            return found;
        }
        let is_own = super::std_types::has_method(outer, name);
        if is_wrapper(outer) && !is_own {
            let inner = self.method_at(&ty.argument(0), name, depth + 1);
            match inner {
                Found::Outside(_) => {}
                found => return found,
            }
        } else if !is_own && !super::std_types::is_known(outer) {
            // A wrapper that is not known: what it holds may have the method.
            let mut inside: Vec<Found> = args
                .iter()
                .map(|arg| self.method_at(arg, name, depth + 1))
                .filter(|found| matches!(found, Found::Function(..) | Found::Trait(..)))
                .collect();
            if inside.len() == 1 {
                return inside.remove(0);
            }
        }
        self.own_method(&Key::Any, ty, name).unwrap_or_else(|| Found::Outside(ty.clone()))
    }

    fn method_of_bounds(&self, bounds: &[TraitRef], ty: &Ty, name: &str, depth: usize) -> Found {
        for bound in bounds {
            match bound {
                TraitRef::Local(index, _) => {
                    if let Some(function) = self.declared(*index, name) {
                        return Found::Trait(function, ty.clone());
                    }
                }
                TraitRef::Foreign(outer, args) if !args.is_empty() => {
                    let outer = Ty::Foreign(outer.clone(), args.clone());
                    match self.method_at(&outer, name, depth + 1) {
                        Found::Outside(_) | Found::Unknown => {}
                        found => return found,
                    }
                }
                TraitRef::Foreign(..) | TraitRef::Call(_) => {}
            }
        }
        self.own_method(&Key::Any, ty, name).unwrap_or_else(|| Found::Outside(ty.clone()))
    }

    /// The declaration of a method in a trait or one above it.
    pub(super) fn declared(&self, of: usize, name: &str) -> Option<usize> {
        let mut all = self.traits[of].with_supers.iter();
        all.find_map(|of| self.traits[*of].methods.get(name).copied())
    }

    /// The functions that may run when the declaration `declared` is called on a value of `ty`.
    pub(super) fn implementations(&self, declared: usize) -> Vec<usize> {
        let this = &self.functions[declared];
        let Owner::Trait(of) = this.owner else { return vec![declared] };
        let name = super::collect::text(&this.signature.ident);
        let mut found = Vec::new();
        let mut is_default_used = false;
        for implementation in &self.traits[of].impls {
            match self.impls[*implementation].methods.get(&name) {
                Some(function) => found.push(*function),
                None => is_default_used = true,
            }
        }
        if found.is_empty() || (is_default_used && this.body.is_some()) {
            found.push(declared);
        }
        found
    }

    /// `Base::Name`, as far as it is known.
    pub(super) fn assoc(&self, base: &Ty, name: &str, depth: usize) -> Ty {
        let unsolved = || Ty::Assoc(base.clone().into(), name.into());
        if depth > DEEPEST {
            return Ty::Unknown;
        }
        let key = match base {
            Ty::Unknown => return Ty::Unknown,
            Ty::Local(index, _) => Key::Local(*index),
            Ty::Foreign(outer, args) => match (&**outer, name) {
                ("Iterator", "Item") | ("Future", "Output") => return base.argument(0),
                (_, "Target") if is_wrapper(outer) => return base.argument(0),
                _ if args.is_empty() && outer.is_empty() => return Ty::Unknown,
                _ => Key::Foreign(outer.clone()),
            },
            Ty::Param(index) => {
                return self.assoc_of_bounds(&self.params[*index].bounds, base, name, depth);
            }
            Ty::Bound(bounds) => return self.assoc_of_bounds(bounds, base, name, depth),
            Ty::Assoc(outer, inner) => {
                return match self.assoc(outer, inner, depth + 1) {
                    Ty::Assoc(..) => unsolved(),
                    known => self.assoc(&known, name, depth + 1),
                };
            }
            Ty::Tuple(_) | Ty::Function(_) => return Ty::Unknown,
        };
        let implementations = self.impls_of.get(&key).into_iter().flatten();
        for index in implementations {
            let this = &self.impls[*index];
            if let Some(ty) = this.assoc.get(name) {
                let mut known = Known::new();
                unify(&this.self_ty, base, &mut known);
                return ty.with(&known);
            }
        }
        unsolved()
    }

    fn assoc_of_bounds(&self, bounds: &[TraitRef], base: &Ty, name: &str, depth: usize) -> Ty {
        for bound in bounds {
            match bound {
                TraitRef::Local(index, fixed) => {
                    if let Some((_, ty)) = fixed.iter().find(|(known, _)| &**known == name) {
                        return ty.clone();
                    }
                    if let Some(bounds) = self.assoc_bounds(*index, name) {
                        // Kept as it is: what the base turns out to be may say more.
                        return match base {
                            Ty::Param(_) if depth == 0 => {
                                Ty::Assoc(base.clone().into(), name.into())
                            }
                            _ => Ty::Bound(bounds),
                        };
                    }
                }
                TraitRef::Foreign(outer, args) => {
                    let found = match (&**outer, name) {
                        ("Iterator", "Item") | ("Future", "Output") | ("Deref", "Target") => {
                            args.first().cloned()
                        }
                        _ => None,
                    };
                    if let Some(found) = found {
                        return found;
                    }
                }
                TraitRef::Call(_) => {}
            }
        }
        Ty::Assoc(base.clone().into(), name.into())
    }

    fn assoc_bounds(&self, of: usize, name: &str) -> Option<std::rc::Rc<[TraitRef]>> {
        let mut all = self.traits[of].with_supers.iter();
        all.find_map(|of| self.traits[*of].assoc.get(name).cloned())
    }

    /// A type with what is known of its associated types put in.
    pub(super) fn normal(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Assoc(base, name) => {
                let base = self.normal(base);
                self.assoc(&base, name, 0)
            }
            Ty::Local(index, args) if !args.is_empty() => {
                Ty::Local(*index, args.iter().map(|ty| self.normal(ty)).collect())
            }
            Ty::Foreign(name, args) if !args.is_empty() => {
                Ty::Foreign(name.clone(), args.iter().map(|ty| self.normal(ty)).collect())
            }
            Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|ty| self.normal(ty)).collect()),
            other => other.clone(),
        }
    }
}

/// Whether a value of type `actual` may be one that `pattern` is written for.
fn could_be(pattern: &Ty, actual: &Ty, depth: usize) -> bool {
    let each = |left: &[Ty], right: &[Ty]| {
        left.iter().zip(right).all(|(left, right)| could_be(left, right, depth + 1))
    };
    match (pattern, actual) {
        _ if depth > DEEPEST => true,
        (Ty::Local(a, left), Ty::Local(b, right)) => a == b && each(left, right),
        (Ty::Foreign(a, left), Ty::Foreign(b, right)) => a == b && each(left, right),
        (Ty::Local(..), Ty::Foreign(..)) | (Ty::Foreign(..), Ty::Local(..)) => false,
        _ => true,
    }
}
