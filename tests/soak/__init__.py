"""Minutes of load on a whole stack while its parts are killed: `make soak`."""
