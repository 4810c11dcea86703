//! The way to the tables of a run that this process works on.

use aws_sdk_dynamodb::Client;
use embedded::Embedded;
use jiff::Timestamp;
use migration::{Carrier, Ledger, Services};

/// Clients of a run's tables.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// Of the source's DynamoDB.
    pub(crate) source: Client,
    /// Of the target's, where the run has one; the source's otherwise.
    pub(crate) target: Client,
    /// What both are in, in a rehearsal: it has a queue, functions and a bucket as well.
    pub(crate) database: Option<Embedded>,
    /// What carries a copy that another process of this machine rehearses.
    pub(crate) carrier: Option<Carrier>,
}

impl Clients {
    /// Where all tables are one DynamoDB's.
    pub(crate) fn of_one(client: Client) -> Self {
        Self { target: client.clone(), source: client, database: None, carrier: None }
    }

    /// Those of a copy's way back.
    pub(crate) fn turned(self) -> Self {
        Self { source: self.target, target: self.source, ..self }
    }

    /// Services for what is done from here.
    pub(crate) fn services(&self, ledger: Ledger, carrier: Option<Carrier>) -> Services {
        let functions = functions::transforms::all();
        let mut services = Services::new(self.source.clone(), None, ledger, functions, Timestamp::now);
        services.target = self.target.clone();
        services.carrier = carrier;
        services
    }

    /// Where they are in an embedded database.
    pub(crate) fn embedded(database: Embedded) -> Self {
        let client = Client::from_conf(migration::client_config(database.client_builder()).build());
        Self { database: Some(database), ..Self::of_one(client) }
    }
}
