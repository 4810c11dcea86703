//! The CDK app of Segue, without jsii: typed CloudFormation and the cloud assembly.

fn main() {}
