-- So that readers plan well from the start.
ANALYZE :"month"
