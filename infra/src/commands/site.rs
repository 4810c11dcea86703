//! Where deploy, diff and destroy work: the account and region of the caller, and the stack that is there. All three find
//! it in the same way, and none of them touches what isn't this migration's.

use std::path::{Path, PathBuf};

use anyhow::bail;
use migration::definition::Definition;
use migration::deployment::Deployment;

use super::definition;
use crate::assets::{Architecture, AssetBucket};
use crate::deploy::aws::Aws;
use crate::deploy::note;
use crate::deploy::stacks::{self, Owner, Stack};
use crate::failure::Usage;

/// The flags that say which stack is meant.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Which {
    /// The migration that the stack is for
    #[arg(long, value_name = "FILE", default_value = DEFAULT)]
    pub(super) migration: PathBuf,
    /// The stack's name [default: the one it was deployed as from here, or Segue-MIGRATION]
    #[arg(long, value_name = "NAME")]
    pub(super) stack: Option<String>,
}

const DEFAULT: &str = "migration.yaml";

/// The flags that say what functions the stack gets, and so what its template is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FunctionArgs {
    /// The processor that the functions run on
    #[arg(long, value_enum, default_value_t)]
    pub(super) architecture: Architecture,
    /// The bucket for the functions' code [default: the one of `cdk bootstrap`]
    #[arg(long, value_name = "NAME")]
    pub(super) bucket: Option<AssetBucket>,
}

impl Which {
    /// The same flags again, for a command that is shown to the user.
    pub(super) fn flags(&self) -> String {
        let stack = self.stack.as_ref().map(|stack| format!(" --stack {stack}"));
        format!("{}{}", self.run_flags(), stack.unwrap_or_default())
    }

    /// Those that `run` has too; it finds the stack by the note.
    fn run_flags(&self) -> String {
        let is_default = self.migration == Path::new(DEFAULT);
        if is_default { String::new() } else { format!(" --migration {}", self.migration.display()) }
    }

    /// The migration, with a name for its stack that can be one.
    pub(super) fn definition(&self) -> anyhow::Result<Definition> {
        let definition = definition(&self.migration)?;
        let name = self.stack.clone().unwrap_or_else(|| crate::stack::name(&definition));
        if !stacks::is_name(&name) {
            bail!(Usage::new(format!(
                "expected a name for the stack of at most 128 letters, digits and hyphens that begins with a letter, found {name}; \
                 name one with --stack"
            )));
        }
        Ok(definition)
    }
}

/// The place that a command works at.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) aws: Aws,
    pub(super) definition: Definition,
    /// The stack's name, whether it is there or not.
    pub(super) stack: String,
    pub(super) found: Option<Stack>,
    /// The flags by which the user named it.
    pub(super) flags: String,
    /// The command that runs the migration: it finds the stack by the note.
    pub(super) run: String,
}

impl Site {
    /// Looks around, and changes nothing.
    pub(super) async fn find(which: &Which, definition: Definition) -> anyhow::Result<Self> {
        let aws = Aws::connect().await?;
        let noted = note::read(Path::new("."), &definition.migration)?
            .filter(|noted| noted.account == aws.account && noted.region == aws.region);
        let stack = which.stack.clone().or(noted.map(|noted| noted.stack));
        let stack = stack.unwrap_or_else(|| crate::stack::name(&definition));
        let found = stacks::find(&aws.cloudformation, &stack).await?;
        let run = match which.run_flags().as_str() {
            "" => "cargo run --bin run".into(),
            flags => format!("cargo run --bin run --{flags}"),
        };
        Ok(Self { aws, definition, stack, found, flags: which.flags(), run })
    }

    /// Refuses a stack that is another migration's, or a stranger's.
    pub(super) fn check_owner(&self) -> anyhow::Result<()> {
        let Self { stack, definition, .. } = self;
        let Some(found) = &self.found else { return Ok(()) };
        let whose = match found.owner(&definition.migration) {
            Owner::Us | Owner::Nobody => return Ok(()),
            Owner::OtherMigration(other) => {
                format!("is that of the migration {other}, not of {}", definition.migration)
            }
            Owner::Stranger => "wasn't deployed by Segue".into(),
        };
        bail!(Usage::new(format!("stack {stack} {whose}, so it isn't touched; name another one with --stack")))
    }

    /// Leaves the note by which `run` finds the stack.
    pub(super) fn note(&self) -> anyhow::Result<()> {
        let Aws { account, region, .. } = &self.aws;
        let deployment = Deployment { stack: self.stack.clone(), account: account.clone(), region: region.clone() };
        note::write(Path::new("."), &self.definition.migration, &deployment)
    }

    /// Takes the note back, if it is of this stack.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        let Self { aws, stack, .. } = self;
        let folder = Path::new(".");
        let is_ours = note::read(folder, &self.definition.migration)?
            .is_some_and(|noted| noted.stack == *stack && noted.account == aws.account && noted.region == aws.region);
        if is_ours { note::remove(folder, &self.definition.migration) } else { Ok(()) }
    }
}
