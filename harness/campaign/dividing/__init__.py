"""How a grid is divided: groups of runs that share features, and who does which."""
