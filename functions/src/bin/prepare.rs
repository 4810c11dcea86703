//! The Lambda function of the task `Prepare`.

use functions::lambda::{self, LambdaError};
use migration::Task;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LambdaError> {
    lambda::serve(Task::Prepare).await
}
