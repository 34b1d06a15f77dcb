"""What services require: one YAML file for each."""
