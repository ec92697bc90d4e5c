"""Where records come from: files, how they are cut, read and recognised."""
