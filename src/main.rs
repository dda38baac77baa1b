//! The program `gcore-billing-exporter`.

fn main() {}
