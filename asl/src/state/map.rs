//! Map: one flow per item, within the execution (inline) or as child executions of a Map Run (distributed).

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Number, Value};

use super::{finish, setters};
use crate::{
    Catch, Flow, JsonPath, Literal, MaxConcurrency, MaxInputBytesPerBatch, MaxItems, MaxItemsPerBatch, PayloadTemplate,
    Resource, ResultPath, Retry, Selection, ToleratedFailureCount, ToleratedFailurePercentage, path::present,
};

/// A state that runs one flow per item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Map {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Which part of its input the state sees.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input_path: Option<Selection>,
    /// Where the items are read from, if not from the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_reader: Option<ItemReader>,
    /// Where the items are in the input, `$` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_path: Option<JsonPath>,
    /// What each flow is given, made from the input and `$$.Map.Item`.
    #[serde(flatten)]
    pub selector: Option<MapSelector>,
    /// How items are gathered for one flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_batcher: Option<ItemBatcher>,
    /// How many flows run at once.
    #[serde(flatten)]
    pub max_concurrency: MaxConcurrency,
    /// Which share of the flows may fail.
    #[serde(flatten)]
    pub tolerated_failure_percentage: ToleratedFailurePercentage,
    /// How many of the flows may fail.
    #[serde(flatten)]
    pub tolerated_failure_count: ToleratedFailureCount,
    /// A name for the Map Run, 40 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The flow.
    #[serde(flatten)]
    pub body: MapBody,
    /// Where the results are written, if not into the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_writer: Option<ResultWriter>,
    /// What is made of the results before they are placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_selector: Option<PayloadTemplate>,
    /// Where the results go in the state's input.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result_path: Option<ResultPath>,
    /// Which part of its output the state passes on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output_path: Option<Selection>,
    /// When it is tried again, all items of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Vec<Retry>>,
    /// Where it goes when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch: Option<Vec<Catch>>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// The flow of a Map, under its name of today or its older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MapBody {
    /// What new definitions have.
    ItemProcessor(Processor),
    /// What definitions had until 2022; it means the same.
    Iterator(Processor),
}

/// The template of a Map's items, under its name of today or its older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MapSelector {
    /// What new definitions have.
    ItemSelector(PayloadTemplate),
    /// What definitions had until 2022; it means the same.
    Parameters(PayloadTemplate),
}

/// The flow of a Map and how it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Processor {
    /// How it runs; inline by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_config: Option<ProcessorConfig>,
    /// The flow.
    #[serde(flatten)]
    pub flow: Flow,
}

/// How the flow of a Map runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProcessorConfig {
    /// Inline or distributed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The kind of the child executions; a distributed Map must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_type: Option<ExecutionType>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// Where the flows of a Map run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Within the execution: 40 at once, one history.
    #[default]
    Inline,
    /// Each as a child execution: 10,000 at once, a history each.
    Distributed,
}

/// The kind of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionType {
    /// Up to a year, with a history, exactly once.
    #[default]
    Standard,
    /// Up to five minutes, without a history.
    Express,
}

/// Where the items of a distributed Map are read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ItemReader {
    /// `arn:aws:states:::s3:getObject` or `arn:aws:states:::s3:listObjectsV2`.
    pub resource: Resource,
    /// How the object is to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_config: Option<ReaderConfig>,
    /// The bucket and the key or the prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PayloadTemplate>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// How an object with items is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReaderConfig {
    /// `CSV`, `JSON`, `JSONL`, `MANIFEST` or `PARQUET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    /// `FIRST_ROW` or `GIVEN`.
    #[serde(default, rename = "CSVHeaderLocation", skip_serializing_if = "Option::is_none")]
    pub csv_header_location: Option<String>,
    /// The header where it is given.
    #[serde(default, rename = "CSVHeaders", skip_serializing_if = "Option::is_none")]
    pub csv_headers: Option<Literal<Vec<String>>>,
    /// `COMMA`, `PIPE`, `SEMICOLON`, `SPACE` or `TAB`.
    #[serde(default, rename = "CSVDelimiter", skip_serializing_if = "Option::is_none")]
    pub csv_delimiter: Option<String>,
    /// How many items are read at most.
    #[serde(flatten)]
    pub max_items: MaxItems,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// How items are gathered for one flow, which then sees `{"BatchInput": ..., "Items": [...]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ItemBatcher {
    /// What each batch is given beside its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_input: Option<PayloadTemplate>,
    /// The bounds of a batch.
    #[serde(flatten)]
    pub size: BatchSize,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// The bounds of a batch: AWS wants at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchSize {
    /// How many items it holds at most.
    #[serde(flatten)]
    pub items: MaxItemsPerBatch,
    /// How large it is at most.
    #[serde(flatten)]
    pub bytes: MaxInputBytesPerBatch,
}

