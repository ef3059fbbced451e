//! Expressions and statements: what they call, and what type comes out.

use std::rc::Rc;

use syn::{Block, Expr, Member, Stmt, UnOp};

use super::pattern::{merge, unknown_of};
use super::{DEEPEST, Walker, line, path_line};
use crate::from_source::CallKind;
use crate::from_source::cfg;
use crate::from_source::collect::text;
use crate::from_source::lower::segments;
use crate::from_source::std_types;
use crate::from_source::ty::{Known, Signature, Ty, unify};

impl Walker<'_, '_> {
    /// A block with names of its own; its type is that of its last expression.
    pub(super) fn block(&mut self, block: &Block) -> Ty {
        self.scoped(|walker| walker.statements(&block.stmts))
    }

    pub(super) fn statements(&mut self, statements: &[Stmt]) -> Ty {
        let mut last = Ty::Tuple(Rc::new([]));
        for statement in statements {
            last = match statement {
                Stmt::Local(local) if cfg::is_left_out(&local.attrs) => continue,
                Stmt::Local(local) => {
                    let found = match &local.init {
                        Some(init) => {
                            let found = self.expr(&init.expr);
                            if let Some((_, otherwise)) = &init.diverge {
                                self.expr(otherwise);
                            }
                            found
                        }
                        None => Ty::Unknown,
                    };
                    self.bind(&local.pat, &found);
                    Ty::Tuple(Rc::new([]))
                }
                Stmt::Item(_) => Ty::Tuple(Rc::new([])),
                Stmt::Expr(expr, None) => self.expr(expr),
                Stmt::Expr(expr, Some(_)) => {
                    self.expr(expr);
                    Ty::Tuple(Rc::new([]))
                }
                Stmt::Macro(statement) if cfg::is_left_out(&statement.attrs) => continue,
                Stmt::Macro(statement) => self.macro_call(&statement.mac),
            };
        }
        last
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Ty {
        if self.depth >= DEEPEST {
            return Ty::Unknown;
        }
        self.depth += 1;
        let ty = self.expr_inside(expr);
        self.depth -= 1;
        ty
    }

    fn expr_inside(&mut self, expr: &Expr) -> Ty {
        match expr {
            Expr::Paren(expr) => self.expr(&expr.expr),
            Expr::Group(expr) => self.expr(&expr.expr),
            Expr::Reference(expr) => self.expr(&expr.expr),
            Expr::RawAddr(expr) => self.expr(&expr.expr),
            Expr::Path(expr) => self.path_value(expr, CallKind::Value),
            Expr::Call(expr) => self.call(expr),
            Expr::MethodCall(expr) => self.method_call(expr),
            Expr::Field(expr) => {
                let base = self.expr(&expr.base);
                self.field(&base, &expr.member)
            }
            Expr::Macro(expr) => self.macro_call(&expr.mac),
            Expr::Block(expr) => self.block(&expr.block),
            Expr::Unsafe(expr) => self.block(&expr.block),
            Expr::Const(expr) => self.block(&expr.block),
            Expr::TryBlock(expr) => Ty::foreign("Result", [self.block(&expr.block)]),
            Expr::Async(expr) => Ty::foreign("Future", [self.block(&expr.block)]),
            Expr::Await(expr) => {
                let base = self.expr(&expr.base);
                match self.as_outside(&base) {
                    Ty::Foreign(name, args) if &*name == "Future" => {
                        args.first().cloned().unwrap_or(Ty::Unknown)
                    }
                    Ty::Foreign(name, args) if &*name == "JoinHandle" => {
                        let good = args.first().cloned().unwrap_or(Ty::Unknown);
                        Ty::foreign("Result", [good, Ty::opaque()])
                    }
                    Ty::Local(..) => match self.tables.assoc(&base, "Output", 0) {
                        Ty::Assoc(..) => Ty::Unknown,
                        output => output,
                    },
                    other => other,
                }
            }
            Expr::Try(expr) => {
                let base = self.expr(&expr.expr);
                match base {
                    Ty::Foreign(name, args) if matches!(&*name, "Option" | "Result") => {
                        args.first().cloned().unwrap_or(Ty::Unknown)
                    }
                    // An alias of `Result` that is not known by its name.
                    Ty::Foreign(_, args) if !args.is_empty() => args[0].clone(),
                    other => unknown_of(&other),
                }
            }
            Expr::Closure(expr) => self.closure(expr, &[]),
            Expr::If(expr) => self.scoped(|walker| {
                walker.expr(&expr.cond);
                let then = walker.block(&expr.then_branch);
                let otherwise = expr.else_branch.as_ref().map(|(_, it)| it);
                let otherwise = otherwise.map(|it| walker.expr(it));
                either(then, otherwise)
            }),
            Expr::Let(expr) => {
                let value = self.expr(&expr.expr);
                self.bind(&expr.pat, &value);
                Ty::foreign("bool", [])
            }
            Expr::Match(expr) => {
                let value = self.expr(&expr.expr);
                let mut result = Ty::Unknown;
                for arm in expr.arms.iter().filter(|arm| !cfg::is_left_out(&arm.attrs)) {
                    let ty = self.scoped(|walker| {
                        walker.bind(&arm.pat, &value);
                        walker.expr(&arm.body)
                    });
                    result = either(result, Some(ty));
                }
                result
            }
            Expr::While(expr) => self.scoped(|walker| {
                walker.expr(&expr.cond);
                walker.block(&expr.body);
                Ty::opaque()
            }),
            Expr::ForLoop(expr) => {
                let of = self.expr(&expr.expr);
                let item = std_types::item(&self.as_outside(&of));
                self.scoped(|walker| {
                    walker.bind(&expr.pat, &item);
                    walker.block(&expr.body);
                });
                Ty::opaque()
            }
            Expr::Loop(expr) => {
                self.block(&expr.body);
                Ty::Unknown
            }
            Expr::Assign(expr) => {
                let right = self.expr(&expr.right);
                if let Expr::Path(path) = &*expr.left
                    && let Some(name) = path.path.get_ident()
                {
                    self.learn(&text(name), &right);
                }
                self.expr(&expr.left);
                Ty::opaque()
            }
            Expr::Binary(expr) => {
                let left = self.expr(&expr.left);
                self.expr(&expr.right);
                use syn::BinOp::{And, Eq, Ge, Gt, Le, Lt, Ne, Or};
                match expr.op {
                    And(_) | Eq(_) | Ge(_) | Gt(_) | Le(_) | Lt(_) | Ne(_) | Or(_) => {
                        Ty::foreign("bool", [])
                    }
                    _ => match self.tables.assoc(&left, "Output", 0) {
                        Ty::Assoc(..) => left,
                        output => output,
                    },
                }
            }
            Expr::Unary(expr) => {
                let ty = self.expr(&expr.expr);
                match expr.op {
                    UnOp::Deref(_) => match &ty {
                        Ty::Foreign(name, args) if super::super::lookup::is_wrapper(name) => {
                            args.first().cloned().unwrap_or(Ty::Unknown)
                        }
                        Ty::Local(..) => match self.tables.assoc(&ty, "Target", 0) {
                            Ty::Assoc(..) => ty,
                            target => target,
                        },
                        _ => ty,
                    },
                    _ => ty,
                }
            }
            Expr::Cast(expr) => {
                self.expr(&expr.expr);
                self.tables.lower(&expr.ty, self.scope())
            }
            Expr::Index(expr) => {
                let base = self.expr(&expr.expr);
                let index = self.expr(&expr.index);
                self.indexed(&base, &index)
            }
            Expr::Range(expr) => {
                let start = expr.start.as_ref().map(|it| self.expr(it));
                let end = expr.end.as_ref().map(|it| self.expr(it));
                let item = start.or(end).unwrap_or(Ty::opaque());
                Ty::foreign("Range", [item])
            }
            Expr::Tuple(expr) => Ty::Tuple(expr.elems.iter().map(|it| self.expr(it)).collect()),
            Expr::Array(expr) => {
                let items: Vec<Ty> = expr.elems.iter().map(|it| self.expr(it)).collect();
                let known = items.into_iter().find(|item| !item.is_unknown());
                Ty::foreign("Vec", [known.unwrap_or(Ty::Unknown)])
            }
            Expr::Repeat(expr) => {
                let item = self.expr(&expr.expr);
                self.expr(&expr.len);
                Ty::foreign("Vec", [item])
            }
            Expr::Struct(expr) => self.struct_value(expr),
            Expr::Return(expr) => {
                if let Some(value) = &expr.expr {
                    self.expr(value);
                }
                Ty::Unknown
            }
            Expr::Break(expr) => {
                if let Some(value) = &expr.expr {
                    self.expr(value);
                }
                Ty::Unknown
            }
            Expr::Yield(expr) => {
                if let Some(value) = &expr.expr {
                    self.expr(value);
                }
                Ty::Unknown
            }
            Expr::Lit(_) => Ty::foreign("literal", []),
            Expr::Continue(_) | Expr::Infer(_) | Expr::Verbatim(_) => Ty::Unknown,
            _ => Ty::Unknown,
        }
    }

    /// A variable whose type was not known until now.
    pub(super) fn learn(&mut self, name: &str, ty: &Ty) {
        if let Some((_, known)) = self.variables.iter_mut().rev().find(|(it, _)| &**it == name) {
            *known = merge(known, ty);
        }
    }

    /// What is in the field of a value.
    pub(super) fn field(&mut self, base: &Ty, member: &Member) -> Ty {
        let name: Rc<str> = match member {
            Member::Named(name) => text(name),
            Member::Unnamed(index) => index.index.to_string().as_str().into(),
        };
        let at = match member {
            Member::Named(name) => line(name.span()),
            Member::Unnamed(index) => line(index.span),
        };
        let mut base = self.tables.normal(base);
        for _ in 0..8 {
            match &base {
                Ty::Local(index, args) => {
                    let of = &self.tables.types[*index];
                    if let Some((_, ty)) = of.fields.iter().find(|(known, _)| *known == name) {
                        let known: Known =
                            of.params.iter().copied().zip(args.iter().cloned()).collect();
                        let ty = self.tables.normal(&ty.with(&known));
                        self.mention(*index, &format!(".{name}"), at);
                        return ty;
                    }
                    base = match self.tables.assoc(&base, "Target", 0) {
                        Ty::Assoc(..) => return Ty::Unknown,
                        target => target,
                    };
                }
                Ty::Tuple(parts) => {
                    let at = name.parse::<usize>().ok();
                    return at.and_then(|at| parts.get(at).cloned()).unwrap_or(Ty::Unknown);
                }
                Ty::Foreign(outer, args) if super::super::lookup::is_wrapper(outer) => {
                    base = args.first().cloned().unwrap_or(Ty::Unknown);
                }
                // The field is that of something outside, unless what is in it has one of that name.
                Ty::Foreign(_, args) => match args.first() {
                    Some(Ty::Local(index, _)) if self.has_field(*index, &name) => {
                        base = args[0].clone();
                    }
                    _ => return Ty::opaque(),
                },
                other => return unknown_of(other),
            }
        }
        Ty::Unknown
    }

    fn has_field(&self, index: usize, name: &str) -> bool {
        self.tables.types[index].fields.iter().any(|(known, _)| &**known == name)
    }

    fn indexed(&self, base: &Ty, index: &Ty) -> Ty {
        let base = match self.looked_through(base) {
            Ty::Local(..) => match self.tables.assoc(base, "Output", 0) {
                Ty::Assoc(..) => return Ty::Unknown,
                output => return output,
            },
            base => base,
        };
        match (&base, index) {
            (Ty::Foreign(..), Ty::Foreign(name, _)) if &**name == "Range" => base,
            (Ty::Foreign(_, args), _) if args.len() == 2 => args[1].clone(),
            (Ty::Foreign(..), _) => match std_types::item(&base) {
                Ty::Unknown => unknown_of(&base),
                item => item,
            },
            _ => Ty::Unknown,
        }
    }

    fn struct_value(&mut self, expr: &syn::ExprStruct) -> Ty {
        let names = segments(&expr.path);
        let found = self.struct_or_variant(&names, path_line(&expr.path));
        let mut known = Known::new();
        for field in &expr.fields {
            let name = match &field.member {
                Member::Named(name) => text(name),
                Member::Unnamed(index) => index.index.to_string().as_str().into(),
            };
            let wanted = found.as_ref().and_then(|(_, fields)| {
                fields.iter().find(|(known, _)| *known == name).map(|(_, ty)| ty.clone())
            });
            let given = match (&field.expr, &wanted) {
                (Expr::Closure(closure), Some(wanted)) => {
                    let inputs = self.inputs_of(wanted);
                    self.closure(closure, &inputs)
                }
                (value, _) => self.expr(value),
            };
            if let Some(wanted) = wanted {
                unify(&wanted, &given, &mut known);
            }
        }
        if let Some(rest) = &expr.rest {
            self.expr(rest);
        }
        match found {
            Some((index, _)) => {
                if names.first().is_some_and(|name| name == "Self")
                    && let Some(self_ty) = &self.self_ty
                {
                    return self_ty.clone();
                }
                let params = self.tables.types[index].params.iter();
                let args =
                    params.map(|param| known.get(param).cloned().unwrap_or(Ty::Unknown)).collect();
                Ty::Local(index, args)
            }
            None => Ty::opaque(),
        }
    }

    /// What a function value of this type is given.
    pub(super) fn inputs_of(&self, ty: &Ty) -> Vec<Ty> {
        match ty {
            Ty::Function(signature) => signature.inputs.clone(),
            Ty::Foreign(_, args) if args.len() == 1 => self.inputs_of(&args[0]),
            Ty::Param(_) | Ty::Bound(_) => match self.as_outside(ty) {
                Ty::Function(signature) => signature.inputs.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// A closure that is given `inputs`, as far as they are known.
    pub(super) fn closure(&mut self, closure: &syn::ExprClosure, inputs: &[Ty]) -> Ty {
        self.closures += 1;
        let (bound, output) = self.scoped(|walker| {
            let mut bound = Vec::new();
            for (at, pat) in closure.inputs.iter().enumerate() {
                let ty = inputs.get(at).cloned().unwrap_or(Ty::Unknown);
                walker.bind(pat, &ty);
                bound.push(ty);
            }
            (bound, walker.expr(&closure.body))
        });
        self.closures -= 1;
        let output = match &closure.output {
            syn::ReturnType::Default => output,
            syn::ReturnType::Type(_, ty) => self.tables.lower(ty, self.scope()),
        };
        let output = match closure.asyncness {
            Some(_) => Ty::foreign("Future", [output]),
            None => output,
        };
        Ty::Function(Rc::new(Signature { inputs: bound, output, is_known: true }))
    }
}

/// The type of a branching: that of the first branch that tells one.
fn either(first: Ty, second: Option<Ty>) -> Ty {
    match (first, second) {
        (Ty::Unknown, Some(second)) => second,
        // An empty list or `None` in one branch says less than the other.
        (first, Some(second)) => merge(&first, &second),
        (first, None) => first,
    }
}
