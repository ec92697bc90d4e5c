"""The command line: parse options, call the engine, render."""
