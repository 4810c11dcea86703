//! A state machine as an SVG picture: what `asl::mermaid` says, where nothing renders Mermaid. The layout is dagre's,
//! which is Mermaid's own; the flow inside of a Map is laid out by itself and stands in a box of its size. The picture
//! brings its own background, for light and for dark pages alike. The same machine gives the same picture.

mod text;

use std::fmt::Write as _;

use asl::{Choice, Flow, State, StateMachine, StateName, Transition};
use dagre::graph::{Graph, GraphOptions};
use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, Point};

use self::text::{Line, STYLE, escaped, label, place};

type Layout = Graph<NodeLabel, EdgeLabel>;

/// The node where a flow begins. No state has such a name.
const START: &str = "\n";
const START_SIZE: f64 = 14.0;
/// Around a flow, inside of its box.
const MARGIN: f64 = 20.0;
/// Above the flow in a Map's box, for its name.
const HEADING: f64 = 30.0;

/// Draws a machine.
pub(crate) fn svg(machine: &StateMachine, title: &str) -> String {
    let Picture { width, height, body } = picture(&machine.flow);
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n{STYLE}\
         <rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n{body}</svg>\n"
    )
}

/// A flow, drawn from its upper left corner.
struct Picture {
    width: f64,
    height: f64,
    body: String,
}

/// A state with what is needed to draw it.
struct Node<'f> {
    name: &'f StateName,
    state: &'f State,
    lines: Vec<Line>,
    inside: Option<Picture>,
}

/// A way on from a state.
struct Arrow<'f> {
    from: &'f str,
    to: &'f str,
    said: String,
    is_failure: bool,
}

fn picture(flow: &Flow) -> Picture {
    let nodes: Vec<_> = flow.states.iter().map(|(name, state)| node(name, state)).collect();
    let arrows = arrows(flow);
    let mut layout = Layout::with_options(GraphOptions { directed: true, multigraph: true, compound: false });
    layout.set_node(START, Some(sized(START_SIZE, START_SIZE)));
    for node in &nodes {
        let (width, height) = size(node);
        layout.set_node(node.name.as_str(), Some(sized(width, height)));
    }
    for (number, arrow) in arrows.iter().enumerate() {
        let (width, height) = if arrow.said.is_empty() { (0.0, 0.0) } else { label(&arrow.said) };
        // The way of a run without failures is kept straight.
        let weight = if arrow.is_failure { 1 } else { 4 };
        let edge = EdgeLabel { width, height, weight, labelpos: LabelPos::Center, ..EdgeLabel::default() };
        layout.set_edge(arrow.from, arrow.to, Some(edge), Some(&number.to_string()));
    }
    let spaces = LayoutOptions { nodesep: 36.0, edgesep: 18.0, ranksep: 30.0, ..LayoutOptions::default() };
    dagre::layout(&mut layout, Some(spaces));
    drawn(&layout, &nodes, &arrows)
}

fn sized(width: f64, height: f64) -> NodeLabel {
    NodeLabel { width, height, ..NodeLabel::default() }
}

fn node<'f>(name: &'f StateName, state: &'f State) -> Node<'f> {
    let inside = match state {
        State::Map(map, _) => Some(picture(&map.processor().flow)),
        State::Parallel(parallel, _) => Some(beside(parallel.branches.iter().map(picture))),
        _ => None,
    };
    Node { name, state, lines: text::lines(name, state), inside }
}

/// Pictures side by side: the branches of a Parallel.
fn beside(pictures: impl Iterator<Item = Picture>) -> Picture {
    let mut all = Picture { width: 0.0, height: 0.0, body: String::new() };
    for picture in pictures {
        let _infallible = writeln!(all.body, "<g transform=\"translate({:.1} 0)\">\n{}</g>", all.width, picture.body);
        all.width += picture.width;
        all.height = all.height.max(picture.height);
    }
    all
}

fn size(node: &Node<'_>) -> (f64, f64) {
    let (width, height) = text::size(&node.lines);
    match (&node.inside, node.state) {
        (Some(inside), _) => (inside.width.max(width), inside.height + HEADING),
        // Room for the points on both sides.
        (None, State::Choice(_)) => (width + 24.0, height),
        (None, _) => (width, height),
    }
}

fn arrows(flow: &Flow) -> Vec<Arrow<'_>> {
    let mut arrows = vec![Arrow { from: START, to: flow.start_at.as_str(), said: String::new(), is_failure: false }];
    for (name, state) in &flow.states {
        let mut add = |to: &'_ StateName, said: String, is_failure| -> Option<()> {
            // By the flow's own names, so that a way to nowhere isn't drawn.
            let to = flow.states.get_key_value(to)?.0.as_str();
            arrows.push(Arrow { from: name.as_str(), to, said, is_failure });
            Some(())
        };
        if let Some(Transition::Next(next)) = state.transition() {
            add(next, String::new(), false);
        }
        if let State::Choice(choice) = state {
            for (number, branch) in choice.choices.iter().enumerate() {
                add(&branch.next, rule(choice, number), false);
            }
            if let Some(next) = &choice.default {
                add(next, "otherwise".into(), false);
            }
        }
        for catch in state.catchers() {
            add(&catch.next, "fails".into(), true);
        }
    }
    arrows
}

fn rule(choice: &Choice, number: usize) -> String {
    if choice.choices.len() == 1 { "yes".into() } else { format!("rule {}", number + 1) }
}

