"""What resolvers that filter names have in common."""
