//! A change set in words. What costs data is told apart from what doesn't. Pure.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::{
    ChangeAction, PolicyAction, Replacement, RequiresRecreation, ResourceAttribute, ResourceChange,
};

/// Types of resources that hold what nobody can make again.
const STATEFUL: [&str; 3] = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"];

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// It is made.
    Add,
    /// It comes into the stack as it is.
    Import,
    /// It is changed as it stands.
    Change,
    /// That depends on values that are only known when it is done.
    MayReplace,
    /// A new one takes its place.
    Replace,
    /// It goes.
    Remove,
}

impl Deed {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Import => "import",
            Self::Change => "change",
            Self::MayReplace => "may replace",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }

    /// The sign for it.
    pub fn sign(self) -> char {
        match self {
            Self::Add | Self::Import => '+',
            Self::Change => '~',
            Self::MayReplace | Self::Replace => '±',
            Self::Remove => '-',
        }
    }
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is done.
    pub deed: Deed,
    /// The resource's logical id.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// The properties that differ, where that is known.
    pub properties: String,
    /// What the user should know before agreeing.
    pub warning: Option<&'static str>,
}

/// All changes, as lines: what is made first, what goes last.
pub fn lines(changes: &[ResourceChange]) -> Vec<Line> {
    let mut lines: Vec<_> = changes.iter().map(line).collect();
    lines.sort_by(|one, other| (one.deed, &one.resource).cmp(&(other.deed, &other.resource)));
    lines
}

fn line(change: &ResourceChange) -> Line {
    let deed = deed(change);
    let kind = change.resource_type().unwrap_or_default();
    Line {
        deed,
        resource: change.logical_resource_id().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        properties: properties(change),
        warning: STATEFUL.contains(&kind).then(|| warning(deed, change.policy_action())).flatten(),
    }
}

fn deed(change: &ResourceChange) -> Deed {
    match (change.action(), change.replacement()) {
        (Some(ChangeAction::Add), _) => Deed::Add,
        (Some(ChangeAction::Import), _) => Deed::Import,
        (Some(ChangeAction::Remove), _) => Deed::Remove,
        (_, Some(Replacement::True)) => Deed::Replace,
        (_, Some(Replacement::Conditional)) => Deed::MayReplace,
        // What isn't known yet may be anything.
        (Some(ChangeAction::Dynamic), _) => Deed::MayReplace,
        _ => Deed::Change,
    }
}

fn warning(deed: Deed, policy: Option<&PolicyAction>) -> Option<&'static str> {
    let keeps = matches!(
        policy,
        Some(
            PolicyAction::Retain
                | PolicyAction::Snapshot
                | PolicyAction::ReplaceAndRetain
                | PolicyAction::ReplaceAndSnapshot
        )
    );
    match deed {
        Deed::Add | Deed::Import | Deed::Change => None,
        Deed::Remove if keeps => Some("it stays in the account with its data, but is no longer the stack's"),
        Deed::Remove => Some("ITS DATA IS DELETED, unless its DeletionPolicy keeps it"),
        _ if keeps => Some("the new one is empty; the old one stays in the account with its data"),
        Deed::Replace => {
            Some("the new one is empty, and THE OLD ONE'S DATA IS DELETED, unless its UpdateReplacePolicy keeps it")
        }
        Deed::MayReplace => {
            Some("if it is replaced, THE OLD ONE'S DATA IS DELETED, unless its UpdateReplacePolicy keeps it")
        }
    }
}

/// `Code, Environment`; those that make a new resource necessary are marked.
fn properties(change: &ResourceChange) -> String {
    let names: BTreeSet<String> = change
        .details()
        .iter()
        .filter_map(|detail| {
            let target = detail.target()?;
            let name = match (target.name(), target.attribute()) {
                (Some(name), _) if !name.is_empty() => name,
                (_, Some(ResourceAttribute::Properties) | None) => return None,
                (_, Some(attribute)) => attribute.as_str(),
            };
            let forces = target.requires_recreation() == Some(&RequiresRecreation::Always);
            Some(if forces { format!("{name} (needs a new one)") } else { name.to_owned() })
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{ResourceChangeDetail, ResourceTargetDefinition};

    use super::*;

    fn change(action: ChangeAction, kind: &str) -> aws_sdk_cloudformation::types::builders::ResourceChangeBuilder {
        ResourceChange::builder().action(action).logical_resource_id("Ledger").resource_type(kind)
    }

    fn detail(name: &str, recreation: RequiresRecreation) -> ResourceChangeDetail {
        let target = ResourceTargetDefinition::builder()
            .attribute(ResourceAttribute::Properties)
            .name(name)
            .requires_recreation(recreation)
            .build();
        ResourceChangeDetail::builder().target(target).build()
    }

    #[test]
    fn a_change_says_which_properties_differ() {
        let change = change(ChangeAction::Modify, "AWS::DynamoDB::Table")
            .replacement(Replacement::True)
            .policy_action(PolicyAction::ReplaceAndRetain)
            .details(detail("Tags", RequiresRecreation::Never))
            .details(detail("KeySchema", RequiresRecreation::Always))
            .details(detail("KeySchema", RequiresRecreation::Always))
            .build();
        let line = line(&change);
        assert_eq!(line.deed, Deed::Replace);
        assert_eq!(line.properties, "KeySchema (needs a new one), Tags");
        assert_eq!(line.warning, Some("the new one is empty; the old one stays in the account with its data"));
    }

    #[test]
    fn what_costs_data_is_warned_of() {
        let warned = |change: ResourceChange| line(&change).warning.is_some_and(|warning| warning.contains("DELETED"));
        let (table, role) = ("AWS::DynamoDB::Table", "AWS::IAM::Role");
        assert!(warned(change(ChangeAction::Remove, table).build()));
        assert!(warned(change(ChangeAction::Remove, table).policy_action(PolicyAction::Delete).build()));
        assert!(!warned(change(ChangeAction::Remove, table).policy_action(PolicyAction::Retain).build()));
        assert!(!warned(change(ChangeAction::Remove, role).build()));
        assert!(warned(change(ChangeAction::Modify, table).replacement(Replacement::True).build()));
        assert!(warned(change(ChangeAction::Modify, table).replacement(Replacement::Conditional).build()));
        assert!(!warned(change(ChangeAction::Modify, table).replacement(Replacement::False).build()));
        assert!(warned(change(ChangeAction::Dynamic, table).build()));
    }

    #[test]
    fn what_is_made_comes_first_and_what_goes_last() {
        let changes = [
            change(ChangeAction::Remove, "AWS::IAM::Role").build(),
            change(ChangeAction::Modify, "AWS::IAM::Role").replacement(Replacement::True).build(),
            change(ChangeAction::Add, "AWS::IAM::Role").build(),
            change(ChangeAction::Modify, "AWS::IAM::Role").build(),
        ];
        let deeds: Vec<_> = lines(&changes).iter().map(|line| line.deed).collect();
        assert_eq!(deeds, [Deed::Add, Deed::Change, Deed::Replace, Deed::Remove]);
    }
}
