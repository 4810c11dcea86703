//! What a dashboard shows (CloudWatch API reference, "Dashboard body structure and syntax").
//!
//! [`Body::rows`] lays widgets out in rows on the grid of 24 columns, so that they neither overlap nor leave it.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::cloudwatch::{Metric, Statistic};
use super::expr::{Expr, Text};

/// The width of a dashboard.
pub const COLUMNS: u32 = 24;

/// A dashboard's body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Body {
    /// The time that is shown where nobody chose another, such as `-PT3H`.
    pub start: &'static str,
    widgets: Vec<Placed>,
}

impl Body {
    /// Rows from the top down: their height, and their widgets from the left, which share the width.
    pub fn rows(start: &'static str, rows: impl IntoIterator<Item = (u32, Vec<Widget>)>) -> Self {
        let (mut widgets, mut y) = (Vec::new(), 0);
        for (height, row) in rows {
            let number = row.len() as u32;
            for (position, widget) in (0..).zip(row) {
                let (x, end) = (COLUMNS * position / number, COLUMNS * (position + 1) / number);
                widgets.push(Placed { x, y, width: end - x, height, widget });
            }
            y += height;
        }
        Self { start, widgets }
    }

    /// As CloudFormation takes it.
    pub fn to_text(&self) -> Result<Expr<Text>, serde_json::Error> {
        Expr::json(self)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Placed {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    #[serde(flatten)]
    widget: Widget,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "properties", rename_all = "lowercase")]
pub enum Widget {
    /// Text.
    Text {
        /// In Markdown.
        markdown: Expr<Text>,
    },
    /// Metrics.
    Metric(Box<Graph>),
}

impl From<Graph> for Widget {
    fn from(graph: Graph) -> Self {
        Self::Metric(Box::new(graph))
    }
}

/// Metrics over time, or as numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// What it says.
    pub title: String,
    /// How it says it.
    pub view: View,
    /// Where the metrics are.
    pub region: Expr<Text>,
    /// Seconds, where a line doesn't say.
    pub period: u32,
    /// What of the values, where a line doesn't say.
    pub stat: Statistic,
    /// Whether numbers are over all of the time that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_period_to_time_range: Option<bool>,
    /// What stands at the axes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y_axis: Option<YAxis>,
    /// The lines.
    pub metrics: Vec<Line>,
}

impl Graph {
    /// Lines over time, in minutes.
    pub fn lines(title: impl Into<String>, region: Expr<Text>, unit: &'static str, lines: Vec<Line>) -> Self {
        let y_axis = Some(YAxis { left: Axis { label: unit, min: 0, show_units: false } });
        let (view, period, stat) = (View::TimeSeries, 60, Statistic::Sum);
        Self { title: title.into(), view, region, period, stat, set_period_to_time_range: None, y_axis, metrics: lines }
    }

    /// Numbers over all of the time that is shown.
    pub fn numbers(title: impl Into<String>, region: Expr<Text>, lines: Vec<Line>) -> Self {
        Self {
            title: title.into(),
            view: View::SingleValue,
            region,
            period: 60,
            stat: Statistic::Sum,
            set_period_to_time_range: Some(true),
            y_axis: None,
            metrics: lines,
        }
    }
}

values! {
    /// How metrics are shown.
    View {
        /// As numbers.
        SingleValue = "singleValue",
        /// As lines.
        TimeSeries = "timeSeries",
    }
}

/// What stands at the axes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct YAxis {
    /// On the left.
    pub left: Axis,
}

/// What stands at an axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Axis {
    /// The unit.
    pub label: &'static str,
    /// Where it begins.
    pub min: u32,
    /// Whether the metric's own unit is shown.
    pub show_units: bool,
}

/// One line of a graph, or one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    what: What,
    options: LineOptions,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Metric(Metric),
    Expression(String),
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
struct LineOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visible: Option<bool>,
}

impl Line {
    /// A metric's values.
    pub fn metric(label: impl Into<String>, metric: Metric) -> Self {
        let options = LineOptions { label: Some(label.into()), ..LineOptions::default() };
        Self { what: What::Metric(metric), options }
    }

    /// What a formula makes of other lines, which have names.
    pub fn expression(label: impl Into<String>, expression: impl Into<String>) -> Self {
        let options = LineOptions { label: Some(label.into()), ..LineOptions::default() };
        Self { what: What::Expression(expression.into()), options }
    }

    /// Its name in formulas, which begins small.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.options.id = Some(id.into());
        self
    }

    /// Not shown: for formulas only.
    pub fn hidden(mut self) -> Self {
        self.options.visible = Some(false);
        self
    }

    /// What of the values: a statistic, or a percentile such as `p99`.
    pub fn stat(mut self, stat: &'static str) -> Self {
        self.options.stat = Some(stat);
        self
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_seq(None)?;
        match &self.what {
            What::Metric(metric) => {
                line.serialize_element(metric.namespace)?;
                line.serialize_element(metric.metric_name)?;
                for dimension in &metric.dimensions {
                    line.serialize_element(dimension.name)?;
                    line.serialize_element(&dimension.value)?;
                }
                line.serialize_element(&self.options)?;
            }
            What::Expression(expression) => {
                let options = LineOptions { expression: Some(expression.clone()), ..self.options.clone() };
                line.serialize_element(&options)?;
            }
        }
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cfn::pseudo;

    #[test]
    fn a_body_is_as_cloudwatch_takes_it() {
        let metric = Metric::new("AWS/Lambda", "Errors", "FunctionName", pseudo::stack_name());
        let lines = vec![
            Line::metric("errors", metric).id("e").hidden().stat("p99"),
            Line::expression("errors a second", "e / PERIOD(e)"),
        ];
        let text = Widget::Text { markdown: "# ${title}".into() };
        let graph = Graph::lines("Errors", pseudo::region(), "1/s", lines);
        let body = Body::rows("-PT3H", [(2, vec![text]), (6, vec![graph.clone().into(), graph.into()])]);
        let written = serde_json::to_value(body.to_text().unwrap()).unwrap();
        let body: serde_json::Value = serde_json::from_str(written["Fn::Sub"].as_str().unwrap()).unwrap();
        assert_eq!(
            body["widgets"][0],
            json!({ "x": 0, "y": 0, "width": 24, "height": 2, "type": "text", "properties": { "markdown": "# ${!title}" } })
        );
        assert_eq!(
            body["widgets"][2],
            json!({
                "x": 12, "y": 2, "width": 12, "height": 6, "type": "metric",
                "properties": {
                    "title": "Errors",
                    "view": "timeSeries",
                    "region": "${AWS::Region}",
                    "period": 60,
                    "stat": "Sum",
                    "yAxis": { "left": { "label": "1/s", "min": 0, "showUnits": false } },
                    "metrics": [
                        ["AWS/Lambda", "Errors", "FunctionName", "${AWS::StackName}",
                         { "id": "e", "label": "errors", "stat": "p99", "visible": false }],
                        [{ "expression": "e / PERIOD(e)", "label": "errors a second" }],
                    ],
                },
            })
        );
    }
}
