//! The functions' code on its way to a bucket: one zip file for each task, named by what it is built from.

mod binary;
mod build;
pub mod bundle;
mod sources;
mod workspace;

use std::fmt;
use std::str::FromStr;

use anyhow::ensure;
use migration::Task;
use sha2::{Digest, Sha256};

use self::workspace::Workspace;

/// The processor that the functions run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum Architecture {
    /// AWS Graviton: about a fifth cheaper.
    #[default]
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// The name by which Lambda knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bucket that the code is uploaded to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AssetBucket {
    /// The one that `cdk bootstrap` has made in the account and region.
    #[default]
    Bootstrap,
    /// One of your own.
    Named(String),
}

impl AssetBucket {
    /// Its name, as the text of an `Fn::Sub`.
    pub fn name(&self) -> &str {
        match self {
            // The CDK's default qualifier (aws-cdk-lib, DefaultStackSynthesizer).
            Self::Bootstrap => "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",
            Self::Named(name) => name,
        }
    }
}

impl FromStr for AssetBucket {
    type Err = anyhow::Error;

    /// Takes what S3 takes
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>), so that a slip of the pen shows
    /// before anything is built.
    fn from_str(name: &str) -> anyhow::Result<Self> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = name.as_bytes();
        let is_name = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| is_word(*byte) || [b'-', b'.'].contains(byte))
            && [bytes.first(), bytes.last()].into_iter().flatten().all(|byte| is_word(*byte))
            && !name.contains("..")
            && name.parse::<std::net::Ipv4Addr>().is_err();
        ensure!(
            is_name,
            "expected the name of an S3 bucket (3 to 63 lower-case letters, digits, hyphens and dots), found {name:?}"
        );
        Ok(Self::Named(name.to_owned()))
    }
}

/// The code of a stack's functions, from one state of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    /// What the functions run on.
    pub architecture: Architecture,
    /// Where the code goes.
    pub bucket: AssetBucket,
    /// SHA-256, in hexadecimal, of everything that the functions are built from.
    pub sources: String,
    /// The tasks that have a function.
    pub tasks: &'static [Task],
}

impl Assets {
    /// Those of the workspace that this program was built in, as its files are now. Builds nothing.
    pub fn of_workspace(
        architecture: Architecture,
        bucket: AssetBucket,
        tasks: &'static [Task],
    ) -> anyhow::Result<Self> {
        let sources = sources::digest(&Workspace::ours()?)?;
        Ok(Self { architecture, bucket, sources, tasks })
    }

    /// The key of a task's zip file in the bucket. It changes with the sources, so that a deployment is an update
    /// when, and only when, there is something new.
    pub fn key(&self, task: Task) -> String {
        format!("{}.zip", self.hash(task))
    }

    /// The command that builds a task's zip file, and prints its path, as long as the sources are these.
    ///
    /// By the name of the program, as cdk.json does: `--package` would choose other features, and compile all anew.
    pub fn bundle_command(&self, task: Task) -> Vec<String> {
        let words = ["cargo", "run", "--quiet", "--bin", "infra", "--", "bundle", "--architecture"];
        let own = [self.architecture.name(), "--sources", &self.sources, task.binary()];
        words.into_iter().chain(own).map(str::to_owned).collect()
    }

    /// What names a task's zip file.
    pub fn hash(&self, task: Task) -> String {
        let named = format!("{}/{}/{}", self.sources, self.architecture, task.binary());
        sha256(named.as_bytes())
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_s3_takes_is_a_bucket() {
        for name in ["abc", "code-of-mine", "1.a-b.2"] {
            assert_eq!(name.parse::<AssetBucket>().unwrap(), AssetBucket::Named(name.into()));
        }
        let long = "a".repeat(64);
        for name in
            ["", "ab", &long, "Mine", "my_code", "-mine", "mine.", "a..b", "10.0.0.1", "mine/code", "${AWS::Region}"]
        {
            assert!(name.parse::<AssetBucket>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_key_tells_tasks_architectures_and_sources_apart() {
        let assets = |architecture, sources: &str| Assets {
            architecture,
            bucket: AssetBucket::default(),
            sources: sources.to_owned(),
            tasks: &Task::ALL,
        };
        let arm = assets(Architecture::Arm64, "a");
        let mut keys: Vec<_> = Task::ALL.map(|task| arm.key(task)).to_vec();
        keys.push(assets(Architecture::X86_64, "a").key(Task::Prepare));
        keys.push(assets(Architecture::Arm64, "b").key(Task::Prepare));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), Task::ALL.len() + 2);
    }
}