/// Puts what dagre has laid out onto paper: arrows first, so that they end under the states, and what they say last.
fn drawn(layout: &Layout, nodes: &[Node<'_>], arrows: &[Arrow<'_>]) -> Picture {
    let (mut paths, mut words, mut boxes) = (String::new(), String::new(), String::new());
    let mut corners = vec![Point::new(0.0, 0.0)];
    for (number, arrow) in arrows.iter().enumerate() {
        let Some(edge) = layout.edge(arrow.from, arrow.to, Some(&number.to_string())) else { continue };
        corners.extend(edge.points.iter().cloned());
        let class = if arrow.is_failure { "arrow fails" } else { "arrow" };
        let _infallible = writeln!(paths, "<path class=\"{class}\" d=\"{}\"/>", curve(&edge.points));
        if let (false, Some(x), Some(y)) = (arrow.said.is_empty(), edge.x, edge.y) {
            let (width, height) = label(&arrow.said);
            corners.push(Point::new(x + width / 2.0, y + height / 2.0));
            words += &text::said(&arrow.said, x, y);
        }
    }
    for node in nodes {
        let Some((x, y, width, height)) = laid(layout, node.name.as_str()) else { continue };
        corners.push(Point::new(x + width / 2.0, y + height / 2.0));
        boxes += &place(node.state, &node.lines, (x, y), (width, height));
        if let Some(inside) = &node.inside {
            let (left, top) = (x - inside.width / 2.0, y - height / 2.0 + HEADING);
            let _infallible = writeln!(boxes, "<g transform=\"translate({left:.1} {top:.1})\">\n{}</g>", inside.body);
        }
    }
    if let Some((x, y, ..)) = laid(layout, START) {
        let _infallible =
            writeln!(boxes, "<circle class=\"start\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\"/>", START_SIZE / 2.0);
    }
    let end = |of: fn(&Point) -> f64| corners.iter().map(of).fold(0.0, f64::max) + 2.0 * MARGIN;
    let body = format!("<g transform=\"translate({MARGIN} {MARGIN})\">\n{boxes}{paths}{words}</g>\n");
    Picture { width: end(|point| point.x).ceil(), height: end(|point| point.y).ceil(), body }
}

/// A node's centre and size.
fn laid(layout: &Layout, name: &str) -> Option<(f64, f64, f64, f64)> {
    let node = layout.node(name)?;
    Some((node.x?, node.y?, node.width, node.height))
}

/// A line through the points that is round at each of them.
fn curve(points: &[Point]) -> String {
    let [first, inner @ .., last] = points else { return String::new() };
    let mut path = format!("M{:.1} {:.1}", first.x, first.y);
    for (number, point) in inner.iter().enumerate() {
        let next = inner.get(number + 1);
        let (x, y) =
            next.map_or((last.x, last.y), |next| (f64::midpoint(point.x, next.x), f64::midpoint(point.y, next.y)));
        let _infallible = write!(path, " Q{:.1} {:.1} {x:.1} {y:.1}", point.x, point.y);
    }
    if inner.is_empty() {
        let _infallible = write!(path, " L{:.1} {:.1}", last.x, last.y);
    }
    path
}

#[cfg(test)]
mod tests {
    use asl::{Catch, ExecutionType, Fail, Map, Retry, Rule, Succeed, Task, Wait};
    use serde_json::json;

    use super::*;

    fn machine() -> StateMachine {
        let child =
            Flow::starting_at("Work").state("Work", Task::invoke("work", json!({})).retry(Retry::on_all()).end());
        let map = Map::distributed(ExecutionType::Standard, child).catch(Catch::all("Lost")).next("Done");
        StateMachine::builder("Is <it> ready?")
            .state("Is <it> ready?", Choice::new().when(Rule::variable("$.ready").is_true(), "All").otherwise("Rest"))
            .state("Rest", Wait::seconds(5).next("Is <it> ready?"))
            .state("All", map)
            .state("Done", Succeed::new())
            .state("Lost", Fail::new("Lost", "it is lost"))
            .build()
            .unwrap()
    }

    #[test]
    fn every_state_and_every_way_on_is_there() {
        let svg = svg(&machine(), "a machine");
        for text in ["Is &lt;it&gt; ready?", "Rest", "All, for each item", "Work", "retried 3 times", "Done", "Lost"] {
            assert_eq!(svg.matches(&format!(">{text}</text>")).count(), 1, "{text}");
        }
        // Two beginnings; to Rest and All; back; to Done and Lost.
        assert_eq!(svg.matches("<path class=\"arrow").count(), 7);
        assert_eq!(svg.matches("class=\"arrow fails\"").count(), 1);
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn the_same_machine_gives_the_same_picture() {
        assert_eq!(svg(&machine(), "a machine"), svg(&machine(), "a machine"));
    }

    /// Boxes on top of each other would hide what they say.
    #[test]
    fn no_two_states_overlap() {
        let machine = migration::workflow::in_place().unwrap();
        let svg = svg(&machine, "the workflow");
        let mut depth = 0;
        let mut boxes: Vec<(i32, f64, f64, f64, f64)> = Vec::new();
        for line in svg.lines() {
            depth += i32::from(line.starts_with("<g")) - i32::from(line.starts_with("</g"));
            if let Some(rest) = line.strip_prefix("<g class=\"state").and_then(|rest| rest.split_once("data-box=\"")) {
                let numbers: Vec<f64> =
                    rest.1.split('"').next().unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
                boxes.push((depth, numbers[0], numbers[1], numbers[2], numbers[3]));
            }
        }
        let of_map = |state: &State| if let State::Map(map, _) = state { map.processor().flow.states.len() } else { 0 };
        let inside: usize = machine.flow.states.values().map(of_map).sum();
        assert_eq!(boxes.len(), machine.flow.states.len() + inside);
        for (number, one) in boxes.iter().enumerate() {
            for other in boxes[..number].iter().filter(|other| other.0 == one.0) {
                let apart = (one.1 - other.1).abs() >= (one.3 + other.3) / 2.0
                    || (one.2 - other.2).abs() >= (one.4 + other.4) / 2.0;
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }
}
