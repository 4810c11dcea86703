//! SNS topics, and who may write to them.

use super::expr::{ArnOf, Expr, IdOf, NameOf};
use super::iam::PolicyDocument;
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::SNS::Topic`.
    Topic {
        /// What it is called in a text message.
        display_name: String,
        /// The key that messages are encrypted with; its own policy has to let the writers in.
        kms_master_key_id: String,
        /// How messages are signed.
        signature_version: SignatureVersion,
        /// Its name; CloudFormation makes one up.
        topic_name: String,
    }
}

impl Resource for Topic {
    const TYPE: &'static str = "AWS::SNS::Topic";
    type Ref = ArnOf<Self>;
}

impl HasArn for Topic {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.reference()
    }
}

impl HasName for Topic {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.attribute("TopicName")
    }
}

values! {
    /// How messages are signed.
    SignatureVersion {
        /// With SHA-1.
        Sha1 = "1",
        /// With SHA-256.
        Sha256 = "2",
    }
}

properties! {
    /// `AWS::SNS::TopicPolicy`. It takes the place of the policy that a topic has otherwise: everyone in its account.
    TopicPolicy {
        /// Who may do what.
        policy_document: PolicyDocument,
        /// The topics.
        topics: Vec<Expr<ArnOf<Topic>>>,
    } {}
}

impl Resource for TopicPolicy {
    const TYPE: &'static str = "AWS::SNS::TopicPolicy";
    type Ref = IdOf<Self>;
}
