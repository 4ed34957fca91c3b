//! The `veduta` command.

fn main() -> std::process::ExitCode {
    veduta::app::main()
}
