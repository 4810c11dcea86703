//! Typed CloudFormation, as far as Segue's stack needs it.
//!
//! - A struct for each resource type ([`dynamodb::Table`], [`lambda::Function`], …). What CloudFormation requires is asked
//!   for by `new`; all else is an `Option` that isn't written where it is `None`. An explicit 0 is kept.
//! - [`Template::add`] gives a [`Handle`]. What a handle refers to is an [`Expr`] that knows its kind: a table's ARN is no
//!   role's ARN, and a program that mixes them up doesn't compile (`kinds.rs`).
//! - Permissions are made of typed actions on typed ARNs ([`iam`]); `*` has to be asked for by name.
//! - Every map keeps its order and logical ids are as they were given, so that two templates are the same to the byte.
//!
//! `infra/tests/schemas` holds every struct against CloudFormation's own resource schemas.

/// A struct of properties: what is required, and what is optional.
macro_rules! properties {
    (
        $(#[$meta:meta])* $name:ident
        { $($(#[$required_meta:meta])* $required:ident: $required_type:ty,)+ }
        { $($(#[$optional_meta:meta])* $optional:ident: $optional_type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $($(#[$required_meta])* pub $required: $required_type,)+
            $($(#[$optional_meta])* #[serde(skip_serializing_if = "Option::is_none")] pub $optional: Option<$optional_type>,)*
        }

        impl $name {
            /// With all that CloudFormation requires, and nothing else.
            pub fn new($($required: $required_type),+) -> Self {
                Self { $($required,)+ $($optional: None,)* }
            }
        }
    };
    ($(#[$meta:meta])* $name:ident { $($(#[$optional_meta:meta])* $optional:ident: $optional_type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $($(#[$optional_meta])* #[serde(skip_serializing_if = "Option::is_none")] pub $optional: Option<$optional_type>,)+
        }
    };
}

/// Values from a closed list, with what CloudFormation calls them.
macro_rules! values {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $value)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As CloudFormation writes it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

pub mod autoscaling;
pub mod cloudwatch;
pub mod dashboard;
pub mod dynamodb;
pub mod events;
mod expr;
pub mod iam;
#[cfg(doctest)]
mod kinds;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod sns;
pub mod sqs;
pub mod states;
mod template;

pub use expr::{ArnOf, Expr, IdOf, NameOf, Text, UrlOf, pseudo};
pub use template::{DeletionPolicy, Handle, HasArn, HasName, Options, Resource, Template, TemplateError};
