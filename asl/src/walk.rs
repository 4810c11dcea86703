//! Every state of a machine, those of branches and Maps included.

use crate::{Flow, State, StateName};

/// Calls `visit` with the place of each flow (`Migrate/MigrateSegment`, empty for the machine) and the flow.
pub(crate) fn flows<'m>(flow: &'m Flow, visit: &mut impl FnMut(&[&'m StateName], &'m Flow)) {
    descend(flow, &mut Vec::new(), visit);
}

fn descend<'m>(flow: &'m Flow, place: &mut Vec<&'m StateName>, visit: &mut impl FnMut(&[&'m StateName], &'m Flow)) {
    visit(place, flow);
    for (name, state) in &flow.states {
        place.push(name);
        match state {
            State::Map(map, _) => descend(&map.processor().flow, place, visit),
            State::Parallel(parallel, _) => {
                parallel.branches.iter().for_each(|branch| descend(branch, place, visit));
            }
            _ => {}
        }
        place.pop();
    }
}
