"""The plain envelope, for those who do without GraphQL."""
