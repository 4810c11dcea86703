//! The template: resources by their logical ids, and what the stack tells. A logical id stands once.

use std::fmt;
use std::marker::PhantomData;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use super::expr::{ArnOf, Expr, NameOf};

/// A CloudFormation template. Serialised, it is what CloudFormation takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    version: &'static str,
    description: String,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    metadata: IndexMap<String, Value>,
    resources: IndexMap<String, Declared>,
    outputs: IndexMap<String, Output>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Declared {
    #[serde(rename = "Type")]
    kind: &'static str,
    properties: Value,
    #[serde(flatten)]
    options: Options,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    description: String,
    value: Value,
}

/// A resource type of CloudFormation.
pub trait Resource: Serialize {
    /// Its name, such as `AWS::DynamoDB::Table`.
    const TYPE: &'static str;
    /// The kind of what `Ref` returns for it.
    type Ref;
}

/// A resource that tells its ARN.
pub trait HasArn: Resource + Sized {
    /// The ARN of the resource behind `handle`.
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>>;
}

/// A resource that tells its name.
pub trait HasName: Resource + Sized {
    /// The name of the resource behind `handle`.
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>>;
}

/// A resource of a template, to be referred to.
pub struct Handle<R> {
    id: String,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Handle<R> {
    /// Its logical id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What `Ref` returns.
    pub fn reference(&self) -> Expr<R::Ref> {
        Expr::reference(&self.id)
    }

    /// Its ARN.
    pub fn arn(&self) -> Expr<ArnOf<R>>
    where
        R: HasArn,
    {
        R::arn(self)
    }

    /// Its name.
    pub fn name(&self) -> Expr<NameOf<R>>
    where
        R: HasName,
    {
        R::name(self)
    }

    /// What `Fn::GetAtt` returns for an attribute that the type is known to have.
    pub(super) fn attribute<K>(&self, attribute: &str) -> Expr<K> {
        Expr::attribute(&self.id, attribute)
    }
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), resource: PhantomData }
    }
}

impl<R: Resource> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, R::TYPE)
    }
}

values! {
    /// What becomes of a resource that CloudFormation is done with.
    DeletionPolicy {
        /// It is deleted.
        Delete = "Delete",
        /// It stays.
        Retain = "Retain",
    }
}

/// What CloudFormation does with a resource beside making it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Options {
    /// Logical ids of resources that have to stand first, though nothing here refers to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_policy: Option<DeletionPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_replace_policy: Option<DeletionPolicy>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    metadata: IndexMap<String, Value>,
}

impl Options {
    /// The resource stays when the stack goes, or when another takes its place.
    pub fn retain() -> Self {
        let policy = Some(DeletionPolicy::Retain);
        Self { deletion_policy: policy, update_replace_policy: policy, ..Self::default() }
    }

    /// The resource comes after another one.
    pub fn after<R: Resource>(mut self, other: &Handle<R>) -> Self {
        self.depends_on.push(other.id.clone());
        self
    }

    /// Something to remember with the resource.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }
}

/// Why something can't stand in a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Two things have the same logical id.
    #[error("expected each logical id once, found {0} twice")]
    Duplicate(String),
    /// CloudFormation doesn't take such a logical id.
    #[error("expected a logical id of 1 to 255 letters and digits, found {0:?}")]
    Id(String),
    /// It can't be written as JSON.
    #[error("{0} can't be written")]
    Unwritable(String, #[source] serde_json::Error),
}

impl Template {
    /// A template of nothing.
    pub fn new(description: impl Into<String>) -> Self {
        Self {
            version: "2010-09-09",
            description: description.into(),
            metadata: IndexMap::new(),
            resources: IndexMap::new(),
            outputs: IndexMap::new(),
        }
    }

    /// Something to remember with the template.
    pub fn metadata(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.metadata.insert(name.into(), value.into());
    }

    /// Adds a resource that CloudFormation deletes with the stack.
    pub fn add<R: Resource>(&mut self, id: impl Into<String>, resource: R) -> Result<Handle<R>, TemplateError> {
        self.add_with(id, resource, Options::default())
    }

    /// Adds a resource with options.
    pub fn add_with<R: Resource>(
        &mut self,
        id: impl Into<String>,
        resource: R,
        options: Options,
    ) -> Result<Handle<R>, TemplateError> {
        let id = checked(id.into())?;
        let properties =
            serde_json::to_value(resource).map_err(|error| TemplateError::Unwritable(id.clone(), error))?;
        let declared = Declared { kind: R::TYPE, properties, options };
        if self.resources.insert(id.clone(), declared).is_some() {
            return Err(TemplateError::Duplicate(id));
        }
        Ok(Handle { id, resource: PhantomData })
    }

    /// Adds something that the stack tells.
    pub fn output<K>(
        &mut self,
        id: impl Into<String>,
        description: impl Into<String>,
        value: Expr<K>,
    ) -> Result<(), TemplateError> {
        let id = checked(id.into())?;
        let value = serde_json::to_value(value).map_err(|error| TemplateError::Unwritable(id.clone(), error))?;
        let output = Output { description: description.into(), value };
        match self.outputs.insert(id.clone(), output) {
            Some(_) => Err(TemplateError::Duplicate(id)),
            None => Ok(()),
        }
    }
}

fn checked(id: String) -> Result<String, TemplateError> {
    let is_valid = (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_valid { Ok(id) } else { Err(TemplateError::Id(id)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cfn::sqs::Queue;

    #[test]
    fn a_logical_id_stands_once() {
        let mut template = Template::new("test");
        template.add("Queue", Queue::default()).unwrap();
        let error = template.add("Queue", Queue::default()).unwrap_err();
        assert_eq!(error.to_string(), "expected each logical id once, found Queue twice");
        template.output("Out", "a queue", Expr::text("x")).unwrap();
        template.output("Out", "a queue", Expr::text("x")).unwrap_err();
    }

    #[test]
    fn a_logical_id_is_letters_and_digits() {
        let error = Template::new("test").add("My-Queue", Queue::default()).unwrap_err();
        assert_eq!(error.to_string(), r#"expected a logical id of 1 to 255 letters and digits, found "My-Queue""#);
    }

    #[test]
    fn a_resource_is_written_with_its_options() {
        let mut template = Template::new("test");
        let first = template.add("First", Queue::default()).unwrap();
        let second = Queue { delay_seconds: Some(0), ..Queue::default() };
        let options = Options::retain().after(&first).metadata("Note", "kept");
        template.add_with("Second", second, options).unwrap();
        template.output("Url", "where it is", first.reference()).unwrap();
        assert_eq!(
            serde_json::to_value(&template).unwrap(),
            json!({
                "AWSTemplateFormatVersion": "2010-09-09",
                "Description": "test",
                "Resources": {
                    "First": { "Type": "AWS::SQS::Queue", "Properties": {} },
                    "Second": {
                        "Type": "AWS::SQS::Queue",
                        "Properties": { "DelaySeconds": 0 },
                        "DependsOn": ["First"],
                        "DeletionPolicy": "Retain",
                        "UpdateReplacePolicy": "Retain",
                        "Metadata": { "Note": "kept" },
                    },
                },
                "Outputs": { "Url": { "Description": "where it is", "Value": { "Ref": "First" } } },
            })
        );
    }
}
