//! The cloud assembly: what the CDK CLI reads in place of a program's own word.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::cfn::Template;

/// The version of the assembly's schema; the CDK CLI takes what is not newer than its own.
const SCHEMA: &str = "48.0.0";

/// Where a stack goes, as `aws://ACCOUNT/REGION`; what isn't known the CLI finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment(String);

impl Environment {
    /// Of what is known.
    pub fn new(account: Option<String>, region: Option<String>) -> Self {
        let account = account.unwrap_or_else(|| "unknown-account".into());
        let region = region.unwrap_or_else(|| "unknown-region".into());
        Self(format!("aws://{account}/{region}"))
    }
}

/// An assembly of one stack.
pub struct Assembly<'t> {
    /// The stack's name.
    pub stack: String,
    /// Where it goes.
    pub environment: Environment,
    /// What it is made of.
    pub template: &'t Template,
}

impl Assembly<'_> {
    /// Writes the assembly's files into `folder`, which is made.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let write = |name: &str, content: &Value| {
            fs::write(folder.join(name), format!("{content:#}\n")).with_context(|| name.to_owned())
        };
        write(&self.template_file(), &serde_json::to_value(self.template)?)?;
        write(&self.assets_file(), &self.assets())?;
        // Last: an assembly without a manifest is none.
        write("manifest.json", &self.manifest())?;
        write("cdk.out", &json!({ "version": SCHEMA }))
    }

    fn template_file(&self) -> String {
        format!("{}.template.json", self.stack)
    }

    fn assets_file(&self) -> String {
        format!("{}.assets.json", self.stack)
    }

    fn assets(&self) -> Value {
        json!({ "version": SCHEMA, "files": {}, "dockerImages": {} })
    }

    fn manifest(&self) -> Value {
        let assets = format!("{}.assets", self.stack);
        let mut artifacts = serde_json::Map::new();
        artifacts.insert(
            assets.clone(),
            json!({ "type": "cdk:asset-manifest", "properties": { "file": self.assets_file() } }),
        );
        artifacts.insert(
            self.stack.clone(),
            json!({
                "type": "aws:cloudformation:stack",
                "environment": self.environment.0,
                "properties": { "templateFile": self.template_file() },
                "dependencies": [assets],
            }),
        );
        json!({ "version": SCHEMA, "artifacts": artifacts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack;
    use migration::definition::Definition;

    /// The CDK CLI's `synth -q` is content with a template file that isn't there.
    #[test]
    fn every_file_that_the_manifest_names_is_there() {
        let definition = Definition::from_yaml(include_str!("../../migration.yaml")).unwrap();
        let assets = crate::assets::Assets {
            architecture: Default::default(),
            bucket: Default::default(),
            sources: "0".repeat(64),
        };
        let template = stack::template(&definition, &assets).unwrap();
        let environment = Environment::new(None, Some("eu-central-1".into()));
        let folder = tempfile::tempdir().unwrap();
        Assembly { stack: stack::name(&definition), environment, template: &template }.write(folder.path()).unwrap();
        let read = |name: &str| -> Value {
            serde_json::from_str(&fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
        };
        let artifacts = &read("manifest.json")["artifacts"];
        let properties = &artifacts["Segue-tidy-movies"]["properties"];
        assert_eq!(read(properties["templateFile"].as_str().unwrap()), serde_json::to_value(&template).unwrap());
        assert!(
            read(artifacts["Segue-tidy-movies.assets"]["properties"]["file"].as_str().unwrap())["files"].is_object()
        );
        assert_eq!(artifacts["Segue-tidy-movies"]["environment"], "aws://unknown-account/eu-central-1");
    }
}
