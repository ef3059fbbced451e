//! Which files a source has: from the paths that were named to crates, from `lib.rs` along every
//! `mod` to its file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use syn::{Attribute, Item, ItemMod};

use super::cfg;
use super::parse;
use super::{SourceError, SourceLeftOut};

/// Folders beside a crate's own source whose code is not part of it.
const NOT_SOURCE: [&str; 6] = ["target", "tests", "benches", "examples", "fuzz", "testdata"];
/// Deepest nesting of folders and of modules.
const DEEPEST: usize = 64;
/// Most modules that one file may be, by `#[path]`: one that names itself twice would have no end.
const MOST_MODULES: usize = 16;

/// One file that was parsed.
pub(super) struct File {
    pub(super) path: Arc<str>,
    pub(super) syntax: syn::File,
}

/// A `mod x;`: the file that it stands in, the inline modules around it there, and its name.
pub(super) type ModuleKey = (usize, Vec<String>, String);

/// All files of a source.
#[derive(Default)]
pub(super) struct Files {
    pub(super) files: Vec<File>,
    /// Name of each crate, and its first file.
    pub(super) crates: Vec<(String, usize)>,
    pub(super) modules: HashMap<ModuleKey, usize>,
    pub(super) left_out: Vec<SourceLeftOut>,
    pub(super) lines: usize,
    /// How many modules each file is.
    times: HashMap<PathBuf, usize>,
}

/// A module whose file has still to be read.
struct Open {
    path: PathBuf,
    /// Where the files of its own modules are.
    folder: PathBuf,
    key: Option<ModuleKey>,
    depth: usize,
}

impl Files {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Files, SourceError> {
        let mut all = Files::default();
        for path in paths {
            let mut roots = Vec::new();
            let io = |error| SourceError::Io { path: path.clone(), error };
            match fs::metadata(path).map_err(io)?.is_dir() {
                true => find_roots(path, 0, &mut roots).map_err(io)?,
                false => roots.push(path.clone()),
            }
            if roots.is_empty() {
                return Err(SourceError::NoSource { path: path.clone() });
            }
            roots.sort();
            for root in roots {
                all.read_crate(&root);
            }
        }
        Ok(all)
    }

    fn read_crate(&mut self, root: &Path) {
        let first = self.files.len();
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        let mut open = vec![Open { path: root.to_owned(), folder, key: None, depth: 0 }];
        while let Some(next) = open.pop() {
            let Some(index) = self.read_file(&next.path) else { continue };
            if let Some(key) = next.key {
                self.modules.insert(key, index);
            }
            let mut found = Vec::new();
            let items = &self.files[index].syntax.items;
            find_modules(items, &mut Vec::new(), &mut |item, inside| {
                found.push((
                    inside.to_vec(),
                    item.ident.to_string(),
                    path_attribute(&item.attrs),
                    {
                        let place = item.ident.span().start();
                        (place.line as u32, place.column as u32 + 1)
                    },
                ));
            });
            for (inside, name, named_path, place) in found.into_iter().rev() {
                let mut folder = next.folder.clone();
                folder.extend(&inside);
                let candidates = match named_path {
                    // Relative to the file itself where no inline module is around it.
                    Some(path) if inside.is_empty() => {
                        vec![next.path.parent().unwrap_or(Path::new("")).join(path)]
                    }
                    Some(path) => vec![folder.join(path)],
                    None => {
                        vec![folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")]
                    }
                };
                let file = candidates.into_iter().find(|path| path.is_file());
                match file {
                    Some(path) if next.depth < DEEPEST && self.may_be_one_more(&path) => {
                        let folder = match path.file_name().is_some_and(|it| it == "mod.rs") {
                            true => path.parent().unwrap_or(Path::new("")).to_owned(),
                            false => folder.join(&name),
                        };
                        let key = Some((index, inside, name));
                        open.push(Open { path, folder, key, depth: next.depth + 1 });
                    }
                    found => self.left_out.push(SourceLeftOut {
                        file: self.files[index].path.clone(),
                        line: place.0,
                        column: place.1,
                        why: match found {
                            Some(_) => format!("`mod {name}` leads in a circle"),
                            None => format!("there is no file for `mod {name}`"),
                        },
                    }),
                }
            }
        }
        if self.files.len() > first {
            self.crates.push((crate_name(root), first));
        }
    }

    /// Counts one more module that the file at `path` is; `false` if that are too many.
    fn may_be_one_more(&mut self, path: &Path) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let times = self.times.entry(real).or_default();
        *times += 1;
        *times <= MOST_MODULES
    }

