//! Application Auto Scaling, as far as permissions name it: a stack of ours makes none of its resources.

use super::expr::{ArnOf, Expr, pseudo};

/// What scales one kind of a resource's capacity, by its ARN.
pub struct ScalableTarget;

/// All scalable targets of the account, in the stack's region. Their ARNs hold an id that the service makes up, nothing of
/// what they scale: a condition on [`NAMESPACE_KEY`] and [`DIMENSION_KEY`] says which are meant.
pub fn scalable_targets() -> Expr<ArnOf<ScalableTarget>> {
    pseudo::arn("application-autoscaling", ["scalable-target/*".into()])
}

/// The key of a request that says whose resource is scaled (Service Authorization Reference, "AWS Application Auto
/// Scaling").
pub const NAMESPACE_KEY: &str = "application-autoscaling:service-namespace";
/// The key of a request that says what of the resource is scaled.
pub const DIMENSION_KEY: &str = "application-autoscaling:scalable-dimension";
