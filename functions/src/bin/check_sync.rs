//! The Lambda function of the task `CheckSync`.

use functions::lambda::{self, LambdaError};
use migration::Task;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LambdaError> {
    lambda::serve(Task::CheckSync).await
}
