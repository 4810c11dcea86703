//! Reading mappings key by key, and the scalars under them; whatever is not as expected is a mistake.

use super::node::{Content, Node};
use super::scalar::Meaning;
use crate::definition::mistake::{Mistakes, Position};
use crate::item::Path;

/// A mapping whose keys are known names, each there at most once.
pub(super) struct Fields<'n> {
    pub(super) at: Position,
    what: &'static str,
    entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// Reads `node` as a mapping with no keys but `known`; `what` is what it describes, with its article.
    pub(super) fn read(node: &'n Node, what: &'static str, known: &[&str], mistakes: &mut Mistakes) -> Option<Self> {
        let entries = match (&node.tag, &node.content) {
            (None, Content::Mapping(_)) => entries(node, what, mistakes),
            _ => {
                mistakes.add(
                    node.at,
                    format!("expected {what}: a mapping with {}, found {}", known.join(", "), node.found()),
                );
                return None;
            }
        };
        for (at, name, _) in &entries {
            if !known.contains(name) {
                mistakes.add(*at, format!("unknown key \"{name}\" in {what}: {}", suggest(name, known)));
            }
        }
        Some(Self { at: node.at, what, entries: entries.into_iter().map(|(_, name, node)| (name, node)).collect() })
    }

    /// The value of a key that may be left out.
    pub(super) fn optional(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| *key == name).map(|(_, node)| *node)
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&self, name: &str, mistakes: &mut Mistakes) -> Option<&'n Node> {
        let found = self.optional(name);
        if found.is_none() {
            mistakes.add(self.at, format!("expected the key \"{name}\" in {}, found none", self.what));
        }
        found
    }

    /// The keys and their values, in the order of the file.
    pub(super) fn entries(&self) -> &[(&'n str, &'n Node)] {
        &self.entries
    }
}

/// The entries of a mapping with names for keys, first come first kept; `what` is what it describes.
pub(super) fn entries<'n>(node: &'n Node, what: &str, mistakes: &mut Mistakes) -> Vec<(Position, &'n str, &'n Node)> {
    let Content::Mapping(all) = &node.content else { return Vec::new() };
    let mut named: Vec<(Position, &str, &Node)> = Vec::with_capacity(all.len());
    for (key, value) in all {
        let Some(name) = name(key, what, mistakes) else { continue };
        match named.iter().find(|(_, earlier, _)| *earlier == name) {
            Some((first, ..)) => mistakes.add(
                key.at,
                format!("expected each key once in {what}, found \"{name}\" again (first on line {})", first.line),
            ),
            None => named.push((key.at, name, value)),
        }
    }
    named
}

fn name<'n>(key: &'n Node, what: &str, mistakes: &mut Mistakes) -> Option<&'n str> {
    match key.scalar().map(|scalar| (scalar.plain, scalar.meaning())) {
        Some((_, Meaning::Text(name))) if name != "<<" => Some(name),
        Some((_, Meaning::Text(_))) => {
            mistakes.add(key.at, "merge keys (<<) are not supported: write the keys out, or alias the whole value");
            None
        }
        Some(_) => {
            let found = key.found();
            mistakes.add(key.at, format!("expected a name as key in {what}, found {found}: put it in quotes"));
            None
        }
        None => {
            mistakes.add(key.at, format!("expected a name as key in {what}, found {}", key.found()));
            None
        }
    }
}

/// What to do about a name that is none of `known`.
pub(super) fn suggest(name: &str, known: &[&str]) -> String {
    // 0.8 forgives a slip or two, not another word.
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness > 0.8);
    match nearest {
        Some((_, candidate)) => format!("did you mean \"{candidate}\"?"),
        None => format!("choose one of {}", known.join(", ")),
    }
}

/// A string; `what` is what it names, with its article.
pub(super) fn text<'n>(node: &'n Node, what: &str, mistakes: &mut Mistakes) -> Option<&'n str> {
    match node.scalar().map(|scalar| scalar.meaning()) {
        Some(Meaning::Text("")) => mistakes.add(node.at, format!("expected {what}, found an empty string")),
        Some(Meaning::Text(text)) => return Some(text),
        Some(Meaning::Nothing) | None => mistakes.add(node.at, format!("expected {what}, found {}", node.found())),
        Some(_) => {
            let found = node.found();
            mistakes.add(node.at, format!("expected {what}, found {found}: if it is a name, put it in quotes"));
        }
    }
    None
}

/// One of a few words. Words are taken as written: `N` and `NULL` are types here, whatever YAML makes of them.
pub(super) fn word<'n>(node: &'n Node, what: &str, known: &[&str], mistakes: &mut Mistakes) -> Option<&'n str> {
    match node.scalar() {
        Some(scalar) if known.contains(&scalar.text.as_str()) => Some(&scalar.text),
        Some(scalar) if !scalar.text.is_empty() => {
            let advice = suggest(&scalar.text, known);
            mistakes.add(node.at, format!("expected {what}, found \"{}\": {advice}", scalar.text));
            None
        }
        _ => {
            mistakes.add(node.at, format!("expected {what}, found {}: {}", node.found(), suggest("", known)));
            None
        }
    }
}

/// A document path.
pub(super) fn path(node: &Node, mistakes: &mut Mistakes) -> Option<Path> {
    let text = text(node, "a path such as info.rating or tags[0]", mistakes)?;
    mistakes.check(node.at, text.parse())
}

/// The name of a whole attribute, written as a path is.
pub(super) fn attribute(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<String> {
    let text = text(node, what, mistakes)?;
    let path: Path = mistakes.check(node.at, text.parse())?;
    if path.below().is_empty() {
        return Some(path.root().to_owned());
    }
    mistakes.add(
        node.at,
        format!("expected {what}, found the nested path {text}: name a top-level attribute (in backticks where it holds a dot)"),
    );
    None
}

/// `true` or `false`; `what` is the question it answers.
pub(super) fn truth(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<bool> {
    if let Some(Meaning::Bool(truth)) = node.scalar().map(|scalar| scalar.meaning()) {
        return Some(truth);
    }
    mistakes.add(node.at, format!("expected true or false ({what}), found {}", node.found()));
    None
}

/// A whole number of `what` between two bounds.
pub(super) fn whole(
    node: &Node,
    what: &str,
    bounds: std::ops::RangeInclusive<u32>,
    mistakes: &mut Mistakes,
) -> Option<u32> {
    if let Some(Meaning::Number(text)) = node.scalar().map(|scalar| scalar.meaning())
        && let Ok(number) = text.parse()
        && bounds.contains(&number)
    {
        return Some(number);
    }
    let (least, most) = (bounds.start(), bounds.end());
    mistakes.add(node.at, format!("expected a whole number of {what} from {least} to {most}, found {}", node.found()));
    None
}
