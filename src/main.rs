//! The `msn-bridge` program: reads its command line and turns the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Several libraries bring TLS along; the choice of its cryptography is made once, here.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("msn-bridge: a TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    msn_bridge::cli::main()
}
