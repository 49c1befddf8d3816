"""What pictures cost: expected prices, and the balance compared with the jobs."""
