//! CloudWatch alarms and dashboards. What a dashboard shows is in [`super::dashboard`].

use serde::Serialize;

use super::expr::{ArnOf, Expr, NameOf, Text};
use super::sns::Topic;
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::CloudWatch::Alarm`.
    Alarm {
        /// What it watches.
        #[serde(flatten)]
        figure: Figure,
        /// How that is held against the threshold.
        comparison_operator: ComparisonOperator,
        /// Over how many periods.
        evaluation_periods: u32,
    } {
        /// Whom to tell when it begins.
        alarm_actions: Vec<Expr<ArnOf<Topic>>>,
        /// What has happened, and what to do.
        alarm_description: String,
        /// Its name; CloudFormation makes one up.
        alarm_name: String,
        /// In how many of the periods; in all of them where nothing is said.
        datapoints_to_alarm: u32,
        /// Whom to tell when it is over.
        #[serde(rename = "OKActions")]
        ok_actions: Vec<Expr<ArnOf<Topic>>>,
        /// The threshold.
        threshold: f64,
        /// What a period without values means.
        treat_missing_data: MissingData,
    }
}

/// What an alarm watches.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// A metric.
    Metric(MetricFigure),
    /// What a formula makes of several.
    Formula(FormulaFigure),
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricFigure {
    /// The metric.
    #[serde(flatten)]
    pub metric: Metric,
    /// Seconds.
    pub period: u32,
    /// What of its values in a period.
    pub statistic: Statistic,
}

/// Several metrics, and a formula over them that alone returns data.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FormulaFigure {
    /// The metrics and the formula.
    pub metrics: Vec<MetricDataQuery>,
}

impl Figure {
    /// The sum of a metric's values in a period of so many seconds.
    pub fn sum(metric: Metric, period: u32) -> Self {
        Self::Metric(MetricFigure { metric, period, statistic: Statistic::Sum })
    }

    /// The largest of a metric's values in a period of so many seconds.
    pub fn maximum(metric: Metric, period: u32) -> Self {
        Self::Metric(MetricFigure { metric, period, statistic: Statistic::Maximum })
    }

    /// The sum of several metrics' values, in which nothing counts as 0.
    pub fn sum_of(metrics: impl IntoIterator<Item = Metric>, period: u32) -> Self {
        let stat = |metric| MetricStat { metric, period, stat: Statistic::Sum };
        let metrics = metrics.into_iter().enumerate();
        let mut queries: Vec<_> = metrics
            .map(|(number, metric)| MetricDataQuery {
                metric_stat: Some(stat(metric)),
                return_data: Some(false),
                ..MetricDataQuery::new(format!("m{number}"))
            })
            .collect();
        let terms: Vec<_> = queries.iter().map(|query| format!("FILL({}, 0)", query.id)).collect();
        queries.push(MetricDataQuery {
            expression: Some(terms.join(" + ")),
            label: Some("sum".into()),
            return_data: Some(true),
            ..MetricDataQuery::new("sum".into())
        });
        Self::Formula(FormulaFigure { metrics: queries })
    }
}

impl Resource for Alarm {
    const TYPE: &'static str = "AWS::CloudWatch::Alarm";
    type Ref = NameOf<Self>;
}

impl HasArn for Alarm {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Alarm {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

values! {
    /// How a figure is held against a threshold.
    ComparisonOperator {
        /// More.
        GreaterThan = "GreaterThanThreshold",
        /// As much, or more.
        GreaterThanOrEqual = "GreaterThanOrEqualToThreshold",
        /// Less.
        LessThan = "LessThanThreshold",
        /// As much, or less.
        LessThanOrEqual = "LessThanOrEqualToThreshold",
    }
}

values! {
    /// What of a metric's values in a period.
    Statistic {
        /// Their mean.
        Average = "Average",
        /// The largest.
        Maximum = "Maximum",
        /// The smallest.
        Minimum = "Minimum",
        /// Their number.
        SampleCount = "SampleCount",
        /// Their sum.
        Sum = "Sum",
    }
}

values! {
    /// What a period without values means.
    MissingData {
        /// That all is not well.
        Breaching = "breaching",
        /// What the period before meant.
        Ignore = "ignore",
        /// That nothing is known.
        Missing = "missing",
        /// That all is well.
        NotBreaching = "notBreaching",
    }
}

/// A metric, and what of it is meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// Where it is.
    pub namespace: &'static str,
    /// Its name.
    pub metric_name: &'static str,
    /// What of it.
    pub dimensions: Vec<Dimension>,
}

impl Metric {
    /// A metric with one dimension.
    pub fn new(namespace: &'static str, name: &'static str, dimension: &'static str, value: Expr<Text>) -> Self {
        Self { namespace, metric_name: name, dimensions: vec![Dimension { name: dimension, value }] }
    }
}

/// What of a metric is meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    /// In which respect.
    pub name: &'static str,
    /// Which.
    pub value: Expr<Text>,
}

properties! {
    /// A metric, or a sum over others.
    MetricDataQuery {
        /// Its name, which begins small.
        id: String,
    } {
        /// The sum.
        expression: String,
        /// What a person calls it.
        label: String,
        /// The metric.
        metric_stat: MetricStat,
        /// Whether it is what the alarm is about.
        return_data: bool,
    }
}

/// A metric's values by periods.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricStat {
    /// The metric.
    pub metric: Metric,
    /// Seconds.
    pub period: u32,
    /// What of its values.
    pub stat: Statistic,
}

properties! {
    /// `AWS::CloudWatch::Dashboard`.
    Dashboard {
        /// What it shows: [`super::dashboard::Body`], as JSON text.
        dashboard_body: Expr<Text>,
    } {
        /// Its name; CloudFormation makes one up.
        dashboard_name: Expr<Text>,
    }
}

impl Resource for Dashboard {
    const TYPE: &'static str = "AWS::CloudWatch::Dashboard";
    type Ref = NameOf<Self>;
}

impl HasName for Dashboard {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}
