//! An in-process AWS for rehearsal: DynamoDB behind the real SDK client, with capacity that is enforced.