/// Where the results of a distributed Map are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultWriter {
    /// `arn:aws:states:::s3:putObject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// The bucket and the prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PayloadTemplate>,
    /// Fields that the model does not know, `WriterConfig` among them.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

impl ResultWriter {
    /// Writes to a bucket, below a prefix; both may be expressions of a template.
    pub fn to(parameters: impl Into<PayloadTemplate>) -> Self {
        Self {
            resource: Some("arn:aws:states:::s3:putObject".into()),
            parameters: Some(parameters.into()),
            extra: Object::new(),
        }
    }
}

impl Map {
    /// A Map whose flows run within the execution.
    pub fn inline(flow: Flow) -> Self {
        Self::new(ProcessorConfig { mode: Some(Mode::Inline), ..ProcessorConfig::default() }, flow)
    }

    /// A Map whose flows run as child executions of this kind.
    pub fn distributed(execution_type: ExecutionType, flow: Flow) -> Self {
        let config = ProcessorConfig {
            mode: Some(Mode::Distributed),
            execution_type: Some(execution_type),
            ..ProcessorConfig::default()
        };
        Self::new(config, flow)
    }

    fn new(config: ProcessorConfig, flow: Flow) -> Self {
        Self {
            comment: None,
            input_path: None,
            item_reader: None,
            items_path: None,
            selector: None,
            item_batcher: None,
            max_concurrency: MaxConcurrency::Unset,
            tolerated_failure_percentage: ToleratedFailurePercentage::Unset,
            tolerated_failure_count: ToleratedFailureCount::Unset,
            label: None,
            body: MapBody::ItemProcessor(Processor { processor_config: Some(config), flow }),
            result_writer: None,
            result_selector: None,
            result_path: None,
            output_path: None,
            retry: None,
            catch: None,
            extra: Object::new(),
        }
    }

    setters!(comment input_path result_selector result_path output_path retry);
    finish!(Map);

    /// Where the items are in the input.
    pub fn items_path(mut self, path: impl Into<JsonPath>) -> Self {
        self.items_path = Some(path.into());
        self
    }

    /// Where the items are read from.
    pub fn item_reader(mut self, reader: ItemReader) -> Self {
        self.item_reader = Some(reader);
        self
    }

    /// What each flow is given.
    pub fn item_selector(mut self, template: impl Into<PayloadTemplate>) -> Self {
        self.selector = Some(MapSelector::ItemSelector(template.into()));
        self
    }

    /// How items are gathered for one flow.
    pub fn item_batcher(mut self, batcher: ItemBatcher) -> Self {
        self.item_batcher = Some(batcher);
        self
    }

    /// How many flows run at once: a number, or a [`JsonPath`] to one.
    pub fn max_concurrency(mut self, limit: impl Into<MaxConcurrency>) -> Self {
        self.max_concurrency = limit.into();
        self
    }

    /// Which share of the flows may fail, from 0 to 100.
    pub fn tolerated_failure_percentage(mut self, percentage: f64) -> Self {
        self.tolerated_failure_percentage =
            Number::from_f64(percentage).map_or(ToleratedFailurePercentage::Unset, Into::into);
        self
    }

    /// The share of flows that may fail is found there.
    pub fn tolerated_failure_percentage_path(mut self, path: impl Into<JsonPath>) -> Self {
        self.tolerated_failure_percentage = ToleratedFailurePercentage::Path(path.into());
        self
    }

    /// How many of the flows may fail: a number, or a [`JsonPath`] to one.
    pub fn tolerated_failure_count(mut self, count: impl Into<ToleratedFailureCount>) -> Self {
        self.tolerated_failure_count = count.into();
        self
    }

    /// A name for the Map Run.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Where the results are written.
    pub fn result_writer(mut self, writer: ResultWriter) -> Self {
        self.result_writer = Some(writer);
        self
    }

    /// The flow and how it runs.
    pub fn processor(&self) -> &Processor {
        match &self.body {
            MapBody::ItemProcessor(processor) | MapBody::Iterator(processor) => processor,
        }
    }

    /// Where the flows run.
    pub fn mode(&self) -> Mode {
        self.processor().processor_config.as_ref().and_then(|config| config.mode).unwrap_or_default()
    }

    /// The kind of the child executions, for a distributed Map.
    pub fn execution_type(&self) -> Option<ExecutionType> {
        self.processor().processor_config.as_ref().and_then(|config| config.execution_type)
    }

    /// The template of the items, under whichever name.
    pub fn item_template(&self) -> Option<&PayloadTemplate> {
        match self.selector.as_ref()? {
            MapSelector::ItemSelector(template) | MapSelector::Parameters(template) => Some(template),
        }
    }
}
