-- All rejects are validated.
DROP TABLE quarantine
