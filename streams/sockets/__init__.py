"""Connections: what goes out by them, who holds them, and the protocol of GraphQL."""
