"""What satellites and maps record of the simulated world."""
