-- Batch insert of values of any type.
COPY :"table" (:"columns") FROM STDIN
