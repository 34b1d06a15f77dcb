"""What services require, and what is discouraged: data and rules that the agent finds by looking."""
