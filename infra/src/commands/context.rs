//! What the CDK CLI hands to its app: options as context (`-c segue:bucket=NAME`), and where the app is to write to.
//! Every key that begins with `segue:` is ours; one that we don't know is a mistake, not somebody else's.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::assembly::Environment;
use crate::assets::{Architecture, AssetBucket};
use crate::failure::Usage;

const PREFIX: &str = "segue:";
const KEYS: [&str; 3] = ["segue:architecture", "segue:bucket", "segue:migration"];

/// The options that came as context.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) architecture: Option<Architecture>,
    pub(super) bucket: Option<AssetBucket>,
    pub(super) migration: Option<PathBuf>,
}

impl Context {
    /// The context of the CDK CLI that has called us; nothing if nobody has.
    pub(super) fn of_cdk() -> anyhow::Result<Self> {
        let mut values = match std::env::var("CDK_CONTEXT_JSON") {
            Ok(text) => {
                read(&text).context(Usage::new("what the CDK CLI has put into CDK_CONTEXT_JSON can't be read"))?
            }
            Err(_) => Map::new(),
        };
        // What is too long for a variable stands in a file.
        if let Some(file) = std::env::var_os("CONTEXT_OVERFLOW_LOCATION_ENV") {
            let text = std::fs::read_to_string(&file);
            let more = text.map_err(anyhow::Error::from).and_then(|text| read(&text));
            values.extend(
                more.context(Usage::new(format!("the CDK CLI's context in {} can't be read", file.display())))?,
            );
        }
        Self::of(&values)
    }

    fn of(values: &Map<String, Value>) -> anyhow::Result<Self> {
        let mut context = Self::default();
        for (key, value) in values.iter().filter(|(key, _)| key.to_lowercase().starts_with(PREFIX)) {
            let Value::String(value) = value else {
                bail!(Usage::new(format!("expected a text as the context {key}, found something else")));
            };
            let wrong = |reason: String| Usage::new(format!("the context {key} can't be used: {reason}"));
            match key.as_str() {
                "segue:architecture" => {
                    let architecture = Architecture::from_str(value, false);
                    let expected = || wrong(format!("expected arm64 or x86_64, found {value:?}"));
                    context.architecture = Some(architecture.map_err(|_| expected())?);
                }
                "segue:bucket" => {
                    context.bucket = Some(AssetBucket::from_str(value).map_err(|e| wrong(e.to_string()))?)
                }
                "segue:migration" => context.migration = Some(PathBuf::from(value)),
                _ => bail!(Usage::new(format!("expected one of the contexts {}, found {key}", KEYS.join(", ")))),
            }
        }
        Ok(context)
    }
}

fn read(text: &str) -> anyhow::Result<Map<String, Value>> {
    Ok(serde_json::from_str(text)?)
}

/// The folder that the CDK CLI wants the cloud assembly in.
pub(super) fn folder() -> Option<PathBuf> {
    set("CDK_OUTDIR").map(PathBuf::from)
}

/// Where the CDK CLI would deploy to.
pub(super) fn environment() -> Environment {
    let known = |name| set(name).and_then(|value| value.into_string().ok());
    Environment::new(known("CDK_DEFAULT_ACCOUNT"), known("CDK_DEFAULT_REGION"))
}

fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(values: &Value) -> anyhow::Result<Context> {
        Context::of(values.as_object().unwrap())
    }

    #[test]
    fn options_are_read_and_what_isn_t_ours_is_left_alone() {
        let context = of(&json!({
            "segue:architecture": "x86_64",
            "segue:bucket": "code-of-mine",
            "segue:migration": "migrations/tidy.yaml",
            "@aws-cdk/core:bootstrapQualifier": "other",
            "aws:cdk:enable-path-metadata": true,
        }));
        let expected = Context {
            architecture: Some(Architecture::X86_64),
            bucket: Some(AssetBucket::Named("code-of-mine".into())),
            migration: Some("migrations/tidy.yaml".into()),
        };
        assert_eq!(context.unwrap(), expected);
        assert_eq!(of(&json!({})).unwrap(), Context::default());
    }

    #[test]
    fn a_misspelt_option_is_an_error() {
        for key in ["segue:buckets", "Segue:bucket", "segue:"] {
            let error = of(&json!({ key: "code-of-mine" })).unwrap_err();
            assert!(error.downcast_ref::<Usage>().is_some());
            let expected = "expected one of the contexts segue:architecture, segue:bucket, segue:migration";
            assert_eq!(error.to_string(), format!("{expected}, found {key}"));
        }
    }

    #[test]
    fn so_is_a_value_that_can_t_be_right() {
        for (key, value) in [
            ("segue:architecture", json!("arm")),
            ("segue:architecture", json!("")),
            ("segue:bucket", json!("Not_A_Bucket")),
            ("segue:bucket", json!(true)),
            ("segue:migration", json!(1)),
        ] {
            let error = of(&json!({ key: value })).unwrap_err();
            assert!(error.downcast_ref::<Usage>().is_some());
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
