//! What the library offers, item by item, is kept in docs/public-api.txt, so that a change of it shows in review.
//! `BLESS=1 cargo test --test public_api` writes it anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Fields, Ident, ImplItem, Item, ItemImpl, Signature, TraitItem, Type, Visibility};

/// The items of a module that can be reached from outside, by their paths.
struct Listing {
    lines: Vec<String>,
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// `#[cfg(test)]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.to_token_stream().to_string().contains("test"))
}

/// Tokens as one would write them, closely enough to compare.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" :", ":"),
        (" ;", ";"),
    ] {
        text = text.replace(from, to);
    }
    text
}

impl Listing {
    fn add(&mut self, module: &str, what: impl AsRef<str>) {
        self.lines.push(format!("{module}: {}", what.as_ref()));
    }

    fn function(&mut self, module: &str, owner: &str, signature: &Signature) {
        self.add(module, format!("{owner}{}", text(signature)));
    }

    fn file(&mut self, path: &Path, module: &str) {
        let source = std::fs::read_to_string(path).unwrap();
        let file = syn::parse_file(&source).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod" | "lib") => path.parent().unwrap().to_owned(),
            _ => path.with_extension(""),
        };
        self.items(&file.items, module, &folder);
    }

    /// The methods that a private module gives to types of the module that holds it.
    fn methods_within(&mut self, path: &Path, module: &str, types: &[&Ident]) {
        let source = std::fs::read_to_string(path).unwrap();
        let file = syn::parse_file(&source).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for item in &file.items {
            if let Item::Impl(item) = item
                && let Type::Path(owner) = item.self_ty.as_ref()
                && owner.path.segments.last().is_some_and(|segment| types.contains(&&segment.ident))
            {
                self.methods(item, module);
            }
        }
    }

    /// Of an `impl` that is of no trait.
    fn methods(&mut self, item: &ItemImpl, module: &str) {
        if item.trait_.is_some() {
            return;
        }
        let owner = format!("{}::", text(&item.self_ty));
        for item in &item.items {
            match item {
                ImplItem::Fn(method) if is_public(&method.vis) => {
                    self.function(module, &owner, &method.sig);
                }
                ImplItem::Const(constant) if is_public(&constant.vis) => {
                    self.add(module, format!("{owner}{}: {}", constant.ident, text(&constant.ty)));
                }
                _ => {}
            }
        }
    }

    fn items(&mut self, items: &[Item], module: &str, folder: &Path) {
        let types: Vec<&Ident> = items.iter().filter_map(public_type).collect();
        for item in items {
            match item {
                Item::Mod(inner) if is_public(&inner.vis) && !is_test(&inner.attrs) => {
                    let name = inner.ident.to_string();
                    let path = format!("{module}::{name}");
                    match &inner.content {
                        Some((_, items)) => self.items(items, &path, folder),
                        None => self.file(&source_of(folder, &name), &path),
                    }
                }
                Item::Mod(inner) if inner.content.is_none() && !is_test(&inner.attrs) => {
                    self.methods_within(&source_of(folder, &inner.ident.to_string()), module, &types);
                }
                Item::Use(item) if is_public(&item.vis) => {
                    self.add(module, format!("use {}", text(&item.tree)))
                }
                Item::Const(item) if is_public(&item.vis) => {
                    self.add(module, format!("const {}: {}", item.ident, text(&item.ty)));
                }
                Item::Type(item) if is_public(&item.vis) => {
                    self.add(module, format!("type {} = {}", item.ident, text(&item.ty)));
                }
                Item::Fn(item) if is_public(&item.vis) => self.function(module, "", &item.sig),
                Item::Struct(item) if is_public(&item.vis) => {
                    let fields = fields(&item.fields, is_public);
                    self.add(module, format!("struct {}{}{fields}", item.ident, text(&item.generics)));
                }
                Item::Enum(item) if is_public(&item.vis) => {
                    for variant in &item.variants {
                        let fields = fields(&variant.fields, |_| true);
                        self.add(module, format!("enum {}::{}{fields}", item.ident, variant.ident));
                    }
                }
                Item::Trait(item) if is_public(&item.vis) => {
                    let methods = item.items.iter().filter_map(|item| match item {
                        TraitItem::Fn(method) => Some(&method.sig),
                        _ => None,
                    });
                    methods.for_each(|sig| self.function(module, &format!("trait {}::", item.ident), sig));
                }
                Item::Impl(item) => self.methods(item, module),
                _ => {}
            }
        }
    }
}

fn public_type(item: &Item) -> Option<&Ident> {
    match item {
        Item::Struct(item) if is_public(&item.vis) => Some(&item.ident),
        Item::Enum(item) if is_public(&item.vis) => Some(&item.ident),
        _ => None,
    }
}

fn fields(fields: &Fields, shown: impl Fn(&Visibility) -> bool) -> String {
    let mut all = String::new();
    for field in fields.iter().filter(|field| shown(&field.vis)) {
        let name = field.ident.as_ref().map_or(String::new(), |ident| format!("{ident}: "));
        write!(all, " {name}{};", text(&field.ty)).unwrap();
    }
    if all.is_empty() { all } else { format!(" {{{all} }}") }
}

fn source_of(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.rs"));
    if file.exists() { file } else { folder.join(name).join("mod.rs") }
}

#[test]
fn the_public_items_are_those_that_are_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut listing = Listing { lines: Vec::new() };
    listing.file(&root.join("src/lib.rs"), "batchsim");
    listing.lines.sort();
    let found = listing.lines.join("\n") + "\n";
    let path = root.join("docs/public-api.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let (kept, found): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), found.lines().collect());
    let gone: Vec<_> = kept.iter().filter(|line| !found.contains(line)).collect();
    let new: Vec<_> = found.iter().filter(|line| !kept.contains(line)).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "the library's items have changed; if that is meant: BLESS=1 cargo test --test public_api\n\
         gone: {gone:#?}\nnew: {new:#?}"
    );
}
