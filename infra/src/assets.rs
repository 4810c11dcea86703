//! The functions' code on its way to a bucket: one zip file for each task, named by what it is built from.

mod binary;
mod build;
pub mod bundle;
mod sources;
mod workspace;

use std::fmt;

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

/// The code of all functions, from one state of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    /// What the functions run on.
    pub architecture: Architecture,
    /// Where the code goes.
    pub bucket: AssetBucket,
    /// SHA-256, in hexadecimal, of everything that the functions are built from.
    pub sources: String,
}

impl Assets {
    /// Those of the workspace that this program was built in, as its files are now. Builds nothing.
    pub fn of_workspace(architecture: Architecture, bucket: AssetBucket) -> anyhow::Result<Self> {
        let sources = sources::digest(&Workspace::ours()?)?;
        Ok(Self { architecture, bucket, sources })
    }

    /// The key of a task's zip file in the bucket. It changes with the sources, so that a deployment is an update
    /// when, and only when, there is something new.
    pub fn key(&self, task: Task) -> String {
        format!("{}.zip", self.hash(task))
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
