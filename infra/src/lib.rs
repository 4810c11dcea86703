//! The CDK app of Segue, without jsii: typed CloudFormation, the one stack, the cloud assembly, and the way to AWS.

pub mod assembly;
pub mod assets;
pub mod cfn;
pub mod commands;
pub mod deploy;
mod drawing;
pub mod failure;
pub mod stack;
