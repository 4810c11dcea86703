//! YAML as it stands in the file: every node with its place and tag, every scalar with its spelling.
//!
//! Numbers are taken from the text of the file, never through an integer or a float, so that all 38 digits
//! survive (R5).

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DefaultMessageFormatter, MessageFormatter, Spanned, Tagged};

use super::scalar::Scalar;
use crate::definition::mistake::{Mistakes, Position};

/// DynamoDB nests 32 levels; the keys of a migration file stand a few above that.
const MAX_DEPTH: usize = 64;
/// What a file may grow to when its aliases are written out: far above any migration, far below harm.
const MAX_ALIASED_NODES: usize = 100_000;

/// A node of a YAML document.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it begins, after its tag; what an alias stands for has the place of its definition.
    pub(super) at: Position,
    /// Its tag as written, such as `!SS`.
    pub(super) tag: Option<String>,
    pub(super) content: Content,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Content {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    /// Entries as written: keys may be of any kind, and stand there twice.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Reads the one document of `text`; the error is a mistake in YAML itself.
    pub(super) fn parse(text: &str) -> Result<Self, Mistakes> {
        let options = serde_yaml::options! {
            budget: serde_yaml::budget! { max_depth: MAX_DEPTH },
            alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_ALIASED_NODES },
            // Both are found, and explained, by whoever reads the mapping.
            duplicate_keys: serde_yaml::DuplicateKeyPolicy::LastWins,
            merge_keys: serde_yaml::MergeKeyPolicy::AsOrdinary,
            // A number beyond a float's range is none of the parser's business.
            non_finite_float_policy: serde_yaml::NonFiniteFloatPolicy::PassThrough,
            with_snippet: false,
        };
        let raw = serde_yaml::from_str_with_options::<RawNode>(text, options).map_err(|error| syntax(&error, text))?;
        Ok(raw.resolve(text))
    }

    /// What stands here, for the `found` of a message.
    pub(super) fn found(&self) -> String {
        if let Some(tag) = &self.tag {
            return format!("a value tagged {tag}");
        }
        match &self.content {
            Content::Scalar(scalar) => scalar.found(),
            Content::Sequence(_) => "a list".into(),
            Content::Mapping(_) => "a mapping".into(),
        }
    }

    /// The scalar that an untagged node is.
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match (&self.tag, &self.content) {
            (None, Content::Scalar(scalar)) => Some(scalar),
            _ => None,
        }
    }
}

/// The one mistake that a file without YAML's own syntax has.
fn syntax(error: &serde_yaml::Error, file: &str) -> Mistakes {
    let at = error
        .location()
        .map_or(Position { line: 1, column: 1 }, |at| Position { line: at.line().max(1), column: at.column().max(1) });
    let error = error.without_snippet();
    let message = match error {
        serde_yaml::Error::MultipleDocuments { .. } => "expected one YAML document, found a second one".into(),
        serde_yaml::Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "expected a value, found an alias of what it stands in".into()
        }
        _ => {
            let why = DefaultMessageFormatter.format_message(error).replace(char::is_control, " ");
            let line = usize::try_from(at.line - 1).ok().and_then(|index| file.lines().nth(index)).unwrap_or_default();
            let in_flow = line.contains(['{', '[']);
            let advice =
                if in_flow { ": within { } and [ ], put text that holds { } [ ] , : or # in quotes" } else { "" };
            format!("expected YAML: {why}{advice}")
        }
    };
    let mut mistakes = Mistakes::default();
    mistakes.add(at, message);
    mistakes
}

/// A node as the parser hands it over; the text of plain scalars has still to be fetched from the file.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct RawNode(Box<Spanned<Tagged<RawContent>>>);

enum RawContent {
    /// A string, quoted or unmistakable: this is its value.
    Text(String),
    /// A plain scalar that may be a number, a truth value or null: only the file knows how it was spelled.
    Typed,
    Sequence(Vec<RawNode>),
    Mapping(Vec<(RawNode, RawNode)>),
}

impl RawNode {
    fn resolve(self, file: &str) -> Node {
        let Spanned { value: Tagged(content, tag), defined, .. } = *self.0;
        let span = defined.span();
        let written = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
            let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
            file.get(start..start.checked_add(length)?)
        });
        let written = written.unwrap_or_default();
        let content = match content {
            RawContent::Text(text) => Content::Scalar(Scalar { text, plain: false }),
            RawContent::Typed => Content::Scalar(Scalar { text: written.to_owned(), plain: true }),
            RawContent::Sequence(nodes) => {
                Content::Sequence(nodes.into_iter().map(|node| node.resolve(file)).collect())
            }
            RawContent::Mapping(entries) => Content::Mapping(
                entries.into_iter().map(|(key, value)| (key.resolve(file), value.resolve(file))).collect(),
            ),
        };
        let at = Position { line: defined.line().max(1), column: defined.column().max(1) };
        Node { at, tag, content }
    }
}

impl<'de> Deserialize<'de> for RawContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = RawContent;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_str<E>(self, text: &str) -> Result<RawContent, E> {
        Ok(RawContent::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawContent, E> {
        Ok(RawContent::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawContent, E> {
        Ok(RawContent::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawContent, E> {
        Ok(RawContent::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawContent, E> {
        Ok(RawContent::Typed)
    }

    fn visit_unit<E>(self) -> Result<RawContent, E> {
        Ok(RawContent::Typed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<RawContent, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = sequence.next_element()? {
            nodes.push(node);
        }
        Ok(RawContent::Sequence(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<RawContent, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(RawContent::Mapping(entries))
    }
}
