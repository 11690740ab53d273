"""What each precision gains and costs, measured."""
