//! The Lambda function of the task `MakeTarget`.

use functions::lambda::{self, LambdaError};
use migration::Task;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LambdaError> {
    lambda::serve(Task::MakeTarget).await
}
