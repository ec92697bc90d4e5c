-- A staged month gets the key that a partition has. It fails if a key stands there twice.
ALTER TABLE :"month" ADD PRIMARY KEY (:"key")
