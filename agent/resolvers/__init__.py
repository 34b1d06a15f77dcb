"""Where names are turned into addresses."""
