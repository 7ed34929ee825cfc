//! The `tongchuan` program: see [`tongchuan::cli`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match tongchuan::cli::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tongchuan: {error:#}");
            ExitCode::FAILURE
        }
    }
}
