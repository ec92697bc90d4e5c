-- With the key of its table.
ALTER TABLE :"month" ADD PRIMARY KEY (:"key")
