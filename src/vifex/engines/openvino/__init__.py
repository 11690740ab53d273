"""The OpenVINO engine: reads, rewrites, compiles and runs graphs on CPUs."""
