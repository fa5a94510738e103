"""What training goes with a removal; one per file."""
