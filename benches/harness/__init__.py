"""The measurements behind scripts/bench. Standard library only; each row of the table is one function."""
