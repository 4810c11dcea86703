//! What a copy that goes on would lose by a deployment of the migration as it is now. Its functions are told by their stack
//! where the target stands and how it is reached, and may do there what its roles allow; the run itself keeps to the migration
//! that it began with. Pure.

use std::collections::BTreeMap;

use migration::definition::{Definition, Target};
use migration::deployment::{CopyOutput, Output};

/// Each thing that the stack with these outputs gives to its copy, and wouldn't give any more, in words. `region` is the stack's.
pub fn losses(outputs: &BTreeMap<String, String>, definition: &Definition, region: &str) -> Vec<String> {
    let source = outputs.get(Output::SourceTableName.name()).map(String::as_str);
    let source = source.filter(|table| *table != definition.source.table.as_str());
    let source = source.map(|table| format!("the source {table}"));
    source.into_iter().chain(of_target(outputs, definition.target.as_ref(), region)).collect()
}

fn of_target(outputs: &BTreeMap<String, String>, target: Option<&Target>, region: &str) -> Vec<String> {
    let deployed = |output: CopyOutput| outputs.get(output.name()).map(String::as_str);
    let Some(table) = deployed(CopyOutput::TargetTableName) else { return Vec::new() };
    let Some(target) = target.filter(|target| target.table.as_str() == table) else {
        return vec![format!("the target {table}")];
    };
    let wanted = target.region.as_deref().unwrap_or(region);
    let place = deployed(CopyOutput::TargetRegion).filter(|deployed| *deployed != wanted);
    let role = deployed(CopyOutput::TargetRole);
    let way = match (role, target.role.as_deref()) {
        (Some(role), wanted) if wanted != Some(role) => Some(format!("the role {role}, which reaches its target")),
        (None, Some(_)) => Some("the permissions for its target in this account".to_owned()),
        _ => None,
    };
    let leads_back = deployed(CopyOutput::WayBack).is_some() && target.reverse.is_none();
    let back = leads_back.then(|| "the permissions for the way back".to_owned());
    place.map(|place| format!("the target in {place}")).into_iter().chain(way).chain(back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/films";

    /// What a stack in us-east-1 says of a copy of `movies` to `films`, with these outputs besides.
    fn lost(besides: &[(CopyOutput, &str)], target: &str) -> String {
        let always = [(Output::SourceTableName.name(), "movies"), (CopyOutput::TargetTableName.name(), "films")];
        let besides = besides.iter().map(|(output, value)| (output.name(), *value));
        let outputs = always.into_iter().chain(besides).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let definition = Definition::from_yaml(&format!("migration: m\n{target}")).unwrap();
        losses(&outputs.collect(), &definition, "us-east-1").join(" and ")
    }

    #[test]
    fn the_same_copy_loses_nothing() {
        let here = (CopyOutput::TargetRegion, "us-east-1");
        let far = (CopyOutput::TargetRegion, "eu-west-1");
        let back = "reverse: [ { remove: { path: seen } } ]";
        let to = |rest: &str| format!("source: {{ table: movies }}\ntarget: {{ table: films{rest} }}");
        assert_eq!(lost(&[here], &to("")), "");
        assert_eq!(lost(&[here], &to(", region: us-east-1, bulk: scan")), "");
        assert_eq!(
            lost(&[far, (CopyOutput::TargetRole, ROLE)], &to(&format!(", region: eu-west-1, role: '{ROLE}'"))),
            ""
        );
        // A way back may be opened later.
        assert_eq!(lost(&[here], &to(&format!(", {back}"))), "");
        assert_eq!(lost(&[here, (CopyOutput::WayBack, "true")], &to(&format!(", {back}"))), "");
    }

    #[test]
    fn whatever_a_copy_stands_on_is_named() {
        let here = (CopyOutput::TargetRegion, "us-east-1");
        let far = (CopyOutput::TargetRegion, "eu-west-1");
        let role = (CopyOutput::TargetRole, ROLE);
        let of = "source: { table: movies }\n";
        let to = |rest: &str| format!("{of}target: {{ table: films{rest} }}");
        let in_place = |table: &str| format!("source: {{ table: {table} }}\ntransform: [ delete ]");
        assert_eq!(lost(&[here], &in_place("movies")), "the target films");
        assert_eq!(lost(&[here], &in_place("albums")), "the source movies and the target films");
        assert_eq!(lost(&[here], &format!("{of}target: {{ table: others }}")), "the target films");
        assert_eq!(lost(&[here], &to(", region: eu-west-1")), "the target in us-east-1");
        assert_eq!(lost(&[far], &to("")), "the target in eu-west-1");
        let reaches = format!("the role {ROLE}, which reaches its target");
        assert_eq!(lost(&[here, role], &to("")), reaches);
        assert_eq!(lost(&[here, role], &to(", role: 'arn:aws:iam::111122223333:role/other'")), reaches);
        let permissions = "the permissions for its target in this account";
        assert_eq!(lost(&[here], &to(&format!(", role: '{ROLE}'"))), permissions);
        assert_eq!(lost(&[here, (CopyOutput::WayBack, "true")], &to("")), "the permissions for the way back");
    }
}
