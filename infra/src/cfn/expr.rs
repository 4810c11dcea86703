//! Values that CloudFormation works out: text, references and attributes, each of a kind.
//!
//! An [`Expr`] is a sequence of texts and references. It is written in the shortest form that says it: a string, `Ref`,
//! `Fn::GetAtt`, or `Fn::Sub`. References come from handles, so a name that doesn't exist can't be written.

use std::fmt;
use std::marker::PhantomData;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Kind of an [`Expr`]: the ARN of an `R`.
pub struct ArnOf<R>(PhantomData<fn() -> R>);
/// Kind of an [`Expr`]: the name of an `R`.
pub struct NameOf<R>(PhantomData<fn() -> R>);
/// Kind of an [`Expr`]: the URL of an `R`.
pub struct UrlOf<R>(PhantomData<fn() -> R>);
/// Kind of an [`Expr`]: what CloudFormation itself calls an `R` that has no better name.
pub struct IdOf<R>(PhantomData<fn() -> R>);
/// Kind of an [`Expr`]: any text.
pub struct Text;

/// A value of the kind `K`, which CloudFormation works out when it deploys.
pub struct Expr<K> {
    parts: Vec<Part>,
    kind: PhantomData<fn() -> K>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Ref(String),
    Attribute(String, String),
}

impl<K> Expr<K> {
    pub(super) fn reference(id: &str) -> Self {
        Self::of(vec![Part::Ref(id.into())])
    }

    pub(super) fn attribute(id: &str, attribute: &str) -> Self {
        Self::of(vec![Part::Attribute(id.into(), attribute.into())])
    }

    fn of(parts: Vec<Part>) -> Self {
        Self { parts, kind: PhantomData }
    }

    /// The same value as plain text: for places that take any, such as environment variables.
    pub fn into_text(self) -> Expr<Text> {
        Expr::of(self.parts)
    }

    /// The value with a text behind it, as a value of another kind: a bucket's ARN with `/*` is that of its objects.
    pub(super) fn followed_by<L>(self, text: &str) -> Expr<L> {
        Expr::join([self.into_text(), Expr::text(text)])
    }

    /// Texts one after the other, of a kind that the caller vouches for.
    pub(super) fn join(texts: impl IntoIterator<Item = Expr<Text>>) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for part in texts.into_iter().flat_map(|text| text.parts) {
            match (parts.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => parts.push(part),
            }
        }
        Self::of(parts)
    }

    /// As the text of an `Fn::Sub`.
    fn substitution(&self) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.replace("${", "${!"),
                Part::Ref(id) => format!("${{{id}}}"),
                Part::Attribute(id, attribute) => format!("${{{id}.{attribute}}}"),
            })
            .collect()
    }

    /// Reads the text of an `Fn::Sub`.
    fn from_substitution(text: &str) -> Self {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            parts.push(Part::Text(before.into()));
            if let Some(literal) = after.strip_prefix('!') {
                parts.push(Part::Text("${".into()));
                rest = literal;
                continue;
            }
            let Some((name, after)) = after.split_once('}') else {
                parts.push(Part::Text("${".into()));
                rest = after;
                continue;
            };
            parts.push(match name.split_once('.') {
                Some((id, attribute)) => Part::Attribute(id.into(), attribute.into()),
                None => Part::Ref(name.into()),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.into()));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self::join(parts.into_iter().map(|part| Expr::of(vec![part])))
    }
}

impl Expr<Text> {
    /// A text that is known now.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(vec![Part::Text(text.into())])
    }

    /// Texts one after the other.
    pub fn concat(texts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(texts)
    }

    /// Something as JSON text, with the expressions in it worked out: a dashboard's body is such a text.
    pub fn json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        let mut value = serde_json::to_value(value)?;
        inline(&mut value);
        // What stands in for a reference holds no character that JSON escapes, nor does a name or an ARN.
        Ok(Self::from_substitution(&value.to_string()))
    }
}

impl<R> Expr<NameOf<R>> {
    /// The name of something that stands outside of the template.
    pub fn named(name: impl Into<String>) -> Self {
        Self::of(vec![Part::Text(name.into())])
    }

    /// The same, as the text of an `Fn::Sub` that refers to pseudo parameters, such as `${AWS::Region}`, only.
    pub fn named_by(substitution: &str) -> Self {
        Self::from_substitution(substitution)
    }
}

