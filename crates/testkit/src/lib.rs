//! What the tests and the demonstration need: a Synapse, a Matrix user, waiting with a deadline.