    /// Parses one file; what is wrong with it is kept.
    fn read_file(&mut self, path: &Path) -> Option<usize> {
        let name: Arc<str> = path.to_string_lossy().replace('\\', "/").into();
        let left_out = |line: usize, column: usize, why: String| SourceLeftOut {
            file: name.clone(),
            line: line as u32,
            column: column as u32,
            why,
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.left_out.push(left_out(1, 1, format!("cannot be read: {error}")));
                return None;
            }
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
                let good = String::from_utf8_lossy(&bytes[..at]);
                let line = good.matches('\n').count() + 1;
                let column = good.chars().rev().take_while(|it| *it != '\n').count() + 1;
                let byte = bytes[at];
                self.left_out.push(left_out(
                    line,
                    column,
                    format!("byte {byte:#04x} is not UTF-8"),
                ));
                return None;
            }
        };
        match parse::file(&text) {
            Ok(syntax) => {
                self.lines += text.lines().count();
                self.files.push(File { path: name, syntax });
                Some(self.files.len() - 1)
            }
            Err(fault) => {
                self.left_out.push(left_out(fault.line, fault.column, fault.why));
                None
            }
        }
    }
}

/// The first files of the crates in a folder; loose files are crates of their own.
fn find_roots(folder: &Path, depth: usize, roots: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let heads = |folder: &Path| -> Vec<PathBuf> {
        let names = ["lib.rs", "main.rs"].map(|name| folder.join(name));
        names.into_iter().filter(|path| path.is_file()).collect()
    };
    let own = heads(folder);
    if !own.is_empty() {
        roots.extend(own);
        return programs(&folder.join("bin"), roots);
    }
    let source = folder.join("src");
    let package = heads(&source);
    let is_package = !package.is_empty();
    if is_package {
        roots.extend(package);
        programs(&source.join("bin"), roots)?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        // A link may lead back up.
        let kind = entry.file_type()?;
        let is_own_source = is_package && name == "src";
        let is_hidden = name.starts_with('.') || NOT_SOURCE.contains(&name.as_str());
        if kind.is_dir() && !is_hidden && !is_own_source && depth < DEEPEST {
            find_roots(&path, depth + 1, roots)?;
        } else if kind.is_file() && name.ends_with(".rs") && name != "build.rs" {
            roots.push(path);
        }
    }
    Ok(())
}

/// The programs in the `bin` folder of a crate.
fn programs(folder: &Path, roots: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            roots.push(path);
        } else if path.join("main.rs").is_file() {
            roots.push(path.join("main.rs"));
        }
    }
    Ok(())
}

/// Every `mod x;` in `items` that is not for tests, with the inline modules around it.
fn find_modules(
    items: &[Item],
    inside: &mut Vec<String>,
    found: &mut impl FnMut(&ItemMod, &[String]),
) {
    for item in items {
        let Item::Mod(module) = item else { continue };
        if cfg::is_left_out(&module.attrs) {
            continue;
        }
        match &module.content {
            None => found(module, inside),
            Some((_, items)) => {
                inside.push(module.ident.to_string());
                find_modules(items, inside, found);
                inside.pop();
            }
        }
    }
}

/// The path in `#[path = "..."]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// What other crates call the crate of this file: by its manifest, else by its folder.
fn crate_name(root: &Path) -> String {
    let stem = |path: &Path| {
        path.file_stem().map(|it| it.to_string_lossy().replace('-', "_")).unwrap_or_default()
    };
    let is_head = root.file_name().is_some_and(|it| it == "lib.rs" || it == "main.rs");
    if !is_head {
        return stem(root);
    }
    let real = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let mut folders = real.ancestors().skip(1);
    let (own, above) = (folders.next(), folders.next());
    for folder in [own, above].into_iter().flatten() {
        if let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml"))
            && let Some(name) = manifest_name(&manifest)
        {
            return name;
        }
    }
    let is_src = own.is_some_and(|own| own.file_name().is_some_and(|it| it == "src"));
    let folder = if is_src { above } else { own };
    folder.map(stem).filter(|it| !it.is_empty()).unwrap_or("source".to_owned())
}

/// The name under `[package]`, or under `[lib]` if it says one.
fn manifest_name(manifest: &str) -> Option<String> {
    let (mut table, mut package, mut library) = ("", None, None);
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line;
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            let value = value.split('#').next().unwrap_or(value);
            let name = value.trim().trim_matches('"').replace('-', "_");
            match table {
                "[package]" => package = Some(name),
                "[lib]" => library = Some(name),
                _ => {}
            }
        }
    }
    library.or(package)
}
