"""Several processes that do one training: how they are launched, how they divide a step, and what they agree on."""