/// Writes the expressions within as `Fn::Sub` has them inside of a text.
fn inline(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${", "${!"),
        Value::Array(list) => list.iter_mut().for_each(inline),
        Value::Object(map) => {
            if let Some(text) = intrinsic(map) {
                *value = Value::String(text);
            } else {
                map.values_mut().for_each(inline);
            }
        }
        _ => {}
    }
}

fn intrinsic(map: &serde_json::Map<String, Value>) -> Option<String> {
    let (name, value) = map.iter().next().filter(|_| map.len() == 1)?;
    match (name.as_str(), value) {
        ("Ref", Value::String(id)) => Some(format!("${{{id}}}")),
        ("Fn::GetAtt", Value::Array(path)) => {
            Some(format!("${{{}.{}}}", path.first()?.as_str()?, path.get(1)?.as_str()?))
        }
        ("Fn::Sub", Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

impl<K> Serialize for Expr<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = |serializer: S, name: &str, value: &Value| {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(name, value)?;
            map.end()
        };
        match self.parts.as_slice() {
            [] => Err(S::Error::custom("an empty text")),
            [Part::Text(text)] => serializer.serialize_str(text),
            [Part::Ref(id)] => one(serializer, "Ref", &Value::from(id.as_str())),
            [Part::Attribute(id, attribute)] => {
                one(serializer, "Fn::GetAtt", &Value::from(vec![id.as_str(), attribute.as_str()]))
            }
            _ => one(serializer, "Fn::Sub", &Value::from(self.substitution())),
        }
    }
}

impl<K> Clone for Expr<K> {
    fn clone(&self) -> Self {
        Self::of(self.parts.clone())
    }
}

impl<K> PartialEq for Expr<K> {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl<K> fmt::Debug for Expr<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.substitution())
    }
}

impl From<&str> for Expr<Text> {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Expr<Text> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// What CloudFormation knows of the place that it deploys to.
pub mod pseudo {
    use super::{Expr, Text};

    /// `aws`, `aws-cn`, …: the second part of every ARN.
    pub fn partition() -> Expr<Text> {
        Expr::reference("AWS::Partition")
    }

    /// The region.
    pub fn region() -> Expr<Text> {
        Expr::reference("AWS::Region")
    }

    /// The account.
    pub fn account_id() -> Expr<Text> {
        Expr::reference("AWS::AccountId")
    }

    /// The stack's name.
    pub fn stack_name() -> Expr<Text> {
        Expr::reference("AWS::StackName")
    }

    /// An ARN of this account and region, without its kind: `service` and what stands behind the account.
    pub(in crate::cfn) fn arn<K>(service: &str, resource: impl IntoIterator<Item = Expr<Text>>) -> Expr<K> {
        let place = ["arn:".into(), partition(), format!(":{service}:").into(), region(), ":".into(), account_id()];
        Expr::join(place.into_iter().chain([":".into()]).chain(resource))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written<K>(expr: &Expr<K>) -> Value {
        serde_json::to_value(expr).unwrap()
    }

    #[test]
    fn expressions_are_written_in_their_shortest_form() {
        assert_eq!(written(&Expr::text("plain ${text}")), json!("plain ${text}"));
        assert_eq!(written(&pseudo::region()), json!({ "Ref": "AWS::Region" }));
        assert_eq!(written(&Expr::<Text>::attribute("Ledger", "Arn")), json!({ "Fn::GetAtt": ["Ledger", "Arn"] }));
        let joined = Expr::concat([pseudo::region(), "-${a}-".into(), Expr::attribute("Ledger", "Arn")]);
        assert_eq!(written(&joined), json!({ "Fn::Sub": "${AWS::Region}-${!a}-${Ledger.Arn}" }));
    }

    #[test]
    fn names_may_hold_pseudo_parameters() {
        let name = Expr::<NameOf<()>>::named_by("assets-${AWS::AccountId}-${!x}");
        assert_eq!(written(&name), json!({ "Fn::Sub": "assets-${AWS::AccountId}-${!x}" }));
        assert_eq!(written(&Expr::<NameOf<()>>::named_by("assets")), json!("assets"));
    }

    #[test]
    fn json_text_keeps_the_expressions_within() {
        let body = json!({ "a": pseudo::region(), "b": ["${x}", { "c": Expr::<Text>::attribute("Ledger", "Arn") }] });
        let expected = r#"{"a":"${AWS::Region}","b":["${!x}",{"c":"${Ledger.Arn}"}]}"#;
        assert_eq!(written(&Expr::json(&body).unwrap()), json!({ "Fn::Sub": expected }));
    }
}
