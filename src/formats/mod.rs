//! Bytes to data and back, one file format a folder or file. Pure: a thread, a worker, a test and a fuzzer run the same code.
