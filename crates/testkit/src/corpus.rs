//! Written with the integration suite.
