"""What an endpoint serves: its model, its engine, its adapters, as the planner and the memory model see them."""
