//! The cloud assembly: what the CDK CLI reads in place of a program's own word. One stack, and the files that it needs
//! in a bucket: the template, which is too large to be sent along, and the functions' code, which the CLI has `infra
//! bundle` build when it publishes.
//!
//! No roles are named and no version of the bootstrap stack is asked for: the CLI works with the caller's credentials, and
//! with any bucket. So an account that was never bootstrapped will do.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::assets::{Assets, sha256};
use crate::cfn::Template;

/// The version of the assembly's schema; the CDK CLI takes what is not newer than its own.
const SCHEMA: &str = "48.0.0";

/// The file by which an assembly is known.
const MARK: &str = "cdk.out";

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
    /// The functions' code.
    pub assets: &'t Assets,
}

/// Whether a folder holds a cloud assembly.
pub fn is_in(folder: &Path) -> bool {
    folder.join(MARK).is_file()
}

impl Assembly<'_> {
    /// Writes the assembly's files into `folder`, which is made.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let write = |name: &str, content: &str| fs::write(folder.join(name), content).with_context(|| name.to_owned());
        let template = text(&serde_json::to_value(self.template)?);
        write(MARK, &text(&json!({ "version": SCHEMA })))?;
        write(&self.template_file(), &template)?;
        write(&self.assets_file(), &text(&self.files(&template)))?;
        // Last: an assembly without a manifest is none.
        write("manifest.json", &text(&self.manifest(&template)))
    }

    fn template_file(&self) -> String {
        format!("{}.template.json", self.stack)
    }

    fn assets_file(&self) -> String {
        format!("{}.assets.json", self.stack)
    }

    /// The files that go to the bucket. Accounts and regions in their destinations are filled in by the CLI.
    fn files(&self, template: &str) -> Value {
        let mut files = Map::new();
        files.insert(
            sha256(template.as_bytes()),
            json!({
                "displayName": "the template",
                "source": { "path": self.template_file(), "packaging": "file" },
                "destinations": { "current": self.destination(&template_key(template)) },
            }),
        );
        for task in self.assets.tasks.iter().copied() {
            files.insert(
                self.assets.hash(task),
                json!({
                    "displayName": format!("the function {}", task.binary()),
                    "source": { "executable": self.assets.bundle_command(task) },
                    "destinations": { "current": self.destination(&self.assets.key(task)) },
                }),
            );
        }
        json!({ "version": SCHEMA, "files": files, "dockerImages": {} })
    }

    fn destination(&self, key: &str) -> Value {
        json!({ "bucketName": self.assets.bucket.name(), "objectKey": key })
    }

    fn manifest(&self, template: &str) -> Value {
        let assets = format!("{}.assets", self.stack);
        let mut artifacts = Map::new();
        artifacts.insert(
            assets.clone(),
            json!({ "type": "cdk:asset-manifest", "properties": { "file": self.assets_file() } }),
        );
        let url = format!("s3://{}/{}", self.assets.bucket.name(), template_key(template));
        artifacts.insert(
            self.stack.clone(),
            json!({
                "type": "aws:cloudformation:stack",
                "environment": self.environment.0,
                "properties": { "templateFile": self.template_file(), "stackTemplateAssetObjectUrl": url },
                "dependencies": [assets],
            }),
        );
        json!({ "version": SCHEMA, "artifacts": artifacts })
    }
}

/// The template's key in the bucket.
fn template_key(template: &str) -> String {
    format!("{}.json", sha256(template.as_bytes()))
}

fn text(content: &Value) -> String {
    format!("{content:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::AssetBucket;
    use crate::stack;
    use migration::Task;
    use migration::definition::Definition;

    fn assets() -> Assets {
        Assets {
            architecture: Default::default(),
            bucket: AssetBucket::Named("code-of-mine".into()),
            sources: "0".repeat(64),
            tasks: &Task::IN_PLACE,
        }
    }

    fn written(assets: &Assets) -> tempfile::TempDir {
        let definition = Definition::from_yaml(include_str!("../../migration.yaml")).unwrap();
        let template = stack::template(&definition, assets).unwrap();
        let environment = Environment::new(None, Some("eu-central-1".into()));
        let folder = tempfile::tempdir().unwrap();
        Assembly { stack: stack::name(&definition), environment, template: &template, assets }
            .write(folder.path())
            .unwrap();
        folder
    }

    fn read(folder: &tempfile::TempDir, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
    }

    /// The CDK CLI's `synth -q` is content with a template file that isn't there.
    #[test]
    fn every_file_that_the_manifest_names_is_there() {
        let folder = written(&assets());
        assert!(is_in(folder.path()));
        let artifacts = &read(&folder, "manifest.json")["artifacts"];
        let stack = &artifacts["Segue-tidy-movies"];
        assert_eq!(stack["environment"], "aws://unknown-account/eu-central-1");
        let template = fs::read(folder.path().join(stack["properties"]["templateFile"].as_str().unwrap())).unwrap();
        let url = stack["properties"]["stackTemplateAssetObjectUrl"].as_str().unwrap();
        assert_eq!(url, format!("s3://code-of-mine/{}.json", sha256(&template)));

        let files = artifacts["Segue-tidy-movies.assets"]["properties"]["file"].as_str().unwrap();
        let file = &read(&folder, files)["files"][sha256(&template)];
        assert_eq!(file["source"]["path"], stack["properties"]["templateFile"]);
        assert_eq!(file["destinations"]["current"]["objectKey"], url.rsplit('/').next().unwrap());
    }

    /// A key that the template names and the CLI doesn't fill would let the stack fail.
    #[test]
    fn every_function_s_code_is_built_for_the_place_where_the_template_looks_for_it() {
        let assets = assets();
        let files = read(&written(&assets), "Segue-tidy-movies.assets.json");
        for task in Task::IN_PLACE {
            let file = &files["files"][assets.hash(task)];
            let expected = json!({ "bucketName": "code-of-mine", "objectKey": assets.key(task) });
            assert_eq!(file["destinations"]["current"], expected);
            assert_eq!(file["source"]["executable"].as_array().unwrap().last().unwrap(), task.binary());
        }
        assert_eq!(files["files"].as_object().unwrap().len(), Task::IN_PLACE.len() + 1);
    }

    #[test]
    fn what_the_cli_has_to_fill_in_is_left_to_it() {
        let bootstrap = Assets { bucket: AssetBucket::Bootstrap, ..assets() };
        let folder = written(&bootstrap);
        let bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}";
        for file in read(&folder, "Segue-tidy-movies.assets.json")["files"].as_object().unwrap().values() {
            assert_eq!(file["destinations"]["current"]["bucketName"], bucket);
        }
    }
}
