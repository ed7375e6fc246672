"""How it is trained: the step, the schedule, the loop, growth."""
