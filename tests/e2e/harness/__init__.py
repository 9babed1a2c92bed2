"""What the cases are made of: processes, servers, loads, oracles and the tracer under test."""
