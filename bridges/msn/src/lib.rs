//! The MSN side of the bridge: puppets over the MSN client.
