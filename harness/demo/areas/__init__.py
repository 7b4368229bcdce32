"""The suite `areas`: five areas of interest of the simulated world, each asked twice over the same images."""
