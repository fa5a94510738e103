"""The five stages of a trial; one per file, inputs to artifact."""
